/* The hash: seeded, so that keys chosen without the seed do not collide on purpose.
 *
 *      h = fold((key ^ seed) * m) * C    fold: the upper half of 128 bits xor the lower
 *
 * seed and m are secret and of the map; m is odd and has as many ones as zeros. The fold alone is not
 * enough: the high bits of it are a Weyl sequence over numbers that count up, and one random m in ten
 * is so near a fraction of small terms that buckets get up to 12 times the overflow of chance. The
 * second product (C: 2^64 / the golden ratio) lets every bit of the fold into the upper half, which is
 * all that is used:
 *
 *      31                              8 7      5 4      0
 *     +---------------------------------+--------+--------+
 *     | bucket (its highest bits)       | class  |        |
 *     +---------------------------------+--------+--------+
 *                                       | tag             |
 *
 * Past 2^24 buckets (235 million entries) bucket and tag overlap: from there on each doubling makes one
 * more key in 256 (of those in one bucket) look like another at first sight.
 */
#ifndef TOPHASH_HASH_H
#define TOPHASH_HASH_H

#include "tophash/core.h"

/* A key in hand, in the form its kind wants. */
struct tophash_key {
	uint64_t low, high; /* INT, FLOAT */
	const char *p;	    /* CSTR, STR, BYTES */
	size_t n;
};

TOPHASH_BEGIN
TOPHASH_API uint64_t tophash_hash_bytes(const void *p, size_t n, uint64_t seed, uint64_t mult);
TOPHASH_END

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

/* The hash of a word: of the upper half, see above. */
TOPHASH_INLINE uint64_t tophash_mix(uint64_t x, uint64_t seed, uint64_t mult)
{
	return tophash_fold(x ^ seed, mult) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
}

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

/* The bits of a float with +0 for -0. */
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
	default: return tophash_hash_bytes(key->p, key->n, seed, mult);
	}
}

/* Whether the key in a slot is this one, whose hash is given. */
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
