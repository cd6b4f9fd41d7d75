/* Reads the records of all spans, and makes a page table of them. */
#include "live/heap/heap_priv.h"
#include "base/reader.h"

#include <stdlib.h>

enum {
	SPANS_MAX = 1 << 24,
	STATE_IN_USE = 1, /* mSpanInUse: it holds objects */
	STATE_MANUAL = 2, /* mSpanManual: it holds stacks, or what the collector needs */
	RECORD_MAX = 160,
	ELEMS_MAX = UINT16_MAX, /* of a span; the runtime makes 1,024 at most */
	ARENAS_MAX = 1 << 15,	/* 2 TiB of heap */
};
#define PAGES_MAX (1ull << 26) /* of a span: 512 GiB */

static uint64_t field(const uint8_t *record, unsigned offset, unsigned width)
{
	uint64_t value = 0;

	memcpy(&value, record + offset, width);
	return value;
}

/* Makes a span of a record. Returns false if the span holds no objects. Sets *ret_sane to whether the
 * record makes sense. */
static bool take_record(const struct heap_fields *f, const uint8_t *record, struct heap_span *ret,
			bool *ret_sane)
{
	uint64_t pages = field(record, f->span_pages, 8);
	uint64_t elems = field(record, f->span_elems, f->span_count_width == 2 ? 2 : 4);
	uint64_t free = field(record, f->span_free_index, f->span_count_width == 2 ? 2 : 4);

	*ret_sane = true;
	if (field(record, f->span_state, 1) != STATE_IN_USE)
		return false;
	*ret = (struct heap_span){
		.base = field(record, f->span_start, 8),
		.elem = field(record, f->span_elem_size, 8),
		.alloc_bits = field(record, f->span_alloc_bits, 8),
		.specials = field(record, f->span_specials, 8),
		.noscan = field(record, f->span_class, 1) & 1,
		.large = field(record, f->span_class, 1) >> 1 == 0,
	};
	if (f->span_large_type && ret->large)
		ret->type = field(record, f->span_large_type, 8);
	*ret_sane = pages && pages < PAGES_MAX && !(ret->base & (PAGE - 1)) && ret->base &&
		    ret->elem >= WORD && ret->elem <= pages << PAGE_BITS && elems &&
		    elems <= ELEMS_MAX && elems * ret->elem <= pages << PAGE_BITS;
	if (!*ret_sane)
		return false;
	ret->pages = (uint32_t)pages;
	ret->elems = (uint16_t)elems;
	ret->free = (uint16_t)(free < elems ? free : elems);
	ret->magic = elems > 1 ? (uint32_t)(UINT32_MAX / ret->elem + 1) : 0;
	return true;
}

/* Makes a range of the record of a span that holds stacks. */
static bool take_stacks(const struct heap_fields *f, const uint8_t *record, struct heap_range *ret)
{
	uint64_t pages = field(record, f->span_pages, 8);

	ret->from = field(record, f->span_start, 8);
	ret->to = ret->from + (pages << PAGE_BITS);
	return field(record, f->span_state, 1) == STATE_MANUAL && pages && pages < PAGES_MAX &&
	       !(ret->from & (PAGE - 1)) && ret->to > ret->from;
}

static int by_base(const void *a, const void *b)
{
	const struct heap_span *x = a, *y = b;

	return (x->base > y->base) - (x->base < y->base);
}

/* Reads the records that a block of pointers names. */
static struct error *read_records(struct heap *heap, const uint64_t *pointers, size_t n,
				  size_t *bad)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t record[RECORD_MAX];
		struct heap_span span;
		struct heap_range stacks;
		bool sane;

		if (!heap_cache_read(heap->cache, pointers[i], record, heap->fields.span_size)) {
			++*bad;
			continue;
		}
		if (take_record(&heap->fields, record, &span, &sane)
			    ? !vec_push(&heap->spans, span)
			    : take_stacks(&heap->fields, record, &stacks) &&
				      !vec_push(&heap->stacks_at, stacks))
			return error_nomem();
		*bad += !sane;
	}
	return NULL;
}

static struct error *read_all(struct heap *heap)
{
	struct heap_list list = {.heap = heap,
				 .addr = heap->globals.mheap + heap->fields.allspans,
				 .max = SPANS_MAX};
	uint64_t pointers[512];
	size_t bad = 0;

	if (!heap_list_begin(&list))
		return error_new(
			ERROR_TARGET,
			"the list of spans at 0x%llx makes no sense: has the runtime begun? Try again",
			(unsigned long long)heap->globals.mheap);
	for (uint64_t i = 0; i < list.len; i += ARRAY_SIZE(pointers)) {
		size_t n =
			list.len - i < ARRAY_SIZE(pointers) ? list.len - i : ARRAY_SIZE(pointers);

		if (!heap_list_read(&list, i, pointers, n))
			return error_new(ERROR_TARGET,
					 "the list of spans cannot be read: try again");
		try(read_records(heap, pointers, n, &bad));
	}
	/* A span may change while it is read. If many make no sense, the offsets are wrong. */
	if (bad > 16 && bad > list.len / 16)
		return error_new(
			ERROR_TARGET,
			"%zu of %llu spans make no sense: is this %s? Try again; if it stays, the program is damaged",
			bad, (unsigned long long)list.len,
			gopcln_version(heap->options.modules[0].tab));
	return NULL;
}

/* Drops spans that overlap the one before: a span that was freed and used again while the list was read. */
static void sort_spans(struct heap *heap)
{
	size_t kept = 0;
	uint64_t end = 0;

	if (heap->spans.len)
		qsort(heap->spans.data, heap->spans.len, sizeof(*heap->spans.data), by_base);
	vec_each(span, &heap->spans) {
		if (span->base < end)
			continue;
		end = span->base + heap_span_size(span);
		heap->spans.data[kept++] = *span;
	}
	heap->spans.len = kept;
}

static int by_from(const void *a, const void *b)
{
	const struct heap_range *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

/* Merges the spans of stacks: records may overlap, and a hostile list may name one 2^24 times. */
static void sort_stacks(struct heap *heap)
{
	size_t kept = 0;

	if (heap->stacks_at.len)
		qsort(heap->stacks_at.data, heap->stacks_at.len, sizeof(*heap->stacks_at.data),
		      by_from);
	vec_each(stacks, &heap->stacks_at) {
		struct heap_range *last = kept ? &heap->stacks_at.data[kept - 1] : NULL;

		if (!last || stacks->from > last->to)
			heap->stacks_at.data[kept++] = *stacks;
		else if (stacks->to > last->to)
			last->to = stacks->to;
	}
	heap->stacks_at.len = kept;
}

static struct error *arena_get(struct heap *heap, uint64_t number, struct heap_arena **ret)
{
	uint32_t *found = table_find(&heap->arenas_at, number);

	if (found) {
		*ret = heap->arenas.data[*found];
		return NULL;
	}
	if (heap->arenas.len >= ARENAS_MAX)
		return error_new(
			ERROR_TARGET,
			"the heap has more than 2 TiB of addresses, and nothing of it can be read: use a heap profile (go tool pprof)");
	*ret = calloc(1, sizeof(**ret));
	if (!*ret || !vec_push(&heap->arenas, *ret)) {
		free(*ret);
		return error_nomem();
	}
	return table_put(&heap->arenas_at, number, (uint32_t)heap->arenas.len - 1) < 0
		       ? error_nomem()
		       : NULL;
}

/* Enters a span into the page table, with all of its pages. */
static struct error *enter_span(struct heap *heap, uint32_t index)
{
	const struct heap_span *span = &heap->spans.data[index];
	struct heap_arena *arena = NULL;
	uint64_t last = 0;

	for (uint64_t addr = span->base; addr < span->base + heap_span_size(span); addr += PAGE) {
		if (!arena || addr >> ARENA_BITS != last) {
			last = addr >> ARENA_BITS;
			try(arena_get(heap, last, &arena));
		}
		arena->spans[addr >> PAGE_BITS & (ARENA_PAGES - 1)] = index + 1;
	}
	return NULL;
}

/* Numbers the objects of the spans with pointers or of those without. */
static struct error *number_objects(struct heap *heap, bool noscan)
{
	vec_each(span, &heap->spans) {
		if (span->noscan != noscan)
			continue;
		if (heap->facts.objects + span->elems > UINT32_MAX)
			return error_new(
				ERROR_TARGET,
				"the heap has more than 4,294,967,295 objects, and nothing of it can be read: use a heap profile (go tool pprof)");
		span->first = (uint32_t)heap->facts.objects;
		heap->facts.objects += span->elems;
	}
	return NULL;
}

/* Numbers all objects, and enters all spans. */
static struct error *enter_all(struct heap *heap)
{
	try(number_objects(heap, false));
	heap->scannable = (uint32_t)heap->facts.objects;
	try(number_objects(heap, true));
	for (size_t i = 0; i < heap->spans.len; i++) {
		heap->facts.bytes += heap_span_size(&heap->spans.data[i]);
		try(enter_span(heap, (uint32_t)i));
	}
	heap->facts.spans = heap->spans.len;
	return NULL;
}

/* Tells whether spans of small objects have marks at their end, which take room for objects (Green Tea,
 * runtime/mgcmark_greenteagc.go). A span of one page shows it by its number of objects. */
static bool has_inline_marks(const struct heap *heap)
{
	size_t with = 0, without = 0;

	if (heap->fields.bits != HEAP_BITS_SPAN)
		return false;
	vec_each(span, &heap->spans) {
		uint64_t bitmap = PAGE / WORD / 8, marks = 128;
		uint64_t room = PAGE - (span->noscan ? 0 : bitmap);

		if (span->pages != 1 || span->elem < 16 || span->elem > SMALL_MAX ||
		    room / span->elem == (room - marks) / span->elem)
			continue;
		with += span->elems == (room - marks) / span->elem;
		without += span->elems == room / span->elem;
	}
	return with > without;
}

/* mheap.sweepgen stands before allspans, and grows by 2 with each cycle, before the sweep. */
uint64_t heap_cycles_addr(const struct heap *heap)
{
	return heap->globals.mheap + heap->fields.allspans - WORD;
}

bool heap_cycles_at(const struct memory *memory, uint64_t addr, uint32_t *ret)
{
	uint32_t sweepgen;

	if (!memory_read(memory, addr, &sweepgen, sizeof(sweepgen)))
		return false;
	*ret = sweepgen / 2;
	return true;
}

static void read_cycles(struct heap *heap)
{
	heap_cycles_at(&heap->options.memory, heap_cycles_addr(heap), &heap->facts.cycles);
}

struct error *heap_read_spans(struct heap *heap)
{
	read_cycles(heap);
	try(read_all(heap));
	sort_spans(heap);
	sort_stacks(heap);
	try(enter_all(heap));
	heap->inline_marks = has_inline_marks(heap);
	return NULL;
}

const struct heap_span *heap_span_of(const struct heap *heap_, uint64_t addr)
{
	struct heap *heap = (struct heap *)heap_; /* the arenas that were found last are kept */
	uint64_t number = addr >> ARENA_BITS;
	struct heap_near *near = &heap->near[number % NEAR_ARENAS];
	uint32_t at;

	if (!near->arena || number != near->number) {
		uint32_t *found = table_find(&heap->arenas_at, number);

		if (!found)
			return NULL;
		*near = (struct heap_near){number, heap->arenas.data[*found]};
	}
	at = near->arena->spans[addr >> PAGE_BITS & (ARENA_PAGES - 1)];
	return at ? &heap->spans.data[at - 1] : NULL;
}

bool heap_object_of(const struct heap *heap, uint64_t addr, uint64_t *ret_base, uint64_t *ret_size)
{
	const struct heap_span *span = heap_span_of(heap, addr);
	uint32_t index;

	if (!span)
		return false;
	index = heap_index_in(span, addr);
	if (index >= span->elems)
		return false;
	*ret_base = span->base + index * span->elem;
	*ret_size = span->elem;
	return true;
}
