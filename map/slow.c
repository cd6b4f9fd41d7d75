/* The slow path of get, put and delete. The fast path comes here when the home bucket alone does not decide. */
#include <errno.h>
#include <string.h>

#include "tophash/fast.h"

#include "core.h"
#include "debug.h"
#include "entry.h"
#include "move.h"
#include "seed.h"
#include "small.h"
#include "unseen.h"
#include "write.h"

/* Makes a function a symbol of its own that is called with all its arguments. Breakpoints and
 * probes rely on that, even if the whole program is optimised at once. (gcc would otherwise make a
 * copy for constant arguments.) */
#ifdef __clang__
#define APART __attribute__((noinline, used))
#else
#define APART __attribute__((noipa, used, externally_visible))
#endif

static void count_reason(const struct tophash *map, const char *what, enum tophash_reason reason)
{
	if (map->core)
		map->core->stats.slow[reason]++; /* tophash_stats() counts "first" by itself */
	if (TOPHASH_UNLIKELY(debug.trace))
		trace_slow(map, what, reason);
}

/* Returns why an operation with this hash takes the slow path, in a map that has memory. */
static enum tophash_reason reason_of(const struct tophash *map, uint64_t hash)
{
	const struct tophash_core *core = map->core;

	if (core && core->move != MOVE_NONE)
		return TOPHASH_SLOW_MOVING;
	if (hash == TOPHASH_UNSEEN || (core && core->store.pieces) || !has_fast_writes(map))
		return TOPHASH_SLOW_CUSTOM;
	return TOPHASH_SLOW_CHAIN;
}

/* Returns the slot of a key in a home, or NULL. */
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

/* Returns the slot of a key in a chain, or NULL. */
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

/* Reads the key for get and delete, and computes its hash if the caller could not. Returns false when the key
 * cannot be in the map. */
TOPHASH_INLINE bool key_for_search(const struct tophash *map, const struct tophash_type *type,
				   const void *raw, uint64_t *hash, struct tophash_key *ret)
{
	if (!map || map->len == 0)
		return false;
	*ret = tophash_key_of(type, raw);
	if (tophash_key_is_nan(type, ret))
		return false;
	if (*hash == TOPHASH_UNSEEN)
		*hash = tophash_hash(type, ret, map->seed, map->mult);
	return true;
}

/* Returns the slot of a key, or NULL. looked: the fast path has searched the home already. */
TOPHASH_INLINE void *get_as(const struct tophash *map, const struct tophash_type *type,
			    const struct tophash_key *key, uint64_t hash, bool looked)
{
	const struct tophash_core *core = map->core;
	struct route route = route_of(map, hash);
	struct chain chain = chain_at(map, route.bucket);
	uint8_t *slot = NULL;

	if (!looked)
		slot = home_get(type, &chain, key, hash);
	if (!slot && tophash_may_overflow(chain.word, hash))
		slot = chain_get(core, type, chain.link, key, hash);
	if (TOPHASH_LIKELY(!route.has_rest) || slot)
		return slot;
	slot = chain_get(core, type, &core->rest_chains[0], key, hash);
	return slot ? slot : chain_get(core, type, &core->rest_chains[1], key, hash);
}

APART void *tophash_get_slow(const struct tophash *map, const struct tophash_type *type,
			     const void *raw, uint64_t hash)
{
	bool looked = hash != TOPHASH_UNSEEN && map && map->tags;
	struct tophash_key key;

	if (!key_for_search(map, type, raw, &hash, &key))
		return NULL;
	/* The most common keys: the compiler knows how they are compared. */
	if (type->kind == TOPHASH_KIND_INT && type->key_size == 8) {
		const struct tophash_type known = {
			.kind = TOPHASH_KIND_INT, .key_size = 8, .slot_size = type->slot_size};

		return get_as(map, &known, &key, hash, looked);
	}
	return get_as(map, type, &key, hash, looked);
}

#define FLOAT_NANS UINT64_C(0xfffffe) /* with either sign, 2^23 - 1 payloads; 0 would be infinity */

/* Gives a NaN key bits that no other key of the map has. It therefore has its own hash and place,
 * and a loop can tell it from other NaNs. The payloads count down, so that quiet NaNs come first.
 * The core counts them. Therefore a small map gets one. Writes the key to copy. Returns copy, or NULL on
 * error: *ret is -EOVERFLOW when no NaN of 4 bytes is left, or -ENOMEM. */
static const void *nan_key(struct tophash *map, void *copy, int *ret)
{
	int err = map->core ? 0 : core_of_small(map);
	uint64_t nth = err ? 0 : map->core->nan;

	if (!err && map->type->key_size == 4 && nth >= FLOAT_NANS)
		err = -EOVERFLOW;
	if (err) {
		*ret = err;
		return NULL;
	}
	if (map->type->key_size == 4) {
		uint32_t payload = 0x7fffffu - (uint32_t)(nth / 2);
		uint32_t bits = (uint32_t)(nth % 2) << 31 | 0x7f800000u | payload;

		memcpy(copy, &bits, sizeof(bits));
	} else {
		uint64_t bits = UINT64_C(0x7fffffffffffffff) - nth;

		memcpy(copy, &bits, sizeof(bits));
	}
	if (map->core->nan++ == 0)
		fast_path_update(map); /* the map does not become small any more */
	return copy;
}

/* Begins to grow. Without memory the map stays as it is, as long as it has room. `moved` says that
 * this put has already moved its share, which ended a move that had waited for memory. */
static void grow_when_full(struct tophash *map, bool moved)
{
	struct tophash_core *core;

	if (is_small(map) && (small_grow(map) != 0 || is_small(map)))
		return;
	core = map->core;
	if (core->floor) {
		core->floor = 0;
		fast_path_update(map);
		return;
	}
	if (move_grow(map) != 0) {
		/* The next puts do not try again. */
		core->stats.put_off++;
		map->grow_at = map->len + map->len / 16 + 1;
		return;
	}
	if (!moved)
		move_share(map);
}

/* Adds an entry for a key that is not in the map. Returns its slot, or NULL when there is no memory. */
static uint8_t *insert_entry(struct tophash *map, const void *raw, uint64_t hash)
{
	struct chain chain = chain_at(map, route_of(map, hash).bucket);
	uint8_t *slot;

	if (is_small(map) && map->len == small_slots(map))
		return NULL;
	slot = chain_add(map, &chain, tophash_tag(hash));
	if (!slot)
		return NULL;
	barrier(map, slot, TOPHASH_WRITE_NEW);
	tophash_fill_key(map->type, slot, raw, hash);
	map->len++;
	return slot;
}

/* Returns whether the key that was given is the very object that the map holds. It stays then. Keys of other kinds are
 * equal only if their bytes are, and are dropped: they may be counted references. */
static bool is_held_key(const struct tophash_type *type, const void *raw, const uint8_t *slot)
{
	return (type->kind == TOPHASH_KIND_CSTR || type->kind == TOPHASH_KIND_STR ||
		tophash_by_functions(type)) &&
	       memcmp(raw, slot, type->key_size) == 0;
}

/* Prepares the slot of a key that is in the map for a new value. Drops the key that was given, and the old
 * value, as `as` says. Returns the slot. */
static uint8_t *replace_entry(struct tophash *map, const void *raw, uint8_t *slot,
			      enum tophash_put_as as)
{
	const struct tophash_hooks *hooks = map->hooks;
	const struct tophash_type *type = map->type;

	if (hooks && hooks->drop_key && as != TOPHASH_PUT_LOOK && !is_held_key(type, raw, slot)) {
		_Alignas(16) uint8_t key[64];
		void *copy = type->key_size <= sizeof(key) ? memcpy(key, raw, type->key_size)
							   : (void *)(uintptr_t)raw;

		hooks->drop_key(copy, hooks->ctx);
	}
	if (hooks && hooks->drop_val && type->val_size && as == TOPHASH_PUT_REPLACE)
		hooks->drop_val(slot + type->val_offset, hooks->ctx);
	/* The barrier comes last: a drop hook may start a collection, which must not run between the
	 * barrier and the write. */
	barrier(map, slot, TOPHASH_WRITE_REPLACE);
	if (type->kind == TOPHASH_KIND_FLOAT)
		memcpy(slot, raw, type->key_size);
	return slot;
}

/* Puts a key in a map that has memory, in any state. *ret and the result are those of tophash_put_slow(). */
static void *put_anywhere(struct tophash *map, const struct tophash_type *type, const void *raw,
			  uint64_t hash, int *ret)
{
	struct tophash_key key = tophash_key_of(type, raw);
	bool is_nan = tophash_key_is_nan(type, &key);
	enum tophash_put_as as = (enum tophash_put_as) * ret;
	enum tophash_reason reason = reason_of(map, hash);
	struct tophash_key_copy copy;
	struct place place;
	uint8_t *slot;

	move_share(map);
	if (is_nan) {
		raw = nan_key(map, &copy, ret);
		if (!raw)
			return NULL;
		key = tophash_key_of(type, raw);
	}
	if (is_nan || hash == TOPHASH_UNSEEN)
		hash = tophash_hash(type, &key, map->seed, map->mult);
	if (!is_nan && entry_find(map, &key, hash, &place)) {
		*ret = 0;
		slot = replace_entry(map, raw, place.slot, as);
		/* The drop hook has freed the key that was given. Therefore the probe shows the one that
		 * stays. */
		if (map->hooks && map->hooks->drop_key)
			key = tophash_key_of(type, slot);
	} else {
		if (map->len >= map->grow_at && !is_moving(map)) {
			grow_when_full(map, reason == TOPHASH_SLOW_MOVING);
			reason = TOPHASH_SLOW_GROW;
		}
		slot = insert_entry(map, raw, hash);
		*ret = slot ? 1 : -ENOMEM;
	}
	count_reason(map, "put", reason);
	if (slot)
		TOPHASH_PROBE4(put_slow, map, tophash_shown_key(type, &key), reason, map->len);
	return slot;
}

/* Puts the first key of a map without memory. *ret and the result are those of tophash_put_slow(). */
static void *put_first(struct tophash *map, const struct tophash_type *type, const void *raw,
		       int *ret)
{
	struct tophash_key key = tophash_key_of(type, raw);
	uint64_t hash;
	uint8_t *slot;

	*ret = map_new(map, type, 0);
	if (*ret)
		return NULL;
	map->first_put = true;
	if (tophash_key_is_nan(type, &key)) /* it needs a core */
		return put_anywhere(map, type, raw, 0, ret);
	hash = tophash_hash(type, &key, map->seed, map->mult);
	slot = map->slots;
	small_word(map)[0] = tophash_tag(hash);
	barrier(map, slot, TOPHASH_WRITE_NEW);
	tophash_fill_key(type, slot, raw, hash);
	map->len = 1;
	*ret = 1;
	count_reason(map, "put", TOPHASH_SLOW_FIRST);
	TOPHASH_PROBE4(put_slow, map, tophash_shown_key(type, &key), TOPHASH_SLOW_FIRST, map->len);
	return slot;
}

/* Puts a key in the chain of its home. The fast path has seen that the home has neither the key nor a free
 * slot. */
TOPHASH_INLINE void *put_in_chain(struct tophash *map, const struct tophash_type *type,
				  const void *raw, uint64_t hash, int *ret)
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
	/* The most common keys, in a map that is not moving. */
	if (map->write_tags && map->core && type->kind == TOPHASH_KIND_INT && type->key_size == 8 &&
	    map->len < map->grow_at) {
		const struct tophash_type known = {
			.kind = TOPHASH_KIND_INT, .key_size = 8, .slot_size = type->slot_size};

		write_begin(map, "put");
		slot = put_in_chain(map, &known, raw, hash, ret);
		write_end(map, "put");
		return slot;
	}
	write_begin(map, "put");
	slot = has_memory(map) ? put_anywhere(map, type, raw, hash, ret)
			       : put_first(map, type, raw, ret);
	write_end(map, "put");
	return slot;
}

/* Begins to shrink after a delete that left fewer than shrink_at elements. `moved` says that this
 * delete has already moved its share. */
static void shrink_when_due(struct tophash *map, bool moved)
{
	struct tophash_core *core = map->core;

	if (map->len == 0) {
		/* An empty map can take a new seed: no entry was placed by the old one. A shrink goes on,
		 * because it gives back memory in small pieces. */
		if (core && core->move == MOVE_GROW)
			move_forget(map);
		seed_refresh(map);
		map->moves++;
	}
	if (map->len >= map->shrink_at || map->shrink_at <= 1 || is_moving(map))
		return;
	if (!core) {
		small_shorten(map);
		return;
	}
	if (core->bits == 0) {
		small_of_core(map);
		return;
	}
	move_shrink(map);
	if (!moved)
		move_share(map);
}

/* Begins a slow delete: finds the entry, and moves the map's share. Returns false when the key is not there. */
TOPHASH_INLINE bool delete_begin(struct tophash *map, const struct tophash_type *type,
				 const void *raw, uint64_t hash, struct place *ret,
				 enum tophash_reason *ret_reason)
{
	uint64_t given = hash;
	struct tophash_key key;

	if (!key_for_search(map, type, raw, &hash, &key))
		return false;
	write_begin(map, "delete");
	*ret_reason = reason_of(map, given);
	count_reason(map, "delete", *ret_reason);
	move_share(map);
	if (!entry_find(map, &key, hash, ret)) {
		write_end(map, "delete");
		return false;
	}
	/* The probe comes before the drop: the caller may have given the very key that is dropped. */
	TOPHASH_PROBE4(delete_slow, map, tophash_shown_key(type, &key), *ret_reason, map->len - 1);
	return true;
}

/* Ends a slow delete, after the entry was removed. */
TOPHASH_INLINE void delete_end(struct tophash *map, enum tophash_reason reason)
{
	map->len--;
	if (map->len < map->shrink_at)
		shrink_when_due(map, reason == TOPHASH_SLOW_MOVING);
	write_end(map, "delete");
}

APART bool tophash_delete_slow(struct tophash *map, const struct tophash_type *type,
			       const void *raw, uint64_t hash)
{
	enum tophash_reason reason;
	struct place place;

	if (!delete_begin(map, type, raw, hash, &place, &reason))
		return false;
	entry_drop(map, place.slot);
	chain_remove(map, &place);
	delete_end(map, reason);
	return true;
}

bool tophash_release(struct tophash *map, const struct tophash_type *type, const void *key)
{
	enum tophash_reason reason;
	struct place place;

	if (!map)
		return false;
	if (!delete_begin(map, type, key, hash_or_unseen(map, type, key), &place, &reason))
		return false;
	slot_vacate(map, place.slot);
	chain_remove(map, &place);
	delete_end(map, reason);
	return true;
}

void tophash_deleted(struct tophash *map, size_t bucket, unsigned lane)
{
	struct chain chain = chain_at(map, bucket);

	if (chain.link->number) {
		write_begin(map, "delete");
		chain_remove(map, &(struct place){.tag = chain.word + lane,
						  .slot = chain.slots +
							  (size_t)lane * map->type->slot_size,
						  .chain = chain});
		write_end(map, "delete");
	}
	if (map->len < map->shrink_at)
		shrink_when_due(map, false);
}
