#include "live/gomap/gomap_priv.h"

static bool fits(const struct gomap_reader *reader, const struct part_array *array, uint64_t n,
		 uint64_t size)
{
	uint64_t parts = reader->allocated(n);

	return size && size <= UINT64_MAX / parts &&
	       heap_slot_size(reader->heap, size * parts, array->noscan) == array->slot;
}

/* Tells whether the heap has pointers where parts of a type have them. */
static bool has_pointers_of(const struct gomap_reader *reader, const struct part_array *array,
			    const struct map_type *type)
{
	uint64_t words = type->part_size / WORD, bits, n;

	if (array->part || array->noscan || !type->part_known ||
	    !heap_pointers_of(reader->heap, array->addr, &bits, &n))
		return true;
	n = n < words ? n : words;
	return !((bits ^ type->part_pointers) & (n < 64 ? (1ull << n) - 1 : UINT64_MAX));
}

/* Finds the size of the parts that fill an object, among those of all map types. Sets *ret to it if it is the only one.
 * Returns whether any fits. */
static bool find_size(const struct gomap_reader *reader, const struct part_array *array, uint64_t n,
		      uint64_t *ret)
{
	size_t found = 0;

	vec_each(size, &reader->types->sizes) {
		if (!fits(reader, array, n, *size))
			continue;
		*ret = found++ ? 0 : *size;
	}
	return found;
}

bool part_array_fits(const struct gomap_reader *reader, const struct part_array *array, uint64_t n,
		     const struct map_type *type)
{
	return (!array->part || array->part == type->part) && array->noscan == type->part_noscan &&
	       fits(reader, array, n, type->part_size);
}

bool part_array_read(const struct gomap_reader *reader, const struct gomap *map, uint64_t addr,
		     uint64_t n, struct part_array *ret)
{
	const struct heap_span *span = heap_span_of(reader->heap, addr);
	const struct map_type *type, *wanted = map_types_at(reader->types, map->type);
	uint64_t base;

	*ret = (struct part_array){.addr = addr, .part = heap_type_of(reader->heap, addr)};
	if (!span || !heap_object_of(reader->heap, addr, &base, &ret->slot) ||
	    (addr != base && (addr != base + WORD || !ret->part)))
		return false;
	ret->noscan = span->noscan;
	type = map_types_of(reader->types, ret->part);
	if (ret->part && !type)
		return false;
	if (wanted) {
		ret->part_size = wanted->part_size;
		return part_array_fits(reader, ret, n, wanted) &&
		       has_pointers_of(reader, ret, wanted);
	}
	if (!type)
		return find_size(reader, ret, n, &ret->part_size);
	ret->part_size = type->part_size;
	return fits(reader, ret, n, type->part_size);
}

void part_take_type(const struct gomap_reader *reader, const struct part_array *array,
		    struct gomap *map)
{
	const struct map_type *type = map_types_only(reader->types, array->part);

	if (!map->type && type)
		map->type = type->addr;
}
