/* place: finds the spots for probes in a Go program. They are found by decoding the runtime's
 * functions, never by version.
 *
 *   place.c      calls the other files in turn
 *   funcs.c      finds the runtime's functions by name, and decodes them
 *   removal.c    SPOT_REMOVAL
 *   sync.c, sync_inlined.c
 *                SPOT_SYNC_REMOVAL, SPOT_SYNC_CLEAR
 *   entry.c      spots at the beginning of functions, and at their returns
 *   gc.c         SPOT_GC
 *   step.c       SPOT_STEP, SPOT_STEP_END
 */
#ifndef READ_PLACE_PLACE_H
#define READ_PLACE_PLACE_H

#include "base/base.h"
#include "read/gofile/gofile.h"

enum spot_role {
	SPOT_REMOVAL = 1,  /* the first instruction that the kernel emulates after the map's count
			     was decremented: one hit for each removed element, none for a miss, no
			     single step */
	SPOT_CLEAR,	   /* the first emulated instruction after the frame is set up in
			     mapclear / (*Map).Clear */
	SPOT_SYNC_REMOVAL, /* the instruction at which an element leaves a sync.Map, or the
			      branch after it; one hit for each removed element */
	SPOT_SYNC_CLEAR,   /* as SPOT_CLEAR, of a sync.Map */
	SPOT_ENTRY,	   /* a delete begins; this role and the next two are needed for misses */
	SPOT_EXIT,	   /* a delete returns */
	SPOT_PANIC,	   /* the goroutine of a delete panics */
	SPOT_START,	   /* in runtime.main: a process of the binary has started */
	SPOT_GC,	   /* after each instruction that changes runtime.gcphase: three hits a GC
			     cycle, and no event has to read the phase */
	SPOT_BEGIN,	   /* in runtime.main: the traced process has started or has executed
			     itself */
	SPOT_STEP, /* elements of a map are about to move (gofile/steps.h); the arguments are in Go's
			  argument registers */
	SPOT_STEP_END, /* they have moved: a return of that function */
};

#define SPOT_REACH 64

/* The place of a probe. */
struct spot {
	const char *func; /* borrowed from the image */
	uint64_t entry;	  /* link-time address of the function */
	uint64_t addr;	  /* link-time address of the spot */
	char *why;	  /* owned */
	enum spot_role role;
	enum go_key_pass key;
	/* SPOT_REMOVAL: the slots in the frame that hold the arguments, in bytes from the frame
	 * pointer, as multiples of 8. A string key takes two words from key_slot on. The slots and
	 * the frame pointer lie within SPOT_REACH bytes, which an engine can read at once. */
	int16_t type_slot, map_slot, key_slot;
	/* SPOT_ENTRY, SPOT_CLEAR: the arguments in Go's argument registers are (map, type, key)
	 * instead of (type, map, key). SPOT_ENTRY and SPOT_SYNC_CLEAR, of a sync.Map: the map is in
	 * the first argument register; otherwise it is in map_slot. */
	bool map_first;
	/* SPOT_ENTRY: the spot is the push of the caller's frame pointer. The function's own frame
	 * pointer is set right after it, to the address of the pushed word. */
	bool at_push;
	bool sync; /* the map is a sync.Map: the two SPOT_SYNC roles, and SPOT_ENTRY and SPOT_EXIT of
		      its methods */
	/* SPOT_SYNC_REMOVAL: map_slot and key_slot are set, and the two words of the key are at
	 * key_slot. (Those of SPOT_ENTRY are there when the method returns, if not before.) With
	 * outer, the slots belong to the frame of the caller. Its distance is fixed, because only
	 * the call that returns to `caller` leads here. Without outer, caller is 0. */
	bool outer;
	/* SPOT_SYNC_REMOVAL: the spot is a branch after a compare-and-swap. The element has left only
	 * if the lowest byte of the first argument register is not 0. */
	bool if_swapped;
	uint64_t caller;   /* link-time return address */
	bool no_arguments; /* SPOT_SYNC roles: in an inlined copy, where nobody knows the slots */
	/* With no_arguments: the spot calls StorePointer(slot, next), and the entry of a hash trie that is in
	 * the slot has the key. */
	bool in_entry;
	uint8_t number; /* SPOT_ENTRY, SPOT_EXIT: one number for each function. SPOT_STEP, SPOT_STEP_END: the row of
			   go_steps */
};

static inline uint64_t spot_offset(const struct spot *spot)
{
	return spot->addr - spot->entry;
}

/* Programs need less than 32, but a build with a profile may have many copies of sync.Map's
 * methods. */
#define PLACEMENTS_MAX 256

struct placements {
	VEC(struct spot) list;
	enum go_build build;
	enum go_maps maps; /* the layout of the program's maps */
	uint64_t gcphase;  /* link-time address of runtime.gcphase; 0 when not found */
	bool gc;	   /* every instruction that changes it has a spot */
	/* An address that stands for the type sync.Map: link-time, in the text, and therefore not
	 * that of any type. 0 when no sync.Map is watched. */
	uint64_t sync_map;
	/* Inlined copies of its methods: their removals have spots, but not their misses. */
	size_t sync_inlined;
};

struct placement_options {
	bool misses;	  /* also place SPOT_ENTRY, SPOT_EXIT and SPOT_PANIC */
	bool start;	  /* also place SPOT_START, because any process may start */
	bool one;	  /* only one process is traced: place SPOT_GC and SPOT_BEGIN */
	bool no_sync_map; /* do not place SPOT_SYNC_REMOVAL and SPOT_SYNC_CLEAR */
	bool steps;	  /* place SPOT_STEP and SPOT_STEP_END, and nothing else */
	bool may_be_empty; /* that there is no map delete is no error: a plugin calls its program's */
};

/* Checks that the Go release that built the program is traced: one of those that are known, or a newer
 * one. Errors (ERROR_TARGET): it is too old. */
struct error *place_check_release(const struct image *image, const struct gopcln *tab);

/* Finds all spots of a program. The caller frees *ret with placements_fini().
 * Errors (ERROR_TARGET): the program has no map delete at all; a function has no spot where its
 * removals can be seen; programs of this machine cannot be traced. */
struct error *placement_find(const struct image *image, const struct gopcln *tab,
			     const struct placement_options *options, struct placements *ret);
void placements_fini(struct placements *placements);
/* Copies placements. The caller frees *ret with placements_fini(). Errors: no memory is left. */
struct error *placements_copy(const struct placements *placements, struct placements *ret);
CLEANUP_VALUE(struct placements, placements_fini)
/* Returns the spot at an address, or NULL. */
const struct spot *placement_at(const struct placements *placements, uint64_t addr);

/* Returns the name of a role, such as "removal". Returns "unknown" for a number that is no role. */
const char *spot_role_name(enum spot_role role);

#endif
