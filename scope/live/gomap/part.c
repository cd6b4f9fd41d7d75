#include "live/gomap/gomap_priv.h"

static bool fits(const struct gomap_reader *reader, const struct part_array *array, uint64_t n,
		 uint64_t size)
{
	uint64_t parts = reader->allocated(n);

	return size && size <= UINT64_MAX / parts &&
	       heap_slot_size(reader->heap, size * parts, array->noscan) == array->slot;
}

void part_read_pointers(const struct gomap_reader *reader, struct part_array *array)
{
	array->pointers = array->pointers_n = 0;
	if (!array->part && !array->noscan &&
	    !heap_pointers_of(reader->heap, array->addr, &array->pointers, &array->pointers_n))
		array->pointers = array->pointers_n = 0;
}

bool part_has_pointers_of(const struct part_array *array, const struct map_type *type)
{
	uint64_t words = type->part_size / WORD, n = array->pointers_n;

	if (!type->part_known)
		return true;
	n = n < words ? n : words;
	return !((array->pointers ^ type->part_pointers) & (n < 64 ? (1ull << n) - 1 : UINT64_MAX));
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

bool part_array_look(const struct gomap_reader *reader, uint64_t addr, struct part_array *ret)
{
	const struct heap_span *span = heap_span_of(reader->heap, addr);
	uint64_t base;

	*ret = (struct part_array){.addr = addr, .part = heap_type_of(reader->heap, addr)};
	if (!span || !heap_object_of(reader->heap, addr, &base, &ret->slot) ||
	    (addr != base && (addr != base + WORD || !ret->part)))
		return false;
	ret->noscan = span->noscan;
	return true;
}

bool part_array_read(const struct gomap_reader *reader, const struct gomap *map, uint64_t addr,
		     uint64_t n, struct part_array *ret)
{
	const struct map_type *type, *wanted = map_types_at(reader->types, map->type);

	if (!part_array_look(reader, addr, ret))
		return false;
	type = map_types_of(reader->types, ret->part);
	if (ret->part && !type)
		return false;
	if (wanted) {
		ret->part_size = wanted->part_size;
		if (!part_array_fits(reader, ret, n, wanted))
			return false;
		part_read_pointers(reader, ret);
		return part_has_pointers_of(ret, wanted);
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
