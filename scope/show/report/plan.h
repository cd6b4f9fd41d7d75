/* The probes that a trace would place, for `tophash trace --dry-run`.
 */
#ifndef SHOW_REPORT_PLAN_H
#define SHOW_REPORT_PLAN_H

#include "base/base.h"
#include "read/gofile/gofile.h"
#include "read/place/place.h"

struct plan_report {
	const struct image *image;
	const struct gopcln *tab;
	const struct placements *placements;
	const char *filters; /* safe text: where each filter is decided, a line each; "" for none */
	bool color;
	size_t width; /* of a line; with TEXT_UNLIMITED nothing is cut */
};

/* Appends the program, a row for each probe, and the filters. (The JSON of --dry-run is the start
 * record of a trace.) */
void plan_text(struct buf *to, const struct plan_report *report);

#endif
