/* Sites in groups: by function, type, variant, package. */
#include "read/layout/layout.h"
#include "show/report/report.h"
#include "show/report/sites_priv.h"

#include <stdlib.h>

const char *site_layout(const struct sites *sites)
{
	return layout_get(sites->maps)->name;
}

const char *site_by_name(enum site_by by)
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
	case SITE_BY_FUNCTION: name = site_source(row)->func; break;
	case SITE_BY_TYPE: name = row->type ? row->type->name : row->why_no_type; break;
	case SITE_BY_VARIANT: name = go_entries[row->entry].variant; break;
	case SITE_BY_PACKAGE: name = site_holder(row)->func; break;
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

bool site_count(const struct site_report *report, enum site_by by,
		void (*row)(void *ctx, const char *name, size_t len, size_t sites), void *ctx)
{
	cleanup_free struct group *groups = malloc((report->rows_n + 1) * sizeof(*groups));
	size_t n = 0;

	if (!groups)
		return false;
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
	for (size_t i = 0; i < n; i++)
		row(ctx, groups[i].name, groups[i].len, groups[i].sites);
	return true;
}

/* ---- changes ---- */

unsigned site_change_kinds(const struct site_change *change)
{
	return (unsigned)change->variant << SITE_CHANGE_VARIANT |
	       (unsigned)change->type << SITE_CHANGE_TYPE |
	       (unsigned)change->inlining << SITE_CHANGE_INLINING;
}

bool site_change_same(const struct site_change *change)
{
	return change->from && change->to && !site_change_kinds(change);
}

struct site_tally site_tally(const struct site_change **changes, size_t n)
{
	struct site_tally tally = {0};

	for (size_t i = 0; i < n; i++) {
		tally.same += site_change_same(changes[i]);
		tally.variant += changes[i]->variant;
		tally.type += changes[i]->type;
		tally.inlining += changes[i]->inlining;
		tally.came += !changes[i]->from;
		tally.went += !changes[i]->to;
	}
	return tally;
}
