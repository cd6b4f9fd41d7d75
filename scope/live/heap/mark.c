/* The mark. Spans with objects that were found and not yet searched wait in a queue. A visit reads a span once, and
 * searches all such objects in it. */
#include "live/heap/heap_priv.h"

#include <stdlib.h>

enum { POOLS_DEEP = 8 }; /* pools that are in what others keep */

/* ---- marking ---- */

bool heap_is_allocated(const struct heap *heap, const struct heap_span *span, uint32_t index)
{
	uint8_t byte;

	return index < span->free || !heap_read(heap, span->alloc_bits + index / 8, &byte, 1) ||
	       (byte >> index % 8 & 1);
}

/* Puts a span into the queue. */
static void enqueue(struct heap *heap, struct heap_span *span)
{
	size_t at = heap->queue_head + heap->queue_len++;

	span->queued = true;
	heap->queue[at < heap->spans.len ? at : at - heap->spans.len] =
		(uint32_t)(span - heap->spans.data);
}

/* Marks an object. */
static void mark(struct heap *heap, struct heap_span *span, uint32_t object)
{
	bit_set(heap->marked, object);
	heap->facts.live++;
	if (span->noscan)
		return;
	if (heap->parents)
		heap_note_parent(heap, object);
	if (!span->queued)
		enqueue(heap, span);
}

void heap_enqueue(struct heap *heap, struct heap_span *span)
{
	if (!span->queued)
		enqueue(heap, span);
}

void heap_mark_word(struct heap *heap, uint64_t word, bool sure)
{
	struct heap_span *span = (struct heap_span *)heap_span_of(heap, word);
	uint32_t index;

	if (!span)
		return;
	index = heap_index_in(span, word);
	if (index < span->elems && !bit_get(heap->marked, span->first + index) &&
	    (sure || heap_is_allocated(heap, span, index)))
		mark(heap, span, span->first + index);
}

/* ---- marking soon ---- */

/* Finds the object that a pointer leads to, and lets its bit come from memory. */
static void find_object(struct heap *heap, struct heap_soon *soon)
{
	uint32_t index;

	if (!soon->span)
		return;
	index = heap_index_in(soon->span, soon->word);
	if (index >= soon->span->elems) {
		soon->span = NULL;
		return;
	}
	soon->word = soon->span->first + index;
	__builtin_prefetch(&heap->marked[soon->word >> 6], 1);
}

static void mark_object(struct heap *heap, struct heap_soon *soon)
{
	heap->source_code = soon->source_code;
	if (soon->span && !bit_get(heap->marked, soon->word))
		mark(heap, soon->span, (uint32_t)soon->word);
	soon->span = NULL;
}

/* In a large heap the record of a span and the bit of an object are rarely near the processor. A pointer therefore goes
 * through a ring: its span is wanted when it comes, its bit half a round later. */
void heap_mark_soon(struct heap *heap, uint64_t word)
{
	struct heap_span *span = (struct heap_span *)heap_span_of(heap, word);
	struct heap_soon *at;

	if (!span)
		return;
	__builtin_prefetch(span);
	at = &heap->soon[heap->soon_at % SOON];
	find_object(heap, &heap->soon[(heap->soon_at + SOON / 2) % SOON]);
	mark_object(heap, at);
	*at = (struct heap_soon){span, word, heap->searched + 1};
	heap->soon_at++;
}

/* Marks all that is in the ring. */
static void mark_all_soon(struct heap *heap)
{
	for (unsigned i = SOON / 2; i < SOON; i++)
		find_object(heap, &heap->soon[(heap->soon_at + i) % SOON]);
	for (unsigned i = 0; i < SOON; i++)
		mark_object(heap, &heap->soon[(heap->soon_at + i) % SOON]);
}

/* ---- visits ---- */

/* Returns the bits of the objects [from, end), in the word that `from` is in. */
static uint64_t bits_of(uint64_t from, uint64_t end)
{
	uint64_t begin = from / 64 * 64, bits = UINT64_MAX << from % 64;

	return end - begin < 64 ? bits & ((1ull << (end - begin)) - 1) : bits;
}

/* Returns the objects of [from, end) that are to be searched now, as bits of the word that `from` is in. With parents, the
 * objects that were found in a level of the mark are searched in the next one. */
static uint64_t due(const struct heap *heap, uint64_t from, uint64_t end)
{
	uint64_t word = from / 64, bits = heap->marked[word] & ~heap->scanned[word];

	if (heap->fresh)
		bits &= ~heap->fresh[word];
	return bits & bits_of(from, end);
}

/* Searches the objects of a span that were marked and not searched. Returns false if there are none. */
static bool visit_objects(struct heap *heap, const struct heap_span *span)
{
	uint64_t end = (uint64_t)span->first + span->elems;
	bool found = false;

	for (uint64_t from = span->first; from < end; from = (from | 63) + 1) {
		uint64_t word = from / 64, left = due(heap, from, end);

		heap->scanned[word] |= left;
		for (; left; left &= left - 1) {
			uint64_t object = word * 64 + (unsigned)__builtin_ctzll(left);
			uint32_t index = (uint32_t)(object - span->first);

			found = true;
			heap->searched = (uint32_t)object;
			if (heap_span_size(span) <= PIECE_MAX)
				heap_scan_words(heap, span, index);
			else
				heap_scan_large(heap, span);
		}
	}
	return found;
}

/* Searches the objects of a span that were marked and not searched. Those that it finds in the same span are searched,
 * too, except with parents. */
static void visit(struct heap *heap, struct heap_span *span)
{
	bool more = heap_span_size(span) > PIECE_MAX || heap_read_span(heap, span);

	heap->mark_soon = true;
	while (more) {
		more = visit_objects(heap, span);
		mark_all_soon(heap);
	}
	heap->mark_soon = false;
	span->queued = false;
}

static int by_addr(const void *a, const void *b)
{
	const struct heap_candidate *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

static bool is_global(const struct heap *heap, uint64_t addr, uint64_t size)
{
	vec_each(range, &heap->globals_at)
		if (addr >= range->from && addr < range->to && size <= range->to - addr)
			return true;
	return false;
}

bool heap_is_live(const struct heap *heap, uint64_t addr, uint64_t size)
{
	const struct heap_span *span = heap_span_of(heap, addr);
	uint32_t index;

	if (!span)
		return is_global(heap, addr, size);
	index = heap_index_in(span, addr);
	return index < span->elems && bit_get(heap->marked, span->first + index) &&
	       size <= span->elem && addr + size <= span->base + (index + 1) * span->elem;
}

/* Takes the next span from the queue, and visits it. */
static struct heap_span *visit_next(struct heap *heap)
{
	struct heap_span *span = &heap->spans.data[heap->queue[heap->queue_head]];

	heap->queue_head = (heap->queue_head + 1) % heap->spans.len;
	heap->queue_len--;
	visit(heap, span);
	return span;
}

/* Ends a level: what it has found is to be searched in the next one, and all of it is in spans of the queue. */
static void end_level(struct heap *heap)
{
	for (size_t i = 0; i < heap->queue_len; i++) {
		const struct heap_span *span =
			&heap->spans.data[heap->queue[(heap->queue_head + i) % heap->spans.len]];
		size_t from = span->first / 64, to = (span->first + span->elems + 63ul) / 64;

		memset(heap->fresh + from, 0, (to - from) * sizeof(*heap->fresh));
	}
}

/* Tells whether this level has found objects of a span. */
static bool has_fresh(const struct heap *heap, const struct heap_span *span)
{
	uint64_t end = (uint64_t)span->first + span->elems;

	for (uint64_t from = span->first; from < end; from = (from | 63) + 1)
		if (heap->fresh[from / 64] & bits_of(from, end))
			return true;
	return false;
}

/* Visits the spans of the queue, and enters those again in which it has found objects. */
static void visit_level(struct heap *heap)
{
	for (size_t left = heap->queue_len; left && !heap->failed; left--) {
		struct heap_span *span = visit_next(heap);

		if (!span->queued && has_fresh(heap, span))
			enqueue(heap, span);
	}
	end_level(heap);
}

/* Visits all spans of the queue, and those that they add. */
static struct error *visit_all(struct heap *heap)
{
	if (heap->fresh)
		end_level(heap); /* the roots are the first one */
	while (heap->queue_len && !heap->failed) {
		if (heap->fresh)
			visit_level(heap);
		else
			visit_next(heap);
	}
	return take_ptr(heap->failed);
}

/* Marks what the pools that are in use keep. A pool may be in what another one keeps. */
static struct error *mark_pools(struct heap *heap)
{
	heap->by_pool = true;
	for (unsigned i = 0; i < POOLS_DEEP && heap_mark_pools(heap, false); i++)
		try(visit_all(heap));
	heap->by_pool = false;
	return NULL;
}

/* Marks what only the lists of all pools lead to. */
static struct error *mark_pool_lists(struct heap *heap)
{
	heap->by_pool = true;
	heap_mark_pool_lists(heap);
	try(visit_all(heap));
	heap_mark_pools(heap, true);
	try(visit_all(heap));
	heap->by_pool = false;
	return NULL;
}

struct error *heap_mark(struct heap *heap, const struct heap_hooks *hooks)
{
	heap->hooks = *hooks;
	try(heap_set_pools_aside(heap));
	try(heap_mark_roots(heap));
	try(visit_all(heap));
	try(mark_pools(heap));
	heap->by_stack = true;
	try(heap_mark_stacks(heap));
	try(visit_all(heap));
	heap->by_stack = false;
	try(mark_pools(heap));
	try(mark_pool_lists(heap));
	heap_sort_stacks(heap);
	heap_held_free(heap);
	if (heap->candidates.len)
		qsort(heap->candidates.data, heap->candidates.len, sizeof(*heap->candidates.data),
		      by_addr);
	return NULL;
}
