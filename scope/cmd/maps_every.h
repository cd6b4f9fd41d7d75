/* `tophash maps --every`: a new list each period.
 */
#ifndef CMD_MAPS_EVERY_H
#define CMD_MAPS_EVERY_H

#include "cmd/maps_list.h"

/* Reads the process each period and hands each list to put(), until options->count lists or options->duration have passed, the
 * process has ended, put() fails or sets *ret_enough, or SIGINT or SIGTERM comes: `stop` is readable
 * then, and put() must not wait any longer. Says to standard error why it ended, if the user did not ask for it.
 * Errors: as maps_list(), and those of put(). */
struct error *maps_every(const struct maps_options *options,
			 struct error *(*put)(const struct maps_listing *listing, int stop,
					      void *ctx, bool *ret_enough),
			 void *ctx);

/* Tells whether the process still executes what was read first, and says it if not. */
bool maps_go_on(struct maps_listing *listing);

#endif
