/* Groups of live maps. Each column is declared once, for both forms:
 *
 *     MAPS   BYTES   WASTE   LEN  CAPACITY  LOAD  TYPE
 *       12  983616  786432  1224     24576    4%  map[string]*main.session
 *
 *     {"event":"group","by":"type","maps":12,"bytes":983616,...,"map_type":"map[string]*main.session","package":"main"}
 *
 * The members' names and their order are an interface. */
#include "show/report/map_groups.h"
#include "base/buf.h"
#include "base/text/text.h"
#include "show/columns/columns.h"

static const char *type_of(const struct map_row *row)
{
	return row->type;
}

static const char *package_of(const struct map_row *row)
{
	return row->package;
}

static const char *holder_of(const struct map_row *row)
{
	return row->holder;
}

static const char *marks_of(const struct map_row *row)
{
	return map_marks_text(row->marks);
}

static const struct map_grouping_words groupings[] = {
	[MAPS_OF_TYPE] = {"type", "TYPE", "map_type", type_of},
	[MAPS_OF_PACKAGE] = {"package", "PACKAGE", "package", package_of},
	[MAPS_OF_HOLDER] = {"holder", "HELD BY", "holder", holder_of},
	[MAPS_OF_MARK] = {"mark", "MARK", "mark", marks_of},
};

const struct map_grouping_words *map_grouping_find(enum map_grouping by)
{
	return by < ARRAY_SIZE(groupings) ? &groupings[by] : NULL;
}

/* ---- columns ---- */

struct groups {
	const struct map_group *rows;
	size_t rows_n;
	enum map_grouping by;
	bool color;
	size_t width;
};

static const struct map_group *group_of(const void *row)
{
	return row;
}

static void put_by(struct cell *cell, const void *row)
{
	cell_str(cell, groupings[((const struct groups *)cell->rows->ctx)->by].word);
}

static void put_maps(struct cell *cell, const void *row)
{
	cell_number(cell, group_of(row)->maps);
}

static void put_bytes(struct cell *cell, const void *row)
{
	cell_number(cell, group_of(row)->bytes);
}

static void put_waste(struct cell *cell, const void *row)
{
	cell_number(cell, group_of(row)->waste);
}

static void put_len(struct cell *cell, const void *row)
{
	cell_number(cell, group_of(row)->len);
}

static void put_capacity(struct cell *cell, const void *row)
{
	cell_number(cell, group_of(row)->capacity);
}

static void put_load(struct cell *cell, const void *row)
{
	const struct map_group *group = group_of(row);

	buf_u64(cell->to, group->capacity ? group->len * 100 / group->capacity : 0);
	buf_char(cell->to, '%');
}

static void put_text(struct cell *cell, const void *row)
{
	const char *text = group_of(row)->text;
	size_t from = cell->to->len;

	if (text || cell->json)
		cell_str(cell, text);
	else
		buf_char(cell->to, '?');
	if (!cell->json)
		text_cut(cell->to, from, cell->columns);
}

static void put_package(struct cell *cell, const void *row)
{
	if (((const struct groups *)cell->rows->ctx)->by == MAPS_OF_TYPE)
		cell_str(cell, group_of(row)->package);
}

static void put_groups(struct buf *to, const struct groups *groups,
		       void (*put_rows)(struct buf *to, const struct rows *rows))
{
	const struct column columns[] = {
		{.json = "by", .put = put_by},
		{.name = "MAPS", .json = "maps", .place = 1, .right = true, .put = put_maps},
		{.name = "BYTES", .json = "bytes", .place = 2, .right = true, .put = put_bytes},
		{.name = "WASTE", .json = "waste", .place = 3, .right = true, .put = put_waste},
		{.name = "LEN", .json = "len", .place = 4, .right = true, .put = put_len},
		{.name = "CAPACITY",
		 .json = "capacity",
		 .place = 5,
		 .right = true,
		 .put = put_capacity},
		{.name = "LOAD", .place = 6, .right = true, .put = put_load},
		{.name = groupings[groups->by].heading,
		 .json = groupings[groups->by].json,
		 .place = 7,
		 .sgr = SGR_BOLD,
		 .put = put_text},
		{.json = "package", .put = put_package},
	};
	struct rows rows = ROWS(columns, groups, .event = "group");

	put_rows(to, &rows);
}

void map_groups_json(struct buf *to, const struct map_report *report, enum map_grouping by,
		     const struct map_group *groups, size_t n)
{
	struct groups all = {.rows = groups, .rows_n = n, .by = by};

	put_groups(to, &all, columns_json);
	maps_end_json(to, report);
}

void map_groups_text(struct buf *to, const struct map_report *report, enum map_grouping by,
		     const struct map_group *groups, size_t n)
{
	struct groups all = {.rows = groups,
			     .rows_n = n,
			     .by = by,
			     .color = report->color,
			     .width = report->width};

	if (n)
		put_groups(to, &all, columns_text);
}
