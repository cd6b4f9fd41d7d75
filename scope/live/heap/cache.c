#include "live/heap/heap_priv.h"

struct error *heap_cache_new(struct memory memory, struct heap_cache **ret)
{
	struct heap_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return error_nomem();
	cache->memory = memory;
	heap_cache_forget(cache);
	*ret = cache;
	return NULL;
}

void heap_cache_forget(struct heap_cache *cache)
{
	for (size_t i = 0; i < CACHE_BLOCKS; i++)
		cache->blocks[i].addr = 1;
}

void heap_cache_free(struct heap_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < CACHE_BLOCKS; i++)
		free(cache->blocks[i].bytes);
	free(cache);
}

/* Reads from one block. Returns false if it does not hold all of the bytes. */
static bool read_block(struct heap_cache *cache, uint64_t addr, void *to, size_t size)
{
	uint64_t begin = addr & ~(uint64_t)(CACHE_BLOCK - 1);
	size_t at = begin / CACHE_BLOCK % CACHE_BLOCKS, from = addr - begin;

	if (cache->blocks[at].addr != begin) {
		if (!cache->blocks[at].bytes)
			cache->blocks[at].bytes = malloc(CACHE_BLOCK);
		if (!cache->blocks[at].bytes)
			return false;
		cache->blocks[at].addr = begin;
		cache->blocks[at].have = (uint32_t)cache->memory.read(
			cache->memory.ctx, begin, cache->blocks[at].bytes, CACHE_BLOCK);
	}
	if (cache->blocks[at].have < from || cache->blocks[at].have - from < size)
		return false;
	memcpy(to, cache->blocks[at].bytes + from, size);
	return true;
}

bool heap_cache_read(struct heap_cache *cache, uint64_t addr, void *to, size_t size)
{
	if ((addr & (CACHE_BLOCK - 1)) + size <= CACHE_BLOCK && read_block(cache, addr, to, size))
		return true;
	return memory_read(&cache->memory, addr, to, size);
}
