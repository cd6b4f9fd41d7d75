#include "show/report/entries.h"
#include "show/columns/columns.h"

static void put_name(struct cell *cell, const void *row)
{
	cell_str(cell, ((const struct entry_row *)row)->name);
}

static void put_sites(struct cell *cell, const void *row)
{
	cell_number(cell, ((const struct entry_row *)row)->sites);
}

static const struct column columns[] = {
	{.name = "SITES", .json = "sites", .place = 1, .width = 5, .right = true, .put = put_sites},
	{.name = "FUNCTION", .json = "name", .place = 2, .put = put_name},
};

static struct rows rows_of(const struct entry_report *report)
{
	return ROWS(columns, report, .event = "entry");
}

void entries_text(struct buf *to, const struct entry_report *report)
{
	struct rows rows = rows_of(report);

	columns_text(to, &rows);
}

void entries_json(struct buf *to, const struct entry_report *report)
{
	struct rows rows = rows_of(report);

	columns_json(to, &rows);
}
