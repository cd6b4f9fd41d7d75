/* A hash table from a 64-bit key to a 32-bit value (mostly an index into a vector), open
 * addressing, no removal: what the scope's caches need. {0} is an empty table.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

struct table_slot {
	uint64_t key;
	uint32_t value;
	uint32_t used;
};

struct table {
	struct table_slot *slots;
	uint32_t mask; /* slot count - 1; a power of two less one */
	uint32_t len;
};

void table_fini(struct table *table);

/* Borrowed until the next put, or NULL when the key is absent. */
uint32_t *table_find(const struct table *table, uint64_t key);

/* Sets key to value, whether present or not. Returns false when memory is out. */
bool table_put(struct table *table, uint64_t key, uint32_t value);

/* A good 64-bit mix; to be chained: hash = table_mix(hash ^ word). */
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
