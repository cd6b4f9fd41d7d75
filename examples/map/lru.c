/* A cache that throws out the entries that were not used for the longest time. It deletes from a map while it
 * iterates over the map.
 *
 * Each entry has the time of its last use. When the cache is full, one loop deletes the older half of the
 * entries.
 */
#include <stdio.h>
#include <stdlib.h>

#include <tophash/map.h>

#define ROOM 1000

struct page {
	unsigned long used; /* the time of the last use */
	unsigned hits;
};

TOPHASH_MAP(pages, uint32_t, struct page);

struct cache {
	struct pages pages;
	unsigned long now, hits, misses, evicted;
};

static int by_time(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

/* Returns the median of the times of use. */
static unsigned long median(const struct pages *pages)
{
	static unsigned long times[ROOM];
	size_t n = 0;

	TOPHASH_EACH(pages, it, pages)
		times[n++] = it.val.used;
	qsort(times, n, sizeof(*times), by_time);
	return times[n / 2];
}

/* Deletes the older half. The loop may change the map in any way: no entry is shown twice, and
 * every entry that the loop does not change is shown. */
static void evict(struct cache *cache)
{
	unsigned long limit = median(&cache->pages);

	TOPHASH_EACH(pages, it, &cache->pages)
		if (it.val.used < limit && pages_delete(&cache->pages, it.key))
			cache->evicted++;
}

static int use(struct cache *cache, uint32_t number)
{
	struct page *page = pages_find(&cache->pages, number);
	struct page fresh = {0};

	if (page) {
		cache->hits++;
	} else {
		cache->misses++;
		if (pages_len(&cache->pages) == ROOM)
			evict(cache);
		if (pages_put(&cache->pages, number, fresh) < 0)
			return -1;
		page = pages_find(&cache->pages, number);
	}
	/* The pointer is valid until the map changes. */
	page->used = ++cache->now;
	page->hits++;
	return 0;
}

int main(void)
{
	struct cache cache = {0};
	uint32_t random = 1;
	int err = 0;

	for (unsigned i = 0; err == 0 && i < 200000; i++) {
		random = random * 1664525 + 1013904223;
		/* Three of four uses are of the same 500 pages, the others of 100000 pages. */
		err = use(&cache, random >> 30 ? random % 500 : (random >> 8) % 100000);
	}
	if (err)
		fprintf(stderr, "lru: out of memory\n");
	else
		printf("%lu hits, %lu misses; %lu thrown out, %zu there\n", cache.hits,
		       cache.misses, cache.evicted, pages_len(&cache.pages));
	pages_fini(&cache.pages);
	return err ? 1 : 0;
}
