/* The functions of Go's runtime that move the elements of a map to other memory, or make room for more. Only this
 * table knows their names and their arguments.
 *
 *   classic buckets (runtime/map.go, map_fast32.go, map_fast64.go, map_faststr.go)
 *     hashGrow makes new buckets. Each insert and delete then calls evacuate for one or two of the old ones.
 *     newoverflow appends a bucket to a chain.
 *   Swiss tables (internal/runtime/maps/map.go, table.go)
 *     growToTable makes a table of the single group of a small map. grow replaces a table by one of twice the size, and
 *     split by two. split also doubles the directory if that has no room for both. pruneTombstones (Go 1.25 and later)
 *     makes slots of deleted elements usable again.
 *
 * To add a Go release: see entries.h. The tests of `maps --watch` compare each step with what a program knows.
 */
#ifndef READ_GOFILE_STEPS_H
#define READ_GOFILE_STEPS_H

#include <stdbool.h>
#include <stdint.h>

enum go_step_kind {
	GO_STEP_GROW,	  /* classic: new buckets, to which elements will move */
	GO_STEP_EVACUATE, /* classic: the elements of an old bucket and its overflow buckets move */
	GO_STEP_OVERFLOW, /* classic: a chain gets one more bucket */
	GO_STEP_CLEAR,
	GO_STEP_TABLE,	/* Swiss: the single group becomes a table */
	GO_STEP_RESIZE, /* Swiss: a table is replaced by a larger one */
	GO_STEP_SPLIT,	/* Swiss: a table is replaced by two */
	GO_STEP_PRUNE,	/* Swiss: tombstones are removed, if it is worth it */
};

/* Argument numbers are positions in Go's internal ABI, from 0. */
struct go_step {
	const char *name; /* as in the function table */
	enum go_step_kind kind;
	uint8_t type_arg, map_arg;
	uint8_t what_arg; /* the old bucket's number, the last bucket of the chain, or the table; that of the map: none */
	uint8_t layout; /* GO_IN_CLASSIC or GO_IN_SWISS (entries.h) */
	const char *
		calls; /* no step if its code only calls this function, which is another row; NULL: none */
};

#define GO_STEPS 13
extern const struct go_step go_steps[GO_STEPS];

/* Returns the number of the last argument that a step needs. */
unsigned go_step_last_arg(const struct go_step *step);

#endif
