/* Growing and shrinking, in place, a step at a time. layout.h draws it. */
#ifndef TOPHASH_MOVE_H
#define TOPHASH_MOVE_H

#include "debug.h"
#include "layout.h"

/* The bucket of a hash, where its key is and where a new one goes. While that bucket is being
 * moved, the key may also be in one of core->rest_chains. */
struct route {
	size_t bucket; /* one of 2^bits */
	unsigned bits;
	bool has_rest;
};

static inline size_t bucket_of(uint64_t hash, unsigned bits)
{
	return (size_t)(hash >> (32 - bits));
}

struct route route_of(const struct tophash *map, uint64_t hash);
/* Returns the hash of the entry in a slot. */
uint64_t slot_hash(const struct tophash *map, const struct tophash_type *type, const uint8_t *slot);

/* Begins to grow. Returns 0, -ENOMEM or -EOVERFLOW. On error the map is unchanged. */
int move_grow(struct tophash *map);
/* Begins to shrink to half the buckets. It cannot fail. */
void move_shrink(struct tophash *map);
/* Takes this many steps, or fewer if the move ends or there is no memory. A step moves one home
 * (two when shrinking) and up to REST_SHARE overflow buckets. */
void move_step(struct tophash *map, size_t steps);
/* Ends the move of a map without elements. */
void move_forget(struct tophash *map);

/* Moves the share of one put or delete. */
static inline void move_share(struct tophash *map)
{
	if (!map->core || map->core->move == MOVE_NONE || debug.evacuate == EVACUATE_MANUAL)
		return;
	move_step(map, debug.evacuate == EVACUATE_EAGER ? SIZE_MAX : map->core->share);
}

/* Returns how many homes a loop over all of them visits, also while the map moves. */
static inline size_t home_count(const struct tophash_core *core)
{
	return (size_t)1 << (core->bits + (core->move == MOVE_GROW));
}

/* Returns whether the memory of a home was given back, or may have been. A loop over homes skips
 * such homes. */
static inline bool home_released(const struct tophash_core *core, size_t bucket)
{
	return core->move == MOVE_SHRINK && bucket >= ((size_t)1 << core->bits) / 2 &&
	       bucket < 2 * core->cursor;
}

#endif
