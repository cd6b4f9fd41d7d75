/* What has become of maps since the list before, for `tophash maps --every`.
 */
#ifndef CMD_MAPS_COMPARE_H
#define CMD_MAPS_COMPARE_H

#include "live/gomap/gomap.h"
#include "show/report/report.h"

/* Sets in *row what has become of a map. A map is the same if its address and its type are; a type that one of the lists
 * does not know fits. */
void maps_compare(const struct gomap_list *before, const struct gomap *map, struct map_row *row);
/* Returns the number of maps that are in the list before and not in the list now. */
uint64_t maps_went(const struct gomap_list *before, const struct gomap_list *now);

#endif
