#include "cmd/maps_compare.h"
#include "base/search.h"

/* Finds the same map in a list, or returns NULL. */
static const struct gomap *find(const struct gomap_list *list, const struct gomap *map)
{
	const struct gomap *maps = list->list.data;
	size_t n = list->list.len, at = lower_bound(i, n, maps[i].addr < map->addr);

	if (at == n || maps[at].addr != map->addr)
		return NULL;
	return !maps[at].type || !map->type || maps[at].type == map->type ? &maps[at] : NULL;
}

static struct map_sums sums_of(const struct gomap *map)
{
	return (struct map_sums){
		.maps = 1,
		.bytes = map->bytes,
		.len = map->len,
		.old = map->growing ? map->old : 0,
		.evacuated = map->growing ? map->evacuated : 0,
		.moved_unknown = map->growing && map->moved_unknown,
	};
}

void maps_compare(const struct gomap_list *before, const struct gomap *map, struct map_row *row)
{
	const struct gomap *other = find(before, map);
	struct map_sums then = other ? sums_of(other) : (struct map_sums){0}, now = sums_of(map);

	row->change = map_change_kind(&then, &now);
	row->len_before = then.len;
}

uint64_t maps_went(const struct gomap_list *before, const struct gomap_list *now)
{
	uint64_t n = 0;

	vec_each(map, &before->list)
		n += !find(now, map);
	return n;
}
