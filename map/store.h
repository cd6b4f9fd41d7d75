/* The home buckets: their memory in three shapes, and how a bucket's number leads to its bytes. */
#ifndef TOPHASH_STORE_H
#define TOPHASH_STORE_H

#include "layout.h"
#include "mem.h"

#define BLOCK_MAX ((size_t)256 << 10) /* up to this size the buckets are one block of the heap */
/* Giving back 64 pages at a time costs 0.3 us a page, 16 at a time 0.4, one at a time 1.1. */
#define RELEASE_SIZE ((size_t)256 << 10)

/* Takes memory for this many buckets (a power of 2). Returns 0, -ENOMEM or -EOVERFLOW. */
int store_init(struct tophash *map, size_t buckets);
/* Frees the memory of all buckets. */
void store_fini(struct tophash *map);
/* Makes room for twice the buckets. Returns 0, -ENOMEM or -EOVERFLOW; on error no bucket has changed, but
 * the arrays may have other addresses. */
int store_double(struct tophash *map);
/* Gives back the memory after the first buckets, whose tag words and links are 0. Memory that
 * cannot be given back now stays, and is counted in stats.put_off. */
void store_trim(struct tophash *map, size_t buckets);
/* Gives back the memory of buckets from..to as far as they fill whole pages or pieces, together with
 * buckets from first on that were released before and share the first page or piece. */
void store_release(struct tophash *map, size_t first, size_t from, size_t to);
/* Returns the bytes of memory that are taken. */
size_t store_bytes(const struct tophash_core *core);
/* Applies tophash_huge_pages() to the mappings that exist. */
void store_huge(struct tophash *map, bool use);

/* Returns how many bytes of slots are given back at a time. */
static inline size_t store_release_size(const struct store *store)
{
	if (store->mode != STORE_MAPPED)
		return PIECE_SIZE;
	return store->huge ? HUGE_PAGE : RELEASE_SIZE;
}

/* Returns the piece of a bucket; *ret_at is the bucket's index in it. */
static inline uint8_t *store_piece(const struct store *store, size_t bucket, size_t *ret_at)
{
	*ret_at = bucket & (((size_t)1 << store->piece_bits) - 1);
	return store->pieces[bucket >> store->piece_bits];
}

/* Returns where the tag words begin in a block. A block, like a piece, has the slots, then the tag
 * words, then the links of its buckets. The slots come first, and stay in place when a block
 * becomes longer or shorter.
 *
 * 	+-------------- - - -+---------- - - -+-------- - - -+
 * 	| slots              | tag words      | links        |
 * 	+-------------- - - -+---------- - - -+-------- - - -+
 * 	0                    tags_at          links_at       block_size
 */
static inline size_t store_tags_at(const struct store *store, size_t buckets)
{
	return (buckets * store->bucket_size + 15) & ~(size_t)15;
}

static inline size_t store_links_at(const struct store *store, size_t buckets)
{
	return store_tags_at(store, buckets) + buckets * TOPHASH_WORD_SIZE;
}

static inline size_t store_links_size(size_t buckets)
{
	return buckets * sizeof(struct link);
}

static inline size_t store_block_size(const struct store *store, size_t buckets)
{
	return store_links_at(store, buckets) + store_links_size(buckets);
}

/* Makes a block the memory of a store. */
static inline void store_set_block(struct store *store, uint8_t *block, size_t buckets)
{
	store->slots = block;
	store->tags = block + store_tags_at(store, buckets);
	store->links = (struct link *)(void *)(block + store_links_at(store, buckets));
	store->buckets = buckets;
	store->mode = STORE_BLOCK;
}

/* Returns the tag word of a bucket. */
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

/* Returns the link of a bucket to its first overflow bucket. */
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

/* Returns the first slot of a bucket. */
static inline uint8_t *store_slots(const struct store *store, size_t bucket)
{
	size_t at = bucket;

	if (TOPHASH_LIKELY(!store->pieces))
		return store->slots + bucket * store->bucket_size;
	return store_piece(store, bucket, &at) + at * store->bucket_size;
}

#endif
