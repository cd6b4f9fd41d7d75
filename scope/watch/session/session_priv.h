/* Declarations that the files of the session share. Those of a subject are in follow_priv.h, group_priv.h and
 * modules_priv.h. */
#ifndef WATCH_SESSION_SESSION_PRIV_H
#define WATCH_SESSION_SESSION_PRIV_H

#include "watch/session/session.h"
#include "base/file.h"
#include "base/loop.h"
#include "live/container/container.h"
#include "live/module/module.h"
#include "live/process/process.h"
#include "watch/session/throttle.h"
#include "watch/look/look.h"
#include "watch/resolve/resolve.h"
#include "watch/tree/tree.h"

/* Names of the watched program. TASK_COMM_LEN of the kernel is 16. */
enum { SESSION_NAMES = 4, SESSION_NAME_SIZE = 16 };

/* So many processes of a file have probes of their own at most, if a lease guards the file. The kernel asks
 * each link at each hit whether it is for the process, 30 ns for each. */
enum { SESSION_OWN_PROBES_MAX = 64 };

/* Modules besides the session's file that a start record lists: all that an engine takes. */
enum { MET_SHOWN = 256 };

/* The processes of a file that have probes of their own. */
struct own_probes {
	uint32_t processes;
	bool told; /* a message has told that they are many */
};

/* A file with probes besides the session's file. */
struct met {
	const struct module *module;
	struct module own; /* others.c: what `module` points to; otherwise it is borrowed */
	enum go_build role;
	const struct gopcln
		*runtime; /* of a plugin: the table of its program; NULL: it uses its own */
	int exe;
	struct file_version version;
	struct placements placements;
	uint64_t retry_ns; /* its probes are gone; time of the next try to place them; 0: none */
	bool due;	   /* that time has come */
	uint32_t number;   /* the engine's; 0: it has no probes */
	char *why;	   /* why it cannot be watched, or NULL */
	/* program.c, others.c: a program besides the session's file, or a library that takes its place. */
	bool not_wide;	       /* no lease guards it: each process gets probes of its own */
	bool wide;	       /* its probes stand in all its processes */
	uint64_t wide_ns;      /* with wide: since when */
	uint64_t lost_ns;      /* they are gone since then, because the file was written; 0: no */
	uint64_t lost_next_ns; /* time of the next try to place them again */
	bool told;	       /* a message has told that it is not traced */
	uint64_t sought_ns; /* others.c: when its processes were last looked for; 0: they are not */
	struct own_probes own_probes;
	size_t chosen; /* chosen.c: processes that were chosen and run it */
};

/* A module that a watched process has besides the session's file. */
struct met_at {
	struct met *met; /* its file */
	enum go_build role;
	uint64_t bias;
	bool here;	       /* the process has it since its last exec */
	uint64_t moved_ns;     /* its probes were gone since that exec; 0: no, or it was told */
	uint64_t unwatched_ns; /* since when it is not watched; 0: it is, or that was reported */
	uint64_t late_ns;   /* its probes stand, but were missing since then; 0: no, or reported */
	uint64_t placed_ns; /* with late_ns: since when they stand */
};

/* A watched process. */
struct traced {
	struct target *target;
	struct met
		*program; /* its program; NULL: the session's file, or in a group: no Go program */
	bool started;	  /* the start record of its program was emitted */
	struct own_probes *own_probes; /* processes.c: of its file, if it is counted there */
	uint64_t image_id;	       /* identifies the program in that record; 0: unknown */
	bool awaits_begin;	       /* it may have been found before its main function began */
	/* When its main function last began; 0: not known. In a group also when its program was last looked
	 * for. */
	uint64_t begun_ns;
	uint64_t found_ns; /* when that program was found */
	uint64_t
		former_ns; /* what it did between then and begun_ns may have been missed; 0: nothing */
	char former
		[WIRE_COMM]; /* group.c: the kernel's name of the program that it executed then */
	bool ended;	     /* its exit record was emitted */
	enum target_end end; /* TARGET_RUNS until the end is known */
	uint64_t end_ns;     /* when its end was noticed */
	bool end_watched;    /* table.c: the kernel reports its end */
	bool end_seen;	     /* and has done so */
	uint64_t end_looked_ns; /* otherwise: when it was last looked at */
	bool probed;		/* it has probes of its own, or those for all processes */
	bool seen;		/* running.c: it ran the file in the last look */
	uint64_t off_ns;	/* --max-overhead: since when it has no probes; 0: it has them */
	uint64_t looked_ns;	/* when its mappings were last looked at; 0: never */
	uint64_t look_after_ns; /* the next look is this long after it */
	uint64_t seen_ns;	/* when its mappings were last read; 0: never */
	uint64_t unseen_ns;	/* since when it may have a module that nobody has seen; 0: no */
	uint64_t
		blind_ns; /* since when its mappings cannot be read, although it runs; 0: they can */
	uint64_t loads_ns; /* since when `loads` counts the reports of its dynamic linker */
	uint32_t loads;
	uint64_t executed_ns; /* chosen.c: an exec that no begin has followed yet; 0: none */
	bool awaited; /* with executed_ns: it is the first exec, before which it was not traced */
	bool child;   /* follow.c: it was found as a child of the traced processes */
	uint64_t placed_ns; /* with executed_ns or late_ns: its probes stand since then */
	/* group.c: its probes came late. It is a gap unless its main function begins after placed_ns. */
	uint64_t late_ns; /* 0: no */
	const char *late_why;
	char *container, *pod; /* place.c: as in struct event_removal; NULL: none */
	uint64_t
		start_due_ns; /* when its start record comes, if no record of its main function does */
	uint64_t modules_told; /* a hash of the modules that the engine was told of; 0: none */
	bool linker_watched;   /* its dynamic linker has a probe */
	VEC(struct met_at) met;
	int status;
};

/* The file that a wrapped command was followed to: a program that was executed, or a library. */
struct wanted {
	bool found;
	dev_t dev; /* of a program */
	ino_t ino;
	struct file_id library; /* inode 0: it is a program */
};

/* A process that a command started and that is left alone. */
struct left {
	pid_t pid;
	uint64_t from_ns;
	const char *why;
};

/* A process that can have no probes of its own. */
struct unprobed {
	pid_t pid;
	uint64_t from_ns;
	bool seen; /* in the last look */
};

/* The traced file, which may change. */
struct watched_file {
	struct file_version version; /* when it was read */
	bool known;		     /* `version` is */
	int copy;		     /* -b: what was read, in memory; -1: none */
	enum engine_hold hold;	     /* as the users of the session know it */
	uint64_t held_ns;	     /* the probes stood at that time */
	uint64_t gap_ns;	     /* they were last known to stand; 0: they do now */
	uint64_t next_ns;	     /* of the next try, or the next look for processes */
	uint64_t path_ns;	     /* of the next look at the path */
	dev_t path_dev;		     /* the file that has the path */
	ino_t path_ino;
	bool path_gone, path_told, changed_told;
	uint64_t looked_ns;	       /* of the last look for processes */
	VEC(pid_t) others;	       /* processes of files that only look like it */
	VEC(struct unprobed) unprobed; /* running.c */
	unsigned unprobed_told;	       /* messages about them */
};

struct session {
	struct session_options options;
	uint64_t opened_ns;
	double ready_ms;
	uint64_t wall_offset_ns; /* clock_wall_offset() */

	/* setup.c: the target and its file. */
	pid_t pid;	 /* the process, if only one was chosen; 0: none, or several */
	int exe;	 /* the program's file */
	bool several;	 /* processes were chosen, and are watched as several */
	bool exe_shared; /* `exe` is borrowed from the first process in the table */
	/* others.c: as in struct met, for the program's file. */
	bool not_wide, wide;
	uint64_t wide_ns;
	struct watched_file file;
	uint64_t
		library_ns; /* -p: it had not loaded `library` at that time; 0: it had it at once */
	char *library;	    /* -p: the path of the file, when it is not what the process executes */
	struct image *image;
	struct gopcln *tab;
	struct placements placements;
	struct engine_options engine_options;

	struct {
		uid_t uid;
		gid_t gid;
		struct engine_users users;
	} caller; /* setup.c: who has called a tophash that has more rights */

	struct group *group; /* group.c; NULL: the processes of one file, or chosen ones */
	bool narrow; /* narrow.c: -p: its probes are in single processes, as others run the file */
	bool crowd_told; /* narrow.c: a message has told of probes in other processes */
	struct own_probes own_probes;
	struct tree *tree;  /* follow.c; NULL: no children are followed */
	VEC(pid_t) gone;    /* family.c: processes whose children may have been missed */
	uint64_t family_ns; /* when these were looked for */
	struct all *all;    /* all.c; NULL: not all Go programs of a tree are traced */

	/* command.c: only with a command. */
	struct spawn spawn;
	bool wrapped;		 /* its file is no Go program: it starts one */
	struct pursuit *pursuit; /* follows it until the run begins */
	struct wanted wanted;	 /* what it looks for then; only its thread uses this */
	VEC(struct left) left;	 /* only the thread uses it, until pursuit_end() */
	VEC(struct left) unread; /* all.c: processes that were held and could not be looked at */
	struct target *wrapper;	 /* its process, while that runs and another one is traced */
	enum target_end command_end; /* TARGET_RUNS until its end is known */
	int command_status;	     /* its exit code, or the number of the signal that ended it */

	struct engine *engine;
	struct resolver *resolver;
	struct session_modules *modules;
	VEC(struct contained *) contained; /* place.c: containers that were met */
	VEC(struct met *) met;		   /* met.c: modules besides the session's file */
	struct loop *loop;
	struct session_output output;

	/* processes.c */
	VEC(struct traced) processes;
	struct process_index *index; /* table.c */
	unsigned stopped_told;	     /* running.c: stopped processes that were told about */
	uint32_t last_pid;	     /* pid of the last event; it is in the table */
	uint64_t forgotten;	     /* processes that were removed from the table */
	const char *last_container, *last_pod; /* of that process */

	struct timely *timely; /* the memory of processes, for the main thread */

	/* looks.c */
	struct look *look;	     /* NULL: maps are not looked up */
	struct event_look look_told; /* of the last event */

	/* exec.c: the watched process, if there is only one. */
	char names[SESSION_NAMES]
		  [WIRE_COMM];	/* of the watched program, as the kernel shortens them */
	bool awaits_exec;	/* the first exec is the start of the command, which is no news */
	bool has_executed;	/* an exec was noted since the last check */
	bool last_is_same;	/* by its name, the last exec was of the watched program */
	uint64_t image_id;	/* identifies its program, if the engine sends no execs */
	uint64_t image_seen_ns; /* when it was last known to have executed nothing else */
	uint32_t starts;	/* how often it has executed the watched program */
	uint32_t starts_noted;	/* of these, execs that were not checked yet */
	int64_t starts_settled; /* of these, starts that are accounted for without a begin */
	bool gap_is_open;	/* the last exec may have left a gap; see exec.c */
	struct event_gap gap;
	uint64_t gaps; /* how many gaps were reported */

	/* overhead.c */
	struct throttle throttle;
	uint64_t turn_ns;	     /* of its last turn; 0: there is no limit */
	struct engine_counters seen; /* at that turn */
	uint64_t off_since_ns;	     /* since when the probes are off; 0: they are placed */
	uint64_t off_ns;	     /* total time for which they were off before */
	uint64_t on_ns;		     /* when they were last placed again */
	bool off_told;		     /* a notice has told that they are removed */

	/* session.c: one pass over the ring. */
	uint64_t run_ns;	/* when session_run() began */
	uint64_t end_ns;	/* --duration; UINT64_MAX: none */
	uint64_t pass_end_ns;	/* the pass ends at this time; 0: when the ring is empty */
	uint64_t pass_until_ns; /* or at the first record made after this time; 0: none */
	uint64_t reached_ns;	/* all records made before this time were taken out */
	bool pass_cut;		/* the pass ended at pass_end_ns, with records left */
	uint32_t records;
	struct error *failed; /* the first failure inside a callback */
	int failed_code;      /* enum error_code of the first error that was reported; 0: none */
	uint64_t taken;	      /* events that were given to the sinks */
	uint64_t filtered;    /* events that were filtered here */
	uint64_t counted;     /* deletes that the engine counted, and that are in the table */
	bool stopping;	      /* no new hits are counted; records in the ring are still delivered */
	bool interrupted;     /* records in the ring are no longer delivered */
};

/* ---- setup.c ---- */

/* Tells whether the first thread of a process has ended and others run on. The threads of a process that is ending go one after
 * the other: the process is watched for 10 ms. */
bool lost_first_thread(pid_t pid);
/* Places the probes of a module in a process, or with pid -1 in all. Errors: as engine_attach(), and (ERROR_TARGET)
 * the first thread of the process has ended, though others run. */
struct error *attach_probes(struct session *session, uint32_t module, int exe, pid_t pid,
			    enum engine_hold *ret);
/* Places the probes of the session's file. *ret tells whether they stand. */
struct error *session_place(struct session *session, enum engine_hold *ret);

/* ---- session.c ---- */

/* Passes a line to the notice callback. */
void session_notice(struct session *session, enum session_notice kind, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* Reports that the probes of a program (NULL: of the session's file) were gone from from_ns until now, once
 * for each process that runs it by now, or for no process. */
void session_upgrade_gap(struct session *session, const struct met *met, uint64_t from_ns);
/* Emits and counts a gap. `why` is as in struct event_gap. pid 0: no process is known. */
void session_gap(struct session *session, pid_t pid, uint64_t from_ns, uint64_t to_ns,
		 const char *why);
/* Takes the records out of the ring that were made before time_ns. */
struct error *session_drain_until(struct session *session, uint64_t time_ns);
/* Begins the end of the run: no new hit is counted, and the loop ends. */
void session_stop(struct session *session);

/* ---- table.c ---- */

struct process_index;

void process_index_free(struct process_index *index); /* NULL is legal */

/* Adds a process. Owns target, even on error. */
struct error *add_process(struct session *session, struct target *target);
/* Finds a process whose exit record was not emitted yet. Returns NULL when there is none. */
struct traced *find_process(struct session *session, pid_t pid);
/* Checks whether a process has ended, and keeps how and when. */
bool has_ended(struct traced *traced);
/* Tells whether a process has ended, or is about to: the kernel takes its memory away before it is a zombie, and nothing
 * of it can be read from then on. */
bool is_ending(struct traced *traced);
/* Tells whether a process is to be checked: the kernel has reported its end, or does not report it. */
bool may_have_ended(const struct session *session, struct traced *traced, uint64_t time_ns);
/* Takes in which processes have ended. Call it often. */
void note_ends(struct session *session);
/* Removes a process from the table, after its exit record: there may be very many. Returns false if it
 * stays, because it is the one that exec.c watches. */
bool forget_process(struct session *session, size_t i);
void traced_fini(struct traced *traced);

/* ---- processes.c ---- */

/* Makes sure that a process is in the table (-b adds it), and that its start record was emitted.
 * `event` is its first event, at time_ns, or NULL, and time_ns 0. */
struct error *find_or_add_process(struct session *session, pid_t pid,
				  const struct event_removal *event, uint64_t time_ns);
/* Notes that a process has executed the program. With -b it may be new, or may have the pid of one
 * that has ended. */
struct error *process_begins(struct session *session, const struct event_removal *event,
			     uint64_t time_ns);
/* Returns the program of a process. */
struct session_program program_of(const struct session *session, const struct traced *traced);
/* Finds the load bias of a process's program. Returns false when the process has ended, or has not
 * executed the program yet. */
bool find_bias(const struct session *session, const struct traced *traced, uint64_t *ret);
/* Emits the start record, once for each program that the process executes. `event` is an event of
 * the program, which has its load bias. With NULL the bias is read from /proc, if the process still
 * exists. */
void emit_start_once(struct session *session, struct traced *traced,
		     const struct event_removal *event);
void emit_exit(struct session *session, struct traced *traced);
/* Describes the probes of a file. `room` has PLACEMENTS_MAX places, and the result points there. */
struct event_probes session_probes(const struct placements *placements, struct event_probe *room);

/* ---- exec.c ---- */

/* Notes an exec of the watched process. `name` is the kernel's name of the program. */
void note_exec(struct session *session, const char *name);
/* Tells whether the kernel's name of a program could be that of the session's file. */
bool is_own_name(const struct session *session, const char *name);
/* Notes which program the watched process executes now. */
void remember_image(struct session *session);
/* Reads the GC phase of the process and passes it to the engine, which then need not read it with
 * each event. */
void read_gc_phase(struct session *session, const struct traced *traced);
/* Reports the gaps that execs have left. Called when the process has ended, or at the end of the
 * run. */
void settle_execs(struct session *session);
/* Checks whether the watched process has executed a program since the last call. Attaches the
 * probes again if the kernel has dropped them. */
struct error *watch_exec(struct session *session);

/* ---- overhead.c ---- */

/* Prepares the limit, if there is one. The engine is open, and no probe is placed. */
void prepare_limit(struct session *session);
/* Begins to enforce the limit. The probes are placed, and the output is open. */
void begin_limit(struct session *session);
/* Reads the cost of tracing since the last call. Samples, removes the probes, or places them. */
struct error *watch_overhead(struct session *session);
/* Reports the gap of a process that has run without probes, until to_ns. */
void settle_overhead(struct session *session, struct traced *traced, uint64_t to_ns);
/* Notes that a process has begun, at time_ns. The probes may have been off then. */
void begin_unwatched(struct session *session, pid_t pid, uint64_t time_ns);
/* Returns the part of the time from the first probes to end_ns in which they were placed. */
double share_watched(const struct session *session, uint64_t end_ns);
/* Returns the average cost of a hit, in nanoseconds. `cost` is the engine's result, which counts if
 * there is no limit. */
double ns_per_hit(const struct session *session, const struct engine_cost *cost, uint64_t hits);
/* Fills in the part of the end record that is about the limit. */
void sum_up_sample(const struct session *session, uint64_t end_ns, const struct engine_counters *c,
		   struct event_end *end);

/* ---- file.c ---- */

/* Reads session->exe and opens session->image. Keeps what it takes to see that the file has changed.
 * `path` is for people. */
struct error *session_read_file(struct session *session, const char *path);
/* Notes whether the probes stand, which were just attached. Errors (ERROR_TARGET): the file has
 * changed meanwhile. */
struct error *session_hold_file(struct session *session);
/* Checks whether the file is being written, or was replaced. Places the probes again when it is whole.
 * Call it often. */
struct error *watch_file(struct session *session);
/* Tells whether the file is the program that was read, although its version is another one. */
bool session_file_is_same(struct session *session);
/* Reports, once, that it is another program. */
void session_tell_changed(struct session *session);
/* Reports the gap that is open at the end of the run. */
void settle_file(struct session *session);

/* ---- running.c ---- */

/* Adds the processes that run the file now. Without a lease on the file, each gets probes. */
struct error *session_find_running(struct session *session);
/* Reports the gaps of processes that could have no probes, at the end of the run. */
void settle_running(struct session *session);
/* Does so again and again, for a file without a lease. */
struct error *session_look_for_processes(struct session *session);
/* Removes the probes that a process has for itself. */
void session_leave_process(struct session *session, struct traced *traced);
/* Reports that a process is stopped, because it would look like one that removes nothing. */
void notice_stopped(struct session *session, struct target *target);

/* ---- command.c ---- */

/* Forks the command, which waits. Tells whether its file is the Go program: sets session->wrapped if
 * not. Errors: the file or the user is not found; what the command would start cannot be followed. */
struct error *command_open(struct session *session);
/* Starts a wrapped command, and waits until a Go program begins, which becomes the first process of the
 * table. Opens its file. Errors (ERROR_TARGET): there was none. */
struct error *command_follow(struct session *session);
/* Returns the pid of the process with the Go program. */
pid_t command_pid(const struct session *session);
/* Begins the run: the process of the command is in the table, and is started if it still waits. The
 * program of a wrapped command waits for command_let_go(). */
struct error *command_start(struct session *session);
/* Lets the program of a wrapped command run. With --follow=all, the others are still followed. */
void command_let_go(struct session *session);
/* Lets go of all processes that are still followed. */
void command_leave(struct session *session);
/* Keeps how the command has ended. */
void command_ended(struct session *session, enum target_end end, int status);
/* Tells whether a wrapper runs, which may have more to do than the traced program. Reports its end
 * once. */
bool command_runs(struct session *session);
/* Ends a command that was not started, and lets go of a wrapped one that still waits. */
void command_close(struct session *session);

/* ---- judge.c ---- */

/* Tells whether the file of the command is a wrapper, a script or a program that is not Go: sets
 * session->wrapped. Files that are neither are refused later, when they are opened as a Go program. Errors:
 * what the command would start cannot be followed. */
struct error *judge_command(struct session *session);
/* Tells whether a file imports a function from a library. */
bool judge_imports(const struct image *image, const char *name);
/* Decides about a program that a process has executed. *ret_always: every process of this file would have
 * the same verdict. */
enum pursuit_verdict judge_program(struct session *session, pid_t pid, bool *ret_always);
/* Decides about a followed process. Runs in the thread of the pursuit. ctx: the session. */
enum pursuit_verdict judge_process(void *ctx, pid_t pid, enum pursuit_moment moment);
/* Reports the gaps of what was left alone. */
void judge_settle(struct session *session);
void judge_fini(struct session *session);

/* ---- hints.c ---- */

/* Reports filters that can match nothing in this program. */
void hint_filters(struct session *session);
#endif
