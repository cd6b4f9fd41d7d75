/* maps --stop: the process stands still while its heap is copied, or marked. */
#ifndef CMD_MAPS_STOP_H
#define CMD_MAPS_STOP_H

#include "cmd/maps_list.h"

/* Makes this process one that runs first, so that the target stands as shortly as possible on a busy machine. Nothing needs it
 * if that is not permitted. */
void maps_hurry(void);
/* Stops the target, and finds its maps as they were then. Errors: it would stand longer than --max-stop, or did; it cannot
 * be stopped, or has ended; as maps_read(). */
struct error *maps_stop(struct maps_listing *listing, enum go_maps maps);

/* maps_read.c */
/* Returns the error that the target has ended, or has executed another program, instead of one that follows from that. */
struct error *maps_ended(const struct maps_listing *listing, struct error *err);
struct heap_options maps_heap_options(const struct maps_listing *listing, enum go_maps maps);
/* Reads the files of the program for maps_find(). */
struct error *maps_new_plan(struct maps_listing *listing, struct heap *heap, enum go_maps maps);
/* Finds the maps of an open heap, by listing->plan, and what holds them. */
struct error *maps_find(const struct maps_listing *listing, struct heap *heap,
			struct gomap_list *maps, struct maps_ways *ways, struct maps_held *held);

#endif
