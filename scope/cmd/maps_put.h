/* What `tophash maps` writes of a listing.
 */
#ifndef CMD_MAPS_PUT_H
#define CMD_MAPS_PUT_H

#include "cmd/maps_list.h"

/* Appends what is asked for: a list, a list to be kept, or a file for another program. `fd` is what it will be
 * written to. Errors: no memory. */
struct error *maps_put(const struct maps_listing *listing, int fd, struct buf *out);
/* Does the same for one list of --every: with its head, or a line that tells the time and what has changed. */
struct error *maps_put_in_turn(const struct maps_listing *listing, int fd, struct buf *out);

#endif
