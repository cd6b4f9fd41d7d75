/* The user's hooks: which of them are set, and the calls of the write barrier. */
#ifndef TOPHASH_HOOKS_H
#define TOPHASH_HOOKS_H

#include <string.h>

#include "tophash/core.h"

#include "debug.h"

static inline bool has_allocator(const struct tophash *map)
{
	return map->hooks && map->hooks->alloc;
}

/* Returns whether a hook must be called for each element that comes or goes. */
static inline bool has_element_hooks(const struct tophash *map)
{
	return map->hooks && (map->hooks->drop_key || map->hooks->drop_val || map->hooks->barrier);
}

/* Returns whether the fast path may write: no hook and no check must see each write. */
static inline bool has_fast_writes(const struct tophash *map)
{
	return !has_element_hooks(map) && TOPHASH_LIKELY(!debug.check);
}

static inline bool has_barrier(const struct tophash *map)
{
	return TOPHASH_UNLIKELY(map->hooks && map->hooks->barrier);
}

/* Announces a write to size bytes. The caller writes immediately afterwards. No other hook may run
 * in between, because a collection that begins there would have forgotten the announcement. */
static inline void barrier_range(const struct tophash *map, uint8_t *at, size_t size,
				 enum tophash_write why)
{
	if (has_barrier(map))
		map->hooks->barrier(at, size, why, map->hooks->ctx);
}

/* Announces a write to one slot. */
static inline void barrier(const struct tophash *map, uint8_t *slot, enum tophash_write why)
{
	barrier_range(map, slot, map->type->slot_size, why);
}

/* Clears a slot whose entry has left, if there is a barrier: the collector must not find the entry
 * there. Without a barrier the bytes stay. */
static inline void slot_vacate(const struct tophash *map, uint8_t *slot)
{
	if (!has_barrier(map))
		return;
	barrier(map, slot, TOPHASH_WRITE_CLEAR);
	memset(slot, 0, map->type->slot_size);
}

/* Moves an entry from one slot to another. */
static inline void slot_move(const struct tophash *map, uint8_t *to, uint8_t *from)
{
	barrier(map, to, TOPHASH_WRITE_MOVE);
	if (TOPHASH_LIKELY(map->type->slot_size == 16)) /* a constant size needs no call */
		memcpy(to, from, 16);
	else
		memcpy(to, from, map->type->slot_size);
	slot_vacate(map, from);
}

#endif
