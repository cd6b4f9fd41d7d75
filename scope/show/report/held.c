/* One object, and the ways by which it is held:
 *
 *     0xc000012350 is 16 bytes (tags) into an object of 48 bytes at 0xc000012340, a main.session
 *     HOLDER        HELD BY
 *     0xc0000a2000  (map value) <- main.store.sessions <- main.theStore
 *
 *     {"event":"object","addr":"0xc000012350","live":true,"object":"0xc000012340","size":48,"offset":16,...}
 *     {"event":"way","holder":"0xc0000a2000","slot":"0xc0000a2090","alike":0,"held_by":[...]}
 *
 * The members' names and their order are an interface. */
#include "show/report/held.h"
#include "base/buf.h"
#include "base/text/text.h"
#include "show/columns/columns.h"

struct table_of_ways {
	const struct held_way *rows;
	size_t rows_n;
	bool color;
	size_t width;
};

static const struct held_way *way_of(const void *row)
{
	return row;
}

static void put_holder(struct cell *cell, const void *row)
{
	cell_address(cell, way_of(row)->holder);
}

static void put_slot(struct cell *cell, const void *row)
{
	cell_address(cell, way_of(row)->slot);
}

static void put_alike(struct cell *cell, const void *row)
{
	cell_number(cell, way_of(row)->alike);
}

static void put_way(struct cell *cell, const void *row)
{
	const struct held_way *way = way_of(row);
	size_t from = cell->to->len;

	if (cell->json) {
		held_by_json(cell->to, way->held_by, way->goid);
		return;
	}
	held_by_text(cell->to, way->held_by, way->goid);
	if (way->alike) {
		buf_str(cell->to, " (and ");
		buf_u64(cell->to, way->alike);
		buf_str(cell->to, " like it)");
	}
	text_cut(cell->to, from, cell->columns);
}

static const struct column columns[] = {
	{.name = "HOLDER", .json = "holder", .place = 1, .put = put_holder},
	{.json = "slot", .put = put_slot},
	{.json = "alike", .put = put_alike},
	{.name = "HELD BY", .json = "held_by", .place = 2, .put = put_way},
};

/* Appends the line that tells what the object is. */
static void put_object(struct buf *to, const struct held_report *held)
{
	buf_hex(to, held->addr);
	if (held->addr != held->object) {
		buf_str(to, " is ");
		buf_u64(to, held->addr - held->object);
		buf_str(to, " bytes ");
		if (held->field) {
			buf_char(to, '(');
			text_safe_str(to, held->field);
			buf_str(to, ") ");
		}
		buf_str(to, "into an object of ");
	} else {
		buf_str(to, " is an object of ");
	}
	buf_u64(to, held->size);
	buf_str(to, " bytes");
	if (held->addr != held->object) {
		buf_str(to, " at ");
		buf_hex(to, held->object);
	}
	buf_str(to, held->type ? ", of type " : ", of a type that is not known");
	text_safe_str(to, held->type ? held->type : "");
	buf_char(to, '\n');
}

void held_text(struct buf *to, const struct held_report *held, const struct map_report *report)
{
	struct table_of_ways ways = {held->rows, held->rows_n, report->color, report->width};
	struct rows rows = ROWS(columns, &ways);

	if (held->size) {
		put_object(to, held);
		if (!held->rows_n)
			buf_str(to,
				"No pointer to it is found: a register has it, or it has just been dropped.\n");
		else
			columns_text(to, &rows);
		return;
	}
	buf_hex(to, held->addr);
	if (held->why_not) {
		buf_str(to, ": ");
		buf_str(to, held->why_not);
	} else {
		buf_str(to, held->rows[0].held_by && held->rows[0].held_by->kind == HOLDER_GLOBAL
				    ? " is no object of the heap, but in a global variable: "
				    : " is no object of the heap, but in a root: ");
		held_by_text(to, held->rows[0].held_by, held->rows[0].goid);
	}
	buf_char(to, '\n');
}

static void put_object_json(struct buf *to, const struct held_report *held)
{
	json_begin(to, "event");
	json_put_str(to, "object");
	json_name(to, "addr");
	json_put_address(to, held->addr);
	json_name(to, "live");
	json_put_bool(to, !held->why_not);
	if (held->why_not) {
		json_name(to, "why");
		json_put_str(to, held->why_not);
	}
	if (held->size) {
		json_name(to, "object");
		json_put_address(to, held->object);
		json_name(to, "size");
		buf_u64(to, held->size);
		json_name(to, "offset");
		buf_u64(to, held->addr - held->object);
		json_name(to, "type");
		if (held->type)
			json_put_str(to, held->type);
		else
			json_literal(to, "null");
	}
	json_end_line(to);
}

void held_json(struct buf *to, const struct held_report *held, const struct map_report *report)
{
	struct table_of_ways ways = {held->rows, held->rows_n, false, TEXT_UNLIMITED};
	struct rows rows = ROWS(columns, &ways, .event = "way");

	put_object_json(to, held);
	columns_json(to, &rows);
	json_begin(to, "event");
	json_put_str(to, "end");
	json_name(to, "pid");
	buf_u64(to, report->pid);
	json_name(to, "pointers");
	buf_u64(to, held->pointers);
	json_name(to, "ways");
	buf_u64(to, held->ways);
	json_end_line(to);
}
