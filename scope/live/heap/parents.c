/* What led the mark to each object. For an object with pointers there is a code of 32 bits:
 *
 *	0			nothing is known
 *	1 .. ROOT - 1		the number of an object, + 1
 *	ROOT + i		root i
 *
 * Only roots that led to an object first are kept. */
#include "live/heap/heap_priv.h"
#include "base/search.h"

#include <stdlib.h>

#define ROOT	  (1u << 31)
#define ROOTS_MAX (1u << 22)

struct error *heap_parents_new(struct heap *heap)
{
	if (heap->scannable > HEAP_PARENTS_MAX)
		return NULL;
	heap->parents = calloc((size_t)heap->scannable + 1, sizeof(*heap->parents));
	heap->fresh = calloc(heap->facts.objects / 64 + 1, sizeof(*heap->fresh));
	for (uint32_t i = 0; i < heap->spans.len; i++)
		if (!heap->spans.data[i].noscan && !vec_push(&heap->scan_spans, i))
			return error_nomem();
	return heap->parents && heap->fresh ? NULL : error_nomem();
}

void heap_parents_free(struct heap *heap)
{
	free(heap->parents);
	free(heap->fresh);
	vec_fini(&heap->scan_spans);
	vec_fini(&heap->roots);
	vec_fini(&heap->stacks);
}

bool heap_has_parents(const struct heap *heap)
{
	return heap->parents;
}

/* Returns the number of the object that an address lies in, or UINT32_MAX. */
static uint32_t number_of(const struct heap *heap, uint64_t addr)
{
	const struct heap_span *span = heap_span_of(heap, addr);
	uint32_t index = span ? heap_index_in(span, addr) : 0;

	return span && index < span->elems ? span->first + index : UINT32_MAX;
}

/* Makes the code of what is searched. */
static uint32_t make_code(struct heap *heap)
{
	if (heap->source.kind == HEAP_SOURCE_OBJECT)
		return number_of(heap, heap->source.addr) + 1;
	if (heap->roots.len >= ROOTS_MAX)
		return 0;
	if (!vec_push(&heap->roots, heap->source)) {
		heap->failed = heap->failed ? heap->failed : error_nomem();
		return 0;
	}
	return ROOT + (uint32_t)heap->roots.len - 1;
}

void heap_note_parent(struct heap *heap, uint32_t object)
{
	if (!heap->source_code)
		heap->source_code = make_code(heap);
	heap->parents[object] = heap->source_code;
	bit_set(heap->fresh, object);
}

/* Returns the begin of an object with pointers. Their numbers rise with their addresses. */
static uint64_t object_at(const struct heap *heap, uint32_t number)
{
	const struct heap_span *spans = heap->spans.data, *span;
	const uint32_t *at = heap->scan_spans.data;
	size_t behind = lower_bound(i, heap->scan_spans.len, spans[at[i]].first <= number);

	if (!behind)
		return 0;
	span = &spans[at[behind - 1]];
	return span->base + (number - span->first) * span->elem;
}

struct heap_source heap_source_of(const struct heap *heap, uint64_t addr)
{
	uint32_t number = number_of(heap, addr), code;

	if (!heap->parents || number >= heap->scannable)
		return (struct heap_source){0};
	code = heap->parents[number];
	if (!code)
		return (struct heap_source){0};
	if (code >= ROOT)
		return heap->roots.data[code - ROOT];
	return (struct heap_source){HEAP_SOURCE_OBJECT, object_at(heap, code - 1)};
}

/* ---- stacks ---- */

static int by_low(const void *a, const void *b)
{
	const struct heap_stack *x = a, *y = b;

	return (x->low > y->low) - (x->low < y->low);
}

void heap_sort_stacks(struct heap *heap)
{
	if (heap->stacks.len)
		qsort(heap->stacks.data, heap->stacks.len, sizeof(*heap->stacks.data), by_low);
}

bool heap_stack_of(const struct heap *heap, uint64_t addr, struct heap_stack *ret)
{
	const struct heap_stack *list = heap->stacks.data;
	size_t behind = lower_bound(i, heap->stacks.len, list[i].low <= addr);

	if (!behind || addr >= list[behind - 1].high)
		return false;
	*ret = list[behind - 1];
	return true;
}

/* ---- pointers, for others ---- */

/* Sets who is told of pointers in place of the mark. */
static void tell(struct heap *heap, heap_on_pointer *on_pointer, void *ctx)
{
	heap->on_pointer = on_pointer;
	heap->on_pointer_ctx = ctx;
}

void heap_each_pointer(struct heap *heap, uint64_t addr, heap_on_pointer *on_pointer, void *ctx)
{
	const struct heap_span *span = heap_span_of(heap, addr);
	uint32_t index = span ? heap_index_in(span, addr) : 0;

	if (!span || index >= span->elems)
		return;
	tell(heap, on_pointer, ctx);
	heap_search(heap, HEAP_SOURCE_OBJECT, span->base + index * span->elem);
	heap_scan_object(heap, (uint32_t)(span - heap->spans.data), index);
	tell(heap, NULL, NULL);
}

struct error *heap_each_source(struct heap *heap, heap_on_pointer *on_pointer, void *ctx)
{
	struct error *err;

	tell(heap, on_pointer, ctx);
	heap->in_buffer = 0; /* roots are read into the same buffer */
	err = heap_mark_roots(heap);
	if (!err)
		err = heap_mark_stacks(heap);
	if (!err)
		heap_scan_marked(heap);
	tell(heap, NULL, NULL);
	return err;
}
