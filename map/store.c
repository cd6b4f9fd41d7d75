/* The home buckets, in three shapes. A small map is one block of the heap, which is copied when the
 * map grows (at most BLOCK_MAX / 2 bytes). A larger one is three regions: they grow by moving page
 * tables, never bytes, and only moved entries touch their new pages, one bucket after the other.
 * With an allocator the buckets come in pieces of up to 64 KiB, which a directory leads to; the
 * fast path cannot read those.
 */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hooks.h"
#include "limit.h"
#include "pieces.h"
#include "region.h"

/* Returns the unit in bytes in which tag words and links are given back. It is larger than the pages that
 * become free together with the slots of the same buckets, because a call costs as much as several pages. */
static size_t small_grain(size_t size, bool huge)
{
	size_t grain = region_grain(size, huge);

	return grain > PIECE_SIZE ? grain : PIECE_SIZE;
}

static size_t tags_size(size_t buckets)
{
	return buckets * TOPHASH_WORD_SIZE;
}

static size_t slots_size(const struct store *store, size_t buckets)
{
	return buckets * store->bucket_size;
}

/* Returns whether the sizes of this many buckets fit size_t. With 32 bits they do not always. */
static bool sizes_fit(const struct store *store, size_t buckets)
{
	size_t each = TOPHASH_WORD_SIZE + sizeof(struct link) + store->bucket_size;

	return buckets <= (SIZE_MAX / 2) / each;
}

/* ---- blocks and regions -------------------------------------------------------------------------------------- */

/* Frees a store's regions, or those of them that exist. */
static void regions_free(const struct store *store, size_t buckets)
{
	region_free(store->tags, tags_size(buckets));
	region_free(store->links, store_links_size(buckets));
	region_free(store->slots, slots_size(store, buckets));
}

/* Touches the reserved room all at once. Without this, puts would take the page faults: the first hundredth
 * of the elements already touches every page, and a put waits for two pages at worst, because it reads a
 * tag word before it writes it. A kernel before Linux 5.14 refuses; nothing is touched then. */
static void regions_populate(const struct store *store)
{
	size_t n = store->buckets;

	if (limit_allows(tags_size(n) + slots_size(store, n)) &&
	    region_populate(store->tags, tags_size(n)))
		region_populate(store->slots, slots_size(store, n));
}

/* Makes a store of three regions with the huge pages and bucket size of shape. Returns false when there is
 * no memory; *ret is unchanged then. */
static bool regions_new(const struct store *shape, size_t buckets, struct store *ret)
{
	struct store store = *shape;

	store.tags = region_new(tags_size(buckets), store.huge);
	store.links = region_new(store_links_size(buckets), store.huge);
	store.slots = region_new(slots_size(&store, buckets), store.huge);
	if (!store.tags || !store.links || !store.slots) {
		regions_free(&store, buckets);
		return false;
	}
	store.buckets = buckets;
	store.mode = STORE_MAPPED;
	*ret = store;
	return true;
}

int store_init(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;
	size_t max = has_allocator(map) ? PIECE_SIZE : BLOCK_MAX;
	uint8_t *block;

	*store = (struct store){.bucket_size = map->type->slot_size * TOPHASH_SLOTS,
				.huge = map->huge_pages};
	if (!sizes_fit(store, buckets))
		return -EOVERFLOW;
	while (store_block_size(store, (size_t)2 << store->piece_bits) <= PIECE_SIZE)
		store->piece_bits++;
	if (buckets == 1 || store_block_size(store, buckets) <= max) {
		block = mem_alloc(map, store_block_size(store, buckets));
		if (!block)
			return -ENOMEM;
		store_set_block(store, block, buckets);
		return 0;
	}
	if (has_allocator(map)) {
		int err = pieces_add(map, buckets);

		if (err) {
			pieces_fini(map);
			*store = (struct store){0};
		}
		return err;
	}
	if (!regions_new(store, buckets, store))
		return -ENOMEM;
	regions_populate(store);
	return 0;
}

void store_fini(struct tophash *map)
{
	struct store *store = &map->core->store;

	if (store->mode == STORE_BLOCK)
		mem_free(map, store->slots, store_block_size(store, store->buckets));
	if (store->mode == STORE_MAPPED)
		regions_free(store, store->buckets);
	if (store->mode == STORE_PIECES)
		pieces_fini(map);
	*store = (struct store){0};
}

/* Copies the first buckets of one store to another. The barrier is called once for all slots. If
 * there is a barrier, the old slots are cleared, because it is not called when their memory is
 * freed. */
static void block_move(const struct tophash *map, const struct store *from, struct store *to,
		       size_t buckets)
{
	size_t size = slots_size(from, buckets);

	memcpy(to->tags, from->tags, tags_size(buckets));
	memcpy(to->links, from->links, store_links_size(buckets));
	barrier_range(map, to->slots, size, TOPHASH_WRITE_MOVE);
	memcpy(to->slots, from->slots, size);
	if (!has_barrier(map))
		return;
	barrier_range(map, from->slots, size, TOPHASH_WRITE_CLEAR);
	memset(from->slots, 0, size);
}

/* Resizes a block with realloc(), which keeps or moves the slots. The tag words and links after
 * them are moved here. `keep` is the number of buckets whose contents stay. A block that cannot be
 * shortened keeps its size. */
static int block_realloc(struct tophash *map, size_t buckets, size_t keep)
{
	struct store *store = &map->core->store;
	struct store old = *store;
	bool longer = buckets > old.buckets;
	uint8_t *block = store->slots;

	if (longer) {
		block = realloc(block, store_block_size(store, buckets));
		if (!block)
			return -ENOMEM;
		store_set_block(&old, block, old.buckets);
		store_set_block(store, block, buckets);
		memmove(store->links, old.links, store_links_size(keep));
		memmove(store->tags, old.tags, tags_size(keep));
		memset(store->links + keep, 0, store_links_size(buckets - keep));
		memset(store->tags + tags_size(keep), 0, tags_size(buckets - keep));
		return 0;
	}
	store_set_block(store, block, buckets);
	memmove(store->tags, old.tags, tags_size(keep));
	memmove(store->links, old.links, store_links_size(keep));
	block = realloc(block, store_block_size(store, buckets));
	if (block)
		store_set_block(store, block, buckets);
	return 0;
}

/* Makes a block longer or shorter. Returns 0 or -ENOMEM. */
static int block_resize(struct tophash *map, size_t buckets, size_t keep)
{
	struct store *store = &map->core->store;
	struct store old = *store;
	uint8_t *block;

	if (!has_allocator(map) && !has_barrier(map))
		return block_realloc(map, buckets, keep);
	block = mem_alloc(map, store_block_size(store, buckets));
	if (!block)
		return -ENOMEM;
	store_set_block(store, block, buckets);
	block_move(map, &old, store, keep);
	mem_free(map, old.slots, store_block_size(&old, old.buckets));
	return 0;
}

static int block_to_regions(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;
	struct store old = *store;

	if (!regions_new(store, buckets, store))
		return -ENOMEM;
	block_move(map, &old, store, old.buckets);
	mem_free(map, old.slots, store_block_size(&old, old.buckets));
	return 0;
}

/* Grows the three regions. If one of them cannot grow, those that have grown are shortened
 * again. */
static int regions_double(struct store *store, size_t buckets)
{
	uint8_t *tags, *slots;
	struct link *links;

	tags = region_grow(store->tags, tags_size(store->buckets), tags_size(buckets), store->huge);
	if (!tags)
		return -ENOMEM;
	store->tags = tags;
	links = region_grow(store->links, store_links_size(store->buckets),
			    store_links_size(buckets), store->huge);
	if (links) {
		store->links = links;
		slots = region_grow(store->slots, slots_size(store, store->buckets),
				    slots_size(store, buckets), store->huge);
		if (slots) {
			store->slots = slots;
			store->buckets = buckets;
			return 0;
		}
		region_trim((uint8_t *)links, store_links_size(buckets),
			    store_links_size(store->buckets));
	}
	region_trim(tags, tags_size(buckets), tags_size(store->buckets));
	return -ENOMEM;
}

int store_double(struct tophash *map)
{
	struct store *store = &map->core->store;
	size_t buckets = store->buckets * 2;

	if (!sizes_fit(store, buckets))
		return -EOVERFLOW;
	if (store->mode == STORE_PIECES)
		return pieces_add(map, buckets);
	if (store->mode == STORE_BLOCK) {
		size_t max = has_allocator(map) ? PIECE_SIZE : BLOCK_MAX;

		if (store_block_size(store, buckets) <= max)
			return block_resize(map, buckets, store->buckets);
		return has_allocator(map) ? pieces_of_block(map, buckets)
					  : block_to_regions(map, buckets);
	}
	return regions_double(store, buckets);
}

void store_release(struct tophash *map, size_t first, size_t from, size_t to)
{
	struct store *store = &map->core->store;

	if (store->mode == STORE_MAPPED) {
		size_t n = store->buckets;

		region_release(store->tags, small_grain(tags_size(n), store->huge),
			       tags_size(first), tags_size(from), tags_size(to));
		region_release(store->links, small_grain(store_links_size(n), store->huge),
			       store_links_size(first), store_links_size(from),
			       store_links_size(to));
		region_release(store->slots, region_grain(slots_size(store, n), store->huge),
			       slots_size(store, first), slots_size(store, from),
			       slots_size(store, to));
	}
	if (store->mode == STORE_PIECES)
		pieces_release(map, first, from, to);
}

/* Copies the buckets of a small map into a block, or counts that there was no memory for it. */
static void regions_to_block(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;
	struct store old = *store;
	uint8_t *block = mem_alloc(map, store_block_size(store, buckets));

	if (!block) {
		map->core->stats.put_off++;
		return;
	}
	store_set_block(store, block, buckets);
	block_move(map, &old, store, buckets);
	regions_free(&old, old.buckets);
}

static void regions_trim(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;

	region_trim(store->tags, tags_size(store->buckets), tags_size(buckets));
	region_trim((uint8_t *)store->links, store_links_size(store->buckets),
		    store_links_size(buckets));
	region_trim(store->slots, slots_size(store, store->buckets), slots_size(store, buckets));
	store->buckets = buckets;
	if (store_block_size(store, buckets) <= BLOCK_MAX / 2)
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
	region_advise(store->links, store_links_size(store->buckets), use);
	region_advise(store->slots, slots_size(store, store->buckets), use);
}

typedef size_t grain_fn(size_t size, bool huge);

/* Returns the bytes that the three regions take when nothing is in buckets from..to. `grain` is for
 * tag words and links. */
static size_t regions_bytes(const struct store *store, grain_fn *grain, size_t from, size_t to)
{
	size_t n = store->buckets;
	size_t tags = tags_size(n), links = store_links_size(n), slots = slots_size(store, n);

	return region_bytes(grain(tags, store->huge), tags, tags_size(from), tags_size(to)) +
	       region_bytes(grain(links, store->huge), links, store_links_size(from),
			    store_links_size(to)) +
	       region_bytes(region_grain(slots, store->huge), slots, slots_size(store, from),
			    slots_size(store, to));
}

size_t store_bytes(const struct tophash_core *core)
{
	const struct store *store = &core->store;
	size_t n = store->buckets;

	if (store->mode == STORE_PIECES)
		return pieces_bytes(store);
	if (store->mode == STORE_BLOCK)
		return store_block_size(store, n);
	if (store->mode == STORE_NONE)
		return 0;
	/* Pages of a region take no memory before a new bucket reaches them, and after they were released. */
	if (core->move == MOVE_GROW)
		return regions_bytes(store, region_grain, n / 2, 2 * core->cursor);
	return regions_bytes(store, small_grain, n / 2,
			     core->move == MOVE_SHRINK ? core->released : 0);
}
