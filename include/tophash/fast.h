/* The fast path. It searches one bucket, inline in the caller, and the compiler specialises it for
 * the type, which is a constant. All other cases are calls: a map that is moving, a search that
 * leaves the bucket, a bucket without a free slot.
 *
 * In all functions raw points to type->key_size bytes of key.
 */
#ifndef TOPHASH_FAST_H
#define TOPHASH_FAST_H

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include "tophash/hash.h"
#include "tophash/probe.h"
#include "tophash/tags.h"

TOPHASH_INLINE size_t tophash_bucket(const struct tophash *map, uint64_t hash)
{
	return (size_t)(hash >> map->shift);
}

TOPHASH_INLINE bool tophash_key_is_nan(const struct tophash_type *type,
				       const struct tophash_key *key)
{
	return type->kind == TOPHASH_KIND_FLOAT && tophash_is_nan(key->low, type->key_size);
}

/* A copy of a key for the slow path, which needs the key in memory. The caller's key can therefore
 * stay in registers. */
struct tophash_key_copy {
	__attribute__((aligned(16))) unsigned char bytes[16];
};

/* Copies a key to memory. One of 16 bytes goes word by word. The asm is empty: compilers would otherwise copy a vector, keep
 * the key in that from the beginning, and take each member out of it for the hash and the comparison. */
TOPHASH_INLINE void tophash_write_key(unsigned char *to, const void *key, size_t size)
{
	if (size != 16) {
		__builtin_memcpy(to, key, size);
		return;
	}
	for (unsigned i = 0; i < 16 / sizeof(uintptr_t); i++) {
		uintptr_t word;

		__builtin_memcpy(&word, (const unsigned char *)key + i * sizeof(word),
				 sizeof(word));
		__asm__("" : "+r"(word));
		__builtin_memcpy(to + i * sizeof(word), &word, sizeof(word));
	}
}

/* Copies a key, unless it is too large. Returns the copy, or the key itself. */
TOPHASH_INLINE const void *tophash_copy_key(struct tophash_key_copy *copy,
					    const struct tophash_type *type, const void *key)
{
	if (type->key_size > sizeof(copy->bytes))
		return key;
	tophash_write_key(copy->bytes, key, type->key_size);
	return copy->bytes;
}

/* Writes the key to a slot, and its hash if the slot has one. */
TOPHASH_INLINE void tophash_fill_key(const struct tophash_type *type, uint8_t *slot,
				     const void *raw, uint64_t hash)
{
	uint32_t kept = (uint32_t)hash;

	tophash_write_key(slot, raw, type->key_size);
	if (type->hash_offset)
		__builtin_memcpy(slot + type->hash_offset, &kept, sizeof(kept));
}

/* The result of a search in the home bucket alone. */
enum tophash_seen {
	TOPHASH_SEEN_HERE,    /* the key is in the slot of home->lane */
	TOPHASH_SEEN_NOWHERE, /* the key is not in the map */
	TOPHASH_SEEN_AWAY,    /* the key may be in the chain */
};

/* A home bucket, and a slot in it. */
struct tophash_home {
	uint8_t *word;
	uint8_t *slot; /* slot and lane: only after SEEN_HERE */
	size_t bucket;
	unsigned lane;
};

TOPHASH_INLINE struct tophash_home tophash_home_of(const struct tophash *map, uint8_t *tags,
						   uint64_t hash)
{
	struct tophash_home ret;

	ret.bucket = tophash_bucket(map, hash);
	ret.word = tags + ret.bucket * TOPHASH_WORD_SIZE;
	ret.slot = NULL;
	ret.lane = 0;
	return ret;
}

TOPHASH_INLINE uint8_t *tophash_home_slot(const struct tophash *map,
					  const struct tophash_type *type,
					  const struct tophash_home *home)
{
	return map->slots + (home->bucket * TOPHASH_SLOTS + home->lane) * (size_t)type->slot_size;
}

/* Returns how many lanes are taken to share a cache line: 4 with 16 bytes, 2 with 32. */
TOPHASH_INLINE unsigned tophash_line_lanes(const struct tophash_type *type)
{
	return type->slot_size > 32 ? 1 : type->slot_size > 16 ? 2 : type->slot_size > 8 ? 4 : 8;
}

/* Returns the first lane of the cache line that a hash prefers. A new entry goes to that line if there is room,
 * and a search requests the line before the tags have arrived. The line is chosen by bits 8 and up, which do not
 * change when the map grows. */
TOPHASH_INLINE unsigned tophash_near_lane(const struct tophash_type *type, uint64_t hash)
{
	unsigned lanes = tophash_line_lanes(type);

	return (unsigned)(hash >> 8) & (TOPHASH_WORD_SIZE - lanes);
}

/* Returns the first of these lanes that is in the preferred line of the hash, or else the first of all. */
TOPHASH_INLINE unsigned tophash_pick_lane(const struct tophash_type *type, uint64_t hash,
					  tophash_mask lanes)
{
	unsigned bits = tophash_line_lanes(type) * TOPHASH_LANE_BITS;
	tophash_mask line = (((tophash_mask)1 << bits) - 1)
			    << tophash_near_lane(type, hash) * TOPHASH_LANE_BITS;

	return tophash_lane(lanes & line ? lanes & line : lanes);
}

/* Searches the home bucket for a key. The case without an equal tag comes first: most searches for absent keys
 * end there. */
TOPHASH_INLINE enum tophash_seen tophash_look(const struct tophash *map,
					      const struct tophash_type *type,
					      const struct tophash_key *key, uint64_t hash,
					      struct tophash_home *home)
{
	tophash_mask mask = tophash_match_loose(home->word, hash);

	/* The mask may have a bit after the lanes. It is masked off here, so that the lane does not
	 * wait for that. */
	if (mask & TOPHASH_MASK_ALL) {
		uint8_t *slots =
			map->slots + home->bucket * TOPHASH_SLOTS * (size_t)type->slot_size;

		__builtin_prefetch(slots + (size_t)tophash_near_lane(type, hash) * type->slot_size);
		do {
			home->lane = tophash_lane(mask);
			home->slot = slots + (size_t)home->lane * type->slot_size;
			if (TOPHASH_LIKELY(tophash_equal(type, key, hash, home->slot)))
				return TOPHASH_SEEN_HERE;
			mask &= mask - 1;
		} while (TOPHASH_UNLIKELY(mask & TOPHASH_MASK_ALL));
	}
	return TOPHASH_LIKELY(!tophash_may_overflow(home->word, hash)) ? TOPHASH_SEEN_NOWHERE
								       : TOPHASH_SEEN_AWAY;
}

/* A key with its hash. */
struct tophash_hashed {
	struct tophash_key key;
	uint64_t hash;
	bool nan;
};

TOPHASH_INLINE struct tophash_hashed tophash_hash_key(const struct tophash *map,
						      const struct tophash_type *type,
						      const void *raw)
{
	struct tophash_hashed ret;

	ret.key = tophash_key_of(type, raw);
	ret.nan = type->kind == TOPHASH_KIND_FLOAT && tophash_is_nan(ret.key.low, type->key_size);
	ret.hash = tophash_hash(type, &ret.key, map->seed, map->mult);
	return ret;
}

/* Returns the slot of a key whose hash is known, or NULL. map must not be NULL. */
TOPHASH_INLINE uint8_t *tophash_find_hashed(const struct tophash *map,
					    const struct tophash_type *type, const void *raw,
					    const struct tophash_hashed *hashed)
{
	struct tophash_key_copy copy;

	if (hashed->nan)
		return NULL;
	if (TOPHASH_LIKELY(map->tags)) {
		struct tophash_home home = tophash_home_of(map, map->tags, hashed->hash);
		enum tophash_seen seen = tophash_look(map, type, &hashed->key, hashed->hash, &home);

		if (seen == TOPHASH_SEEN_HERE)
			return home.slot;
		if (seen == TOPHASH_SEEN_NOWHERE)
			return NULL;
	}
	return (uint8_t *)tophash_get_slow(map, type, tophash_copy_key(&copy, type, raw),
					   hashed->hash);
}

/* Returns the slot of a key, or NULL. map may be NULL. */
TOPHASH_INLINE uint8_t *tophash_find_slot(const struct tophash *map,
					  const struct tophash_type *type, const void *raw)
{
	struct tophash_hashed hashed;

	if (TOPHASH_UNLIKELY(!map))
		return NULL;
	hashed = tophash_hash_key(map, type, raw);
	return tophash_find_hashed(map, type, raw, &hashed);
}

/* Returns the value of a key that probes show: the number itself (the first 8 bytes of a 16-byte
 * one), or for all other kinds the address of the bytes. */
TOPHASH_INLINE uint64_t tophash_shown_key(const struct tophash_type *type,
					  const struct tophash_key *key)
{
	if (type->kind == TOPHASH_KIND_INT || type->kind == TOPHASH_KIND_FLOAT)
		return key->low;
	if (type->kind == TOPHASH_KIND_BYTES || tophash_by_functions(type))
		TOPHASH_PROBE_READS(key->p);
	return (uintptr_t)key->p;
}

/* Adds an entry to the home bucket. Returns its slot, or NULL when no slot is free or the map must grow. */
TOPHASH_INLINE uint8_t *tophash_put_home(struct tophash *map, const struct tophash_type *type,
					 struct tophash_home *home, const void *raw, uint64_t hash)
{
	tophash_mask empty = tophash_match_empty(home->word);
	uint8_t *slot;

	if (TOPHASH_UNLIKELY(!empty || map->len >= map->grow_at))
		return NULL;
	home->lane = tophash_pick_lane(type, hash, empty);
	slot = tophash_home_slot(map, type, home);
	tophash_set_tag(home->word, home->lane, hash);
	tophash_fill_key(type, slot, raw, hash);
	map->len++;
	return slot;
}

/* Returns the slot for a key, and makes an entry when there is none. The caller then writes the
 * value, which is undefined in a new entry. `as` is of enum tophash_put_as.
 * *ret is 1 for a new entry and 0 for one that was there. When NULL is returned it is -ENOMEM or
 * -EOVERFLOW. */
TOPHASH_INLINE uint8_t *tophash_put_as(struct tophash *map, const struct tophash_type *type,
				       const void *raw, const struct tophash_hashed *hashed, int as,
				       int *ret)
{
	struct tophash_key_copy copy;
	uint8_t *slot = NULL;

	if (TOPHASH_LIKELY(map->write_tags) && !hashed->nan) {
		struct tophash_home home = tophash_home_of(map, map->write_tags, hashed->hash);
		enum tophash_seen seen = tophash_look(map, type, &hashed->key, hashed->hash, &home);

		if (seen == TOPHASH_SEEN_HERE) {
			slot = home.slot;
			/* As in Go, -0 and +0 are one key, and the last one put is kept. */
			if (type->kind == TOPHASH_KIND_FLOAT)
				__builtin_memcpy(slot, raw, type->key_size);
			*ret = 0;
		} else if (seen == TOPHASH_SEEN_NOWHERE) {
			slot = tophash_put_home(map, type, &home, raw, hashed->hash);
			*ret = 1;
		}
	}
	if (TOPHASH_LIKELY(slot)) {
		TOPHASH_PROBE3(put, map, tophash_shown_key(type, &hashed->key), map->len);
		return slot;
	}
	*ret = as;
	return (uint8_t *)tophash_put_slow(map, type, tophash_copy_key(&copy, type, raw),
					   hashed->hash, ret);
}

/* Does tophash_put_as() for a caller that replaces the value. */
TOPHASH_INLINE uint8_t *tophash_put_hashed(struct tophash *map, const struct tophash_type *type,
					   const void *raw, const struct tophash_hashed *hashed,
					   int *ret)
{
	return tophash_put_as(map, type, raw, hashed, TOPHASH_PUT_REPLACE, ret);
}

/* Does tophash_put_as() for a key that is not hashed yet. */
TOPHASH_INLINE uint8_t *tophash_place_slot(struct tophash *map, const struct tophash_type *type,
					   const void *raw, int as, int *ret)
{
	struct tophash_hashed hashed = tophash_hash_key(map, type, raw);

	return tophash_put_as(map, type, raw, &hashed, as, ret);
}

/* Does it for a caller that replaces the value. */
TOPHASH_INLINE uint8_t *tophash_put_slot(struct tophash *map, const struct tophash_type *type,
					 const void *raw, int *ret)
{
	return tophash_place_slot(map, type, raw, TOPHASH_PUT_REPLACE, ret);
}

/* Does it for a caller that may keep the value that is there. */
TOPHASH_INLINE uint8_t *tophash_keep_slot(struct tophash *map, const struct tophash_type *type,
					  const void *raw, int *ret)
{
	return tophash_place_slot(map, type, raw, TOPHASH_PUT_KEEP, ret);
}

/* Deletes a key whose hash is known. Returns whether it was there. map must not be NULL. */
TOPHASH_INLINE bool tophash_delete_hashed(struct tophash *map, const struct tophash_type *type,
					  const void *raw, const struct tophash_hashed *hashed)
{
	struct tophash_key_copy copy;

	if (hashed->nan)
		return false;
	if (TOPHASH_LIKELY(map->write_tags)) {
		struct tophash_home home = tophash_home_of(map, map->write_tags, hashed->hash);
		enum tophash_seen seen = tophash_look(map, type, &hashed->key, hashed->hash, &home);

		if (seen == TOPHASH_SEEN_HERE) {
			size_t len = map->len;

			home.word[home.lane] = 0;
			map->len = len - 1;
			TOPHASH_PROBE3(delete_fast, map, tophash_shown_key(type, &hashed->key),
				       len - 1);
			if (TOPHASH_UNLIKELY(len <= map->shrink_at || home.word[TOPHASH_OVERFLOW]))
				tophash_deleted(map, home.bucket, home.lane);
			return true;
		}
		if (seen == TOPHASH_SEEN_NOWHERE)
			return false;
	}
	return tophash_delete_slow(map, type, tophash_copy_key(&copy, type, raw), hashed->hash);
}

/* Deletes a key. Returns whether it was there. map may be NULL. */
TOPHASH_INLINE bool tophash_delete_key(struct tophash *map, const struct tophash_type *type,
				       const void *raw)
{
	struct tophash_hashed hashed;

	if (TOPHASH_UNLIKELY(!map))
		return false;
	hashed = tophash_hash_key(map, type, raw);
	return tophash_delete_hashed(map, type, raw, &hashed);
}

#endif
