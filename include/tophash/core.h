/* The map without types: each function is told the type. Sizes are in bytes. */
#ifndef TOPHASH_CORE_H
#define TOPHASH_CORE_H

#include "tophash/base.h"

TOPHASH_BEGIN

/* How a key is hashed and compared. */
enum tophash_kind {
	TOPHASH_KIND_INT = 1, /* 1, 2, 4, 8 or 16 bytes by value: integers, bool, enums, pointers */
	TOPHASH_KIND_FLOAT,   /* float, double: -0 is +0; a NaN equals nothing, each is an entry */
	TOPHASH_KIND_CSTR,    /* char *, by contents; not NULL */
	TOPHASH_KIND_STR,     /* struct tophash_str, by contents */
	TOPHASH_KIND_BYTES,   /* key_size bytes by value */
	TOPHASH_KIND_CUSTOM,  /* by functions of the type */
};

/* A string that knows its length; p may be NULL when n is 0. */
struct tophash_str {
	const char *p;
	size_t n;
};

/* What a map holds; the same for the whole life of a map.
 *
 *   slot    +------- - - -+------+------- - - -+
 *           | key         | hash | value       |
 *           +------- - - -+------+------- - - -+
 *           0             hash_offset  val_offset      slot_size
 *
 * hash: of strings only, so that moving an entry never reads the string.
 */
struct tophash_type {
	uint32_t kind; /* enum tophash_kind */
	uint32_t key_size;
	uint32_t val_size; /* 0: a set */
	uint32_t val_offset;
	uint64_t hash_offset; /* 0: none */
	uint32_t slot_size;
	uint64_t (*hash)(const void *key); /* CUSTOM only; need not be seeded or mixed */
	bool (*equal)(const void *key, const void *other); /* CUSTOM only */
};

/* Why the barrier is called. */
enum tophash_write {
	TOPHASH_WRITE_NEW,     /* a slot is about to be filled; it is 0 */
	TOPHASH_WRITE_REPLACE, /* its value is about to be replaced */
	TOPHASH_WRITE_MOVE,    /* an entry is about to be copied into it; it is 0 */
	TOPHASH_WRITE_CLEAR, /* it is about to be zeroed: its entry was deleted, or copied elsewhere */
};

/* What a map may be given before its first element; {0} in a member: the default. The structure is
 * borrowed: it must outlive the map. No hook may call the map that calls it, not to read either: what is
 * being dropped may still stand in it. */
struct tophash_hooks {
	size_t size; /* sizeof(struct tophash_hooks) */
	void *ctx;   /* passed to each */
	/* Memory; both or none. free is told the size that was asked for. alloc returns NULL when
	 * there is none; its memory is aligned for any type. No piece is larger than 64 KiB, but for
	 * buckets that are (and the directory of pieces). */
	void *(*alloc)(size_t size, void *ctx);
	void (*free)(void *p, size_t size, void *ctx);
	/* Called once for each key and value that leaves the map: deleted, cleared, replaced, finished.
	 * A key that is put where an equal one is stays outside: the one put is dropped. */
	void (*drop_key)(void *key, void *ctx);
	void (*drop_val)(void *val, void *ctx);
	/* For a garbage collector, see docs/gc.md. Called before size bytes at slot change: a slot, or those
	 * of a block that goes elsewhere. They still hold what they held. The write is the next thing
	 * that happens: no hook is called, no memory taken before it; that of a put's value ends with the
	 * put. What is written through slot(), find() or it.ref is the caller's to announce. Where there is
	 * a barrier, a slot without an entry is 0, and so are all in memory that is given back. To be given
	 * with an allocator: without one, large maps are moved by the kernel, which tells nobody. */
	void (*barrier)(void *slot, size_t size, enum tophash_write why, void *ctx);
};

struct tophash_core;

#define TOPHASH_SLOT_MAX 65536 /* bytes of a key with its value */

/* A map; {0} is a legal, empty one. May be copied in memory, but only one of the copies may live on.
 * The members are for the functions of these headers only. */
struct tophash {
	uint8_t *tags; /* the tag words; NULL: nobody may look here but the slow path */
	uint8_t *slots;
	uint64_t seed, mult; /* of the hash */
	uint32_t shift;	     /* bucket = hash >> shift */
	uint32_t moves;	     /* changes when entries are moved, or an overflow bucket goes */
	uint8_t *write_tags; /* tags, for writes: NULL as well while a slow write goes on */
	size_t len;
	size_t grow_at;	  /* a put at this length grows first */
	size_t shrink_at; /* a delete down to this length shrinks afterwards */
	struct tophash_core *core;
	const struct tophash_hooks *hooks;
	const struct tophash_type
		*type; /* borrowed; NULL before the first element, init, or reserve */
	volatile uint8_t writing;
	bool keep_room;	 /* never to shrink by itself */
	bool huge_pages; /* see tophash_huge_pages() */
};

struct tophash_stats {
	size_t len, slots, buckets, overflow; /* overflow: buckets of chains */
	size_t old_buckets, evacuated; /* while moving: how many there were, how many are done */
	size_t bytes_held;	       /* memory that is taken */
	size_t bytes_live;	       /* of it in slots that are used */
	size_t longest_chain;	       /* buckets of the longest chain, the first one included */
	uint64_t grows, shrinks;
	uint64_t put_off; /* moves that had to wait for memory */
	uint64_t moved;	  /* entries moved */
	uint64_t slow[8]; /* how often the slow path was taken, by reason */
};

/* No put or delete moves more entries than this; the larger the slots, the fewer. */
#define TOPHASH_MOVES_MAX 609

/* Why the slow path is taken. */
enum tophash_reason {
	TOPHASH_SLOW_CUSTOM = 1, /* hash, equality or hooks of its own; arrays in pieces */
	TOPHASH_SLOW_MOVING,	 /* the map is moving */
	TOPHASH_SLOW_CHAIN, /* the search leaves the home bucket, or its first match is not the key */
	TOPHASH_SLOW_FIRST, /* put: the map has no memory yet */
	TOPHASH_SLOW_GROW,  /* put: the map must grow */
};

/* The out-of-line half of get, put and delete: never inlined, to be caught by a breakpoint or a probe.
 * key points to key_size bytes, hash is its hash under the map's seed, of 32 bits (ignored where the
 * map has none yet, and for CUSTOM). They return the slot; map may be NULL (not for put). Get's is
 * pure: so a loop of reads keeps the map's members in registers. */
TOPHASH_API __attribute__((pure)) void *tophash_get_slow(const struct tophash *map,
							 const struct tophash_type *type,
							 const void *key, uint64_t hash);
/* ret, before: 1 when a value that is there stays, 0 when it is about to be replaced; afterwards: 1 new
 * (key stored, value undefined), 0 there already, -ENOMEM or -EOVERFLOW (returns NULL). */
TOPHASH_API void *tophash_put_slow(struct tophash *map, const struct tophash_type *type,
				   const void *key, uint64_t hash, int *ret);
TOPHASH_API bool tophash_delete_slow(struct tophash *map, const struct tophash_type *type,
				     const void *key, uint64_t hash);
/* After a delete from that lane of a bucket: when the bucket has a chain, or shrink_at elements or fewer
 * are left. */
TOPHASH_API void tophash_deleted(struct tophash *map, size_t bucket, unsigned lane);

/* The functions below take a map of any type; NULL is an empty map, and so is {0}. type is borrowed, the
 * same for the whole life of a map. */

/* Makes an empty map with room for hint elements (0: no memory is taken): room that was asked for is
 * kept until half of it has been used once. 0, -ENOMEM or -EOVERFLOW: empty all the same. O(hint): the room
 * is touched page by page, up to a quarter of the machine's memory, so that no put has to (Linux 5.14). */
TOPHASH_API int tophash_init(struct tophash *map, const struct tophash_type *type, size_t hint);
/* Drops what is in it and gives all memory back; the map is empty, and legal, afterwards. O(n). */
TOPHASH_API void tophash_fini(struct tophash *map);
/* hooks is borrowed and outlives the map. -EBUSY when the map has memory already, -EINVAL. */
TOPHASH_API int tophash_set_hooks(struct tophash *map, const struct tophash_hooks *hooks);
/* Takes every element out. O(n); memory that was hardly used is given back. */
TOPHASH_API void tophash_clear(struct tophash *map);
/* Room for n elements in all, to be kept as init's is. 0, -ENOMEM or -EOVERFLOW. O(n). */
TOPHASH_API int tophash_reserve(struct tophash *map, const struct tophash_type *type, size_t n);
/* Gives back all that the elements do not need. 0 or -ENOMEM (then not all of it). O(n). */
TOPHASH_API int tophash_shrink(struct tophash *map);
/* Whether the map keeps its room when elements leave it (by itself it gives it back, a little with each
 * delete): for one that is soon to be full again. shrink() gives it back all the same, and fini. */
TOPHASH_API void tophash_keep_room(struct tophash *map, bool keep);
/* Whether arrays of 2 MiB and more may lie on huge pages, where the system has any to give (Linux:
 * madvise(MADV_HUGEPAGE)); by itself no map does. Large maps are faster by it, and memory is taken and given
 * back 2 MiB at a time: the put or delete whose turn it is waits until so much has been cleared, or longer,
 * where the kernel must make room for it first. Of no effect with an allocator. */
TOPHASH_API void tophash_huge_pages(struct tophash *map, bool use);
/* Moves so many buckets, when the map is moving: for an idle loop. */
TOPHASH_API void tophash_step(struct tophash *map, unsigned buckets);
/* In C++ the function hides the constructor of the structure: gcc's -Wshadow warns of that. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
/* O(n): it looks for the longest chain. */
TOPHASH_API void tophash_stats(const struct tophash *map, struct tophash_stats *ret);
#pragma GCC diagnostic pop

/* For who knows the type at run time only. A map of new is on the heap, with its type; it is for free
 * alone. INT keys are of 1, 2, 4, 8 or 16 bytes, FLOAT of 4 or 8, CSTR and STR of a pointer's and struct
 * tophash_str's; val_size 0 makes a set. NULL with errno: EINVAL, ENOMEM, EOVERFLOW. */
TOPHASH_API struct tophash *tophash_new(enum tophash_kind kind, uint32_t key_size,
					uint32_t val_size, size_t hint);
TOPHASH_API void tophash_free(struct tophash *map);
/* The layout that new gives a slot. 0 or -EINVAL. */
TOPHASH_API int tophash_type_init(struct tophash_type *type, enum tophash_kind kind,
				  uint32_t key_size, uint32_t val_size);
/* These do what the typed ones of map.h do; key and val point to as many bytes as the map was made
 * for. They take any map that has been initialised, or has had an element. A key may lie in the map, as
 * that of an iteration does; a val that is put may not. */
TOPHASH_API int tophash_put(struct tophash *map, const void *key, const void *val);
TOPHASH_API bool tophash_get(const struct tophash *map, const void *key, void *ret);
TOPHASH_API void *tophash_find(const struct tophash *map, const void *key);
TOPHASH_API bool tophash_delete(struct tophash *map, const void *key);
TOPHASH_API size_t tophash_len(const struct tophash *map);
/* Iterates as TOPHASH_EACH does. NULL without memory. */
struct tophash_iter;
TOPHASH_API struct tophash_iter *tophash_iter_new(const struct tophash *map);
/* False at the end. ret_key and ret_val are borrowed until the next change of the map, or NULL. */
TOPHASH_API bool tophash_iter_next(struct tophash_iter *iter, const void **ret_key, void **ret_val);
TOPHASH_API void tophash_iter_free(struct tophash_iter *iter);

/* Makes a copy of map in ret, which held nothing: its own memory and seed, the same hooks; of keep_room and
 * huge_pages it knows nothing. 0, -ENOMEM, or -EINVAL for a map with drop hooks (both would drop what they
 * share): empty then. O(n). */
TOPHASH_API int tophash_clone(const struct tophash *map, struct tophash *ret);

/* What is not as it should be in a map. */
enum tophash_broken {
	TOPHASH_BROKEN_LEN = 1, /* there are more or fewer entries than len says */
	TOPHASH_BROKEN_FILTER,	/* an overflow filter does not tell what the chain holds */
	TOPHASH_BROKEN_CHAIN,	/* a chain leads nowhere, or in a circle */
	TOPHASH_BROKEN_POOL,	/* overflow buckets are lost, or in two chains */
	TOPHASH_BROKEN_FAST,	/* the members of the fast path are not those of the core */
	TOPHASH_BROKEN_FREE,	/* what must be empty is not */
	TOPHASH_BROKEN_PLACE,	/* an entry is where its hash does not lead (level 2) */
	TOPHASH_BROKEN_TAG,	/* an entry has another tag than its hash (level 2) */
	TOPHASH_BROKEN_TWICE,	/* a key is there twice (level 3) */
};

/* Walks through a map, as one does in tests. level 1: counts, chains and filters; 2: each entry is
 * where it should be; 3: no key is there twice. 0, or what was found first (enum tophash_broken). O(n). */
TOPHASH_API int tophash_check(const struct tophash *map, int level);

/* Something is wrong that must not be survived in silence. */
enum tophash_fault {
	TOPHASH_FAULT_CONCURRENT_WRITE = 1, /* two threads write one map */
	TOPHASH_FAULT_BROKEN,		    /* an invariant does not hold (TOPHASH_DEBUG=check=N) */
};
/* Sets what is called then, for all maps; NULL: abort(). Returns what was set. */
typedef void tophash_fault_fn(enum tophash_fault fault, const struct tophash *map);
TOPHASH_API tophash_fault_fn *tophash_set_fault(tophash_fault_fn *fn);
TOPHASH_API void tophash_report_fault(enum tophash_fault fault, const struct tophash *map);

/* Sets what TOPHASH_DEBUG in the environment sets when a program starts, for all maps; NULL or "": back to
 * normal. Options, apart by commas:
 *   evacuate=shared|manual|eager   who moves entries: each put and delete its share; nobody but
 *                                  tophash_step(); the put or delete that begins, all of them
 *   seed=N                         the same seed for every map, and the same order of iteration
 *   trace=1                        each slow put and delete, each move, to stderr
 *   check=N                        tophash_check() of level N after each slow put and delete
 * 0, or -EINVAL for what it does not understand. Not while another thread uses a map. */
TOPHASH_API int tophash_debug(const char *options);
/* "custom", "moving", "chain", "first", "grow"; borrowed. */
TOPHASH_API const char *tophash_reason_name(enum tophash_reason reason);

TOPHASH_END

#endif
