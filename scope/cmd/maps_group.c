/* Groups rows: sorts pointers to them by what they are grouped by, and adds up each run. */
#include "cmd/maps_group.h"
#include "base/cleanup.h"

#include <stdlib.h>

void maps_group_fini(struct map_groups *groups)
{
	vec_fini(&groups->list);
}

/* Compares two texts. NULL, which is no text, comes last. */
static int compare_texts(const char *a, const char *b)
{
	if (!a || !b)
		return !a - !b;
	return a == b ? 0 : strcmp(a, b);
}

static struct map_group group_of(enum map_grouping by, const struct map_row *row)
{
	return (struct map_group){
		.text = map_grouping_find(by)->text(row),
		.package = by == MAPS_OF_TYPE ? row->package : NULL,
		.maps = 1,
		.bytes = row->bytes,
		.waste = row->waste,
		.len = row->len,
		.capacity = row->capacity,
	};
}

static int compare_groups(const void *a_, const void *b_)
{
	const struct map_group *a = a_, *b = b_;
	int result = compare_texts(a->text, b->text);

	return result ? result : compare_texts(a->package, b->package);
}

static void add(struct map_group *to, const struct map_group *group)
{
	to->maps += group->maps;
	to->bytes += group->bytes;
	to->waste += group->waste;
	to->len += group->len;
	to->capacity += group->capacity;
}

static uint64_t measure(enum maps_order order, const struct map_group *group)
{
	switch (order) {
	case MAPS_BY_WASTE: return group->waste;
	case MAPS_BY_BYTES: return group->bytes;
	case MAPS_BY_LEN: return group->len;
	case MAPS_BY_CAPACITY: return group->capacity;
	case MAPS_BY_MAPS: return group->maps;
	default: return 0;
	}
}

static int compare_order(const void *a, const void *b, void *ctx)
{
	const struct maps_options *options = ctx;
	uint64_t x = measure(options->order, a), y = measure(options->order, b);

	return x != y ? (x < y ? 1 : -1) : compare_groups(a, b);
}

struct error *maps_group(const struct maps_options *options, const struct map_row *rows, size_t n,
			 struct map_groups *ret)
{
	size_t groups = 0;

	*ret = (struct map_groups){0};
	if (!n)
		return NULL;
	if (!vec_reserve(&ret->list, n))
		return error_nomem();
	for (size_t i = 0; i < n; i++)
		ret->list.data[i] = group_of(options->by, &rows[i]);
	qsort(ret->list.data, n, sizeof(*ret->list.data), compare_groups);
	for (size_t i = 0; i < n; i++) {
		struct map_group *last = groups ? &ret->list.data[groups - 1] : NULL;

		if (last && compare_groups(last, &ret->list.data[i]) == 0)
			add(last, &ret->list.data[i]);
		else
			ret->list.data[groups++] = ret->list.data[i];
	}
	qsort_r(ret->list.data, groups, sizeof(*ret->list.data), compare_order, (void *)options);
	ret->list.len = options->top && groups > options->top ? options->top : groups;
	return NULL;
}
