#include "show/snapshot/snapshot.h"

#include <stdlib.h>

bool snapshot_same_process(const struct snapshot *a, const struct snapshot *b)
{
	return a->head.pid == b->head.pid && a->head.image == b->head.image;
}

void snapshot_changes_fini(struct snapshot_changes *changes)
{
	vec_fini(&changes->list);
}

/* Appends a change, unless both sides are the same. */
static struct error *add(struct snapshot_changes *to, struct map_change *change)
{
	change->kind = map_change_kind(&change->before, &change->after);
	return change->kind == MAP_SAME || vec_push(&to->list, *change) ? NULL : error_nomem();
}

/* ---- maps ---- */

static bool type_fits(const struct map_row *a, const struct map_row *b)
{
	return !a->type || !b->type || strcmp(a->type, b->type) == 0;
}

/* Appends a map of one list or of both. */
static struct error *add_map(struct snapshot_changes *to, const struct map_row *before,
			     const struct map_row *after)
{
	struct map_change change = {0};

	if (before) {
		change.map = before->map;
		change.text = before->type;
		change.package = before->package;
		map_sums_add(&change.before, before);
	}
	if (after) {
		change.map = after->map;
		if (after->type) {
			change.text = after->type;
			change.package = after->package;
		}
		map_sums_add(&change.after, after);
	}
	return add(to, &change);
}

struct error *snapshot_compare(const struct snapshot *a, const struct snapshot *b,
			       struct snapshot_changes *ret)
{
	const struct map_row *x = a->rows.data, *y = b->rows.data;
	const struct map_row *x_end = a->rows.len ? x + a->rows.len : x;
	const struct map_row *y_end = b->rows.len ? y + b->rows.len : y;

	*ret = (struct snapshot_changes){0};
	while (x < x_end || y < y_end) {
		bool first = x < x_end && (y == y_end || x->map <= y->map);
		bool second = y < y_end && (x == x_end || y->map <= x->map);

		if (first && second && !type_fits(x, y)) { /* another map in the same place */
			try(add_map(ret, x++, NULL));
			try(add_map(ret, NULL, y++));
			continue;
		}
		try(add_map(ret, first ? x : NULL, second ? y : NULL));
		x += first;
		y += second;
	}
	return NULL;
}

/* ---- groups ---- */

static int compare_texts(const char *a, const char *b)
{
	if (!a || !b)
		return !a - !b;
	return strcmp(a, b);
}

static int compare_groups(const void *a_, const void *b_)
{
	const struct map_change *a = a_, *b = b_;
	int result = compare_texts(a->text, b->text);

	return result ? result : compare_texts(a->package, b->package);
}

/* Appends each map as a group of its own. */
static bool push_maps(const struct snapshot *of, enum map_grouping by, bool after,
		      struct snapshot_changes *to)
{
	vec_each(row, &of->rows) {
		struct map_change change = {.text = map_grouping_find(by)->text(row),
					    .package = by == MAPS_OF_TYPE ? row->package : NULL};

		map_sums_add(after ? &change.after : &change.before, row);
		if (!vec_push(&to->list, change))
			return false;
	}
	return true;
}

static void add_sums(struct map_sums *to, const struct map_sums *more)
{
	to->maps += more->maps;
	to->bytes += more->bytes;
	to->waste += more->waste;
	to->len += more->len;
	to->capacity += more->capacity;
	to->overflow += more->overflow;
	to->growing += more->growing;
	to->old += more->old;
	to->evacuated += more->evacuated;
	to->moved_unknown += more->moved_unknown;
}

struct error *snapshot_compare_groups(const struct snapshot *a, const struct snapshot *b,
				      enum map_grouping by, struct snapshot_changes *ret)
{
	size_t groups = 0;

	*ret = (struct snapshot_changes){0};
	if (!push_maps(a, by, false, ret) || !push_maps(b, by, true, ret))
		return error_nomem();
	if (ret->list.len)
		qsort(ret->list.data, ret->list.len, sizeof(*ret->list.data), compare_groups);
	vec_each(row, &ret->list) {
		struct map_change *last = groups ? &ret->list.data[groups - 1] : NULL;

		if (last && compare_groups(last, row) == 0) {
			add_sums(&last->before, &row->before);
			add_sums(&last->after, &row->after);
		} else {
			ret->list.data[groups++] = *row;
		}
	}
	ret->list.len = 0;
	for (size_t i = 0; i < groups; i++) {
		struct map_change group = ret->list.data[i];

		try(add(ret, &group)); /* it has room */
	}
	return NULL;
}
