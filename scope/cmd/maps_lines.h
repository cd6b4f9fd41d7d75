/* The output of `tophash maps --watch`, until it is written: lines of steps, and what stands between them. Only a step that
 * was written counts as shown.
 */
#ifndef CMD_MAPS_LINES_H
#define CMD_MAPS_LINES_H

#include "base/buf_type.h"
#include "base/vec.h"
#include "show/report/report.h"

struct step_lines {
	int fd;
	bool json;
	bool began;	  /* the heading is written */
	bool closed;	  /* nothing more can be written */
	bool stuck;	  /* because the reader does not read; otherwise it has gone away */
	struct buf out;	  /* anything may be appended */
	VEC(size_t) ends; /* of the steps in it */
	uint64_t taken;	  /* steps */
	uint64_t shown;	  /* of them, steps that were written */
};

void step_lines_fini(struct step_lines *lines);
CLEANUP_VALUE(struct step_lines, step_lines_fini)
/* Appends a step. If nothing more can be written, it only counts it. Returns false without memory. */
bool step_lines_take(struct step_lines *lines, const struct map_step *step);
/* Writes what has gathered. It is no error if the reader has gone away, or does not read until `stop`, a descriptor, is
 * readable: then nothing more is written. Errors: as write(2); no memory. */
struct error *step_lines_flush(struct step_lines *lines, int stop);
/* Returns how many steps the reader did not get, although it is there. */
uint64_t step_lines_missed(const struct step_lines *lines);

#endif
