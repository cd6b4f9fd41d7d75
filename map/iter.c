/* Iteration beyond the lanes of a home, and after entries were moved. tophash/iter.h explains the phases. */
#include "tophash/iter.h"

#include <string.h>

#include "chain.h"
#include "move.h"
#include "order.h"
#include "seed.h"

#define HASHES (UINT64_C(1) << 32)

/* Makes the loop read this tag word and stop after it. */
static void stay_at(struct tophash_iter *iter, const uint8_t *word)
{
	iter->word = iter->ahead = iter->end = iter->last = word;
	iter->lanes = iter->entered = 0;
	iter->turn = 0;
	iter->wrap = TOPHASH_NO_WRAP;
}

/* Returns lanes of words with this many bytes, in the order in which they come when byte `turn` is the first. */
static uint64_t turned(uint64_t lanes, unsigned turn, unsigned bytes)
{
	if (bytes == 64)
		return lanes >> turn | lanes << (-turn % 64);
	return (lanes | lanes << bytes) >> turn & ((UINT64_C(1) << bytes) - 1);
}

/* Makes the loop begin with byte `turn` of some words. */
static void begin_at(struct tophash_iter *iter, uint64_t lanes, unsigned turn, unsigned bytes)
{
	iter->lanes = iter->entered = turned(lanes, turn, bytes);
	iter->turn = (uint8_t)turn;
	iter->wrap = (uint8_t)(bytes - 1);
}

/* Returns the lanes that the loop has finished, of the words that it took at once. */
static uint64_t finished_lanes(const struct tophash_iter *iter)
{
	unsigned bytes = iter->wrap + 1u;

	return turned(iter->entered & ~iter->lanes, (bytes - iter->turn) % bytes, bytes);
}

/* Drops the homes that the loop has finished, of those that it took at once: all before its next lane. The
 * kept keys of the home that it is in move to the front. Returns how many homes were dropped. */
static size_t drop_finished_homes(struct tophash_iter *iter)
{
	size_t homes;

	if (iter->end == iter->ahead)
		return 0;
	homes = (size_t)(iter->end - iter->ahead) / TOPHASH_WORD_SIZE;
	if (iter->lanes)
		homes = (size_t)__builtin_ctzll(iter->lanes) / TOPHASH_WORD_SIZE;
	memmove(iter->kept, kept_key(iter, (unsigned)homes * TOPHASH_WORD_SIZE),
		(size_t)TOPHASH_SLOTS * TOPHASH_KEPT_SIZE(iter->map->type->key_size));
	/* slots is not updated: the next home or link that is entered sets it. */
	iter->ahead += homes * TOPHASH_WORD_SIZE;
	return homes;
}

/* Records the progress of the fast loop: the homes that it finished, and the keys that it kept of
 * the current home. Its remaining lanes are dropped. There are such lanes only if entries were
 * moved, and their entries are then read again in order, or in later ranges. */
static void settle_loop(struct tophash_iter *iter)
{
	uint64_t returned = finished_lanes(iter);

	returned = returned >> drop_finished_homes(iter) * TOPHASH_WORD_SIZE & ALL_LANES;
	if (iter->ahead != iter->word) {
		iter->hi += (uint64_t)(iter->ahead - iter->word) / TOPHASH_WORD_SIZE << iter->shift;
		iter->lo = iter->mark = iter->hi - (UINT64_C(1) << iter->shift);
		iter->kept_places = 0;
	}
	iter->kept_places |= returned << iter->first_place;
	stay_at(iter, iter->ahead);
}

/* Returns the next of the lanes in iter->later, or NULL. */
static void *next_in_home(struct tophash_iter *iter)
{
	const struct tophash_type *type = iter->map->type;

	for (; iter->later; iter->later &= iter->later - 1) {
		unsigned lane = (unsigned)__builtin_ctzll(iter->later);
		uint8_t *slot = iter->slots + (size_t)lane * type->slot_size;

		if (!iter->word[lane])
			continue;
		if (iter->filtered) {
			uint64_t hash = slot_hash(iter->map, type, slot);

			if (hash < iter->lo || hash >= iter->hi)
				continue;
		}
		iter->later &= iter->later - 1;
		tophash_keep(iter, kept_key(iter, iter->first_place + lane), slot, type);
		iter->kept_places |= UINT64_C(1) << (iter->first_place + lane);
		return slot;
	}
	return NULL;
}

/* Goes on with the overflow bucket that a link leads to. `place` is where the keys of its lanes are
 * kept. */
static void enter_link(struct tophash_iter *iter, const struct link *link, unsigned place)
{
	uint64_t used = 0;

	for (unsigned i = 0; i < OVERFLOW_SLOTS; i++)
		used |= link->tags[i] ? 1u << i : 0;
	stay_at(iter, link->tags);
	iter->slots = pool_slots(&iter->map->core->pool, link->number);
	iter->lanes = iter->entered = used;
	iter->first_place = (uint8_t)place;
	iter->phase = TOPHASH_ITER_LINK;
}

/* Goes on with the chain of a home, lane by lane. Returns false when there is no chain, or it has too many keys
 * to be kept. */
static bool enter_chain(struct tophash_iter *iter)
{
	const struct tophash_core *core = iter->map->core;
	struct route route = route_of(iter->map, iter->lo);
	const struct link *link = store_link(&core->store, route.bucket), *next = link;
	unsigned places = TOPHASH_SLOTS;

	if (iter->filtered || route.has_rest || !link->number)
		return false;
	for (; next->number; next = pool_link(&core->pool, next->number)) {
		places += OVERFLOW_SLOTS;
		if (places > END_PLACE)
			return false;
	}
	enter_link(iter, link, TOPHASH_SLOTS);
	return true;
}

/* Goes on with the next overflow bucket of the chain. Returns false when there is none. */
static bool enter_next_link(struct tophash_iter *iter)
{
	const struct link *link = (const struct link *)(const void *)iter->word;

	_Static_assert(offsetof(struct link, tags) == 0,
		       "a link is found by the address of its tags");
	link = pool_link(&iter->map->core->pool, link->number);
	if (!link->number)
		return false;
	enter_link(iter, link, iter->first_place + OVERFLOW_SLOTS);
	return true;
}

static bool has_rest(const struct tophash_core *core, const struct route *route)
{
	return route->has_rest && (core->rest_chains[0].number || core->rest_chains[1].number);
}

/* Begins with the home of the range that starts at lo. */
static void enter_home(struct tophash_iter *iter, const uint8_t *word, uint8_t *slots,
		       uint64_t lanes)
{
	stay_at(iter, word);
	iter->slots = slots;
	iter->lanes = iter->entered = lanes;
	iter->kept_places = 0;
	iter->first_place = 0;
	iter->marked = false;
	iter->mark = iter->lo;
	iter->phase = TOPHASH_ITER_HOME;
}

/* Sets how far the loop may go by itself: over the whole buckets between hi and the limit. */
static void look_ahead(struct tophash_iter *iter, uint64_t limit)
{
	iter->shift = iter->map->shift;
	iter->last = iter->word + (size_t)((limit - iter->hi) >> iter->shift) * TOPHASH_WORD_SIZE;
}

/* Begins with the range at hi. Returns false when it holds no entry. */
static bool enter_range(struct tophash_iter *iter, uint64_t limit)
{
	const struct tophash *map = iter->map;
	struct route route = route_of(map, iter->hi);
	struct chain chain = chain_at(map, route.bucket);
	uint64_t begin = (uint64_t)route.bucket << (32 - route.bits);
	uint64_t end = (uint64_t)(route.bucket + 1) << (32 - route.bits);
	uint64_t used = used_lanes(map, chain.word);

	iter->lo = iter->hi;
	iter->hi = end < limit ? end : limit;
	iter->filtered = iter->lo > begin || iter->hi < end;
	if (!used && !chain.word[TOPHASH_OVERFLOW] && !has_rest(map->core, &route))
		return false;
	enter_home(iter, chain.word, chain.slots, iter->filtered ? 0 : used);
	iter->later = iter->filtered ? used : 0;
	iter->moves = map->moves;
	return true;
}

/* Skips empty buckets of a map that is not moving. */
static void skip_empty(struct tophash_iter *iter, uint64_t limit)
{
	const struct tophash *map = iter->map;
	unsigned shift = map->shift;
	size_t bucket = (size_t)(iter->hi >> shift), end = (size_t)(limit >> shift);
	const uint8_t *word = map->tags;

	if (!word || (uint64_t)bucket << shift != iter->hi)
		return;
	word += bucket * TOPHASH_WORD_SIZE;
	while (bucket < end && !used_lanes(map, word)) {
		word += TOPHASH_WORD_SIZE;
		bucket++;
	}
	iter->hi = (uint64_t)bucket << shift;
}

/* Returns the hash up to which the walk goes before it wraps, or ends. */
static uint64_t limit_of(const struct tophash_iter *iter)
{
	return iter->wrapped ? iter->start : HASHES;
}

/* Goes on from hash 0. Returns false when the walk is at its end. */
static bool wrap(struct tophash_iter *iter)
{
	if (iter->wrapped || iter->start == 0) {
		iter->phase = TOPHASH_ITER_DONE;
		return false;
	}
	iter->wrapped = true;
	iter->hi = 0;
	return true;
}

/* Begins with the next range that holds an entry. Returns false at the end of the walk. */
static bool next_range(struct tophash_iter *iter)
{
	for (;;) {
		uint64_t limit = limit_of(iter);

		skip_empty(iter, limit);
		if (iter->hi < limit) {
			if (enter_range(iter, limit))
				return true;
			continue;
		}
		if (!wrap(iter))
			return false;
	}
}

/* Begins the walk over a map that is moving, or has arrays in pieces, at a random bucket. */
static void walk_start(struct tophash_iter *iter)
{
	struct route route = route_of(iter->map, random_u64() >> 32);

	iter->start = (uint64_t)route.bucket << (32 - route.bits);
	iter->hi = iter->start;
	next_range(iter);
}

/* Returns whether the iterator reads whole buckets of a map in which no entry was moved since. Only then is
 * iter->word valid. */
static bool is_still(const struct tophash_iter *iter)
{
	return iter->map && iter->map->tags && iter->moves == iter->map->moves && !iter->filtered;
}

/* Returns whether the walk ends after the last whole bucket before its limit. */
static bool ends_at_limit(const struct tophash_iter *iter)
{
	return (iter->wrapped || iter->start == 0) &&
	       limit_of(iter) % (UINT64_C(1) << iter->map->shift) == 0;
}

struct tophash_homes tophash_four_homes(const uint8_t *word)
{
	const uint64_t lanes = UINT64_C(0x7fff7fff7fff7fff);
	uint64_t set = ~tophash_zeros_of_four(word), chains = set & ~lanes;
	struct tophash_homes ret;

	ret.end = word + (__builtin_ctzll(chains | UINT64_C(1) << 63) & ~(TOPHASH_WORD_SIZE - 1));
	ret.lanes = set & lanes & ((chains & -chains) - 1);
	return ret;
}

/* Lets the walk end after the lanes that the loop has taken, if nothing follows. */
static void end_after_lanes(struct tophash_iter *iter)
{
	if (iter->end == iter->last && !iter->end[TOPHASH_OVERFLOW] && ends_at_limit(iter))
		iter->last = NULL;
}

/* Lets the loop go on by itself from a home up to the limit, and begins with that home and up to three after it. */
static void take_homes(struct tophash_iter *iter)
{
	const struct tophash_type *type = iter->map->type;
	const uint8_t *word = iter->word;
	struct tophash_homes homes = {0};

	look_ahead(iter, limit_of(iter));
	if (!TOPHASH_BY_FOURS(type->key_size) ||
	    iter->last - word >= (ptrdiff_t)3 * TOPHASH_WORD_SIZE) {
		homes = tophash_homes_begin(word, type);
	} else {
		for (unsigned bit = 0;; bit += TOPHASH_WORD_SIZE, word += TOPHASH_WORD_SIZE) {
			homes.lanes |= used_lanes(iter->map, word) << bit;
			if (word == iter->last || word[TOPHASH_OVERFLOW])
				break;
		}
		homes.end = word;
	}
	iter->end = homes.end;
	iter->lanes = iter->entered = homes.lanes;
	end_after_lanes(iter);
}

/* Finds the next bucket that holds an entry. Returns false when less than a bucket is left. After the last bucket it ends
 * the walk. */
static bool find_bucket(struct tophash_iter *iter)
{
	const struct tophash *map = iter->map;
	uint64_t size = UINT64_C(1) << map->shift, used = 0, limit, hi;
	const uint8_t *word;

	for (;;) {
		limit = limit_of(iter);
		hi = iter->hi;
		if (hi % size != 0)
			return false;
		word = map->tags + (size_t)(hi >> map->shift) * TOPHASH_WORD_SIZE;
		for (; !used && hi + size <= limit; word += TOPHASH_WORD_SIZE, hi += size)
			used = used_lanes(map, word);
		if (used)
			break;
		if (hi != limit)
			return false;
		if (!wrap(iter))
			return true;
	}
	iter->hi = hi;
	iter->lo = hi - size;
	enter_home(iter, word - TOPHASH_WORD_SIZE,
		   map->slots +
			   (size_t)(iter->lo >> map->shift) * TOPHASH_SLOTS * map->type->slot_size,
		   0);
	return true;
}

/* Begins with the next bucket that holds an entry, and lets the loop go on from there. Returns what find_bucket() does. */
static bool next_bucket(struct tophash_iter *iter)
{
	if (!find_bucket(iter))
		return false;
	if (iter->phase != TOPHASH_ITER_DONE)
		take_homes(iter);
	return true;
}

/* Makes the loop read all homes of a map at once, from a random lane on. What only a change of the map needs is left to
 * whole_settle(). */
TOPHASH_INLINE void begin_whole(struct tophash_iter *iter, uint64_t used, uint64_t random,
				unsigned homes)
{
	const struct tophash *map = iter->map;
	unsigned bytes = homes * TOPHASH_WORD_SIZE;

	iter->ahead = iter->end = map->tags;
	iter->last = NULL;
	iter->slots = map->slots;
	iter->moves = map->moves;
	iter->phase = TOPHASH_ITER_WHOLE;
	begin_at(iter, used, random & (bytes - 1), bytes);
}

/* Begins the walk over a map with a core and at most four homes. Returns false if it has more, or chains. */
static bool whole_start(struct tophash_iter *iter, uint64_t random)
{
	const struct tophash *map = iter->map;
	const uint64_t chains = UINT64_C(0x8000800080008000);
	unsigned homes = 1u << (32 - map->shift);
	uint64_t used = 0;

	if (map->shift < 30 || !TOPHASH_BY_FOURS(map->type->key_size))
		return false;
	for (unsigned i = 0; i < homes; i++)
		used |= (~tophash_zeros(map->tags + (size_t)i * TOPHASH_WORD_SIZE) & 0xffff)
			<< i * TOPHASH_WORD_SIZE;
	if (used & chains)
		return false;
	begin_whole(iter, used, random, homes);
	return true;
}

/* Goes on after entries of the map were moved: with all hashes, in order. */
static void whole_settle(struct tophash_iter *iter)
{
	iter->kept_places = finished_lanes(iter);
	iter->hi = HASHES;
	stay_at(iter, iter->ahead);
	iter->phase = TOPHASH_ITER_ORDERED;
}

/* Begins the walk over a map that has a core and is not moving. It starts at a random lane of a random bucket. */
static void still_start(struct tophash_iter *iter)
{
	uint64_t random = random_u64();

	if (whole_start(iter, random))
		return;
	iter->start = iter->hi = random >> 32 >> iter->map->shift << iter->map->shift;
	iter->moves = iter->map->moves;
	find_bucket(iter);
	look_ahead(iter, limit_of(iter));
	begin_at(iter, used_lanes(iter->map, iter->word), random % TOPHASH_WORD_SIZE,
		 TOPHASH_WORD_SIZE);
	end_after_lanes(iter);
}

/* Goes on after the lanes of a home or a link, in a map that is_still(). Most steps of an iteration
 * end here. */
static bool next_lanes(struct tophash_iter *iter)
{
	if (iter->phase == TOPHASH_ITER_HOME)
		return iter->word[TOPHASH_OVERFLOW] ? enter_chain(iter) : next_bucket(iter);
	return iter->phase == TOPHASH_ITER_LINK && (enter_next_link(iter) || next_bucket(iter));
}

/* Returns whether the current range has more than its home. In a map that is not moving the filter
 * tells. */
static bool has_chain(const struct tophash_iter *iter)
{
	struct route route;

	if (iter->phase == TOPHASH_ITER_LINK)
		return false;
	if (iter->map->tags)
		return iter->word[TOPHASH_OVERFLOW] != 0;
	route = route_of(iter->map, iter->lo);
	return iter->word[TOPHASH_OVERFLOW] || has_rest(iter->map->core, &route);
}

/* Takes one step of the walk. Returns a slot, or NULL. After NULL there are lanes to go through, or
 * nothing was here and the phase says whether to go on. */
static void *walk_step(struct tophash_iter *iter)
{
	const struct tophash *map = iter->map;
	bool moved = iter->moves != map->moves;
	void *slot;

	switch ((enum tophash_iter_phase)iter->phase) {
	case TOPHASH_ITER_START: walk_start(iter); return NULL;
	case TOPHASH_ITER_HOME:
	case TOPHASH_ITER_LINK:
		if (moved) {
			iter->phase = TOPHASH_ITER_ORDERED;
			return NULL;
		}
		slot = next_in_home(iter);
		if (slot)
			return slot;
		if (iter->phase == TOPHASH_ITER_LINK && enter_next_link(iter))
			return NULL;
		if (has_chain(iter)) {
			if (!enter_chain(iter)) {
				iter->later = 0;
				iter->phase = TOPHASH_ITER_CHAIN;
			}
			return NULL;
		}
		break;
	case TOPHASH_ITER_CHAIN:
		if (moved) {
			iter->later = 0;
			iter->phase = TOPHASH_ITER_ORDERED;
			return NULL;
		}
		slot = next_in_chain(iter);
		break;
	default: slot = next_in_order(iter);
	}
	if (slot)
		return slot;
	next_range(iter);
	return NULL;
}

/* Walks until it has a slot, or a home with lanes, or until the end. It is not inlined: otherwise
 * tophash_iter_slow() would save registers for it on its short ways, too. */
static __attribute__((noinline)) void *walk_on(struct tophash_iter *iter)
{
	void *slot = NULL;

	while (!slot && !iter->lanes && iter->phase != TOPHASH_ITER_DONE) {
		if (!iter->map || iter->map->len == 0)
			iter->phase = TOPHASH_ITER_DONE;
		else
			slot = walk_step(iter);
	}
	return slot;
}

/* Sets what a walk over a whole map does not need. */
static void set_rest(struct tophash_iter *iter)
{
	iter->word = iter->ahead;
	iter->later = iter->start = iter->lo = iter->hi = iter->mark = iter->kept_places = 0;
	iter->shift = 0;
	iter->marked = iter->wrapped = iter->filtered = false;
}

/* Begins or continues a walk. It is not inlined: otherwise tophash_iter_slow() would save registers for it. */
static __attribute__((noinline)) void *walk(struct tophash_iter *iter)
{
	const struct tophash *map = iter->map;

	if (iter->phase == TOPHASH_ITER_START) {
		set_rest(iter);
		if (!map || !map->tags || map->len == 0)
			return walk_on(iter);
		still_start(iter);
		return NULL;
	}
	if (iter->phase == TOPHASH_ITER_WHOLE) {
		set_rest(iter);
		whole_settle(iter);
		return walk_on(iter);
	}
	settle_loop(iter);
	if (is_still(iter) && next_lanes(iter))
		return NULL;
	return walk_on(iter);
}

void *tophash_iter_slow(struct tophash_iter *iter)
{
	const struct tophash *map = iter->map;

	if (iter->phase != TOPHASH_ITER_START || !map || map->core || !map->tags)
		return walk(iter);
	begin_whole(iter, used_lanes(map, map->tags), random_u64(), 1);
	return NULL;
}
