/* Operations on many keys at once. The cache lines of the next keys are requested while those of
 * one key are on their way.
 *
 * There are three passes over each group of keys. The first hashes the keys and requests their tag
 * words. The second matches tags and requests slots. The third runs the ordinary operation, whose
 * lines have arrived. This pays if the map is larger than the cache.
 */
#ifndef TOPHASH_BATCH_H
#define TOPHASH_BATCH_H

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include "tophash/fast.h"

#define TOPHASH_GROUP \
	32 /* keys at a time: a core has 10 to 16 cache misses open, and a key has two */

/* Hashes a group of keys into ret and requests their cache lines: the slot of the first match or, where room is
 * set and nothing matches, the slot that a new entry would take. */
TOPHASH_INLINE void tophash_fetch_group(const struct tophash *map, const struct tophash_type *type,
					const uint8_t *keys, size_t n, bool room,
					struct tophash_hashed *ret)
{
	struct tophash_home home;

	for (size_t i = 0; i < n; i++) {
		ret[i] = tophash_hash_key(map, type, keys + i * type->key_size);
		if (map->tags)
			__builtin_prefetch(tophash_home_of(map, map->tags, ret[i].hash).word);
	}
	for (size_t i = 0; map->tags && i < n; i++) {
		tophash_mask mask;

		home = tophash_home_of(map, map->tags, ret[i].hash);
		mask = tophash_match(home.word, ret[i].hash);
		if (!mask && room)
			mask = tophash_match_empty(home.word);
		if (!mask)
			continue;
		home.lane = tophash_lane(mask);
		__builtin_prefetch(tophash_home_slot(map, type, &home));
	}
}

/* Returns whether the keys of a type are compared by their bytes, of which some may be padding. */
TOPHASH_INLINE bool tophash_by_bytes(const struct tophash_type *type)
{
	return type->kind == TOPHASH_KIND_BYTES;
}

/* Clears the padding of such keys. */
struct tophash_tidy {
	void (*clear)(void *key);
	void *room; /* for one key */
};

/* Returns whether these keys have padding. */
TOPHASH_INLINE bool tophash_has_padding(const struct tophash_type *type,
					const struct tophash_tidy *tidy)
{
	const uint8_t *bytes = (const uint8_t *)tidy->room;
	bool ret = false;

	if (!tophash_by_bytes(type))
		return false;
	__builtin_memset(tidy->room, 0xff, type->key_size);
	tidy->clear(tidy->room);
	for (size_t i = 0; i < type->key_size; i++)
		ret |= bytes[i] != 0xff;
	return ret;
}

/* Returns the next group of keys, and its size in *ret_group. Keys with padding come one by one: each is copied, and its
 * padding cleared. */
TOPHASH_INLINE const uint8_t *tophash_group(const struct tophash_type *type, const void *keys,
					    size_t n, size_t done, const struct tophash_tidy *tidy,
					    bool padded, size_t *ret_group)
{
	const uint8_t *at = (const uint8_t *)keys + done * type->key_size;

	*ret_group = n - done < TOPHASH_GROUP ? n - done : TOPHASH_GROUP;
	if (!padded)
		return at;
	*ret_group = 1;
	__builtin_memcpy(tidy->room, at, type->key_size);
	tidy->clear(tidy->room);
	return (const uint8_t *)tidy->room;
}

/* Looks n keys up. Returns how many were found. Copies the values to vals[0..n), zeros for absent keys, and writes
 * to found[0..n) whether each was there. Either array may be NULL. */
TOPHASH_INLINE size_t tophash_find_many(const struct tophash *map, const struct tophash_type *type,
					const void *keys, size_t n, void *vals, bool *found,
					const struct tophash_tidy *tidy)
{
	struct tophash_hashed hashed[TOPHASH_GROUP];
	bool padded = tophash_has_padding(type, tidy);
	size_t ret = 0, group;

	for (size_t done = 0; done < n; done += group) {
		const uint8_t *at = tophash_group(type, keys, n, done, tidy, padded, &group);

		if (map)
			tophash_fetch_group(map, type, at, group, false, hashed);
		for (size_t i = 0; i < group; i++) {
			const uint8_t *slot =
				!map ? NULL
				     : tophash_find_hashed(map, type, at + i * type->key_size,
							   &hashed[i]);
			uint8_t *val = vals ? (uint8_t *)vals + (done + i) * type->val_size : NULL;

			if (val && slot)
				__builtin_memcpy(val, slot + type->val_offset, type->val_size);
			else if (val)
				__builtin_memset(val, 0, type->val_size);
			if (found)
				found[done + i] = slot != NULL;
			ret += slot != NULL;
		}
	}
	return ret;
}

/* Puts n keys with their values, in order. Returns 0, or the error at which it stopped. *ret_done is the number of
 * keys that are in the map; ret_done may be NULL. */
TOPHASH_INLINE int tophash_put_many(struct tophash *map, const struct tophash_type *type,
				    const void *keys, const void *vals, size_t n, size_t *ret_done,
				    const struct tophash_tidy *tidy)
{
	struct tophash_hashed hashed[TOPHASH_GROUP];
	bool padded = tophash_has_padding(type, tidy);
	size_t done = 0, group;
	int err = 0;

	while (done < n && err >= 0) {
		const uint8_t *at = tophash_group(type, keys, n, done, tidy, padded, &group);

		if (!map->mult) /* the first key gives the map its seed, and it goes alone */
			group = 1;
		tophash_fetch_group(map, type, at, group, true, hashed);
		for (size_t i = 0; i < group; i++, done++) {
			uint8_t *slot = tophash_put_hashed(map, type, at + i * type->key_size,
							   &hashed[i], &err);

			if (!slot)
				break;
			if (type->val_size)
				__builtin_memcpy(slot + type->val_offset,
						 (const uint8_t *)vals + done * type->val_size,
						 type->val_size);
		}
	}
	if (ret_done)
		*ret_done = done;
	return err < 0 ? err : 0;
}

/* Deletes n keys. Returns how many were there. */
TOPHASH_INLINE size_t tophash_delete_many(struct tophash *map, const struct tophash_type *type,
					  const void *keys, size_t n,
					  const struct tophash_tidy *tidy)
{
	struct tophash_hashed hashed[TOPHASH_GROUP];
	bool padded = tophash_has_padding(type, tidy);
	size_t ret = 0, group;

	for (size_t done = 0; map && done < n; done += group) {
		const uint8_t *at = tophash_group(type, keys, n, done, tidy, padded, &group);

		tophash_fetch_group(map, type, at, group, false, hashed);
		for (size_t i = 0; i < group; i++)
			ret += tophash_delete_hashed(map, type, at + i * type->key_size,
						     &hashed[i]);
	}
	return ret;
}

#endif
