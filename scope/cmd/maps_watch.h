/* `tophash maps --watch`: one map is followed while the process runs.
 */
#ifndef CMD_MAPS_WATCH_H
#define CMD_MAPS_WATCH_H

#include "cmd/maps_list.h"

/* Shows each step of the map that options->watch names, until options->limit steps or options->duration have passed, the
 * process or the map has ended, the reader of the output has gone away, or SIGINT or SIGTERM comes. Says to standard error
 * why it ended, if the user did not ask for it. *ret_lost: steps were missed. Errors: there is no such map; it cannot be
 * watched; the output cannot be written. */
struct error *maps_watch(const struct maps_options *options, int fd, bool *ret_lost);

#endif
