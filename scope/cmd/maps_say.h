/* What `tophash maps` tells of a listing on standard error.
 */
#ifndef CMD_MAPS_SAY_H
#define CMD_MAPS_SAY_H

#include "cmd/maps_list.h"

/* Says what happened while the process was read, if anything did. */
void maps_say_meanwhile(const struct maps_listing *listing);
/* Says what the output lacks. */
void maps_say_lacks(const struct maps_listing *listing);
/* Says what the output lacks, and the totals. */
void maps_say(const struct maps_listing *listing);

#endif
