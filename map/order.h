/* Entries in order of hash and key: how an iterator goes on after entries were moved, and in a chain that is too long to
 * be kept. tophash/iter.h explains the phases. */
#ifndef TOPHASH_MAP_ORDER_H
#define TOPHASH_MAP_ORDER_H

#include "tophash/iter.h"

#include "layout.h"

#define ALL_LANES 0x7fffu

/* Places in iter->kept. Up to 15 keys of a home come first, then up to 12 of its chain. A walk over a whole map keeps the
 * keys of four homes, each at the index of its byte in the tag words. */
#define CHAIN_PLACES 12
#define END_PLACE    (TOPHASH_SLOTS + CHAIN_PLACES)
/* The place of the mark: the last one. No key of four homes has it, because it is that of a filter. */
#define MARK_PLACE(type) (TOPHASH_KEPT((type)->key_size) - 1)

/* Returns the lanes that have a slot, one bit a lane on every machine. */
static inline uint64_t all_lanes(const struct tophash *map)
{
	return TOPHASH_LIKELY(map->core) ? ALL_LANES : (UINT64_C(1) << small_slots(map)) - 1;
}

/* Returns the lanes of a home that hold an entry, one bit a lane on every machine. */
static inline uint64_t used_lanes(const struct tophash *map, const uint8_t *word)
{
	return ~tophash_zeros(word) & all_lanes(map);
}

/* Returns the address where an iterator keeps key i, or its print. */
static inline uint8_t *kept_key(const struct tophash_iter *iter, unsigned i)
{
	return (uint8_t *)iter->kept + (size_t)i * TOPHASH_KEPT_SIZE(iter->map->type->key_size);
}

/* Returns the next entry of a chain that is too long to be kept, or NULL. */
void *next_in_chain(struct tophash_iter *iter);
/* Returns the next entry of the range after entries were moved, or NULL. Goes from the mark on through the
 * buckets that the map has now. */
void *next_in_order(struct tophash_iter *iter);

#endif
