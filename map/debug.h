/* The options of TOPHASH_DEBUG, and the lines that trace=1 prints. tophash_debug() documents the options. */
#ifndef TOPHASH_DEBUG_H
#define TOPHASH_DEBUG_H

#include "tophash/core.h"

#include "names.h"

enum evacuate {
	EVACUATE_SHARED, /* each put and delete moves a share */
	EVACUATE_MANUAL, /* only tophash_step() moves entries */
	EVACUATE_EAGER,	 /* the put or delete that begins a move also ends it */
};

struct debug {
	enum evacuate evacuate;
	int check;	  /* level of the check after each slow write; 0: none */
	bool was_checked; /* check was not 0 once: maps may have no write_tags from then */
	bool stamped;	  /* maps are known by their memory: check was set when the program began */
	bool trace;
	bool seeded; /* seed is valid */
	uint64_t seed;
};

/* Shared by all maps; written by tophash_debug() only. */
extern struct debug debug;

/* Prints a slow operation to stderr. `what` is "put" or "delete". */
void trace_slow(const struct tophash *map, const char *what, enum tophash_reason reason);
/* Prints a move to stderr, in buckets. `what` is "grow", "shrink" or "evacuate"; for "evacuate",
 * `to` is the cursor. */
void trace_move(const struct tophash *map, const char *what, size_t from, size_t to);

#endif
