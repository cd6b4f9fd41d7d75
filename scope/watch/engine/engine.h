/* engine: what makes records of removals. Every engine writes the same record (wire.h) and keeps the
 * same accounts, so whoever takes records out need not know which engine wrote them.
 *
 *   wire.h          the record
 *   engine.c        the table of engines
 *   uprobe*.c       the engine "uprobe": BPF programs (bpf/) on uprobes, and a ring buffer
 *   probe.h         a spot as a row of the kernel program's table
 *   key_match.h     --key as the kernel program decides it
 *   type_table.h    the kernel program's table of types
 *
 * To add an engine:
 *   1. scope/watch/engine/<name>.c: define `const struct engine_ops engine_<name>`. Its own struct
 *      begins with a struct engine. It writes struct wire_event records for the spots that it is
 *      given: `probe` is the index of the spot, and `ip` less the spot's address is the load bias of
 *      the process. A record with `kind` WIRE_START tells that a process of the binary began, one with
 *      WIRE_EXEC that the one process has executed a program.
 *   2. scope/watch/engine/engine.c: declare it and add it to engines[]. --engine NAME, its help and
 *      the start record follow from there.
 *   3. scope/watch/engine/meson.build: add the file.
 */
#ifndef WATCH_ENGINE_ENGINE_H
#define WATCH_ENGINE_ENGINE_H

#include "read/place/place.h"
#include "watch/filter/filter.h"
#include "watch/engine/wire.h"

#include <sys/types.h>

#define ENGINE_STACK_MAX     512 /* frames that can be shown */
#define ENGINE_KEY_BYTES_MAX 256 /* bytes of a string key that can be read */

/* All pointers are borrowed for the engine's life. */
struct engine_options {
	const struct image *image;
	const struct gopcln *tab;
	const struct placements *placements;
	const struct filter *filter;
	uint32_t stack_max;   /* frames to show: 1 to ENGINE_STACK_MAX */
	uint32_t key_bytes;   /* 1 to ENGINE_KEY_BYTES_MAX */
	uint64_t buffer_size; /* bytes, as a hint */
	bool misses;
	bool count; /* deletes may be counted instead of recorded: engine_drain_counts() has them */
	bool start; /* the placements have a SPOT_START */
};

struct engine_counters {
	uint64_t hits;		  /* all hits; each is a record, or filtered, or lost */
	uint64_t filtered;	  /* hits that the engine itself left out */
	uint64_t filtered_shapes; /* those of them that --type filtered, of maps whose type is a
				     shape (filter_type_is_shape) */
	uint64_t removed;	  /* elements, by delete */
	uint64_t cleared;	  /* elements, by clear */
	uint64_t misses;	  /* deletes that removed nothing */
	uint64_t lost_ring, lost_pending, lost_internal;
};

/* Deletes that the engine counted instead of writing a record for each. They are alike in type, place
 * and stack; stacks of more frames than a small record holds are cut there. */
struct engine_count {
	/* One of them, as engine_drain() gives it. It has no key, no map, no goroutine, no numbers. */
	const void *record;
	size_t size;
	uint64_t hits;
	const uint64_t *goroutines; /* distinct ids, as wire_goroutine() makes them */
	size_t goroutines_n;	    /* WIRE_GOROUTINES stands for that many or more */
};

/* What tracing costs the traced program, as measured. */
struct engine_cost {
	double hits_per_s;  /* in the last window that was measured */
	double ns_per_hit;  /* with the share of all other probes; over all that was measured */
	double cpu_percent; /* of one CPU; in the same window */
};

/* An open engine; each engine's own struct begins with one. engine_open() sets ops. */
struct engine {
	const struct engine_ops *ops;
};

/* The functions below with these names say what each has to do. Those marked optional may be NULL. */
struct engine_ops {
	const char *name; /* for --engine and the start record */
	struct error *(*open)(const struct engine_options *options, struct engine **ret);
	void (*close)(struct engine *engine);		/* never called with NULL */
	bool (*types_cut)(const struct engine *engine); /* optional */
	struct error *(*attach)(struct engine *engine, int exe, pid_t pid);
	uint32_t (*exec_count)(const struct engine *engine);   /* optional */
	bool (*sends_execs)(const struct engine *engine);      /* optional */
	void (*set_gc)(struct engine *engine, uint32_t phase); /* optional */
	void (*forget_gc)(struct engine *engine);	       /* optional */
	void (*stop)(struct engine *engine);
	void (*detach)(struct engine *engine);
	int (*wake_fd)(const struct engine *engine); /* optional */
	struct error *(*drain)(struct engine *engine,
			       bool (*on_record)(void *ctx, const void *record, size_t size),
			       void *ctx);
	struct error *(*drain_counts)(struct engine *engine,
				      bool (*on_count)(void *ctx, const struct engine_count *count),
				      void *ctx); /* optional: it counts nothing */
	void (*counters)(const struct engine *engine, struct engine_counters *ret);
	void (*measure)(struct engine *engine, uint64_t time_ns);	    /* optional */
	bool (*cost)(const struct engine *engine, struct engine_cost *ret); /* optional */
};

/* Returns the engine of a name; NULL stands for the default engine. Returns NULL when there is none. */
const struct engine_ops *engine_find(const char *name);
/* Returns the engines one by one, from i = 0 on; NULL after the last. */
const struct engine_ops *engine_at(size_t i);

/* Makes an engine ready; nothing is attached yet. Errors (ERROR_PERMISSION): no privilege, or a kernel
 * that refuses the programs (with its reason). */
struct error *engine_open(const struct engine_ops *ops, const struct engine_options *options,
			  struct engine **ret);
void engine_close(struct engine *engine); /* detaches; NULL is legal */
CLEANUP_FUNC(struct engine, engine_close)

/* Returns true if the program has more types than are worth describing. The keys of the others cannot
 * be read then, and their events say so. */
bool engine_types_cut(const struct engine *engine);

/* Places all probes in the file `exe` (a descriptor), for process `pid`, or with pid -1 for every
 * process of the file, also for those that start later. It may be called again after the process has
 * executed itself: the new probes take over from the old ones without a gap and without an event
 * twice. On error the old ones stay. */
struct error *engine_attach(struct engine *engine, int exe, pid_t pid);
/* Returns how often the one process that is traced has begun since the first engine_attach(). A count
 * that grows with an exec tells that the probes have survived it. */
uint32_t engine_exec_count(const struct engine *engine);
/* Tells whether the engine sends a WIRE_EXEC for each program that the one process executes. */
bool engine_sends_execs(const struct engine *engine);
/* Tells the GC phase that was read after engine_attach(). It holds until the engine sees the first
 * change. An engine that was not told reads the phase with each event until then. */
void engine_set_gc(struct engine *engine, uint32_t phase);
/* Makes the engine forget the GC phase: the process has executed itself unseen. */
void engine_forget_gc(struct engine *engine);
/* Ends the counting. Records that were written stay until they are drained. */
void engine_stop(struct engine *engine);
/* Takes all probes off. The counters are final then. Records can still be drained. */
void engine_detach(struct engine *engine);

/* Returns a descriptor that is readable when a process of the binary has begun, until the next drain;
 * -1: the engine has none. */
int engine_wake_fd(const struct engine *engine);

/* Calls on_record for every record that is there. It returns false to stop early; that record counts
 * as taken. The record is borrowed for the length of the call. */
struct error *engine_drain(struct engine *engine,
			   bool (*on_record)(void *ctx, const void *record, size_t size),
			   void *ctx);

/* Calls on_count for all deletes that were counted (engine_options.count), once, after
 * engine_detach(). It returns false to stop early. The count is borrowed for the length of the call. */
struct error *engine_drain_counts(struct engine *engine,
				  bool (*on_count)(void *ctx, const struct engine_count *count),
				  void *ctx);

void engine_counters(const struct engine *engine, struct engine_counters *ret);

/* Goes on with measuring what tracing costs. To be called every few milliseconds while the probes
 * stand; it never waits. time_ns: CLOCK_MONOTONIC. */
void engine_measure(struct engine *engine, uint64_t time_ns);
/* Returns false when the cost is not known: not yet, or the kernel does not tell. */
bool engine_cost(const struct engine *engine, struct engine_cost *ret);

#endif
