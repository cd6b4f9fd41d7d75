/* Memory: of the home buckets in their three shapes, and what the map takes otherwise.
 *
 * Small maps are one block of the heap, copied when they grow (at most BLOCK_MAX / 2 bytes). Larger
 * ones are three mappings that are moved by their page tables, never by their bytes; fresh pages
 * are touched by evacuation alone, one bucket after the other. With an allocator the buckets come in
 * pieces of up to 64 KiB, found through a directory: out of the fast path's reach.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "internal.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14, include/uapi/asm-generic/mman-common.h */
#endif

void *mem_alloc(const struct tophash *map, size_t size)
{
	void *p;

	if (!has_allocator(map))
		return calloc(1, size);
	p = map->hooks->alloc(size, map->hooks->ctx);
	if (p)
		memset(p, 0, size);
	return p;
}

void mem_free(const struct tophash *map, void *p, size_t size)
{
	if (!p)
		return;
	if (has_allocator(map))
		map->hooks->free(p, size, map->hooks->ctx);
	else
		free(p);
}

/* ---- mappings ------------------------------------------------------------------------------------ */

/* Not 4096 everywhere: 64 KiB on some arm64 kernels. */
static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Address space for size bytes, which starts at a huge page's boundary: so the kernel moves page
 * tables by the directory entry. NULL when there is none. */
static void *space_reserve(size_t size)
{
	size_t all = size + HUGE_PAGE;
	char *p = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t skip;

	if (p == MAP_FAILED)
		return NULL;
	skip = -(uintptr_t)p & (HUGE_PAGE - 1);
	if (skip)
		munmap(p, skip);
	munmap(p + skip + size, HUGE_PAGE - skip);
	return p + skip;
}

/* Small pages unless told otherwise: a fault on a huge one clears 2 MiB while the caller waits. */
static void *region_advise(void *p, size_t size, bool huge)
{
	if (size >= HUGE_PAGE)
		madvise(p, page_round(size), huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return p;
}

/* In what a region is taken and given back. */
static size_t region_grain(const struct store *store, size_t size)
{
	return store->huge && size >= HUGE_PAGE ? HUGE_PAGE : page_size();
}

/* In what tag words and links are given back: more pages at a time than the slots beside them fill, for a call
 * costs as much as several pages. */
static size_t small_grain(const struct store *store, size_t size)
{
	size_t grain = region_grain(store, size);

	return grain > PIECE_SIZE ? grain : PIECE_SIZE;
}

static void *region_new(const struct store *store, size_t size)
{
	void *p;

	size = page_round(size);
	if (size < HUGE_PAGE)
		return pages_alloc(size);
	p = space_reserve(size);
	if (p && mprotect(p, size, PROT_READ | PROT_WRITE) != 0) {
		munmap(p, size);
		return NULL;
	}
	return p ? region_advise(p, size, store->huge) : NULL;
}

/* Where the kernel cannot move it to such a boundary, anywhere will do. A mremap that fails may have
 * unmapped the target before: another thread may be there by now. So what was reserved is left alone. */
static void *region_grow(const struct store *store, void *old, size_t old_size, size_t size)
{
	void *target, *p = MAP_FAILED;

	old_size = page_round(old_size);
	size = page_round(size);
	if (old_size == size)
		return old;
	target = size >= HUGE_PAGE ? space_reserve(size) : NULL;
	if (target)
		p = mremap(old, old_size, size, MREMAP_MAYMOVE | MREMAP_FIXED, target);
	if (p == MAP_FAILED)
		p = mremap(old, old_size, size, MREMAP_MAYMOVE);
	return p == MAP_FAILED ? NULL : region_advise(p, size, store->huge);
}

/* Gives back the pages of from..to, and those that begin before it, but not before first. */
static void region_release(void *region, size_t grain, size_t first, size_t from, size_t to)
{
	first = (first + grain - 1) & ~(grain - 1);
	from &= ~(grain - 1);
	to &= ~(grain - 1);
	if (from < first)
		from = first;
	if (from < to)
		madvise((uint8_t *)region + from, to - from, MADV_DONTNEED);
}

/* Bytes that a region of that size takes when nothing is in from..to. */
static size_t region_bytes(size_t grain, size_t size, size_t from, size_t to)
{
	from = (from + grain - 1) & ~(grain - 1);
	to &= ~(grain - 1);
	return page_round(size) - (from < to ? to - from : 0);
}

/* Shortens a region; its last page stays where both ends share it, and is 0 behind the end. */
static void region_trim(uint8_t *region, size_t old_size, size_t size)
{
	old_size = page_round(old_size);
	size = page_round(size);
	if (size < old_size)
		munmap(region + size, old_size - size);
}

void *pages_alloc(size_t size)
{
	void *p = mmap(NULL, page_round(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void pages_free(void *p, size_t size)
{
	munmap(p, page_round(size));
}

size_t page_round(size_t size)
{
	size_t page = page_size();

	return (size + page - 1) & ~(page - 1);
}

static size_t tags_size(size_t buckets)
{
	return buckets * TOPHASH_WORD_SIZE;
}

static size_t links_size(size_t buckets)
{
	return buckets * sizeof(struct link);
}

static size_t slots_size(const struct store *store, size_t buckets)
{
	return buckets * store->bucket_size;
}

static size_t block_size(const struct store *store, size_t buckets)
{
	return store_links_at(store, buckets) + links_size(buckets);
}

/* Whether the sizes of so many buckets are numbers: of 32 bits they are not always. */
static bool fits(const struct store *store, size_t buckets)
{
	size_t each = TOPHASH_WORD_SIZE + sizeof(struct link) + store->bucket_size;

	return buckets <= (SIZE_MAX / 2) / each;
}

/* ---- shapes -------------------------------------------------------------------------------------- */

static void block_set(struct store *store, uint8_t *block, size_t buckets)
{
	store->slots = block;
	store->tags = block + store_tags_at(store, buckets);
	store->links = (struct link *)(void *)(block + store_links_at(store, buckets));
	store->buckets = buckets;
	store->mode = STORE_BLOCK;
}

/* Unmaps a store's three regions, or those that there are. */
static void regions_unmap(const struct store *store, size_t buckets)
{
	if (store->tags)
		pages_free(store->tags, tags_size(buckets));
	if (store->links)
		pages_free(store->links, links_size(buckets));
	if (store->slots)
		pages_free(store->slots, slots_size(store, buckets));
}

/* Whether so much may be touched for what is only meant to come: a quarter of the machine's memory. */
static bool is_affordable(size_t size)
{
	struct sysinfo info;

	return sysinfo(&info) == 0 && size / info.mem_unit <= info.totalram / 4;
}

/* Touches room that was asked for, all at once: the elements soon to come fall on all of its pages, the first
 * hundredth already, and each put would wait for one, or for two, as a tag word is read before it is written.
 * An older kernel leaves it as it is. */
static void regions_populate(const struct store *store)
{
	size_t n = store->buckets;

	if (!is_affordable(tags_size(n) + slots_size(store, n)))
		return;
	if (madvise(store->tags, page_round(tags_size(n)), MADV_POPULATE_WRITE) == 0)
		madvise(store->slots, page_round(slots_size(store, n)), MADV_POPULATE_WRITE);
}

static bool map_regions(const struct store *shape, size_t buckets, struct store *ret)
{
	struct store store = *shape;

	store.tags = region_new(&store, tags_size(buckets));
	store.links = region_new(&store, links_size(buckets));
	store.slots = region_new(&store, slots_size(&store, buckets));
	if (!store.tags || !store.links || !store.slots) {
		regions_unmap(&store, buckets);
		return false;
	}
	store.buckets = buckets;
	store.mode = STORE_MAPPED;
	*ret = store;
	return true;
}

static void directory_free(const struct tophash *map, const struct store *store)
{
	mem_free(map, store->pieces, store->pieces_cap * sizeof(*store->pieces));
}

static bool directory_resize(struct tophash *map, size_t cap)
{
	struct store *store = &map->core->store;
	size_t keep = cap < store->pieces_cap ? cap : store->pieces_cap;
	uint8_t **pieces = mem_alloc(map, cap * sizeof(*pieces));

	if (!pieces)
		return false;
	if (store->pieces) {
		memcpy(pieces, store->pieces, keep * sizeof(*pieces));
		directory_free(map, store);
	}
	store->pieces = pieces;
	store->pieces_cap = cap;
	return true;
}

static bool pieces_reserve(struct tophash *map, size_t n)
{
	struct store *store = &map->core->store;
	size_t cap = store->pieces_cap ? store->pieces_cap : 4;

	if (store->pieces && n <= store->pieces_cap)
		return true;
	while (cap < n)
		cap *= 2;
	return directory_resize(map, cap);
}

/* Adds pieces until there is room for buckets. */
static int pieces_add(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;
	size_t per = (size_t)1 << store->piece_bits;
	size_t old = store->buckets / per, n = buckets / per, i;

	if (!pieces_reserve(map, n))
		return -ENOMEM;
	for (i = old; i < n; i++) {
		store->pieces[i] = mem_alloc(map, block_size(store, per));
		if (!store->pieces[i])
			break;
	}
	if (i < n) {
		while (i-- > old) {
			mem_free(map, store->pieces[i], block_size(store, per));
			store->pieces[i] = NULL;
		}
		return -ENOMEM;
	}
	store->buckets = buckets;
	store->mode = STORE_PIECES;
	return 0;
}

int store_init(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;
	size_t max = has_allocator(map) ? PIECE_SIZE : BLOCK_MAX;
	uint8_t *block;

	*store = (struct store){.bucket_size = map->type->slot_size * TOPHASH_SLOTS,
				.huge = map->huge_pages};
	if (!fits(store, buckets))
		return -EOVERFLOW;
	while (block_size(store, (size_t)2 << store->piece_bits) <= PIECE_SIZE)
		store->piece_bits++;
	if (buckets == 1 || block_size(store, buckets) <= max) {
		block = mem_alloc(map, block_size(store, buckets));
		if (!block)
			return -ENOMEM;
		block_set(store, block, buckets);
		return 0;
	}
	if (has_allocator(map)) {
		int err = pieces_add(map, buckets);

		if (err && store->pieces) {
			directory_free(map, store);
			*store = (struct store){0};
		}
		return err;
	}
	if (!map_regions(store, buckets, store))
		return -ENOMEM;
	regions_populate(store);
	return 0;
}

void store_fini(struct tophash *map)
{
	struct store *store = &map->core->store;
	size_t per = (size_t)1 << store->piece_bits;

	if (store->mode == STORE_BLOCK)
		mem_free(map, store->slots, block_size(store, store->buckets));
	if (store->mode == STORE_MAPPED)
		regions_unmap(store, store->buckets);
	if (store->mode == STORE_PIECES) {
		for (size_t i = 0; i < store->buckets / per; i++)
			mem_free(map, store->pieces[i], block_size(store, per));
		directory_free(map, store);
	}
	*store = (struct store){0};
}

/* Slots that a collector watches are moved: the barrier is told of all of them at once. Those that are
 * left are about to be given back, which it is not told: so they are cleared. */
static void block_move(const struct tophash *map, const struct store *from, struct store *to,
		       size_t buckets)
{
	size_t size = slots_size(from, buckets);

	memcpy(to->tags, from->tags, tags_size(buckets));
	memcpy(to->links, from->links, links_size(buckets));
	barrier_range(map, to->slots, size, TOPHASH_WRITE_MOVE);
	memcpy(to->slots, from->slots, size);
	if (!has_barrier(map))
		return;
	barrier_range(map, from->slots, size, TOPHASH_WRITE_CLEAR);
	memset(from->slots, 0, size);
}

/* By realloc: the slots stay in place or are moved by the C library, what follows them is moved here. */
static int block_realloc(struct tophash *map, size_t buckets, size_t keep)
{
	struct store *store = &map->core->store;
	struct store old = *store;
	bool longer = buckets > old.buckets;
	uint8_t *block = store->slots;

	if (longer) {
		block = realloc(block, block_size(store, buckets));
		if (!block)
			return -ENOMEM;
		block_set(&old, block, old.buckets);
		block_set(store, block, buckets);
		memmove(store->links, old.links, links_size(keep));
		memmove(store->tags, old.tags, tags_size(keep));
		memset(store->links + keep, 0, links_size(buckets - keep));
		memset(store->tags + tags_size(keep), 0, tags_size(buckets - keep));
		return 0;
	}
	block_set(store, block, buckets);
	memmove(store->tags, old.tags, tags_size(keep));
	memmove(store->links, old.links, links_size(keep));
	block = realloc(block, block_size(store, buckets));
	if (block)
		block_set(store, block, buckets);
	return 0;
}

static int block_resize(struct tophash *map, size_t buckets, size_t keep)
{
	struct store *store = &map->core->store;
	struct store old = *store;
	uint8_t *block;

	if (!has_allocator(map) && !has_barrier(map))
		return block_realloc(map, buckets, keep);
	block = mem_alloc(map, block_size(store, buckets));
	if (!block)
		return -ENOMEM;
	block_set(store, block, buckets);
	block_move(map, &old, store, keep);
	mem_free(map, old.slots, block_size(&old, old.buckets));
	return 0;
}

static int block_to_regions(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;
	struct store old = *store;

	if (!map_regions(store, buckets, store))
		return -ENOMEM;
	block_move(map, &old, store, old.buckets);
	mem_free(map, old.slots, block_size(&old, old.buckets));
	return 0;
}

static int block_to_pieces(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;
	struct store old = *store;
	int err;

	/* A full block of an allocator has a piece's shape: it becomes the first one. */
	if (!pieces_reserve(map, 2))
		return -ENOMEM;
	store->pieces[0] = old.slots;
	err = pieces_add(map, buckets);
	if (err) {
		directory_free(map, store);
		*store = old;
	}
	return err;
}

int store_double(struct tophash *map)
{
	struct store *store = &map->core->store;
	size_t buckets = store->buckets * 2;
	uint8_t *tags, *slots;
	struct link *links;

	if (!fits(store, buckets))
		return -EOVERFLOW;
	if (store->mode == STORE_PIECES)
		return pieces_add(map, buckets);
	if (store->mode == STORE_BLOCK) {
		size_t max = has_allocator(map) ? PIECE_SIZE : BLOCK_MAX;

		if (block_size(store, buckets) <= max)
			return block_resize(map, buckets, store->buckets);
		return has_allocator(map) ? block_to_pieces(map, buckets)
					  : block_to_regions(map, buckets);
	}
	/* A region that has grown while another could not is only longer than it need be. */
	tags = region_grow(store, store->tags, tags_size(store->buckets), tags_size(buckets));
	if (!tags)
		return -ENOMEM;
	store->tags = tags;
	links = region_grow(store, store->links, links_size(store->buckets), links_size(buckets));
	if (links) {
		store->links = links;
		slots = region_grow(store, store->slots, slots_size(store, store->buckets),
				    slots_size(store, buckets));
		if (slots) {
			store->slots = slots;
			store->buckets = buckets;
			return 0;
		}
		region_trim((uint8_t *)links, links_size(buckets), links_size(store->buckets));
	}
	region_trim(tags, tags_size(buckets), tags_size(store->buckets));
	return -ENOMEM;
}

void store_release(struct tophash *map, size_t first, size_t from, size_t to)
{
	struct store *store = &map->core->store;
	size_t per = (size_t)1 << store->piece_bits;

	if (store->mode == STORE_MAPPED) {
		size_t n = store->buckets;

		region_release(store->tags, small_grain(store, tags_size(n)), tags_size(first),
			       tags_size(from), tags_size(to));
		region_release(store->links, small_grain(store, links_size(n)), links_size(first),
			       links_size(from), links_size(to));
		region_release(store->slots, region_grain(store, slots_size(store, n)),
			       slots_size(store, first), slots_size(store, from),
			       slots_size(store, to));
	}
	if (store->mode == STORE_PIECES) {
		first = (first + per - 1) / per;
		for (size_t i = from / per < first ? first : from / per; i < to / per; i++) {
			mem_free(map, store->pieces[i], block_size(store, per));
			store->pieces[i] = NULL;
		}
	}
}

static void regions_to_block(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;
	struct store old = *store;
	uint8_t *block = mem_alloc(map, block_size(store, buckets));

	if (!block) {
		map->core->stats.put_off++;
		return;
	}
	block_set(store, block, buckets);
	block_move(map, &old, store, buckets);
	regions_unmap(&old, old.buckets);
}

/* The last piece becomes a block, whose shape it has. */
static void pieces_trim(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;
	size_t per = (size_t)1 << store->piece_bits, keep = buckets < per ? per : buckets;
	uint8_t *first = store->pieces[0];

	for (size_t i = keep / per; i < store->buckets / per; i++)
		mem_free(map, store->pieces[i], block_size(store, per));
	store->buckets = keep;
	if (keep > per) {
		if (store->pieces_cap >= 4 * keep / per)
			directory_resize(map, 2 * keep / per);
		return;
	}
	directory_free(map, store);
	store->pieces = NULL;
	store->pieces_cap = 0;
	block_set(store, first, per);
}

static void regions_trim(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;

	region_trim(store->tags, tags_size(store->buckets), tags_size(buckets));
	region_trim((uint8_t *)store->links, links_size(store->buckets), links_size(buckets));
	region_trim(store->slots, slots_size(store, store->buckets), slots_size(store, buckets));
	store->buckets = buckets;
	if (block_size(store, buckets) <= BLOCK_MAX / 2)
		regions_to_block(map, buckets);
}

void store_trim(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;

	if (store->mode == STORE_MAPPED)
		regions_trim(map, buckets);
	if (store->mode == STORE_PIECES)
		pieces_trim(map, buckets);
	if (store->mode == STORE_BLOCK && buckets < store->buckets &&
	    block_resize(map, buckets, buckets) != 0)
		map->core->stats.put_off++;
}

void store_huge(struct tophash *map, bool use)
{
	struct store *store = &map->core->store;

	store->huge = use;
	if (store->mode != STORE_MAPPED)
		return;
	region_advise(store->tags, tags_size(store->buckets), use);
	region_advise(store->links, links_size(store->buckets), use);
	region_advise(store->slots, slots_size(store, store->buckets), use);
}

/* Of three mappings that have nothing of the buckets from..to; the grain of tag words and links. */
static size_t mapped_bytes(const struct store *store,
			   size_t (*grain)(const struct store *store, size_t size), size_t from,
			   size_t to)
{
	size_t n = store->buckets;
	size_t tags = tags_size(n), links = links_size(n), slots = slots_size(store, n);

	return region_bytes(grain(store, tags), tags, tags_size(from), tags_size(to)) +
	       region_bytes(grain(store, links), links, links_size(from), links_size(to)) +
	       region_bytes(region_grain(store, slots), slots, slots_size(store, from),
			    slots_size(store, to));
}

size_t store_bytes(const struct tophash_core *core)
{
	const struct store *store = &core->store;
	size_t per = (size_t)1 << store->piece_bits, n = store->buckets;

	if (store->mode == STORE_PIECES) {
		size_t ret = store->pieces_cap * sizeof(*store->pieces);

		for (size_t i = 0; i < n / per; i++)
			ret += store->pieces[i] ? block_size(store, per) : 0;
		return ret;
	}
	if (store->mode == STORE_BLOCK)
		return block_size(store, n);
	if (store->mode == STORE_NONE)
		return 0;
	/* Of a mapping, what no new bucket has come to yet, or was given back, takes no memory. */
	if (core->move == MOVE_GROW)
		return mapped_bytes(store, region_grain, n / 2, 2 * core->cursor);
	return mapped_bytes(store, small_grain, n / 2,
			    core->move == MOVE_SHRINK ? core->released : 0);
}
