/* The hash of byte strings. One product takes 16 bytes and is folded with the hash of the bytes before. */
#include <string.h>

#include "tophash/iter.h"

static uint64_t load8(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static uint64_t load4(const uint8_t *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static uint64_t hash_to_64(const void *bytes, size_t n, uint64_t seed, uint64_t mult)
{
	const uint8_t *p = bytes;
	uint64_t hash = seed ^ n * UINT64_C(0x9e3779b97f4a7c15), a = 0, b = 0;

	while (n > 16) {
		hash = tophash_fold(load8(p) ^ hash, load8(p + 8) ^ mult);
		p += 16;
		n -= 16;
	}
	/* The tail is read from both ends; the two reads may overlap. */
	if (n >= 8) {
		a = load8(p);
		b = load8(p + n - 8);
	} else if (n >= 4) {
		a = load4(p);
		b = load4(p + n - 4);
	} else if (n > 0) {
		a = (uint64_t)p[0] << 16 | (uint64_t)p[n / 2] << 8 | p[n - 1];
	}
	hash = tophash_fold(a ^ hash, b ^ mult);
	return tophash_fold(hash ^ n, mult);
}

uint64_t tophash_hash_bytes(const void *bytes, size_t n, uint64_t seed, uint64_t mult)
{
	return hash_to_64(bytes, n, seed, mult) >> 32;
}

void tophash_keep_print(const struct tophash *map, const void *key, uint8_t *ret)
{
	uint64_t other = tophash_fold(map->seed, map->mult);
	uint64_t halves[2] = {hash_to_64(key, map->type->key_size, map->seed ^ other, map->mult),
			      hash_to_64(key, map->type->key_size, other, ~map->seed | 1)};

	memcpy(ret, halves, sizeof(halves));
}
