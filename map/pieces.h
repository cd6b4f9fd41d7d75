/* The home buckets of a map with an allocator. */
#ifndef TOPHASH_MAP_PIECES_H
#define TOPHASH_MAP_PIECES_H

#include "layout.h"

/* Adds pieces until there is room for this many buckets. Returns 0, or -ENOMEM; the pieces are then as before. */
int pieces_add(struct tophash *map, size_t buckets);
/* Makes a full block the first piece, which has the same shape, and adds others. Returns 0, or -ENOMEM; the store is
 * then as before. */
int pieces_of_block(struct tophash *map, size_t buckets);
/* Frees all pieces and the directory. */
void pieces_fini(struct tophash *map);
/* Gives back whole pieces of buckets from..to, but none that has buckets before first. */
void pieces_release(struct tophash *map, size_t first, size_t from, size_t to);
/* Frees the pieces after the first buckets. A single remaining piece becomes a block, because it
 * has that shape. */
void pieces_trim(struct tophash *map, size_t buckets);
/* Returns the bytes of memory that are taken. */
size_t pieces_bytes(const struct store *store);

#endif
