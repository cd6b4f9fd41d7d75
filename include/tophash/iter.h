/* Iteration that survives anything: puts, deletes, clearing, growth and shrinkage inside the loop.
 *
 * The iterator walks the hashes in order, from a random one to 2^32 and on from 0 to where it began. The
 * hash names the bucket by its high bits, so a bucket is a range of hashes, whatever the map's size, and
 * so is what the iterator still has to visit. A range is read like this:
 *
 *   home     the lanes of the home bucket; keys that were returned are kept (15 at most)
 *   link     those of its overflow buckets, if there are two at most: in the same way (8 more)
 *   chain    the entries of a longer chain, in order of hash and key; the last one returned is the mark
 *   ordered  when entries were moved meanwhile (map->moves tells): all entries of the range, wherever
 *            they are now, in order of hash and key, from the mark on, but for the keys that are kept
 *
 * So no entry comes twice, none is left out that was there all the time, and the map knows nothing of
 * its iterators: they need not be ended, and a reader may iterate while others read.
 */
#ifndef TOPHASH_ITER_H
#define TOPHASH_ITER_H

#include "tophash/fast.h"

#define TOPHASH_KEPT_MAX 24 /* keys: of a home, of two overflow buckets, and the mark */

enum tophash_iter_phase {
	TOPHASH_ITER_START,
	TOPHASH_ITER_HOME,
	TOPHASH_ITER_FIRST_LINK, /* of two */
	TOPHASH_ITER_LINK,	 /* the last */
	TOPHASH_ITER_CHAIN,
	TOPHASH_ITER_ORDERED,
	TOPHASH_ITER_DONE,
};

/* The members are for the functions of these headers only. */
struct tophash_iter {
	const struct tophash *map;
	const uint8_t *word; /* the tags that are read: of the home, or of a link */
	uint8_t *slots;
	tophash_mask lanes;  /* that are still to come */
	tophash_mask later;  /* and those that want a closer look */
	void *kept;	     /* TOPHASH_KEPT_MAX keys: those returned; the last is the mark */
	uint64_t start;	     /* the hash at which the walk began */
	uint64_t lo, hi;     /* the range of hashes that is read */
	uint64_t mark;	     /* the hash of the mark; from here on, in order */
	uint32_t moves;	     /* the map's, when the range was begun */
	uint8_t phase;	     /* enum tophash_iter_phase */
	uint8_t kept_len;
	bool marked;	     /* there is a mark */
	bool wrapped;	     /* the walk goes on from 0 */
	bool filtered;	     /* the range is less than the bucket */
};

TOPHASH_BEGIN
/* The next slot when the home's lanes are done, or things have changed; NULL at the end. */
TOPHASH_API void *tophash_iter_slow(struct tophash_iter *iter);
TOPHASH_END

/* kept is borrowed: room for TOPHASH_KEPT_MAX keys. map may be NULL. */
TOPHASH_INLINE void tophash_iter_init(struct tophash_iter *iter, const struct tophash *map, void *kept)
{
	__builtin_memset(iter, 0, sizeof(*iter));
	iter->map = map;
	iter->kept = kept;
}

/* The next slot, or NULL at the end. */
TOPHASH_INLINE uint8_t *tophash_iter_step(struct tophash_iter *iter, const struct tophash_type *type)
{
	while (TOPHASH_LIKELY(iter->lanes && iter->moves == iter->map->moves)) {
		unsigned lane = tophash_lane(iter->lanes);
		uint8_t *slot = iter->slots + (size_t)lane * type->slot_size;

		iter->lanes &= iter->lanes - 1;
		if (TOPHASH_UNLIKELY(!iter->word[lane]))
			continue; /* deleted meanwhile */
		__builtin_memcpy((uint8_t *)iter->kept + (size_t)iter->kept_len * type->key_size, slot,
				 type->key_size);
		iter->kept_len++;
		return slot;
	}
	return (uint8_t *)tophash_iter_slow(iter);
}

#endif
