/* A home bucket with its chain. */
#ifndef TOPHASH_CHAIN_H
#define TOPHASH_CHAIN_H

#include "tophash/hash.h"

#include "layout.h"
#include "pool.h"
#include "store.h"

/* A home and the chain that hangs on it. word is NULL for a chain without a home (a rest). */
struct chain {
	uint8_t *word;
	uint8_t *slots;
	struct link *link;
};

/* The place of an entry. */
struct place {
	uint8_t *tag;
	uint8_t *slot;
	struct chain chain; /* the chain in which it was found */
};

/* Returns a bucket of a map that has a core. */
static inline struct chain chain_of(const struct tophash_core *core, size_t bucket)
{
	return (struct chain){store_word(&core->store, bucket), store_slots(&core->store, bucket),
			      store_link(&core->store, bucket)};
}

/* Returns bucket 0 of a small map. It has no chain. */
static inline struct chain small_chain(const struct tophash *map)
{
	static const struct link none;

	return (struct chain){small_word(map), map->slots, (struct link *)(uintptr_t)&none};
}

/* Returns a bucket of any map. */
static inline struct chain chain_at(const struct tophash *map, size_t bucket)
{
	return TOPHASH_LIKELY(map->core) ? chain_of(map->core, bucket) : small_chain(map);
}

/* Finds a key in the home and its chain. Returns false when it is in neither; *ret is unchanged then. */
bool chain_find(const struct tophash *map, const struct chain *chain, const struct tophash_key *key,
		uint64_t hash, struct place *ret);
/* Takes a free slot and marks it with the tag. Returns the slot, or NULL when there is no memory for an
 * overflow bucket. */
uint8_t *chain_add(struct tophash *map, const struct chain *chain, uint8_t tag);
/* Returns the overflow filter for the chain that begins with this link. */
uint8_t chain_filter(const struct pool *pool, const struct link *link);
/* Frees the slot of an entry. If there is a chain, an entry of its first overflow bucket takes that
 * slot. A home with a chain is therefore always full. So is every overflow bucket except the first
 * of its chain. Other maps need a cleaning pass for this. */
void chain_remove(struct tophash *map, const struct place *place);

#endif
