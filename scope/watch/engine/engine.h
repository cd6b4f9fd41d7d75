/* engine: what makes records of removals. Today one: uprobes with a BPF program.
 *
 *   wire.h        the record that every engine writes
 *   probe.h       a spot as a row of the kernel program's table
 *   key_match.h   --key as the kernel program decides it
 *   type_table.h  the kernel program's table of types
 *   uprobe.c      the engine: loads, attaches, drains, counts
 */
#ifndef WATCH_ENGINE_ENGINE_H
#define WATCH_ENGINE_ENGINE_H

#include "watch/filter/filter.h"
#include "watch/place/place.h"
#include "watch/engine/wire.h"

#include <sys/types.h>

#define ENGINE_STACK_MAX     512 /* frames that can be shown */
#define ENGINE_KEY_BYTES_MAX 256 /* bytes of a string key that can be read */

struct probe_options {
	const struct image *image; /* borrowed, as all pointers here, for the engine's life */
	const struct gopcln *tab;
	const struct placements *placements;
	const struct filter *filter;
	uint32_t stack_max;   /* frames to show: 1 to ENGINE_STACK_MAX */
	uint32_t key_bytes;   /* 1 to ENGINE_KEY_BYTES_MAX */
	uint64_t buffer_size; /* bytes; rounded up to a power of two of pages */
	bool misses;
	bool start; /* the placements have a start probe */
};

struct engine;

/* Loads the kernel programs; nothing is attached yet. Errors (ERROR_PERMISSION): no privilege, no
 * BPF, a kernel that refuses the program (with its reason). */
struct error *engine_open(const struct probe_options *options, struct engine **ret);
void engine_close(struct engine *engine); /* detaches; NULL is legal */
CLEANUP_FUNC(struct engine, engine_close)

/* Has the program more types than are worth going through? Keys of the others cannot be read then,
 * and say so. */
bool engine_types_cut(const struct engine *engine);

/* Places all probes in the file `exe` (a descriptor), for process `pid` or for every process of it
 * (-1), also those that start later. Once more, when the process has executed itself (from another
 * thread than its first, the kernel forgets it): the new probes take over from the old without a
 * gap and without an event twice. On error the old ones stay. */
struct error *engine_attach(struct engine *engine, int exe, pid_t pid);
/* How often the one process that is traced has begun since it was attached to: tells whether the
 * probes have survived an exec. */
uint32_t engine_begun(const struct engine *engine);
/* Tells the GC phase as it was read after engine_attach(); it holds until the first change is seen.
 * Without it, each event reads it until then. */
void engine_set_gc(struct engine *engine, uint32_t phase);
/* What was seen of the GC phase holds no more: the process has executed itself unseen. */
void engine_forget_gc(struct engine *engine);
/* From here on nothing is counted any more; what is in the ring stays there. */
void engine_stop(struct engine *engine);
/* Takes all probes off. The counters are final, the ring can still be drained. */
void engine_detach(struct engine *engine);

/* A descriptor that is readable when a process of the binary has begun, until the next drain. */
int engine_wake_fd(const struct engine *engine);

/* Calls on_record for every record in the ring; it returns false to stop early (that record counts
 * as taken). The record is borrowed for the length of the call. */
struct error *engine_drain(struct engine *engine,
			   bool (*on_record)(void *ctx, const void *record, size_t size),
			   void *ctx);

struct engine_counters {
	uint64_t hits, filtered, removed, cleared, misses;
	uint64_t lost_ring, lost_pending, lost_internal;
};
void engine_counters(const struct engine *engine, struct engine_counters *ret);

#endif
