/* Counts sites by function, type, variant or package. */
#include "base/frame.h"
#include "base/buf.h"
#include "base/text/text.h"
#include "show/columns/columns.h"
#include "show/report/sites_priv.h"

#include <stdlib.h>

static const char *site_by_name(enum site_by by)
{
	static const char *const names[] = {
		[SITE_BY_FUNCTION] = "function",
		[SITE_BY_TYPE] = "type",
		[SITE_BY_VARIANT] = "variant",
		[SITE_BY_PACKAGE] = "package",
	};

	return names[by];
}

struct group {
	const char *name;
	size_t len;
	size_t sites;
};

static struct group group_of(const struct site_row *row, enum site_by by)
{
	const char *name = "";
	size_t len;

	switch (by) {
	case SITE_BY_FUNCTION: name = site_innermost(row)->func; break;
	case SITE_BY_TYPE: name = row->type ? row->type->name : row->why_no_type; break;
	case SITE_BY_VARIANT: name = go_entries[row->entry].variant; break;
	case SITE_BY_PACKAGE: name = site_outermost(row)->func; break;
	}
	len = by == SITE_BY_PACKAGE ? site_package(name) : strlen(name);
	return (struct group){name, len, 1};
}

static int compare_names(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->name, y->name, len);

	return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

static int compare_sites(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->sites != y->sites)
		return x->sites > y->sites ? -1 : 1;
	return compare_names(a, b);
}

/* Makes the groups, sorted by size, the largest first, then by name. *ret is their number. The
 * caller frees the array. Returns NULL when memory is out. */
static struct group *make_groups(const struct site_report *report, enum site_by by, size_t *ret)
{
	struct group *groups = malloc((report->rows_n + 1) * sizeof(*groups));
	size_t n = 0;

	if (!groups)
		return NULL;
	for (size_t i = 0; i < report->rows_n; i++)
		groups[i] = group_of(report->rows[i], by);
	qsort(groups, report->rows_n, sizeof(*groups), compare_names);
	for (size_t i = 0; i < report->rows_n; i++) {
		if (n && compare_names(&groups[n - 1], &groups[i]) == 0)
			groups[n - 1].sites++;
		else
			groups[n++] = groups[i];
	}
	qsort(groups, n, sizeof(*groups), compare_sites);
	*ret = n;
	return groups;
}

/* ---- columns ---- */

static void put_name(struct cell *cell, const void *row)
{
	const struct group *group = row;

	cell_string(cell, group->name, group->len);
}

static void put_sites(struct cell *cell, const void *row)
{
	cell_number(cell, ((const struct group *)row)->sites);
}

void site_table_text(struct buf *to, const struct site_report *report, enum site_by by)
{
	const struct column columns[] = {
		{.name = "sites", .place = 1, .width = 7, .right = true, .put = put_sites},
		{.name = site_by_name(by), .place = 2, .put = put_name},
	};
	struct rows rows = {
		.columns = columns,
		.columns_n = ARRAY_SIZE(columns),
		.size = sizeof(struct group),
		.color = report->color,
		.width = report->width,
	};
	cleanup_free struct group *groups = make_groups(report, by, &rows.n);

	rows.first = groups;
	site_put_head(to, report);
	buf_char(to, '\n');
	columns_text(to, &rows);
	to->bad |= !groups;
}

void site_table_json(struct buf *to, const struct site_report *report, enum site_by by)
{
	static const struct column columns[] = {
		{.json = "name", .put = put_name},
		{.json = "sites", .put = put_sites},
	};
	struct rows rows = {.columns = columns, .columns_n = ARRAY_SIZE(columns)};
	cleanup_free struct group *groups = make_groups(report, by, &rows.n);

	json_begin(to, "event");
	json_put_str(to, "table");
	json_name(to, "by");
	json_put_str(to, site_by_name(by));
	json_name(to, "rows");
	for (size_t i = 0; i < rows.n; i++) {
		buf_str(to, i ? ",{" : "[{");
		columns_members(to, &rows, &groups[i]);
		buf_char(to, '}');
	}
	buf_str(to, rows.n ? "]" : "[]");
	json_end_line(to);
	site_end_json(to, report);
	to->bad |= !groups;
}
