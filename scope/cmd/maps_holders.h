/* What holds maps and other objects, for `tophash maps --holders`, --by holder and --who-holds.
 */
#ifndef CMD_MAPS_HOLDERS_H
#define CMD_MAPS_HOLDERS_H

#include "base/table.h"
#include "live/holders/holders.h"
#include "show/report/report.h"

struct maps_ways {
	struct holders *holders;
	struct table texts_at; /* first hop of a way -> index in texts */
	struct table
		packages_at; /* a function's or variable's name (its address) -> index in texts */
	VEC(char *) texts;
	uint64_t
		cut; /* maps whose ways are not known up to a root, of those that maps_ways_take() has seen */
};

/* What holds one object. The report borrows from the ways. */
struct maps_held {
	struct held_report report;
	uint64_t left_out; /* pointers whose ways are not among them */
	uint64_t cut;	   /* pointers whose ways are not known up to a root */
	VEC(struct held_way) ways;
	char field[128]; /* text of the report */
};

/* Prepares maps_ways_of(). With with_maps it also finds what holds each map of the list. The list and the heap are borrowed.
 * The caller frees *ret with maps_ways_fini(), also after an error. Errors: the heap is too large for it; no memory. */
struct error *maps_ways_find(struct heap *heap, const struct gomap_list *maps, bool with_maps,
			     struct maps_ways *ret);
void maps_ways_fini(struct maps_ways *ways);
/* Puts what holds the map into its row. With MAPS_OF_HOLDER the row also gets it as a text. With MAPS_OF_PACKAGE it also gets the
 * package of what holds the map, if its type has none. Texts are kept. Errors: no memory. */
struct error *maps_ways_take(struct maps_ways *ways, enum map_grouping by, struct map_row *row);
/* Finds what holds the object at an address: at most `max` ways. The caller frees ret->ways, also after an error.
 * Errors: as holders_paths(). */
struct error *maps_ways_of(struct maps_ways *ways, uint64_t addr, uint64_t max,
			   struct maps_held *ret);

#endif
