/* The overflow buckets. A chunk holds links, then slots. The first chunk has 1 overflow bucket, each next
 * one twice as many, up to a piece of memory. Empty chunks are freed. The lowest chunk with a free bucket
 * is used first, so that high chunks become empty. The number of an overflow bucket, less 1, is its chunk
 * and its place there:
 *
 *      31                chunk_bits           0
 *     +-------------------+-------------------+
 *     | chunk             | place             |
 *     +-------------------+-------------------+
 */
#include "pool.h"

#include <string.h>

#include "hooks.h"
#include "mem.h"

static size_t chunk_len(const struct pool *pool, uint32_t chunk)
{
	return (size_t)1 << (chunk < pool->chunk_bits ? chunk : pool->chunk_bits);
}

static size_t chunk_links(size_t len)
{
	return (len * sizeof(struct link) + 15) & ~(size_t)15;
}

static size_t chunk_size(const struct pool *pool, uint32_t chunk)
{
	size_t len = chunk_len(pool, chunk);

	return chunk_links(len) + len * OVERFLOW_SLOTS * pool->slot_size;
}

/* Returns whether a chunk is its own mapping. Full chunks are. malloc would place them one after
 * the other at the top of its heap, and when the last is freed, it would give all of them back to
 * the kernel at once while a delete waits. If large pages would waste much of the last page, chunks
 * are not mapped. */
static bool chunk_is_mapped(const struct tophash *map, uint32_t chunk)
{
	size_t size = chunk_size(&map->core->pool, chunk);

	return !has_allocator(map) && chunk >= map->core->pool.chunk_bits &&
	       page_round(size) - size <= size / 8;
}

static uint8_t *chunk_alloc(const struct tophash *map, uint32_t chunk)
{
	size_t size = chunk_size(&map->core->pool, chunk);

	return chunk_is_mapped(map, chunk) ? pages_alloc(size) : mem_alloc(map, size);
}

static void chunk_drop(const struct tophash *map, uint32_t chunk)
{
	size_t size = chunk_size(&map->core->pool, chunk);
	uint8_t *mem = map->core->pool.chunks[chunk].mem;

	if (mem && chunk_is_mapped(map, chunk))
		pages_free(mem, size);
	else
		mem_free(map, mem, size);
}

void pool_init(struct pool *pool, uint32_t slot_size)
{
	*pool = (struct pool){.slot_size = slot_size};
	while (pool->chunk_bits < 13 &&
	       ((size_t)2 << pool->chunk_bits) *
			       (sizeof(struct link) + OVERFLOW_SLOTS * (size_t)slot_size) <=
		       PIECE_SIZE)
		pool->chunk_bits++;
}

void pool_fini(struct tophash *map)
{
	struct pool *pool = &map->core->pool;

	for (uint32_t i = 0; i < pool->len; i++)
		chunk_drop(map, i);
	mem_free(map, pool->chunks, pool->cap * sizeof(*pool->chunks));
	*pool = (struct pool){.slot_size = pool->slot_size, .chunk_bits = pool->chunk_bits};
}

/* Makes room for one more chunk in the table. Returns false when there is no memory. */
static bool chunks_reserve(struct tophash *map)
{
	struct pool *pool = &map->core->pool;
	uint32_t cap = pool->cap ? pool->cap * 2 : 4;
	struct chunk *chunks;

	if (pool->len < pool->cap)
		return true;
	chunks = mem_alloc(map, cap * sizeof(*chunks));
	if (!chunks)
		return false;
	if (pool->len)
		memcpy(chunks, pool->chunks, pool->len * sizeof(*chunks));
	mem_free(map, pool->chunks, pool->cap * sizeof(*chunks));
	pool->chunks = chunks;
	pool->cap = cap;
	return true;
}

/* Gives memory to the first chunk that has none, and puts its buckets on its free list. */
static bool chunk_add(struct tophash *map)
{
	struct pool *pool = &map->core->pool;
	uint32_t i = 0;
	uint8_t *mem;
	size_t len;

	while (i < pool->len && pool->chunks[i].mem)
		i++;
	/* The numbers of overflow buckets have 32 bits. */
	if (((uint64_t)i + 1) << pool->chunk_bits > UINT32_MAX ||
	    (i == pool->len && !chunks_reserve(map)))
		return false;
	len = chunk_len(pool, i);
	mem = chunk_alloc(map, i);
	if (!mem)
		return false;
	pool->chunks[i] =
		(struct chunk){.mem = mem, .slots_at = (uint32_t)chunk_links(len), .free = 1};
	if (i == pool->len)
		pool->len++;
	for (uint32_t at = 0; at < len; at++)
		((struct link *)(void *)pool->chunks[i].mem)[at].number = at + 1 < len ? at + 2 : 0;
	pool->spare += (uint32_t)len;
	if (i < pool->first)
		pool->first = i;
	return true;
}

bool pool_reserve(struct tophash *map, uint32_t n)
{
	while (map->core->pool.spare < n)
		if (!chunk_add(map))
			return false;
	return true;
}

uint32_t pool_take(struct tophash *map)
{
	struct pool *pool = &map->core->pool;
	struct chunk *chunk;
	struct link *link;
	uint32_t at;

	if (!pool_reserve(map, 1))
		return 0;
	while (!pool->chunks[pool->first].free)
		pool->first++; /* this ends, because spare is not 0 */
	chunk = &pool->chunks[pool->first];
	at = chunk->free - 1u;
	link = (struct link *)(void *)chunk->mem + at;
	chunk->free = (uint16_t)link->number;
	chunk->used++;
	pool->used++;
	pool->spare--;
	*link = (struct link){0};
	return (pool->first << pool->chunk_bits | at) + 1;
}

static void chunk_free(struct tophash *map, uint32_t i)
{
	struct pool *pool = &map->core->pool;

	chunk_drop(map, i);
	pool->chunks[i] = (struct chunk){0};
	pool->spare -= (uint32_t)chunk_len(pool, i);
	while (pool->len && !pool->chunks[pool->len - 1].mem)
		pool->len--;
}

void pool_give(struct tophash *map, uint32_t number)
{
	struct pool *pool = &map->core->pool;
	uint32_t at = (number - 1) & ((1u << pool->chunk_bits) - 1);
	uint32_t i = (number - 1) >> pool->chunk_bits;
	struct chunk *chunk = &pool->chunks[i];
	struct link *link = (struct link *)(void *)chunk->mem + at;
	size_t len = chunk_len(pool, i);

	*link = (struct link){.number = chunk->free};
	chunk->free = (uint16_t)(at + 1);
	chunk->used--;
	pool->used--;
	pool->spare++;
	if (i < pool->first)
		pool->first = i;
	/* An empty chunk is freed when there are other free buckets, or when it is more than twice as
	 * large as what is in use. Otherwise the next entry that overflows would allocate it again. */
	if (chunk->used == 0 && (pool->spare > len + len / 2 || (size_t)pool->used * 2 < len))
		chunk_free(map, i);
}

void pool_trim(struct tophash *map)
{
	struct pool *pool = &map->core->pool;

	for (uint32_t i = pool->len; i-- > 0;)
		if (pool->chunks[i].mem && pool->chunks[i].used == 0)
			chunk_free(map, i);
	if (pool->len == 0)
		pool_fini(map);
}

size_t pool_bytes(const struct tophash *map)
{
	const struct pool *pool = &map->core->pool;
	size_t ret = pool->cap * sizeof(*pool->chunks);

	for (uint32_t i = 0; i < pool->len; i++)
		if (pool->chunks[i].mem)
			ret += chunk_is_mapped(map, i) ? page_round(chunk_size(pool, i))
						       : chunk_size(pool, i);
	return ret;
}
