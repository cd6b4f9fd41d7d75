/* What the files of the map share: where the buckets live, and how far they have been moved.
 *
 * Glossary
 *   bucket      a tag word and its 15 slots; the bucket of a key is named by the highest bits of its
 *               hash, so that bucket i of n becomes 2i and 2i + 1 of 2n
 *   home        the bucket itself, as opposed to the overflow buckets chained to it
 *   overflow    a bucket of 4 slots from the pool, for what does not fit in the home
 *   moving      growing or shrinking, a few buckets at a time, in place: old and new buckets live in
 *               the same arrays. Growing splits the last old bucket first (its two halves lie where
 *               nothing is any more), shrinking merges the first two first:
 *
 *       growing     0      cursor          n                   2 n
 *                   | old . . | (free) . . . | . . new buckets . |
 *       shrinking   0      cursor   2 cursor                    n
 *                   | new . . | (free) . | . . . old buckets . . |
 *
 *   rest        the chains of the bucket that is being moved: its home has gone, they follow by one
 *               overflow bucket at a time
 */
#ifndef TOPHASH_INTERNAL_H
#define TOPHASH_INTERNAL_H

#include <errno.h>
#include <string.h>

#include "tophash/fast.h"

#include "names.h"

/* A symbol of its own that is called with the arguments it was given: for breakpoints and probes, even
 * where the whole program is optimised at once (gcc would make a copy for constant arguments). */
#ifdef __clang__
#define APART __attribute__((noinline, used))
#else
#define APART __attribute__((noipa, used, externally_visible))
#endif

#define OVERFLOW_SLOTS 4
#define PIECE_SIZE     ((size_t)64 << 10) /* the piece in which memory is taken and given back */
/* Pages in a row are given back at 0.3 us each by 64, 0.4 by 16, 1.1 alone. */
#define RELEASE_SIZE	((size_t)256 << 10)
#define HUGE_PAGE	((size_t)2 << 20)   /* of x86-64, and of arm64 with pages of 4 KiB */
#define BLOCK_MAX	((size_t)256 << 10) /* up to here the buckets are one block of the heap */
#define BUCKET_BITS_MAX (sizeof(size_t) > 4 ? 31u : 28u)

/* The average of entries a bucket at which a map grows, which leaves 6.5. At 14 the reads of a map just before
 * its growth take half as long again: one in eleven that finds nothing must look into a chain. */
#define GROW_LOAD 13
/* And of what it then has room for, the part at which it shrinks to half its buckets, which leaves 9.1. So
 * after a growth three in ten must go before it shrinks, and after a shrink four in ten come before it grows;
 * and after deletes a map has at most twice the buckets of one that was made at its length. */
#define SHRINK_PERCENT 35

/* Old buckets moved by one put or delete: as many as a page holds, 16 at most. So a map of 16-byte slots
 * moves for one put in a hundred, and each of these costs a page fault or two and about a microsecond. */
#define SHARE_BYTES 4096
#define SHARE_MAX   16
#define REST_SHARE  2 /* overflow buckets that follow their home in the same step */

_Static_assert(SHARE_MAX *(2 * TOPHASH_SLOTS + REST_SHARE * OVERFLOW_SLOTS) + 1 ==
		       TOPHASH_MOVES_MAX,
	       "the bound that is promised: a share, and what fills the hole of a delete");

enum move {
	MOVE_NONE,
	MOVE_GROW,
	MOVE_SHRINK,
};

enum store_mode {
	STORE_NONE,
	STORE_BLOCK,  /* one allocation: slots, tag words, links */
	STORE_MAPPED, /* three mappings of their own */
	STORE_PIECES, /* blocks of 2^piece_bits buckets (with an allocator) */
};

/* What leads to an overflow bucket: from the home, or from the overflow bucket before. It has the tags
 * of the slots there, so that a search that finds none of its own never goes. All 0: there is none. */
struct link {
	uint8_t tags[OVERFLOW_SLOTS];
	uint32_t number;
};

/* Where the home buckets live. What is not in use is 0: tag words and links. */
struct store {
	uint8_t *tags;
	uint8_t *slots;
	struct link *links; /* to the first overflow bucket */
	uint8_t **pieces;
	size_t buckets; /* room for so many */
	size_t pieces_cap;
	uint32_t bucket_size; /* bytes of the slots of a bucket */
	uint8_t mode;	      /* enum store_mode */
	uint8_t piece_bits;
	bool huge; /* mappings of 2 MiB and more may lie on huge pages */
};

struct chunk {
	uint8_t *mem;
	uint32_t slots_at; /* in mem: the slots, behind the links */
	uint16_t used;
	uint16_t free; /* place in the chunk + 1 of the first free one, or 0 */
};

/* The overflow buckets, by number, in chunks that never move. */
struct pool {
	struct chunk *chunks;
	uint32_t len, cap; /* chunks */
	uint32_t first;	   /* no chunk below has room */
	uint32_t used;	   /* overflow buckets in use */
	uint32_t spare;	   /* and free ones */
	uint32_t slot_size;
	uint8_t chunk_bits; /* a full chunk has 2^chunk_bits */
};

struct tophash_core {
	struct store store;
	struct pool pool;
	uint8_t move; /* enum move */
	uint8_t bits; /* 2^bits buckets; while moving: before the move */
	bool partial; /* the home at the cursor has gone, rest has not */
	uint8_t floor; /* room that was asked for: 2^floor buckets stay until half of it has been used */
	uint8_t share;	 /* old buckets to be moved by one put or delete */
	size_t cursor;	 /* growing: old buckets from here on are done; shrinking: new ones below */
	size_t released; /* shrinking: old buckets from the half up to here were given back */
	struct link rest[2];
	uint32_t nan; /* the last payload given to a NaN */
	struct tophash_stats stats;
};

/* ---- debug.c ------------------------------------------------------------------------------------- */

enum evacuate {
	EVACUATE_SHARED, /* by each put and delete its share */
	EVACUATE_MANUAL, /* by tophash_step() only */
	EVACUATE_EAGER,	 /* all at once */
};

struct debug {
	enum evacuate evacuate;
	int check; /* the level of a check after each slow write; 0: none */
	bool trace;
	bool seeded;
	uint64_t seed;
};

extern struct debug debug;

/* describe.c: refers to the note that tells debuggers of the structures here, as nobody else does: so it
 * comes out of an archive, and no linker drops it. */
void note_keep(void);

void trace_slow(const struct tophash *map, const char *what, enum tophash_reason reason);
void trace_move(const struct tophash *map, const char *what, size_t from, size_t to);
void debug_check(const struct tophash *map);

/* ---- store.c: memory of the home buckets, and memory at all ------------------------------------ */

void *mem_alloc(const struct tophash *map, size_t size); /* zeroed, or NULL */
void mem_free(const struct tophash *map, void *p, size_t size);

/* Pages of the kernel's, zeroed; or NULL. Free is told the size that was asked for. */
void *pages_alloc(size_t size);
void pages_free(void *p, size_t size);
size_t page_round(size_t size); /* to whole pages */

int store_init(struct tophash *map, size_t buckets);
void store_fini(struct tophash *map);
/* Makes room for twice the buckets. On error nothing has changed. */
int store_double(struct tophash *map);
/* Gives back what lies behind buckets; what cannot be given back stays. Everything there is 0. */
void store_trim(struct tophash *map, size_t buckets);
/* Gives back the memory of buckets first..to, those below from having been given back before as far as
 * they fill pages or pieces. */
void store_release(struct tophash *map, size_t first, size_t from, size_t to);
size_t store_bytes(const struct tophash_core *core);
/* What tophash_huge_pages() does to the mappings that there are. */
void store_huge(struct tophash *map, bool use);
/* Bytes of slots that are given back at a time. */
static inline size_t store_release_size(const struct store *store)
{
	if (store->mode != STORE_MAPPED)
		return PIECE_SIZE;
	return store->huge ? HUGE_PAGE : RELEASE_SIZE;
}

static inline uint8_t *store_piece(const struct store *store, size_t bucket, size_t *ret_at)
{
	*ret_at = bucket & (((size_t)1 << store->piece_bits) - 1);
	return store->pieces[bucket >> store->piece_bits];
}

/* A block of so many buckets, and so a piece: the slots, then the tag words, then the links. The slots
 * come first, so that they stay where they are when a block is made longer or shorter.
 *
 *	+-------------- - - -+---------- - - -+-------- - - -+
 *	| slots              | tag words      | links        |
 *	+-------------- - - -+---------- - - -+-------- - - -+
 *	0                    tags_at          links_at       block_size
 */
static inline size_t store_tags_at(const struct store *store, size_t buckets)
{
	return (buckets * store->bucket_size + 15) & ~(size_t)15;
}

static inline size_t store_links_at(const struct store *store, size_t buckets)
{
	return store_tags_at(store, buckets) + buckets * TOPHASH_WORD_SIZE;
}

static inline uint8_t *store_word(const struct store *store, size_t bucket)
{
	size_t at = bucket;
	uint8_t *piece;

	if (TOPHASH_LIKELY(!store->pieces))
		return store->tags + bucket * TOPHASH_WORD_SIZE;
	piece = store_piece(store, bucket, &at);
	return piece + store_tags_at(store, (size_t)1 << store->piece_bits) +
	       at * TOPHASH_WORD_SIZE;
}

static inline struct link *store_link(const struct store *store, size_t bucket)
{
	size_t at = bucket;
	uint8_t *piece;

	if (TOPHASH_LIKELY(!store->pieces))
		return store->links + bucket;
	piece = store_piece(store, bucket, &at);
	piece += store_links_at(store, (size_t)1 << store->piece_bits);
	return (struct link *)(void *)piece + at;
}

static inline uint8_t *store_slots(const struct store *store, size_t bucket)
{
	size_t at = bucket;

	if (TOPHASH_LIKELY(!store->pieces))
		return store->slots + bucket * store->bucket_size;
	return store_piece(store, bucket, &at) + at * store->bucket_size;
}

/* ---- pool.c: overflow buckets ------------------------------------------------------------------- */

void pool_init(struct pool *pool, uint32_t slot_size);
void pool_fini(struct tophash *map);
/* Sees to it that n more can be had without memory. */
bool pool_reserve(struct tophash *map, uint32_t n);
/* An empty one; what pool_reserve() promised, or 0 when there is no memory. */
uint32_t pool_take(struct tophash *map);
void pool_give(struct tophash *map, uint32_t number);
/* Gives back every chunk that is empty. */
void pool_trim(struct tophash *map);
/* The link from an overflow bucket to the next one. */
static inline struct link *pool_link(const struct pool *pool, uint32_t number)
{
	const struct chunk *chunk = &pool->chunks[(number - 1) >> pool->chunk_bits];

	return (struct link *)(void *)chunk->mem + ((number - 1) & ((1u << pool->chunk_bits) - 1));
}

static inline uint8_t *pool_slots(const struct pool *pool, uint32_t number)
{
	const struct chunk *chunk = &pool->chunks[(number - 1) >> pool->chunk_bits];
	size_t at = (number - 1) & ((1u << pool->chunk_bits) - 1);

	return chunk->mem + chunk->slots_at + at * OVERFLOW_SLOTS * pool->slot_size;
}

size_t pool_bytes(const struct tophash *map);

/* ---- chain.c: a bucket with its chain ----------------------------------------------------------- */

/* A home with the chain that hangs on it; without a word: a chain alone (a rest). */
struct chain {
	uint8_t *word;
	uint8_t *slots;
	struct link *link;
};

/* Where an entry is. */
struct place {
	uint8_t *tag;
	uint8_t *slot;
	struct chain chain; /* where it was found */
};

static inline struct chain chain_of(const struct tophash_core *core, size_t bucket)
{
	return (struct chain){store_word(&core->store, bucket), store_slots(&core->store, bucket),
			      store_link(&core->store, bucket)};
}

bool chain_find(const struct tophash *map, const struct chain *chain, const struct tophash_key *key,
		uint64_t hash, struct place *ret);
/* A free slot, marked with the tag; NULL when there is no memory for an overflow bucket. */
uint8_t *chain_add(struct tophash *map, const struct chain *chain, uint8_t tag);
uint8_t chain_filter(const struct pool *pool, const struct link *link);
/* Frees the place of an entry. An entry of the chain's first overflow bucket takes it, if there is one:
 * so a home with a chain is full always, and so is each overflow bucket but the first of a chain. It
 * is what other maps need a cleaning for. */
void chain_remove(struct tophash *map, const struct place *place);

/* ---- move.c: growing and shrinking --------------------------------------------------------------- */

/* Where a key of this hash is, and where a new one goes: a bucket of 2^bits; while that is being moved,
 * the key may still be in the rest. */
struct route {
	size_t bucket;
	unsigned bits;
	bool rest;
};

static inline size_t bucket_of(uint64_t hash, unsigned bits)
{
	return (size_t)(hash >> (32 - bits));
}

struct route route_of(const struct tophash *map, uint64_t hash);
int move_grow(struct tophash *map);
void move_shrink(struct tophash *map);
/* So many steps; a step moves a home (two, shrinking) and what little hangs on it. */
void move_step(struct tophash *map, size_t steps);
/* What one put or delete has to move. */
static inline void move_share(struct tophash *map)
{
	if (map->core->move == MOVE_NONE || debug.evacuate == EVACUATE_MANUAL)
		return;
	move_step(map, debug.evacuate == EVACUATE_EAGER ? SIZE_MAX : map->core->share);
}
/* Ends a move of a map without elements. */
void move_forget(struct tophash *map);
/* Sets what the fast paths and thresholds are to be, from the core. */
void core_publish(struct tophash *map);
uint64_t slot_hash(const struct tophash *map, const struct tophash_type *type, const uint8_t *slot);

/* ---- slow.c, map.c ------------------------------------------------------------------------------------ */

uint64_t random_u64(void);
/* In the child of a fork, which has but the thread that called it: that thread draws anew. */
void random_forget(void);
void seed_renew(struct tophash *map);
/* Memory, a seed, and room for n elements; 0 or an error. */
int core_new(struct tophash *map, const struct tophash_type *type, size_t n);
void drop_entry(const struct tophash *map, uint8_t *slot);
/* Where a key is, wherever that may be. */
bool map_find(const struct tophash *map, const struct tophash_key *key, uint64_t hash,
	      struct place *ret);
/* How many home buckets have to be looked at, whatever moves; holes among them hold nothing. */
size_t homes(const struct tophash_core *core);
bool is_hole(const struct tophash_core *core, size_t bucket);

static inline bool has_allocator(const struct tophash *map)
{
	return map->hooks && map->hooks->alloc;
}

/* Whether somebody is to be told of each element that comes or goes. */
static inline bool has_element_hooks(const struct tophash *map)
{
	return map->hooks && (map->hooks->drop_key || map->hooks->drop_val || map->hooks->barrier);
}

/* How many elements 2^bits buckets hold before they grow. */
static inline size_t room_of(unsigned bits)
{
	return bits == 0 ? TOPHASH_SLOTS : (size_t)GROW_LOAD << bits;
}

static inline bool has_barrier(const struct tophash *map)
{
	return TOPHASH_UNLIKELY(map->hooks && map->hooks->barrier);
}

/* Whoever calls it writes next, and does nothing else before: no hook may run in between, for a collection
 * that begins there would have forgotten what it was told. */
static inline void barrier_range(const struct tophash *map, uint8_t *at, size_t size,
				 enum tophash_write why)
{
	if (has_barrier(map))
		map->hooks->barrier(at, size, why, map->hooks->ctx);
}

static inline void barrier(const struct tophash *map, uint8_t *slot, enum tophash_write why)
{
	barrier_range(map, slot, map->type->slot_size, why);
}

/* Clears a slot that nothing is in any more, if somebody watches: a collector must not see what has left. */
static inline void slot_vacate(const struct tophash *map, uint8_t *slot)
{
	if (!has_barrier(map))
		return;
	barrier(map, slot, TOPHASH_WRITE_CLEAR);
	memset(slot, 0, map->type->slot_size);
}

static inline void slot_move(const struct tophash *map, uint8_t *to, uint8_t *from)
{
	barrier(map, to, TOPHASH_WRITE_MOVE);
	if (TOPHASH_LIKELY(map->type->slot_size == 16)) /* without a call */
		memcpy(to, from, 16);
	else
		memcpy(to, from, map->type->slot_size);
	slot_vacate(map, from);
}

/* Around what the slow path writes. Meanwhile the fast path's writes end here as well, and say so: two
 * threads that write one map are found for nothing more than this. */
static inline void begin_write(struct tophash *map)
{
	if (TOPHASH_UNLIKELY(map->writing))
		tophash_report_fault(TOPHASH_FAULT_CONCURRENT_WRITE, map);
	map->writing = 1;
	map->write_tags = NULL;
}

static inline void end_write(struct tophash *map)
{
	map->writing = 0;
	map->write_tags = map->tags && !has_element_hooks(map) ? map->tags : NULL;
	if (TOPHASH_UNLIKELY(debug.check))
		debug_check(map);
}

#endif
