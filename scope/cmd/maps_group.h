/* Live maps in groups, for `tophash maps --by`.
 */
#ifndef CMD_MAPS_GROUP_H
#define CMD_MAPS_GROUP_H

#include "cmd/maps_options.h"
#include "show/report/report.h"

struct map_groups {
	VEC(struct map_group) list;
};

/* Groups the rows by options->by, in the order of options->order, and keeps the first options->top. The texts are borrowed
 * from the rows. The caller frees *ret with maps_group_fini(), also after an error. Errors: no memory. */
struct error *maps_group(const struct maps_options *options, const struct map_row *rows, size_t n,
			 struct map_groups *ret);
void maps_group_fini(struct map_groups *groups);
CLEANUP_VALUE(struct map_groups, maps_group_fini)

#endif
