/* `tophash maps --diff`: lists of maps that were saved, compared.
 */
#ifndef CMD_MAPS_DIFF_H
#define CMD_MAPS_DIFF_H

#include "cmd/maps_options.h"

/* Reads the files and writes what differs to a descriptor. Prints notes and totals to standard error. Errors: a file cannot
 * be read, or is no list of maps. */
struct error *maps_diff(const struct maps_options *options, int fd);

#endif
