/* Makes steps of records. */
#ifndef WATCH_STEPS_TRACK_H
#define WATCH_STEPS_TRACK_H

#include "base/table.h"
#include "base/vec.h"
#include "show/report/report.h"
#include "watch/engine/engine.h"

/* The place of an overflow bucket. */
struct track_place {
	uint64_t bucket;
	uint32_t depth;
};

struct track {
	bool swiss;
	uint64_t number;  /* of the last step */
	uint64_t buckets; /* buckets or directory after the last step; 0: not known */
	uint64_t evacuated;
	bool evacuated_known;
	struct table place_at; /* address of an overflow bucket -> its index in places */
	VEC(struct track_place) places;
};

void track_fini(struct track *track);
/* Forgets everything but the number of the last step. */
void track_forget(struct track *track);
void track_note(struct track *track, const uint64_t header[6], uint64_t evacuated);
/* Without memory, the place stays unknown. */
void track_note_overflow(struct track *track, uint64_t addr, uint64_t bucket, uint32_t depth);
/* Tells whether a record can follow the last one: nothing has replaced the buckets or the directory meanwhile. */
bool track_follows(const struct track *track, const struct wire_map_step *record);
/* Makes the step of a record. */
void track_take(struct track *track, const struct wire_map_step *record, enum go_step_kind kind,
		struct map_step *ret);

#endif
