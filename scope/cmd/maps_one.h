/* One map in full: tophash maps --map.
 */
#ifndef CMD_MAPS_ONE_H
#define CMD_MAPS_ONE_H

#include "cmd/maps_list.h"

/* Appends the map that options->map names: its facts, its drawing, and the entries that are asked for. The listing must
 * have been made. `fd` is what it will be written to. Errors: there is no map; the key cannot be read; no memory. */
struct error *maps_one(struct maps_listing *listing, int fd, struct buf *to);

#endif
