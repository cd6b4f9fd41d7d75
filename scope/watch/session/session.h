/* session: one run of a verb that watches removals. It opens the target, and places and attaches
 * the probes. It takes records out of the engine, turns them into events, and gives these to the
 * aggregation and the sinks. It ends when the target ends, a limit is reached or a signal arrives.
 * All verbs that show events use it. It prints nothing; messages for people go to a notice
 * callback.
 *
 * 	session_open       finds the target, reads its file, chooses the places. A file needs no
 * 			   privilege. Nothing is attached.
 * 	session_load       loads the engine
 * 	session_catch      makes signals end the run instead of the program
 * 	session_attach     places the probes
 * 	session_begin      starts the command, if any; emits the first start records
 * 	session_run        the loop
 * 	session_finish     detaches the probes, drains the rest, computes the totals
 *
 *   session.c    the loop, the path of a record to the sinks, the totals
 *   setup.c      open, load, attach
 *   chosen.c     the processes of -p, if there are several
 *   family.c     what the chosen processes have started before the trace
 *   follow.c     the children of the traced process
 *   narrow.c     the same while others execute the file, too
 *   group.c      a group of processes, of several files
 *   program.c    the probes of a program of a group
 *   place.c      the container and the pod of a process
 *   group_tree.c the group that is a tree of running processes
 *   all.c        all Go programs of a command
 *   others.c     programs besides the session's file
 *   command.c    starts the command, follows a wrapper to its Go program
 *   judge.c      what the command is, and what it starts
 *   table.c      the table of processes
 *   processes.c  brings processes into it; their start and exit records
 *   exec.c       execs of the watched process
 *   modules.c    finds the module of an address
 *   met.c        the files with Go code that were met, each opened once
 *   meet.c       plugins and further libraries of the processes
 *   confine.c    gives up rights that are not needed any more
 *   file.c       the traced file: overwritten, replaced, deleted
 *   running.c    which processes run it
 *   looks.c      what the heaps of the processes tell of the maps of events
 *   hints.c      reports filters that can match nothing
 *   overhead.c   --max-overhead
 *   throttle.c   what it takes to stay below it
 */
#ifndef WATCH_SESSION_SESSION_H
#define WATCH_SESSION_SESSION_H

#include "show/aggr/aggr.h"
#include "show/sink/sink.h"
#include "live/choice/choice.h"
#include "watch/engine/engine.h"
#include "show/event/event.h"

enum session_notice {
	SESSION_DETAIL,	 /* for users who asked for more */
	SESSION_INFO,	 /* for all users except those who asked for silence */
	SESSION_WARNING, /* for everybody: removals may be missing */
	SESSION_ERROR,	 /* for everybody: the reason why the run ended early */
};

/* The progress of a run. */
struct session_progress {
	uint64_t hits, filtered, sampled, lost;
	double seconds;	 /* since the probes were attached */
	double fraction; /* of the goroutines or keys that are in the sample now; 1: all */
	double watched;	 /* the part of the time with probes */
	bool cost_known;
	double ns_per_hit; /* cost of a hit for the traced program */
};

/* Which children of -p and of a command are traced. */
enum session_follow {
	SESSION_FOLLOW_SAME, /* those that execute the same file */
	SESSION_FOLLOW_NONE,
	SESSION_FOLLOW_ALL,   /* every Go program; of running processes: see session_group */
	SESSION_FOLLOW_EXACT, /* as SAME, but other processes of the file may be slowed */
};

/* What is looked up in the heaps of the processes, in the background (watch/look). */
enum session_look {
	SESSION_LOOK_NONE,
	SESSION_LOOK_TYPES,   /* of maps whose type the runtime does not tell */
	SESSION_LOOK_HOLDERS, /* the same, and what holds each map */
};

/* A group of processes. All Go programs in it are watched: those that run, and those that come later.
 * The session asks repeatedly which processes belong to it. */
struct session_group {
	const char *name; /* for people: "control group /shop" */
	/* Calls found() for each process that is in the group now. found() returns false to stop.
	 * Errors: out of memory, no descriptor is left. */
	struct error *(*each)(void *ctx, bool (*found)(void *found_ctx, pid_t pid),
			      void *found_ctx);
	/* Tells whether no process will come any more. The run ends when the last one has ended. */
	bool (*is_over)(void *ctx);
	/* The group is a control group (cgroup v2) and those below it: a descriptor of its directory.
	 * The kernel then decides which hits count. -1: it is another set. Children of its processes
	 * belong to it then, until each() says otherwise. */
	int cgroup;
	/* The group is a control group of cgroup v1, or NULL. The kernel tells of moves. */
	const struct engine_cgroup_v1 *cgroup_v1;
	/* The group is all processes of users, or NULL. The kernel then decides which hits count, and tells
	 * of processes that become those of a user. */
	const struct engine_users *users;
	/* The group is these processes and all that they start: each() and is_over() are NULL. roots_n 0: it is
	 * another set. */
	const struct chosen *roots;
	size_t roots_n;
	/* Only processes that the kernel lets us look at may be shown. Each has probes of its own then. */
	bool looked_at;
	const struct runtime_told *told; /* what runtimes told of containers, or NULL */
	void *ctx;
};

/* Options of a session. All pointers are borrowed for its life. */
struct session_options {
	/* The target. Exactly one of the four is set. */
	const struct session_group *group; /* NULL: not set */
	const struct chosen *chosen;	   /* running processes; NULL: not set */
	size_t chosen_n;
	const char *binary; /* every process of this file; NULL: not set */
	char **command;	    /* a command to start, NULL-terminated; NULL: not set */
	const char *user;   /* the user that it is started as: see spawn_user_find(); NULL: ours */
	enum session_follow follow;
	bool until_command; /* the run ends with the command, also if its children run on */
	bool tell_status;   /* the end record has the exit status of the run */
	bool look_only;	    /* only look up the command; session_load() must not be called */

	const struct engine_ops *engine;
	const struct filter *filter;
	uint32_t stack_max;   /* source-level frames that an event keeps */
	uint32_t key_bytes;   /* bytes of each string that are kept */
	uint64_t buffer_size; /* bytes of the ring */
	bool misses;	      /* deletes that removed nothing are events too */
	bool no_sync_map;     /* leave sync.Maps alone; the maps in them are like any other */
	bool count; /* only a table by site or type is needed; deletes may be counted in the
			   kernel, and reach the table at the end, in no order, without key, map and
			   goroutine; not with a limit */
	enum session_look look;
	uint64_t look_every_ns; /* a process is looked at again after this time */
	uint64_t limit;		/* stop after this many events; 0: never */
	uint64_t duration_ns;	/* stop after this time; 0: never */

	double max_overhead;	   /* percent of a CPU; 0: no limit */
	bool max_overhead_stop;	   /* the run ends if sampling does not save enough */
	enum engine_sample sample; /* what is sampled; with none, probes are removed instead */

	/* Receives one line of text, without newline. The text may contain bytes of the target. */
	void (*notice)(void *ctx, enum session_notice kind, const char *text);
	void *notice_ctx;
	/* Called twice a second by session_run(), with notice_ctx. May be NULL. */
	void (*progress)(void *ctx, const struct session_progress *progress);
};

/* Descriptors that a run needs at least. The engine alone needs about thirty. */
enum { SESSION_DESCRIPTORS_MIN = 56 };

/* Checks that the kernel can tell the processes of the caller from those of others, if this tophash has
 * more rights than its caller. Errors (ERROR_PERMISSION). */
struct error *session_check_caller(void);

struct session;

/* Finds and opens the target. Errors: ERROR_TARGET, ERROR_PERMISSION. */
struct error *session_open(const struct session_options *options, struct session **ret);
/* Ends everything that still runs in the session and frees it. NULL is legal. */
void session_close(struct session *session);
CLEANUP_FUNC(struct session, session_close)

/* Return data that session_open() found. Borrowed until session_close(). */
int session_exe(const struct session *session); /* the program's file, a descriptor */
const struct image *session_image(const struct session *session);
const struct gopcln *session_gopcln(const struct session *session);
const struct placements *session_placements(const struct session *session);

/* A Go program of a session, or a library that takes its place. All is borrowed. */
struct session_program {
	const struct image *image;
	const struct gopcln *tab;
	const struct placements *placements;
	int exe; /* its file, a descriptor */
};

/* Finds program number i. Number 0 is the one that the functions above return. There are more when
 * processes were chosen that run different programs. Returns false after the last. */
bool session_program(const struct session *session, size_t i, struct session_program *ret);

/* Loads the engine. Errors: as for engine_open(); session_check_caller(). */
struct error *session_load(struct session *session);
/* Blocks SIGINT and SIGTERM, and SIGHUP unless it is ignored. From then on they end session_run().
 * *ret_fd is readable while a signal is pending, for sink_options.interrupt. */
struct error *session_catch(struct session *session, int *ret_fd);
/* Attaches the probes. Errors: as for engine_attach(). */
struct error *session_attach(struct session *session);

/* Ends the counting and detaches the probes, as session_finish() does. It is for a signal that
 * arrives while the output waits for its reader. */
void session_detach(struct session *session);

/* Emits a start record that belongs to no process (--dry-run). */
void session_describe(struct session *session, struct fan *sinks);

/* Where events go. The caller owns both members, which must outlive the session. */
struct session_output {
	struct fan *sinks; /* at least one */
	struct aggr *aggr;
	bool table; /* the sinks print the aggregation at the end */
};
/* Starts the command, if there is one, and emits the start records of running processes. On error,
 * nothing was started. After it, session_finish() must always be called. */
struct error *session_begin(struct session *session, const struct session_output *output);
/* Gives up, for good, the rights of this process that a run does not need any more (confine.c). Call
 * it after session_begin(). Errors (ERROR_FAILED). */
struct error *session_confine(struct session *session);
/* Returns the milliseconds from session_open() to session_begin(). */
double session_ready_ms(const struct session *session);

/* Delivers events until the end of the run. Errors: of the engine or the output; out of memory. */
struct error *session_run(struct session *session);

enum { SESSION_LOST_MAX = 4, SESSION_SINKS_MAX = 8 };

struct session_totals {
	struct event_end end;
	struct event_lost lost[SESSION_LOST_MAX];   /* end.lost points here */
	struct event_sink sinks[SESSION_SINKS_MAX]; /* end.sinks points here */
	struct event_lost sinks_lost[SESSION_SINKS_MAX];
	uint64_t lost_all; /* the sum of lost[] */
	bool complete;	   /* nothing was lost, in any sink, and there was no gap */
	int failed_code;   /* enum error_code of the run's first error; 0: none */
};

/* The exit status of a run that was not complete. */
enum { SESSION_STATUS_LOST = 5 };

/* Detaches the probes, delivers the remaining records, and emits the exit records, the table and
 * the end record. `err` is the result of session_run(), or NULL; the session frees it. The first
 * error of the run, this one or a later one, goes to the notice callback as SESSION_ERROR. *ret
 * must not be moved while it is in use. */
void session_finish(struct session *session, struct error *err, struct session_totals *ret);

/* Waits for the end of the command, after session_finish(). *ret_code is its exit code, or 128 and the
 * number of the signal that ended it. Returns false if a signal to tophash has ended the wait, or
 * nobody knows the status. */
bool session_wait_command(struct session *session, int *ret_code);

#endif
