/* Iteration that allows any change of the map in the meantime: put, delete, clear, growth and
 * shrinkage.
 *
 * The iterator walks the hashes in order, from a random one up to 2^32, and then from 0 to where it began. The
 * high bits of a hash name its bucket. A bucket is therefore a range of hashes, whatever the size of the map, and
 * so is the part that the iterator still has to visit. It reads a range in one of these phases:
 *
 *   whole    reads a map of one home, two or four in one go, from a random lane on, if it has no chains, and keeps
 *            all keys that it has returned. After entries were moved "ordered" follows, for all hashes
 *   home     reads the lanes of the home bucket, and keeps the keys that it has returned. While nothing in the
 *            map moves, the loop itself goes on to the next homes and stops behind the first that has a chain. It
 *            takes four homes at once: where the lanes of a home end is unpredictable, and a mispredicted end
 *            costs more than its few lanes do. Of four homes 60 keys are kept. After entries were moved, only the
 *            15 keys of the home that the loop is in are kept
 *   link     reads the overflow buckets of the home in the same way, if there are at most three (12 more keys)
 *   chain    reads a longer chain in order of hash and key. The last entry that was returned is the mark
 *   ordered  comes after entries were moved (map->moves has changed). It reads all entries of the range, wherever
 *            they are now, in order of hash and key from the mark on, and skips the keys that are kept
 *
 * Where a walk begins is random, but it is always a lane of a home: an entry in an overflow bucket does not come first
 * while its home holds one.
 *
 * No entry comes twice, and none is left out that was in the map all the time. The map does not know its
 * iterators: they need not be ended, and a reader may iterate while others read.
 */
#ifndef TOPHASH_ITER_H
#define TOPHASH_ITER_H

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include "tophash/fast.h"

/* The number of keys that an iterator keeps. It keeps those of a home, of three overflow buckets,
 * and the mark; or those of four homes, each at the index of its byte in the tag words, and the mark. Keys of
 * more than 16 bytes would take too much room, so their homes are read one by one. Of keys of more
 * than TOPHASH_KEPT_WHOLE bytes a print of 16 bytes is kept, which depends on the secret of the map: an iterator
 * stands on the stack. */
#define TOPHASH_BY_FOURS(key_size) ((key_size) <= 16)
#define TOPHASH_KEPT(key_size)	   (TOPHASH_BY_FOURS(key_size) ? 4 * TOPHASH_WORD_SIZE : 28)

#define TOPHASH_KEPT_WHOLE	     512
#define TOPHASH_KEPT_SIZE(key_size)  ((key_size) > TOPHASH_KEPT_WHOLE ? 16 : (key_size))
#define TOPHASH_KEPT_BYTES(key_size) (TOPHASH_KEPT(key_size) * TOPHASH_KEPT_SIZE(key_size))

#define TOPHASH_NO_WRAP (4 * TOPHASH_WORD_SIZE - 1) /* see wrap in struct tophash_iter */

enum tophash_iter_phase {
	TOPHASH_ITER_START,
	TOPHASH_ITER_WHOLE,
	TOPHASH_ITER_HOME,
	TOPHASH_ITER_LINK,
	TOPHASH_ITER_CHAIN,
	TOPHASH_ITER_ORDERED,
	TOPHASH_ITER_DONE,
};

/* An iterator. The members are for the functions of these headers only. */
struct tophash_iter {
	const struct tophash *map;
	const uint8_t *word; /* the tags being read: of a home, or of a link */
	uint8_t *slots;	     /* the slots of word */
	const uint8_t *
		last; /* the last word that a loop may reach by itself; word: it may not go on; NULL: the walk
				ends after the lanes */
	const uint8_t *ahead; /* the first of the words that the loop has taken at once */
	const uint8_t *end;   /* the last of these words */
	uint64_t lanes;	      /* lanes of these words that are still to come, one bit a byte */
	uint64_t entered;     /* all lanes that were to come when these words were taken */
	uint64_t later;	      /* lanes of word that the slow path must look at */
	void *kept; /* the keys that are kept, by place: lanes of the home, of the links, the mark */
	uint64_t start;	      /* the hash at which the walk began */
	uint64_t lo, hi;      /* the range of hashes that is being read */
	uint64_t kept_places; /* one bit for each key that is kept, except the mark */
	uint64_t mark;	      /* the hash of the mark; "ordered" goes on from here */
	uint32_t moves;	      /* map->moves when the range was begun */
	uint32_t shift;	      /* each bucket up to last is 2^shift hashes */
	uint8_t phase;	      /* enum tophash_iter_phase */
	uint8_t first_place;  /* the place of lane 0 in kept; 0 if there is more than one word */
	uint8_t turn; /* bit i of lanes and entered is byte (i + turn) & wrap of the words: the first home is read */
	uint8_t wrap;  /* from a random lane on */
	bool marked;   /* there is a mark */
	bool wrapped;  /* the walk has gone on from 0 */
	bool filtered; /* the range is less than the bucket */
};

/* The half of an iterator that changes with each step of TOPHASH_EACH. Nobody takes its address.
 * Therefore it can stay in registers; in memory, each step would wait for what the last one
 * wrote. */
struct tophash_cursor {
	const uint32_t *now; /* the map's moves */
	const uint8_t *word; /* iter->ahead; the next five are copies of iter's, too */
	const uint8_t *end;
	const uint8_t *last;
	uint8_t *slots;
	uint64_t lanes;
	uint8_t *kept;	   /* tophash_kept_at() */
	size_t turn, wrap; /* tophash_cursor_advance() sets these in both */
	uint32_t moves;
};

/* What a loop takes at once. */
struct tophash_homes {
	uint64_t lanes;	    /* in use, one bit a byte */
	const uint8_t *end; /* the last home */
};

TOPHASH_BEGIN
/* Begins with four homes, or fewer if one of them has a chain, which is then the last. */
TOPHASH_API __attribute__((pure)) struct tophash_homes tophash_four_homes(const uint8_t *word);
/* Continues where the loop cannot: after the last home it may reach, at a chain, or after entries
 * were moved. Returns the next slot, or NULL. After NULL, iter->lanes has lanes to go through, or
 * is 0 at the end of the walk. */
TOPHASH_API void *tophash_iter_slow(struct tophash_iter *iter);
/* Writes the print of a key of the map, 16 bytes. */
TOPHASH_API void tophash_keep_print(const struct tophash *map, const void *key, uint8_t *ret);
/* Does tophash_cursor_step() for light code. */
TOPHASH_API void *tophash_cursor_next(struct tophash_cursor *cursor, struct tophash_iter *iter,
				      void *kept, const struct tophash_type *type);
TOPHASH_END

/* Makes an iterator over a map, which may be NULL. kept has room for TOPHASH_KEPT(key_size) keys; it is borrowed,
 * as the map is. */
TOPHASH_INLINE void tophash_iter_init(struct tophash_iter *iter, const struct tophash *map,
				      void *kept)
{
	/* The other members have values from the first step on. */
	iter->map = map;
	/* No word is read from here. NULL would be the end, as it is without a map. */
	iter->last = iter->ahead = iter->end = (const uint8_t *)map;
	iter->slots = NULL;
	iter->lanes = 0;
	iter->entered = 0;
	iter->kept = kept;
	iter->moves = 0;
	iter->phase = TOPHASH_ITER_START;
	iter->first_place = 0;
	iter->turn = 0;
	iter->wrap = TOPHASH_NO_WRAP;
}

/* Copies the changing half of an iterator to a cursor. kept: tophash_kept_at(). */
TOPHASH_INLINE void tophash_cursor_load(struct tophash_cursor *cursor,
					const struct tophash_iter *iter, uint8_t *kept)
{
	cursor->word = iter->ahead;
	cursor->end = iter->end;
	cursor->last = iter->last;
	cursor->slots = iter->slots;
	cursor->lanes = iter->lanes;
	cursor->turn = iter->turn;
	cursor->wrap = iter->wrap;
	cursor->moves = iter->moves;
	cursor->kept = kept;
}

/* Makes the cursor of an iterator that has not begun, and whose address is not known yet. The map is not NULL. */
TOPHASH_INLINE void tophash_cursor_start(struct tophash_cursor *cursor, const struct tophash *map)
{
	cursor->now = &map->moves;
	cursor->word = cursor->end = cursor->last = (const uint8_t *)map;
}

/* Copies a cursor back to its iterator. */
TOPHASH_INLINE void tophash_cursor_save(const struct tophash_cursor *cursor,
					struct tophash_iter *iter)
{
	iter->ahead = cursor->word;
	iter->end = cursor->end;
	iter->slots = cursor->slots;
	iter->lanes = cursor->lanes;
}

TOPHASH_INLINE void tophash_cursor_init(struct tophash_cursor *cursor,
					const struct tophash_iter *iter, uint8_t *kept)
{
	cursor->now = iter->map ? &iter->map->moves : &iter->moves;
	tophash_cursor_load(cursor, iter, kept);
}

/* Returns the address where the key of lane 0 is kept. kept is iter->kept. */
TOPHASH_INLINE uint8_t *tophash_kept_at(const struct tophash_iter *iter, void *kept,
					const struct tophash_type *type)
{
	return (uint8_t *)kept + (size_t)iter->first_place * TOPHASH_KEPT_SIZE(type->key_size);
}

/* Keeps the key of a slot, or its print. */
TOPHASH_INLINE void tophash_keep(const struct tophash_iter *iter, uint8_t *to, const uint8_t *slot,
				 const struct tophash_type *type)
{
	if (type->key_size > TOPHASH_KEPT_WHOLE)
		tophash_keep_print(iter->map, slot, to);
	else
		__builtin_memcpy(to, slot, type->key_size);
}

/* Begins with a home, and with the three after it unless keys are large. */
TOPHASH_INLINE struct tophash_homes tophash_homes_begin(const uint8_t *word,
							const struct tophash_type *type)
{
	struct tophash_homes ret;

	if (TOPHASH_BY_FOURS(type->key_size))
		return tophash_four_homes(word);
	ret.lanes = ~tophash_zeros(word) & ((1u << TOPHASH_SLOTS) - 1);
	ret.end = word;
	return ret;
}

/* Moves to the next homes. Returns false if the slow path must continue: after a chain, and for the last homes where
 * they are fewer than it takes at once. */
TOPHASH_INLINE bool tophash_cursor_advance(struct tophash_cursor *cursor, struct tophash_iter *iter,
					   const struct tophash_type *type)
{
	int at_once = TOPHASH_BY_FOURS(type->key_size) ? 4 : 1;
	struct tophash_homes next;
	size_t homes;

	if (TOPHASH_UNLIKELY(!cursor->last ||
			     cursor->last - cursor->end < at_once * TOPHASH_WORD_SIZE ||
			     cursor->end[TOPHASH_OVERFLOW]))
		return false;
	homes = (size_t)(cursor->end - cursor->word) / TOPHASH_WORD_SIZE + 1;
	cursor->slots += homes * TOPHASH_SLOTS * (size_t)type->slot_size;
	cursor->word = cursor->end + TOPHASH_WORD_SIZE;
	next = tophash_homes_begin(cursor->word, type);
	cursor->lanes = iter->entered = next.lanes;
	cursor->end = next.end;
	cursor->turn = iter->turn = 0;
	cursor->wrap = iter->wrap = TOPHASH_NO_WRAP;
	return true;
}

/* Returns the next slot, or NULL at the end. kept is iter->kept. */
TOPHASH_INLINE uint8_t *tophash_cursor_step(struct tophash_cursor *cursor,
					    struct tophash_iter *iter, void *kept,
					    const struct tophash_type *type)
{
	uint8_t *slot;

	do {
		while (TOPHASH_LIKELY(cursor->moves == *cursor->now)) {
			uint64_t rest;
			size_t byte;

			if (TOPHASH_UNLIKELY(!cursor->lanes)) {
				if (!tophash_cursor_advance(cursor, iter, type))
					break;
				continue;
			}
			byte = ((size_t)__builtin_ctzll(cursor->lanes) + cursor->turn) &
			       cursor->wrap;
			rest = cursor->lanes & (cursor->lanes - 1);
			if (TOPHASH_UNLIKELY(!cursor->word[byte])) {
				iter->entered ^= cursor->lanes ^ rest; /* deleted meanwhile */
				cursor->lanes = rest;
				continue;
			}
			cursor->lanes = rest;
			/* Each word before this one has one byte more than slots. */
			slot = cursor->slots + (byte - byte / TOPHASH_WORD_SIZE) * type->slot_size;
			tophash_keep(iter, cursor->kept + byte * TOPHASH_KEPT_SIZE(type->key_size),
				     slot, type);
			return slot;
		}
		if (!cursor->last && !cursor->lanes)
			return NULL;
		tophash_cursor_save(cursor, iter);
		slot = (uint8_t *)tophash_iter_slow(iter);
		tophash_cursor_load(cursor, iter, tophash_kept_at(iter, kept, type));
	} while (!slot && cursor->lanes);
	return slot;
}

#if TOPHASH_LIGHT
#define TOPHASH_STEP(cursor, iter, kept, type) \
	((uint8_t *)tophash_cursor_next(cursor, iter, kept, type))
#else
#define TOPHASH_STEP tophash_cursor_step
#endif

/* Returns the next slot of an iterator without a cursor, or NULL at the end. */
TOPHASH_INLINE uint8_t *tophash_iter_step(struct tophash_iter *iter,
					  const struct tophash_type *type)
{
	struct tophash_cursor cursor;
	uint8_t *slot;

	tophash_cursor_init(&cursor, iter, tophash_kept_at(iter, iter->kept, type));
	slot = TOPHASH_STEP(&cursor, iter, iter->kept, type);
	tophash_cursor_save(&cursor, iter);
	return slot;
}

#endif
