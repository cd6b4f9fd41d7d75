/* Follows the children of the traced process that execute the same file. */
#include "watch/session/follow_priv.h"
#include "base/clock.h"

#include <stdio.h>
#include <sys/stat.h>

/* A process of the tree that was forked, or has executed a program, less than this ago may still
 * execute the file. A daemon that a shell starts does so. */
#define ON_ITS_WAY_NS 1000000000ull

bool has_many(const struct session *session)
{
	return session->options.binary || session->group || session->several || session->tree;
}

bool runs_file(const struct session *session, pid_t pid)
{
	cleanup(mappings_fini) struct mappings mappings = {0};
	struct stat own, other;

	if (fstat(session->exe, &own) < 0)
		return false;
	if (session->placements.build != GO_BUILD_PROGRAM) {
		error_free(mappings_read(pid, &mappings));
		vec_each(mapping, &mappings.list)
			if (mapping->executable && mapping->file.inode == own.st_ino)
				return true;
		return false;
	}
	return process_exe_stat(pid, &other) && own.st_ino == other.st_ino &&
	       own.st_dev == other.st_dev;
}

/* ---- the beginning ---- */

struct error *follow_begin(struct session *session)
{
	struct error *err;

	if (session->options.follow == SESSION_FOLLOW_NONE || session->tree)
		return NULL;
	err = tree_new(&session->tree);
	if (!err)
		return NULL;
	session_notice(session, SESSION_WARNING, "children are not followed: %s", err->text);
	error_free(err);
	return NULL;
}

void follow_root(struct session *session, pid_t pid)
{
	if (session->tree)
		tree_set_root(session->tree, pid);
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* Tells whether a process of `all` is not in `family`, which is sorted here. */
static bool has_others(struct pids *family, const struct pids *all)
{
	qsort(family->list.data, family->list.len, sizeof(pid_t), compare_pids);
	vec_each(pid, &all->list)
		if (!bsearch(pid, family->list.data, family->list.len, sizeof(pid_t), compare_pids))
			return true;
	return false;
}

/* Tells why the tree does not know the children of -p. Returns NULL if it does. */
static const char *why_unknown(const struct session *session, const struct pids *family)
{
	struct process_status status;

	if (tree_has_pids(session->tree))
		return NULL;
	if (family->list.len > 1)
		return "tophash is in a pid namespace, and there are some already";
	if (process_status(session->processes.data[0].target->pid, &status) && status.pids_n > 1)
		return "the process is in a pid namespace below that of tophash";
	return NULL;
}

/* Decides how the children of -p are followed, by the tree and all processes that execute the file. */
static void choose_way(struct session *session, struct pids *family, const struct pids *all)
{
	bool strangers = has_others(family, all);
	const char *why = why_unknown(session, family);

	if (why) {
		tree_free(take_ptr(session->tree));
		session_notice(session, SESSION_INFO,
			       "children will not be traced, because %s (to see all: -b)", why);
	} else if (session->options.follow == SESSION_FOLLOW_SAME && strangers &&
		   is_crowd(session)) {
		tell_crowd(session);
	} else if (session->options.follow == SESSION_FOLLOW_SAME && strangers) {
		session->narrow = true;
		session_notice(session, SESSION_INFO,
			       "other processes execute %s: each child gets probes when it has "
			       "executed it, and what it removes before is a gap (to see all: "
			       "--follow=exact, or -b)",
			       image_name(session->image));
	}
}

struct error *follow_chosen(struct session *session)
{
	struct pids family = {0}, relatives = {0};
	struct error *err;
	struct stat st;

	if (session->placements.build != GO_BUILD_PROGRAM || fstat(session->exe, &st) < 0)
		return NULL;
	try(follow_begin(session));
	if (!session->tree)
		return NULL;
	follow_root(session, session->processes.data[0].target->pid);
	vec_each(traced, &session->processes)
		pids_add(&family, traced->target->pid);
	family_find(session, &family);
	err = process_scan(st.st_dev, st.st_ino, pids_add, &relatives);
	if (!err && (family.nomem || relatives.nomem))
		err = error_nomem();
	if (!err)
		choose_way(session, &family, &relatives);
	vec_fini(&family.list);
	vec_fini(&relatives.list);
	if (!err && session->tree && session->met.len)
		session_notice(
			session, SESSION_INFO,
			"only children that execute %s will be traced (to see all of another "
			"program: -b)",
			image_name(session->image));
	return err;
}

/* Adds the descendants that were there before the trace to the table. */
static bool on_descendant(void *ctx, pid_t pid, uint64_t time_ns)
{
	struct session *session = ctx;

	(void)time_ns;
	if (!tree_has_pids(session->tree) || !runs_file(session, pid))
		return true;
	session->failed = session->narrow ? narrow_find(session, pid)
					  : find_or_add_process(session, pid, NULL, 0);
	return !session->failed;
}

struct error *follow_descendants(struct session *session)
{
	if (session->tree)
		tree_each(session->tree, on_descendant, session);
	return take_ptr(session->failed);
}

/* ---- the end ---- */

struct remaining {
	struct session *session;
	uint64_t now_ns;
	bool found;
};

static bool on_remaining(void *ctx, pid_t pid, uint64_t time_ns)
{
	struct remaining *remaining = ctx;
	struct session *session = remaining->session;
	bool young = remaining->now_ns < time_ns + ON_ITS_WAY_NS;

	if (!tree_has_pids(session->tree)) /* the table may have it: its age must do */
		remaining->found = young;
	else
		remaining->found =
			(young && process_runs(pid)) || (!session->all && runs_file(session, pid));
	return !remaining->found;
}

bool follow_goes_on(struct session *session)
{
	struct remaining remaining = {.session = session, .now_ns = now_ns()};

	if (session->tree)
		tree_each(session->tree, on_remaining, &remaining);
	return remaining.found;
}

void follow_settle(struct session *session)
{
	uint64_t missed = session->tree ? tree_missed(session->tree) : 0;

	if (!missed)
		return;
	session->gaps += missed;
	session_notice(session, SESSION_WARNING,
		       "%llu processes were not followed, because too many ran at the same "
		       "time",
		       (unsigned long long)missed);
}

void settle_news(struct session *session)
{
	uint32_t lost = engine_news_lost(session->engine);

	if (!lost)
		return;
	session->gaps += lost;
	session_notice(session, SESSION_WARNING,
		       "%u starts of programs were not noticed, because tophash could not run for "
		       "a time: what they removed may have been missed",
		       lost);
}
