/* The uprobe engine: declarations that its files share. */
#ifndef WATCH_ENGINE_UPROBE_H
#define WATCH_ENGINE_UPROBE_H

#include "watch/engine/stats.h"
#include "watch/engine/engine.h"
#include "watch/engine/keeper.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "trace.skel.h"

/* include/uapi/linux/bpf.h of Linux 6.6, BPF_TRACE_UPROBE_MULTI. libbpf 1.1 and its headers are
 * older. */
#define TRACE_UPROBE_MULTI 48

/* Attached probes. */
struct attachment {
	struct keeper *keeper;		     /* has the links instead of this process; NULL: none */
	struct bpf_link *links[WIRE_PROBES]; /* !multi */
	int link_fds[WIRE_PROBES];	     /* multi */
	size_t n;
	bool multi; /* link_fds is used, not links */
};

/* A module and its kernel programs. The programs of module 0 own the maps that all modules share. */
struct uprobe_module {
	struct engine_module of;
	uint32_t number;
	struct trace_bpf *skel;
	/* The programs that others tail-call, as descriptors; -1: not loaded. */
	int slow[WIRE_PATHS];
	bool owns_slow; /* they are not those of skel */
	bool borrows; /* skel and slow belong to another module, of a file with the same contents */
	bool types_cut;
};

/* A slot (WIRE_COOKIE): the probes of one module for one process, or for all processes. */
struct placed {
	const struct uprobe_module *module; /* NULL: the slot is free */
	uint32_t slot;
	int exe; /* as uprobe_attach() got it; borrowed */
	pid_t pid;
	uint32_t generation;
	bool leaving; /* the probes of the slot are being removed, but still count: uprobe_narrowed() */
	/* hot: the probes at deletes and clears, which uprobe_pause() removes. cold: the others. */
	struct attachment hot, cold;
};

enum { TRAP_RESTS = 2 };

/* The cost of a trap, in nanoseconds of CPU time of the thread that hits the probe. */
struct trap_cost {
	double emulated; /* on an instruction that the kernel emulates, as for removal probes */
	double rested[TRAP_RESTS]; /* the same after a sleep of trap_rests[] */
	double stepped;		   /* on an instruction that it single-steps; 0: not measured */
};

/* calibrate.c: how long the program slept before such a trap, in nanoseconds. */
extern const uint32_t trap_rests[TRAP_RESTS];

struct cost_snapshot {
	uint64_t time_ns;
	/* The time of all programs, since an unknown start. Each run had a trap. */
	double programs_ns;
	uint64_t runs;
	uint64_t stepped; /* those on instructions that the kernel single-steps */
	uint64_t hits, sampled;
};

struct cost_state {
	bool calibrated;
	bool failed;	      /* no more measuring */
	int calibrator;	      /* calibrate_read() reads from it; -1: none */
	pid_t calibrator_pid; /* 0: none, or it has ended */
	struct trap_cost trap;
	struct stats stats; /* switches the kernel's statistics on and off */
	bool measures;	    /* they are on, because a window is open */
	struct cost_snapshot begin;
	uint64_t window_ns; /* length of a window */
	uint64_t next_ns;   /* when the next window may begin */
	uint32_t windows;   /* measured so far */
	uint64_t soon_ns;   /* earliest time at which it may begin, if it is wanted soon */
	uint64_t seen_hits;
	double hits, cost_ns, seconds; /* in the last window */
	double all_hits, all_cost_ns;  /* in all windows */
	/* The cost of a hit if nothing is sampled out, and of a hit that is sampled out. They
	 * follow from the windows. */
	double kept_ns, left_ns;
	double trap_ns; /* average cost of a trap of any kind */
};

/* The probe in the dynamic linker of a process, as one link. */
struct linker_probe {
	pid_t pid;
	struct attachment attachment;
};

struct warmer;

struct uprobe {
	struct engine engine; /* first, because it is cast to struct uprobe */
	const struct engine_options *options;
	VEC(struct uprobe_module *) modules; /* by number */
	struct ring_buffer *ring;	     /* NULL: not mapped yet */
	bool multi;			     /* one link for all probes of a program */
	bool hastens; /* spends descriptors and threads to be ready sooner; with multi */
	uint64_t sample_secret[2];   /* the same for all modules */
	VEC(struct placed *) placed; /* by slot */
	VEC(struct linker_probe) linkers;
	bool paused;
	bool narrow;			  /* probes of module 0 are in single processes only */
	struct warmer *warmer;		  /* uprobe_warm.c; NULL: none */
	VEC(struct keeper *) keepers;	  /* that take their probes off */
	VEC(const struct gopcln *) typed; /* the modules in module_types, by number */
	struct former *formers;		  /* attachments that threads detach; see uprobe_former.c */
	struct bpf_link *exec_link;	  /* of the program that sends WIRE_EXEC */
	struct bpf_link *move_link;	  /* of the program that sends WIRE_MOVE */
	bool sends_execs;		  /* exec_link was attached, even if it is gone by now */
	int ncpus;
	struct cost_state cost;
	bool (*on_record)(void *ctx, const void *record, size_t size);
	void *ctx;
};

/* Returns module 0. */
static inline struct uprobe_module *uprobe_main(const struct uprobe *uprobe)
{
	return uprobe->modules.data[0];
}

/* Tells whether a slot has the probes that uprobe_link_end() should have made. */
static inline bool uprobe_stands(const struct placed *placed, enum engine_hold hold)
{
	return hold == ENGINE_HELD || (hold == ENGINE_UNHELD && placed->pid > 0);
}

/* Tells whether the run has ended. Nothing is attached any more then. */
static inline bool uprobe_is_stopped(const struct uprobe *uprobe)
{
	return uprobe_main(uprobe)->skel->bss->mode == WIRE_STOPPED;
}

/* Tells whether the process for which probes were placed has not ended meanwhile. Its pid may be that of
 * another process by now, which then has the probes. */
static inline bool uprobe_still_runs(const struct uprobe *uprobe, pid_t pid)
{
	const struct engine_options *options = uprobe->options;

	return pid <= 0 || !options->runs || options->runs(options->runs_ctx, pid);
}

/* ---- uprobe_load.c ---- */

/* Checks that a kernel program can be loaded. */
struct error *uprobe_check(void);
/* Loads the kernel programs for a module, and fills their tables. uprobe->options must be set. */
struct error *uprobe_add(struct engine *engine, const struct engine_module *module, uint32_t *ret);
void uprobe_module_free(struct uprobe_module *module); /* NULL is legal */
/* Loads the smallest program that a probe can have, for links of this type. Returns a descriptor, or
 * -errno. */
int uprobe_load_smallest(uint32_t attach_type);
/* Makes the error for a failed call of libbpf or bpf(2). Its text includes libbpf's messages since
 * the last uprobe_forget_message(). */
struct error *uprobe_failed(const char *what, int errnum);
void uprobe_forget_message(void);
/* Keeps libbpf's messages for uprobe_failed(), instead of printing them. */
void uprobe_keep_messages(void);

/* ---- uprobe_object.c ---- */

struct type_table;

/* Opens the object of a module, before it is known which types the file has. On error, what was made stays
 * for uprobe_module_free(). */
struct error *uprobe_open_object(const struct uprobe *uprobe, struct uprobe_module *module);
/* Loads the programs of a module, with the constants for its file, and makes its maps. On error, what was made
 * stays for uprobe_module_free(). */
struct error *uprobe_load_programs(const struct uprobe *uprobe, struct uprobe_module *module,
				   const struct type_table *types);
/* Tells whether one link can hold all probes of a program. */
bool uprobe_has_multi(void);
/* Prepares the programs for such links. Call it before they are loaded. */
void uprobe_set_multi(struct trace_bpf *skel);
/* Returns whether this is Linux major.minor or later. */
bool uprobe_kernel_is(unsigned major, unsigned minor);

/* ---- uprobe_warm.c ---- */

/* Begins to prepare the kernel for the first probe, in a thread. That it fails is no harm. */
void uprobe_warm_begin(struct uprobe *uprobe);
/* Ends that, without waiting: the first probes are placed. May be called again. */
void uprobe_warm_stop(const struct uprobe *uprobe);
/* Waits until the probes of the thread are gone. */
void uprobe_warm_end(struct uprobe *uprobe);

/* ---- uprobe_try.c: ops ---- */

void uprobe_try_out(struct engine_trial *ret);
enum engine_hold uprobe_try_hold(int exe);

/* ---- uprobe_attach.c: ops ---- */

struct error *uprobe_attach(struct engine *engine, uint32_t module, int exe, pid_t pid,
			    enum engine_hold *ret);
void uprobe_narrow(struct engine *engine);
void uprobe_narrowed(struct engine *engine);
bool uprobe_holds(struct engine *engine, uint32_t module);
void uprobe_release(struct engine *engine, pid_t pid);
struct error *uprobe_watch_loads(struct engine *engine, int linker, uint64_t offset, pid_t pid);
void uprobe_detach(struct engine *engine);
/* Begins to report execs and moves of processes (engine_options.group). Errors: as engine_open(). */
struct error *uprobe_watch_group(struct uprobe *uprobe);

/* ---- uprobe_pause.c: ops ---- */

void uprobe_pause(struct engine *engine);
struct error *uprobe_resume(struct engine *engine, uint64_t *ret_ns);

/* ---- uprobe_former.c ---- */

/* Begins to detach an attachment, and does not wait. */
void uprobe_detach_former(struct uprobe *uprobe, struct attachment *attachment);
/* Does the same with a thread for each link. */
void uprobe_detach_formers(struct uprobe *uprobe, struct attachment *attachment);
/* Frees the attachments that are detached. With `all`, waits for the others, too. */
void uprobe_join_formers(struct uprobe *uprobe, bool all);
/* Frees the keepers that have ended. With `all`, waits for the others, too. */
void uprobe_free_keepers(struct uprobe *uprobe, bool all);

/* ---- uprobe_types.c ---- */

struct error *uprobe_set_modules(struct engine *engine, pid_t pid,
				 const struct engine_place *places, size_t n);
/* Forgets the modules of a process that has ended. */
void uprobe_forget_modules(struct uprobe *uprobe, pid_t pid);

/* ---- uprobe_link.c ---- */

/* Makes the links of a slot that are hot, or the others, with the generation of `placed`. Links for all
 * processes are made in a keeper, and only with a lease: begin only starts it, and several may be started
 * at the same time. After uprobe_link_end() *ret tells whether the links stand. uprobe_unlink() must follow,
 * also after an error of either. */
struct error *uprobe_link_begin(const struct uprobe *uprobe, const struct placed *placed, bool hot,
				struct attachment *to, enum engine_hold *ret);
struct error *uprobe_link_end(struct attachment *to, enum engine_hold *ret);
/* Removes links. Waits until they are gone, which takes a grace period for each. */
void uprobe_unlink(struct attachment *attachment);
/* Attaches a program to one instruction, for one process. Returns false with errno set. */
bool uprobe_link_one(const struct uprobe *uprobe, struct bpf_program *program, const char *path,
		     pid_t pid, uint64_t offset, struct attachment *ret);
/* Attaches a program to an instruction of this process, at an offset in its file. Returns the descriptor of
 * the link, or -1. */
int uprobe_link_self(int program, uint64_t offset);
/* Attaches the program that does nothing to one instruction, for one process. It stays attached
 * until that process ends. The calibrating child calls it. */
bool uprobe_attach_nothing(const struct uprobe *uprobe, const char *path, pid_t pid,
			   uint64_t offset);

/* ---- uprobe_cost.c: ops ---- */

void uprobe_measure(struct engine *engine, uint64_t time_ns);
/* Ends an open window, because the time after it must not be measured. */
void uprobe_measure_cut(struct uprobe *uprobe);
/* Requests the next window soon, because something has changed. */
void uprobe_measure_soon(struct uprobe *uprobe);
/* Starts the child that calibrates. No probe may be attached yet. Otherwise the child would inherit
 * the descriptors of the links, and would keep the probes attached after this process has closed
 * them. */
void uprobe_measure_begin(struct uprobe *uprobe);
/* Stops measuring, without waiting for anything. A window that is still open counts. */
void uprobe_measure_stop(struct uprobe *uprobe);
/* Stops measuring, and waits until the calibrating process has ended. */
void uprobe_measure_end(struct uprobe *uprobe);
bool uprobe_cost(const struct engine *engine, struct engine_cost *ret);

/* ---- uprobe.c ---- */

/* Takes a record out of the ring buffer, as libbpf's callback. ctx is a struct uprobe. */
int uprobe_on_sample(void *ctx, void *record, size_t size);

#endif
