/* What the files of this room share. */
#ifndef WATCH_SESSION_SESSION_PRIV_H
#define WATCH_SESSION_SESSION_PRIV_H

#include "watch/session/session.h"
#include "base/loop.h"
#include "live/process/process.h"
#include "watch/resolve/resolve.h"

/* Names of the watched program; TASK_COMM_LEN of the kernel. */
enum { SESSION_NAMES = 4, SESSION_NAME_SIZE = 16 };

/* A process that is watched. */
struct traced {
	struct target *target;
	bool started;	     /* the start record of what it executes is out */
	uint64_t image_id;   /* of what that record describes; 0: unknown */
	bool awaits_begin;   /* it may have been found before its main function began */
	bool ended;	     /* its exit record is out */
	enum target_end end; /* TARGET_RUNS until its end is known */
	uint64_t end_ns;     /* when the end was noticed */
	int status;
};

struct session {
	struct session_options options;
	uint64_t opened_ns;
	double ready_ms;
	uint64_t wall_offset_ns; /* clock_wall_offset() */

	/* setup.c: the target and its file */
	int exe;	 /* the program's file */
	bool exe_shared; /* `exe` belongs to the first process of the table */
	struct image *image;
	struct gopcln *tab;
	struct placements placements;
	struct engine_options engine_options;
	struct spawn spawn;
	struct engine *engine;
	struct resolver *resolver;
	struct loop *loop;
	struct session_output output;

	/* processes.c */
	VEC(struct traced) processes;
	uint64_t forgotten; /* processes that were taken out of the table */
	uint32_t last_pid;  /* of the last event: it is in the table */

	/* exec.c: the one process that is watched */
	char names[SESSION_NAMES]
		  [WIRE_COMM];	/* of the watched program, as the kernel shortens them */
	bool awaits_exec;	/* the first exec is the command's start, which is no news */
	bool has_executed;	/* an exec was noted since the last look */
	bool last_is_same;	/* by its name the last exec was of the watched program */
	uint64_t image_id;	/* of what it executes; where the engine sends no execs */
	uint64_t image_seen_ns; /* when it was last seen to have executed nothing else */
	uint32_t starts;	/* how often it has executed the watched program */
	uint32_t starts_noted;	/* those of the execs that nobody has looked at yet */
	int64_t starts_settled; /* those of them that are accounted for without a begin */
	bool gap_is_open;	/* the last exec may have left a gap; see exec.c */
	struct event_gap gap;
	uint64_t gaps; /* how many were told */

	/* session.c: one pass over the ring */
	uint64_t run_ns;	/* session_run() began */
	uint64_t end_ns;	/* --duration; UINT64_MAX: none */
	uint64_t pass_end_ns;	/* a pass ends at this time; 0: when the ring is empty */
	uint64_t pass_until_ns; /* or at the first record made after this time; 0: none */
	uint64_t reached_ns;	/* every record made before this time has been taken out */
	bool pass_cut;		/* pass_end_ns came before the rest */
	uint32_t records;
	struct error *failed; /* the first failure inside a callback */
	int failed_code;      /* enum error_code of the first error that was told; 0: none */
	uint64_t taken;	      /* events that the sinks were given */
	uint64_t filtered;    /* events that nobody wants to see */
	uint64_t counted;     /* deletes that the engine counted, and that are in the table */
	bool stopping;	      /* no new hits are counted; what is in the ring is still delivered */
	bool interrupted;     /* what is in the ring is no longer delivered */
};

/* ---- session.c ---- */

/* Hands a line to the notice callback. */
void session_notice(struct session *session, enum session_notice kind, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* Begins the end: no new hit is counted, and the loop ends. */
void session_stop(struct session *session);

/* ---- processes.c ---- */

/* Takes ownership of target, also on error. */
struct error *add_process(struct session *session, struct target *target);
/* Looks for a process whose exit record is not out. NULL: there is none. */
struct traced *find_process(struct session *session, pid_t pid);
/* Makes sure that a process is in the table (-b adds it) and that its start record is out.
 * event: its first event, or NULL. */
struct error *find_or_add_process(struct session *session, pid_t pid,
				  const struct event_removal *event);
/* A process has executed the program. With -b it may be new, or have the pid of one that ended. */
struct error *process_begins(struct session *session, const struct event_removal *event);
/* Tells the load bias of a process. False when it has ended, or not yet begun. */
bool find_bias(const struct session *session, struct target *target, uint64_t *ret);
/* Looks whether a process has ended, and remembers how and when. */
bool has_ended(struct traced *traced);
/* Writes the start record, once for each program that the process executes. event: of the program,
 * which tells its load bias; NULL: /proc tells it, if the process is there to be looked at. */
void emit_start_once(struct session *session, struct traced *traced,
		     const struct event_removal *event);
void emit_exit(struct session *session, struct traced *traced);
/* Takes a process out of the table; its exit record is out. With -b there may be very many. */
void forget_process(struct session *session, size_t i);

/* ---- exec.c ---- */

/* Notes an exec of the one watched process, by the name that the kernel gives the program. */
void note_exec(struct session *session, const char *name);
/* Notes what the one watched process executes now. */
void remember_image(struct session *session);
/* Reads the GC phase of the process and tells the engine, which then need not read it with each
 * event. */
void read_gc_phase(struct session *session, struct target *target);
/* Tells the gaps that execs have left, now that the process has ended or the run does. */
void settle_execs(struct session *session);
/* Looks whether the one watched process has executed a program since the last call, and attaches
 * the probes again where the kernel has dropped them. */
struct error *watch_exec(struct session *session);

/* ---- hints.c ---- */

/* Tells of filters that can match nothing in this program. */
void hint_filters(struct session *session);

#endif
