/* A map's core: how it is made, its room for elements, and the members that the fast path reads. */
#ifndef TOPHASH_MAP_CORE_H
#define TOPHASH_MAP_CORE_H

#include "layout.h"

/* Returns how many elements 2^bits buckets hold before the map grows. */
static inline size_t room_of(unsigned bits)
{
	return bits == 0 ? TOPHASH_SLOTS : (size_t)GROW_LOAD << bits;
}

/* Returns the bits of the fewest buckets that have room for n elements; BUCKET_BITS_MAX + 1: too many. */
unsigned bits_for(size_t n);
/* Gives a map without memory a core, a seed, and room for n elements. Returns 0, -ENOMEM or -EOVERFLOW; on error the
 * map has no core. */
int core_new(struct tophash *map, const struct tophash_type *type, size_t n);
/* Gives a map that knows its type a core with 2^bits empty buckets. Returns 0, -ENOMEM or -EOVERFLOW; on error
 * the map has no core. The caller calls fast_path_update(). */
int core_begin(struct tophash *map, unsigned bits);
/* Frees a core, its buckets and its pool. The map has none afterwards. */
void core_fini(struct tophash *map);
/* Gives a map that gets its first memory a seed, unless it has one, and a count of moves of its own. */
void map_begin(struct tophash *map);
/* Gives a map that has become empty a new seed, and sets the members that the fast path reads. It keeps the seed if it
 * never had more elements under it than a bucket holds: they told nobody which keys collide. */
void seed_refresh(struct tophash *map);
/* Sets the members that the fast path reads (arrays, shift, thresholds) to match the core. */
void fast_path_update(struct tophash *map);

#endif
