/* Calls of callers that have a type at run time, not as a constant. They see no hash or equality of the user, and such
 * keys take the slow path, where a breakpoint or a probe finds them. With TOPHASH_DEBUG=check=N map and key are checked
 * before they are read, which inline code cannot do. raw points to type->key_size bytes; they may be in
 * the map itself, unless a key is larger than struct tophash_key_copy. */
#ifndef TOPHASH_MAP_UNSEEN_H
#define TOPHASH_MAP_UNSEEN_H

#include "tophash/fast.h"

#include "write.h"

/* Returns the hash of a key, or TOPHASH_UNSEEN. */
static inline uint64_t hash_or_unseen(const struct tophash *map, const struct tophash_type *type,
				      const void *raw)
{
	return tophash_by_functions(type) ? TOPHASH_UNSEEN : tophash_hash_key(map, type, raw).hash;
}

/* Returns the slot of a key, or NULL. map may be NULL. */
static inline uint8_t *unseen_find(const struct tophash *map, const struct tophash_type *type,
				   const void *raw)
{
	if (TOPHASH_UNLIKELY(debug.check))
		check_call(map, type, raw, "find");
	if (tophash_by_functions(type))
		return tophash_get_slow(map, type, raw, TOPHASH_UNSEEN);
	return tophash_find_slot(map, type, raw);
}

/* Returns the slot for a key, or NULL on error. as and *ret are those of tophash_put_slow(). */
static inline uint8_t *unseen_put(struct tophash *map, const struct tophash_type *type,
				  const void *raw, int as, int *ret)
{
	struct tophash_key_copy copy;

	if (TOPHASH_UNLIKELY(debug.check))
		check_call(map, type, raw, "put");
	if (!tophash_by_functions(type))
		return tophash_place_slot(map, type, raw, as, ret);
	*ret = as;
	return tophash_put_slow(map, type, tophash_copy_key(&copy, type, raw), TOPHASH_UNSEEN, ret);
}

/* Deletes a key. Returns whether it was there. map may be NULL. */
static inline bool unseen_delete(struct tophash *map, const struct tophash_type *type,
				 const void *raw)
{
	struct tophash_key_copy copy;

	if (TOPHASH_UNLIKELY(debug.check))
		check_call(map, type, raw, "delete");
	if (!tophash_by_functions(type))
		return tophash_delete_key(map, type, raw);
	return tophash_delete_slow(map, type, tophash_copy_key(&copy, type, raw), TOPHASH_UNSEEN);
}

#endif
