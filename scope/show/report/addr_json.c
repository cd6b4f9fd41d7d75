/* Prints explained addresses as JSON Lines: one object for each address, and one at the end. The
 * names and their order are an interface. A source that was not asked has no member. A source that
 * was asked without an answer is null, with the reason beside it. */
#include "base/frame.h"
#include "base/buf.h"
#include "base/text/text.h"
#include "show/columns/columns.h"
#include "show/report/report.h"

/* Returns the answer that is believed, or NULL when there is none. */
static const struct explain_answer *best_of(const struct explanation *e)
{
	return e->best >= 0 ? &e->by[e->best] : NULL;
}

/* Appends a string, or null when it is unknown. */
static void cell_known(struct cell *cell, const char *text)
{
	cell_str(cell, text && *text ? text : NULL);
}

/* ---- the address ---- */

static void put_addr(struct cell *cell, const void *row)
{
	cell_address(cell, ((const struct explanation *)row)->query.addr);
}

static void put_module(struct cell *cell, const void *row)
{
	const struct explanation *e = row;

	cell_str(cell, e->query.module ? explain_module_path(e->query.module) : NULL);
}

static void put_module_error(struct cell *cell, const void *row)
{
	const struct explanation *e = row;

	if (!e->query.module)
		cell_str(cell, e->query.place ? e->query.place : "?");
}

static void put_pc(struct cell *cell, const void *row)
{
	const struct explanation *e = row;

	if (e->query.module)
		cell_address(cell, e->query.pc);
}

/* ---- the answer that is believed ---- */

static void put_func(struct cell *cell, const void *row)
{
	const struct explain_answer *best = best_of(row);

	cell_known(cell, best ? explain_func(row, best, 0) : NULL);
}

static void put_file(struct cell *cell, const void *row)
{
	const struct explain_answer *best = best_of(row);

	cell_known(cell, best ? best->frames[0].file : NULL);
}

static void put_line(struct cell *cell, const void *row)
{
	const struct explain_answer *best = best_of(row);

	if (best && best->frames[0].line)
		cell_number(cell, best->frames[0].line);
	else
		cell_null(cell);
}

static void put_offset(struct cell *cell, const void *row)
{
	const struct explanation *e = row;
	const struct explain_answer *best = best_of(e);

	if (best && best->entry)
		cell_number(cell, e->query.pc - best->entry);
}

static void put_source(struct cell *cell, const void *row)
{
	const struct explanation *e = row;

	if (best_of(e))
		cell_str(cell, explain_source_name((enum explain_source)e->best));
}

static void put_section(struct cell *cell, const void *row)
{
	const struct explanation *e = row;

	if (!best_of(e) && *e->section)
		cell_str(cell, e->section);
}

static void put_differ(struct cell *cell, const void *row)
{
	static const char *const names[] = {"func", "entry", "inline", "file", "line"};
	uint32_t differ = ((const struct explanation *)row)->differ;
	const char *between = "[";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(differ & 1u << i))
			continue;
		buf_str(cell->to, between);
		between = ",";
		json_put_str(cell->to, names[i]);
	}
	if (differ)
		buf_char(cell->to, ']');
}

/* ---- each source ---- */

static const struct explain_answer *answer_of(const struct cell *cell, const struct explanation *e)
{
	return &e->by[cell->column->arg];
}

/* Returns the answer of the cell's source if it has frames, or else NULL. If the source was asked,
 * NULL is also appended as null. */
static const struct explain_answer *frames_or_null(struct cell *cell, const struct explanation *e)
{
	const struct explain_answer *answer = answer_of(cell, e);

	if (answer->asked && answer->n)
		return answer;
	if (answer->asked)
		cell_null(cell);
	return NULL;
}

static void put_known(struct buf *to, const char *text)
{
	json_put_str(to, text && *text ? text : NULL);
}

static void put_frame(struct buf *to, const struct frame *frame)
{
	json_begin(to, "func");
	put_known(to, frame->func);
	json_name(to, "file");
	put_known(to, frame->file);
	json_name(to, "line");
	if (frame->line)
		buf_u64(to, frame->line);
	else
		json_put_str(to, NULL);
	if (frame->inlined)
		json_literal(to, ",\"inlined\":true");
	buf_char(to, '}');
}

/* Appends {"entry":"0x4a1b2d","frames":[{"func":"main.main",...}]}. */
static void put_frames(struct cell *cell, const void *row)
{
	const struct explain_answer *answer = frames_or_null(cell, row);
	struct buf *to = cell->to;

	if (!answer)
		return;
	json_begin(to, "entry");
	if (answer->entry)
		json_put_address(to, answer->entry);
	else
		json_put_str(to, NULL);
	json_name(to, "frames");
	for (size_t i = 0; i < answer->n; i++) {
		buf_char(to, i ? ',' : '[');
		put_frame(to, &answer->frames[i]);
	}
	buf_str(to, "]}");
}

/* Appends {"name":"main.main","entry":"0x4a1b2d","size":120}. */
static void put_symbol(struct cell *cell, const void *row)
{
	const struct explain_answer *answer = frames_or_null(cell, row);
	struct buf *to = cell->to;

	if (!answer)
		return;
	json_begin(to, "name");
	json_put_str(to, answer->frames[0].func);
	json_name(to, "entry");
	json_put_address(to, answer->entry);
	json_name(to, "size");
	buf_u64(to, answer->size > INT64_MAX ? INT64_MAX : answer->size);
	buf_char(to, '}');
}

static void put_error(struct cell *cell, const void *row)
{
	const struct explain_answer *answer = answer_of(cell, row);

	if (answer->asked && !answer->n)
		cell_str(cell, answer->why ? answer->why : "?");
}

static const struct column columns[] = {
	{.json = "addr", .put = put_addr},
	{.json = "module", .put = put_module},
	{.json = "module_error", .put = put_module_error},
	{.json = "pc", .put = put_pc},
	{.json = "func", .put = put_func},
	{.json = "file", .put = put_file},
	{.json = "line", .put = put_line},
	{.json = "offset", .put = put_offset},
	{.json = "source", .put = put_source},
	{.json = "section", .put = put_section},
	{.json = "differ", .put = put_differ},
	{.json = "gopclntab", .arg = EXPLAIN_GOPCLNTAB, .put = put_frames},
	{.json = "gopclntab_error", .arg = EXPLAIN_GOPCLNTAB, .put = put_error},
	{.json = "symbols", .arg = EXPLAIN_SYMBOLS, .put = put_symbol},
	{.json = "symbols_error", .arg = EXPLAIN_SYMBOLS, .put = put_error},
	{.json = "dwarf", .arg = EXPLAIN_DWARF, .put = put_frames},
	{.json = "dwarf_error", .arg = EXPLAIN_DWARF, .put = put_error},
};

void addr_json(struct buf *to, const struct explanation *e)
{
	const struct rows rows = {
		.event = "addr",
		.columns = columns,
		.columns_n = ARRAY_SIZE(columns),
		.first = e,
		.n = 1,
		.size = sizeof(*e),
	};

	columns_json(to, &rows);
}

/* ---- the end ---- */

static void put_member(struct buf *to, const char *name, const char *suffix)
{
	json_literal(to, ",\"");
	buf_str(to, name);
	buf_str(to, suffix);
	json_literal(to, "\":");
}

static void put_number(struct buf *to, const char *name, uint64_t value)
{
	put_member(to, name, "");
	buf_u64(to, value);
}

void addr_json_end(struct buf *to, const struct addr_totals *totals, double seconds)
{
	json_begin(to, "event");
	json_put_str(to, "end");
	put_number(to, "addresses", totals->addresses);
	put_number(to, "explained", totals->explained);
	put_number(to, "unexplained", totals->addresses - totals->explained);
	put_number(to, "differ", totals->differ);
	for (enum explain_source i = 0; i < EXPLAIN_SOURCES; i++) {
		if (!totals->asked[i])
			continue;
		put_number(to, explain_source_name(i), totals->by[i]);
		if (totals->why[i]) {
			put_member(to, explain_source_name(i), "_error");
			json_put_str(to, totals->why[i]);
		}
	}
	if (totals->separate) {
		json_name(to, "dwarf_file");
		json_put_str(to, totals->separate);
	}
	json_name(to, "seconds");
	json_put_decimal(to, seconds);
	json_end_line(to);
}
