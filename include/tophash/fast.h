/* The fast path: one bucket, inline in the caller, specialised by the compiler for the type that it
 * is given (a constant). Everything else is a call: a map that is moving, a search that leaves the
 * bucket, a first match that is not the key (one in 256), no room.
 */
#ifndef TOPHASH_FAST_H
#define TOPHASH_FAST_H

#include "tophash/hash.h"
#include "tophash/tags.h"

TOPHASH_INLINE size_t tophash_bucket(const struct tophash *map, uint64_t hash)
{
	return (size_t)((hash >> 32) >> map->shift);
}

TOPHASH_INLINE bool tophash_key_is_nan(const struct tophash_type *type, const struct tophash_key *key)
{
	return type->kind == TOPHASH_KIND_FLOAT && tophash_is_nan(key->low, type->key_size);
}

/* The slow path needs the key in memory; a copy of its own leaves the caller's in registers. */
struct tophash_key_copy {
	__attribute__((aligned(16))) unsigned char bytes[16];
};

TOPHASH_INLINE const void *tophash_copy_key(struct tophash_key_copy *copy,
					    const struct tophash_type *type, const void *key)
{
	if (type->key_size > sizeof(copy->bytes))
		return key;
	__builtin_memcpy(copy->bytes, key, type->key_size);
	return copy->bytes;
}

/* The key of a slot, and what is kept of its hash. */
TOPHASH_INLINE void tophash_fill_key(const struct tophash_type *type, uint8_t *slot, const void *raw,
				     uint64_t hash)
{
	uint32_t upper = (uint32_t)(hash >> 32);

	__builtin_memcpy(slot, raw, type->key_size);
	if (type->hash_offset)
		__builtin_memcpy(slot + type->hash_offset, &upper, sizeof(upper));
}

TOPHASH_INLINE void tophash_begin_write(struct tophash *map)
{
	if (TOPHASH_UNLIKELY(map->writing))
		tophash_report_fault(TOPHASH_FAULT_CONCURRENT_WRITE, map);
	map->writing = 1;
}

TOPHASH_INLINE void tophash_end_write(struct tophash *map)
{
	map->writing = 0;
}

/* What a home bucket alone tells of a key. */
enum tophash_seen {
	TOPHASH_SEEN_HERE,    /* in the slot of that lane */
	TOPHASH_SEEN_NOWHERE, /* not in the map */
	TOPHASH_SEEN_UNSURE,  /* only the slow path can tell */
};

struct tophash_home {
	uint8_t *word;
	uint8_t *slots;
	unsigned lane; /* HERE only */
};

TOPHASH_INLINE uint8_t *tophash_home_slot(const struct tophash_home *home,
					  const struct tophash_type *type)
{
	return home->slots + (size_t)home->lane * type->slot_size;
}

TOPHASH_INLINE enum tophash_seen tophash_look(const struct tophash *map,
					      const struct tophash_type *type, uint8_t *tags,
					      const struct tophash_key *key, uint64_t hash,
					      struct tophash_home *ret)
{
	size_t bucket = tophash_bucket(map, hash);
	tophash_mask mask;

	ret->word = tags + bucket * TOPHASH_WORD_SIZE;
	ret->slots = map->slots + bucket * TOPHASH_SLOTS * (size_t)type->slot_size;
	mask = tophash_match(ret->word, hash);
	if (!mask)
		return TOPHASH_LIKELY(!tophash_may_overflow(ret->word, hash)) ? TOPHASH_SEEN_NOWHERE :
										TOPHASH_SEEN_UNSURE;
	ret->lane = tophash_lane(mask);
	return TOPHASH_LIKELY(tophash_equal(type, key, hash, tophash_home_slot(ret, type))) ?
		       TOPHASH_SEEN_HERE :
		       TOPHASH_SEEN_UNSURE;
}

/* The slot of a key, or NULL. */
TOPHASH_INLINE uint8_t *tophash_find_slot(const struct tophash *map, const struct tophash_type *type,
					  const void *raw)
{
	struct tophash_key_copy copy;
	struct tophash_home home;
	enum tophash_seen seen;
	uint64_t hash = 0;

	if (TOPHASH_UNLIKELY(!map))
		return NULL;
	if (type->kind != TOPHASH_KIND_CUSTOM) {
		struct tophash_key key = tophash_key(type, raw);

		if (tophash_key_is_nan(type, &key))
			return NULL;
		hash = tophash_hash(type, &key, map->seed, map->mult);
		if (TOPHASH_LIKELY(map->tags)) {
			seen = tophash_look(map, type, map->tags, &key, hash, &home);
			if (seen == TOPHASH_SEEN_HERE)
				return tophash_home_slot(&home, type);
			if (seen == TOPHASH_SEEN_NOWHERE)
				return NULL;
		}
	}
	return (uint8_t *)tophash_get_slow(map, type, tophash_copy_key(&copy, type, raw), hash);
}

/* The slot for a key, made when there is none (its value is undefined then). ret: 1 new, 0 there
 * already, or -ENOMEM, -EOVERFLOW (NULL). */
TOPHASH_INLINE uint8_t *tophash_put_slot(struct tophash *map, const struct tophash_type *type,
					 const void *raw, int *ret)
{
	struct tophash_key_copy copy;
	struct tophash_home home;
	enum tophash_seen seen;
	uint64_t hash = 0;

	if (type->kind != TOPHASH_KIND_CUSTOM) {
		struct tophash_key key = tophash_key(type, raw);

		hash = tophash_hash(type, &key, map->seed, map->mult);
		if (TOPHASH_LIKELY(map->write_tags) && !tophash_key_is_nan(type, &key)) {
			seen = tophash_look(map, type, map->write_tags, &key, hash, &home);
			if (seen == TOPHASH_SEEN_HERE) {
				uint8_t *slot = tophash_home_slot(&home, type);

				if (type->kind == TOPHASH_KIND_FLOAT)
					__builtin_memcpy(slot, raw, type->key_size);
				*ret = 0;
				return slot;
			}
			tophash_mask empty = tophash_match_empty(home.word);

			if (TOPHASH_LIKELY(seen == TOPHASH_SEEN_NOWHERE && empty &&
					   map->len < map->grow_at)) {
				tophash_begin_write(map);
				home.lane = tophash_lane(empty);
				home.word[home.lane] = tophash_tag(hash);
				tophash_fill_key(type, tophash_home_slot(&home, type), raw, hash);
				map->len++;
				tophash_end_write(map);
				*ret = 1;
				return tophash_home_slot(&home, type);
			}
		}
	}
	return (uint8_t *)tophash_put_slow(map, type, tophash_copy_key(&copy, type, raw), hash, ret);
}

TOPHASH_INLINE bool tophash_delete_key(struct tophash *map, const struct tophash_type *type,
				       const void *raw)
{
	struct tophash_key_copy copy;
	struct tophash_home home;
	enum tophash_seen seen;
	uint64_t hash = 0;

	if (TOPHASH_UNLIKELY(!map))
		return false;
	if (type->kind != TOPHASH_KIND_CUSTOM) {
		struct tophash_key key = tophash_key(type, raw);

		if (tophash_key_is_nan(type, &key))
			return false;
		hash = tophash_hash(type, &key, map->seed, map->mult);
		if (TOPHASH_LIKELY(map->write_tags)) {
			seen = tophash_look(map, type, map->write_tags, &key, hash, &home);
			if (seen == TOPHASH_SEEN_HERE) {
				tophash_begin_write(map);
				home.word[home.lane] = 0;
				map->len--;
				tophash_end_write(map);
				if (TOPHASH_UNLIKELY(map->len <= map->shrink_at))
					tophash_deleted(map, type);
				return true;
			}
			if (seen == TOPHASH_SEEN_NOWHERE)
				return false;
		}
	}
	return tophash_delete_slow(map, type, tophash_copy_key(&copy, type, raw), hash);
}

#endif
