/* Small maps: one block of up to 15 slots, without a core. layout.h draws it. */
#ifndef TOPHASH_MAP_SMALL_H
#define TOPHASH_MAP_SMALL_H

#include "layout.h"

/* Gives a map memory, a seed, and room for n elements: a block, or a core if n needs more. Returns
 * 0, -ENOMEM or -EOVERFLOW. On error the map has no memory. */
int map_new(struct tophash *map, const struct tophash_type *type, size_t n);
/* Gives a full small map a larger block, or a core. Returns 0, -ENOMEM or -EOVERFLOW. On error the
 * map is unchanged. */
int small_grow(struct tophash *map);
/* Gives a small map a block for n elements, or a core if n needs more. Returns 0, -ENOMEM or
 * -EOVERFLOW. On error the map is unchanged. */
int small_reserve(struct tophash *map, size_t n);
/* Gives a small map a core. Returns 0, -ENOMEM or -EOVERFLOW. On error the map is unchanged. */
int core_of_small(struct tophash *map);
/* Makes a map with one bucket and up to 15 elements small again. Returns whether there was memory
 * for it. */
bool small_of_core(struct tophash *map);
/* Gives a small map the shortest block for its elements. Returns 0 or -ENOMEM. */
int small_shrink(struct tophash *map);
/* Shortens the block of a small map of large elements that is at most a quarter full. The new block
 * has room for one more element. */
void small_shorten(struct tophash *map);
/* Forgets the elements of a small map. */
void small_clear(struct tophash *map);
/* Frees the memory of a small map. */
void small_fini(struct tophash *map);

#endif
