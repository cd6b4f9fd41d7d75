/* Watches a group of processes: all Go programs in it, whatever their files are. No file is that of the
 * session. Each program is a module of the engine, as plugins are, and has its probes in all processes of
 * its file if a lease guards the file. The kernel decides which of their hits count. Thus a process
 * that starts later is watched from its beginning. Where no lease can be had, or the file is new, a
 * process gets its probes when its exec is reported; what it did before is a gap. */
#include "watch/session/follow_priv.h"
#include "watch/session/group_priv.h"
#include "watch/session/modules_priv.h"
#include "base/clock.h"
#include "base/lockdown.h"
#include "tophash/map.h"

#include <stdio.h>

/* Processes that come without an exec are looked for this often: they were moved into the group. Most moves
 * are reported, and these are the others. A look that takes long has a longer rest, this many times
 * as long. */
#define LOOK_NS 100000000ull
enum { LOOK_REST = 20 };
/* A process without Go code is looked at again: it may have loaded a library. */
#define AGAIN_NS 1000000000ull
/* Looks at the beginning, until no process is new. Each may have started others. */
enum { FIRST_LOOKS = 8 };
/* Looks after a move, because others of the same burst are not reported. */
enum { LOOKS_AFTER_MOVE = 2 };

/* A process of the group. */
struct member {
	bool go;	    /* it is in the table of processes */
	bool hidden;	    /* it may not be looked at, which was reported */
	uint64_t looked_ns; /* without Go code: when it was last looked at */
	uint64_t turn;	    /* the last look that found it in the group */
};

TOPHASH_MAP(members, uint32_t, struct member);

struct group {
	const struct session_group *of;
	struct members members;
	uint64_t turn;		 /* number of the look */
	uint64_t since_ns;	 /* when the last look began; 0: there was none */
	uint64_t next_ns;	 /* time of the next look */
	unsigned soon;		 /* looks that are due at once */
	uint64_t asked_ns;	 /* before the present process was looked at */
	bool grown;		 /* this look has found a new process */
	bool over;		 /* no process will come any more */
	uint64_t unseen;	 /* programs that were gone before they could be looked at */
	struct group_tree *tree; /* of->roots_n */
};

/* ---- open ---- */

struct error *group_open(struct session *session)
{
	const struct session_group *of = session->options.group;

	session->group = calloc(1, sizeof(*session->group));
	if (!session->group)
		return error_nomem();
	session->group->of = of;
	if (session->options.look_only)
		return NULL;
	try(engine_check(session->options.engine));
	if (of->roots_n)
		return group_tree_open(session, &session->group->tree);
	if (of->users)
		return lockdown_check(of->name);
	if (of->cgroup >= 0)
		return NULL;
	try(tree_new(&session->tree));
	if (tree_has_pids(session->tree))
		return NULL;
	return error_new(ERROR_PERMISSION,
			 "%s: tophash is in a pid namespace of its own, and this kernel cannot "
			 "filter by it there: run tophash in the initial one (--pid=host, hostPID)",
			 of->name);
}

bool group_is_tree(const struct session *session)
{
	return session->group && session->group->tree;
}

void group_free(struct group *group)
{
	if (!group)
		return;
	members_fini(&group->members);
	group_tree_free(group->tree);
	free(group);
}

int group_cgroup(const struct session *session)
{
	return session->group ? session->group->of->cgroup : -1;
}

/* ---- one process ---- */

/* Lets the hits of a process count. Returns whether they did already. */
static bool let_count(struct session *session, pid_t pid)
{
	uint64_t time_ns;

	if (!session->tree || session->group->tree || tree_has(session->tree, pid, &time_ns))
		return true;
	tree_add(session->tree, pid);
	return false;
}

static struct error *note_member(struct group *group, pid_t pid, bool go, bool hidden)
{
	struct member member = {
		.go = go, .hidden = hidden, .looked_ns = now_ns(), .turn = group->turn};

	return members_put(&group->members, (uint32_t)pid, member) < 0 ? error_nomem() : NULL;
}

/* Opens a process of the group. *ret is NULL if it has ended, is a kernel thread, or may not be looked at
 * (*ret_hidden), which is reported once. */
static struct error *open_member(struct session *session, pid_t pid, bool *ret_hidden,
				 struct target **ret)
{
	const struct member *known = members_find(&session->group->members, (uint32_t)pid);
	struct error *err = process_open(pid, ret);
	struct process_status status;

	*ret_hidden = false;
	if (!err)
		return NULL;
	*ret = NULL;
	if (err->code == ERROR_FAILED || err == error_nomem())
		return err;
	*ret_hidden = err->code == ERROR_PERMISSION;
	if (*ret_hidden && !(known && known->hidden))
		session_notice(session, SESSION_WARNING, "process %d is not watched: %s", (int)pid,
			       err->text);
	if (!*ret_hidden && !process_status(pid, &status))
		session->group->unseen++;
	error_free(err);
	return NULL;
}

/* Places the probes of a process that is new, or has executed a program. Its start record comes with the
 * record of its main function, if probes stood by then. By now the process may execute another program
 * than the one that this record will tell of. In other cases the start record comes at the next turn,
 * when all earlier records were taken out. At the beginning of the run it comes at once. */
static struct error *begin_member(struct session *session, struct traced *traced, uint64_t from_ns,
				  bool counted, const char *why)
{
	traced->begun_ns = session->group->asked_ns;
	traced->former_ns = 0;
	try(program_find(session, traced));
	traced->found_ns = now_ns();
	if (!traced->program)
		return NULL;
	try(program_place(session, traced));
	program_note_late(traced, from_ns, counted, why);
	traced->looked_ns = from_ns;
	try(meet_modules(session, traced));
	traced->start_due_ns = now_ns() + (traced->late_ns ? 0 : PROGRAM_BEGIN_NS);
	if (from_ns)
		return NULL;
	notice_stopped(session, traced->target);
	emit_start_once(session, traced, NULL);
	return NULL;
}

/* Emits the start record of a process, and reports its gap, when they are due. */
static void settle_member(struct session *session, struct traced *traced)
{
	if (!traced->started && traced->start_due_ns && now_ns() >= traced->start_due_ns)
		emit_start_once(session, traced, NULL);
	if (traced->started)
		settle_late(session, traced, false);
}

/* Looks at a process that is not in the table. What it did since from_ns may have been missed (0: nothing
 * was). */
static struct error *look_at(struct session *session, pid_t pid, uint64_t from_ns, bool counted,
			     const char *why)
{
	cleanup(target_close) struct target *target = NULL;
	bool go = false, hidden;

	try(open_member(session, pid, &hidden, &target));
	if (target)
		try(program_is_there(session, target, &go));
	try(note_member(session->group, pid, go, hidden));
	if (!go)
		return NULL;
	session->group->grown = true;
	target_drop_exe(target);
	try(add_process(session, take_ptr(target)));
	return begin_member(session, &session->processes.data[session->processes.len - 1], from_ns,
			    counted, why);
}

/* ---- the group ---- */

static struct error *take_member(struct session *session, pid_t pid)
{
	struct group *group = session->group;
	struct member *known = members_find(&group->members, (uint32_t)pid);
	struct traced *traced = known ? NULL : find_process(session, pid);
	uint64_t from_ns = group->since_ns;
	bool counted = let_count(session, pid);

	group->asked_ns = now_ns();
	if (known) {
		known->turn = group->turn;
		if (known->go || now_ns() - known->looked_ns < AGAIN_NS)
			return NULL;
		from_ns = known->looked_ns;
	}
	if (!traced)
		return look_at(session, pid, from_ns, counted, "child");
	/* It is back, or one of its records came before this look. */
	if (!counted && from_ns)
		session_gap(session, pid, from_ns, now_ns(), "child");
	return note_member(group, pid, true, false);
}

static bool on_member(void *ctx, pid_t pid)
{
	struct session *session = ctx;

	if (pid != getpid())
		session->failed = take_member(session, pid);
	return !session->failed;
}

/* Forgets the processes that were not in this look. Hits of those that run on elsewhere count no more. */
static void forget_others(struct session *session)
{
	struct group *group = session->group;

	TOPHASH_EACH(members, it, &group->members) {
		if (it.val.turn == group->turn)
			continue;
		if (session->tree)
			tree_remove(session->tree, (pid_t)it.key);
		members_delete(&group->members, it.key);
	}
}

static struct error *look(struct session *session)
{
	struct group *group = session->group;
	uint64_t begin_ns = now_ns(), end_ns, rest_ns;

	group->turn++;
	group->grown = false;
	if (group->tree)
		group_tree_each(session, on_member, session);
	else
		try(group->of->each(group->of->ctx, on_member, session));
	if (session->failed)
		return take_ptr(session->failed);
	forget_others(session);
	group->since_ns = begin_ns;
	end_ns = now_ns();
	rest_ns = (end_ns - begin_ns) * LOOK_REST;
	group->next_ns = end_ns + (rest_ns > LOOK_NS ? rest_ns : LOOK_NS);
	group->over =
		group->tree ? group_tree_is_over(session) : group->of->is_over(group->of->ctx);
	return NULL;
}

struct error *group_begin(struct session *session)
{
	struct group *group = session->group;

	if (group->tree)
		try(group_tree_begin(session));
	for (int i = 0; i < FIRST_LOOKS; i++) {
		group->since_ns = 0; /* nothing is missed before the run begins */
		try(look(session));
		if (!group->grown)
			break;
	}
	if (!session->processes.len)
		session_notice(session, SESSION_INFO, "waiting for a Go program of %s to start",
			       group->of->name);
	return NULL;
}

struct error *watch_group(struct session *session)
{
	struct group *group = session->group;

	if (!group || session->stopping)
		return NULL;
	vec_each(traced, &session->processes)
		if (!traced->ended)
			settle_member(session, traced);
	try(watch_programs(session));
	if (group->tree)
		group_tree_settle(session, group->tree, 0, false);
	if (!group->soon && now_ns() < group->next_ns)
		return NULL;
	if (group->soon)
		group->soon--;
	return look(session);
}

void group_move(struct session *session)
{
	if (session->group)
		session->group->soon = LOOKS_AFTER_MOVE;
}

/* Tells whether a process of a tree has ended, or executed another program, since this exec. */
static bool is_past(struct session *session, struct traced *traced, pid_t pid, uint64_t time_ns)
{
	return session->group->tree &&
	       ((traced && is_ending(traced)) || !is_last_exec(session, pid, time_ns));
}

/* Looks at a process that has executed a program, and is not in the table. */
static struct error *look_at_program(struct session *session, const struct event_removal *exec,
				     uint64_t time_ns)
{
	struct group *group = session->group;
	pid_t pid = (pid_t)exec->pid;
	const struct member *member;

	try(look_at(session, pid, time_ns, true, group->tree ? "child" : "exec"));
	member = members_find(&group->members, (uint32_t)pid);
	if (group->tree && member && member->go)
		group_tree_go(group->tree, exec->func);
	if (!group->tree || !member || member->go || member->hidden)
		return NULL;
	try(group_tree_look(session, group->tree, pid, exec->func, time_ns));
	return is_past(session, NULL, pid, time_ns)
		       ? group_tree_miss(group->tree, pid, exec->func, time_ns)
		       : NULL;
}

/* Reports what a process has missed that has executed another program at time_ns. Its former program may not have
 * been looked at: it was found when it might have been that other one already. Nothing is missed if it is known as a
 * program that is not Go. */
static void settle_former(struct session *session, struct traced *traced, uint64_t time_ns)
{
	const struct group_tree *tree = session->group->tree;
	bool passed = !traced->late_ns && traced->former_ns && time_ns <= traced->found_ns &&
		      !(tree && group_tree_is_foreign(tree, traced->former));

	if (passed && !tree) {
		session->group->unseen++;
	} else if (passed) {
		traced->late_ns = traced->former_ns;
		traced->placed_ns = time_ns;
		traced->late_why = "child";
	}
	traced->former_ns = 0;
	if (time_ns >= traced->begun_ns)
		settle_late(session, traced, true);
}

/* Makes the table show what a process has executed, which was in it before. */
static struct error *begin_again(struct session *session, struct traced *traced, uint64_t time_ns)
{
	session_forget(session, traced->target->pid);
	program_leave(session, traced);
	traced->started = false;
	traced->start_due_ns = 0;
	session->last_pid = 0;
	return begin_member(session, traced, time_ns, true,
			    session->group->tree ? "child" : "exec");
}

/* Notes what came of a look at a process that has executed a program at time_ns. It may have ended before its program
 * was found, or its probes stood. */
static struct error *note_looked_at(struct session *session, const struct event_removal *exec,
				    uint64_t time_ns)
{
	struct group *group = session->group;
	struct traced *traced = find_process(session, (pid_t)exec->pid);

	if (!traced)
		return NULL;
	traced->former_ns = time_ns;
	snprintf(traced->former, sizeof(traced->former), "%s", exec->func);
	if (traced->program || !is_ending(traced))
		return NULL;
	if (group->tree)
		return group_tree_miss(group->tree, (pid_t)exec->pid, exec->func, time_ns);
	group->unseen++;
	return NULL;
}

struct error *group_exec(struct session *session, const struct event_removal *exec,
			 uint64_t time_ns)
{
	struct group *group = session->group;
	pid_t pid = (pid_t)exec->pid;
	struct traced *traced = find_process(session, pid);

	group->asked_ns = now_ns();
	if (group->tree)
		group_tree_settle(session, group->tree, pid, false);
	if (traced)
		settle_former(session, traced, time_ns);
	if (is_past(session, traced, pid, time_ns))
		return group_tree_miss(group->tree, pid, exec->func, time_ns);
	if (!traced)
		try(look_at_program(session, exec, time_ns));
	else if (time_ns >= traced->begun_ns) /* otherwise the table has it, or something later */
		try(begin_again(session, traced, time_ns));
	return note_looked_at(session, exec, time_ns);
}

void group_begin_seen(struct session *session, pid_t pid)
{
	if (session->group && session->group->tree)
		group_tree_begins(session->group->tree, pid);
}

void group_forget(struct session *session, pid_t pid)
{
	members_delete(&session->group->members, (uint32_t)pid);
}

bool group_goes_on(struct session *session)
{
	return session->group && !session->group->over;
}

void settle_group(struct session *session)
{
	if (!session->group)
		return;
	settle_programs(session);
	if (session->group->tree)
		group_tree_settle(session, session->group->tree, 0, true);
	if (session->group->unseen && !session->group->tree)
		session_notice(session, SESSION_INFO,
			       "%llu programs of %s were gone before tophash could see whether "
			       "they have Go code",
			       (unsigned long long)session->group->unseen,
			       session->group->of->name);
}
