/* The live maps of a process, as the rows of `tophash maps`.
 */
#ifndef CMD_MAPS_LIST_H
#define CMD_MAPS_LIST_H

#include "base/table.h"
#include "cmd/maps_debug.h"
#include "cmd/maps_group.h"
#include "cmd/maps_holders.h"
#include "cmd/maps_options.h"
#include "live/gomap/gomap.h"
#include "live/module/module.h"
#include "show/report/report.h"
#include "show/snapshot/snapshot.h"

/* The texts of a type. They are owned. */
struct type_text {
	char *name;    /* NULL: it cannot be read */
	char *package; /* of its first named part; NULL: it has none */
};

struct maps_listing {
	const struct maps_options *options;
	struct target *target;
	struct modules *modules;
	struct module_list found; /* the Go modules of the process */
	VEC(struct gotype_module) types;
	uint64_t libraries;	   /* Go libraries with a heap of their own, which is not read */
	const char *library;	   /* one of them */
	struct maps_debugs debugs; /* of the modules of types */
	struct gomap_plan *plan;
	struct stop *stop;	/* --stop; its memory is that of the heap or of the copy */
	struct heap_copy *copy; /* --stop; NULL: the heap is not copied */
	struct heap *heap;
	struct gomap_list maps;
	struct maps_ways ways; /* what holds the maps, if options->ways */
	struct table names_at; /* type -> index in names */
	VEC(struct type_text) names;
	VEC(struct map_row) rows;
	struct map_groups groups; /* with --by */
	struct maps_held held;	  /* with --who-holds: in place of rows */
	struct map_report totals; /* without rows */
	struct snapshot_head head;
	struct gomap_list before; /* the list before, with --every */
	uint64_t rights; /* capabilities (1 << CAP_...) that are kept; maps_list_open() sets none */
	bool signals;	 /* processes may be signalled: the engine has some of its own */
	bool confined;	 /* rights were given up */
};

/* Reads the process and makes the rows, in order. The caller frees *ret with maps_list_fini(), also after an
 * error. Errors: the process cannot be read, or is none that is understood; no memory. */
struct error *maps_list_open(const struct maps_options *options, struct maps_listing *ret);
struct error *maps_list_read(struct maps_listing *listing);
/* Does both: opens the process and finds its Go modules; gives up rights, reads the maps and makes the rows. */
struct error *maps_list(const struct maps_options *options, struct maps_listing *ret);
/* Makes the list once more, and compares its rows with the list before. Errors: as above. */
struct error *maps_list_again(struct maps_listing *listing);
/* Returns the row of a map. Its strings are borrowed from the listing. */
struct map_row maps_row_of(const struct maps_listing *listing, const struct gomap *map);
/* Marks the heap of the target, and finds its maps: maps_read.c. */
struct error *maps_read(struct maps_listing *listing, enum go_maps maps);
void maps_list_fini(struct maps_listing *listing);
CLEANUP_VALUE(struct maps_listing, maps_list_fini)

#endif
