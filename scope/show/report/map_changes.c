/* What differs between lists of live maps:
 *
 *     FILE    TIME                     HEAP  MAPS    BYTES  WASTE   LEN  OVERFLOW  GROWING
 *     a.maps  2026-11-30 10:00:00  10485760    12   983616  12288  1224         3
 *     b.maps  2026-11-30 10:05:00  12582912    13  1966656  24576  2448         0  5 of 128 old buckets moved
 *
 *     CHANGE     BYTES   +BYTES  WASTE  +WASTE   LEN  +LEN  TYPE                      MAP
 *     grew      163888   +81968  12288  +12288  2040 +1020  map[string]*main.session  0xc000012345
 *
 *     {"event":"change","change":"grew","bytes_before":81920,"bytes":163888,...}
 *
 * The members' names and their order are an interface. */
#include "show/report/map_changes.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/text/text.h"
#include "show/columns/columns.h"

void map_sums_add(struct map_sums *to, const struct map_row *row)
{
	to->maps++;
	to->bytes += row->bytes;
	to->waste += row->waste;
	to->len += row->len;
	to->capacity += row->capacity;
	to->overflow += row->overflow;
	to->growing += row->growing;
	to->old += row->growing ? row->old : 0;
	to->evacuated += row->growing ? row->evacuated : 0;
	to->moved_unknown += row->growing && row->moved_unknown;
}

enum map_change_kind map_change_kind(const struct map_sums *before, const struct map_sums *after)
{
	if (!before->maps)
		return after->maps ? MAP_CAME : MAP_SAME;
	if (!after->maps)
		return MAP_WENT;
	if (before->bytes != after->bytes)
		return before->bytes < after->bytes ? MAP_GREW : MAP_SHRANK;
	if (before->len != after->len)
		return before->len < after->len ? MAP_FILLED : MAP_EMPTIED;
	if (before->old != after->old)
		return MAP_MOVED;
	return before->evacuated != after->evacuated && !before->moved_unknown &&
			       !after->moved_unknown
		       ? MAP_MOVED
		       : MAP_SAME;
}

const char *map_change_word(enum map_change_kind kind)
{
	static const char *const words[] = {
		[MAP_SAME] = "same",	 [MAP_CAME] = "came",	  [MAP_WENT] = "went",
		[MAP_GREW] = "grew",	 [MAP_SHRANK] = "shrank", [MAP_EMPTIED] = "emptied",
		[MAP_FILLED] = "filled", [MAP_MOVED] = "moved",
	};

	return words[kind];
}

/* ---- cells of both tables ---- */

/* The members of struct map_sums that are shown, as column.arg. */
static uint64_t member(const struct map_sums *sums, unsigned at)
{
	return *(const uint64_t *)((const char *)sums + at);
}

/* Puts one of them. How many buckets have moved is null if that is not known of a map. */
static void put_sum(struct cell *cell, const struct map_sums *sums)
{
	unsigned at = cell->column->arg;

	if (at == offsetof(struct map_sums, evacuated) && sums->moved_unknown)
		cell_str(cell, NULL);
	else
		cell_number(cell, member(sums, at));
}

static void put_difference(struct buf *to, uint64_t before, uint64_t after)
{
	if (before == after)
		return;
	buf_char(to, after > before ? '+' : '-');
	buf_u64(to, after > before ? after - before : before - after);
}

static void put_progress(struct buf *to, const struct map_sums *sums)
{
	if (sums->moved_unknown)
		buf_char(to, '?');
	else
		buf_u64(to, sums->evacuated);
	buf_str(to, " of ");
	buf_u64(to, sums->old);
}

/* ---- the lists ---- */

static const struct map_point *point_of(const void *row)
{
	return row;
}

static void put_file(struct cell *cell, const void *row)
{
	cell_str(cell, point_of(row)->file);
}

static void put_time(struct cell *cell, const void *row)
{
	uint64_t wall_ns = point_of(row)->wall_ns;
	struct json_clock clock = {0};
	time_t seconds = (time_t)(wall_ns / 1000000000u);
	struct tm parts;
	char text[32] = "";

	if (cell->json) {
		json_put_time(cell->to, &clock, wall_ns);
		return;
	}
	if (gmtime_r(&seconds, &parts))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
	buf_str(cell->to, text);
}

static void put_pid(struct cell *cell, const void *row)
{
	cell_number(cell, point_of(row)->pid);
}

static void put_heap(struct cell *cell, const void *row)
{
	cell_number(cell, point_of(row)->heap_bytes);
}

static void put_point(struct cell *cell, const void *row)
{
	put_sum(cell, &point_of(row)->sums);
}

static void put_point_growing(struct cell *cell, const void *row)
{
	const struct map_sums *sums = &point_of(row)->sums;
	size_t from = cell->to->len;

	if (!sums->growing)
		return;
	put_progress(cell->to, sums);
	buf_str(cell->to, " old buckets moved");
	text_cut(cell->to, from, cell->columns);
}

#define SUM(name_, json_, place_, member_)                                    \
	{                                                                     \
		.name = name_, .json = json_, .place = place_, .right = true, \
		.arg = offsetof(struct map_sums, member_), .put = put_point   \
	}

static const struct column point_columns[] = {
	{.name = "FILE", .json = "file", .place = 1, .percent = 30, .put = put_file},
	{.name = "TIME (UTC)", .json = "time", .place = 2, .put = put_time},
	{.json = "pid", .put = put_pid},
	{.name = "HEAP", .json = "heap_bytes", .place = 3, .right = true, .put = put_heap},
	SUM("MAPS", "maps", 4, maps),
	SUM("BYTES", "bytes", 5, bytes),
	SUM("WASTE", "waste", 6, waste),
	SUM("LEN", "len", 7, len),
	SUM(NULL, "capacity", 0, capacity),
	SUM("OVERFLOW", "overflow", 8, overflow),
	SUM(NULL, "growing", 0, growing),
	SUM(NULL, "old_buckets", 0, old),
	SUM(NULL, "evacuated", 0, evacuated),
	{.name = "GROWING", .place = 9, .put = put_point_growing},
};

static struct rows point_rows(const struct map_changes_report *report)
{
	struct rows rows = ROWS(point_columns, report, .event = "point");

	rows.first = report->points;
	rows.n = report->points_n;
	rows.size = sizeof(*report->points);
	return rows;
}

/* ---- the changes ---- */

static const struct map_change *change_of(const void *row)
{
	return row;
}

static const struct map_changes_report *report_of(const struct rows *rows)
{
	return rows->ctx;
}

static void put_kind(struct cell *cell, const void *row)
{
	cell_str(cell, map_change_word(change_of(row)->kind));
}

static void put_before(struct cell *cell, const void *row)
{
	put_sum(cell, &change_of(row)->before);
}

static void put_after(struct cell *cell, const void *row)
{
	put_sum(cell, &change_of(row)->after);
}

static void put_delta(struct cell *cell, const void *row)
{
	put_difference(cell->to, member(&change_of(row)->before, cell->column->arg),
		       member(&change_of(row)->after, cell->column->arg));
}

static void put_text(struct cell *cell, const void *row)
{
	if (change_of(row)->text || cell->json)
		cell_str(cell, change_of(row)->text);
	else
		buf_char(cell->to, '?');
}

static void put_by(struct cell *cell, const void *row)
{
	const struct map_changes_report *report = report_of(cell->rows);

	if (report->grouped)
		cell_str(cell, map_grouping_find(report->by)->word);
}

static void put_package(struct cell *cell, const void *row)
{
	const struct map_changes_report *report = report_of(cell->rows);

	if (!report->grouped || report->by == MAPS_OF_TYPE)
		cell_str(cell, change_of(row)->package);
}

static void put_map(struct cell *cell, const void *row)
{
	if (change_of(row)->map)
		cell_address(cell, change_of(row)->map);
}

static void put_progress_of(struct buf *to, size_t from, const struct map_sums *sums,
			    const char *when)
{
	if (!sums->growing)
		return;
	buf_str(to, to->len > from ? ", " : "");
	put_progress(to, sums);
	buf_str(to, " old buckets moved");
	buf_str(to, when);
}

static void put_notes(struct cell *cell, const void *row)
{
	const struct map_change *change = change_of(row);
	size_t from = cell->to->len;

	put_progress_of(cell->to, from, &change->before, " before");
	put_progress_of(cell->to, from, &change->after, " now");
	if (change->before.overflow != change->after.overflow) {
		buf_str(cell->to, cell->to->len > from ? ", " : "");
		put_difference(cell->to, change->before.overflow, change->after.overflow);
		buf_str(cell->to, " overflow buckets");
	}
	text_cut(cell->to, from, cell->columns);
}

static bool is_grouped(const struct rows *rows)
{
	return report_of(rows)->grouped;
}

static bool is_apart(const struct rows *rows)
{
	return !report_of(rows)->grouped;
}

#define BEFORE(json_, member_)                                                      \
	{                                                                           \
		.json = json_ "_before", .arg = offsetof(struct map_sums, member_), \
		.put = put_before                                                   \
	}
#define AFTER(name_, json_, place_, member_, ...)                                        \
	{                                                                                \
		.name = name_, .json = json_, .place = place_, .right = true,            \
		.arg = offsetof(struct map_sums, member_), .put = put_after, __VA_ARGS__ \
	}
#define DELTA(name_, place_, member_, ...)                                               \
	{                                                                                \
		.name = name_, .place = place_, .right = true,                           \
		.arg = offsetof(struct map_sums, member_), .put = put_delta, __VA_ARGS__ \
	}

static void put_changes(struct buf *to, const struct map_changes_report *report,
			void (*put_rows)(struct buf *to, const struct rows *rows))
{
	const struct map_grouping_words *words =
		map_grouping_find(report->grouped ? report->by : MAPS_OF_TYPE);
	const struct column columns[] = {
		{.name = "CHANGE", .json = "change", .place = 1, .put = put_kind},
		{.json = "by", .put = put_by},
		BEFORE("maps", maps),
		AFTER("MAPS", "maps", 2, maps, .shown = is_grouped),
		DELTA("+MAPS", 3, maps, .shown = is_grouped),
		BEFORE("bytes", bytes),
		AFTER("BYTES", "bytes", 4, bytes),
		DELTA("+BYTES", 5, bytes),
		BEFORE("waste", waste),
		AFTER("WASTE", "waste", 6, waste),
		DELTA("+WASTE", 7, waste),
		BEFORE("len", len),
		AFTER("LEN", "len", 8, len),
		DELTA("+LEN", 9, len),
		BEFORE("capacity", capacity),
		AFTER(NULL, "capacity", 0, capacity),
		BEFORE("overflow", overflow),
		AFTER(NULL, "overflow", 0, overflow),
		BEFORE("old_buckets", old),
		AFTER(NULL, "old_buckets", 0, old),
		BEFORE("evacuated", evacuated),
		AFTER(NULL, "evacuated", 0, evacuated),
		{.name = words->heading,
		 .json = words->json,
		 .place = 10,
		 .percent = 40,
		 .sgr = SGR_BOLD,
		 .put = put_text},
		{.json = "package", .put = put_package},
		{.name = "MAP", .json = "map", .place = 11, .put = put_map, .shown = is_apart},
		{.name = "NOTES", .place = 12, .put = put_notes},
	};
	struct rows rows = ROWS(columns, report, .event = "change");

	put_rows(to, &rows);
}

static void put_member(struct buf *to, const char *name, uint64_t value)
{
	json_name_of(to, name);
	buf_u64(to, value);
}

void map_changes_json(struct buf *to, const struct map_changes_report *report)
{
	struct rows points = point_rows(report);

	columns_json(to, &points);
	put_changes(to, report, columns_json);
	json_literal(to, "{\"event\":\"end\",\"same_process\":");
	json_put_bool(to, report->same_process);
	for (enum map_change_kind kind = MAP_CAME; kind <= MAP_MOVED; kind++)
		put_member(to, map_change_word(kind), report->counts[kind]);
	json_end_line(to);
}

void map_changes_text(struct buf *to, const struct map_changes_report *report)
{
	struct rows points = point_rows(report);

	columns_text(to, &points);
	if (!report->rows_n)
		return;
	buf_char(to, '\n');
	put_changes(to, report, columns_text);
}
