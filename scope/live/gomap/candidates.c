/* The types that a map may have whose type nothing tells. What decides are exact facts: the size of the object that its
 * buckets or groups fill, whether the heap calls words of them pointers and which, and the type that the heap notes for
 * arrays of more than 512 bytes. The candidates are map types of the program's files, and reflect.MapOf can make further ones.
 *
 * The types that fit an array are searched once for all arrays of which the same is known, and those that fit two arrays of a map
 * once for all such pairs. A program can make every array another one: the steps of all maps together are limited. */
#include "live/gomap/gomap_priv.h"

#define NO_LIST UINT32_MAX

struct candidates candidates_of(uint64_t steps)
{
	return (struct candidates){
		.steps = steps < GOMAP_CANDIDATES_STEPS ? steps : GOMAP_CANDIDATES_STEPS};
}

void candidates_fini(struct candidates *candidates)
{
	table_fini(&candidates->list_at);
	table_fini(&candidates->both_at);
	vec_fini(&candidates->lists);
	vec_fini(&candidates->types);
}

/* Counts a step. Returns false if none is left. */
static bool step(struct candidates *candidates)
{
	candidates->given_up |= !candidates->steps;
	return !candidates->given_up && candidates->steps--;
}

static void append(struct candidates *candidates, struct candidates_list *list, uint32_t type)
{
	candidates->given_up |= !vec_push(&candidates->types, type);
	list->n++;
}

/* Keeps a list. Returns its index, or NO_LIST if all is given up. */
static uint32_t keep(struct candidates *candidates, struct table *at, uint64_t key,
		     struct candidates_list list)
{
	uint32_t index = (uint32_t)candidates->lists.len;

	candidates->given_up |=
		!vec_push(&candidates->lists, list) || table_put(at, key, index) < 0;
	return candidates->given_up ? NO_LIST : index;
}

/* Collects the types whose parts fill an array of n. Returns the index of the list, or NO_LIST if all is given up. */
static uint32_t collect(struct candidates *candidates, const struct gomap_reader *reader,
			const struct part_array *array, uint64_t n, uint64_t key)
{
	struct candidates_list list = {.from = candidates->types.len};

	for (size_t i = 0; i < reader->types->list.len; i++) {
		const struct map_type *type = &reader->types->list.data[i];

		if (!step(candidates))
			return NO_LIST;
		if (part_array_fits(reader, array, n, type) && part_has_pointers_of(array, type))
			append(candidates, &list, (uint32_t)i);
	}
	return keep(candidates, &candidates->list_at, key, list);
}

/* Finds the types whose parts fill an array of a map. Returns the index of the list, or NO_LIST if the array cannot be read, or all
 * is given up. */
static uint32_t list_of(struct candidates *candidates, const struct gomap_reader *reader,
			uint64_t addr, uint64_t n)
{
	struct part_array array;
	const uint32_t *found;
	uint64_t key;

	if (!part_array_look(reader, addr, &array))
		return NO_LIST;
	part_read_pointers(reader, &array);
	key = table_mix(array.pointers ^ table_mix(n << 8 | array.pointers_n << 1 | array.noscan));
	key = table_mix(array.slot ^ table_mix(array.part ^ key));
	found = table_find(&candidates->list_at, key);
	return found ? *found : collect(candidates, reader, &array, n, key);
}

/* Finds the list of the types that are in two lists. Returns its index, or NO_LIST if all is given up. */
static uint32_t in_both(struct candidates *candidates, uint32_t a, uint32_t b)
{
	struct candidates_list list = {.from = candidates->types.len};
	uint64_t key = (uint64_t)a << 32 | b;
	const uint32_t *found = table_find(&candidates->both_at, key);
	uint64_t i = candidates->lists.data[a].from, i_end = i + candidates->lists.data[a].n;
	uint64_t k = candidates->lists.data[b].from, k_end = k + candidates->lists.data[b].n;

	if (a == b || found)
		return found ? *found : a;
	while (i < i_end && k < k_end) {
		uint32_t x = candidates->types.data[i], y = candidates->types.data[k];

		if (!step(candidates))
			return NO_LIST;
		if (x == y)
			append(candidates, &list, x);
		i += x <= y;
		k += y <= x;
	}
	return keep(candidates, &candidates->both_at, key, list);
}

/* Finds the types that fit all arrays of a map. Returns the index of the list, or NO_LIST if it is not known. */
static uint32_t list_of_map(struct candidates *candidates, const struct gomap_reader *reader,
			    const struct gomap_ops *ops, const struct gomap *map)
{
	uint64_t arrays = ops->arrays(map), addr, n;
	uint32_t ret = NO_LIST;

	for (uint64_t i = 0; i < arrays; i++) {
		uint32_t list;

		/* The first one costs no step: each map may have one. */
		if ((i && !step(candidates)) || !ops->array_at(reader, map, i, &addr, &n))
			return NO_LIST;
		list = list_of(candidates, reader, addr, n);
		if (list != NO_LIST && i)
			list = in_both(candidates, ret, list);
		if (list == NO_LIST)
			return NO_LIST;
		ret = list;
	}
	return ret;
}

void candidates_find(struct candidates *candidates, const struct gomap_reader *reader,
		     const struct gomap_ops *ops, struct gomap *map)
{
	const struct candidates_list *list;
	uint32_t at;

	if (candidates->given_up)
		return;
	at = list_of_map(candidates, reader, ops, map);
	if (at == NO_LIST || candidates->given_up)
		return;
	list = &candidates->lists.data[at];
	if (list->n > GOMAP_CANDIDATES)
		return;
	for (uint64_t i = 0; i < list->n; i++)
		map->candidates[i] =
			reader->types->list.data[candidates->types.data[list->from + i]].addr;
	map->candidates_n = (uint8_t)list->n;
}
