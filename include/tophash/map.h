/* Go's map for C: the one header to include.
 *
 *	#include <tophash/map.h>
 *
 *	TOPHASH_MAP(ages, const char *, int);
 *
 *	struct ages m = {0};
 *	ages_put(&m, "ada", 36);
 *	*ages_slot(&m, "ada") += 1;
 *	TOPHASH_EACH(ages, it, &m)
 *		if (it.val > 100)
 *			ages_delete(&m, it.key);
 *	ages_fini(&m);
 *
 * TOPHASH_MAP(name, K, V) makes struct name and the functions below. K is an integer, bool, an enum, float, double,
 * a pointer (compared by address), char * or const char * (compared by contents), or struct tophash_str (by
 * contents). Strings are borrowed: they must not change while they are in the map. V is any type that may be
 * copied as bytes.
 *
 *	TOPHASH_MAP_BYTES(name, K, V)       K is a struct without padding, compared by its bytes
 *	TOPHASH_MAP_WITH(name, K, V, h, e)  uint64_t h(const K *), bool e(const K *, const K *); h need be
 *	                                    neither seeded nor mixed. They must not change the map
 *	TOPHASH_MAP_MIXED(name, K, V, h, e) the same, with an h that is mixed: each bit of the key changes each of
 *	                                    the 64 bits of the hash with a chance of a half. Calls are faster
 *	TOPHASH_SET, _SET_BYTES, _SET_WITH, _SET_MIXED   the same without values
 *	TOPHASH_MAP_DECLARE(name, K, V)     in a header, with TOPHASH_MAP_DEFINE(name, K, V) (or _DEFINE_BYTES,
 *	                                    _DEFINE_WITH, _DEFINE_MIXED) in one source; TOPHASH_SET_DECLARE likewise
 *
 * Functions. m is a pointer to struct name; a map that is NULL or {0} ({} in C++) reads as empty. K k and V v take
 * every value that C converts to the type, but a pointer for a number, or the reverse, does not compile. -ENOMEM and
 * -EOVERFLOW leave the map as it was.
 *
 *	int name_init(m, size_t hint)    makes an empty map with room for hint elements: 0, -ENOMEM, -EOVERFLOW
 *	void name_fini(m)                drops every element and frees all memory. O(n)
 *	int name_set_hooks(m, hooks)     before the first element; see core.h. 0, -EBUSY, -EINVAL
 *	V name_get(m, K k)               returns the value, or zero if absent
 *	V *name_find(m, K k)             returns the value, borrowed until the map changes, or NULL
 *	int name_put(m, K k, V v)        1 new, 0 replaced, -ENOMEM, -EOVERFLOW
 *	V *name_slot(m, K k)             returns the place of the value, zeroed when new; NULL without memory. A
 *	                                 value that is there is not dropped
 *	struct name_place name_entry(m, K k, bool *added)   returns the places of key and value, or NULLs without
 *	                                 memory. A new entry has a value of zeros. Drops nothing: a borrowed key
 *	                                 may be replaced by an equal copy when it is new
 *	bool name_delete(m, K k)         returns whether the key was there
 *	bool name_release(m, K k)        deletes without the drop hooks: key and value are the caller's
 *	size_t name_delete_if(m, bool fn(K k, V *v, void *ctx), void *ctx)
 *	                                 deletes the elements for which fn returns true, and returns how many. fn
 *	                                 may change the map
 *	void name_clear(m)               removes every element. O(n)
 *	size_t name_len(m)               returns the number of elements
 *	int name_clone(m, ret)           copies the map to ret, which held nothing: 0, -ENOMEM, -EINVAL (a map
 *	                                 with drop hooks)
 *	int name_reserve(m, size_t n)    makes room for n elements in all. O(n) where the map must grow
 *	int name_shrink(m)               gives back memory that the elements do not need. O(n); 0, -ENOMEM
 *	void name_keep_room(m, bool keep)   sets whether deletes and clear leave the room as it is
 *	void name_huge_pages(m, bool use)   sets whether large arrays may lie on huge pages; see core.h
 *	void name_step(m, unsigned n)    moves n buckets, if the map is moving. Call it in an idle loop
 *	void name_stats(m, struct tophash_stats *ret)
 *	int name_check(m, int level)     0, or the broken invariant (enum tophash_broken); level 1 to 3
 *	size_t name_get_many(m, K const *keys, size_t n, V *vals, bool *found)   returns how many were found;
 *	                                 vals (zeroed where absent) or found may be NULL
 *	int name_put_many(m, K const *keys, V const *vals, size_t n, size_t *ret_done)   0, or the error at
 *	                                 which it stopped; *ret_done keys are in. ret_done may be NULL
 *	size_t name_delete_many(m, K const *keys, size_t n)                      returns how many were there
 *
 *	TOPHASH_EACH(name, it, m)        a loop: it.key and it.val are copies, it.ref points to the value
 *
 * A set has name_add (1 new, 0 there already, -errno), name_has, name_has_many, name_add_many; its loop has it.key
 * only.
 *
 * The loop may do anything to the map. No entry comes twice, none comes that was deleted before the loop reached it,
 * and none is left out that was there all the time. Entries that are put during the loop may come or not. The order
 * is different each time.
 *
 * A NaN is a key as in Go: each put makes an entry, which only clear and fini remove. A loop shows it with a sign and
 * a payload that the map chose. -0 and +0 are one key.
 *
 * Threads: any number of readers without a writer, or one writer alone. When two writers are noticed, the fault
 * handler is called (tophash_set_fault()).
 */
#ifndef TOPHASH_MAP_H
#define TOPHASH_MAP_H

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include "tophash/make.h"

/* ---- maps ---------------------------------------------------------------------------------------- */

#define TOPHASH_MAP(name, K, V)                                                     \
	TOPHASH_MAP_STRUCTS_(name, K, V)                                            \
	TOPHASH_MAP_TYPE_(name, TOPHASH_KIND_OF(name##_key_bare_), TOPHASH_NOTHING, \
			  TOPHASH_NOTHING)                                          \
	TOPHASH_MAP_CODE_(TOPHASH_FAST_, TOPHASH_STATIC_, name)                     \
	TOPHASH_MAP_INLINE_(name)
#define TOPHASH_MAP_BYTES(name, K, V)                                                 \
	TOPHASH_MAP_STRUCTS_(name, K, V)                                              \
	TOPHASH_BYTES_(name)                                                          \
	TOPHASH_MAP_TYPE_(name, TOPHASH_KIND_BYTES, TOPHASH_NOTHING, TOPHASH_NOTHING) \
	TOPHASH_MAP_CODE_(TOPHASH_FAST_, TOPHASH_STATIC_, name)                       \
	TOPHASH_MAP_INLINE_(name)
#define TOPHASH_MAP_WITH(name, K, V, hash_fn, equal_fn)                           \
	TOPHASH_MAP_STRUCTS_(name, K, V)                                          \
	TOPHASH_WITH_(name, hash_fn, equal_fn)                                    \
	TOPHASH_MAP_TYPE_(name, TOPHASH_KIND_CUSTOM, name##_hash_, name##_equal_) \
	TOPHASH_MAP_CODE_(TOPHASH_FAST_, TOPHASH_STATIC_, name)                   \
	TOPHASH_MAP_INLINE_(name)
#define TOPHASH_MAP_MIXED(name, K, V, hash_fn, equal_fn)                         \
	TOPHASH_MAP_STRUCTS_(name, K, V)                                         \
	TOPHASH_WITH_(name, hash_fn, equal_fn)                                   \
	TOPHASH_MAP_TYPE_(name, TOPHASH_KIND_MIXED, name##_hash_, name##_equal_) \
	TOPHASH_MAP_CODE_(TOPHASH_FAST_, TOPHASH_STATIC_, name)                  \
	TOPHASH_MAP_INLINE_(name)

#define TOPHASH_MAP_DECLARE(name, K, V)  \
	TOPHASH_MAP_STRUCTS_(name, K, V) \
	TOPHASH_MAP_PROTOTYPES_(name)    \
	TOPHASH_MAP_INLINE_(name)
#define TOPHASH_MAP_DEFINE(name, K, V)                                              \
	TOPHASH_MAP_AS_DECLARED_(name, K, V)                                        \
	TOPHASH_MAP_TYPE_(name, TOPHASH_KIND_OF(name##_key_bare_), TOPHASH_NOTHING, \
			  TOPHASH_NOTHING)                                          \
	TOPHASH_MAP_CODE_(TOPHASH_EXTERN_, TOPHASH_EXTERN_, name)                   \
	TOPHASH_END_(name)
#define TOPHASH_MAP_DEFINE_BYTES(name, K, V)                                          \
	TOPHASH_MAP_AS_DECLARED_(name, K, V)                                          \
	TOPHASH_BYTES_(name)                                                          \
	TOPHASH_MAP_TYPE_(name, TOPHASH_KIND_BYTES, TOPHASH_NOTHING, TOPHASH_NOTHING) \
	TOPHASH_MAP_CODE_(TOPHASH_EXTERN_, TOPHASH_EXTERN_, name)                     \
	TOPHASH_END_(name)
#define TOPHASH_MAP_DEFINE_WITH(name, K, V, hash_fn, equal_fn)                    \
	TOPHASH_MAP_AS_DECLARED_(name, K, V)                                      \
	TOPHASH_WITH_(name, hash_fn, equal_fn)                                    \
	TOPHASH_MAP_TYPE_(name, TOPHASH_KIND_CUSTOM, name##_hash_, name##_equal_) \
	TOPHASH_MAP_CODE_(TOPHASH_EXTERN_, TOPHASH_EXTERN_, name)                 \
	TOPHASH_END_(name)
#define TOPHASH_MAP_DEFINE_MIXED(name, K, V, hash_fn, equal_fn)                  \
	TOPHASH_MAP_AS_DECLARED_(name, K, V)                                     \
	TOPHASH_WITH_(name, hash_fn, equal_fn)                                   \
	TOPHASH_MAP_TYPE_(name, TOPHASH_KIND_MIXED, name##_hash_, name##_equal_) \
	TOPHASH_MAP_CODE_(TOPHASH_EXTERN_, TOPHASH_EXTERN_, name)                \
	TOPHASH_END_(name)

/* ---- sets ---------------------------------------------------------------------------------------- */

#define TOPHASH_SET(name, K)                                                        \
	TOPHASH_SET_STRUCTS_(name, K)                                               \
	TOPHASH_SET_TYPE_(name, TOPHASH_KIND_OF(name##_key_bare_), TOPHASH_NOTHING, \
			  TOPHASH_NOTHING)                                          \
	TOPHASH_SET_CODE_(TOPHASH_FAST_, TOPHASH_STATIC_, name)                     \
	TOPHASH_SET_INLINE_(name)
#define TOPHASH_SET_BYTES(name, K)                                                    \
	TOPHASH_SET_STRUCTS_(name, K)                                                 \
	TOPHASH_BYTES_(name)                                                          \
	TOPHASH_SET_TYPE_(name, TOPHASH_KIND_BYTES, TOPHASH_NOTHING, TOPHASH_NOTHING) \
	TOPHASH_SET_CODE_(TOPHASH_FAST_, TOPHASH_STATIC_, name)                       \
	TOPHASH_SET_INLINE_(name)
#define TOPHASH_SET_WITH(name, K, hash_fn, equal_fn)                              \
	TOPHASH_SET_STRUCTS_(name, K)                                             \
	TOPHASH_WITH_(name, hash_fn, equal_fn)                                    \
	TOPHASH_SET_TYPE_(name, TOPHASH_KIND_CUSTOM, name##_hash_, name##_equal_) \
	TOPHASH_SET_CODE_(TOPHASH_FAST_, TOPHASH_STATIC_, name)                   \
	TOPHASH_SET_INLINE_(name)
#define TOPHASH_SET_MIXED(name, K, hash_fn, equal_fn)                            \
	TOPHASH_SET_STRUCTS_(name, K)                                            \
	TOPHASH_WITH_(name, hash_fn, equal_fn)                                   \
	TOPHASH_SET_TYPE_(name, TOPHASH_KIND_MIXED, name##_hash_, name##_equal_) \
	TOPHASH_SET_CODE_(TOPHASH_FAST_, TOPHASH_STATIC_, name)                  \
	TOPHASH_SET_INLINE_(name)

#define TOPHASH_SET_DECLARE(name, K)  \
	TOPHASH_SET_STRUCTS_(name, K) \
	TOPHASH_SET_PROTOTYPES_(name) \
	TOPHASH_SET_INLINE_(name)
#define TOPHASH_SET_DEFINE(name, K)                                                 \
	TOPHASH_SET_AS_DECLARED_(name, K)                                           \
	TOPHASH_SET_TYPE_(name, TOPHASH_KIND_OF(name##_key_bare_), TOPHASH_NOTHING, \
			  TOPHASH_NOTHING)                                          \
	TOPHASH_SET_CODE_(TOPHASH_EXTERN_, TOPHASH_EXTERN_, name)                   \
	TOPHASH_END_(name)
#define TOPHASH_SET_DEFINE_BYTES(name, K)                                             \
	TOPHASH_SET_AS_DECLARED_(name, K)                                             \
	TOPHASH_BYTES_(name)                                                          \
	TOPHASH_SET_TYPE_(name, TOPHASH_KIND_BYTES, TOPHASH_NOTHING, TOPHASH_NOTHING) \
	TOPHASH_SET_CODE_(TOPHASH_EXTERN_, TOPHASH_EXTERN_, name)                     \
	TOPHASH_END_(name)
#define TOPHASH_SET_DEFINE_WITH(name, K, hash_fn, equal_fn)                       \
	TOPHASH_SET_AS_DECLARED_(name, K)                                         \
	TOPHASH_WITH_(name, hash_fn, equal_fn)                                    \
	TOPHASH_SET_TYPE_(name, TOPHASH_KIND_CUSTOM, name##_hash_, name##_equal_) \
	TOPHASH_SET_CODE_(TOPHASH_EXTERN_, TOPHASH_EXTERN_, name)                 \
	TOPHASH_END_(name)
#define TOPHASH_SET_DEFINE_MIXED(name, K, hash_fn, equal_fn)                     \
	TOPHASH_SET_AS_DECLARED_(name, K)                                        \
	TOPHASH_WITH_(name, hash_fn, equal_fn)                                   \
	TOPHASH_SET_TYPE_(name, TOPHASH_KIND_MIXED, name##_hash_, name##_equal_) \
	TOPHASH_SET_CODE_(TOPHASH_EXTERN_, TOPHASH_EXTERN_, name)                \
	TOPHASH_END_(name)

/* ---- loops --------------------------------------------------------------------------------------- */

/* There are two nested loops; the outer one runs once. It holds the iterator, which is in memory. The inner one
 * holds the cursor, which the compiler can therefore keep in registers. */
#define TOPHASH_EACH(name, it, m)                                                         \
	for (struct name##_walk_ it##_walk_, *it##_once_ = name##_begin_(&it##_walk_, m); \
	     it##_once_; it##_once_ = NULL)                                               \
		for (struct name##_item it = name##_enter_(it##_once_);                   \
		     name##_visit_(&it, &it##_walk_);)

#endif
