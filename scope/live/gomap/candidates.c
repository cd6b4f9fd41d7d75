/* The types that a map may have whose type nothing tells. What decides are exact facts: the size of the object that its
 * buckets or groups fill, whether the heap calls words of them pointers and which, and the type that the heap notes for
 * arrays of more than 512 bytes. The candidates are map types of the program's files, and reflect.MapOf can make further ones. */
#include "live/gomap/gomap_priv.h"

#define SIZED_MAX (1ull << 22) /* types that are kept for all sizes of arrays */

void candidates_fini(struct candidates *candidates)
{
	table_fini(&candidates->sized_at);
	vec_fini(&candidates->sized);
	vec_fini(&candidates->types);
}

/* Collects the types whose parts fill an array. Returns its index, or UINT32_MAX if there are too many for all arrays, or memory
 * is out. */
static uint32_t collect(struct candidates *candidates, const struct gomap_reader *reader,
			const struct part_array *array, uint64_t n, uint64_t key)
{
	struct candidates_sized sized = {.from = candidates->types.len};

	for (size_t i = 0; i < reader->types->list.len; i++) {
		const struct map_type *type = &reader->types->list.data[i];

		if (!part_array_fits(reader, array, n, type))
			continue;
		if (candidates->types.len >= SIZED_MAX ||
		    !vec_push(&candidates->types, (uint32_t)i))
			return UINT32_MAX;
		sized.n++;
	}
	if (!vec_push(&candidates->sized, sized) ||
	    table_put(&candidates->sized_at, key, (uint32_t)candidates->sized.len - 1) < 0)
		return UINT32_MAX;
	return (uint32_t)candidates->sized.len - 1;
}

/* Finds the types whose parts fill the first array of a map. Returns NULL if they are not known. */
static const struct candidates_sized *sized_of(struct candidates *candidates,
					       const struct gomap_reader *reader,
					       const struct gomap_ops *ops, const struct gomap *map)
{
	struct part_array array;
	uint64_t addr, n, key;
	uint32_t *found, at;

	if (!ops->first_array(reader, map, &addr, &n) ||
	    !part_array_read(reader, map, addr, n, &array))
		return NULL;
	key = table_mix(array.slot ^ table_mix(array.part ^ table_mix(n << 1 | array.noscan)));
	found = table_find(&candidates->sized_at, key);
	at = found ? *found : collect(candidates, reader, &array, n, key);
	return at == UINT32_MAX ? NULL : &candidates->sized.data[at];
}

/* Tells whether all arrays of a map may be of a type. */
static bool may_have(const struct gomap_reader *reader, const struct gomap_ops *ops,
		     const struct gomap *map, uint64_t type)
{
	struct gomap as = {.addr = map->addr, .type = type, .on_stack = map->on_stack};
	enum gomap_verdict verdict;

	memcpy(as.words, map->words, sizeof(as.words));
	verdict = ops->read(reader, &as);
	return verdict != GOMAP_NO && verdict != GOMAP_TORN;
}

void candidates_find(struct candidates *candidates, const struct gomap_reader *reader,
		     const struct gomap_ops *ops, struct gomap *map)
{
	const struct candidates_sized *sized = sized_of(candidates, reader, ops, map);
	uint64_t found[GOMAP_CANDIDATES];
	size_t n = 0;

	for (uint64_t i = 0; sized && i < sized->n; i++) {
		uint64_t type =
			reader->types->list.data[candidates->types.data[sized->from + i]].addr;

		if (!may_have(reader, ops, map, type))
			continue;
		if (n == GOMAP_CANDIDATES)
			return;
		found[n++] = type;
	}
	memcpy(map->candidates, found, n * sizeof(*found));
	map->candidates_n = (uint8_t)n;
}
