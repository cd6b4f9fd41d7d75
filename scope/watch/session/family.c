/* The family of the chosen processes: they, and what they have started before the trace. It is read from /proc while
 * it changes. */
#include "watch/session/follow_priv.h"
#include "base/clock.h"
#include "tophash/map.h"

/* Processes whose end is told one by one. */
enum { TOLD_MAX = 8 };
/* Looks at the whole family. */
enum { LOOKS_MAX = 16 };
/* Processes between a chosen one and the first of all. */
enum { ANCESTORS_MAX = 64 };
/* More processes than this are not looked at. */
enum { PIDS_MAX = 1 << 20 };

struct relative {
	uint64_t started; /* as process_started(); if it was gone by then, that of its parent */
	bool late;  /* it had ended before it was found, and its children have other parents */
	bool gone;  /* it has ended before its children were known */
	bool added; /* to the tree, or there was no room */
};

TOPHASH_MAP(relatives, uint32_t, struct relative);
TOPHASH_SET(reapers, uint32_t);

struct family {
	struct session *session;
	struct pids *pids;
	struct relatives relatives; /* those in `pids` */
	struct reapers reapers;	    /* who may become the parent of an orphan */
	bool any_reaper;	    /* they are not all known, and everybody may */
	uint64_t parent_started;    /* of the process whose children are read */
	bool grown;		    /* this look has found another process */
};

bool pids_add(void *ctx, pid_t pid)
{
	struct pids *pids = ctx;

	pids->nomem |= pids->list.len >= PIDS_MAX || !vec_push(&pids->list, pid);
	return !pids->nomem;
}

/* ---- the looks ---- */

static void note_relative(struct family *family, pid_t pid)
{
	struct relative relative = {.started = family->parent_started};
	uint64_t started;

	if (process_started(pid, &started)) {
		relative.started = started;
		relative.late = !process_runs(pid);
	}
	family->pids->nomem |= relatives_put(&family->relatives, (uint32_t)pid, relative) < 0;
}

static bool on_child(void *ctx, pid_t pid)
{
	struct family *family = ctx;

	if (relatives_find(&family->relatives, (uint32_t)pid))
		return true;
	family->grown = true;
	note_relative(family, pid);
	return pids_add(family->pids, pid);
}

/* Looks for the children of a process. It is in the tree before that, which therefore has those that it makes
 * meanwhile. If it still runs afterwards, no child that it had before has got another parent. */
static void look_at(struct family *family, pid_t pid)
{
	struct relative *relative = relatives_find(&family->relatives, (uint32_t)pid);

	if (!relative || relative->gone)
		return;
	if (!relative->added)
		tree_add(family->session->tree, pid);
	relative->added = true;
	family->parent_started = relative->started;
	process_children(pid, on_child, family);
	relative = relatives_find(&family->relatives, (uint32_t)pid);
	if (relative && !relative->late && !process_runs(pid))
		relative->gone = true;
}

/* Looks until nobody is new, and twice at least: an orphan may be found as a child of a process of the family, and the
 * kernel may leave out a child while another one ends (proc_pid_task(5)). */
static void look(struct family *family)
{
	for (int i = 0; i < LOOKS_MAX; i++) {
		family->grown = false;
		for (size_t at = 0; at < family->pids->list.len && !family->pids->nomem; at++)
			look_at(family, family->pids->list.data[at]);
		if (i && !family->grown)
			return;
	}
}

/* ---- orphans ---- */

/* Collects those who may become the parent of an orphan of a chosen process: the kernel takes an ancestor (reaper), or the
 * first process of all. */
static void find_reapers(struct family *family, pid_t pid)
{
	struct process_status status;

	for (int i = 0; i < ANCESTORS_MAX; i++) {
		int added;

		if (!process_status(pid, &status))
			break;
		if (status.parent <= 0)
			return;
		pid = status.parent;
		added = reapers_add(&family->reapers, (uint32_t)pid);
		if (added < 0)
			break;
		if (!added) /* and those above it */
			return;
	}
	family->any_reaper = true;
}

struct orphans {
	const struct family *family;
	/* the latest start of a process that may be an orphan of the family; 0: there is none */
	uint64_t latest;
};

static bool may_be_orphan(const struct family *family, pid_t pid)
{
	struct process_status status;

	if (pid == getpid() || relatives_find(&family->relatives, (uint32_t)pid) ||
	    reapers_has(&family->reapers, (uint32_t)pid) || !process_status(pid, &status))
		return false;
	return family->any_reaper || status.parent == 1 ||
	       reapers_has(&family->reapers, (uint32_t)status.parent);
}

static bool on_process(void *ctx, pid_t pid)
{
	struct orphans *orphans = ctx;
	uint64_t started;

	if (may_be_orphan(orphans->family, pid) && process_started(pid, &started) &&
	    started > orphans->latest)
		orphans->latest = started;
	return true;
}

/* Notes the processes that have ended before their children were known, unless no process that runs can be a child of
 * theirs: none that has begun later has got another parent. */
static void note_gone(struct family *family)
{
	struct orphans orphans = {.family = family};
	bool searched = false;

	TOPHASH_EACH(relatives, it, &family->relatives) {
		if (!it.val.gone)
			continue;
		if (!searched) {
			error_free(process_each(on_process, &orphans));
			searched = true;
		}
		if (orphans.latest >= it.val.started)
			vec_push(&family->session->gone, (pid_t)it.key);
	}
}

void family_find(struct session *session, struct pids *pids)
{
	struct family family = {.session = session, .pids = pids};

	session->family_ns = now_ns();
	for (size_t i = 0; i < pids->list.len; i++)
		find_reapers(&family, pids->list.data[i]);
	for (size_t i = 0; i < pids->list.len; i++)
		note_relative(&family, pids->list.data[i]);
	look(&family);
	note_gone(&family);
	relatives_fini(&family.relatives);
	reapers_fini(&family.reapers);
}

void family_tell(struct session *session)
{
	uint64_t time_ns = now_ns();
	size_t n = 0;

	vec_each(pid, &session->gone) {
		session_gap(session, *pid, session->family_ns, time_ns, "child");
		if (++n <= TOLD_MAX)
			session_notice(
				session, SESSION_WARNING,
				"process %d ended while its children were looked for: if it has "
				"left some, they are not traced",
				(int)*pid);
	}
	if (n > TOLD_MAX)
		session_notice(
			session, SESSION_WARNING,
			"%zu processes ended while their children were looked for: each is a "
			"gap",
			n);
	vec_fini(&session->gone);
}
