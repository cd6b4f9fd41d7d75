/* The instructions that remove an element: first those up to the call at a site, then those of the
 * runtime's functions up to the instruction at which the element leaves.
 */
#ifndef READ_SITE_PATH_H
#define READ_SITE_PATH_H

#include "read/code/code.h"
#include "read/place/place.h"
#include "read/site/site.h"

/* The program. All pointers are borrowed. */
struct site_program {
	const struct image *image;
	const struct gopcln *tab;
	const struct sites *sites;
	const struct placements *placements; /* without the spots for misses */
};

struct site_step {
	uint32_t insn; /* index into code.insns */
	bool apart;    /* it does not follow the step before: a stretch beside the path begins */
};

/* The instructions of one function that matter. */
struct site_path {
	struct gopcln_func func;
	struct code code; /* of the whole function, decoded */
	VEC(struct site_step) steps;
};

void site_path_fini(struct site_path *path);
CLEANUP_VALUE(struct site_path, site_path_fini)

/* Finds the instructions of a site: those that set up the arguments, and then the call. There are no
 * steps when no instruction begins at row->pc. Errors: out of memory. */
struct error *site_path_to_call(const struct site_program *program, const struct site_row *row,
				struct site_path *ret);

#define SITE_CHAIN_MAX 16

/* Functions of the runtime that an element passes one after the other. The first is an entry. */
struct site_chain {
	uint64_t funcs[SITE_CHAIN_MAX]; /* link-time addresses */
	size_t n;
};

/* Finds the functions that the entry at `entry` calls in turn: other entries, and functions that have a
 * spot. Errors: out of memory. */
struct error *site_chain_find(const struct site_program *program, uint64_t entry,
			      struct site_chain *ret);
/* Finds the shortest path through the function at `func` past its spot, or past its call of the
 * next function of the chain. If there is none, it is the straight path. Spots that are not on the
 * path follow, each with the instructions before it. There are no steps when there is no such
 * function. Errors: out of memory. */
struct error *site_path_through(const struct site_program *program, uint64_t func,
				const struct site_chain *chain, struct site_path *ret);

#endif
