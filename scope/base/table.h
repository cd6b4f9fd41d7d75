/* The scope's tables are maps of the library, used through its public header. This is the most
 * common one. It maps a 64-bit key to a 32-bit value, which is usually an index into a vector.
 *
 * 	struct table t = {0};
 * 	if (table_put(&t, key, index) < 0)
 * 		return error_nomem();
 * 	uint32_t *found = table_find(&t, key);
 * 	table_fini(&t);
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "tophash/map.h"

TOPHASH_MAP(table, uint64_t, uint32_t);

/* Mixes the bits of a 64-bit number. For several words, chain the calls:
 * hash = table_mix(hash ^ word). */
static inline uint64_t table_mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xe9846af9b1a615dull;
	x ^= x >> 32;
	x *= 0xe9846af9b1a615dull;
	x ^= x >> 28;
	return x;
}

#endif
