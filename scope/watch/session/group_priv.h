/* Groups of processes, and the probes of their programs. For the files of this folder. */
#ifndef WATCH_SESSION_GROUP_PRIV_H
#define WATCH_SESSION_GROUP_PRIV_H

#include "watch/session/session_priv.h"

/* ---- group.c ---- */

/* Begins to watch the group of the options. The engine is not open yet. */
struct error *group_open(struct session *session);
/* Tells whether the group is a tree of processes. */
bool group_is_tree(const struct session *session);
void group_free(struct group *group); /* NULL is legal */
/* Returns the descriptor of the control group that the engine filters by, or -1. */
int group_cgroup(const struct session *session);
/* Finds the processes that are in the group now, with nothing missed. */
struct error *group_begin(struct session *session);
/* Looks for processes that have come. Call it often. */
struct error *watch_group(struct session *session);
/* Notes that a process of the group has executed a program at time_ns. */
struct error *group_exec(struct session *session, const struct event_removal *exec,
			 uint64_t time_ns);
/* Notes that a process has begun a program whose probes stand. */
void group_begin_seen(struct session *session, pid_t pid);
/* Notes that a process was moved to another control group. */
void group_move(struct session *session);
/* Forgets a process that has ended. */
void group_forget(struct session *session, pid_t pid);
/* Tells whether more processes may come. */
bool group_goes_on(struct session *session);
/* Reports what could not be looked at, and the gaps of files at the end of the run. */
void settle_group(struct session *session);

/* ---- group_tree.c ---- */

struct group_tree;

/* Begins to follow the roots of the group. *ret is to be freed also after an error. Errors (ERROR_TARGET): a root
 * is gone; (ERROR_PERMISSION): the kernel does not tell here who has started whom. */
struct error *group_tree_open(struct session *session, struct group_tree **ret);
void group_tree_free(struct group_tree *tree); /* NULL is legal */
/* Adds the descendants that run already. */
struct error *group_tree_begin(struct session *session);
/* Calls found() for each process of the tree. found() returns false to stop. */
void group_tree_each(struct session *session, bool (*found)(void *ctx, pid_t pid), void *ctx);
/* Tells whether no process of the tree runs any more. */
bool group_tree_is_over(struct session *session);
/* Looks whether the program that a process has executed at exec_ns is Go, and notes its name, which is the
 * kernel's, if it is not. */
struct error *group_tree_look(struct session *session, struct group_tree *tree, pid_t pid,
			      const char *program, uint64_t exec_ns);
/* Tells whether a program of this name is known as one that is not Go. */
bool group_tree_is_foreign(const struct group_tree *tree, const char *program);
/* Notes that a Go program has this name. */
void group_tree_go(struct group_tree *tree, const char *program);
/* Notes that a process has executed a program at exec_ns, and has ended, or executed another one, before it was
 * looked at. If the probes of its program stood, the record of its main function follows. */
struct error *group_tree_miss(struct group_tree *tree, pid_t pid, const char *program,
			      uint64_t exec_ns);
/* Notes that this record has come. */
void group_tree_begins(struct group_tree *tree, pid_t pid);
/* Reports the gaps of what was missed: of process `pid`, and of those for which no record of a main function can
 * follow any more, or with `now` of all. */
void group_tree_settle(struct session *session, struct group_tree *tree, pid_t pid, bool now);

/* ---- program.c ---- */

/* The longest time from the exec of a program to its main function. If no probe has seen that begin by
 * then, it began before the probes were attached. */
#define PROGRAM_BEGIN_NS 2000000000ull

/* Tells in *ret whether a process has Go code. One that has just ended has none. Errors: out of memory. */
struct error *program_is_there(struct session *session, struct target *target, bool *ret);
/* Finds the program of a process. A program that cannot be traced is reported. */
struct error *program_find(struct session *session, struct traced *traced);
/* Places the probes of a program (NULL: of the session's file) for all of its processes, or for process `pid`
 * alone if no lease guards the file. *ret tells whether they stand. */
struct error *program_attach(struct session *session, struct met *met, pid_t pid,
			     enum engine_hold *ret);
/* Places its probes. traced->program is NULL afterwards if that is not possible. */
struct error *program_place(struct session *session, struct traced *traced);
/* Notes that these came late, unless they stood in all its processes at from_ns (0: nothing was missed).
 * `counted`: its hits have counted since then. */
void program_note_late(struct traced *traced, uint64_t from_ns, bool counted, const char *why);
/* Forgets the modules of a process, because it has executed another program. */
void program_leave_modules(struct session *session, struct traced *traced);
/* Forgets the program as well, and removes its probes. */
void program_leave(struct session *session, struct traced *traced);
/* Notes that the main function of a process in the table has begun, by its record. */
void group_begins(struct session *session, struct traced *traced,
		  const struct event_removal *event);
/* Notes when that was. The process has its start record. */
void group_begun(struct traced *traced, uint64_t time_ns);
/* Finds the program that an event is of. NULL: it is the session's file, or no program. */
struct met *program_of_event(const struct session *session, const struct event_removal *event);
/* Takes the program of a process from one of its events. When the process was looked at, it had ended,
 * or had gone on to another program. */
void program_take(struct session *session, struct traced *traced,
		  const struct event_removal *event);
/* Opens a process for the table. If it has ended, its path is that of `met` (NULL: of the session's file). The
 * same holds if must_execute is set and it executes something else. Errors: no free descriptor; out of
 * memory. */
struct error *program_open(struct session *session, pid_t pid, const struct met *met,
			   bool must_execute, struct target **ret);
/* Notes that the probes of a program are gone, which stood in all its processes. */
void group_lost(struct met *met, uint64_t time_ns);
/* Reports the gap of a process, if there is one. `now`: do not wait for its main function to begin. */
void settle_late(struct session *session, struct traced *traced, bool now);
/* Places the probes again of files that were written. Call it often. */
struct error *watch_programs(struct session *session);
/* Reports the gaps of those that were not placed again. */
void settle_programs(struct session *session);

#endif
