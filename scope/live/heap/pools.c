/* What sync.Pools keep is marked after what other global variables lead to, so that it is known apart: two collections drop
 * it. A pool has two arrays (sync/pool.go: Pool.local and Pool.victim), and only they lead to its contents. */
#include "live/heap/heap_priv.h"

enum {
	POOLS_MAX = 1 << 20,
	POOL_LOCAL = 0,
	POOL_VICTIM = 16,
};

/* Finds the number of the object that an address lies in, if it has pointers. */
static bool number_of(const struct heap *heap, uint64_t addr, uint32_t *ret)
{
	const struct heap_span *span = heap_span_of(heap, addr);
	uint32_t index = span ? heap_index_in(span, addr) : 0;

	if (!span || span->noscan || index >= span->elems)
		return false;
	*ret = span->first + index;
	return true;
}

/* Keeps the mark from searching an array of a pool: it counts as searched for now. */
static struct error *set_aside(struct heap *heap, uint64_t pool, uint64_t offset)
{
	struct heap_aside aside = {.slot = pool + offset};
	uint32_t object;

	if (!heap_read(heap, aside.slot, &aside.array, sizeof(aside.array)) ||
	    !number_of(heap, aside.array, &object) || bit_get(heap->scanned, object))
		return NULL;
	bit_set(heap->marked, object);
	bit_set(heap->scanned, object);
	heap->facts.live++;
	return vec_push(&heap->aside, aside) ? NULL : error_nomem();
}

struct error *heap_set_pools_aside(struct heap *heap)
{
	uint64_t slice[3], pool;

	for (size_t i = 0; i < ARRAY_SIZE(heap->globals.pools); i++) {
		if (!heap->globals.pools[i] ||
		    !heap_read(heap, heap->globals.pools[i], slice, sizeof(slice)))
			continue;
		for (uint64_t at = 0; at < slice[1] && at < POOLS_MAX; at++) {
			if (!heap_read(heap, slice[0] + at * WORD, &pool, sizeof(pool)))
				break;
			try(set_aside(heap, pool, POOL_LOCAL));
			try(set_aside(heap, pool, POOL_VICTIM));
		}
	}
	return NULL;
}

/* Sets what leads to an array: the pool. A pool that is no object that was searched before is a global variable; a way
 * from object to object thus never comes to the same one again, whatever the memory says. */
static void search_pool(struct heap *heap, const struct heap_aside *aside)
{
	uint64_t base, size;
	uint32_t object;

	if (number_of(heap, aside->slot, &object) && bit_get(heap->marked, object) &&
	    bit_get(heap->scanned, object) && heap_object_of(heap, aside->slot, &base, &size))
		heap_search(heap, HEAP_SOURCE_OBJECT, base);
	else
		heap_search(heap, HEAP_SOURCE_GLOBAL, aside->slot);
}

void heap_mark_pools(struct heap *heap)
{
	uint32_t object;

	vec_each(aside, &heap->aside)
		if (number_of(heap, aside->array, &object))
			bit_clear(heap->scanned, object);
	vec_each(aside, &heap->aside) {
		if (!number_of(heap, aside->array, &object))
			continue;
		search_pool(heap, aside);
		if (heap->parents)
			heap_note_parent(heap, object);
		heap_enqueue(heap, (struct heap_span *)heap_span_of(heap, aside->array));
	}
	heap->aside.len = 0;
}
