/* The layout of a map in memory, and the numbers that its growth follows.
 *
 * Glossary
 *   bucket      a tag word and its 15 slots. The highest bits of a key's hash name its bucket, so
 *               bucket i of n becomes buckets 2i and 2i + 1 of 2n
 *   home        the bucket itself, without the overflow buckets that are chained to it
 *   overflow    an overflow bucket has 4 slots and comes from the pool. It takes entries that do not
 *               fit into their home
 *   chain       the overflow buckets of one home
 *   moving      growing or shrinking, a few buckets at a time, in place: old and new buckets share
 *               the same arrays. Growing splits the last old bucket first, because its two halves
 *               then go to free memory. Shrinking merges the first two buckets first:
 *
 *       growing     0      cursor          n                   2 n
 *                   | old . . | (free) . . . | . . new buckets . |
 *       shrinking   0      cursor   2 cursor                    n
 *                   | new . . | (free) . | . . . old buckets . . |
 *
 *   rest        the chains of the bucket that is being moved. Its home has moved already; the
 *               overflow buckets follow one at a time
 *   small       a map of one bucket that never had more than 15 elements has no core, links or pool. Its
 *               tag word and its slots are one block. If it has fewer than 15 slots, the tags of the
 *               lanes without a slot are TOPHASH_NO_SLOT, which no search matches and no put takes for
 *               empty. map->slots is the address after the tag word, and map->grow_at is the number of
 *               slots:
 *
 *                   +--------------------+------+------+- - -+
 *                   | tag word           | slot | slot |     |
 *                   +--------------------+------+------+- - -+
 *                   0                    16
 */
#ifndef TOPHASH_LAYOUT_H
#define TOPHASH_LAYOUT_H

#include "tophash/core.h"
#include "tophash/tags.h"

#include "names.h"

#define OVERFLOW_SLOTS	4
#define BUCKET_BITS_MAX (sizeof(size_t) > 4 ? 31u : 28u)

/* A map grows when its buckets hold 13 entries on average; afterwards they hold 6.5. At 14, reads of
 * a map just before its growth take half as long again, because one in eleven that finds nothing must
 * look into a chain. */
#define GROW_LOAD 13
/* A map shrinks to half its buckets when it holds 35 % of the entries at which it would grow; its
 * buckets then hold 9.1. After a growth, three entries in ten must go before it shrinks. After a
 * shrink, four in ten must come before it grows. After deletes a map has at most twice the buckets of
 * a map that was made at its length. */
#define SHRINK_PERCENT 35
/* A map of one bucket gives up its core, and is small again, at this length: the one at which two buckets shrink to
 * one. Seven elements must come before it needs a core once more. */
#define SMALL_AGAIN (2 * GROW_LOAD * SHRINK_PERCENT / 100)
/* A small map keeps a block of up to this size when elements leave it. A larger one is shortened when it holds a quarter
 * of what it could. */
#define SMALL_KEPT 1024

/* One put or delete moves as many old buckets as a page holds, but at most 16. A map of 16-byte slots
 * moves during one put in a hundred; each of these costs a page fault or two and about a
 * microsecond. */
#define SHARE_BYTES 4096
#define SHARE_MAX   16
#define REST_SHARE  2 /* overflow buckets that follow their home in the same step */

_Static_assert(SHARE_MAX *(2 * TOPHASH_SLOTS + REST_SHARE * OVERFLOW_SLOTS) + 1 ==
		       TOPHASH_MOVES_MAX,
	       "the bound that is promised: a share, and the entry that fills a delete's hole");

enum move {
	MOVE_NONE,
	MOVE_GROW,
	MOVE_SHRINK,
};

enum store_mode {
	STORE_NONE,
	STORE_BLOCK,  /* one allocation: slots, tag words, links */
	STORE_MAPPED, /* three mappings, one for each array */
	STORE_PIECES, /* with an allocator: blocks of 2^piece_bits buckets */
};

/* Leads to an overflow bucket, from the home or from the previous overflow bucket. It holds the tags
 * of that bucket. Therefore a search that finds no equal tag never goes there. All 0: the chain ends. */
struct link {
	uint8_t tags[OVERFLOW_SLOTS];
	uint32_t number;
};

/* The home buckets. Tag words and links that are not in use are 0. */
struct store {
	uint8_t *tags;
	uint8_t *slots;
	struct link *links; /* to the first overflow bucket of each home */
	uint8_t **pieces;   /* the directory of STORE_PIECES */
	size_t buckets;	    /* how many buckets there is room for */
	size_t pieces_cap;
	uint32_t bucket_size; /* bytes of the slots of a bucket */
	uint8_t mode;	      /* enum store_mode */
	uint8_t piece_bits;
	bool huge; /* mappings of 2 MiB and more may use huge pages */
};

struct chunk {
	uint8_t *mem;
	uint32_t slots_at; /* offset in mem: the slots follow the links */
	uint16_t used;
	uint16_t free; /* 1 + index of the first free overflow bucket; 0: none is free */
};

/* The overflow buckets. They have numbers and lie in chunks that never move. */
struct pool {
	struct chunk *chunks;
	uint32_t len, cap; /* of chunks */
	uint32_t first;	   /* no chunk before this one has a free bucket */
	uint32_t used;	   /* overflow buckets in use */
	uint32_t spare;	   /* overflow buckets that are free */
	uint32_t slot_size;
	uint8_t chunk_bits; /* a full chunk has 2^chunk_bits overflow buckets */
};

/* The part of a map that the fast path does not read. */
struct tophash_core {
	struct store store;
	struct pool pool;
	uint8_t move;	 /* enum move */
	uint8_t bits;	 /* 2^bits buckets; while moving: as many as before the move */
	bool home_moved; /* the home at the cursor has moved, its chains have not */
	uint8_t floor;	 /* a reserved map keeps 2^floor buckets until half of them were used */
	uint8_t share;	 /* old buckets that one put or delete moves */
	size_t cursor;	 /* growing: old buckets from here on are done; shrinking: new ones below */
	size_t released; /* shrinking: old buckets from the half up to here were given back */
	struct link rest_chains[2]; /* see "rest" above; a growing map uses the first only */
	uint64_t nan;		    /* how many NaN keys were put since the last clear */
	struct tophash_stats stats;
};

/* Returns whether a map has memory, but no core. */
static inline bool is_small(const struct tophash *map)
{
	return !map->core && map->slots;
}

/* Returns whether a map has memory. */
static inline bool has_memory(const struct tophash *map)
{
	return map->core || map->slots;
}

/* Returns whether a map is growing or shrinking. */
static inline bool is_moving(const struct tophash *map)
{
	return map->core && map->core->move != MOVE_NONE;
}

/* Returns the number of slots of a small map. */
static inline size_t small_slots(const struct tophash *map)
{
	return map->grow_at;
}

/* Returns the tag word of a small map. */
static inline uint8_t *small_word(const struct tophash *map)
{
	return map->slots - TOPHASH_WORD_SIZE;
}

#endif
