/* The overflow buckets of a map. */
#ifndef TOPHASH_POOL_H
#define TOPHASH_POOL_H

#include "layout.h"

/* Makes an empty pool, which takes no memory yet. */
void pool_init(struct pool *pool, uint32_t slot_size);
/* Frees all overflow buckets of a map. */
void pool_fini(struct tophash *map);
/* Makes sure that the next n calls of pool_take() succeed. Returns false when there is no memory. */
bool pool_reserve(struct tophash *map, uint32_t n);
/* Takes an overflow bucket whose link is 0. Returns its number, or 0 when there is no memory. */
uint32_t pool_take(struct tophash *map);
/* Gives an overflow bucket back. */
void pool_give(struct tophash *map, uint32_t number);
/* Frees every chunk that is empty. */
void pool_trim(struct tophash *map);
/* Returns the bytes of memory that are taken. */
size_t pool_bytes(const struct tophash *map);

/* Returns the link from an overflow bucket to the next one of its chain. */
static inline struct link *pool_link(const struct pool *pool, uint32_t number)
{
	const struct chunk *chunk = &pool->chunks[(number - 1) >> pool->chunk_bits];

	return (struct link *)(void *)chunk->mem + ((number - 1) & ((1u << pool->chunk_bits) - 1));
}

/* Returns the first slot of an overflow bucket. */
static inline uint8_t *pool_slots(const struct pool *pool, uint32_t number)
{
	const struct chunk *chunk = &pool->chunks[(number - 1) >> pool->chunk_bits];
	size_t at = (number - 1) & ((1u << pool->chunk_bits) - 1);

	return chunk->mem + chunk->slots_at + at * OVERFLOW_SLOTS * pool->slot_size;
}

#endif
