/* The map without types: each function takes the type as an argument. Sizes are in bytes.
 *
 * Threads: any number of threads may read a map at the same time. A thread that changes a map must be the
 * only one that uses it. Functions that take a const map only read it.
 */
#ifndef TOPHASH_CORE_H
#define TOPHASH_CORE_H

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include "tophash/base.h"

TOPHASH_BEGIN

/* Says how a key is hashed and compared. */
enum tophash_kind {
	TOPHASH_KIND_INT = 1, /* 1, 2, 4, 8 or 16 bytes by value: integers, bool, enums, pointers */
	TOPHASH_KIND_FLOAT,   /* float, double: -0 equals +0; a NaN equals no key */
	TOPHASH_KIND_CSTR,    /* char *, by contents; never NULL */
	TOPHASH_KIND_STR,     /* struct tophash_str, by contents */
	TOPHASH_KIND_BYTES,   /* key_size bytes by value */
	TOPHASH_KIND_CUSTOM,  /* by the functions hash and equal of the type */
	TOPHASH_KIND_MIXED,   /* the same, with a hash that is mixed (TOPHASH_MAP_MIXED in map.h) */
};

/* A string that knows its length; p may be NULL when n is 0. */
struct tophash_str {
	const char *p;
	size_t n;
};

/* The type of a map's entries. It stays the same for the whole life of the map.
 *
 *   slot    +------- - - -+------+------- - - -+
 *           | key         | hash | value       |
 *           +------- - - -+------+------- - - -+
 *           0             hash_offset  val_offset      slot_size
 *
 * Only strings have a hash in the slot: moving an entry then never reads the string.
 */
struct tophash_type {
	uint32_t kind; /* enum tophash_kind */
	uint32_t key_size;
	uint32_t val_size; /* 0: a set */
	uint32_t val_offset;
	uint64_t hash_offset; /* 0: none */
	uint32_t slot_size;
	/* CUSTOM and MIXED only; the hash need not be seeded. */
	uint64_t (*hash)(const void *key);
	bool (*equal)(const void *key, const void *other);
};

/* Says why the barrier is called. */
enum tophash_write {
	TOPHASH_WRITE_NEW,     /* an entry is about to be written to the slot, which is 0 */
	TOPHASH_WRITE_REPLACE, /* the value in the slot is about to be replaced */
	TOPHASH_WRITE_MOVE,    /* an entry is about to be copied to the slot, which is 0 */
	TOPHASH_WRITE_CLEAR,   /* the slot is about to be zeroed: its entry was deleted or moved */
};

/* Functions of the user that a map calls. Set them with tophash_set_hooks() before the first element. A
 * member that is NULL stands for the default. A hook must not call the map, not even to read it: the entry
 * being dropped may still be there. */
struct tophash_hooks {
	size_t size; /* sizeof(struct tophash_hooks) */
	void *ctx;   /* passed to each hook */
	/* Memory: set both or neither. alloc returns memory that is aligned for any type, or NULL. free gets
	 * the size that was asked for. No piece is larger than 64 KiB, unless one bucket is (and except for
	 * the directory of pieces). */
	void *(*alloc)(size_t size, void *ctx);
	void (*free)(void *p, size_t size, void *ctx);
	/* Called once for each key and value that leaves the map: by a delete, a clear, a replacement or
	 * fini. When a put or slot finds an equal key in the map, that key stays, and the one that was given is
	 * dropped. A string, or a key with a hash of the user, that is given with the bytes that the map holds is
	 * the key that stays. The key of an element is dropped before its value. */
	void (*drop_key)(void *key, void *ctx);
	void (*drop_val)(void *val, void *ctx);
	/* The write barrier of a garbage collector; docs/gc.md explains it. Called before size bytes at slot
	 * change: one slot, or all slots of a block that is copied elsewhere. The bytes still have their old
	 * contents. The write follows at once: the map calls no hook and takes no memory in between. The
	 * write of a put's value ends with the put. The caller announces by itself what it writes through
	 * slot(), find() or it.ref. With a barrier, every slot without an entry is 0, also in memory that is
	 * given back. A barrier needs an allocator, because without one the kernel moves large maps and
	 * tells nobody. */
	void (*barrier)(void *slot, size_t size, enum tophash_write why, void *ctx);
};

struct tophash_core;

#define TOPHASH_SLOT_MAX 65536 /* the largest slot: a key, its hash and its value */

/* A map. {0} is a valid empty map. A map may be copied as bytes, but then only one of the copies may be
 * used. The members are for the functions of these headers only. */
struct tophash {
	uint8_t *tags; /* the tag words; NULL: every operation takes the slow path */
	uint8_t *slots;
	uint64_t seed, mult; /* the secret of the hash */
	uint32_t moves;	     /* changes when entries move, or an overflow bucket goes */
	uint8_t shift;	     /* bucket = hash >> shift */
	volatile uint8_t writing;
	bool first_put;	     /* the map got its memory by a put */
	bool keep_room : 1;  /* see tophash_keep_room() */
	bool huge_pages : 1; /* see tophash_huge_pages() */
	bool reserved : 1;   /* the room of a small map was asked for */
	bool had_core : 1;   /* the map had more than 15 elements under its seed */
	uint8_t *write_tags; /* tags for writes; also NULL while a slow write is going on */
	size_t len;
	size_t grow_at;	  /* a put at this length grows the map first */
	size_t shrink_at; /* a delete at this length or below shrinks the map */
	struct tophash_core *core;
	const struct tophash_hooks *hooks;
	const struct tophash_type
		*type; /* borrowed; NULL before init, reserve or the first element */
};

/* Numbers about a map; tophash_stats() fills it. */
struct tophash_stats {
	size_t len, slots, buckets, overflow; /* overflow: overflow buckets in use */
	size_t old_buckets,
		evacuated;    /* while moving: old buckets in all, and those that are done */
	size_t bytes_held;    /* memory that the map has taken */
	size_t bytes_live;    /* the part of it in slots that hold an entry */
	size_t longest_chain; /* in buckets, including the home */
	/* The counters are 0 while the map is small, except slow[TOPHASH_SLOW_FIRST]. They begin when it gets more
	 * than 15 elements, and again when it has become small in between. */
	uint64_t grows, shrinks;
	uint64_t put_off; /* how often a move had to wait for memory */
	uint64_t moved;	  /* entries moved */
	uint64_t slow[8]; /* how often the slow path was taken, by enum tophash_reason */
};

/* The most entries that one put or delete moves. With larger slots it is fewer. */
#define TOPHASH_MOVES_MAX 609

/* Says why the slow path is taken. */
enum tophash_reason {
	/* The key has a hash of the user, and the caller has only a pointer to it. Or the map has hooks for its
	 * elements, or arrays in pieces. */
	TOPHASH_SLOW_CUSTOM = 1,
	TOPHASH_SLOW_MOVING, /* the map is moving */
	TOPHASH_SLOW_CHAIN, /* the search leaves the home bucket, or its first match is not the key */
	TOPHASH_SLOW_FIRST, /* put: the map has no memory yet */
	TOPHASH_SLOW_GROW,  /* put: the map must grow */
};

/* ---- the out-of-line half of get, put and delete ---------------------------------------------------
 *
 * These functions are never inlined, so that a breakpoint or a probe catches them. key points to
 * type->key_size bytes. hash is the key's 32-bit hash under the map's seed, or TOPHASH_UNSEEN; it is ignored in a map
 * that has no seed yet. map may be NULL, except for put. */

/* Stands for the hash of a CUSTOM or MIXED key in a caller that has only pointers to the functions of its type. The slow path
 * then calls them. */
#define TOPHASH_UNSEEN UINT64_MAX

/* Returns the slot of a key, or NULL. It is declared pure, so that a loop of reads keeps the map's members in
 * registers. */
TOPHASH_API __attribute__((pure)) void *tophash_get_slow(const struct tophash *map,
							 const struct tophash_type *type,
							 const void *key, uint64_t hash);
/* Returns the slot for a key, which the caller then writes the value to, or NULL on error.
 * *ret before the call (enum tophash_put_as): what happens to an entry that is there.
 * *ret afterwards: 1 for a new entry (the key is written, the value undefined), 0 for one that was there,
 * -ENOMEM or -EOVERFLOW. */
TOPHASH_API void *tophash_put_slow(struct tophash *map, const struct tophash_type *type,
				   const void *key, uint64_t hash, int *ret);
/* What a put does with an entry that is there. */
enum tophash_put_as {
	TOPHASH_PUT_REPLACE, /* drops the value, which the caller writes anew, and the key that was given */
	TOPHASH_PUT_KEEP, /* drops only the key that was given */
	TOPHASH_PUT_LOOK, /* drops nothing */
};
/* Deletes a key. Returns whether it was in the map. */
TOPHASH_API bool tophash_delete_slow(struct tophash *map, const struct tophash_type *type,
				     const void *key, uint64_t hash);
/* Ends a fast delete from this lane of a bucket. The fast path calls it when the bucket has a chain, or when
 * the map is to shrink. */
TOPHASH_API void tophash_deleted(struct tophash *map, size_t bucket, unsigned lane);

/* Deletes a key without a call of the drop hooks: key and value are the caller's. Returns whether it was in the map.
 * map may be NULL. */
TOPHASH_API bool tophash_release(struct tophash *map, const struct tophash_type *type,
				 const void *key);

/* ---- light code --------------------------------------------------------------------------------------
 *
 * The fast path out of line, for callers that are not optimised (TOPHASH_LIGHT in base.h). CUSTOM and MIXED keys
 * take the slow path. key points to type->key_size bytes. map may be NULL, except for put. */

/* Returns the slot of a key, or NULL. */
TOPHASH_API __attribute__((pure)) void *tophash_find_at(const struct tophash *map,
							const struct tophash_type *type,
							const void *key);
/* Returns the slot for a key, or NULL on error. as and *ret are those of tophash_put_slow(). */
TOPHASH_API void *tophash_put_at(struct tophash *map, const struct tophash_type *type,
				 const void *key, int as, int *ret);
/* Deletes a key. Returns whether it was in the map. */
TOPHASH_API bool tophash_delete_at(struct tophash *map, const struct tophash_type *type,
				   const void *key);

/* ---- functions for maps of any type ---------------------------------------------------------------
 *
 * NULL reads as an empty map, and so does {0}. type is borrowed: it must outlive the map, and be the same in
 * every call. */

/* Makes an empty map with room for hint elements; it frees nothing that *map held before. With hint 0 it takes
 * no memory. The room is kept until half of it has been used once. Returns 0, -ENOMEM or -EOVERFLOW; on error
 * the map is empty and valid. O(hint): the room is touched page by page, up to a quarter of the machine's
 * memory and half of what the process's control groups still allow, so that no later put waits for a page (Linux
 * 5.14). */
TOPHASH_API int tophash_init(struct tophash *map, const struct tophash_type *type, size_t hint);
/* Drops every element and frees all memory. The map is empty and valid afterwards. map may be NULL. O(n). */
TOPHASH_API void tophash_fini(struct tophash *map);
/* Sets the hooks, which are borrowed and must outlive the map. Returns 0, -EBUSY when the map has memory
 * already, or -EINVAL when size is too small or only one of alloc and free is set. */
TOPHASH_API int tophash_set_hooks(struct tophash *map, const struct tophash_hooks *hooks);
/* Removes every element. Gives back memory that was hardly used, and keeps the rest. O(n). */
TOPHASH_API void tophash_clear(struct tophash *map);
/* Makes room for n elements in all. The room is kept until half of it has been used once. Returns 0, -ENOMEM or
 * -EOVERFLOW; on error every element is still there. O(n). */
TOPHASH_API int tophash_reserve(struct tophash *map, const struct tophash_type *type, size_t n);
/* Gives back all memory that the elements do not need. Returns 0, or -ENOMEM when some of it had to stay. O(n). */
TOPHASH_API int tophash_shrink(struct tophash *map);
/* Sets whether a map keeps its room when elements leave it. By default each delete gives a little back. Set it
 * for a map that will soon be full again. tophash_shrink() and tophash_fini() give the room back anyway. */
TOPHASH_API void tophash_keep_room(struct tophash *map, bool keep);
/* Sets whether arrays of 2 MiB and more may lie on huge pages, where the system has any (Linux:
 * madvise(MADV_HUGEPAGE)). By default they do not. Large maps become faster. But memory is then taken and given
 * back 2 MiB at a time: the put or delete whose turn it is waits until the kernel has cleared that much, or
 * longer where it must make room first. It has no effect with an allocator. */
TOPHASH_API void tophash_huge_pages(struct tophash *map, bool use);
/* Moves this many buckets, if the map is moving. Call it in an idle loop. */
TOPHASH_API void tophash_step(struct tophash *map, unsigned buckets);
/* In C++ this function hides the constructor of the structure, and gcc's -Wshadow warns of that. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
/* Fills *ret with numbers about a map. O(n), because it looks for the longest chain. */
TOPHASH_API void tophash_stats(const struct tophash *map, struct tophash_stats *ret);
#pragma GCC diagnostic pop

/* ---- callers that learn the sizes at run time -------------------------------------------------------
 *
 * For language bindings, for example. key and val point to as many bytes as the map was made for. */

/* Allocates a map and its type; only tophash_free() may release it. INT keys have 1, 2, 4, 8 or 16 bytes, FLOAT
 * keys 4 or 8, CSTR keys the size of a pointer, STR keys that of struct tophash_str. val_size 0 makes a set.
 * Returns NULL with errno EINVAL, ENOMEM or EOVERFLOW. */
TOPHASH_API struct tophash *tophash_new(enum tophash_kind kind, uint32_t key_size,
					uint32_t val_size, size_t hint);
/* Frees a map of tophash_new(). NULL is allowed. */
TOPHASH_API void tophash_free(struct tophash *map);
/* Fills *type with the slot layout that tophash_new() uses. Returns 0 or -EINVAL. */
TOPHASH_API int tophash_type_init(struct tophash_type *type, enum tophash_kind kind,
				  uint32_t key_size, uint32_t val_size);

/* The next functions do what those of the same names in map.h do. They take any map that was initialised or has
 * had an element. A key may lie in the map itself, as the key of an iteration does; the value of a put may
 * not. */

/* Puts a copy of key and val. Returns 1 new, 0 replaced, -ENOMEM, -EOVERFLOW, or -EINVAL when the map does not
 * know its type yet. */
TOPHASH_API int tophash_put(struct tophash *map, const void *key, const void *val);
/* Copies the value of a key to ret, or zeros when the key is absent. Returns whether it was there. */
TOPHASH_API bool tophash_get(const struct tophash *map, const void *key, void *ret);
/* Returns the value of a key, borrowed until the map changes, or NULL. */
TOPHASH_API void *tophash_find(const struct tophash *map, const void *key);
/* Deletes a key. Returns whether it was there. */
TOPHASH_API bool tophash_delete(struct tophash *map, const void *key);
/* Returns the number of elements. */
TOPHASH_API size_t tophash_len(const struct tophash *map);

/* Iterates as TOPHASH_EACH does. */
struct tophash_iter;
/* Returns an iterator that tophash_iter_free() must free, or NULL when there is no memory. The map must outlive
 * it. */
TOPHASH_API struct tophash_iter *tophash_iter_new(const struct tophash *map);
/* Goes to the next element. Returns false at the end. *ret_key and *ret_val are borrowed until the map changes;
 * either argument may be NULL. */
TOPHASH_API bool tophash_iter_next(struct tophash_iter *iter, const void **ret_key, void **ret_val);
TOPHASH_API void tophash_iter_free(struct tophash_iter *iter);

/* Copies map to ret, which must hold nothing. The copy has memory and a seed of its own and the same hooks, but
 * not the settings of keep_room and huge_pages. Returns 0, -ENOMEM, or -EINVAL for a map with drop hooks (both
 * maps would drop what they share); *ret is empty on error. O(n). */
TOPHASH_API int tophash_clone(const struct tophash *map, struct tophash *ret);

/* ---- checking and debugging ------------------------------------------------------------------------ */

/* Says which invariant of a map is broken. */
enum tophash_broken {
	TOPHASH_BROKEN_LEN = 1, /* the map has more or fewer entries than len says */
	TOPHASH_BROKEN_FILTER,	/* an overflow filter does not match its chain */
	TOPHASH_BROKEN_CHAIN,	/* a chain leads nowhere or in a circle */
	TOPHASH_BROKEN_POOL,	/* overflow buckets are lost or in two chains */
	TOPHASH_BROKEN_FAST,	/* the members that the fast path reads do not match the core */
	TOPHASH_BROKEN_FREE,	/* a bucket that must be empty is not */
	TOPHASH_BROKEN_PLACE,	/* an entry is not where its hash leads (level 2) */
	TOPHASH_BROKEN_TAG,	/* the tag of an entry is not that of its hash (level 2) */
	TOPHASH_BROKEN_TWICE,	/* a key is in the map twice (level 3) */
	TOPHASH_BROKEN_HASH,	/* MIXED: the hash crowds the keys in few buckets */
};

/* Checks the invariants of a map, for tests. Level 1 checks counts, chains and filters. Level 2 also checks that
 * each entry is where it should be. Level 3 also checks that no key is there twice. Returns 0, or the first
 * broken invariant (enum tophash_broken). O(n). */
TOPHASH_API int tophash_check(const struct tophash *map, int level);

/* Errors that must not pass in silence. */
enum tophash_fault {
	TOPHASH_FAULT_CONCURRENT_WRITE = 1, /* two threads changed one map at the same time */
	TOPHASH_FAULT_BROKEN,		    /* an invariant does not hold (TOPHASH_DEBUG=check=N) */
};
typedef void tophash_fault_fn(enum tophash_fault fault, const struct tophash *map);
/* Installs the fault handler of all maps (NULL: abort()). Returns the previous one. */
TOPHASH_API tophash_fault_fn *tophash_set_fault(tophash_fault_fn *fn);
/* Calls the fault handler. */
TOPHASH_API void tophash_report_fault(enum tophash_fault fault, const struct tophash *map);

/* Applies an option string as TOPHASH_DEBUG does at program start, for all maps. NULL or "" restores the
 * defaults. Options are separated by commas:
 *   evacuate=shared|manual|eager   who moves entries: each put and delete its share; only tophash_step();
 *                                  the put or delete that begins a move, all of them
 *   seed=N                         gives every map the same seed and the same order of iteration
 *   trace=1                        prints each slow put and delete, and each move, to stderr
 *   check=N                        runs tophash_check() at level N after puts and deletes. Set in TOPHASH_DEBUG, it
 *                                  also finds maps that were changed through a copy, and most that were not
 *                                  initialised. In light code it finds these, and NULL keys, before they are read
 * Returns 0, or -EINVAL for an unknown option; nothing is changed then. No other thread may use a map during the
 * call. */
TOPHASH_API int tophash_debug(const char *options);
/* Returns the name of a reason: "custom", "moving", "chain", "first" or "grow". It is static. */
TOPHASH_API const char *tophash_reason_name(enum tophash_reason reason);

TOPHASH_END

#endif
