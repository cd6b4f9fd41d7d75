/* Rendered text by id. A stack or a type is rendered once, and then copied. Inside sink/.
 *
 *     found = cache_find(cache, id);
 *     if (!found) {
 *             struct buf *to = cache_begin(cache);
 *             ... append to `to` ...
 *             found = cache_end(cache, id, width);
 *     }
 */
#ifndef SHOW_SINK_CACHE_H
#define SHOW_SINK_CACHE_H

#include "base/base.h"
#include "base/buf.h"
#include "base/table.h"

/* The traced program decides how many stacks there are. When a limit is reached, the cache is
 * emptied. */
#define CACHE_TEXTS_MAX (1u << 16)
#define CACHE_BYTES_MAX (32u << 20)

struct cached {
	size_t at; /* offset in cache->text */
	size_t len;
	size_t width; /* the columns that it was rendered for, if they matter */
};

struct cache {
	struct table index; /* id -> index into texts */
	VEC(struct cached) texts;
	struct buf text;
	size_t begun;
};

/* Forgets all texts. */
static inline void cache_clear(struct cache *cache)
{
	table_fini(&cache->index);
	cache->texts.len = 0;
	buf_reset(&cache->text);
}

static inline void cache_fini(struct cache *cache)
{
	table_fini(&cache->index);
	vec_fini(&cache->texts);
	buf_fini(&cache->text);
}

/* Returns the text of an id, valid until the next cache_begin(). Returns NULL when there is
 * none. */
static inline struct cached *cache_find(const struct cache *cache, uint64_t id)
{
	const uint32_t *at = table_find(&cache->index, id);

	return at ? &cache->texts.data[*at] : NULL;
}

static inline const char *cache_text(const struct cache *cache, const struct cached *cached)
{
	return cached->len ? cache->text.data + cached->at : "";
}

/* Begins a text. Returns the buffer to append it to. */
static inline struct buf *cache_begin(struct cache *cache)
{
	if (cache->texts.len >= CACHE_TEXTS_MAX || cache->text.len >= CACHE_BYTES_MAX)
		cache_clear(cache);
	cache->begun = cache->text.len;
	return &cache->text;
}

/* Keeps the text that was appended since cache_begin(). When memory is out, empties the cache and
 * returns NULL. */
static inline struct cached *cache_end(struct cache *cache, uint64_t id, size_t width)
{
	struct cached cached = {.at = cache->begun, .width = width};

	cached.len = cache->text.len - cached.at;
	if (cache->text.bad || !vec_push(&cache->texts, cached) ||
	    table_put(&cache->index, id, (uint32_t)cache->texts.len - 1) < 0) {
		cache_clear(cache);
		return NULL;
	}
	return &cache->texts.data[cache->texts.len - 1];
}

#endif
