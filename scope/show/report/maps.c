/* The live maps of a process. Each column is declared once, for both forms:
 *
 *      BYTES    WASTE   LEN  CAPACITY  LOAD  TYPE                       MAP           NOTES
 *      81968    65536   102      2048    5%  map[string]*main.session   0xc000012345  growing 3 of 64
 *
 *     {"event":"map","map":"0xc000012345","map_type":"map[string]*main.session","len":102,...}
 *
 * The members' names and their order are an interface. */
#include "base/buf.h"
#include "base/text/text.h"
#include "show/columns/columns.h"
#include "show/report/maps.h"

static const struct map_row *row_of(const void *row)
{
	return row;
}

static void put_bytes(struct cell *cell, const void *row)
{
	cell_number(cell, row_of(row)->bytes);
}

static void put_waste(struct cell *cell, const void *row)
{
	cell_number(cell, row_of(row)->waste);
}

static void put_len(struct cell *cell, const void *row)
{
	cell_number(cell, row_of(row)->len);
}

static void put_capacity(struct cell *cell, const void *row)
{
	cell_number(cell, row_of(row)->capacity);
}

static uint64_t percent(const struct map_row *row)
{
	return row->capacity ? row->len * 100 / row->capacity : 0;
}

static void put_load(struct cell *cell, const void *row)
{
	buf_u64(cell->to, percent(row_of(row)));
	buf_char(cell->to, '%');
}

void maps_candidates(struct cell *cell, const struct map_row *row)
{
	buf_str(cell->to, cell->json ? "[" : "");
	for (size_t i = 0; i < row->candidates_n; i++) {
		buf_str(cell->to, !i ? "" : cell->json ? "," : " or ");
		cell_str(cell, row->candidates[i]);
	}
	buf_str(cell->to, cell->json ? "]" : "");
}

static void put_type(struct cell *cell, const void *row)
{
	const char *type = row_of(row)->type;

	if (type || cell->json) {
		cell_str(cell, type);
		return;
	}
	buf_str(cell->to, row_of(row)->candidates_n ? "? " : "?");
	maps_candidates(cell, row_of(row));
}

static void put_candidates(struct cell *cell, const void *row)
{
	if (row_of(row)->candidates_n)
		maps_candidates(cell, row_of(row));
}

static void put_package(struct cell *cell, const void *row)
{
	cell_str(cell, row_of(row)->package);
}

static void put_map(struct cell *cell, const void *row)
{
	cell_address(cell, row_of(row)->map);
}

static void put_layout(struct cell *cell, const void *row)
{
	cell_str(cell, row_of(row)->swiss ? "swiss" : "classic");
}

static void put_overflow(struct cell *cell, const void *row)
{
	if (!row_of(row)->swiss)
		cell_number(cell, row_of(row)->overflow);
}

static void put_tombstones(struct cell *cell, const void *row)
{
	if (row_of(row)->swiss)
		cell_number(cell, row_of(row)->tombstones);
}

static void put_tables(struct cell *cell, const void *row)
{
	if (row_of(row)->swiss)
		cell_number(cell, row_of(row)->tables);
}

static void put_growing(struct cell *cell, const void *row)
{
	if (!row_of(row)->swiss)
		cell_bool(cell, row_of(row)->growing);
}

static void put_old(struct cell *cell, const void *row)
{
	if (row_of(row)->growing)
		cell_number(cell, row_of(row)->old);
}

static void put_evacuated(struct cell *cell, const void *row)
{
	if (row_of(row)->growing && row_of(row)->moved_unknown)
		cell_str(cell, NULL);
	else if (row_of(row)->growing)
		cell_number(cell, row_of(row)->evacuated);
}

static void put_by_stack(struct cell *cell, const void *row)
{
	cell_bool(cell, row_of(row)->by_stack);
}

static void put_marks(struct cell *cell, const void *row)
{
	if (row_of(row)->marks)
		map_marks_cell(cell, row_of(row)->marks);
}

static void put_changing(struct cell *cell, const void *row)
{
	cell_bool(cell, row_of(row)->changing);
}

/* Appends a number and what it counts (the word for one of it), after a comma if something stands before it. */
static void put_note(struct buf *to, size_t from, uint64_t n, const char *what)
{
	if (!n)
		return;
	buf_str(to, to->len > from ? ", " : "");
	buf_u64(to, n);
	buf_char(to, ' ');
	buf_str(to, what);
	buf_str(to, n == 1 ? "" : "s");
}

static void put_fact(struct buf *to, size_t from, bool is_so, const char *what)
{
	if (!is_so)
		return;
	buf_str(to, to->len > from ? ", " : "");
	buf_str(to, what);
}

static void put_notes(struct cell *cell, const void *row_)
{
	const struct map_row *row = row_of(row_);
	size_t from = cell->to->len;

	if (row->growing) {
		buf_str(cell->to, "growing: ");
		if (row->moved_unknown)
			buf_char(cell->to, '?');
		else
			buf_u64(cell->to, row->evacuated);
		buf_str(cell->to, " of ");
		buf_u64(cell->to, row->old);
		buf_str(cell->to, " old buckets moved");
	}
	put_note(cell->to, from, row->overflow, "overflow bucket");
	put_note(cell->to, from, row->tombstones, "tombstone");
	if (row->marks) {
		put_fact(cell->to, from, true, "");
		map_marks_cell(cell, row->marks);
	}
	put_fact(cell->to, from, row->by_stack, "only a stack holds it");
	put_fact(cell->to, from, row->changing, row->standing ? MAP_IN_WRITE : MAP_CHANGED);
	text_cut(cell->to, from, cell->columns);
}

static void put_held_by(struct cell *cell, const void *row_)
{
	const struct map_row *row = row_of(row_);
	const struct map_report *report = cell->rows->ctx;
	size_t from = cell->to->len;

	if (cell->json && report->holders)
		held_by_json(cell->to, row->held_by, row->goid);
	if (cell->json)
		return;
	held_by_text(cell->to, row->held_by, row->goid);
	text_cut(cell->to, from, cell->columns);
}

static bool with_holders(const struct rows *rows)
{
	return ((const struct map_report *)rows->ctx)->holders;
}

static const struct map_report *report_of(const struct rows *rows)
{
	return rows->ctx;
}

static bool is_compared(const struct rows *rows)
{
	return report_of(rows)->compared;
}

static void put_change(struct cell *cell, const void *row)
{
	enum map_change_kind change = row_of(row)->change;

	if (is_compared(cell->rows) && (cell->json || change != MAP_SAME))
		cell_str(cell, map_change_word(change));
}

static void put_len_before(struct cell *cell, const void *row)
{
	if (is_compared(cell->rows))
		cell_number(cell, row_of(row)->len_before);
}

/* What was added to its elements. */
static void put_len_added(struct cell *cell, const void *row_)
{
	const struct map_row *row = row_of(row_);
	uint64_t before = row->len_before;

	if (row->len == before)
		return;
	buf_char(cell->to, row->len > before ? '+' : '-');
	buf_u64(cell->to, row->len > before ? row->len - before : before - row->len);
}

static const struct column columns[] = {
	{.name = "CHANGE", .json = "change", .place = 1, .shown = is_compared, .put = put_change},
	{.json = "len_before", .put = put_len_before},
	{.name = "+LEN", .place = 5, .right = true, .shown = is_compared, .put = put_len_added},
	{.name = "BYTES", .json = "bytes", .place = 2, .right = true, .put = put_bytes},
	{.name = "WASTE", .json = "waste", .place = 3, .right = true, .put = put_waste},
	{.name = "LEN", .json = "len", .place = 4, .right = true, .put = put_len},
	{.name = "CAPACITY", .json = "capacity", .place = 6, .right = true, .put = put_capacity},
	{.name = "LOAD", .place = 7, .right = true, .put = put_load},
	{.name = "TYPE",
	 .json = "map_type",
	 .place = 8,
	 .percent = 45,
	 .sgr = SGR_BOLD,
	 .put = put_type},
	{.json = "candidates", .put = put_candidates},
	{.json = "package", .put = put_package},
	{.name = "MAP", .json = "map", .place = 9, .put = put_map},
	{.json = "layout", .put = put_layout},
	{.json = "overflow", .put = put_overflow},
	{.json = "tombstones", .put = put_tombstones},
	{.json = "tables", .put = put_tables},
	{.json = "growing", .put = put_growing},
	{.json = "old_buckets", .put = put_old},
	{.json = "evacuated", .put = put_evacuated},
	{.json = "marks", .put = put_marks},
	{.json = "stack_only", .put = put_by_stack},
	{.json = "changing", .put = put_changing},
	{.name = "NOTES", .place = 10, .put = put_notes},
	{.name = "HELD BY",
	 .json = "held_by",
	 .place = 11,
	 .shown = with_holders,
	 .put = put_held_by},
};

static struct rows rows_of(const struct map_report *report)
{
	return ROWS(columns, report, .event = "map");
}

void maps_members(struct buf *to, const struct map_row *row)
{
	const struct map_report report = {.rows = row, .rows_n = 1};
	struct rows rows = rows_of(&report);

	columns_members(to, &rows, row);
}

static void put_member(struct buf *to, const char *name, uint64_t value)
{
	json_name_of(to, name);
	buf_u64(to, value);
}

static void put_true(struct buf *to, const char *name)
{
	json_name_of(to, name);
	json_put_bool(to, true);
}

void maps_end_json(struct buf *to, const struct map_report *report)
{
	json_literal(to, "{\"event\":\"end\",\"pid\":");
	buf_u64(to, report->pid);
	put_member(to, "maps", report->maps);
	put_member(to, "bytes", report->bytes);
	put_member(to, "waste", report->waste);
	put_member(to, "typed", report->typed);
	put_member(to, "typed_bytes", report->typed_bytes);
	put_member(to, "types_dropped", report->types_dropped);
	put_member(to, "possible_empty", report->possible_empty);
	put_member(to, "heap_bytes", report->heap_bytes);
	put_member(to, "objects", report->objects);
	put_member(to, "live", report->live);
	put_member(to, "goroutines", report->goroutines);
	json_name_of(to, "read");
	json_put_str(to, report->core ? "core" : report->stopped ? "stopped" : "running");
	put_member(to, "spans", report->spans);
	if (report->maps_left)
		put_true(to, "maps_left");
	if (report->types_left)
		put_true(to, "types_left");
	if (report->candidates_left)
		put_true(to, "candidates_left");
	if (report->unsettled)
		put_member(to, "unsettled", report->unsettled);
	if (report->libraries)
		put_member(to, "libraries_unread", report->libraries);
	if (report->stopped)
		put_member(to, "stopped_ns", (uint64_t)(report->seconds * 1e9));
	if (report->watched) {
		put_member(to, "gc_cycles", report->cycles);
		put_member(to, "spans_after", report->spans_after);
		put_member(to, "heap_bytes_after", report->heap_bytes_after);
	}
	if (report->core) {
		json_name_of(to, "core");
		json_put_str(to, report->core);
		put_member(to, "core_missing", report->core_missing);
		put_member(to, "files_missing", report->core_unseen);
	}
	if (report->compared)
		for (enum map_change_kind kind = MAP_CAME; kind <= MAP_MOVED; kind++)
			put_member(to, map_change_word(kind), report->changes[kind]);
	json_end_line(to);
}

void maps_json(struct buf *to, const struct map_report *report)
{
	struct rows rows = rows_of(report);

	columns_json(to, &rows);
	maps_end_json(to, report);
}

void maps_text(struct buf *to, const struct map_report *report)
{
	struct rows rows = rows_of(report);

	if (report->rows_n)
		columns_text(to, &rows);
}
