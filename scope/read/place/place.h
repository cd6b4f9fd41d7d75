/* place: where probes are put in a Go program, and why. The spots are found by decoding the runtime's
 * functions, never by version.
 *
 *   place.c      asks the others in turn
 *   funcs.c      the runtime's functions: found by name, decoded
 *   removal.c    SPOT_REMOVAL
 *   entry.c      spots at the beginning of functions, and at their returns
 *   gc.c         SPOT_GC
 */
#ifndef READ_PLACE_PLACE_H
#define READ_PLACE_PLACE_H

#include "base/base.h"
#include "read/gofile/gofile.h"

enum spot_role {
	SPOT_REMOVAL = 1, /* the first instruction that the kernel emulates after the map's count
			     went down: one hit for each element that really leaves, none for a
			     miss, no single step */
	SPOT_CLEAR,	  /* the first emulated instruction after the frame is set up in
			     mapclear / (*Map).Clear */
	SPOT_ENTRY,	  /* a delete begins; this role and the next two are for misses */
	SPOT_EXIT,	  /* it returns */
	SPOT_PANIC,	  /* its goroutine panics */
	SPOT_START,	  /* runtime.main: a process of the binary began */
	SPOT_GC,	  /* behind each instruction that changes runtime.gcphase: three a GC cycle;
			     no event has to read the phase then */
	SPOT_BEGIN,	  /* runtime.main: the one process that is traced began; each further time
			     it executed itself */
};

#define SPOT_REACH 64

/* A place for one probe. */
struct spot {
	const char *func; /* borrowed from the image */
	uint64_t entry;	  /* link-time address of the function */
	uint64_t addr;	  /* link-time address of the spot */
	char *why;	  /* owned */
	enum spot_role role;
	enum go_key_pass key;
	/* SPOT_REMOVAL: the slots of the frame that hold the arguments, in bytes from the frame
	 * pointer, multiples of 8. A string key takes two words from key_slot on. The slots and the
	 * frame pointer lie within SPOT_REACH bytes, which an engine can read at once. */
	int16_t type_slot, map_slot, key_slot;
	/* SPOT_ENTRY, SPOT_CLEAR: the arguments are in Go's argument registers, as (type, map, key),
	 * or as (map, type, key). */
	bool map_first;
	uint8_t number; /* SPOT_ENTRY, SPOT_EXIT: entry and exits of one function share a number */
};

static inline uint64_t spot_offset(const struct spot *spot)
{
	return spot->addr - spot->entry;
}

#define PLACEMENTS_MAX 64 /* spots at most; no program needs half of that */

struct placements {
	VEC(struct spot) list;
	enum go_maps maps; /* the layout of the program's maps */
	uint64_t gcphase;  /* link-time address of runtime.gcphase; 0: not found */
	bool gc;	   /* every place that changes it has a spot */
};

struct placement_options {
	bool misses; /* also place SPOT_ENTRY, SPOT_EXIT and SPOT_PANIC */
	bool start;  /* also place SPOT_START: any process may begin */
	bool one;    /* one process only: place SPOT_GC and SPOT_BEGIN */
};

/* Finds all spots of a program. *ret is to be given to placements_fini().
 * Errors (ERROR_TARGET): the program has no map delete at all; a function has no spot where its
 * removals can be seen; a machine whose programs cannot be traced. */
struct error *placement_find(const struct image *image, const struct gopcln *tab,
			     const struct placement_options *options, struct placements *ret);
void placements_fini(struct placements *placements);

/* Returns "removal", "clear" and so on; "unknown" for a number that is no role. */
const char *spot_role_name(enum spot_role role);

#endif
