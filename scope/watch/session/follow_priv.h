/* The processes that a session follows: chosen ones, and what they start. For the files of this folder. */
#ifndef WATCH_SESSION_FOLLOW_PRIV_H
#define WATCH_SESSION_FOLLOW_PRIV_H

#include "watch/session/session_priv.h"

/* ---- chosen.c ---- */

/* Opens the chosen processes, and the file of the first that can be traced. If there are several, the
 * others have their files in session->met. Errors: a process that was named cannot be traced. */
struct error *chosen_open(struct session *session);
/* Places the probes in all chosen processes that have not ended. */
struct error *chosen_place(struct session *session, enum engine_hold *ret);
/* Emits the start records. */
void chosen_begin(struct session *session);
/* Notes that one of them has executed a program, at time_ns. */
struct error *chosen_executes(struct session *session, pid_t pid, uint64_t time_ns);
/* Notes that it has begun. */
void chosen_begins(struct traced *traced, uint64_t time_ns);
/* Reports the gap after an exec of one process that no begin has followed. */
void settle_exec(struct session *session, struct traced *traced);
/* Reports the gaps of all such execs. Waits until that is certain, unless `now` is
 * set. */
void chosen_settle(struct session *session, bool now);

/* ---- others.c: programs besides the session's file, whose probes are for all of their processes ---- */

/* Finds the program of a file, or opens it. exe: borrowed. *ret is NULL for the session's file. Errors: out
 * of memory. */
struct error *others_get(struct session *session, int exe, const char *path, struct met **ret);
/* Places the probes of a program (NULL: of the session's file) for all of its processes, or for process
 * `pid` alone if no lease guards the file. *ret tells whether they stand. */
struct error *others_place(struct session *session, struct met *met, pid_t pid,
			   enum engine_hold *ret);
/* Notes the programs whose probes are gone, because their files were opened for writing. */
void watch_others(struct session *session);
/* Makes the table show that a process executes a program (NULL: the session's file) from now on. Emits its
 * start record; `event` is as for emit_start_once(). Owns target. */
struct error *others_begin(struct session *session, struct target *target, struct met *met,
			   const struct event_removal *event);

/* Notes that a process has begun a program whose probes stand. `event` is its first record. */
struct error *others_started(struct session *session, const struct event_removal *event);
/* Traces the file that has the path of -b now, beside the former ones. Reports it, or why not. The path led to
 * another file at from_ns. */
struct error *others_replace(struct session *session, const char *path, uint64_t from_ns);
/* Looks for processes of those files on which no lease can be had. Call it often. */
struct error *others_look(struct session *session);

/* ---- all.c: --follow=all ---- */

struct all;

struct error *all_open(struct session *session);
void all_free(struct all *all); /* NULL is legal */
/* Notes whether the probes of a file stand in all of its processes. Does nothing without --follow=all. */
void all_stands(struct session *session, const struct file_version *version, bool stands);
/* Tells that a process runs and could not be looked at when it made a thread, once. What it has loaded is not known, which is
 * a gap until the end of the run. Only the thread of the pursuit calls this. Frees err. */
void judge_unread(struct session *session, pid_t pid, struct error *err);

/* Decides about a process with --follow=all: see judge_process(). */
enum pursuit_verdict all_judge(struct session *session, pid_t pid, enum pursuit_moment moment);
/* Places the probes in the processes that wait, and lets them run. */
struct error *all_meet(struct session *session);
/* Reports the gaps of programs that have waited too long for their probes, and that all_meet() has not
 * met before the run has ended. */
void all_settle(struct session *session);

/* ---- family.c ---- */

/* A list of processes. */
struct pids {
	VEC(pid_t) list;
	bool nomem;
};

/* Adds a process to a struct pids, which is ctx. Returns false if memory is out, or the list is too long. */
bool pids_add(void *ctx, pid_t pid);
/* Adds the processes of a list, and their descendants that run already, to the tree, and the descendants to the
 * list. session->gone gets those that have ended meanwhile, and may have left children. */
void family_find(struct session *session, struct pids *pids);
/* Reports them, each as a gap. */
void family_tell(struct session *session);

/* ---- follow.c ---- */

/* Returns the capabilities that a run keeps to look at processes. */
uint64_t kept_rights(void);
/* Tells whether processes of a program may have other modules that are to be watched. */
bool may_have_modules(const struct session *session, const struct image *program);
/* Tells whether the session may have several processes. */
bool has_many(const struct session *session);
/* Begins to follow children, as the options say. A failure is reported, and nothing is followed then. */
struct error *follow_begin(struct session *session);
/* Sets the process whose descendants are followed. */
void follow_root(struct session *session, pid_t pid);
/* Follows the children of the chosen processes, if all processes that execute the file are
 * descendants of these. */
struct error *follow_chosen(struct session *session);
/* Adds the descendants that run already to the table of processes. */
struct error *follow_descendants(struct session *session);
/* Tells, when all processes in the table have ended, whether another one executes the file, or soon may. */
bool follow_goes_on(struct session *session);
/* Tells whether a process executes the file of the session now, or has loaded it if it is a library. */
bool runs_file(const struct session *session, pid_t pid);
/* Reports what could not be followed. */
void follow_settle(struct session *session);
/* Counts the starts and execs that the engine could not report as gaps. */
void settle_news(struct session *session);

/* ---- narrow.c ---- */

/* Tells whether the traced processes of the session's file are too many to have probes of their own. Once that
 * was told, it stays. */
bool is_crowd(const struct session *session);
void tell_crowd(struct session *session);
/* With -p, takes the probes out of other processes of the file, if one has begun. Call it often. */
struct error *watch_strangers(struct session *session);
/* No lease guards the file. Begins to give each child probes of its own, or gives children up, and reports it. */
void narrow_unheld(struct session *session);
/* Brings a child that runs already into the table, and places its probes. Only with session->narrow. */
struct error *narrow_find(struct session *session, pid_t pid);
/* Tells whether the exec at time_ns was the last of a process, which has not ended. */
bool is_last_exec(const struct session *session, pid_t pid, uint64_t time_ns);
/* Notes that a child of the traced processes has executed a program, by its RESOLVED_EXEC. */
struct error *follow_executes(struct session *session, const struct event_removal *exec,
			      uint64_t time_ns);

#endif
