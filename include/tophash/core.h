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
	uint64_t (*hash)(const void *key);                /* CUSTOM only; need not be seeded or mixed */
	bool (*equal)(const void *key, const void *other); /* CUSTOM only */
};

/* Why the barrier is called. */
enum tophash_write {
	TOPHASH_WRITE_NEW,     /* a slot is about to be filled */
	TOPHASH_WRITE_REPLACE, /* its value is about to be replaced */
	TOPHASH_WRITE_MOVE,    /* an entry is about to be moved into it */
	TOPHASH_WRITE_CLEAR,   /* it is about to be cleared */
};

/* What a map may be given before its first element; {0} in a member: the default. The structure is
 * borrowed: it must outlive the map. */
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
	/* Called before size bytes at slot change. To be given with an allocator: without one, large
	 * maps are moved by the kernel, which tells nobody. */
	void (*barrier)(void *slot, size_t size, enum tophash_write why, void *ctx);
};

struct tophash_core;

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
	const struct tophash_type *type; /* borrowed; NULL before the first element, init, or reserve */
	volatile uint8_t writing;
};

struct tophash_stats {
	size_t len, slots, buckets, overflow; /* overflow: buckets of chains */
	size_t old_buckets, evacuated;        /* while moving: how many there were, how many are done */
	size_t bytes_held;                    /* memory that is taken */
	size_t bytes_live;                    /* of it in slots that are used */
	size_t longest_chain;                 /* buckets of the longest chain, the first one included */
	uint64_t grows, shrinks;
	uint64_t put_off;                     /* moves that had to wait for memory */
	uint64_t moved;                       /* entries moved */
	uint64_t slow[8];                     /* how often the slow path was taken, by reason */
};

/* No put or delete moves more entries than this; the larger the slots, the fewer. */
#define TOPHASH_MOVES_MAX 608

/* Why the slow path is taken. */
enum tophash_reason {
	TOPHASH_SLOW_CUSTOM = 1, /* hash, equality or hooks of its own; arrays in pieces */
	TOPHASH_SLOW_MOVING,     /* the map is moving */
	TOPHASH_SLOW_CHAIN,      /* the search leaves the home bucket, or its first match is not the key */
	TOPHASH_SLOW_FIRST,      /* put: the map has no memory yet */
	TOPHASH_SLOW_GROW,       /* put: the map must grow */
};

/* The out-of-line half of get, put and delete: never inlined, to be caught by a breakpoint or a probe.
 * key points to key_size bytes, hash is its hash under the map's seed, of 32 bits (ignored where the
 * map has none yet, and for CUSTOM). They return the slot; map may be NULL (not for put). Get's is
 * pure: so a loop of reads keeps the map's members in registers. */
TOPHASH_API __attribute__((pure)) void *tophash_get_slow(const struct tophash *map, const struct tophash_type *type,
				   const void *key, uint64_t hash);
/* ret: 1 new (key stored, value undefined), 0 there already, -ENOMEM or -EOVERFLOW (returns NULL). */
TOPHASH_API void *tophash_put_slow(struct tophash *map, const struct tophash_type *type,
				   const void *key, uint64_t hash, int *ret);
TOPHASH_API bool tophash_delete_slow(struct tophash *map, const struct tophash_type *type,
				     const void *key, uint64_t hash);
/* After a delete that left shrink_at elements or fewer. */
TOPHASH_API void tophash_deleted(struct tophash *map);

/* The functions below take a map of any type; NULL is an empty map, and so is {0}. type is borrowed, the
 * same for the whole life of a map. */

/* Makes an empty map with room for hint elements (0: no memory is taken): room that was asked for is
 * kept until half of it has been used once. 0, -ENOMEM or -EOVERFLOW. O(hint). */
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
/* Moves so many buckets, when the map is moving: for an idle loop. */
TOPHASH_API void tophash_step(struct tophash *map, unsigned buckets);
/* O(n): it looks for the longest chain. */
TOPHASH_API void tophash_stats(const struct tophash *map, struct tophash_stats *ret);

/* Something is wrong that must not be survived in silence. */
enum tophash_fault {
	TOPHASH_FAULT_CONCURRENT_WRITE = 1, /* two threads write one map */
};
/* Sets what is called then, for all maps; NULL: abort(). Returns what was set. */
typedef void tophash_fault_fn(enum tophash_fault fault, const struct tophash *map);
TOPHASH_API tophash_fault_fn *tophash_set_fault(tophash_fault_fn *fn);
TOPHASH_API void tophash_report_fault(enum tophash_fault fault, const struct tophash *map);

TOPHASH_END

#endif
