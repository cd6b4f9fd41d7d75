/* The probes of a program, before they are placed:
 *
 *     /srv/shop/bin/shop: go1.26.5, Swiss maps, stripped, 2 probes
 *     ROLE     ADDRESS   PLACE                                         REASON
 *     removal  0x40d884  internal/runtime/maps.(*Map).deleteSmall+228  first emulated instruction
 *     start    0x44b448  runtime.main+104                              first emulated instruction
 *     GC phase: read at 0x5c3530
 */
#include "base/buf.h"
#include "base/text/text.h"
#include "read/layout/layout.h"
#include "show/columns/columns.h"
#include "show/report/plan.h"

static const struct spot *spot_of(const void *row)
{
	return row;
}

static void put_role(struct cell *cell, const void *row)
{
	cell_str(cell, spot_role_name(spot_of(row)->role));
}

static void put_address(struct cell *cell, const void *row)
{
	cell_address(cell, spot_of(row)->addr);
}

static void put_place(struct cell *cell, const void *row)
{
	cell_str(cell, spot_of(row)->func);
	buf_char(cell->to, '+');
	cell_number(cell, spot_offset(spot_of(row)));
}

static void put_why(struct cell *cell, const void *row)
{
	size_t from = cell->to->len;

	cell_str(cell, spot_of(row)->why);
	text_cut(cell->to, from, cell->columns);
}

static const struct column columns[] = {
	{.name = "ROLE", .place = 1, .width = 7, .put = put_role},
	{.name = "ADDRESS", .place = 2, .put = put_address},
	{.name = "PLACE", .place = 3, .percent = 60, .sgr = SGR_BOLD, .put = put_place},
	{.name = "REASON", .place = 4, .put = put_why},
};

static void put_program(struct buf *to, const struct plan_report *report)
{
	cleanup_buf struct buf line = {0};

	text_safe_str(&line, image_name(report->image));
	buf_str(&line, ": ");
	text_safe_str(&line, gopcln_version(report->tab));
	buf_printf(&line, ", %s maps%s, ", layout_get(report->placements->maps)->title,
		   image_is_stripped(report->image) ? ", stripped" : "");
	text_counted(&line, report->placements->list.len, "probe");
	text_wrap(to, &line, report->width);
	to->bad |= line.bad;
}

static void put_gc(struct buf *to, const struct plan_report *report)
{
	cleanup_buf struct buf line = {0};

	if (report->placements->gcphase) {
		buf_str(&line, "GC phase: read at ");
		buf_hex(&line, report->placements->gcphase);
	} else {
		buf_str(&line, "GC phase: runtime.gcphase was not found; events will not have it");
	}
	text_wrap(to, &line, report->width);
	to->bad |= line.bad;
}

static void put_filters(struct buf *to, const struct plan_report *report)
{
	const char *at = report->filters;

	while (*at) {
		cleanup_buf struct buf line = {0};
		size_t len = strcspn(at, "\n");

		buf_put(&line, at, len);
		text_wrap(to, &line, report->width);
		to->bad |= line.bad;
		at += len + (at[len] == '\n');
	}
}

void plan_text(struct buf *to, const struct plan_report *report)
{
	struct rows rows = {
		.columns = columns,
		.columns_n = ARRAY_SIZE(columns),
		.first = report->placements->list.data,
		.n = report->placements->list.len,
		.size = sizeof(struct spot),
		.color = report->color,
		.width = report->width,
	};

	put_program(to, report);
	columns_text(to, &rows);
	put_gc(to, report);
	put_filters(to, report);
}
