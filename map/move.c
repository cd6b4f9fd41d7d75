/* Growing and shrinking, in place, a step at a time. internal.h draws it. */
#include "internal.h"

static uint32_t shift_of(unsigned bits)
{
	return 32 - bits;
}

static size_t index_of(uint64_t hash, unsigned bits)
{
	return (size_t)((hash >> 32) >> shift_of(bits));
}

void core_publish(struct tophash *map)
{
	struct tophash_core *core = map->core;
	bool direct = core->move == MOVE_NONE && !core->store.pieces;

	map->shift = shift_of(core->bits);
	map->tags = direct ? core->store.tags : NULL;
	map->write_tags = direct && !has_element_hooks(map) ? core->store.tags : NULL;
	map->slots = core->store.slots;
	map->grow_at = room_of(core->bits);
	map->shrink_at = core->bits == 0 ? 0 : (size_t)SHRINK_LOAD << core->bits;
	if (!core->armed) {
		/* Room that was asked for stays until it has been used: the half of it. */
		map->grow_at /= 2;
		map->shrink_at = 0;
	}
}

uint64_t slot_hash(const struct tophash *map, const struct tophash_type *type, const uint8_t *slot,
		   uint8_t tag)
{
	if (type->hash_offset)
		return tophash_load_int(slot + type->hash_offset, 4) << 32 | tag;

	struct tophash_key key = tophash_key(type, slot);

	return tophash_hash(type, &key, map->seed, map->mult);
}

struct route route_of(const struct tophash *map, uint64_t hash)
{
	const struct tophash_core *core = map->core;
	size_t old = index_of(hash, core->bits), new;
	bool done, now;

	if (core->move == MOVE_NONE)
		return (struct route){.bucket = old};
	if (core->move == MOVE_GROW) {
		new = index_of(hash, core->bits + 1);
		done = old >= core->cursor;
		now = core->partial && old == core->cursor - 1;
	} else {
		new = index_of(hash, core->bits - 1);
		done = new < core->cursor;
		now = core->partial && new == core->cursor;
	}
	return (struct route){.bucket = done || now ? new : old, .rest = now};
}

/* Copies an entry into a slot that is marked already. */
TOPHASH_INLINE void entry_copy(struct tophash *map, const struct tophash_type *type, uint8_t *to,
			       const uint8_t *from)
{
	barrier(map, type, to, TOPHASH_WRITE_MOVE);
	if (type->slot_size == 16)
		memcpy(to, from, 16);
	else if (type->slot_size == 8)
		memcpy(to, from, 8);
	else
		memcpy(to, from, type->slot_size);
	map->core->stats.moved++;
}

/* ---- growing --------------------------------------------------------------------------------------- */

int move_grow(struct tophash *map)
{
	struct tophash_core *core = map->core;
	size_t n = (size_t)1 << core->bits;
	int err = 0;

	if (core->bits == BUCKET_BITS_MAX)
		return -EOVERFLOW;
	if (core->store.buckets < 2 * n)
		err = store_double(map);
	if (err)
		return err;
	core->move = MOVE_GROW;
	core->cursor = n;
	core->stats.grows++;
	core_publish(map);
	return 0;
}

/* Every entry of the home keeps its slot: it is free in both halves. Inlined for each size, so that
 * the loop knows what it copies. */
TOPHASH_INLINE void split_home(struct tophash *map, const struct tophash_type *type, size_t from)
{
	struct tophash_core *core = map->core;
	struct chain source = chain_of(core, from);
	uint8_t *words[2] = {store_word(&core->store, 2 * from), store_word(&core->store, 2 * from + 1)};
	uint8_t *slots[2] = {store_slots(&core->store, 2 * from),
			     store_slots(&core->store, 2 * from + 1)};
	uint32_t shift = shift_of(core->bits + 1u);
	tophash_mask mask = tophash_match_used(source.word);

	for (; mask; mask &= mask - 1) {
		unsigned lane = tophash_lane(mask);
		const uint8_t *slot = source.slots + (size_t)lane * type->slot_size;
		uint8_t tag = source.word[lane];
		unsigned half = (unsigned)((slot_hash(map, type, slot, tag) >> 32) >> shift) & 1;

		if (words[half] == source.word)
			continue;
		source.word[lane] = 0;
		words[half][lane] = tag;
		entry_copy(map, type, slots[half] + (size_t)lane * type->slot_size, slot);
	}
}

static void split(struct tophash *map, const struct tophash_type *type, size_t from)
{
	if (type->kind == TOPHASH_KIND_INT && type->key_size == 8 && type->slot_size == 16) {
		const struct tophash_type pair = {
			.kind = TOPHASH_KIND_INT, .key_size = 8, .slot_size = 16};

		split_home(map, &pair, from);
	} else if (type->kind == TOPHASH_KIND_INT && type->key_size == 4 && type->slot_size == 8) {
		const struct tophash_type pair = {
			.kind = TOPHASH_KIND_INT, .key_size = 4, .slot_size = 8};

		split_home(map, &pair, from);
	} else {
		split_home(map, type, from);
	}
}

/* ---- shrinking ------------------------------------------------------------------------------------- */

void move_shrink(struct tophash *map)
{
	struct tophash_core *core = map->core;

	core->move = MOVE_SHRINK;
	core->cursor = 0;
	core->released = (size_t)1 << (core->bits - 1);
	core->stats.shrinks++;
	core_publish(map);
}

/* Brings what is in the home of an old bucket into the new one. */
static void merge_home(struct tophash *map, const struct tophash_type *type, size_t from, size_t to)
{
	struct chain source = chain_of(map->core, from), target = chain_of(map->core, to);
	tophash_mask mask = tophash_match_used(source.word);

	if (from == to)
		return;
	for (; mask; mask &= mask - 1) {
		unsigned lane = tophash_lane(mask);
		const uint8_t *slot = source.slots + (size_t)lane * type->slot_size;

		/* There is room: what it may need of the pool was reserved. */
		entry_copy(map, type, chain_add(map, type, &target, source.word[lane]), slot);
	}
	memset(source.word, 0, TOPHASH_WORD_SIZE);
}

/* Overflow buckets for what does not fit when two homes become one. */
static uint32_t merge_needs(const struct tophash_core *core, size_t to)
{
	int n = __builtin_popcountll(tophash_match_used(store_word(&core->store, 2 * to))) +
		__builtin_popcountll(tophash_match_used(store_word(&core->store, 2 * to + 1))) -
		TOPHASH_SLOTS;

	return n > 0 ? ((uint32_t)n + OVERFLOW_SLOTS - 1) / OVERFLOW_SLOTS : 0;
}

/* The homes of two buckets; false when there is no memory for what may not fit. */
static bool merge(struct tophash *map, const struct tophash_type *type)
{
	struct tophash_core *core = map->core;
	size_t to = core->cursor;
	uint32_t *links[2] = {store_link(&core->store, 2 * to), store_link(&core->store, 2 * to + 1)};

	if (!pool_reserve(map, merge_needs(core, to)))
		return false;
	for (unsigned i = 0; i < 2; i++) {
		core->rest[i] = *links[i];
		*links[i] = 0;
		store_word(&core->store, 2 * to + i)[TOPHASH_OVERFLOW] = 0;
	}
	merge_home(map, type, 2 * to, to);
	merge_home(map, type, 2 * to + 1, to);
	return true;
}

/* ---- both -------------------------------------------------------------------------------------------- */

/* Moves the first overflow bucket of a rest; false when there is no memory. */
static bool move_rest(struct tophash *map, const struct tophash_type *type, uint32_t *rest)
{
	struct tophash_core *core = map->core;
	uint32_t number = *rest;
	struct overflow *head, copy;
	uint8_t *slots;

	/* Its entries go to two buckets at most. */
	if (!pool_reserve(map, 2))
		return false;
	head = pool_at(&core->pool, number, &slots);
	copy = *head;
	for (unsigned i = 0; i < OVERFLOW_SLOTS; i++) {
		uint8_t *slot = slots + (size_t)i * type->slot_size, *to;
		struct chain chain;

		if (!copy.tags[i])
			continue;
		chain = chain_of(core, route_of(map, slot_hash(map, type, slot, copy.tags[i])).bucket);
		to = chain_add(map, type, &chain, copy.tags[i]);
		entry_copy(map, type, to, slot);
	}
	*rest = copy.next;
	pool_give(map, number);
	return true;
}

static void finish(struct tophash *map)
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
	core_publish(map);
}

/* Gives back the old buckets that have been read, a piece at a time. */
static void release(struct tophash *map)
{
	struct tophash_core *core = map->core;
	size_t dead = 2 * core->cursor;
	size_t piece = PIECE_SIZE / core->store.bucket_size;

	if (dead >= core->released + piece && piece > 0) {
		store_release(map, core->released, dead);
		core->released = dead;
	}
}

static void advance(struct tophash *map)
{
	struct tophash_core *core = map->core;

	core->partial = core->rest[0] || core->rest[1];
	if (core->partial)
		return;
	if (core->move == MOVE_GROW) {
		if (--core->cursor == 0)
			finish(map);
		return;
	}
	core->cursor++;
	if (core->cursor == (size_t)1 << (core->bits - 1))
		finish(map);
	else
		release(map);
}

static bool step_one(struct tophash *map, const struct tophash_type *type)
{
	struct tophash_core *core = map->core;

	if (core->partial) {
		uint32_t *rest = core->rest[0] ? &core->rest[0] : &core->rest[1];

		/* Deletes may have taken the last of it. */
		if (*rest && !move_rest(map, type, rest))
			return false;
	} else if (core->move == MOVE_GROW) {
		size_t from = core->cursor - 1;
		uint32_t *link = store_link(&core->store, from);

		core->rest[0] = *link;
		*link = 0;
		store_word(&core->store, from)[TOPHASH_OVERFLOW] = 0;
		split(map, type, from);
	} else if (!merge(map, type)) {
		return false;
	}
	advance(map);
	return true;
}

void move_step(struct tophash *map, const struct tophash_type *type, size_t steps)
{
	struct tophash_core *core = map->core;

	if (core->move == MOVE_NONE)
		return;
	map->moves++;
	while (steps-- && core->move != MOVE_NONE) {
		if (!step_one(map, type)) {
			core->stats.put_off++;
			return;
		}
	}
}

void move_forget(struct tophash *map)
{
	struct tophash_core *core = map->core;

	if (core->move == MOVE_NONE)
		return;
	map->moves++;
	core->rest[0] = core->rest[1] = 0;
	core->partial = false;
	finish(map);
}
