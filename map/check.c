/* tophash_check(): a walk through a map that checks its invariants. */
#include <string.h>

#include "tophash/fast.h"

#include "core.h"
#include "debug.h"
#include "entry.h"

struct check {
	const struct tophash *map;
	int level;
	size_t len;	 /* entries seen */
	size_t overflow; /* overflow buckets seen */
};

static int check_entry(const struct check *check, uint8_t *slot, uint8_t tag)
{
	const struct tophash *map = check->map;
	struct tophash_key key;
	struct place place;
	uint64_t hash;

	if (check->level < 2)
		return 0;
	key = tophash_key_of(map->type, slot);
	hash = tophash_hash(map->type, &key, map->seed, map->mult);
	if (slot_hash(map, map->type, slot) != hash || tophash_tag(hash) != tag)
		return TOPHASH_BROKEN_TAG;
	if (!entry_find(map, &key, hash, &place))
		return TOPHASH_BROKEN_PLACE;
	return check->level >= 3 && place.slot != slot ? TOPHASH_BROKEN_TWICE : 0;
}

static int check_slots(struct check *check, const uint8_t *tags, uint8_t *slots, unsigned n)
{
	int ret = 0;

	for (unsigned i = 0; ret == 0 && i < n; i++) {
		if (!tags[i])
			continue;
		check->len++;
		ret = check_entry(check, slots + (size_t)i * check->map->type->slot_size, tags[i]);
	}
	return ret;
}

static bool is_overflow_bucket(const struct pool *pool, uint32_t number)
{
	uint32_t chunk = (number - 1) >> pool->chunk_bits;

	return chunk < pool->len && pool->chunks[chunk].mem;
}

static int check_chain(struct check *check, const struct link *link)
{
	static const uint8_t none[OVERFLOW_SLOTS];
	const struct pool *pool = &check->map->core->pool;
	bool is_first = true;
	int ret = 0;

	for (; ret == 0 && link->number; link = pool_link(pool, link->number)) {
		if (!is_overflow_bucket(pool, link->number) ||
		    memcmp(link->tags, none, sizeof(none)) == 0)
			return TOPHASH_BROKEN_CHAIN;
		if (++check->overflow > pool->used)
			return TOPHASH_BROKEN_POOL;
		/* Every overflow bucket except the first of its chain is full. */
		if (!is_first && memchr(link->tags, 0, sizeof(link->tags)))
			return TOPHASH_BROKEN_CHAIN;
		is_first = false;
		ret = check_slots(check, link->tags, pool_slots(pool, link->number),
				  OVERFLOW_SLOTS);
	}
	if (ret == 0 && memcmp(link->tags, none, sizeof(none)) != 0)
		ret = TOPHASH_BROKEN_CHAIN;
	return ret;
}

/* Returns whether a bucket lies between the old and the new ones of a map that moves. */
static bool is_free(const struct tophash_core *core, size_t bucket)
{
	size_t home_moved = core->home_moved;

	if (core->move == MOVE_GROW)
		return bucket >= core->cursor - home_moved &&
		       bucket < 2 * (core->cursor - home_moved);
	if (core->move == MOVE_SHRINK)
		return bucket >= core->cursor + home_moved &&
		       bucket < 2 * (core->cursor + home_moved);
	return false;
}

static int check_home(struct check *check, size_t bucket)
{
	const struct tophash_core *core = check->map->core;
	static const uint8_t none[TOPHASH_WORD_SIZE];
	struct chain chain = chain_of(core, bucket);
	int ret;

	if (is_free(core, bucket) &&
	    (memcmp(chain.word, none, sizeof(none)) != 0 || chain.link->number))
		return TOPHASH_BROKEN_FREE;
	ret = check_slots(check, chain.word, chain.slots, TOPHASH_SLOTS);
	if (ret == 0)
		ret = check_chain(check, chain.link);
	if (ret == 0 && chain.word[TOPHASH_OVERFLOW] != chain_filter(&core->pool, chain.link))
		ret = TOPHASH_BROKEN_FILTER;
	if (ret == 0 && chain.link->number && tophash_match_empty(chain.word))
		ret = TOPHASH_BROKEN_CHAIN;
	return ret;
}

/* Compares the counts of each chunk with its free list. */
static int check_pool(const struct tophash_core *core)
{
	const struct pool *pool = &core->pool;
	uint32_t used = 0, spare = 0;

	for (uint32_t i = 0; i < pool->len; i++) {
		const struct chunk *chunk = &pool->chunks[i];
		const struct link *links = (const struct link *)(const void *)chunk->mem;
		uint32_t len = chunk->mem ? chunk->slots_at / (uint32_t)sizeof(struct link) : 0;
		uint32_t free = 0;

		for (uint32_t at = chunk->free; at; at = links[at - 1].number)
			if (at > len || ++free > len)
				return TOPHASH_BROKEN_POOL;
		used += chunk->used;
		spare += free;
	}
	return used == pool->used && spare == pool->spare ? 0 : TOPHASH_BROKEN_POOL;
}

/* Compares the members that the fast path reads with the values that follow from the core. */
static int check_fast(const struct tophash *map)
{
	const struct tophash_core *core = map->core;
	struct tophash copy = *map;

	/* grow_at may be higher, because it is raised when a move cannot begin without memory. */
	fast_path_update(&copy);
	if (map->tags != copy.tags || map->slots != copy.slots || map->shift != copy.shift ||
	    (map->write_tags != copy.write_tags && !debug.was_checked) ||
	    map->shrink_at != copy.shrink_at || map->grow_at < copy.grow_at ||
	    (core && core->home_moved && core->move == MOVE_NONE))
		return TOPHASH_BROKEN_FAST;
	return 0;
}

/* Returns whether a hash that is said to be mixed crowds the keys in few buckets. With a mixed hash a map of 13 entries a
 * bucket, which is the most, has 0.28 overflow buckets for each bucket, and a map of fewer has less. One that had no
 * memory to grow is not judged. */
static bool is_crowded(const struct tophash *map)
{
	const struct tophash_core *core = map->core;
	size_t buckets = (size_t)1 << core->bits;

	return map->type->kind == TOPHASH_KIND_MIXED && map->len <= GROW_LOAD * buckets &&
	       core->pool.used > map->len / GROW_LOAD / 2 + 8;
}

/* Checks a small map: its lanes without a slot, and its entries. */
static int check_small(struct check *check)
{
	const struct tophash *map = check->map;
	const uint8_t *word = small_word(map);
	size_t slots = small_slots(map);
	int ret;

	if (slots == 0 || slots > TOPHASH_SLOTS || check_fast(map) != 0)
		return TOPHASH_BROKEN_FAST;
	for (size_t i = 0; i < TOPHASH_SLOTS; i++)
		if ((word[i] == TOPHASH_NO_SLOT) != (i >= slots))
			return TOPHASH_BROKEN_TAG;
	if (word[TOPHASH_OVERFLOW] != 0)
		return TOPHASH_BROKEN_FILTER;
	ret = check_slots(check, word, map->slots, (unsigned)slots);
	return ret == 0 && check->len != map->len ? TOPHASH_BROKEN_LEN : ret;
}

int tophash_check(const struct tophash *map, int level)
{
	struct check check = {.map = map, .level = level};
	const struct tophash_core *core = map ? map->core : NULL;
	int ret = 0;

	if (map && is_small(map))
		return check_small(&check);
	if (!core)
		return map && map->len ? TOPHASH_BROKEN_LEN : 0;
	ret = check_fast(map);
	if (ret == 0)
		ret = check_pool(core);
	for (size_t i = 0; ret == 0 && i < home_count(core); i++)
		if (!home_released(core, i))
			ret = check_home(&check, i);
	for (unsigned i = 0; ret == 0 && i < 2; i++)
		ret = check_chain(&check, &core->rest_chains[i]);
	if (ret)
		return ret;
	if (check.overflow != core->pool.used)
		return TOPHASH_BROKEN_POOL;
	if (check.len != map->len)
		return TOPHASH_BROKEN_LEN;
	return is_crowded(map) ? TOPHASH_BROKEN_HASH : 0;
}
