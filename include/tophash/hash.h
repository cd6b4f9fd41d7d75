/* The hash. It has a secret seed: without the seed nobody can choose keys that collide.
 *
 *      h = fold((key ^ seed) * m) * C    fold: the upper half of the 128-bit product xor the lower
 *
 * seed and m are secrets of the map. m is odd and has as many ones as zeros. The fold alone is not enough. For
 * keys that count up, its high bits are a Weyl sequence, and one random m in ten is so close to a fraction of
 * small terms that buckets get up to 12 times the overflow of chance. The second product (C is 2^64 divided by
 * the golden ratio) spreads every bit of the fold into the upper half, which is the only half used:
 *
 *      31                              8 7      5 4      0
 *     +---------------------------------+--------+--------+
 *     | bucket (its highest bits)       | class  |        |
 *     +---------------------------------+--------+--------+
 *                                       | tag             |
 *
 * A hash of the user that is mixed already (KIND_MIXED) needs one product, with m. The product cannot be left out: a
 * copy of a large map in the order of a loop would put all its first entries into one bucket of the new map.
 *
 * With more than 2^24 buckets (235 million entries) bucket and tag overlap. Each further doubling makes one more
 * key in 256 of the same bucket share a tag.
 */
#ifndef TOPHASH_HASH_H
#define TOPHASH_HASH_H

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include "tophash/core.h"

/* A key in the form in which it is hashed and compared. Which members are used depends on the
 * kind. */
struct tophash_key {
	uint64_t low, high; /* INT, FLOAT */
	const char *p;	    /* CSTR, STR, BYTES */
	size_t n;
};

TOPHASH_BEGIN
/* Returns the 32-bit hash of n bytes. p may be NULL when n is 0. */
TOPHASH_API uint64_t tophash_hash_bytes(const void *p, size_t n, uint64_t seed, uint64_t mult);
TOPHASH_END

/* Returns the upper half of x * y, xor the lower half. */
TOPHASH_INLINE uint64_t tophash_fold(uint64_t x, uint64_t y)
{
#ifdef __SIZEOF_INT128__
	__extension__ typedef unsigned __int128 wide;
	wide product = (wide)x * y;

	return (uint64_t)(product >> 64) ^ (uint64_t)product;
#else
	uint64_t low = (x & 0xffffffffu) * (y & 0xffffffffu);
	uint64_t left = (x >> 32) * (y & 0xffffffffu) + (low >> 32);
	uint64_t right = (x & 0xffffffffu) * (y >> 32) + (left & 0xffffffffu);
	uint64_t high = (x >> 32) * (y >> 32) + (left >> 32) + (right >> 32);

	return high ^ (right << 32 | (low & 0xffffffffu));
#endif
}

/* Returns the 32-bit hash of a word. */
TOPHASH_INLINE uint64_t tophash_mix(uint64_t x, uint64_t seed, uint64_t mult)
{
	return tophash_fold(x ^ seed, mult) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
}

/* Reads an unsigned integer of 1, 2, 4 or 8 bytes. Reads the first 8 bytes of a larger one. */
TOPHASH_INLINE uint64_t tophash_load_int(const void *p, uint32_t size)
{
	uint64_t ret;

	if (size == 1)
		return *(const uint8_t *)p;
	if (size == 2) {
		uint16_t x;
		__builtin_memcpy(&x, p, sizeof(x));
		return x;
	}
	if (size == 4) {
		uint32_t x;
		__builtin_memcpy(&x, p, sizeof(x));
		return x;
	}
	__builtin_memcpy(&ret, p, sizeof(ret));
	return ret;
}

/* Reads the bits of a float or double. -0 gives the bits of +0. */
TOPHASH_INLINE uint64_t tophash_load_float(const void *p, uint32_t size)
{
	uint64_t bits = tophash_load_int(p, size);
	uint64_t sign = size == 4 ? UINT64_C(1) << 31 : UINT64_C(1) << 63;

	return bits == sign ? 0 : bits;
}

TOPHASH_INLINE bool tophash_is_nan(uint64_t bits, uint32_t size)
{
	if (size == 4)
		return (bits & 0x7fffffffu) > 0x7f800000u;
	return (bits & UINT64_C(0x7fffffffffffffff)) > UINT64_C(0x7ff0000000000000);
}

/* Returns whether keys are hashed and compared by functions of the user. */
TOPHASH_INLINE bool tophash_by_functions(const struct tophash_type *type)
{
	return type->kind == TOPHASH_KIND_CUSTOM || type->kind == TOPHASH_KIND_MIXED;
}

/* Reads a key from memory. The result points into that memory for all kinds but numbers. */
TOPHASH_INLINE struct tophash_key tophash_key_of(const struct tophash_type *type, const void *key)
{
	struct tophash_key ret = {0, 0, NULL, 0};

	switch (type->kind) {
	case TOPHASH_KIND_INT:
		ret.low = tophash_load_int(key, type->key_size);
		if (type->key_size == 16)
			ret.high = tophash_load_int((const char *)key + 8, 8);
		break;
	case TOPHASH_KIND_FLOAT: ret.low = tophash_load_float(key, type->key_size); break;
	case TOPHASH_KIND_CSTR:
		__builtin_memcpy(&ret.p, key, sizeof(ret.p));
		ret.n = __builtin_strlen(ret.p);
		break;
	case TOPHASH_KIND_STR:
		__builtin_memcpy(&ret.p, key, sizeof(ret.p));
		__builtin_memcpy(&ret.n, (const char *)key + offsetof(struct tophash_str, n),
				 sizeof(ret.n));
		break;
	case TOPHASH_KIND_BYTES:
		ret.p = (const char *)key;
		ret.n = type->key_size;
		break;
	default: ret.p = (const char *)key;
	}
	return ret;
}

/* Returns the 32-bit hash of a key. */
TOPHASH_INLINE uint64_t tophash_hash(const struct tophash_type *type, const struct tophash_key *key,
				     uint64_t seed, uint64_t mult)
{
	switch (type->kind) {
	case TOPHASH_KIND_INT:
		if (type->key_size == 16)
			return tophash_mix(tophash_fold(key->low ^ seed, mult) ^ key->high, seed,
					   mult);
		return tophash_mix(key->low, seed, mult);
	case TOPHASH_KIND_FLOAT: return tophash_mix(key->low, seed, mult);
	case TOPHASH_KIND_CUSTOM: return tophash_mix(type->hash(key->p), seed, mult);
	case TOPHASH_KIND_MIXED: return type->hash(key->p) * mult >> 32;
	default: return tophash_hash_bytes(key->p, key->n, seed, mult);
	}
}

/* Returns whether a slot holds this key, whose hash is given. */
TOPHASH_INLINE bool tophash_equal(const struct tophash_type *type, const struct tophash_key *key,
				  uint64_t hash, const uint8_t *slot)
{
	if (type->hash_offset && hash != tophash_load_int(slot + type->hash_offset, 4))
		return false;
	switch (type->kind) {
	case TOPHASH_KIND_INT:
		if (type->key_size == 16 && tophash_load_int(slot + 8, 8) != key->high)
			return false;
		return tophash_load_int(slot, type->key_size) == key->low;
	case TOPHASH_KIND_FLOAT: return tophash_load_float(slot, type->key_size) == key->low;
	case TOPHASH_KIND_CSTR: {
		const char *p;

		__builtin_memcpy(&p, slot, sizeof(p));
		return __builtin_strcmp(p, key->p) == 0;
	}
	case TOPHASH_KIND_STR: {
		struct tophash_str str;

		__builtin_memcpy(&str, slot, sizeof(str));
		return str.n == key->n &&
		       (str.n == 0 || __builtin_memcmp(str.p, key->p, str.n) == 0);
	}
	case TOPHASH_KIND_BYTES: return __builtin_memcmp(slot, key->p, type->key_size) == 0;
	default: return type->equal(key->p, slot);
	}
}

#endif
