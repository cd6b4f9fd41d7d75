/* Steps of records. The headers are hmap (runtime/map.go) and Map (internal/runtime/maps/map.go). All numbers come from a
 * process that may be an adversary: they are shown, and lead nowhere. */
#include "watch/steps/steps.h"
#include "watch/steps/track.h"

enum {
	BUCKETS = 2, /* word of a header: buckets, or the directory */
	OLD = 3,     /* classic */
	DIRECTORY_LEN = 3,
	SAME_SIZE = 8,	  /* flag */
	B_ESTIMATED = 16, /* from here on overflow buckets are counted by chance */
	B_MAX = 40,
	SLOTS = 8,
	PLACES_MAX = 1 << 20, /* overflow buckets whose places are kept */
};

void track_fini(struct track *track)
{
	table_fini(&track->place_at);
	vec_fini(&track->places);
}

static void forget_places(struct track *track)
{
	track_fini(track);
	track->place_at = (struct table){0};
	memset(&track->places, 0, sizeof(track->places));
}

void track_forget(struct track *track)
{
	forget_places(track);
	track->buckets = 0;
	track->evacuated_known = false;
}

void track_note(struct track *track, const uint64_t header[6], uint64_t evacuated)
{
	track->buckets = header[BUCKETS];
	track->evacuated = evacuated;
	track->evacuated_known = true;
}

void track_note_overflow(struct track *track, uint64_t addr, uint64_t bucket, uint32_t depth)
{
	struct track_place place = {.bucket = bucket, .depth = depth};

	if (!addr || track->places.len >= PLACES_MAX || !vec_push(&track->places, place))
		return;
	if (table_put(&track->place_at, addr, (uint32_t)track->places.len - 1) < 0)
		track->places.len--;
}

bool track_follows(const struct track *track, const struct wire_map_step *record)
{
	return !track->buckets || record->flags & WIRE_STEP_UNREAD ||
	       record->before[BUCKETS] == track->buckets;
}

/* ---- classic ---- */

static uint64_t buckets_of(const uint64_t header[6])
{
	uint64_t b = header[1] >> 8 & 0xff;

	return b <= B_MAX ? 1ull << b : 0;
}

static uint64_t old_of(const uint64_t header[6])
{
	if (!header[OLD])
		return 0;
	return header[1] & SAME_SIZE ? buckets_of(header) : buckets_of(header) / 2;
}

/* Finds the bucket to whose chain a bucket is appended, and notes the new one. */
static void take_overflow(struct track *track, const struct wire_map_step *record,
			  struct map_step *step)
{
	uint64_t at = record->what - record->before[BUCKETS];
	const uint32_t *place = table_find(&track->place_at, record->what);
	uint32_t depth = 0;

	if (place) {
		step->bucket = track->places.data[*place].bucket;
		depth = track->places.data[*place].depth;
	} else if (record->bucket_size && at / record->bucket_size < step->buckets) {
		step->bucket = at / record->bucket_size;
	} else {
		return;
	}
	step->bucket_known = true;
	step->chain = depth + 2ull;
	track_note_overflow(track, record->made, step->bucket, depth + 1);
}

static void take_evacuate(struct track *track, const struct wire_map_step *record,
			  struct map_step *step)
{
	step->bucket = record->what;
	step->bucket_known = true;
	step->chain = record->buckets;
	step->chain_cut = record->flags & WIRE_STEP_LONG;
	step->moved = record->entries;
	step->to_same = record->to_x;
	step->to_upper = record->to_y;
	/* What was counted afterwards may be memory that is used again. */
	step->unread |= record->to_x + record->to_y != record->entries && !step->chain_cut;
	/* The state before tells it: when the last old bucket has moved, the new header has none. */
	step->old = old_of(record->before);
	step->same_size = record->before[1] & SAME_SIZE;
	step->done = !record->event.header[OLD];
	track->evacuated += record->buckets > 0;
	if (step->done) {
		track->evacuated = step->old;
		track->evacuated_known = true;
	}
}

static void take_classic(struct track *track, const struct wire_map_step *record,
			 enum go_step_kind kind, struct map_step *step)
{
	const uint64_t *after = record->event.header;

	step->buckets = buckets_of(after);
	step->buckets_before = buckets_of(record->before);
	step->old = old_of(after);
	step->same_size = after[1] & SAME_SIZE;
	step->overflow = after[1] >> 16 & 0xffff;
	step->overflow_estimated = step->buckets >= 1ull << B_ESTIMATED;
	if (kind == GO_STEP_GROW || kind == GO_STEP_CLEAR) {
		forget_places(track);
		track->evacuated = 0;
		track->evacuated_known = true;
	}
	if (kind == GO_STEP_EVACUATE)
		take_evacuate(track, record, step);
	if (kind == GO_STEP_OVERFLOW)
		take_overflow(track, record, step);
	step->evacuated = track->evacuated;
	step->evacuated_known = track->evacuated_known;
}

/* ---- Swiss ---- */

/* Returns how many elements and tombstones a table may have before it grows (maps.(*table).maxGrowthLeft()). */
static uint64_t room_of(uint64_t capacity)
{
	return capacity <= SLOTS ? capacity - (capacity > 0) : capacity * 7 / SLOTS;
}

static struct map_step_table table_of(const uint64_t words[4])
{
	struct map_step_table table = {
		.index = words[1], .capacity = words[0] >> 16 & 0xffff, .used = words[0] & 0xffff};
	uint64_t room = room_of(table.capacity), taken = table.used + (words[0] >> 32 & 0xffff);

	table.tombstones = room > taken ? room - taken : 0;
	return table;
}

static void take_swiss(const struct wire_map_step *record, struct map_step *step)
{
	step->directory_before = record->before[DIRECTORY_LEN];
	step->directory = record->event.header[DIRECTORY_LEN];
	step->before = table_of(record->table);
	step->after[0] = table_of(record->after[0]);
	step->after[1] = table_of(record->after[1]);
}

void track_take(struct track *track, const struct wire_map_step *record, enum go_step_kind kind,
		struct map_step *ret)
{
	static const enum map_step_kind kinds[] = {
		[GO_STEP_GROW] = MAP_STEP_GROW,		[GO_STEP_EVACUATE] = MAP_STEP_EVACUATE,
		[GO_STEP_OVERFLOW] = MAP_STEP_OVERFLOW, [GO_STEP_CLEAR] = MAP_STEP_CLEAR,
		[GO_STEP_TABLE] = MAP_STEP_TABLE,	[GO_STEP_RESIZE] = MAP_STEP_RESIZE,
		[GO_STEP_SPLIT] = MAP_STEP_SPLIT,	[GO_STEP_PRUNE] = MAP_STEP_PRUNE,
	};
	const struct wire_event *event = &record->event;

	*ret = (struct map_step){
		.kind = kinds[kind],
		.number = ++track->number,
		.time_ns = event->time_ns,
		.took_ns = event->time_ns - record->begun_ns,
		.goid = event->goid,
		.pid = event->pid,
		.tid = event->tid,
		.map = event->map,
		.len = event->header[0],
		.len_before = record->before[0],
		.unread = record->flags & WIRE_STEP_UNREAD,
	};
	if (track->swiss)
		take_swiss(record, ret);
	else
		take_classic(track, record, kind, ret);
	track->buckets = ret->unread ? 0 : event->header[BUCKETS];
}
