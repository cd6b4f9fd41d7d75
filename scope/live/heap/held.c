/* A long list has an object in each level of the mark, and objects that are near each other lie in the same spans. Therefore
 * spans that were visited often are kept. */
#include "live/heap/heap_priv.h"

#include <stdlib.h>

enum {
	OFTEN = 24,	    /* visits; a tree has fewer levels than that, a list has more */
	SPAN_MAX = 1 << 15, /* bytes of a span that is held */
};
#define HELD_MAX (64ull << 20) /* bytes of all */

/* Gives a slot room for a span. */
static bool make_room(struct heap *heap, struct heap_held *held, uint64_t size)
{
	uint64_t *words;

	if (held->size >= size)
		return true;
	if (heap->held_bytes - held->size + size > HELD_MAX)
		return false;
	words = realloc(held->words,
			size + WORD); /* the bits are read up to a word after their end */
	if (!words)
		return false;
	heap->held_bytes += size - held->size;
	held->words = words;
	held->size = size;
	held->base = 0;
	return true;
}

const uint64_t *heap_held(struct heap *heap, struct heap_span *span)
{
	struct heap_held *held;
	uint64_t size = heap_span_size(span);

	if (span->visits < OFTEN) {
		span->visits++;
		return NULL;
	}
	if (size > SPAN_MAX)
		return NULL;
	if (!heap->held)
		heap->held = calloc(HELD_SPANS, sizeof(*heap->held));
	if (!heap->held)
		return NULL;
	held = &heap->held[(size_t)(span - heap->spans.data) % HELD_SPANS];
	if (held->base == span->base)
		return held->words;
	if (!make_room(heap, held, size))
		return NULL;
	heap->facts.visits++;
	heap->facts.read += size;
	held->base = 0;
	if (!memory_read(&heap->options.memory, span->base, held->words, size))
		return NULL;
	held->base = span->base;
	return held->words;
}

void heap_held_free(struct heap *heap)
{
	for (size_t i = 0; heap->held && i < HELD_SPANS; i++)
		free(heap->held[i].words);
	free(heap->held);
	heap->held = NULL;
	heap->held_bytes = 0;
}
