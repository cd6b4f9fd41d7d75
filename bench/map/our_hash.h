/* The hash of tophash in a few lines, for the second measurement of the other tables. With the same
 * hash for all, only the tables differ. tophash uses the upper half of the hash, and the others get
 * all 64 bits. Seed and factor are constants here, but tophash loads them from memory, which is an
 * advantage for the other tables.
 */
#ifndef BENCH_MAP_OUR_HASH_H
#define BENCH_MAP_OUR_HASH_H

#include "types.h"

#define OUR_SEED UINT64_C(0x243f6a8885a308d3)
#define OUR_MULT UINT64_C(0x9fb21c651e98df25)

static inline uint64_t our_fold(uint64_t x, uint64_t y)
{
	__extension__ typedef unsigned __int128 wide128;
	wide128 product = (wide128)x * y;

	return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

/* Hashes an integer. The last product spreads the folded bits over the high bits. Tables that take
 * the low bits lose nothing, because the factor is odd. */
static inline uint64_t our_hash_int(uint64_t key)
{
	return our_fold(key ^ OUR_SEED, OUR_MULT) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint64_t our_load8(const char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

/* Hashes a string of 8 to 16 bytes, read from both ends. Only such strings are measured here. */
static inline uint64_t our_hash_str(const char *p, size_t n)
{
	uint64_t hash = OUR_SEED ^ n * UINT64_C(0x9e3779b97f4a7c15);

	hash = our_fold(our_load8(p) ^ hash, our_load8(p + n - 8) ^ OUR_MULT);
	return our_fold(hash ^ n, OUR_MULT);
}

/* True if a table gets its hash from us: when all have tophash's hash, and for keys with a hash of
 * the user. */
#define GIVEN_HASH (OUR_HASH || KEY_IS_PAIR)

static inline uint64_t given_hash(bench_key key)
{
#if KEY_IS_PAIR
	return our_fold(key.a ^ OUR_SEED, key.b ^ OUR_MULT) * UINT64_C(0x9e3779b97f4a7c15);
#elif KEY_IS_INT
	return our_hash_int(key);
#else
	return our_hash_str(key, strlen(key));
#endif
}

#endif
