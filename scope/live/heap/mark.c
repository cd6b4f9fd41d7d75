/* The mark. Spans with objects that were found and not yet searched wait in a queue. A visit reads a span once, and
 * searches all such objects in it. */
#include "live/heap/heap_priv.h"

#include <stdlib.h>

/* ---- marking ---- */

/* Tells whether an object is in use, or was when the span was swept last. */
static bool is_allocated(struct heap *heap, const struct heap_span *span, uint32_t index)
{
	uint8_t byte;

	return index < span->free || !heap_read(heap, span->alloc_bits + index / 8, &byte, 1) ||
	       (byte >> index % 8 & 1);
}

/* Puts a span into the queue. */
static void enqueue(struct heap *heap, struct heap_span *span)
{
	size_t at = (heap->queue_head + heap->queue_len) % heap->spans.len;

	span->queued = true;
	heap->queue[at] = (uint32_t)(span - heap->spans.data);
	heap->queue_len++;
}

void heap_mark_word(struct heap *heap, uint64_t word, bool sure)
{
	struct heap_span *span = (struct heap_span *)heap_span_of(heap, word);
	uint32_t index;

	if (!span)
		return;
	index = heap_index_in(span, word);
	if (index >= span->elems || bit_get(heap->marked, span->first + index) ||
	    (!sure && !is_allocated(heap, span, index)))
		return;
	bit_set(heap->marked, span->first + index);
	heap->facts.live++;
	if (heap->parents && !span->noscan)
		heap_note_parent(heap, span->first + index);
	if (!span->noscan && !span->queued)
		enqueue(heap, span);
}

/* ---- the pointers of an object ---- */

static void add_candidate(struct heap *heap, uint64_t addr, const uint64_t *words)
{
	struct heap_candidate candidate = {.addr = addr, .by_stack = heap->by_stack};

	if (heap->on_pointer)
		return;
	memcpy(candidate.words, words, sizeof(candidate.words));
	if (!vec_push(&heap->candidates, candidate) && !heap->failed)
		heap->failed = error_nomem();
}

static bool is_header(const struct heap *heap, const struct heap_span *span, uint64_t mask)
{
	return span->elem == heap->options.header_size && mask == heap->options.header_mask;
}

/* Marks what a word of the buffer points to. */
static void follow(struct heap *heap, const uint64_t *word)
{
	heap_follow(heap, heap->buffer_addr + (uint64_t)(word - heap->buffer) * WORD, *word, true);
}

/* Marks what the words point to whose bits are set. */
static void mark_masked(struct heap *heap, const uint64_t *words, uint64_t mask)
{
	for (uint64_t left = mask; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		follow(heap, &words[i]);
		if (i && !(mask >> (i - 1) & 1))
			heap_tell_interface(heap, words[i - 1], words[i]);
	}
}

/* Returns the bits of up to 64 words, from the bitmap at the end of a span. */
static uint64_t bits_at(const uint8_t *bitmap, uint64_t word, uint64_t n)
{
	uint64_t low, high = 0;

	memcpy(&low, bitmap + word / 8, sizeof(low));
	high = bitmap[word / 8 + sizeof(low)];
	low >>= word % 8;
	if (word % 8)
		low |= high << (64 - word % 8);
	return n < 64 ? low & ((1ull << n) - 1) : low;
}

/* Searches an object of at most SMALL_MAX bytes, whose bits are at the end of its span (since 1.22). `words` is the
 * whole span. The bitmap has a byte behind it: the inline marks, or one of the buffer. */
static void scan_small(struct heap *heap, const struct heap_span *span, uint32_t index,
		       const uint64_t *words)
{
	uint64_t bytes = span->size / WORD / 8, first = index * span->elem / WORD;
	uint64_t marks = heap->inline_marks && span->elem >= 16 ? 128 : 0;
	const uint8_t *bitmap = (const uint8_t *)words + span->size - bytes - marks;
	uint64_t mask = bits_at(bitmap, first, span->elem / WORD);

	if (is_header(heap, span, mask))
		add_candidate(heap, span->base + index * span->elem, words + first);
	mark_masked(heap, words + first, mask);
}

/* Searches words that begin at an offset in an array of values of one type. */
static void scan_typed(struct heap *heap, const struct heap_mask *mask, const uint64_t *words,
		       uint64_t n, uint64_t offset)
{
	uint64_t size = mask->size / WORD, at = offset / WORD % size;

	for (uint64_t i = 0; i < n; i++) {
		if (at >= mask->words) { /* no pointers up to the next value */
			i += size - at - 1;
			at = 0;
			continue;
		}
		if (mask->bits[at / 8] >> at % 8 & 1) {
			follow(heap, &words[i]);
			if (i && at && !(mask->bits[(at - 1) / 8] >> (at - 1) % 8 & 1))
				heap_tell_interface(heap, words[i - 1], words[i]);
		}
		if (++at == size)
			at = 0;
	}
}

/* Searches words of an object by the bitmap of its arena (to 1.21). `first` is the index of words[0] in the piece of
 * the bitmap. Returns false if the object has no pointers after them. */
static bool scan_mapped(struct heap *heap, const uint64_t *words, uint64_t n, uint64_t first)
{
	bool before = true;

	for (uint64_t i = 0; i < n; i++) {
		bool pointer;

		if (!heap_bitmap_pointer(heap->bitmap, first + i, &pointer))
			return false;
		if (pointer)
			follow(heap, &words[i]);
		if (pointer && !before)
			heap_tell_interface(heap, words[i - 1], words[i]);
		before = pointer;
		if (heap_bitmap_ends(heap->bitmap, first + i))
			return false;
	}
	return true;
}

/* Tells the hooks of an object. `words` is where its contents begin. */
static void tell_object(struct heap *heap, uint64_t addr, uint64_t type, uint64_t size,
			const uint64_t *words)
{
	if (heap->on_pointer)
		return;
	if (type && heap->hooks.on_object)
		heap->hooks.on_object(heap->hooks.ctx, addr, type, size);
	if (words[0] - heap->text.from < heap->text.to - heap->text.from && heap->hooks.on_function)
		heap->hooks.on_function(heap->hooks.ctx, addr, words[0]);
}

/* Searches one object of a span that was read as a whole. */
static void scan_object(struct heap *heap, const struct heap_span *span, uint32_t index,
			const uint64_t *words)
{
	uint64_t first = index * span->elem / WORD, n = span->elem / WORD;
	uint64_t addr = span->base + index * span->elem;
	const struct heap_mask *mask;

	if (heap->fields.bits != HEAP_BITS_SPAN) {
		tell_object(heap, addr, 0, span->elem, words + first);
		if (span->elem == heap->options.header_size &&
		    is_header(heap, span, heap_bitmap_first(heap, first, n)))
			add_candidate(heap, addr, words + first);
		scan_mapped(heap, words + first, n, first);
	} else if (span->elem <= SMALL_MAX) {
		tell_object(heap, addr, 0, span->elem, words + first);
		scan_small(heap, span, index, words);
	} else if (span->large) {
		tell_object(heap, addr, span->type, span->elem, words + first);
		mask = heap_mask_of(heap, span->type);
		if (mask)
			scan_typed(heap, mask, words + first, n, 0);
	} else if (words[first]) { /* 0: it has just been allocated */
		tell_object(heap, addr + WORD, words[first], span->elem - WORD, words + first + 1);
		mask = heap_mask_of(heap, words[first]);
		if (mask)
			scan_typed(heap, mask, words + first + 1, n - 1, 0);
	}
}

/* ---- visits ---- */

/* Reads a span that fits into the buffer, and its bits. */
static bool read_span(struct heap *heap, const struct heap_span *span)
{
	heap->facts.visits++;
	heap->facts.read += span->size;
	heap->buffer_addr = span->base;
	heap->in_buffer = 0;
	return memory_read(&heap->options.memory, span->base, heap->buffer, span->size) &&
	       (heap->fields.bits == HEAP_BITS_SPAN ||
		heap_bitmap_read(heap, span->base, span->size, heap->bitmap));
}

/* Searches an object that is larger than the buffer, piece by piece. */
static void scan_large(struct heap *heap, const struct heap_span *span)
{
	const struct heap_mask *mask = NULL;
	uint64_t size;

	if (heap->fields.bits == HEAP_BITS_SPAN) {
		mask = heap_mask_of(heap, span->type);
		if (!mask)
			return;
	}
	heap->facts.visits++;
	heap->in_buffer = 0;
	for (uint64_t done = 0; done < span->elem; done += size) {
		size = span->elem - done < PIECE_MAX ? span->elem - done : PIECE_MAX;
		heap->facts.read += size;
		heap->buffer_addr = span->base + done;
		if (!memory_read(&heap->options.memory, span->base + done, heap->buffer, size))
			return;
		if (!done)
			tell_object(heap, span->base, span->type, span->elem, heap->buffer);
		if (mask)
			scan_typed(heap, mask, heap->buffer, size / WORD, done);
		else if (!heap_bitmap_read(heap, span->base + done, (size + PAGE - 1) / PAGE * PAGE,
					   heap->bitmap) ||
			 !scan_mapped(heap, heap->buffer, size / WORD, 0))
			return;
	}
}

void heap_scan_object(struct heap *heap, uint32_t number, uint32_t index)
{
	const struct heap_span span = heap->spans.data[number];
	bool there = heap->on_pointer && heap->in_buffer == number + 1;

	if (span.noscan)
		return;
	if (span.size > PIECE_MAX) {
		scan_large(heap, &span);
	} else if (there || read_span(heap, &span)) {
		scan_object(heap, &span, index, heap->buffer);
		heap->in_buffer = number + 1;
	}
}

/* Tells whether an object is to be searched now. With parents, the objects that were found in a level of the mark are
 * searched in the next one. */
static bool is_due(const struct heap *heap, uint64_t object)
{
	return bit_get(heap->marked, object) && !bit_get(heap->scanned, object) &&
	       !(heap->fresh && bit_get(heap->fresh, object));
}

/* Searches the objects of a span that were marked and not searched. Those that it finds in the same span are searched,
 * too, except with parents. */
static void visit(struct heap *heap, uint32_t number)
{
	struct heap_span *span = &heap->spans.data[number];
	bool whole = span->size <= PIECE_MAX;
	bool more = !whole || read_span(heap, span);

	while (more) {
		more = false;
		for (uint32_t i = 0; i < span->elems; i++) {
			uint64_t object = span->first + i;

			if (!(i & 63) && !(object & 63) && i + 64 <= span->elems &&
			    heap->marked[object >> 6] == heap->scanned[object >> 6]) {
				i += 63;
				continue;
			}
			if (!is_due(heap, object))
				continue;
			bit_set(heap->scanned, object);
			more = true;
			heap_search(heap, HEAP_SOURCE_OBJECT, span->base + i * span->elem);
			if (whole)
				scan_object(heap, span, i, heap->buffer);
			else
				scan_large(heap, span);
		}
	}
	span->queued = false;
}

void heap_scan_marked(struct heap *heap)
{
	heap->in_buffer = 0;
	for (uint32_t number = 0; number < heap->spans.len; number++) {
		const struct heap_span *span = &heap->spans.data[number];

		for (uint32_t i = 0; i < span->elems && !span->noscan; i++) {
			if (!bit_get(heap->marked, span->first + i))
				continue;
			heap_search(heap, HEAP_SOURCE_OBJECT, span->base + i * span->elem);
			heap_scan_object(heap, number, i);
		}
	}
	heap->in_buffer = 0;
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

/* Visits the next span of the queue. Returns its number. */
static uint32_t visit_next(struct heap *heap)
{
	uint32_t number = heap->queue[heap->queue_head];

	heap->queue_head = (heap->queue_head + 1) % heap->spans.len;
	heap->queue_len--;
	visit(heap, number);
	return number;
}

/* Ends a level: what it has found is to be searched in the next one, and all of it is in spans of the queue. */
static void end_level(struct heap *heap)
{
	for (size_t i = 0; i < heap->queue_len; i++) {
		const struct heap_span *span =
			&heap->spans.data[heap->queue[(heap->queue_head + i) % heap->spans.len]];

		for (uint32_t at = 0; at < span->elems; at++)
			bit_clear(heap->fresh, span->first + at);
	}
}

/* Visits the spans of the queue, and enters those again in which it has found objects. */
static void visit_level(struct heap *heap)
{
	for (size_t left = heap->queue_len; left && !heap->failed; left--) {
		uint32_t number = visit_next(heap);
		struct heap_span *span = &heap->spans.data[number];

		for (uint32_t i = 0; i < span->elems && !span->queued; i++)
			if (bit_get(heap->fresh, span->first + i))
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

struct error *heap_mark(struct heap *heap, const struct heap_hooks *hooks)
{
	heap->hooks = *hooks;
	try(heap_mark_roots(heap));
	try(visit_all(heap));
	heap->by_stack = true;
	try(heap_mark_stacks(heap));
	try(visit_all(heap));
	heap_sort_stacks(heap);
	if (heap->candidates.len)
		qsort(heap->candidates.data, heap->candidates.len, sizeof(*heap->candidates.data),
		      by_addr);
	return NULL;
}
