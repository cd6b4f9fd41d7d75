/* A copy of the memory of a process, page by page. While the process stands still, what is read is kept. Afterwards it is read
 * from here.
 *
 * A page table of two levels finds the copy of a page: a leaf has 4 MiB of addresses. Pages that were read at once lie one after
 * the other, so that they are read at once again. */
#include "live/heap/heap_priv.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
	COPY_PAGE_BITS = 12,
	COPY_PAGE = 1 << COPY_PAGE_BITS, /* the page of the machine */
	LEAF_BITS = 22,
	LEAF_PAGES = 1 << (LEAF_BITS - COPY_PAGE_BITS),
	READ_PAGES = 1 << 10, /* that are read at once: the time may be over */
};

struct leaf {
	uint32_t pages[LEAF_PAGES]; /* 0: not here, otherwise the index + 1 */
};

struct heap_copy {
	struct memory memory; /* of the process */
	uint8_t *bytes;
	uint64_t room, used, missing; /* pages; missing: that could not be read */
	struct table leaves_at;	      /* address >> LEAF_BITS -> index */
	VEC(struct leaf *) leaves;
	struct leaf *last; /* that was found last */
	uint64_t last_number;
	bool keeps; /* what is read is kept */
	bool full;  /* something was read that could not be kept */
	uint64_t late;
	struct heap_range heap; /* what is not here of these addresses cannot be read any more */
};

/* ---- pages ---- */

static struct leaf *leaf_find(struct heap_copy *copy, uint64_t addr)
{
	uint64_t number = addr >> LEAF_BITS;
	const uint32_t *found;

	if (copy->last && number == copy->last_number)
		return copy->last;
	found = table_find(&copy->leaves_at, number);
	if (!found)
		return NULL;
	copy->last = copy->leaves.data[*found];
	copy->last_number = number;
	return copy->last;
}

static struct leaf *leaf_make(struct heap_copy *copy, uint64_t addr)
{
	struct leaf *leaf = leaf_find(copy, addr);

	if (leaf)
		return leaf;
	leaf = calloc(1, sizeof(*leaf));
	if (!leaf || !vec_push(&copy->leaves, leaf)) {
		free(leaf);
		return NULL;
	}
	return table_put(&copy->leaves_at, addr >> LEAF_BITS, (uint32_t)copy->leaves.len - 1) < 0
		       ? NULL
		       : leaf;
}

/* Returns the index of the copy of a page, + 1, or 0. */
static uint32_t page_of(struct heap_copy *copy, uint64_t addr)
{
	const struct leaf *leaf = leaf_find(copy, addr);

	return leaf ? leaf->pages[addr >> COPY_PAGE_BITS & (LEAF_PAGES - 1)] : 0;
}

static uint64_t page_begin(uint64_t addr)
{
	return addr & ~(uint64_t)(COPY_PAGE - 1);
}

/* Returns how many of the first pages from addr on are here one after the other, or are not here at all; `n` at most. */
static uint64_t run_of(struct heap_copy *copy, uint64_t addr, uint64_t n)
{
	uint32_t first = page_of(copy, addr);
	uint64_t run = 1;

	for (; run < n; run++) {
		uint32_t page = page_of(copy, addr + (run << COPY_PAGE_BITS));

		if (page != (first ? first + run : 0))
			break;
	}
	return run;
}

/* Copies pages that are not here. Returns how many of the first ones could be copied. */
static uint64_t keep_pages(struct heap_copy *copy, uint64_t addr, uint64_t n)
{
	uint64_t done = 0, got, wanted;

	do {
		wanted = n - done < READ_PAGES ? n - done : READ_PAGES;
		if (wanted > copy->room - copy->used) {
			copy->full = true;
			return done;
		}
		got = copy->memory.read(copy->memory.ctx, addr + (done << COPY_PAGE_BITS),
					copy->bytes + (copy->used << COPY_PAGE_BITS),
					wanted << COPY_PAGE_BITS) >>
		      COPY_PAGE_BITS;
		for (uint64_t i = 0; i < got; i++, done++) {
			uint64_t at = addr + (done << COPY_PAGE_BITS);
			struct leaf *leaf = leaf_make(copy, at);

			if (!leaf) {
				copy->full = true;
				return done;
			}
			leaf->pages[at >> COPY_PAGE_BITS & (LEAF_PAGES - 1)] =
				(uint32_t)++copy->used;
		}
	} while (got == wanted && done < n);
	return done;
}

/* ---- reading ---- */

/* Reads what is not here. */
static size_t read_late(struct heap_copy *copy, uint64_t addr, void *to, size_t size)
{
	if (!copy->keeps && (copy->heap.to <= copy->heap.from ||
			     (addr < copy->heap.to && addr + size > copy->heap.from)))
		return 0;
	copy->late++;
	return copy->memory.read(copy->memory.ctx, addr, to, size);
}

static size_t read_copy(void *ctx, uint64_t addr, void *to, size_t size)
{
	struct heap_copy *copy = ctx;
	uint8_t *out = to;
	size_t done = 0, n, got;

	if (!size || addr + size < addr)
		return 0;
	while (done < size) {
		uint64_t at = addr + done, in = at & (COPY_PAGE - 1);
		uint64_t run =
			run_of(copy, at, (in + size - done + COPY_PAGE - 1) >> COPY_PAGE_BITS);
		uint32_t page = page_of(copy, at);

		n = (run << COPY_PAGE_BITS) - in;
		n = n < size - done ? n : size - done;
		if (page) {
			memcpy(out + done,
			       copy->bytes + ((uint64_t)(page - 1) << COPY_PAGE_BITS) + in, n);
		} else if (copy->keeps && !copy->full) {
			if (!keep_pages(copy, page_begin(at), run) && !copy->full)
				return done;
			continue;
		} else {
			got = read_late(copy, at, out + done, n);
			if (got < n)
				return done + got;
		}
		done += n;
	}
	return size;
}

/* Copies the pages [at, end), which are not here, except those that cannot be read. Their number is bounded, too: foreign memory tells
 * where spans are. */
static void keep_readable(struct heap_copy *copy, uint64_t at, uint64_t end)
{
	while (at < end && !copy->full) {
		at += keep_pages(copy, at, (end - at) >> COPY_PAGE_BITS) << COPY_PAGE_BITS;
		if (at >= end)
			return;
		at += COPY_PAGE;
		copy->full |= ++copy->missing > copy->room;
	}
}

void heap_copy_range(struct heap_copy *copy, uint64_t addr, uint64_t size)
{
	uint64_t at = page_begin(addr), run;
	uint64_t left = (addr - at + size + COPY_PAGE - 1) >> COPY_PAGE_BITS;

	for (; left && !copy->full; left -= run, at += run << COPY_PAGE_BITS) {
		run = run_of(copy, at, left < READ_PAGES ? left : READ_PAGES);
		if (!page_of(copy, at))
			keep_readable(copy, at, at + (run << COPY_PAGE_BITS));
	}
}

/* ---- the copy ---- */

struct error *heap_copy_new(uint64_t max, struct heap_copy **ret)
{
	struct heap_copy *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return error_nomem();
	copy->room = max >> COPY_PAGE_BITS;
	copy->room = copy->room < UINT32_MAX - 1 ? copy->room : UINT32_MAX - 1;
	copy->bytes = mmap(NULL, (copy->room + 1) << COPY_PAGE_BITS, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (copy->bytes == MAP_FAILED) {
		free(copy);
		return error_nomem();
	}
	*ret = copy;
	return NULL;
}

void heap_copy_free(struct heap_copy *copy)
{
	if (!copy)
		return;
	munmap(copy->bytes, (copy->room + 1) << COPY_PAGE_BITS);
	vec_each(leaf, &copy->leaves)
		free(*leaf);
	vec_fini(&copy->leaves);
	table_fini(&copy->leaves_at);
	free(copy);
}

void heap_copy_forget(struct heap_copy *copy)
{
	vec_each(leaf, &copy->leaves)
		memset(*leaf, 0, sizeof(**leaf));
	copy->used = copy->missing = copy->late = 0;
	copy->keeps = true;
	copy->full = false;
}

void heap_copy_from(struct heap_copy *copy, struct memory memory)
{
	copy->memory = memory;
}

void heap_copy_end(struct heap_copy *copy, const struct heap *heap)
{
	size_t n = heap->spans.len;

	copy->keeps = false;
	copy->late = 0;
	copy->heap = (struct heap_range){0};
	if (n)
		copy->heap = (struct heap_range){heap->spans.data[0].base,
						 heap->spans.data[n - 1].base +
							 heap_span_size(&heap->spans.data[n - 1])};
}

void heap_copy_prepare(struct heap_copy *copy, uint64_t bytes)
{
	uint64_t pages = (bytes >> COPY_PAGE_BITS) + 1;

	pages = pages < copy->room ? pages : copy->room;
	for (uint64_t i = 0; i < pages; i++)
		copy->bytes[i << COPY_PAGE_BITS] = 0;
}

bool heap_copy_is_whole(const struct heap_copy *copy)
{
	return !copy->full;
}

bool heap_copy_was_late(const struct heap_copy *copy)
{
	return copy->late;
}

struct memory heap_copy_memory(struct heap_copy *copy)
{
	return (struct memory){.ctx = copy, .read = read_copy};
}
