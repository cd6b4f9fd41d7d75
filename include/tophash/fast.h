/* The fast path: one bucket, inline in the caller, specialised by the compiler for the type that it
 * is given (a constant). Everything else is a call: a map that is moving, a search that leaves the
 * bucket, a first match that is not the key (one in 256), no room.
 *
 * On x86-64 with 8-byte keys a get that hits takes about 25 instructions, a delete about 30; a test
 * reads the object code and holds this.
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

/* The slot of a key, or NULL. */
TOPHASH_INLINE uint8_t *tophash_find_slot(const struct tophash *map, const struct tophash_type *type,
					  const void *raw)
{
	struct tophash_key_copy copy;
	const uint8_t *word;
	uint8_t *slot;
	uint64_t hash = 0;
	tophash_mask mask;

	if (TOPHASH_UNLIKELY(!map))
		return NULL;
	if (type->kind != TOPHASH_KIND_CUSTOM) {
		struct tophash_key key = tophash_key(type, raw);

		if (tophash_key_is_nan(type, &key))
			return NULL;
		hash = tophash_hash(type, &key, map->seed, map->mult);
		if (TOPHASH_LIKELY(map->tags)) {
			size_t bucket = tophash_bucket(map, hash);

			word = map->tags + bucket * TOPHASH_WORD_SIZE;
			mask = tophash_match(word, hash);
			if (mask) {
				slot = map->slots + (bucket * TOPHASH_SLOTS + tophash_lane(mask)) *
							    (size_t)type->slot_size;
				if (TOPHASH_LIKELY(tophash_equal(type, &key, hash, slot)))
					return slot;
			} else if (TOPHASH_LIKELY(!tophash_may_overflow(word, hash))) {
				return NULL;
			}
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
	uint8_t *word, *slot;
	uint64_t hash = 0;
	tophash_mask mask;

	if (type->kind != TOPHASH_KIND_CUSTOM) {
		struct tophash_key key = tophash_key(type, raw);

		hash = tophash_hash(type, &key, map->seed, map->mult);
		if (TOPHASH_LIKELY(map->write_tags) && !tophash_key_is_nan(type, &key)) {
			size_t bucket = tophash_bucket(map, hash);

			word = map->write_tags + bucket * TOPHASH_WORD_SIZE;
			mask = tophash_match(word, hash);
			if (mask) {
				slot = map->slots + (bucket * TOPHASH_SLOTS + tophash_lane(mask)) *
							    (size_t)type->slot_size;
				if (TOPHASH_LIKELY(tophash_equal(type, &key, hash, slot))) {
					if (type->kind == TOPHASH_KIND_FLOAT)
						__builtin_memcpy(slot, raw, type->key_size);
					*ret = 0;
					return slot;
				}
			} else {
				mask = tophash_match_empty(word);
				if (TOPHASH_LIKELY(mask && !tophash_may_overflow(word, hash) &&
						   map->len < map->grow_at)) {
					unsigned lane = tophash_lane(mask);

					tophash_begin_write(map);
					slot = map->slots + (bucket * TOPHASH_SLOTS + lane) *
								    (size_t)type->slot_size;
					word[lane] = tophash_tag(hash);
					__builtin_memcpy(slot, raw, type->key_size);
					if (type->hash_offset) {
						uint32_t upper = (uint32_t)(hash >> 32);

						__builtin_memcpy(slot + type->hash_offset, &upper,
								 sizeof(upper));
					}
					map->len++;
					tophash_end_write(map);
					*ret = 1;
					return slot;
				}
			}
		}
	}
	return (uint8_t *)tophash_put_slow(map, type, tophash_copy_key(&copy, type, raw), hash, ret);
}

TOPHASH_INLINE bool tophash_delete_key(struct tophash *map, const struct tophash_type *type,
				       const void *raw)
{
	struct tophash_key_copy copy;
	uint8_t *word;
	uint64_t hash = 0;
	tophash_mask mask;

	if (TOPHASH_UNLIKELY(!map))
		return false;
	if (type->kind != TOPHASH_KIND_CUSTOM) {
		struct tophash_key key = tophash_key(type, raw);

		if (tophash_key_is_nan(type, &key))
			return false;
		hash = tophash_hash(type, &key, map->seed, map->mult);
		if (TOPHASH_LIKELY(map->write_tags)) {
			size_t bucket = tophash_bucket(map, hash);

			word = map->write_tags + bucket * TOPHASH_WORD_SIZE;
			mask = tophash_match(word, hash);
			if (mask) {
				unsigned lane = tophash_lane(mask);
				const uint8_t *slot = map->slots + (bucket * TOPHASH_SLOTS + lane) *
									   (size_t)type->slot_size;

				if (TOPHASH_LIKELY(tophash_equal(type, &key, hash, slot))) {
					tophash_begin_write(map);
					word[lane] = 0;
					map->len--;
					tophash_end_write(map);
					if (TOPHASH_UNLIKELY(map->len <= map->shrink_at))
						tophash_deleted(map, type);
					return true;
				}
			} else if (TOPHASH_LIKELY(!tophash_may_overflow(word, hash))) {
				return false;
			}
		}
	}
	return tophash_delete_slow(map, type, tophash_copy_key(&copy, type, raw), hash);
}

#endif
