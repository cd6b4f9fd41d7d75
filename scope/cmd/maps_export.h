/* `tophash maps --to`: the live maps as a profile.
 */
#ifndef CMD_MAPS_EXPORT_H
#define CMD_MAPS_EXPORT_H

#include "cmd/maps_list.h"

/* Appends the rows of a listing in the format of options->to. Errors: no memory. */
struct error *maps_export(const struct maps_listing *listing, struct buf *to);

#endif
