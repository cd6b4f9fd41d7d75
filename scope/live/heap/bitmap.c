/* The bitmaps that arenas have up to Go 1.21 (runtime/mbitmap.go of these releases).
 *
 *      to 1.19        a byte for 4 words: bits 0 to 3 tell whether each is a pointer, bits 4 to 7 whether the object
 *                     goes on to have pointers. A word without the latter ends the search.
 *      1.20, 1.21     a bit for each word, and another bitmap with a bit for 64 words: if it is set, the object has
 *                     no pointers after these 64.
 */
#include "live/heap/heap_priv.h"

enum {
	NIBBLE_BYTES = 32,    /* bytes of the heap for each byte of the bitmap, to 1.19 */
	BITS_BYTES = 64,      /* and in 1.20 and 1.21 */
	NO_MORE_AT = 1 << 20, /* of heapArena.noMorePtrs */
	NO_MORE_BYTES = 4096, /* bytes of the heap for each byte of it */
};
#define ARENA_BASE 0xffff800000000000ull /* arenaBaseOffset of linux/amd64 */

/* Finds the record of an arena (heapArena). Returns 0 if there is none. */
static uint64_t arena_record(struct heap *heap, uint64_t addr)
{
	uint32_t *found = table_find(&heap->arenas_at, addr >> ARENA_BITS);
	struct heap_arena *arena = found ? heap->arenas.data[*found] : NULL;
	uint64_t list;

	if (!arena)
		return 0;
	if (!arena->record &&
	    !(heap_read(heap, heap->globals.mheap + heap->fields.arenas, &list, sizeof(list)) &&
	      heap_read(heap, list + ((addr - ARENA_BASE) >> ARENA_BITS) * WORD, &arena->record,
			sizeof(arena->record))))
		arena->record = 0;
	return arena->record;
}

/* Reads the bits of a part of one arena. */
static bool read_part(struct heap *heap, uint64_t addr, uint64_t size, struct heap_bitmap *to,
		      uint64_t done)
{
	uint64_t record = arena_record(heap, addr), in = addr & ((1ull << ARENA_BITS) - 1);

	if (!record)
		return false;
	if (heap->fields.bits == HEAP_BITS_NIBBLES)
		return heap_read(heap, record + in / NIBBLE_BYTES, to->bits + done / NIBBLE_BYTES,
				 size / NIBBLE_BYTES);
	return heap_read(heap, record + in / BITS_BYTES, to->bits + done / BITS_BYTES,
			 size / BITS_BYTES) &&
	       heap_read(heap, record + NO_MORE_AT + in / NO_MORE_BYTES,
			 to->no_more + done / NO_MORE_BYTES, size / NO_MORE_BYTES);
}

bool heap_bitmap_read(struct heap *heap, uint64_t addr, uint64_t size, struct heap_bitmap *to)
{
	uint64_t left = (1ull << ARENA_BITS) - (addr & ((1ull << ARENA_BITS) - 1));
	uint64_t first = size < left ? size : left;

	to->nibbles = heap->fields.bits == HEAP_BITS_NIBBLES;
	return read_part(heap, addr, first, to, 0) &&
	       (first == size || read_part(heap, addr + first, size - first, to, first));
}

bool heap_bitmap_pointer(const struct heap_bitmap *bitmap, uint64_t word, bool *ret)
{
	if (bitmap->nibbles) {
		uint8_t byte = bitmap->bits[word / 4] >> word % 4;

		*ret = byte & 1;
		return byte & 16;
	}
	*ret = bitmap->bits[word / 8] >> word % 8 & 1;
	return true;
}

bool heap_bitmap_ends(const struct heap_bitmap *bitmap, uint64_t word)
{
	return !bitmap->nibbles && word % 64 == 63 &&
	       (bitmap->no_more[word / 512] >> (word / 64 % 8) & 1);
}

uint64_t heap_bitmap_first(const struct heap *heap, uint64_t first, uint64_t n)
{
	uint64_t mask = 0;

	for (uint64_t i = 0; i < n && i < 64; i++) {
		bool pointer;

		if (!heap_bitmap_pointer(heap->bitmap, first + i, &pointer))
			break;
		mask |= (uint64_t)pointer << i;
		if (heap_bitmap_ends(heap->bitmap, first + i))
			break;
	}
	return mask;
}
