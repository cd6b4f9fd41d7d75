/* Growing and shrinking, in place, a step at a time. layout.h draws it. */
#include "move.h"

#include <errno.h>
#include <string.h>

#include "chain.h"
#include "core.h"
#include "hooks.h"
#include "tophash/fast.h"

TOPHASH_INLINE uint64_t slot_hash_of(const struct tophash *map, const struct tophash_type *type,
				     const uint8_t *slot)
{
	struct tophash_key key;

	if (type->hash_offset)
		return tophash_load_int(slot + type->hash_offset, 4);
	key = tophash_key_of(type, slot);
	return tophash_hash(type, &key, map->seed, map->mult);
}

uint64_t slot_hash(const struct tophash *map, const struct tophash_type *type, const uint8_t *slot)
{
	return slot_hash_of(map, type, slot);
}

struct route route_of(const struct tophash *map, uint64_t hash)
{
	const struct tophash_core *core = map->core;
	unsigned bits = core ? core->bits : 0;
	size_t old = bucket_of(hash, bits);
	bool done, now;

	if (TOPHASH_LIKELY(!core || core->move == MOVE_NONE))
		return (struct route){.bucket = old, .bits = bits};
	if (core->move == MOVE_GROW) {
		bits++;
		done = old >= core->cursor;
		now = core->home_moved && old == core->cursor - 1;
	} else {
		bits--;
		done = old / 2 < core->cursor;
		now = core->home_moved && old / 2 == core->cursor;
	}
	if (!done && !now)
		return (struct route){.bucket = old, .bits = core->bits};
	return (struct route){.bucket = bucket_of(hash, bits), .bits = bits, .has_rest = now};
}

/* Runs DO with a constant type where the key is an integer and the slot has this size. Moving is specialised
 * for integers with a value of the same size, and for integers alone: the compiler then knows how the
 * loops hash and copy. */
#define MOVE_AS(KEY, SLOT, DO)                                                             \
	if (type->kind == TOPHASH_KIND_INT && type->key_size == (KEY) &&                   \
	    type->slot_size == (SLOT)) {                                                   \
		const struct tophash_type known = {                                        \
			.kind = TOPHASH_KIND_INT, .key_size = (KEY), .slot_size = (SLOT)}; \
		DO;                                                                        \
	}

/* ---- copying ------------------------------------------------------------------------------------- */

/* Copies the entries of some lanes into the same lanes of another bucket. Small slots are all copied, in use
 * or not: one straight copy has no branch that the processor would mispredict. */
TOPHASH_INLINE void copy_lanes(const struct tophash *map, const struct tophash_type *type,
			       uint8_t *to, const uint8_t *from, tophash_mask mask)
{
	if (type->slot_size <= 16 && !has_element_hooks(map)) {
		memcpy(to, from, (size_t)TOPHASH_SLOTS * type->slot_size);
		return;
	}
	for (; mask; mask &= mask - 1) {
		size_t at = (size_t)tophash_lane(mask) * type->slot_size;

		barrier(map, to + at, TOPHASH_WRITE_MOVE);
		memcpy(to + at, from + at, type->slot_size);
	}
}

/* Clears the lanes whose entries were copied, if there is a barrier. */
static void vacate_lanes(const struct tophash *map, uint8_t *slots, tophash_mask mask)
{
	for (; has_barrier(map) && mask; mask &= mask - 1)
		slot_vacate(map, slots + (size_t)tophash_lane(mask) * map->type->slot_size);
}

/* Writes the tags of some lanes, and 0 for all others. It works in registers: a load of the whole word would
 * wait for each byte that was stored singly. */
static void copy_tags(uint8_t *to, const uint8_t *from, tophash_mask mask)
{
#if TOPHASH_TAGS_SSE2
	const __m128i bits = _mm_set1_epi64x((long long)0x8040201008040201ull);
	__m128i lanes =
		_mm_unpacklo_epi64(_mm_set1_epi8((char)mask), _mm_set1_epi8((char)(mask >> 8)));
	__m128i word = _mm_loadu_si128((const __m128i *)(const void *)from);

	lanes = _mm_cmpeq_epi8(_mm_and_si128(lanes, bits), bits);
	_mm_storeu_si128((__m128i *)(void *)to, _mm_and_si128(word, lanes));
#else
	uint8_t word[TOPHASH_WORD_SIZE] = {0};

	for (; mask; mask &= mask - 1)
		word[tophash_lane(mask)] = from[tophash_lane(mask)];
	memcpy(to, word, sizeof(word));
#endif
}

/* ---- growing ------------------------------------------------------------------------------------- */

int move_grow(struct tophash *map)
{
	struct tophash_core *core = map->core;
	size_t n = (size_t)1 << core->bits;
	int err = 0;

	if (core->bits == BUCKET_BITS_MAX)
		return -EOVERFLOW;
	if (core->store.buckets < 2 * n)
		err = store_double(map);
	if (err) {
		/* Some arrays may have moved before the failure. */
		map->moves++;
		fast_path_update(map);
		return err;
	}
	map->moves++;
	core->move = MOVE_GROW;
	core->cursor = n;
	core->stats.grows++;
	fast_path_update(map);
	if (TOPHASH_UNLIKELY(debug.trace))
		trace_move(map, "grow", n, 2 * n);
	TOPHASH_PROBE3(grow, map, n, 2 * n);
	return 0;
}

/* Returns the lanes whose entries go to the odd half. For integers the hashes of empty slots are computed too
 * and dropped at the end, because a loop that always runs 15 times becomes straight code. */
TOPHASH_INLINE tophash_mask upper_lanes(const struct tophash *map, const struct tophash_type *type,
					const uint8_t *slots, tophash_mask used)
{
	unsigned shift = 31u - map->core->bits;
	tophash_mask ret = 0, mask;

	if (type->kind == TOPHASH_KIND_INT) {
		for (unsigned lane = 0; lane < TOPHASH_SLOTS; lane++) {
			const uint8_t *slot = slots + (size_t)lane * type->slot_size;

			ret |= tophash_lane_bit(lane) &
			       -(slot_hash_of(map, type, slot) >> shift & 1);
		}
		return ret & used;
	}
	for (mask = used; mask; mask &= mask - 1) {
		const uint8_t *slot = slots + (size_t)tophash_lane(mask) * type->slot_size;

		if (slot_hash_of(map, type, slot) >> shift & 1)
			ret |= mask & -mask;
	}
	return ret;
}

/* Splits a home in two. Every entry keeps its lane, which is free in both halves. */
TOPHASH_INLINE void split_home(struct tophash *map, const struct tophash_type *type, size_t from)
{
	struct store *store = &map->core->store;
	uint8_t *source = store_word(store, from);
	uint8_t *slots = store_slots(store, from);
	tophash_mask used = tophash_match_used(source), upper = upper_lanes(map, type, slots, used);

	copy_lanes(map, type, store_slots(store, 2 * from + 1), slots, upper);
	copy_tags(store_word(store, 2 * from + 1), source, upper);
	if (from > 0)
		copy_lanes(map, type, store_slots(store, 2 * from), slots, used & ~upper);
	copy_tags(store_word(store, 2 * from), source, used & ~upper);
	if (from > 0)
		memset(source, 0, TOPHASH_WORD_SIZE);
	vacate_lanes(map, slots, from > 0 ? used : upper);
	map->core->stats.moved += (unsigned)__builtin_popcountll(used);
}

static void split_typed(struct tophash *map, size_t from)
{
	const struct tophash_type *type = map->type;

	MOVE_AS(8, 16, split_home(map, &known, from); return )
	MOVE_AS(4, 8, split_home(map, &known, from); return )
	MOVE_AS(8, 8, split_home(map, &known, from); return )
	split_home(map, type, from);
}

/* ---- shrinking ----------------------------------------------------------------------------------- */

void move_shrink(struct tophash *map)
{
	struct tophash_core *core = map->core;

	map->moves++;
	core->move = MOVE_SHRINK;
	core->cursor = 0;
	core->released = (size_t)1 << (core->bits - 1);
	core->stats.shrinks++;
	fast_path_update(map);
	if (TOPHASH_UNLIKELY(debug.trace))
		trace_move(map, "shrink", (size_t)1 << core->bits, core->released);
	TOPHASH_PROBE3(shrink, map, (size_t)1 << core->bits, core->released);
}

/* Returns how many overflow buckets it takes at most to merge two homes. */
static uint32_t merge_needs(tophash_mask even, tophash_mask odd)
{
	int n = __builtin_popcountll(even) + __builtin_popcountll(odd) - TOPHASH_SLOTS;

	return n > 0 ? ((uint32_t)n + OVERFLOW_SLOTS - 1) / OVERFLOW_SLOTS : 0;
}

#define POUR_LANES 8

/* Copies eight lanes into free lanes of another home: first the lanes in use, then empty ones, whose tags are
 * 0. The number of lanes in use is unpredictable, and a loop that ended there would mispredict its end each
 * time. */
TOPHASH_INLINE void pour_eight(const struct tophash_type *type, const struct chain *from,
			       const struct chain *to, tophash_mask used, tophash_mask empty)
{
	tophash_mask others = used ^ TOPHASH_MASK_ALL;

	for (unsigned i = 0; i < POUR_LANES; i++) {
		unsigned lane, free = tophash_lane(empty);

		used = used ? used : others;
		lane = tophash_lane(used);
		to->word[free] = from->word[lane];
		memcpy(to->slots + (size_t)free * type->slot_size,
		       from->slots + (size_t)lane * type->slot_size, type->slot_size);
		used &= used - 1;
		empty &= empty - 1;
	}
}

/* Moves the entries of a home into the free lanes of another. Entries that find no lane go to the chain of
 * that home, whose memory must have been reserved. */
TOPHASH_INLINE void pour_home(struct tophash *map, const struct tophash_type *type,
			      const struct chain *from, const struct chain *to)
{
	tophash_mask used = tophash_match_used(from->word), empty = tophash_match_empty(to->word);

	if (type->slot_size <= 16 && !has_element_hooks(map) &&
	    __builtin_popcountll(used) <= POUR_LANES && __builtin_popcountll(empty) >= POUR_LANES) {
		pour_eight(type, from, to, used, empty);
		return;
	}
	for (; used; used &= used - 1) {
		unsigned lane = tophash_lane(used), free;
		const uint8_t *slot = from->slots + (size_t)lane * type->slot_size;
		uint8_t *target;

		if (TOPHASH_LIKELY(empty)) {
			free = tophash_lane(empty);
			empty &= empty - 1;
			to->word[free] = from->word[lane];
			target = to->slots + (size_t)free * type->slot_size;
		} else {
			target = chain_add(map, to, from->word[lane]);
		}
		barrier(map, target, TOPHASH_WRITE_MOVE);
		memcpy(target, slot, type->slot_size);
	}
}

/* Merges the homes of two buckets into one. The even home's entries keep their lanes, the odd home's take
 * free ones. Returns false, with nothing changed, when there is no memory for entries that may overflow. */
TOPHASH_INLINE bool merge_homes(struct tophash *map, const struct tophash_type *type)
{
	struct tophash_core *core = map->core;
	size_t to = core->cursor, from = 2 * to;
	struct chain target = chain_of(core, to), even = chain_of(core, from);
	struct chain odd = chain_of(core, from + 1);
	tophash_mask used = tophash_match_used(odd.word), kept = tophash_match_used(even.word);

	if (!pool_reserve(map, merge_needs(used, kept)))
		return false;
	core->rest_chains[0] = *even.link;
	core->rest_chains[1] = *odd.link;
	*even.link = *odd.link = (struct link){0};
	even.word[TOPHASH_OVERFLOW] = odd.word[TOPHASH_OVERFLOW] = 0;
	core->stats.moved += (unsigned)(__builtin_popcountll(used) + __builtin_popcountll(kept));
	if (to > 0) {
		copy_lanes(map, type, target.slots, even.slots, kept);
		copy_tags(target.word, even.word, kept);
		memset(even.word, 0, TOPHASH_WORD_SIZE);
		vacate_lanes(map, even.slots, kept);
	}
	pour_home(map, type, &odd, &target);
	vacate_lanes(map, odd.slots, used);
	memset(odd.word, 0, TOPHASH_WORD_SIZE);
	return true;
}

static bool merge_typed(struct tophash *map)
{
	const struct tophash_type *type = map->type;

	MOVE_AS(8, 16, return merge_homes(map, &known))
	MOVE_AS(4, 8, return merge_homes(map, &known))
	MOVE_AS(8, 8, return merge_homes(map, &known))
	return merge_homes(map, type);
}

/* ---- both ---------------------------------------------------------------------------------------- */

/* Moves the first overflow bucket of a rest. Returns false when there is no memory. */
static bool move_rest(struct tophash *map, struct link *rest)
{
	struct tophash_core *core = map->core;
	const struct tophash_type *type = map->type;
	struct link gone = *rest;
	uint8_t *slots;

	/* Its entries go to at most two buckets. */
	if (!pool_reserve(map, 2))
		return false;
	slots = pool_slots(&core->pool, gone.number);
	for (unsigned i = 0; i < OVERFLOW_SLOTS; i++) {
		uint8_t *slot = slots + (size_t)i * type->slot_size;
		struct chain chain;

		if (!gone.tags[i])
			continue;
		chain = chain_of(core, route_of(map, slot_hash(map, type, slot)).bucket);
		slot_move(map, chain_add(map, &chain, gone.tags[i]), slot);
		core->stats.moved++;
	}
	*rest = *pool_link(&core->pool, gone.number);
	pool_give(map, gone.number);
	return true;
}

/* Ends a move: the new buckets are the only ones. */
static void move_finish(struct tophash *map)
{
	struct tophash_core *core = map->core;

	core->bits = (uint8_t)(core->bits + (core->move == MOVE_GROW ? 1 : -1));
	if (core->move == MOVE_SHRINK) {
		store_trim(map, (size_t)1 << core->bits);
		pool_trim(map);
	}
	core->move = MOVE_NONE;
	core->cursor = 0;
	core->released = 0;
	fast_path_update(map);
}

/* Gives back the memory of old buckets that a shrink has passed, once they fill a piece. */
static void release_passed(struct tophash *map)
{
	struct tophash_core *core = map->core;
	size_t dead = 2 * core->cursor;
	size_t piece = store_release_size(&core->store) / core->store.bucket_size;

	if (dead > core->released && dead - core->released >= piece) {
		store_release(map, (size_t)1 << (core->bits - 1), core->released, dead);
		core->released = dead;
	}
}

/* Goes on to the next bucket, after a home and its chains have moved. */
static void move_advance(struct tophash *map)
{
	struct tophash_core *core = map->core;

	core->home_moved = false;
	if (core->move == MOVE_GROW) {
		if (--core->cursor == 0)
			move_finish(map);
		return;
	}
	core->cursor++;
	if (core->cursor == (size_t)1 << (core->bits - 1))
		move_finish(map);
	else
		release_passed(map);
}

/* Moves the home at the cursor. Its chains become the rest. Returns false when there is no memory. */
static bool move_home(struct tophash *map)
{
	struct tophash_core *core = map->core;
	size_t from = core->cursor - 1;

	if (core->move == MOVE_SHRINK) {
		if (!merge_typed(map))
			return false;
	} else {
		struct link *link = store_link(&core->store, from);

		core->rest_chains[0] = *link;
		*link = (struct link){0};
		split_typed(map, from);
	}
	core->home_moved = true;
	return true;
}

/* Takes one step. Returns false when there is no memory to go on. */
static bool move_one(struct tophash *map)
{
	struct tophash_core *core = map->core;
	size_t bucket = core->move == MOVE_GROW ? core->cursor - 1 : 2 * core->cursor;
	uint64_t moved = core->stats.moved;

	if (!core->home_moved && !move_home(map))
		return false;
	for (unsigned i = 0; i < REST_SHARE; i++) {
		struct link *rest =
			core->rest_chains[0].number ? &core->rest_chains[0] : &core->rest_chains[1];

		if (rest->number == 0)
			break;
		if (!move_rest(map, rest))
			return false;
	}
	TOPHASH_PROBE3(evacuate, map, bucket, core->stats.moved - moved);
	if (core->rest_chains[0].number == 0 && core->rest_chains[1].number == 0)
		move_advance(map);
	return true;
}

void move_step(struct tophash *map, size_t steps)
{
	struct tophash_core *core = map->core;

	if (core->move == MOVE_NONE || steps == 0)
		return;
	map->moves++;
	while (steps-- && core->move != MOVE_NONE) {
		if (!move_one(map)) {
			core->stats.put_off++;
			return;
		}
	}
	if (TOPHASH_UNLIKELY(debug.trace && core->move != MOVE_NONE))
		trace_move(map, "evacuate", (size_t)1 << core->bits, core->cursor);
}

void move_forget(struct tophash *map)
{
	struct tophash_core *core = map->core;

	if (core->move == MOVE_NONE)
		return;
	map->moves++;
	core->rest_chains[0] = core->rest_chains[1] = (struct link){0};
	core->home_moved = false;
	move_finish(map);
}
