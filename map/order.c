/* The entries of a range in order of hash and key, from the mark on. */
#include "order.h"

#include <string.h>

#include "chain.h"
#include "move.h"

#define BATCH_MAX 16

/* Compares two keys with the same hash as an iterator keeps them, by their bytes. -0 equals +0, because a put may
 * change one into the other. */
static int kept_order(const struct tophash_type *type, const void *key, const void *other)
{
	uint64_t a, b;

	if (type->key_size > TOPHASH_KEPT_WHOLE)
		return memcmp(key, other, TOPHASH_KEPT_SIZE(type->key_size));
	if (type->kind != TOPHASH_KIND_FLOAT)
		return memcmp(key, other, type->key_size);
	a = tophash_load_float(key, type->key_size);
	b = tophash_load_float(other, type->key_size);
	return a < b ? -1 : a > b;
}

/* Compares the key of a slot with one that an iterator keeps. */
static int key_order(const struct tophash *map, const void *key, const void *kept)
{
	uint8_t print[TOPHASH_KEPT_SIZE(UINT32_MAX)];

	if (map->type->key_size <= TOPHASH_KEPT_WHOLE)
		return kept_order(map->type, key, kept);
	tophash_keep_print(map, key, print);
	return kept_order(map->type, print, kept);
}

/* Compares the keys of two slots in the same order. */
static int slot_order(const struct tophash *map, const void *key, const void *other)
{
	uint8_t print[TOPHASH_KEPT_SIZE(UINT32_MAX)];

	if (map->type->key_size <= TOPHASH_KEPT_WHOLE)
		return kept_order(map->type, key, other);
	tophash_keep_print(map, other, print);
	return key_order(map, key, print);
}

/* Returns whether a key of the current range was returned already. */
static bool is_kept(const struct tophash_iter *iter, const uint8_t *key)
{
	for (uint64_t places = iter->kept_places; places; places &= places - 1) {
		unsigned place = (unsigned)__builtin_ctzll(places);

		if (key_order(iter->map, key, kept_key(iter, place)) == 0)
			return true;
	}
	return false;
}

/* The search for the entry that comes next in order. It is the lowest offered entry above the
 * mark. */
struct next_candidate {
	const struct tophash_iter *iter;
	uint64_t lo, hi;
	uint64_t hash;
	uint8_t *slot; /* NULL: none yet */
};

/* Returns whether an entry lies in lo..hi, above the mark, and was not returned already. */
static bool is_candidate(const struct next_candidate *next, const uint8_t *slot, uint64_t hash)
{
	const struct tophash_iter *iter = next->iter;

	if (hash < next->lo || hash >= next->hi)
		return false;
	if (iter->marked &&
	    (hash < iter->mark ||
	     (hash == iter->mark &&
	      key_order(iter->map, slot, kept_key(iter, MARK_PLACE(iter->map->type))) <= 0)))
		return false;
	return !is_kept(iter, slot);
}

/* Offers one entry. */
static void candidate_offer(struct next_candidate *next, uint8_t *slot)
{
	const struct tophash *map = next->iter->map;
	uint64_t hash = slot_hash(map, map->type, slot);

	if (next->slot &&
	    (hash > next->hash || (hash == next->hash && slot_order(map, slot, next->slot) > 0)))
		return;
	if (!is_candidate(next, slot, hash))
		return;
	next->hash = hash;
	next->slot = slot;
}

static void candidate_offer_chain(struct next_candidate *next, const struct link *link)
{
	const struct tophash *map = next->iter->map;

	for (; link->number; link = pool_link(&map->core->pool, link->number))
		for (unsigned i = 0; i < OVERFLOW_SLOTS; i++)
			if (link->tags[i])
				candidate_offer(next, pool_slots(&map->core->pool, link->number) +
							      (size_t)i * map->type->slot_size);
}

static void candidate_offer_home(struct next_candidate *next, const struct chain *chain)
{
	const struct tophash *map = next->iter->map;
	uint64_t lanes = used_lanes(map, chain->word);

	for (; lanes; lanes &= lanes - 1)
		candidate_offer(next, chain->slots + (size_t)__builtin_ctzll(lanes) *
							     map->type->slot_size);
}

static void candidate_offer_chains(struct next_candidate *next, const struct route *route,
				   const struct chain *chain)
{
	const struct tophash_core *core = next->iter->map->core;

	candidate_offer_chain(next, chain->link);
	for (unsigned i = 0; route->has_rest && i < 2; i++)
		candidate_offer_chain(next, &core->rest_chains[i]);
}

/* Makes the candidate the new mark. Returns its slot, or NULL when there is no candidate. */
static void *take_candidate(struct tophash_iter *iter, const struct next_candidate *next)
{
	if (!next->slot)
		return NULL;
	iter->marked = true;
	iter->mark = next->hash;
	tophash_keep(iter, kept_key(iter, MARK_PLACE(iter->map->type)), next->slot,
		     iter->map->type);
	return next->slot;
}

void *next_in_order(struct tophash_iter *iter)
{
	while (iter->mark < iter->hi) {
		struct route route = route_of(iter->map, iter->mark);
		struct chain chain = chain_at(iter->map, route.bucket);
		uint64_t end = (uint64_t)(route.bucket + 1) << (32 - route.bits);
		/* The limit hi matters: a rest also holds entries of the next bucket. */
		struct next_candidate next = {
			.iter = iter, .lo = iter->mark, .hi = end < iter->hi ? end : iter->hi};

		candidate_offer_home(&next, &chain);
		candidate_offer_chains(&next, &route, &chain);
		if (next.slot)
			return take_candidate(iter, &next);
		iter->mark = end;
		iter->marked = false;
	}
	return NULL;
}

/* ---- a chain that is too long to be kept -------------------------------------------------------- */

/* The next entries of a chain in order. Each pass over the chain finds some of them, because keys of one hash would
 * otherwise take a pass each. They stay valid until an entry moves. Their addresses are in the unused end of
 * iter->kept, the last one first; iter->later says how many are left. */
struct batch {
	struct next_candidate next;
	uint8_t *slots[BATCH_MAX];
	uint64_t hashes[BATCH_MAX];
	unsigned length, most;
};

static unsigned batch_first_place(const struct tophash_iter *iter)
{
	return TOPHASH_BY_FOURS(iter->map->type->key_size) ? END_PLACE : TOPHASH_SLOTS;
}

/* Returns how many addresses iter->kept has room for. */
static unsigned batch_most(const struct tophash_iter *iter)
{
	size_t key_size = iter->map->type->key_size;
	unsigned places = MARK_PLACE(iter->map->type) - batch_first_place(iter);
	size_t ret = places * TOPHASH_KEPT_SIZE(key_size) / sizeof(uint8_t *);

	return ret < BATCH_MAX ? (unsigned)ret : BATCH_MAX;
}

/* Puts an entry into its place of the batch, if it belongs to the first ones. */
static void batch_offer(struct batch *batch, uint8_t *slot)
{
	const struct tophash *map = batch->next.iter->map;
	uint64_t hash = slot_hash(map, map->type, slot);
	unsigned at = batch->length;

	if (!is_candidate(&batch->next, slot, hash))
		return;
	for (; at > 0; at--) {
		uint64_t other = batch->hashes[at - 1];

		if (hash > other ||
		    (hash == other && slot_order(map, slot, batch->slots[at - 1]) > 0))
			break;
		if (at < batch->most) {
			batch->slots[at] = batch->slots[at - 1];
			batch->hashes[at] = other;
		}
	}
	if (at == batch->most)
		return;
	batch->slots[at] = slot;
	batch->hashes[at] = hash;
	if (batch->length < batch->most)
		batch->length++;
}

static void batch_offer_chain(struct batch *batch, const struct link *link)
{
	const struct tophash *map = batch->next.iter->map;

	for (; link->number; link = pool_link(&map->core->pool, link->number))
		for (unsigned i = 0; i < OVERFLOW_SLOTS; i++)
			if (link->tags[i])
				batch_offer(batch, pool_slots(&map->core->pool, link->number) +
							   (size_t)i * map->type->slot_size);
}

/* Finds the next entries of the chain. */
static void batch_fill(struct tophash_iter *iter)
{
	struct batch batch = {.next = {.iter = iter, .lo = iter->lo, .hi = iter->hi},
			      .most = batch_most(iter)};
	struct route route = route_of(iter->map, iter->lo);
	struct chain chain = chain_at(iter->map, route.bucket);
	uint8_t *to = kept_key(iter, batch_first_place(iter));

	batch_offer_chain(&batch, chain.link);
	for (unsigned i = 0; route.has_rest && i < 2; i++)
		batch_offer_chain(&batch, &iter->map->core->rest_chains[i]);
	for (unsigned i = 0; i < batch.length; i++)
		memcpy(to + i * sizeof(uint8_t *), &batch.slots[batch.length - 1 - i],
		       sizeof(uint8_t *));
	iter->later = batch.length;
}

void *next_in_chain(struct tophash_iter *iter)
{
	struct next_candidate next = {.iter = iter};

	if (iter->later == 0)
		batch_fill(iter);
	if (iter->later == 0)
		return NULL;
	iter->later--;
	memcpy(&next.slot,
	       kept_key(iter, batch_first_place(iter)) + iter->later * sizeof(uint8_t *),
	       sizeof(uint8_t *));
	next.hash = slot_hash(iter->map, iter->map->type, next.slot);
	return take_candidate(iter, &next);
}
