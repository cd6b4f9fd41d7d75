/* Iteration that survives anything: puts, deletes, clearing, growth and shrinkage inside the loop.
 *
 * The iterator walks the hashes in order, from a random one to 2^32 and on from 0 to where it began. The
 * hash names the bucket by its high bits, so a bucket is a range of hashes, whatever the map's size, and
 * so is what the iterator still has to visit. A range is read like this:
 *
 *   home     the lanes of the home bucket; keys that were returned are kept. As long as the map stands still
 *            the loop itself goes on to the next homes, and stops behind the first that has a chain. It takes
 *            four at once: where the lanes of one end cannot be foreseen, and a mispredicted end costs more
 *            than its few lanes do. Of four homes 60 keys are kept; where something was moved, the 15 of the
 *            home that the loop is in
 *   link     those of its overflow buckets, if there are three at most: in the same way (12 more)
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

/* Keys that are kept: of a home, of three overflow buckets, and the mark; or of four homes, by their bytes in
 * the tag words. Large keys would take too much room: their homes are gone through one by one. */
#define TOPHASH_KEPT_MARK	   27
#define TOPHASH_BY_FOURS(key_size) ((key_size) <= 16)
#define TOPHASH_KEPT(key_size) \
	(TOPHASH_BY_FOURS(key_size) ? 4 * TOPHASH_WORD_SIZE : TOPHASH_KEPT_MARK + 1)

enum tophash_iter_phase {
	TOPHASH_ITER_START,
	TOPHASH_ITER_HOME,
	TOPHASH_ITER_LINK,
	TOPHASH_ITER_CHAIN,
	TOPHASH_ITER_ORDERED,
	TOPHASH_ITER_DONE,
};

/* The members are for the functions of these headers only. */
struct tophash_iter {
	const struct tophash *map;
	const uint8_t *word; /* the tags that are read: of a home, or of a link */
	uint8_t *slots;
	const uint8_t *last;  /* the word up to which a loop may go by itself; word: nowhere */
	const uint8_t *ahead; /* the first of the words that it goes through at once, */
	const uint8_t *end;   /* and the last of them */
	uint64_t lanes;	      /* of these words, a bit for each byte: still to come, */
	uint64_t entered;     /* and all that were to come when they were begun */
	uint64_t later;	      /* lanes of word that want a closer look */
	void *kept;	      /* keys by their place: lanes of the home, of the links, the mark */
	uint64_t start;	      /* the hash at which the walk began */
	uint64_t lo, hi;      /* the range of hashes that is read */
	uint64_t mark;	      /* the hash of the mark; from here on, in order */
	uint32_t kept_places; /* a bit for each key that is kept, but for the mark */
	uint32_t moves;	      /* the map's, when the range was begun */
	uint32_t shift;	      /* a bucket of last is 2^shift hashes */
	uint8_t phase;	      /* enum tophash_iter_phase */
	uint8_t first_place;  /* of the lanes of word in kept; 0 for more than one word */
	bool marked;	      /* there is a mark */
	bool wrapped;	      /* the walk goes on from 0 */
	bool filtered;	      /* the range is less than the bucket */
};

/* The half of an iterator that changes with each step of TOPHASH_EACH. Its address goes nowhere, so that
 * it can stay in registers: in memory each step would wait for what the last one wrote. */
struct tophash_cursor {
	const uint32_t *now; /* the map's moves */
	const uint8_t *
		word; /* iter->ahead; the others: members of struct tophash_iter with these names */
	const uint8_t *end;
	const uint8_t *last;
	uint8_t *slots;
	uint64_t lanes, entered;
	uint8_t *kept; /* tophash_kept_at() */
	uint32_t moves;
};

TOPHASH_BEGIN
/* When the home is done and the next one is nothing for a loop, or things have changed: the next slot, or
 * NULL; then there are lanes to be gone through, or none at the end. */
TOPHASH_API void *tophash_iter_slow(struct tophash_iter *iter);
TOPHASH_END

/* kept is borrowed: room for TOPHASH_KEPT(key_size) keys. map may be NULL. */
TOPHASH_INLINE void tophash_iter_init(struct tophash_iter *iter, const struct tophash *map,
				      void *kept)
{
	__builtin_memset(iter, 0, sizeof(*iter));
	iter->map = map;
	iter->kept = kept;
}

TOPHASH_INLINE void tophash_cursor_load(struct tophash_cursor *cursor,
					const struct tophash_iter *iter, uint8_t *kept)
{
	cursor->word = iter->ahead;
	cursor->end = iter->end;
	cursor->last = iter->last;
	cursor->slots = iter->slots;
	cursor->lanes = iter->lanes;
	cursor->entered = iter->entered;
	cursor->moves = iter->moves;
	cursor->kept = kept;
}

TOPHASH_INLINE void tophash_cursor_save(const struct tophash_cursor *cursor,
					struct tophash_iter *iter)
{
	iter->ahead = cursor->word;
	iter->end = cursor->end;
	iter->slots = cursor->slots;
	iter->lanes = cursor->lanes;
	iter->entered = cursor->entered;
}

TOPHASH_INLINE void tophash_cursor_init(struct tophash_cursor *cursor,
					const struct tophash_iter *iter, uint8_t *kept)
{
	cursor->now = iter->map ? &iter->map->moves : &iter->moves;
	tophash_cursor_load(cursor, iter, kept);
}

/* Where the key of lane 0 is kept; kept is iter->kept. */
TOPHASH_INLINE uint8_t *tophash_kept_at(const struct tophash_iter *iter, void *kept,
					const struct tophash_type *type)
{
	return (uint8_t *)kept + (size_t)iter->first_place * type->key_size;
}

#define TOPHASH_USED_BYTES UINT64_C(0x7fff7fff7fff7fff)

/* Begins with a home, and with the three behind it if there are so many up to the last (else, and where keys are
 * large, with the home alone): up to the first that has a chain. The lanes in use, and in *ret_end the last home. */
TOPHASH_INLINE uint64_t tophash_homes_begin(const uint8_t *word, const uint8_t *last,
					    const struct tophash_type *type,
					    const uint8_t **ret_end)
{
	uint64_t set, chains;

	*ret_end = word;
	if (!TOPHASH_BY_FOURS(type->key_size) ||
	    TOPHASH_UNLIKELY(last - word < 3 * TOPHASH_WORD_SIZE))
		return ~tophash_zeros(word) & (TOPHASH_USED_BYTES >> 48);
	set = ~tophash_zeros_of_four(word);
	chains = set & ~TOPHASH_USED_BYTES;
	*ret_end += __builtin_ctzll(chains | UINT64_C(1) << 63) & ~(TOPHASH_WORD_SIZE - 1);
	return set & TOPHASH_USED_BYTES & ((chains & -chains) - 1);
}

/* From homes without a chain to the next ones; false where the slow path must. */
TOPHASH_INLINE bool tophash_cursor_advance(struct tophash_cursor *cursor,
					   const struct tophash_type *type)
{
	size_t homes;

	if (TOPHASH_UNLIKELY(cursor->end == cursor->last || cursor->end[TOPHASH_OVERFLOW]))
		return false;
	homes = (size_t)(cursor->end - cursor->word) / TOPHASH_WORD_SIZE + 1;
	cursor->slots += homes * TOPHASH_SLOTS * (size_t)type->slot_size;
	cursor->word = cursor->end + TOPHASH_WORD_SIZE;
	cursor->lanes = tophash_homes_begin(cursor->word, cursor->last, type, &cursor->end);
	cursor->entered = cursor->lanes;
	return true;
}

/* The next slot, or NULL at the end; kept is iter->kept. */
TOPHASH_INLINE uint8_t *tophash_cursor_step(struct tophash_cursor *cursor,
					    struct tophash_iter *iter, void *kept,
					    const struct tophash_type *type)
{
	uint8_t *slot;

	do {
		while (TOPHASH_LIKELY(cursor->moves == *cursor->now)) {
			size_t byte;

			if (TOPHASH_UNLIKELY(!cursor->lanes)) {
				if (!tophash_cursor_advance(cursor, type))
					break;
				continue;
			}
			byte = (unsigned)__builtin_ctzll(cursor->lanes);
			cursor->lanes &= cursor->lanes - 1;
			if (TOPHASH_UNLIKELY(!cursor->word[byte])) {
				cursor->entered &= ~(UINT64_C(1) << byte); /* deleted meanwhile */
				continue;
			}
			/* Each word before has a byte more than slots. */
			slot = cursor->slots + (byte - byte / TOPHASH_WORD_SIZE) * type->slot_size;
			__builtin_memcpy(cursor->kept + byte * type->key_size, slot,
					 type->key_size);
			return slot;
		}
		tophash_cursor_save(cursor, iter);
		slot = (uint8_t *)tophash_iter_slow(iter);
		tophash_cursor_load(cursor, iter, tophash_kept_at(iter, kept, type));
	} while (!slot && cursor->lanes);
	return slot;
}

/* The same for an iterator without a cursor. */
TOPHASH_INLINE uint8_t *tophash_iter_step(struct tophash_iter *iter,
					  const struct tophash_type *type)
{
	struct tophash_cursor cursor;
	uint8_t *slot;

	tophash_cursor_init(&cursor, iter, tophash_kept_at(iter, iter->kept, type));
	slot = tophash_cursor_step(&cursor, iter, iter->kept, type);
	tophash_cursor_save(&cursor, iter);
	return slot;
}

#endif
