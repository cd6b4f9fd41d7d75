/* Which objects without pointers may be arrays of buckets or groups: those that such an array of some map type fills, as part.c
 * asks of each array of a map. */
#include "live/gomap/gomap_priv.h"

#define ARRAY_MAX (1ull << 40) /* bytes */

/* Adds the sizes of arrays of 1, 2, 4, ... parts, as they lie in the heap. */
static bool add_sizes(const struct heap *heap, uint64_t (*allocated)(uint64_t n), uint64_t part,
		      struct table *sizes)
{
	for (uint64_t n = 1; part && allocated(n) <= ARRAY_MAX / part; n *= 2)
		if (table_put(sizes, heap_slot_size(heap, allocated(n) * part, true), 1) < 0)
			return false;
	return true;
}

struct error *arrays_find(const struct heap *heap, const struct map_types *types,
			  uint64_t (*allocated)(uint64_t n), struct table *ret)
{
	vec_each(size, &types->sizes)
		if (!add_sizes(heap, allocated, *size, ret))
			return error_nomem();
	return NULL;
}

bool gomap_may_be_array(void *ctx, uint64_t size)
{
	const struct gomap_plan *plan = ctx;

	return table_find(&plan->arrays, size);
}
