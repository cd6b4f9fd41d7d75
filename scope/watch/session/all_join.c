/* --follow=all with -p: every Go program of the tree of processes that run already, which are never stopped. The
 * kernel reports the execs in the tree. A program that this run has not met gets its probes as soon as that is
 * possible, and is a gap unless its main function begins later. Later executions of its file meet the probes, if a
 * lease guards it. */
#include "watch/session/session_priv.h"
#include "base/clock.h"

#include <stdio.h>

/* Names that are remembered. If there are more, all are forgotten. */
enum { NAMES_MAX = 4096 };
/* Processes that were missed and are told about one by one. */
enum { MISSED_SHOWN = 8 };

/* The kernel's name of a program. */
struct name {
	char text[WIRE_COMM];
};

/* A process that has ended, or executed something else, before it was looked at. */
struct missed {
	pid_t pid;
	uint64_t exec_ns, noted_ns;
	struct name name;
};

struct joined {
	VEC(struct name) foreign; /* programs that are not Go */
	VEC(struct missed) missed;
	unsigned missed_told; /* messages about them */
};

void joined_free(struct joined *joined)
{
	if (!joined)
		return;
	vec_fini(&joined->foreign);
	vec_fini(&joined->missed);
	free(joined);
}

static struct joined *get_joined(struct session *session)
{
	struct joined **joined = all_joined(session->all);

	if (!*joined)
		*joined = calloc(1, sizeof(**joined));
	return *joined;
}

static bool is_foreign(const struct joined *joined, const struct name *name)
{
	vec_each(at, &joined->foreign)
		if (!strcmp(at->text, name->text))
			return true;
	return false;
}

static void note_foreign(struct joined *joined, const struct name *name)
{
	if (is_foreign(joined, name))
		return;
	if (joined->foreign.len >= NAMES_MAX)
		joined->foreign.len = 0;
	vec_push(&joined->foreign, *name); /* if memory is out, there may be a gap too many */
}

/* ---- what was missed ---- */

/* Keeps a process that went on before it was looked at. If the probes of its program stood, the record of its main
 * function follows. */
static struct error *miss(struct joined *joined, pid_t pid, const struct name *name,
			  uint64_t exec_ns)
{
	struct missed missed = {pid, exec_ns, now_ns(), *name};

	return vec_push(&joined->missed, missed) ? NULL : error_nomem();
}

/* Reports it, unless its program is known as one that is not Go. */
static void tell_missed(struct session *session, struct joined *joined, const struct missed *missed)
{
	if (is_foreign(joined, &missed->name))
		return;
	session_gap(session, missed->pid, missed->exec_ns, missed->noted_ns, "child");
	if (++joined->missed_told <= MISSED_SHOWN)
		session_notice(
			session, SESSION_WARNING,
			"process %d has executed %s, and went on before it was looked at: if "
			"that is a Go program, its removals were missed",
			(int)missed->pid, missed->name.text);
	else if (joined->missed_told == MISSED_SHOWN + 1)
		session_notice(session, SESSION_WARNING,
			       "more processes went on before they were looked at; each is a gap");
}

void all_settle_missed(struct session *session, pid_t pid, bool now)
{
	struct joined *joined = session->all ? *all_joined(session->all) : NULL;
	uint64_t time_ns = now_ns();
	size_t kept = 0;

	if (!joined)
		return;
	vec_each(at, &joined->missed) {
		if (now || at->pid == pid || time_ns > at->noted_ns + PROGRAM_BEGIN_NS)
			tell_missed(session, joined, at);
		else
			joined->missed.data[kept++] = *at;
	}
	joined->missed.len = kept;
}

void all_begins(struct session *session, pid_t pid)
{
	struct joined *joined = session->all ? *all_joined(session->all) : NULL;
	size_t kept = 0;

	if (!joined)
		return;
	vec_each(at, &joined->missed)
		if (at->pid != pid)
			joined->missed.data[kept++] = *at;
	joined->missed.len = kept;
}

/* ---- what is met ---- */

/* Places the probes of a Go program that a process has executed at time_ns (0: before this run), and brings it
 * into the table. */
static struct error *take(struct session *session, struct target **target, uint64_t time_ns)
{
	struct pursuit_held held = {.pid = (*target)->pid,
				    .moment = PURSUIT_EXEC,
				    .since_ns = time_ns ? time_ns : now_ns()};
	struct traced *traced;

	try(all_meet_program(session, &held, target));
	traced = find_process(session, held.pid);
	if (!traced || !time_ns)
		return NULL;
	traced->executed_ns = time_ns;
	traced->awaited = traced->child = true;
	traced->placed_ns = now_ns();
	return NULL;
}

struct error *all_find(struct session *session, pid_t pid)
{
	cleanup(target_close) struct target *target = NULL;
	struct file_version version;
	struct error *err;
	bool go;

	if (find_process(session, pid))
		return NULL;
	err = process_open(pid, &target);
	if (err || !file_version_read(target->exe, &version)) {
		error_free(err); /* it has ended */
		return NULL;
	}
	try(all_is_go(session->all, target, &version, &go));
	return go ? take(session, &target, 0) : NULL;
}

struct error *all_executes(struct session *session, const struct event_removal *exec,
			   uint64_t time_ns)
{
	cleanup(target_close) struct target *target = NULL;
	struct joined *joined = get_joined(session);
	pid_t pid = (pid_t)exec->pid;
	struct traced *former = find_process(session, pid);
	struct name name = {""};
	struct file_version version;
	struct error *err;
	bool go;

	if (!joined)
		return error_nomem();
	snprintf(name.text, sizeof(name.text), "%s", exec->func);
	if (former && former->executed_ns)
		settle_exec(session, former); /* for the exec before */
	all_settle_missed(session, pid, false);
	err = process_open(pid, &target);
	if (err || (former && has_ended(former)) || !is_last_exec(session, pid, time_ns) ||
	    !file_version_read(target->exe, &version)) {
		error_free(err);
		return miss(joined, pid, &name, time_ns);
	}
	try(all_is_go(session->all, target, &version, &go));
	if (!go)
		note_foreign(joined, &name);
	/* If its probes stand, the record of its main function tells of it. */
	return go && !all_stood(session->all, &version, time_ns) ? take(session, &target, time_ns)
								 : NULL;
}
