/* The live maps of a process, as the rows of `tophash maps`.
 */
#ifndef CMD_MAPS_LIST_H
#define CMD_MAPS_LIST_H

#include "base/table.h"
#include "cmd/maps_options.h"
#include "live/gomap/gomap.h"
#include "live/module/module.h"
#include "show/report/report.h"

struct maps_listing {
	const struct maps_options *options;
	struct target *target;
	struct modules *modules;
	struct module_list found; /* the Go modules of the process */
	VEC(struct gotype_module) types;
	struct heap *heap;
	struct gomap_list maps;
	struct table names_at; /* type -> index in names */
	VEC(char *) names;     /* of types; NULL: it cannot be read */
	VEC(struct map_row) rows;
	struct map_report totals; /* without rows */
};

/* Reads the process and makes the rows, in order. The caller frees *ret with maps_list_fini(), also after an
 * error. Errors: the process cannot be read, or is none that is understood; no memory. */
struct error *maps_list(const struct maps_options *options, struct maps_listing *ret);
void maps_list_fini(struct maps_listing *listing);
CLEANUP_VALUE(struct maps_listing, maps_list_fini)

#endif
