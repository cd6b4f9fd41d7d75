/* A step of a map. The members' names and their order are an interface. */
#include "show/report/map_steps.h"
#include "base/text/text.h"
#include "base/buf.h"

#include <time.h>

typedef unsigned long long ull; /* for printf */

const char *map_step_word(enum map_step_kind kind)
{
	static const char *const words[] = {
		[MAP_STEP_GROW] = "grow",	  [MAP_STEP_EVACUATE] = "evacuate",
		[MAP_STEP_OVERFLOW] = "overflow", [MAP_STEP_CLEAR] = "clear",
		[MAP_STEP_TABLE] = "grow",	  [MAP_STEP_RESIZE] = "grow",
		[MAP_STEP_SPLIT] = "split",	  [MAP_STEP_PRUNE] = "prune",
	};

	return words[kind];
}

static bool is_classic(const struct map_step *step)
{
	return step->buckets != 0;
}

/* ---- text ---- */

static void put_clock(struct buf *to, uint64_t wall_ns)
{
	time_t t = (time_t)(wall_ns / 1000000000u);
	char clock[16] = "";
	struct tm tm;

	if (localtime_r(&t, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	buf_printf(to, "%s.%06llu", clock, (ull)(wall_ns % 1000000000u / 1000));
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void put_evacuate(struct buf *to, const struct map_step *step)
{
	uint64_t upper = step->bucket + step->buckets / 2;

	if (!step->chain) {
		buf_printf(to, "old bucket %llu: moved before", (ull)step->bucket);
		return;
	}
	buf_printf(to, "old bucket %llu: %llu element%s", (ull)step->bucket, (ull)step->moved,
		   plural(step->moved));
	if (step->chain > 1)
		buf_printf(to, " in a chain of %s%llu", step->chain_cut ? "more than " : "",
			   (ull)step->chain);
	if (step->moved && (step->to_same || step->same_size))
		buf_printf(to, ", %llu to bucket %llu", (ull)step->to_same, (ull)step->bucket);
	if (step->to_upper)
		buf_printf(to, ", %llu to bucket %llu", (ull)step->to_upper, (ull)upper);
}

static void put_table(struct buf *to, const struct map_step_table *table)
{
	buf_printf(to, "%llu of %llu slots used in table %llu", (ull)table->used,
		   (ull)table->capacity, (ull)table->index);
}

static void put_tombstones(struct buf *to, const struct map_step *step)
{
	uint64_t after = step->after[0].tombstones + step->after[1].tombstones;

	if (step->before.tombstones || after)
		buf_printf(to, "; tombstones %llu -> %llu", (ull)step->before.tombstones,
			   (ull)after);
}

static void put_what(struct buf *to, const struct map_step *step)
{
	switch (step->kind) {
	case MAP_STEP_GROW:
		buf_printf(to, "%llu -> %llu buckets, %s", (ull)step->buckets_before,
			   (ull)step->buckets,
			   step->same_size ? "as many: too many overflow buckets"
					   : "twice as many");
		break;
	case MAP_STEP_EVACUATE: put_evacuate(to, step); break;
	case MAP_STEP_OVERFLOW:
		if (step->bucket_known)
			buf_printf(to, "bucket %llu: its chain has %llu buckets now",
				   (ull)step->bucket, (ull)step->chain);
		else
			buf_str(to, "a chain gets one more bucket");
		break;
	case MAP_STEP_CLEAR:
		buf_printf(to, "%llu element%s gone", (ull)step->len_before,
			   plural(step->len_before));
		break;
	case MAP_STEP_TABLE:
		buf_printf(to, "the only group becomes a table of %llu slots",
			   (ull)step->after[0].capacity);
		break;
	case MAP_STEP_RESIZE:
		buf_printf(to, "table %llu: %llu -> %llu slots, %llu element%s",
			   (ull)step->before.index, (ull)step->before.capacity,
			   (ull)step->after[0].capacity, (ull)step->after[0].used,
			   plural(step->after[0].used));
		put_tombstones(to, step);
		break;
	case MAP_STEP_SPLIT:
		buf_printf(to, "table %llu, %llu element%s: ", (ull)step->before.index,
			   (ull)step->before.used, plural(step->before.used));
		put_table(to, &step->after[0]);
		buf_str(to, ", ");
		put_table(to, &step->after[1]);
		put_tombstones(to, step);
		break;
	case MAP_STEP_PRUNE:
		buf_printf(to, "table %llu of %llu slots", (ull)step->before.index,
			   (ull)step->before.capacity);
		put_tombstones(to, step);
		break;
	}
}

/* Appends what the whole map is like now. */
static void put_state(struct buf *to, const struct map_step *step)
{
	if (step->directory != step->directory_before)
		buf_printf(to, "; directory %llu -> %llu", (ull)step->directory_before,
			   (ull)step->directory);
	if (step->old || step->done) {
		buf_str(to, "; evacuated ");
		if (step->evacuated_known)
			buf_u64(to, step->evacuated);
		else
			buf_char(to, '?');
		buf_printf(to, " of %llu%s", (ull)step->old, step->done ? ", done" : "");
	}
	if (is_classic(step))
		buf_printf(to, "; overflow buckets %s%llu",
			   step->overflow_estimated ? "about " : "", (ull)step->overflow);
	if (step->unread)
		buf_str(to, "; not all of it could be read");
}

void map_steps_heading(struct buf *to)
{
	buf_str(to, "TIME             STEP      LEN       WHAT\n");
}

void map_step_text(struct buf *to, const struct map_step *step)
{
	put_clock(to, step->wall_ns);
	buf_printf(to, "  %-8s  %-8llu  ", map_step_word(step->kind), (ull)step->len);
	put_what(to, step);
	put_state(to, step);
	buf_char(to, '\n');
}

/* ---- JSON ---- */

#define put_member(to, name, value)        \
	do {                               \
		json_name(to, name);       \
		json_put_count(to, value); \
	} while (0)

static void json_bool(struct buf *to, const char *name, bool value)
{
	if (!value)
		return;
	json_name_of(to, name);
	json_put_bool(to, true);
}

static void json_classic(struct buf *to, const struct map_step *step)
{
	put_member(to, "buckets_before", step->buckets_before);
	put_member(to, "buckets", step->buckets);
	if (step->old) {
		put_member(to, "old_buckets", step->old);
		json_name(to, "evacuated");
		if (step->evacuated_known)
			json_put_count(to, step->evacuated);
		else
			json_literal(to, "null");
		json_name(to, "same_size");
		json_put_bool(to, step->same_size);
		json_name(to, "done");
		json_put_bool(to, step->done);
	}
	put_member(to, "overflow", step->overflow);
	json_bool(to, "overflow_estimated", step->overflow_estimated);
	if (step->kind != MAP_STEP_EVACUATE && step->kind != MAP_STEP_OVERFLOW)
		return;
	json_name(to, "bucket");
	if (step->bucket_known)
		json_put_count(to, step->bucket);
	else
		json_literal(to, "null");
	if (step->bucket_known)
		put_member(to, "chain", step->chain);
	json_bool(to, "chain_cut", step->chain_cut);
	if (step->kind == MAP_STEP_OVERFLOW)
		return;
	put_member(to, "moved", step->moved);
	put_member(to, "to_same", step->to_same);
	put_member(to, "to_upper", step->to_upper);
}

static void json_table(struct buf *to, const struct map_step_table *table)
{
	json_begin(to, "table");
	json_put_count(to, table->index);
	put_member(to, "capacity", table->capacity);
	put_member(to, "used", table->used);
	put_member(to, "tombstones", table->tombstones);
	buf_char(to, '}');
}

static void json_swiss(struct buf *to, const struct map_step *step)
{
	put_member(to, "directory_before", step->directory_before);
	put_member(to, "directory", step->directory);
	if (step->before.capacity) {
		json_name(to, "before");
		json_table(to, &step->before);
	}
	if (!step->after[0].capacity)
		return;
	json_name(to, "after");
	buf_char(to, '[');
	json_table(to, &step->after[0]);
	if (step->after[1].capacity) {
		buf_char(to, ',');
		json_table(to, &step->after[1]);
	}
	buf_char(to, ']');
}

void map_step_json(struct buf *to, const struct map_step *step)
{
	struct json_clock clock = {0};

	json_literal(to, "{\"event\":\"step\",\"n\":");
	json_put_count(to, step->number);
	json_name(to, "time");
	json_put_time(to, &clock, step->wall_ns);
	json_name(to, "time_ns");
	json_put_ns(to, step->time_ns);
	json_name(to, "took_ns");
	json_put_ns(to, step->took_ns);
	json_name(to, "step");
	json_put_str(to, map_step_word(step->kind));
	put_member(to, "pid", step->pid);
	put_member(to, "tid", step->tid);
	json_name(to, "goid");
	if (step->goid)
		json_put_count(to, step->goid);
	else
		json_literal(to, "null");
	json_name(to, "map");
	json_put_address(to, step->map);
	put_member(to, "len_before", step->len_before);
	put_member(to, "len", step->len);
	if (is_classic(step))
		json_classic(to, step);
	else
		json_swiss(to, step);
	json_bool(to, "unread", step->unread);
	json_end_line(to);
}

void map_steps_begin_json(struct buf *to, uint64_t wall_ns, uint32_t pid, const struct map_row *row)
{
	struct json_clock clock = {0};

	json_begin(to, "event");
	json_put_str(to, "watch");
	json_name(to, "time");
	json_put_time(to, &clock, wall_ns);
	put_member(to, "pid", pid);
	buf_char(to, ',');
	maps_members(to, row);
	json_end_line(to);
}

void map_steps_end_json(struct buf *to, uint64_t steps, uint64_t lost)
{
	json_begin(to, "event");
	json_put_str(to, "end");
	put_member(to, "steps", steps);
	put_member(to, "lost", lost);
	json_end_line(to);
}
