/* The drawing of `tophash maps --watch`: the map as it is now, read again and again.
 */
#ifndef CMD_MAPS_FRAME_H
#define CMD_MAPS_FRAME_H

#include "cmd/maps_one.h"
#include "cmd/output.h"
#include "watch/steps/steps.h"

struct frames {
	struct maps_listing *listing;
	struct steps *steps;
	struct one *one;
	struct terminal_style style;
	size_t rows;  /* of the terminal; 0: it is none */
	size_t drawn; /* lines of the frame that stands on the terminal */
	uint64_t relisted_ns, relist_took_ns;
	/* what the last reading has found */
	uint64_t moved; /* old buckets that are evacuated */
	VEC(struct map_part) overflow;
	bool full;    /* no memory for all of them */
	bool blurred; /* steps happened meanwhile */
};

void frames_init(struct frames *frames, struct maps_listing *listing, struct steps *steps, int fd);
void frames_fini(struct frames *frames);
CLEANUP_VALUE(struct frames, frames_fini)

enum frame_news { FRAME_READ, FRAME_LATER, FRAME_GONE };

/* Reads the map. FRAME_LATER: it makes no sense now, because it changes or because the heap must be marked again, which is
 * not done often. FRAME_GONE: it is not among the live maps any more. Errors: the process cannot be read; no memory. */
struct error *frames_read(struct frames *frames, enum frame_news *ret);
/* Tells the steps what is known of the map since it was read last. Call it only if no step has happened meanwhile. */
void frames_tell(const struct frames *frames);
/* Notes that steps have happened since the map was read last. */
void frames_blur(struct frames *frames);
/* Tells whether the map did not change while it was read last. */
bool frames_are_clear(const struct frames *frames);
/* Appends what removes the frame from the terminal, so that lines can be written in its place. */
void frames_lift(struct frames *frames, struct buf *to);
/* Lets the frame stand where it is: something else is written below it. */
void frames_leave(struct frames *frames);
/* Appends the map as it was read last, after step `number`. */
void frames_put(struct frames *frames, uint64_t number, struct buf *to);

#endif
