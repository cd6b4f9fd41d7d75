/* Searches, additions and removals in a home bucket with its chain. fast.h does the same for a home without
 * a chain. */
#include "chain.h"

#include <string.h>

#include "hooks.h"

/* Finds a key in the home, without its chain. */
static bool find_in_home(const struct tophash_type *type, const struct chain *chain,
			 const struct tophash_key *key, uint64_t hash, struct place *ret)
{
	tophash_mask mask = tophash_match(chain->word, hash);

	for (; mask; mask &= mask - 1) {
		unsigned lane = tophash_lane(mask);
		uint8_t *slot = chain->slots + (size_t)lane * type->slot_size;

		if (!tophash_equal(type, key, hash, slot))
			continue;
		*ret = (struct place){.tag = chain->word + lane, .slot = slot, .chain = *chain};
		return true;
	}
	return false;
}

bool chain_find(const struct tophash *map, const struct chain *chain, const struct tophash_key *key,
		uint64_t hash, struct place *ret)
{
	const struct tophash_type *type = map->type;
	const struct pool *pool;
	uint8_t tag = tophash_tag(hash);

	if (chain->word) {
		if (find_in_home(type, chain, key, hash, ret))
			return true;
		if (!tophash_may_overflow(chain->word, hash))
			return false;
	}
	pool = &map->core->pool; /* a small map has no overflow */
	for (struct link *link = chain->link; link->number; link = pool_link(pool, link->number)) {
		for (unsigned i = 0; i < OVERFLOW_SLOTS; i++) {
			uint8_t *slot;

			if (link->tags[i] != tag)
				continue;
			slot = pool_slots(pool, link->number) + (size_t)i * type->slot_size;
			if (!tophash_equal(type, key, hash, slot))
				continue;
			*ret = (struct place){.tag = link->tags + i, .slot = slot, .chain = *chain};
			return true;
		}
	}
	return false;
}

uint8_t *chain_add(struct tophash *map, const struct chain *chain, uint8_t tag)
{
	tophash_mask mask = tophash_match_empty(chain->word);
	uint32_t slot_size = map->type->slot_size;
	struct link *link = chain->link;
	unsigned lane = 0;
	struct pool *pool;
	uint32_t number;

	if (mask) {
		lane = tophash_lane(mask);
		chain->word[lane] = tag;
		return chain->slots + (size_t)lane * slot_size;
	}
	pool = &map->core->pool;
	/* Only the first overflow bucket of a chain may have a free slot. */
	while (lane < OVERFLOW_SLOTS && link->tags[lane])
		lane++;
	if (link->number == 0 || lane == OVERFLOW_SLOTS) {
		number = pool_take(map);
		if (!number)
			return NULL;
		map->moves++; /* iterators read tags through this link, which changes */
		*pool_link(pool, number) = *link;
		*link = (struct link){.number = number};
		lane = 0;
	}
	link->tags[lane] = tag;
	chain->word[TOPHASH_OVERFLOW] |= tophash_class_bit(tag);
	return pool_slots(pool, link->number) + (size_t)lane * slot_size;
}

uint8_t chain_filter(const struct pool *pool, const struct link *link)
{
	uint8_t ret = 0;

	for (; link->number; link = pool_link(pool, link->number))
		for (unsigned i = 0; i < OVERFLOW_SLOTS; i++)
			ret |= link->tags[i] ? tophash_class_bit(link->tags[i]) : 0;
	return ret;
}

/* Takes the overflow bucket that a link leads to out of its chain, if it is empty. */
static void unlink_empty(struct tophash *map, struct link *link)
{
	static const uint8_t none[OVERFLOW_SLOTS];
	uint32_t gone = link->number;

	if (memcmp(link->tags, none, sizeof(none)) != 0)
		return;
	*link = *pool_link(&map->core->pool, gone);
	pool_give(map, gone);
}

void chain_remove(struct tophash *map, const struct place *place)
{
	struct link *first = place->chain.link;
	uint32_t slot_size = map->type->slot_size;
	unsigned last = OVERFLOW_SLOTS - 1;

	*place->tag = 0;
	if (!first->number)
		return;
	map->moves++;
	while (last > 0 && !first->tags[last])
		last--;
	if (first->tags[last]) {
		slot_move(map, place->slot,
			  pool_slots(&map->core->pool, first->number) + (size_t)last * slot_size);
		*place->tag = first->tags[last];
		first->tags[last] = 0;
		map->core->stats.moved++;
	}
	unlink_empty(map, first);
	if (place->chain.word)
		place->chain.word[TOPHASH_OVERFLOW] = chain_filter(&map->core->pool, first);
}
