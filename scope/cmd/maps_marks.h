/* What the maps of a process are for.
 */
#ifndef CMD_MAPS_MARKS_H
#define CMD_MAPS_MARKS_H

#include "live/gomap/gomap.h"
#include "show/report/report.h"

/* Returns the marks of a map (enum map_mark), whose row has its type. */
unsigned maps_marks(const struct map_row *row, const struct gomap *map);

#endif
