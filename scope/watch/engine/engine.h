/* engine: makes records of removals. Every engine writes the same record (wire.h) and keeps the
 * same accounts. Code that takes records out need not know which engine wrote them.
 *
 *   wire.h          the record
 *   engine.c        the table of engines
 *   uprobe*.c       the engine "uprobe": BPF programs (bpf/) on uprobes, and a ring buffer
 *   stats.h         the kernel's statistics, for the cost of tracing
 *   probe.h         a spot as a row of the kernel program's table
 *   keeper.h        a process that keeps the probes, and takes them off before the file changes
 *   key_match.h     --key as the kernel program decides it
 *   type_table.h    the kernel program's table of types
 *
 * To add an engine:
 *   1. scope/watch/engine/<name>.c: define `const struct engine_ops engine_<name>`. Its own struct
 *      begins with a struct engine. It writes a struct wire_event for each hit of the spots that it is
 *      given: `probe` is WIRE_PROBE(number of the module, index of the spot), and `ip` - the spot's
 *      address is the load bias of the process. A record of `kind` WIRE_START tells that a process of
 *      the binary has started, one of kind WIRE_EXEC that the traced process has executed a program, one
 *      of kind WIRE_LOAD that it has loaded a file.
 *   2. scope/watch/engine/engine.c: declare it and add it to engines[]. --engine NAME, its help and
 *      the start record use that table.
 *   3. scope/watch/engine/meson.build: add the file.
 */
#ifndef WATCH_ENGINE_ENGINE_H
#define WATCH_ENGINE_ENGINE_H

#include "base/file.h"
#include "read/place/place.h"
#include "watch/filter/filter.h"
#include "watch/engine/wire.h"

#include <sys/types.h>

#define ENGINE_STACK_MAX     512 /* frames that can be shown */
#define ENGINE_KEY_BYTES_MAX 256 /* bytes of a string key that can be read */

/* The units of a sample; see engine_set_sample(). */
enum engine_sample {
	ENGINE_SAMPLE_GOROUTINE, /* whole goroutines */
	ENGINE_SAMPLE_KEY,	 /* whole keys; clears are always in the sample */
	ENGINE_SAMPLE_NONE,	 /* nothing is sampled */
};

/* A Go module whose probes an engine places: a program, a plugin or a library. All pointers are
 * borrowed for the life of the engine. Module 0 may have neither image nor tab, and no placements: a run
 * over several programs adds each of them. Modules with the same image and tab
 * are files with the same contents, and have the same placements. */
struct engine_module {
	const struct image *image;
	const struct gopcln *tab;
	const struct placements *placements;
	const struct file_version *version; /* of the file when it was read; NULL: not checked */
	/* The table of the program whose Go runtime runs the module's code, as that of a plugin. NULL: it
	 * has its own runtime. */
	const struct gopcln *runtime;
};

/* A Go module in the memory of a process. The pointers are borrowed for the life of the engine. */
struct engine_place {
	const struct image *image;
	const struct gopcln *tab;
	uint64_t bias; /* run-time address - link-time address */
};

/* Users, by their ids in the initial user namespace. */
struct engine_users {
	const uid_t *list;
	size_t n;	  /* at least 1 */
	const gid_t *gid; /* the effective group that their processes must have; NULL: any */
};

/* A control group of cgroup v1. */
struct engine_cgroup_v1 {
	uint32_t hierarchy; /* its number, as in /proc/PID/cgroup */
	const char *path;   /* the same; "/" is the whole hierarchy */
};

/* Options of an engine. All pointers are borrowed for its life. */
struct engine_options {
	struct engine_module module; /* number 0 */
	const struct filter *filter;
	uint32_t stack_max;   /* frames to show: 1 to ENGINE_STACK_MAX */
	uint32_t key_bytes;   /* 1 to ENGINE_KEY_BYTES_MAX */
	uint64_t buffer_size; /* size of the buffer in bytes; a hint */
	bool misses;
	enum engine_sample sample;
	bool modules; /* a process may have several Go modules */
	bool count;   /* hits may be counted instead of recorded; see engine_drain_counts() */
	uint32_t
		processes; /* engine_attach() is called for so many processes; 0: for all of a file */
	/* Only hits of the processes in a tree count: one of them is the pid of engine_attach(), the
	 * others are in a set. The probes are attached to the file, and survive every exec. */
	bool tree;
	int tree_fd; /* with tree: a BPF hash of process ids; see tree_fd() in watch/tree/tree.h */
	/* With tree: only hits of processes in this control group or below it count, and there is no
	 * tree_fd. A descriptor of its directory in the hierarchy of cgroup v2; -1: none. */
	int cgroup_fd;
	/* With tree_fd: the set follows a control group of cgroup v1. A process that is moved into it or
	 * below it, or out of it, is added or removed at once. NULL: it follows none. */
	const struct engine_cgroup_v1 *cgroup_v1;
	/* Only hits of processes whose effective user is one of these count. With `group` there is no
	 * tree_fd. NULL: all users. */
	const struct engine_users *users;
	/* Tells whether a process that engine_attach() is called for has not ended. It is asked when the
	 * probes stand, before a hit of them counts: another process may have got the pid. NULL: it is not
	 * asked. */
	bool (*runs)(void *ctx, pid_t pid);
	void *runs_ctx;
	/* With tree: no process is the watched one. Each exec of a process whose hits count makes a
	 * WIRE_EXEC. Each move of any process to another control group makes a WIRE_MOVE; with `users`,
	 * each process that becomes one of theirs does. */
	bool group;
};

struct engine_counters {
	uint64_t hits;	   /* all hits; each is recorded, counted, filtered, sampled or lost */
	uint64_t filtered; /* hits that the engine left out */
	uint64_t filtered_shapes; /* those of them that --type filtered and whose type is a shape */
	uint64_t sampled;	  /* hits that the sample left out */
	uint64_t paused;	  /* traps that were no hits, while probes were placed or removed */
	uint64_t removed;	  /* elements, by delete */
	uint64_t cleared;	  /* elements, by clear */
	uint64_t clears_unknown;  /* clears of sync.Maps, and of maps that could not be read */
	uint64_t misses;	  /* deletes that removed nothing */
	uint64_t lost_ring, lost_pending, lost_internal;
};

/* A number of hits that the engine counted, without a record for each. They have the same kind, type,
 * place and stack. */
struct engine_count {
	/* One of the hits, as engine_drain() would give it. It has no key, no map, no goroutine
	 * and no numbers. */
	const void *record;
	size_t size;
	uint64_t hits;
	uint64_t elements;	    /* removed by all of them together */
	const uint64_t *goroutines; /* distinct ids, made by wire_goroutine() */
	size_t goroutines_n;	    /* WIRE_GOROUTINES means that many or more */
};

/* The measured cost of tracing for the traced program. */
struct engine_cost {
	double hits_per_s;  /* in the last window */
	double ns_per_hit;  /* including a share of all other probes; over all windows */
	double cpu_percent; /* of one CPU, in the last window */
	/* The average cost of a hit, and of a hit that the sample leaves out. 0: not known. */
	double kept_ns, left_ns;
	double trap_ns; /* average cost of the trap of a probe */
};

/* What an engine can do on this machine, tried without a target. The errors are the caller's. */
struct engine_trial {
	struct error *load; /* why engine_open() would fail; NULL: it would not */
	struct error
		*probe; /* why engine_attach() would fail; NULL: it would not, or load is set */
	bool grouped;	/* all probes of a kind are placed and removed at once */
	bool cost;	/* the kernel tells what tracing costs */
};

/* Whether probes stand, and why not. A probe must not be in a file that changes: the kernel would put a
 * breakpoint at its offset into the new program, which would crash. */
enum engine_hold {
	ENGINE_HELD,   /* they stand, and are removed before the file changes */
	ENGINE_UNHELD, /* nobody would tell when the file is written: no lease on this file system, or
			   no right to one. They stand only if they are for one process. */
	ENGINE_WRITTEN, /* the file is open for writing; they do not stand */
	ENGINE_CHANGED, /* it is no longer the file that was read; they do not stand */
};

/* An open engine. The struct of each engine begins with one. engine_open() sets ops. */
struct engine {
	const struct engine_ops *ops;
};

/* The functions of an engine. The functions below with the same names describe what each does.
 * Those marked as optional may be NULL. */
struct engine_ops {
	const char *name;			   /* for --engine and the start record */
	struct error *(*check)(void);		   /* optional */
	void (*try_out)(struct engine_trial *ret); /* optional */
	enum engine_hold (*try_hold)(int exe);	   /* optional */
	struct error *(*open)(const struct engine_options *options, struct engine **ret);
	void (*close)(struct engine *engine);		       /* never called with NULL */
	bool (*types_cut)(const struct engine *engine);	       /* optional */
	uint64_t (*capabilities)(const struct engine *engine); /* optional */
	struct error *(*add)(struct engine *engine, const struct engine_module *module,
			     uint32_t *ret); /* optional: without it, only module 0 is watched */
	struct error *(*attach)(struct engine *engine, uint32_t module, int exe, pid_t pid,
				enum engine_hold *ret);
	bool (*holds)(struct engine *engine, uint32_t module); /* optional */
	void (*release)(struct engine *engine, pid_t pid);     /* optional */
	struct error *(*set_modules)(struct engine *engine, pid_t pid,
				     const struct engine_place *places, size_t n); /* optional */
	struct error *(*watch_loads)(struct engine *engine, int linker, uint64_t offset,
				     pid_t pid);		    /* optional */
	uint32_t (*exec_count)(const struct engine *engine);	    /* optional */
	bool (*sends_execs)(const struct engine *engine);	    /* optional */
	uint32_t (*strangers)(const struct engine *engine);	    /* optional */
	uint32_t (*news_lost)(const struct engine *engine);	    /* optional */
	void (*narrow)(struct engine *engine);			    /* optional */
	void (*narrowed)(struct engine *engine);		    /* optional */
	void (*forget)(struct engine *engine, pid_t pid);	    /* optional */
	void (*set_gc)(struct engine *engine, uint32_t phase);	    /* optional */
	void (*forget_gc)(struct engine *engine);		    /* optional */
	void (*set_sample)(struct engine *engine, double fraction); /* optional */
	void (*pause)(struct engine *engine);			    /* optional, and resume */
	struct error *(*resume)(struct engine *engine, uint64_t *ret_ns);
	void (*stop)(struct engine *engine);
	void (*detach)(struct engine *engine);
	int (*wake_fd)(const struct engine *engine); /* optional */
	struct error *(*drain)(struct engine *engine,
			       bool (*on_record)(void *ctx, const void *record, size_t size),
			       void *ctx);
	struct error *(*drain_counts)(struct engine *engine,
				      bool (*on_count)(void *ctx, const struct engine_count *count),
				      void *ctx); /* optional; NULL when it counts nothing */
	void (*counters)(const struct engine *engine, struct engine_counters *ret);
	void (*measure)(struct engine *engine, uint64_t time_ns);	    /* optional */
	bool (*cost)(const struct engine *engine, struct engine_cost *ret); /* optional */
};

/* Returns the engine of a name, or NULL when there is none. The name NULL means the default
 * engine. */
const struct engine_ops *engine_find(const char *name);
/* Returns engine number i, from 0. Returns NULL after the last. */
const struct engine_ops *engine_at(size_t i);

/* Checks, before anything of the target is known, that the engine may be used here. Errors: as for
 * engine_open(). */
struct error *engine_check(const struct engine_ops *ops);

/* Makes the error for a kernel that does not tell the user of a process, which engine_options.users needs. */
struct error *engine_no_users(void);

/* Tries what an engine needs. A probe is placed in this process alone, in code that it does not
 * run. */
void engine_try_out(const struct engine_ops *ops, struct engine_trial *ret);
void engine_trial_fini(struct engine_trial *trial);
/* Tells whether probes for all processes of a file could stand now: ENGINE_HELD, ENGINE_UNHELD or
 * ENGINE_WRITTEN. exe: the file, a descriptor. Nothing is placed. */
enum engine_hold engine_try_hold(const struct engine_ops *ops, int exe);

/* Prepares an engine. Nothing is attached yet. Errors (ERROR_PERMISSION): no privilege, or the
 * kernel refuses the programs (the text has its reason). */
struct error *engine_open(const struct engine_ops *ops, const struct engine_options *options,
			  struct engine **ret);
void engine_close(struct engine *engine); /* detaches; NULL is legal */
CLEANUP_FUNC(struct engine, engine_close)

/* Returns true if the program has more types than are described. Keys of the other types cannot be
 * read, and their events say so. */
bool engine_types_cut(const struct engine *engine);

/* Returns the capabilities (1 << CAP_...) that the engine needs to attach and detach again. */
uint64_t engine_capabilities(const struct engine *engine);

/* Prepares the engine for a further module, and writes its number to *ret. Nothing is attached yet.
 * Errors: as engine_open(); ERROR_FAILED: the engine has no room for it, or can watch one module only. */
struct error *engine_add(struct engine *engine, const struct engine_module *module, uint32_t *ret);

/* Attaches all probes of a module to its file `exe` (a descriptor, borrowed until the probes are
 * removed), for process `pid`. With pid -1, they are attached for every process of the file,
 * including later ones. For a process, options.runs is asked. May be called again after the process has
 * executed itself: the new probes replace the old ones without a gap, and no event comes twice. On error
 * the old ones stay. *ret tells whether they stand; if not, the old ones are removed, too. */
struct error *engine_attach(struct engine *engine, uint32_t module, int exe, pid_t pid,
			    enum engine_hold *ret);
/* Tells whether all probes of a module that were placed still stand. If not, they are removed from all
 * processes. Call it often. */
bool engine_holds(struct engine *engine, uint32_t module);
/* Tells the engine all Go modules of a process, so that a delete in one of them finds the types of the
 * others. It replaces what was told before. An engine that needs no types does nothing. Errors: as
 * engine_attach(). */
struct error *engine_set_modules(struct engine *engine, pid_t pid,
				 const struct engine_place *places, size_t n);
/* Begins to send a WIRE_LOAD when a process has loaded a file. `linker` is the file of its dynamic
 * linker, and `offset` the offset in it of the function that the linker calls then. An engine that cannot
 * do this does nothing. Errors: as engine_attach(). */
struct error *engine_watch_loads(struct engine *engine, int linker, uint64_t offset, pid_t pid);
/* Removes the probes that were attached for this process alone, because it has ended. Does not wait
 * for the end of that. */
void engine_release(struct engine *engine, pid_t pid);
/* Returns how often the traced process, if there is one, has begun since the first engine_attach(). If
 * the count grows after an exec, the probes have survived it. */
uint32_t engine_exec_count(const struct engine *engine);
/* Tells whether the engine sends a WIRE_EXEC for each program that the traced processes execute. */
bool engine_sends_execs(const struct engine *engine);
/* Returns how often a process that is not in the tree (engine_options.tree) has begun, in which the probes of
 * module 0 are, too. */
uint32_t engine_strangers(const struct engine *engine);
/* Returns how many WIRE_START and WIRE_EXEC records found no room. */
uint32_t engine_news_lost(const struct engine *engine);
/* Makes engine_attach() place the probes of module 0 in single processes only. Those for all processes of its
 * file count until engine_narrowed(). */
void engine_narrow(struct engine *engine);
/* Makes the probes in single processes count, and begins to remove those for all processes of the file. No
 * hit is lost, and none counts twice. Call it again, often: it finishes that when the latter are gone. */
void engine_narrowed(struct engine *engine);
/* Tells the engine that a process has ended, and that another one may get its pid. */
void engine_forget(struct engine *engine, pid_t pid);
/* Tells the engine the GC phase that was read after engine_attach(). It is valid until the engine
 * sees the first change. Without it, the engine reads the phase with each event until then. */
void engine_set_gc(struct engine *engine, uint32_t phase);
/* Makes the engine forget the GC phase, because the process has executed itself without being
 * seen. */
void engine_forget_gc(struct engine *engine);
/* Begins a sample. From now on a part of all goroutines or keys is shown (engine_options.sample),
 * and the hits of the others count as sampled. `fraction` is above 0 and at most 1. A goroutine or
 * key in a smaller sample is also in every larger one. */
void engine_set_sample(struct engine *engine, double fraction);
/* Begins to remove the probes at deletes and clears, and does not wait for the end. No delete is
 * seen until engine_resume(). Other probes stay, and starts of processes are still reported.
 * Returns false if this engine cannot do this. */
bool engine_pause(struct engine *engine);
/* Places these probes again. Writes to *ret_ns the time (CLOCK_MONOTONIC) from which hits count.
 * Writes 0 if the old probes are not removed yet; the caller must then try again. Errors: as
 * engine_attach(). */
struct error *engine_resume(struct engine *engine, uint64_t *ret_ns);
/* Stops counting and recording, without waiting for anything. Records that were written stay until they
 * are drained. May be called again, as engine_detach() may. */
void engine_stop(struct engine *engine);
/* Removes all probes. The counters are final after that. Records can still be drained. */
void engine_detach(struct engine *engine);

/* Returns a descriptor that is readable from the start of a process of the binary until the next
 * drain. Returns -1 when the engine has none. */
int engine_wake_fd(const struct engine *engine);

/* Calls on_record for every record in the buffer. The record is borrowed until on_record returns.
 * on_record returns false to stop; that record is still taken out. */
struct error *engine_drain(struct engine *engine,
			   bool (*on_record)(void *ctx, const void *record, size_t size),
			   void *ctx);

/* Calls on_count once for each group of hits that were counted (engine_options.count). Call it after
 * engine_detach(). The group is borrowed until on_count returns. on_count returns false to stop. */
struct error *engine_drain_counts(struct engine *engine,
				  bool (*on_count)(void *ctx, const struct engine_count *count),
				  void *ctx);

void engine_counters(const struct engine *engine, struct engine_counters *ret);

/* Continues measuring the cost of tracing. Call it every few milliseconds while the probes are
 * attached. It never waits. time_ns is of CLOCK_MONOTONIC. */
void engine_measure(struct engine *engine, uint64_t time_ns);
/* Returns the cost of tracing in *ret. Returns false when it is not known yet, or the kernel does
 * not tell it. */
bool engine_cost(const struct engine *engine, struct engine_cost *ret);

#endif
