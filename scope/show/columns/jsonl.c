#include "base/buf.h"
#include "base/text/text.h"
#include "show/columns/columns.h"

/* Appends a member, with a comma before it unless it is the first. Returns false when the column
 * has no value for this row. */
static bool put_member(struct cell *cell, const struct column *column, const void *row, bool first)
{
	struct buf *to = cell->to;
	size_t begin = to->len, value;

	if (!first)
		buf_char(to, ',');
	buf_char(to, '"');
	buf_str(to, column->json);
	json_literal(to, "\":");
	value = to->len;
	cell->column = column;
	column->put(cell, row);
	if (to->len > value)
		return true;
	to->len = begin;
	return false;
}

void columns_members(struct buf *to, const struct rows *rows, const void *row)
{
	struct cell cell = {.to = to, .json = true, .columns = TEXT_UNLIMITED, .rows = rows};
	bool first = true;

	for (size_t i = 0; i < rows->columns_n; i++)
		if (rows->columns[i].json && put_member(&cell, &rows->columns[i], row, first))
			first = false;
}

void columns_json(struct buf *to, const struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		json_begin(to, "event");
		json_put_str(to, rows->event);
		buf_char(to, ',');
		columns_members(to, rows, columns_row(rows, i));
		json_end_line(to);
	}
}
