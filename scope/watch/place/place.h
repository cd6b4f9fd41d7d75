/* Where probes are put in a Go program, and why: found by decoding the runtime's functions, never
 * by version.
 *
 *   removal   the first instruction that the kernel emulates after the map's count went down: one
 *             hit for each element that really leaves, none for a miss, no single step
 *   clear     the first emulated instruction after the frame is set up in mapclear / (*Map).Clear
 *   entry, exit, panic   only for misses
 *   start     runtime.main: a process of the binary began
 *   begin     runtime.main: the one process that is traced began; once more: it executed itself
 *   gc        behind each instruction that changes runtime.gcphase: three a GC cycle, so that no
 *             event has to read it
 */
#ifndef WATCH_PLACE_PLACE_H
#define WATCH_PLACE_PLACE_H

#include "base/base.h"
#include "watch/engine/wire.h"
#include "read/gofile/gofile.h"

struct placement {
	const char *func; /* borrowed from the image */
	uint64_t entry;	  /* link-time address of the function */
	uint64_t offset;  /* of the probe, from entry */
	char *why;	  /* owned */
	struct wire_probe wire;
};

struct placements {
	VEC(struct placement) list;
	bool swiss;	  /* the program's maps: Swiss tables, else classic buckets */
	uint64_t gcphase; /* link-time address of runtime.gcphase; 0: not found */
	bool gc;	  /* all places that change it are probed */
};

struct placement_options {
	bool misses; /* also place entry, exit and panic probes */
	bool start;  /* also place the start probe: any process may begin */
	bool one;    /* one process only: watch the GC phase change, and the process begin anew */
};

/* Errors (ERROR_TARGET): the program has no map delete at all; a function has no spot where its
 * removals can be seen. */
struct error *placement_find(const struct image *image, const struct gopcln *tab,
			     const struct placement_options *options, struct placements *ret);
void placements_fini(struct placements *placements);

const char *placement_role_name(uint8_t role);

#endif
