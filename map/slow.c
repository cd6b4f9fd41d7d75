/* The slow path: what get, put and delete do when the home bucket alone does not tell. */
#include "internal.h"

static void count_reason(const struct tophash *map, const char *what, enum tophash_reason reason)
{
	map->core->stats.slow[reason]++;
	if (TOPHASH_UNLIKELY(debug.trace))
		trace_slow(map, what, reason);
}

static enum tophash_reason reason_of(const struct tophash *map)
{
	const struct tophash_core *core = map->core;

	if (core->move != MOVE_NONE)
		return TOPHASH_SLOW_MOVING;
	if (map->type->kind == TOPHASH_KIND_CUSTOM || core->store.pieces || has_element_hooks(map))
		return TOPHASH_SLOW_CUSTOM;
	return TOPHASH_SLOW_CHAIN;
}

/* The slot of a key in a home, or NULL. */
TOPHASH_INLINE uint8_t *home_get(const struct tophash_type *type, const struct chain *chain,
				 const struct tophash_key *key, uint64_t hash)
{
	tophash_mask mask = tophash_match(chain->word, hash);

	for (; mask; mask &= mask - 1) {
		uint8_t *slot = chain->slots + (size_t)tophash_lane(mask) * type->slot_size;

		if (tophash_equal(type, key, hash, slot))
			return slot;
	}
	return NULL;
}

/* The same in a chain. */
TOPHASH_INLINE uint8_t *chain_get(const struct tophash_core *core, const struct tophash_type *type,
				  const struct link *link, const struct tophash_key *key,
				  uint64_t hash)
{
	uint8_t tag = tophash_tag(hash), *slot;

	for (; link->number; link = pool_link(&core->pool, link->number)) {
		for (unsigned i = 0; i < OVERFLOW_SLOTS; i++) {
			if (TOPHASH_LIKELY(link->tags[i] != tag))
				continue;
			slot = pool_slots(&core->pool, link->number) + (size_t)i * type->slot_size;
			if (tophash_equal(type, key, hash, slot))
				return slot;
		}
	}
	return NULL;
}

bool map_find(const struct tophash *map, const struct tophash_key *key, uint64_t hash,
	      struct place *ret)
{
	const struct tophash_core *core = map->core;
	struct route route = route_of(map, hash);
	struct chain chain = chain_of(core, route.bucket);

	if (chain_find(map, &chain, key, hash, ret))
		return true;
	for (unsigned i = 0; route.rest && i < 2; i++) {
		chain = (struct chain){.link = (struct link *)&core->rest[i]};
		if (chain_find(map, &chain, key, hash, ret))
			return true;
	}
	return false;
}

/* The key and its hash for get and delete; false when it cannot be in the map. */
static bool key_for_search(const struct tophash *map, const struct tophash_type *type,
			   const void *raw, uint64_t *hash, struct tophash_key *ret)
{
	if (!map || !map->core || map->len == 0)
		return false;
	*ret = tophash_key_of(type, raw);
	if (tophash_key_is_nan(type, ret))
		return false;
	if (type->kind == TOPHASH_KIND_CUSTOM)
		*hash = tophash_hash(type, ret, map->seed, map->mult);
	return true;
}

/* The home of a map that stands still has been looked at by the fast path. */
TOPHASH_INLINE void *get_as(const struct tophash *map, const struct tophash_type *type,
			    const struct tophash_key *key, uint64_t hash)
{
	const struct tophash_core *core = map->core;
	struct route route = route_of(map, hash);
	struct chain chain = chain_of(core, route.bucket);
	uint8_t *slot = NULL;

	if (!map->tags)
		slot = home_get(type, &chain, key, hash);
	if (!slot && tophash_may_overflow(chain.word, hash))
		slot = chain_get(core, type, chain.link, key, hash);
	if (TOPHASH_LIKELY(!route.rest) || slot)
		return slot;
	slot = chain_get(core, type, &core->rest[0], key, hash);
	return slot ? slot : chain_get(core, type, &core->rest[1], key, hash);
}

APART void *tophash_get_slow(const struct tophash *map, const struct tophash_type *type,
			     const void *raw, uint64_t hash)
{
	struct tophash_key key;

	if (!key_for_search(map, type, raw, &hash, &key))
		return NULL;
	/* The commonest keys, with a comparison that the compiler knows. */
	if (type->kind == TOPHASH_KIND_INT && type->key_size == 8) {
		const struct tophash_type known = {
			.kind = TOPHASH_KIND_INT, .key_size = 8, .slot_size = type->slot_size};

		return get_as(map, &known, &key, hash);
	}
	return get_as(map, type, &key, hash);
}

/* A NaN is made a different one from each other: so it has a hash, and a place, of its own. */
static const void *nan_key(struct tophash *map, void *copy)
{
	uint32_t count = ++map->core->nan;

	if (map->type->key_size == 4) {
		uint32_t bits = 0x7fc00000u | (count & 0x3fffffu);

		memcpy(copy, &bits, sizeof(bits));
	} else {
		uint64_t bits = UINT64_C(0x7ff8000000000000) | count;

		memcpy(copy, &bits, sizeof(bits));
	}
	return copy;
}

/* Growing, when it is due; without memory the map goes on as it is, as long as there is room. moved: the put
 * has moved its share already, and by it ended a move that had long been in want of memory. */
static void grow(struct tophash *map, bool moved)
{
	struct tophash_core *core = map->core;

	if (core->floor) {
		core->floor = 0;
		core_publish(map);
		return;
	}
	if (move_grow(map) != 0) {
		/* Not to be tried at every put. */
		core->stats.put_off++;
		map->grow_at = map->len + map->len / 16 + 1;
		return;
	}
	if (!moved)
		move_share(map);
}

static uint8_t *insert(struct tophash *map, const void *raw, uint64_t hash)
{
	struct chain chain = chain_of(map->core, route_of(map, hash).bucket);
	uint8_t *slot = chain_add(map, &chain, tophash_tag(hash));

	if (!slot)
		return NULL;
	barrier(map, slot, TOPHASH_WRITE_NEW);
	tophash_fill_key(map->type, slot, raw, hash);
	map->len++;
	return slot;
}

/* The key is there: its value is about to be replaced, unless it is to be kept. */
static uint8_t *replace(struct tophash *map, const void *raw, uint8_t *slot, bool keep)
{
	const struct tophash_hooks *hooks = map->hooks;
	const struct tophash_type *type = map->type;

	if (hooks && hooks->drop_key) {
		_Alignas(16) uint8_t key[64];
		void *copy = type->key_size <= sizeof(key) ? memcpy(key, raw, type->key_size)
							   : (void *)(uintptr_t)raw;

		hooks->drop_key(copy, hooks->ctx);
	}
	if (hooks && hooks->drop_val && type->val_size && !keep)
		hooks->drop_val(slot + type->val_offset, hooks->ctx);
	/* Last of all: a collection that a drop hook sets off must not come between it and the write. */
	barrier(map, slot, TOPHASH_WRITE_REPLACE);
	if (type->kind == TOPHASH_KIND_FLOAT)
		memcpy(slot, raw, type->key_size);
	return slot;
}

static void *put(struct tophash *map, const struct tophash_type *type, const void *raw,
		 uint64_t hash, int *ret)
{
	struct tophash_key key = tophash_key_of(type, raw);
	bool is_new = !map->core, is_nan = tophash_key_is_nan(type, &key), keep = *ret == 1;
	enum tophash_reason reason = TOPHASH_SLOW_FIRST;
	struct tophash_key_copy copy;
	struct place place;
	uint8_t *slot;

	if (is_new) {
		*ret = core_new(map, type, 0);
		if (*ret)
			return NULL;
	} else {
		reason = reason_of(map);
		move_share(map);
	}
	if (is_nan) {
		raw = nan_key(map, &copy);
		key = tophash_key_of(type, raw);
	}
	if (is_new || is_nan || type->kind == TOPHASH_KIND_CUSTOM)
		hash = tophash_hash(type, &key, map->seed, map->mult);
	if (!is_nan && map_find(map, &key, hash, &place)) {
		*ret = 0;
		slot = replace(map, raw, place.slot, keep);
		/* Of an owner the key that was given has gone: the probe shows the one that stays. */
		if (map->hooks && map->hooks->drop_key)
			key = tophash_key_of(type, slot);
	} else {
		if (map->len >= map->grow_at && map->core->move == MOVE_NONE) {
			grow(map, reason == TOPHASH_SLOW_MOVING);
			reason = TOPHASH_SLOW_GROW;
		}
		slot = insert(map, raw, hash);
		*ret = slot ? 1 : -ENOMEM;
	}
	count_reason(map, "put", reason);
	if (slot)
		TOPHASH_PROBE4(put_slow, map, tophash_shown_key(type, &key), reason, map->len);
	return slot;
}

/* What is put from a home that has neither the key nor room for it, which the fast path has seen. */
TOPHASH_INLINE void *put_away(struct tophash *map, const struct tophash_type *type, const void *raw,
			      uint64_t hash, int *ret)
{
	struct tophash_core *core = map->core;
	struct tophash_key key = tophash_key_of(type, raw);
	struct chain chain = chain_of(core, tophash_bucket(map, hash));
	uint8_t *slot = NULL;

	if (tophash_may_overflow(chain.word, hash))
		slot = chain_get(core, type, chain.link, &key, hash);
	*ret = 0;
	if (!slot) {
		slot = chain_add(map, &chain, tophash_tag(hash));
		*ret = slot ? 1 : -ENOMEM;
		if (!slot)
			return NULL;
		tophash_fill_key(type, slot, raw, hash);
		map->len++;
	}
	count_reason(map, "put", TOPHASH_SLOW_CHAIN);
	TOPHASH_PROBE4(put_slow, map, tophash_shown_key(type, &key), TOPHASH_SLOW_CHAIN, map->len);
	return slot;
}

APART void *tophash_put_slow(struct tophash *map, const struct tophash_type *type, const void *raw,
			     uint64_t hash, int *ret)
{
	void *slot;

	if (!map) {
		*ret = -EINVAL;
		return NULL;
	}
	/* The commonest keys of a map that stands still. */
	if (map->write_tags && type->kind == TOPHASH_KIND_INT && type->key_size == 8 &&
	    map->len < map->grow_at) {
		const struct tophash_type known = {
			.kind = TOPHASH_KIND_INT, .key_size = 8, .slot_size = type->slot_size};

		begin_write(map);
		slot = put_away(map, &known, raw, hash, ret);
		end_write(map);
		return slot;
	}
	begin_write(map);
	slot = put(map, type, raw, hash, ret);
	end_write(map);
	return slot;
}

void drop_entry(const struct tophash *map, uint8_t *slot)
{
	const struct tophash_hooks *hooks = map->hooks;
	const struct tophash_type *type = map->type;

	if (hooks && hooks->drop_key)
		hooks->drop_key(slot, hooks->ctx);
	if (hooks && hooks->drop_val && type->val_size)
		hooks->drop_val(slot + type->val_offset, hooks->ctx);
	slot_vacate(map, slot);
}

/* After a delete that left shrink_at elements or fewer; moved: it has moved its share already. */
static void shrink_when_due(struct tophash *map, bool moved)
{
	struct tophash_core *core = map->core;

	if (map->len == 0) {
		/* Nothing is where the old seed put it: from here on another one counts. A shrink goes on,
		 * for it gives back what it has passed in small pieces. */
		if (core->move == MOVE_GROW)
			move_forget(map);
		seed_renew(map);
		map->moves++;
	}
	if (core->move == MOVE_NONE && core->bits > core->floor && !map->keep_room &&
	    map->len <= map->shrink_at) {
		move_shrink(map);
		if (!moved)
			move_share(map);
	}
}

APART bool tophash_delete_slow(struct tophash *map, const struct tophash_type *type,
			       const void *raw, uint64_t hash)
{
	enum tophash_reason reason;
	struct tophash_key key;
	struct place place;

	if (!key_for_search(map, type, raw, &hash, &key))
		return false;
	begin_write(map);
	reason = reason_of(map);
	count_reason(map, "delete", reason);
	move_share(map);
	if (!map_find(map, &key, hash, &place)) {
		end_write(map);
		return false;
	}
	/* Before the key is dropped, which may be the one that was given. */
	TOPHASH_PROBE4(delete_slow, map, tophash_shown_key(type, &key), reason, map->len - 1);
	drop_entry(map, place.slot);
	chain_remove(map, &place);
	map->len--;
	end_write(map);
	if (map->len <= map->shrink_at)
		shrink_when_due(map, reason == TOPHASH_SLOW_MOVING);
	return true;
}

void tophash_deleted(struct tophash *map, size_t bucket, unsigned lane)
{
	struct chain chain = chain_of(map->core, bucket);

	if (chain.link->number) {
		begin_write(map);
		chain_remove(map, &(struct place){.tag = chain.word + lane,
						  .slot = chain.slots +
							  (size_t)lane * map->type->slot_size,
						  .chain = chain});
		end_write(map);
	}
	if (map->len <= map->shrink_at)
		shrink_when_due(map, false);
}
