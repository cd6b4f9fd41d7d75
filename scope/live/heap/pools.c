/* What sync.Pools keep is marked after what other global variables lead to, so that it is known apart: two collections drop
 * it. A pool has two arrays (sync/pool.go: Pool.local and Pool.victim), and only they lead to its contents. The two lists of
 * pools come last: a collection begins with dropping them, so they hold no pool, nor the object that it is in. */
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

/* Keeps the mark from searching the array that the word at `slot` leads to: it counts as searched for now. */
static struct error *set_aside(struct heap *heap, uint64_t slot, bool list)
{
	struct heap_aside aside = {.slot = slot, .list = list};
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
		try(set_aside(heap, heap->globals.pools[i], true));
		for (uint64_t at = 0; at < slice[1] && at < POOLS_MAX; at++) {
			if (!heap_read(heap, slice[0] + at * WORD, &pool, sizeof(pool)))
				break;
			try(set_aside(heap, pool + POOL_LOCAL, false));
			try(set_aside(heap, pool + POOL_VICTIM, false));
		}
	}
	return NULL;
}

/* Tells whether the pool of an array is in an object that was searched. */
static bool is_searched(const struct heap *heap, const struct heap_aside *aside)
{
	uint32_t object;

	return number_of(heap, aside->slot, &object) && bit_get(heap->marked, object) &&
	       bit_get(heap->scanned, object);
}

static bool is_in_heap(const struct heap *heap, uint64_t addr)
{
	uint32_t object;

	return number_of(heap, addr, &object);
}

/* Enters an array into the queue. What leads to it is the pool: an object that was searched before, or a global variable. A way
 * from object to object thus never comes to the same one again, whatever the memory says. */
static void search_array(struct heap *heap, const struct heap_aside *aside, bool searched)
{
	uint64_t base, size;
	uint32_t object;

	if (searched && heap_object_of(heap, aside->slot, &base, &size))
		heap_search(heap, HEAP_SOURCE_OBJECT, base);
	else
		heap_search(heap, HEAP_SOURCE_GLOBAL, aside->slot);
	if (!number_of(heap, aside->array, &object))
		return;
	if (heap->parents)
		heap_note_parent(heap, object);
	heap_enqueue(heap, (struct heap_span *)heap_span_of(heap, aside->array));
}

/* Sets whether an array counts as searched. */
static void set_searched(struct heap *heap, const struct heap_aside *aside, bool searched)
{
	uint32_t object;

	if (!number_of(heap, aside->array, &object))
		return;
	if (searched)
		bit_set(heap->scanned, object);
	else
		bit_clear(heap->scanned, object);
}

bool heap_mark_pools(struct heap *heap, bool all)
{
	size_t left = 0, n = heap->aside.len;

	vec_each(aside, &heap->aside)
		set_searched(heap, aside, false);
	vec_each(aside, &heap->aside)
		aside->due = !aside->list &&
			     (all || is_searched(heap, aside) || !is_in_heap(heap, aside->slot));
	vec_each(aside, &heap->aside)
		if (aside->due)
			search_array(heap, aside, is_searched(heap, aside));
	vec_each(aside, &heap->aside) {
		if (aside->due)
			continue;
		set_searched(heap, aside, true);
		heap->aside.data[left++] = *aside;
	}
	heap->aside.len = left;
	return left < n;
}

void heap_mark_pool_lists(struct heap *heap)
{
	size_t left = 0;

	vec_each(aside, &heap->aside) {
		if (!aside->list) {
			heap->aside.data[left++] = *aside;
			continue;
		}
		set_searched(heap, aside, false);
		search_array(heap, aside, false);
	}
	heap->aside.len = left;
}
