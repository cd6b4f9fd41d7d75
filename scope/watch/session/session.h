/* session: one run of a tool that watches removals. It opens the target, places and attaches the
 * probes, takes records out of the engine, makes events of them and gives those to the aggregation
 * and to the sinks, until the target ends, a limit is reached or a signal comes. Every verb that
 * shows events shares it. It prints nothing: what people should know goes to a notice callback.
 *
 *	session_open       finds the target, reads its file, chooses the places. Needs no privilege
 *			   for a file; nothing is attached.
 *	session_load       loads the engine
 *	session_catch      from here on, signals end the run instead of the program
 *	session_attach     places the probes
 *	session_begin      lets a command start; writes the first start records
 *	session_run        the loop
 *	session_finish     takes the probes off, drains the rest, sums up
 *
 *   session.c    the loop, the way of a record to the sink, the totals
 *   setup.c      open, load, attach
 *   processes.c  the table of processes, their start and exit records
 *   exec.c       a process that executes a program anew
 *   hints.c      filters that can match nothing
 */
#ifndef WATCH_SESSION_SESSION_H
#define WATCH_SESSION_SESSION_H

#include "show/aggr/aggr.h"
#include "show/sink/sink.h"
#include "watch/engine/engine.h"
#include "show/event/event.h"

enum session_notice {
	SESSION_DETAIL,	 /* for users who asked for more */
	SESSION_INFO,	 /* for all users but those who asked for silence */
	SESSION_WARNING, /* removals may be missing: for everybody */
	SESSION_ERROR,	 /* what ended the run early: for everybody */
};

/* How far a run is. */
struct session_progress {
	uint64_t hits, filtered, lost;
	double seconds; /* since the probes are placed */
	bool cost_known;
	double ns_per_hit; /* what a hit costs the traced program */
};

/* All pointers are borrowed for the session's life. */
struct session_options {
	/* What to watch. Exactly one of the three is set. */
	pid_t pid;	    /* a running process; 0: not given */
	const char *binary; /* every process of this file; NULL: not given */
	char **command;	    /* a command to start, NULL-terminated; NULL: not given */
	bool look_only;	    /* the command is found, not started: session_load() may not follow */

	const struct engine_ops *engine;
	const struct filter *filter;
	uint32_t stack_max;   /* source-level frames an event keeps */
	uint32_t key_bytes;   /* bytes of each string that are kept */
	uint64_t buffer_size; /* bytes of the ring */
	bool misses;	      /* deletes that took nothing out are events too */
	bool count;	/* only a table by site or type is wanted: deletes may be counted where
				 they happen, and come to the aggregation at the end, in no order
				 and without key, map and goroutine. Not with a limit. */
	uint64_t limit; /* stop after so many events; 0: none */
	uint64_t duration_ns; /* stop after this time; 0: none */

	/* Takes one line of text, without a newline. The text may hold bytes of the target. */
	void (*notice)(void *ctx, enum session_notice kind, const char *text);
	void *notice_ctx;
	/* Called twice a second by session_run(), with notice_ctx. NULL: nobody wants to know. */
	void (*progress)(void *ctx, const struct session_progress *progress);
};

struct session;

/* Finds and opens the target. Errors: ERROR_TARGET, ERROR_PERMISSION. */
struct error *session_open(const struct session_options *options, struct session **ret);
/* Ends whatever still runs of the session and frees it. NULL is legal. */
void session_close(struct session *session);
CLEANUP_FUNC(struct session, session_close)

/* Return what session_open() found. Borrowed until session_close(). */
int session_exe(const struct session *session); /* the program's file, a descriptor */
const struct image *session_image(const struct session *session);
const struct gopcln *session_gopcln(const struct session *session);
const struct placements *session_placements(const struct session *session);

/* Loads the engine. Errors as engine_open(). */
struct error *session_load(struct session *session);
/* Blocks SIGINT and SIGTERM, and SIGHUP unless it is ignored: they end session_run() from here on.
 * Returns a descriptor that is readable while a signal waits, for sink_options.interrupt. */
struct error *session_catch(struct session *session, int *ret_fd);
/* Places the probes. Errors as engine_attach(). */
struct error *session_attach(struct session *session);

/* Writes a start record that is of no process (--dry-run). */
void session_describe(struct session *session, struct fan *sinks);

/* Where events go. Both stay the caller's and outlive the session. */
struct session_output {
	struct fan *sinks; /* at least one */
	struct aggr *aggr;
	bool table; /* the sinks show the aggregation at the end */
};
/* Starts the command, if there is one, and writes the start records of the processes that run.
 * After it, session_finish() must be called whatever happens. On error nothing was started. */
struct error *session_begin(struct session *session, const struct session_output *output);
/* Returns the milliseconds from session_open() to session_begin(). */
double session_ready_ms(const struct session *session);

/* Delivers events until the end of the run. Errors: of the engine, of the output, out of memory. */
struct error *session_run(struct session *session);

enum { SESSION_LOST_MAX = 4, SESSION_SINKS_MAX = 8 };

struct session_totals {
	struct event_end end;
	struct event_lost lost[SESSION_LOST_MAX];   /* end.lost points here */
	struct event_sink sinks[SESSION_SINKS_MAX]; /* end.sinks points here */
	struct event_lost sinks_lost[SESSION_SINKS_MAX];
	uint64_t lost_all; /* the sum of lost[] */
	bool complete;	   /* nothing was lost, by any sink, and there was no gap */
	int failed_code;   /* enum error_code of the first error of the run; 0: none */
};

/* Takes the probes off, delivers what is left, writes the exit records, the table and the end
 * record. err is what session_run() returned, or NULL; the session frees it. The first error of
 * the run, this one or a later one, goes to the notice callback as SESSION_ERROR. *ret must not be
 * moved while it is in use. */
void session_finish(struct session *session, struct error *err, struct session_totals *ret);

#endif
