/* One map in full. The program goes on while it is read, and memory that is foreign may say anything. The header is read
 * before and after a walk: only if both are the same was the walk through one map. A part with entries is read as
 * a whole, before and after what its slots point to. */
#include "live/gomap/gomap_priv.h"

#include <stdlib.h>

enum { TRIES = 10, PART_MAX = 1 << 16 };

#define STEPS_MAX (1ull << 26) /* buckets and groups of one walk */

struct gomap_view {
	struct heap *heap;
	const struct gomap_ops *ops;
	const struct map_types *types;
	uint64_t steps;
	struct gomap_reader reader;
	struct gomap map;
	uint64_t part_size; /* 0: not known */
	bool listed;
	struct hasher hasher;
	struct {
		struct map_part part;
		size_t len; /* 0: none */
		uint8_t bytes[PART_MAX];
		enum map_slot slots[SLOTS];
	} held;
};

/* Tells whether a map that is not in the heap as others are has one bucket or group, with as many elements as the header
 * says. The compiler puts such a map into the stack of a goroutine as a whole. */
static bool is_whole(const struct gomap_view *view, struct gomap *map)
{
	uint64_t at = map->words[2], used = 0;
	struct map_part part;

	if (!view->ops->may_be(map->words) || map->words[3] ||
	    (map->words[1] >> 8 & 0xff && view->ops == &gomap_classic) ||
	    !heap_read(view->heap, at, part.bytes, sizeof(part.bytes)))
		return false;
	view->ops->decode(&part);
	for (unsigned i = 0; i < SLOTS; i++)
		used += part.slots[i] == MAP_SLOT_USED;
	map->len = map->words[0];
	map->capacity = SLOTS;
	return used == map->len;
}

/* Finds the size of the parts, from the map's type or from the object that they fill. */
static uint64_t part_size_of(const struct gomap_view *view)
{
	const struct map_type *type = map_types_at(view->types, view->map.type);
	struct part_array array;
	uint64_t addr, n;

	if (type)
		return type->part_size;
	return view->ops->array_at(&view->reader, &view->map, 0, &addr, &n) &&
			       part_array_read(&view->reader, &view->map, addr, n, &array)
		       ? array.part_size
		       : 0;
}

/* Reads and checks the header. A map that grows gets new arrays, which the spans that were read before the mark do not
 * have. It can be walked all the same, but not measured: *map keeps its size. */
static enum gomap_verdict read_header(struct gomap_view *view, struct gomap *map)
{
	struct gomap fresh = {.addr = map->addr,
			      .type = map->type,
			      .on_stack = map->on_stack,
			      .by_stack = map->by_stack,
			      .by_pool = map->by_pool};
	enum gomap_verdict verdict;

	memcpy(fresh.words, map->words, sizeof(fresh.words));
	verdict = view->ops->read(&view->reader, &fresh);
	if (verdict == GOMAP_NO && is_whole(view, &fresh))
		verdict = GOMAP_YES;
	if (verdict != GOMAP_NO) {
		fresh.candidates_n = map->candidates_n;
		memcpy(fresh.candidates, map->candidates, sizeof(fresh.candidates));
		*map = fresh;
		return verdict;
	}
	if (!view->listed || !map->type || !view->ops->may_be(map->words))
		return GOMAP_NO;
	map->len = map->words[0];
	return GOMAP_TORN;
}

struct error *gomap_view_refresh(struct gomap_view *view)
{
	enum gomap_verdict verdict = GOMAP_NO;
	struct gomap map = view->map;

	for (unsigned i = 0; i < TRIES && verdict == GOMAP_NO; i++) {
		heap_forget(view->heap);
		view->steps = STEPS_MAX;
		if (!heap_read(view->heap, map.addr, map.words, sizeof(map.words)))
			return error_new(
				ERROR_TARGET,
				"0x%llx: the memory cannot be read: take an address that tophash maps lists now",
				(unsigned long long)map.addr);
		verdict = read_header(view, &map);
	}
	if (verdict == GOMAP_NO)
		return error_new(ERROR_TARGET,
				 view->listed ? "0x%llx: the map is gone, or its memory makes no "
						"sense any more: list the maps again"
					      : "0x%llx is not the header of a map: tophash maps "
						"lists those that live",
				 (unsigned long long)map.addr);
	view->map = map;
	view->map.changing = verdict == GOMAP_TORN;
	view->map.never_filled = verdict == GOMAP_EMPTY;
	view->steps = STEPS_MAX;
	view->part_size = part_size_of(view);
	return NULL;
}

static struct error *open_view(struct gomap_view *view, const struct gomap *found, uint64_t addr)
{
	view->listed = found != NULL;
	if (found)
		view->map = *found;
	view->map.addr = addr;
	return gomap_view_refresh(view);
}

struct error *gomap_view_open(struct heap *heap, const struct gomap_list *list, uint64_t addr,
			      struct gomap_view **ret)
{
	struct gomap_view *view = calloc(1, sizeof(*view));
	struct error *err;

	if (!view)
		return error_nomem();
	view->heap = heap;
	view->ops = gomap_ops_of(list->layout);
	view->types = list->types;
	view->reader = (struct gomap_reader){.heap = heap,
					     .types = view->types,
					     .allocated = view->ops->allocated,
					     .steps = &view->steps};
	err = open_view(view, gomap_at(list, addr), addr);
	if (!err && view->map.type)
		hasher_find(heap, view->map.type, &view->hasher);
	if (err)
		gomap_view_close(view);
	else
		*ret = view;
	return err;
}

void gomap_view_close(struct gomap_view *view)
{
	if (!view)
		return;
	free(view);
}

const struct gomap *gomap_view_map(const struct gomap_view *view)
{
	return &view->map;
}

bool gomap_view_is_listed(const struct gomap_view *view)
{
	return view->listed;
}

/* Reads memory as it is now, not as it was kept. */
static bool read_now(const struct gomap_view *view, uint64_t addr, void *to, size_t size)
{
	return memory_read(&heap_options_of(view->heap)->memory, addr, to, size);
}

bool gomap_view_is_at_rest(const struct gomap_view *view)
{
	uint64_t words[6];

	return read_now(view, view->map.addr, words, sizeof(words)) &&
	       !view->ops->is_written(view->map.words) &&
	       view->ops->is_same(view->map.words, words);
}

void gomap_view_walk(const struct gomap_view *view, const struct gomap_visitor *visitor)
{
	struct gomap_walk walk = {.reader = &view->reader, .visitor = visitor};

	view->ops->walk(&walk, &view->map, view->part_size);
}

/* ---- entries ---- */

bool gomap_view_types(const struct gomap_view *view, uint64_t *ret_key, uint64_t *ret_elem)
{
	const struct map_type *type = map_types_at(view->types, view->map.type);

	if (!type)
		return false;
	*ret_key = type->key;
	*ret_elem = type->elem;
	return true;
}

bool gomap_view_hold(struct gomap_view *view, const struct map_part *part)
{
	size_t len = view->part_size < PART_MAX ? view->part_size : PART_MAX;
	struct map_part now;

	view->held.len = 0;
	if (len < SLOTS || !read_now(view, part->addr, view->held.bytes, len))
		return false;
	view->held.part = *part;
	view->held.len = len;
	memcpy(now.bytes, view->held.bytes, sizeof(now.bytes));
	view->ops->decode(&now);
	memcpy(view->held.slots, now.slots, sizeof(now.slots));
	return true;
}

enum gomap_held gomap_view_held(const struct gomap_view *view)
{
	const struct memory *memory = &heap_options_of(view->heap)->memory;
	uint64_t words[6];
	uint8_t bytes[1024];

	if (!read_now(view, view->map.addr, words, sizeof(words)) ||
	    !view->ops->is_linked(memory, words, &view->held.part, view->part_size))
		return GOMAP_HELD_GONE;
	if (view->ops->is_written(words) || !view->held.len)
		return GOMAP_HELD_CHANGED;
	for (size_t at = 0; at < view->held.len; at += sizeof(bytes)) {
		size_t left = view->held.len - at, n = left < sizeof(bytes) ? left : sizeof(bytes);

		if (!read_now(view, view->held.part.addr + at, bytes, n) ||
		    memcmp(bytes, view->held.bytes + at, n) != 0)
			return GOMAP_HELD_CHANGED;
	}
	return GOMAP_HELD_SAME;
}

enum map_slot gomap_view_slot(const struct gomap_view *view, unsigned slot)
{
	return view->held.len && slot < SLOTS ? view->held.slots[slot] : MAP_SLOT_BAD;
}

uint8_t gomap_view_byte(const struct gomap_view *view, unsigned slot)
{
	return view->held.len && slot < SLOTS ? view->held.bytes[slot] : 0;
}

static size_t read_held(void *ctx, uint64_t addr, void *to, size_t size)
{
	const struct gomap_view *view = ctx;
	const struct memory *memory = &heap_options_of(view->heap)->memory;

	if (addr < view->held.part.addr || addr - view->held.part.addr >= view->held.len ||
	    size > view->held.len - (addr - view->held.part.addr))
		return memory->read(memory->ctx, addr, to, size);
	memcpy(to, view->held.bytes + (addr - view->held.part.addr), size);
	return size;
}

struct memory gomap_view_memory(const struct gomap_view *view)
{
	return (struct memory){.ctx = (void *)view, .read = read_held};
}

/* Finds where a key or element is whose slot is at an offset in the part. */
static bool place_of(const struct gomap_view *view, uint64_t offset, bool indirect, uint64_t *ret)
{
	struct memory memory = gomap_view_memory(view);

	*ret = view->held.part.addr + offset;
	return !indirect || (memory_read(&memory, *ret, ret, sizeof(*ret)) && *ret);
}

bool gomap_view_entry(const struct gomap_view *view, unsigned slot, uint64_t *ret_key,
		      uint64_t *ret_elem)
{
	const struct map_type *type = map_types_at(view->types, view->map.type);

	return type && view->held.len && slot < SLOTS &&
	       place_of(view, type->keys + slot * type->key_stride, type->key_indirect, ret_key) &&
	       place_of(view, type->elems + slot * type->elem_stride, type->elem_indirect,
			ret_elem);
}

/* ---- hashes ---- */

bool gomap_view_hash(const struct gomap_view *view, uint64_t addr, uint64_t *bytes_left,
		     uint64_t *ret)
{
	struct memory memory = gomap_view_memory(view);

	return hasher_hash(&view->hasher, &memory, addr, view->ops->seed(view->map.words),
			   bytes_left, ret);
}

bool gomap_view_hash_of(const struct gomap_view *view, const void *bytes, size_t n, bool string,
			uint64_t *ret)
{
	const struct hasher *hasher = &view->hasher;
	uint64_t seed = view->ops->seed(view->map.words), word = 0;

	if (hasher->how == HASHER_UNKNOWN || string != (hasher->how == HASHER_STRING) ||
	    (!string && n != hasher->size))
		return false;
	if (hasher->how != HASHER_WORD) {
		*ret = hash_bytes(&hasher->keys, bytes, n, seed);
		return true;
	}
	memcpy(&word, bytes, n);
	*ret = hash_word(&hasher->keys, word, n, seed);
	return true;
}

uint8_t gomap_view_tag(const struct gomap_view *view, uint64_t hash)
{
	return view->ops->tag(hash);
}

bool gomap_view_probes(const struct gomap_view *view, const struct map_part *part, uint64_t hash,
		       uint64_t *ret)
{
	return view->ops->probes(&view->reader, view->map.words, part, view->part_size, hash, ret);
}
