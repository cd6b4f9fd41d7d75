#include "live/heap/heap_priv.h"

enum { BITS = 64 };

/* Reads them from the bitmap at the end of a span (since 1.22). */
static bool at_end_of_span(struct heap *heap, const struct heap_span *span, uint64_t addr,
			   uint64_t *ret)
{
	uint64_t bytes = heap_span_size(span) / WORD / 8, word = (addr - span->base) / WORD;
	uint64_t marks = heap->inline_marks && span->elem >= 16 ? 128 : 0;
	uint64_t at = span->base + heap_span_size(span) - bytes - marks + word / 8, low;
	uint8_t high;

	if (!heap_read(heap, at, &low, sizeof(low)) ||
	    !heap_read(heap, at + sizeof(low), &high, sizeof(high)))
		return false;
	*ret = low >> word % 8 | (word % 8 ? (uint64_t)high << (BITS - word % 8) : 0);
	return true;
}

bool heap_pointers_of(struct heap *heap, uint64_t addr, uint64_t *ret, uint64_t *ret_n)
{
	const struct heap_span *span = heap_span_of(heap, addr);
	uint64_t page = addr & ~(uint64_t)(PAGE - 1), n, in_page;

	if (!span || span->noscan)
		return false;
	n = span->elem / WORD < BITS ? span->elem / WORD : BITS;
	if (heap->fields.bits == HEAP_BITS_SPAN) {
		if (span->elem > SMALL_MAX || !at_end_of_span(heap, span, addr, ret))
			return false;
	} else {
		in_page = (page + PAGE - addr) / WORD;
		n = n < in_page ? n : in_page;
		if (!heap_bitmap_read(heap, page, PAGE, heap->bitmap))
			return false;
		*ret = heap_bitmap_first(heap, (addr - page) / WORD, n);
	}
	*ret_n = n;
	*ret &= n < BITS ? (1ull << n) - 1 : UINT64_MAX;
	return true;
}

bool heap_pointers_in(struct heap *heap, uint64_t type, uint64_t *ret)
{
	const struct heap_mask *mask = heap_mask_of(heap, type);

	if (!mask)
		return false;
	*ret = 0;
	for (uint64_t i = 0; i < BITS && i < mask->words; i++)
		*ret |= (uint64_t)(mask->bits[i / 8] >> i % 8 & 1) << i;
	return true;
}
