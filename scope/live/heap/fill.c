/* What the mark, and those who look at its objects, will read of a process: it is read once, so that a copy keeps it. */
#include "live/heap/heap_priv.h"

enum {
	TYPES_MAX = 1 << 16, /* whose masks are made while the process stands still */
};

/* ---- the heap ---- */

static bool is_wanted(const struct heap_span *span, heap_is_wanted *wanted, void *ctx)
{
	return !span->noscan || wanted(ctx, span->elem);
}

uint64_t heap_copy_size(const struct heap *heap, heap_is_wanted *wanted, void *ctx)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < heap->options.modules_n; i++) {
		const struct gopcln_module *module = gopcln_module(heap->options.modules[i].tab);

		bytes += module->etypes - module->types;
	}

	vec_each(span, &heap->spans)
		if (is_wanted(span, wanted, ctx))
			bytes += heap_span_size(span);
	vec_each(stacks, &heap->stacks_at)
		bytes += stacks->to - stacks->from;
	return bytes;
}

/* Spans that are neighbours are read at once. */
static void fill_spans(const struct heap *heap, struct heap_copy *copy, heap_is_wanted *wanted,
		       void *ctx)
{
	uint64_t from = 0, to = 0;

	vec_each(span, &heap->spans) {
		if (!is_wanted(span, wanted, ctx))
			continue;
		if (span->base != to) {
			heap_copy_range(copy, from, to - from);
			from = span->base;
		}
		to = span->base + heap_span_size(span);
	}
	heap_copy_range(copy, from, to - from);
	vec_each(stacks, &heap->stacks_at)
		heap_copy_range(copy, stacks->from, stacks->to - stacks->from);
}

/* Reads the bitmaps of the spans with pointers, up to Go 1.21. */
static void fill_bitmaps(struct heap *heap)
{
	vec_each(span, &heap->spans) {
		uint64_t size = span->noscan ? 0 : heap_span_size(span), piece;

		for (uint64_t done = 0; done < size; done += piece) {
			piece = size - done < PIECE_MAX ? size - done : PIECE_MAX;
			heap_bitmap_read(heap, span->base + done, piece, heap->bitmap);
		}
	}
}

/* ---- types ---- */

/* Makes the mask of a type that lies in the heap: reflect made it, and its mask has a span without pointers, which is
 * not copied (reflect.StructOf, since Go 1.22). The mark of the same heap finds the mask that is made here. */
static void fill_type(struct heap *heap, uint64_t type)
{
	if (heap->masks.len < TYPES_MAX && heap_span_of(heap, type))
		heap_mask_of(heap, type);
}

/* Makes the masks of the types of objects that have their type as a header, or in the record of their span. */
static void fill_masks(struct heap *heap)
{
	uint64_t type;

	vec_each(span, &heap->spans) {
		if (span->noscan || span->elem <= SMALL_MAX)
			continue;
		if (span->large) {
			fill_type(heap, span->type);
			continue;
		}
		for (uint32_t i = 0; i < span->elems; i++)
			if (heap_is_allocated(heap, span, i) &&
			    heap_read(heap, span->base + i * span->elem, &type, sizeof(type)))
				fill_type(heap, type);
	}
}

/* Types never change. */
void heap_copy_begin(struct heap_copy *copy, const struct heap *like)
{
	heap_copy_forget(copy);
	heap_copy_from(copy, like->options.memory);
	for (size_t i = 0; i < like->options.modules_n; i++) {
		const struct gotype_module *at = &like->options.modules[i];
		const struct gopcln_module *module = gopcln_module(at->tab);

		heap_copy_range(copy, module->types + at->bias, module->etypes - module->types);
	}
}

/* ---- roots ---- */

/* Reads whether the object is in use that a word of a stack leads to: the mark will ask. */
static void fill_object(void *ctx, const struct heap_source *source, uint64_t slot, uint64_t word)
{
	struct heap *heap = ctx;
	const struct heap_span *span;
	uint32_t index;

	(void)slot;
	if (source->kind != HEAP_SOURCE_STACK)
		return;
	span = heap_span_of(heap, word);
	if (!span)
		return;
	index = heap_index_in(span, word);
	if (index < span->elems)
		heap_is_allocated(heap, span, index);
}

static struct error *fill_roots(struct heap *heap)
{
	uint64_t slice[3];
	struct error *err;

	for (size_t i = 0; i < ARRAY_SIZE(heap->globals.pools); i++)
		if (heap->globals.pools[i])
			heap_read(heap, heap->globals.pools[i], slice, sizeof(slice));
	heap->on_pointer = fill_object;
	heap->on_pointer_ctx = heap;
	heap->in_buffer = 0;
	err = heap_mark_roots(heap);
	if (!err)
		err = heap_mark_stacks(heap);
	heap->on_pointer = NULL;
	heap->in_buffer = 0;
	return err;
}

struct error *heap_copy_fill(struct heap_copy *copy, struct heap *heap, heap_is_wanted *wanted,
			     void *ctx)
{
	fill_spans(heap, copy, wanted, ctx);
	if (heap->fields.bits != HEAP_BITS_SPAN)
		fill_bitmaps(heap);
	else
		fill_masks(heap);
	return fill_roots(heap);
}
