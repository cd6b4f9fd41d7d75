/* The pointers of an object, by the heap's bits or by its type. */
#include "live/heap/heap_priv.h"

/* ---- the pointers of an object ---- */

static void add_candidate(struct heap *heap, uint64_t addr, const uint64_t *words)
{
	struct heap_candidate candidate = {
		.addr = addr, .by_stack = heap->by_stack, .by_pool = heap->by_pool};

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

/* Marks what a word of heap->words points to. */
static void follow(struct heap *heap, const uint64_t *word)
{
	if (heap->mark_soon)
		heap_mark_soon(heap, *word);
	else
		heap_follow(heap, heap->words_addr + (uint64_t)(word - heap->words) * WORD, *word,
			    true);
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
	uint64_t bytes = heap_span_size(span) / WORD / 8, first = index * span->elem / WORD;
	uint64_t marks = heap->inline_marks && span->elem >= 16 ? 128 : 0;
	const uint8_t *bitmap = (const uint8_t *)words + heap_span_size(span) - bytes - marks;
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

void heap_scan_words(struct heap *heap, const struct heap_span *span, uint32_t index)
{
	const uint64_t *words = heap->words;
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

/* ---- pieces of the heap ---- */

bool heap_read_span(struct heap *heap, struct heap_span *span)
{
	heap->words_addr = span->base;
	heap->in_buffer = 0;
	heap->words = heap->on_pointer ? NULL : heap_held(heap, span);
	if (!heap->words) {
		heap->facts.visits++;
		heap->facts.read += heap_span_size(span);
		heap->words = heap->buffer;
		if (!memory_read(&heap->options.memory, span->base, heap->buffer,
				 heap_span_size(span)))
			return false;
	}
	return heap->fields.bits == HEAP_BITS_SPAN ||
	       heap_bitmap_read(heap, span->base, heap_span_size(span), heap->bitmap);
}

void heap_scan_large(struct heap *heap, const struct heap_span *span)
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
	heap->words = heap->buffer;
	for (uint64_t done = 0; done < span->elem; done += size) {
		size = span->elem - done < PIECE_MAX ? span->elem - done : PIECE_MAX;
		heap->facts.read += size;
		heap->words_addr = span->base + done;
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
	struct heap_span *span = &heap->spans.data[number];
	bool there = heap->on_pointer && heap->in_buffer == number + 1;

	if (span->noscan)
		return;
	if (heap_span_size(span) > PIECE_MAX) {
		heap_scan_large(heap, span);
	} else if (there || heap_read_span(heap, span)) {
		heap_scan_words(heap, span, index);
		heap->in_buffer = number + 1;
	}
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
