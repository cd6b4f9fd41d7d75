/* The drawing as JSON Lines. The members' names and their order are an interface. */
#include "base/buf.h"
#include "base/text/text.h"
#include "show/columns/columns.h"
#include "show/drawing/drawing_priv.h"

static bool is_swiss(const struct cell *cell)
{
	return ((const struct drawing *)cell->rows->ctx)->swiss;
}

/* ---- a part ---- */

static const struct map_part *part_of(const void *row)
{
	return row;
}

static void put_array(struct cell *cell, const void *row)
{
	if (!is_swiss(cell))
		cell_str(cell, part_of(row)->array ? "old" : "new");
}

static void put_table(struct cell *cell, const void *row)
{
	if (is_swiss(cell))
		cell_number(cell, part_of(row)->array);
}

static void put_index(struct cell *cell, const void *row)
{
	cell_number(cell, part_of(row)->index);
}

static void put_chain(struct cell *cell, const void *row)
{
	if (!is_swiss(cell))
		cell_number(cell, part_of(row)->depth);
}

static void put_addr(struct cell *cell, const void *row)
{
	cell_address(cell, part_of(row)->addr);
}

static void put_slots(struct cell *cell, const void *row)
{
	char letters[MAP_PART_SLOTS];

	for (unsigned i = 0; i < MAP_PART_SLOTS; i++)
		letters[i] = drawing_letter(part_of(row)->slots[i]);
	cell_string(cell, letters, sizeof(letters));
}

static void put_moved(struct cell *cell, const void *row)
{
	if (!is_swiss(cell))
		cell_bool(cell, part_of(row)->moved);
}

static void put_fault(struct cell *cell, const void *row)
{
	if (part_of(row)->fault)
		cell_str(cell, part_of(row)->fault);
}

static const struct column part_columns[] = {
	{.json = "array", .put = put_array}, {.json = "table", .put = put_table},
	{.json = "index", .put = put_index}, {.json = "chain", .put = put_chain},
	{.json = "addr", .put = put_addr},   {.json = "slots", .put = put_slots},
	{.json = "moved", .put = put_moved}, {.json = "fault", .put = put_fault},
};

/* ---- a table ---- */

static void put_table_number(struct cell *cell, const void *row)
{
	const struct map_array *array = row;
	const uint64_t numbers[] = {array->number,     array->parts, array->used,   array->free,
				    array->tombstones, array->depth, array->entries};

	cell_number(cell, numbers[cell->column->arg]);
}

static void put_table_addr(struct cell *cell, const void *row)
{
	cell_address(cell, ((const struct map_array *)row)->table);
}

static const struct column table_columns[] = {
	{.json = "table", .put = put_table_number, .arg = 0},
	{.json = "addr", .put = put_table_addr},
	{.json = "groups", .put = put_table_number, .arg = 1},
	{.json = "used", .put = put_table_number, .arg = 2},
	{.json = "free", .put = put_table_number, .arg = 3},
	{.json = "tombstones", .put = put_table_number, .arg = 4},
	{.json = "depth", .put = put_table_number, .arg = 5},
	{.json = "entries", .put = put_table_number, .arg = 6},
};

/* ---- a cell ---- */

static void put_cell_number(struct cell *cell, const void *row)
{
	const struct drawing_cell *of = row;
	const uint64_t numbers[] = {of->first, of->parts,    of->slots,	    of->used,
				    of->moved, of->overflow, of->tombstones};

	cell_number(cell, numbers[cell->column->arg]);
}

static void put_classic_number(struct cell *cell, const void *row)
{
	if (!is_swiss(cell))
		put_cell_number(cell, row);
}

static void put_swiss_number(struct cell *cell, const void *row)
{
	if (is_swiss(cell))
		put_cell_number(cell, row);
}

static const struct column cell_columns[] = {
	{.json = "first", .put = put_cell_number, .arg = 0},
	{.json = "parts", .put = put_cell_number, .arg = 1},
	{.json = "slots", .put = put_cell_number, .arg = 2},
	{.json = "used", .put = put_cell_number, .arg = 3},
	{.json = "moved", .put = put_classic_number, .arg = 4},
	{.json = "overflow", .put = put_classic_number, .arg = 5},
	{.json = "tombstones", .put = put_swiss_number, .arg = 6},
};

static void put_band(const struct drawing *drawing, unsigned number, struct buf *to)
{
	const struct drawing_band *band = &drawing->bands[number];
	struct rows rows = {.event = drawing->swiss ? "fill"
				     : number	    ? "fill_old"
						    : "fill",
			    .columns = cell_columns,
			    .columns_n = ARRAY_SIZE(cell_columns),
			    .first = band->cells,
			    .n = band->n ? (band->n - 1) / band->scale + 1 : 0,
			    .size = sizeof(*band->cells),
			    .ctx = drawing};

	columns_json(to, &rows);
}

static void put_parts(const struct drawing *drawing, struct buf *to)
{
	struct rows rows = {.event = drawing->swiss ? "group" : "bucket",
			    .columns = part_columns,
			    .columns_n = ARRAY_SIZE(part_columns),
			    .first = drawing->parts.data,
			    .n = drawing->parts.len,
			    .size = sizeof(*drawing->parts.data),
			    .ctx = drawing};

	columns_json(to, &rows);
}

static void put_tables(const struct drawing *drawing, struct buf *to)
{
	struct rows rows = {.event = "table",
			    .columns = table_columns,
			    .columns_n = ARRAY_SIZE(table_columns),
			    .size = sizeof(*drawing->arrays.data),
			    .ctx = drawing};

	vec_each(array, &drawing->arrays) {
		if (!array->table)
			continue;
		rows.first = array;
		rows.n = 1;
		columns_json(to, &rows);
	}
}

void drawing_json(const struct drawing *drawing, struct buf *to)
{
	to->bad |= drawing->bad;
	if (!drawing_is_whole(drawing)) {
		put_band(drawing, 0, to);
		put_band(drawing, 1, to);
		return;
	}
	put_tables(drawing, to);
	put_parts(drawing, to);
}
