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
 *	                                    neither seeded nor mixed
 *	TOPHASH_SET, _SET_BYTES, _SET_WITH  the same without values
 *	TOPHASH_MAP_DECLARE(name, K, V)     in a header, with TOPHASH_MAP_DEFINE(name, K, V) (or _DEFINE_BYTES,
 *	                                    _DEFINE_WITH) in one source; TOPHASH_SET_DECLARE likewise
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
 *	bool name_delete(m, K k)         returns whether the key was there
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

#include "tophash/batch.h"
#include "tophash/iter.h"
#include "tophash/typed.h"

/* ---- maps ---------------------------------------------------------------------------------------- */

#define TOPHASH_MAP(name, K, V)                                       \
	TOPHASH_MAP_STRUCTS_(name, K, V)                              \
	TOPHASH_MAP_TYPE_(name, K, V, TOPHASH_KIND_OF(K), NULL, NULL) \
	TOPHASH_MAP_CODE_(TOPHASH_FAST_, TOPHASH_STATIC_, name, K, V) \
	TOPHASH_MAP_INLINE_(name, K, V)
#define TOPHASH_MAP_BYTES(name, K, V)                                 \
	TOPHASH_MAP_STRUCTS_(name, K, V)                              \
	TOPHASH_MAP_TYPE_(name, K, V, TOPHASH_KIND_BYTES, NULL, NULL) \
	TOPHASH_MAP_CODE_(TOPHASH_FAST_, TOPHASH_STATIC_, name, K, V) \
	TOPHASH_MAP_INLINE_(name, K, V)
#define TOPHASH_MAP_WITH(name, K, V, hash_fn, equal_fn)                                 \
	TOPHASH_MAP_STRUCTS_(name, K, V)                                                \
	TOPHASH_WITH_(name, K, hash_fn, equal_fn)                                       \
	TOPHASH_MAP_TYPE_(name, K, V, TOPHASH_KIND_CUSTOM, name##_hash_, name##_equal_) \
	TOPHASH_MAP_CODE_(TOPHASH_FAST_, TOPHASH_STATIC_, name, K, V)                   \
	TOPHASH_MAP_INLINE_(name, K, V)

#define TOPHASH_MAP_DECLARE(name, K, V)                                                 \
	TOPHASH_MAP_STRUCTS_(name, K, V)                                                \
	TOPHASH_PROTOTYPES_(name, K)                                                    \
	V *name##_find_at(const struct name *m, K const *k);                            \
	V *name##_slot_at(struct name *m, K const *k, bool keep, int *ret);             \
	size_t name##_delete_if(struct name *m, bool (*fn)(K, V *, void *), void *ctx); \
	size_t name##_get_many(const struct name *m, K const *keys, size_t n, V *vals,  \
			       bool *found);                                            \
	int name##_put_many(struct name *m, K const *keys, V const *vals, size_t n,     \
			    size_t *ret_done);                                          \
	TOPHASH_MAP_INLINE_(name, K, V)
#define TOPHASH_MAP_DEFINE(name, K, V)                                  \
	TOPHASH_MAP_TYPE_(name, K, V, TOPHASH_KIND_OF(K), NULL, NULL)   \
	TOPHASH_MAP_CODE_(TOPHASH_EXTERN_, TOPHASH_EXTERN_, name, K, V) \
	TOPHASH_END_(name)
#define TOPHASH_MAP_DEFINE_BYTES(name, K, V)                            \
	TOPHASH_MAP_TYPE_(name, K, V, TOPHASH_KIND_BYTES, NULL, NULL)   \
	TOPHASH_MAP_CODE_(TOPHASH_EXTERN_, TOPHASH_EXTERN_, name, K, V) \
	TOPHASH_END_(name)
#define TOPHASH_MAP_DEFINE_WITH(name, K, V, hash_fn, equal_fn)                          \
	TOPHASH_WITH_(name, K, hash_fn, equal_fn)                                       \
	TOPHASH_MAP_TYPE_(name, K, V, TOPHASH_KIND_CUSTOM, name##_hash_, name##_equal_) \
	TOPHASH_MAP_CODE_(TOPHASH_EXTERN_, TOPHASH_EXTERN_, name, K, V)                 \
	TOPHASH_END_(name)

/* ---- sets ---------------------------------------------------------------------------------------- */

#define TOPHASH_SET(name, K)                                       \
	TOPHASH_SET_STRUCTS_(name, K)                              \
	TOPHASH_SET_TYPE_(name, K, TOPHASH_KIND_OF(K), NULL, NULL) \
	TOPHASH_SET_CODE_(TOPHASH_FAST_, TOPHASH_STATIC_, name, K) \
	TOPHASH_SET_INLINE_(name, K)
#define TOPHASH_SET_BYTES(name, K)                                 \
	TOPHASH_SET_STRUCTS_(name, K)                              \
	TOPHASH_SET_TYPE_(name, K, TOPHASH_KIND_BYTES, NULL, NULL) \
	TOPHASH_SET_CODE_(TOPHASH_FAST_, TOPHASH_STATIC_, name, K) \
	TOPHASH_SET_INLINE_(name, K)
#define TOPHASH_SET_WITH(name, K, hash_fn, equal_fn)                                 \
	TOPHASH_SET_STRUCTS_(name, K)                                                \
	TOPHASH_WITH_(name, K, hash_fn, equal_fn)                                    \
	TOPHASH_SET_TYPE_(name, K, TOPHASH_KIND_CUSTOM, name##_hash_, name##_equal_) \
	TOPHASH_SET_CODE_(TOPHASH_FAST_, TOPHASH_STATIC_, name, K)                   \
	TOPHASH_SET_INLINE_(name, K)

#define TOPHASH_SET_DECLARE(name, K)                                                        \
	TOPHASH_SET_STRUCTS_(name, K)                                                       \
	TOPHASH_PROTOTYPES_(name, K)                                                        \
	int name##_add_at(struct name *m, K const *k);                                      \
	bool name##_has_at(const struct name *m, K const *k);                               \
	size_t name##_delete_if(struct name *m, bool (*fn)(K, void *), void *ctx);          \
	size_t name##_has_many(const struct name *m, K const *keys, size_t n, bool *found); \
	int name##_add_many(struct name *m, K const *keys, size_t n, size_t *ret_done);     \
	TOPHASH_SET_INLINE_(name, K)
#define TOPHASH_SET_DEFINE(name, K)                                  \
	TOPHASH_SET_TYPE_(name, K, TOPHASH_KIND_OF(K), NULL, NULL)   \
	TOPHASH_SET_CODE_(TOPHASH_EXTERN_, TOPHASH_EXTERN_, name, K) \
	TOPHASH_END_(name)
#define TOPHASH_SET_DEFINE_BYTES(name, K)                            \
	TOPHASH_SET_TYPE_(name, K, TOPHASH_KIND_BYTES, NULL, NULL)   \
	TOPHASH_SET_CODE_(TOPHASH_EXTERN_, TOPHASH_EXTERN_, name, K) \
	TOPHASH_END_(name)
#define TOPHASH_SET_DEFINE_WITH(name, K, hash_fn, equal_fn)                          \
	TOPHASH_WITH_(name, K, hash_fn, equal_fn)                                    \
	TOPHASH_SET_TYPE_(name, K, TOPHASH_KIND_CUSTOM, name##_hash_, name##_equal_) \
	TOPHASH_SET_CODE_(TOPHASH_EXTERN_, TOPHASH_EXTERN_, name, K)                 \
	TOPHASH_END_(name)

/* ---- loops --------------------------------------------------------------------------------------- */

/* There are two nested loops; the outer one runs once. It holds the iterator, which is in memory. The inner one
 * holds the cursor, which the compiler can therefore keep in registers. */
#define TOPHASH_EACH(name, it, m)                                                         \
	for (struct name##_walk_ it##_walk_, *it##_once_ = name##_begin_(&it##_walk_, m); \
	     it##_once_; it##_once_ = NULL)                                               \
		for (struct name##_entry it = name##_enter_(it##_once_);                  \
		     name##_visit_(&it, &it##_walk_);)

/* ---- their parts
 * --------------------------------------------------------------------------------- */

#define TOPHASH_FAST_	TOPHASH_INLINE
#define TOPHASH_STATIC_ __attribute__((unused)) static inline
#define TOPHASH_EXTERN_

#define TOPHASH_MAP_STRUCTS_(name, K, V)         \
	TOPHASH_ARG(name##_val_arg, V);          \
	struct name##_iter {                     \
		K key;                           \
		V val;                           \
		V *ref;                          \
		struct tophash_iter iter;        \
		K kept[TOPHASH_KEPT(sizeof(K))]; \
	};                                       \
	struct name##_entry {                    \
		K key;                           \
		V val;                           \
		V *ref;                          \
		struct tophash_cursor cursor;    \
	};                                       \
	TOPHASH_STRUCTS_(name, K)

#define TOPHASH_SET_STRUCTS_(name, K)            \
	struct name##_iter {                     \
		K key;                           \
		struct tophash_iter iter;        \
		K kept[TOPHASH_KEPT(sizeof(K))]; \
	};                                       \
	struct name##_entry {                    \
		K key;                           \
		struct tophash_cursor cursor;    \
	};                                       \
	TOPHASH_STRUCTS_(name, K)

#define TOPHASH_STRUCTS_(name, K)                                                            \
	TOPHASH_ARG(name##_key_arg, K);                                                      \
	struct name {                                                                        \
		struct tophash map;                                                          \
	};                                                                                   \
	struct name##_walk_ {                                                                \
		struct tophash_iter iter;                                                    \
		K kept[TOPHASH_KEPT(sizeof(K))];                                             \
	};                                                                                   \
	TOPHASH_STATIC_ struct name##_walk_ *name##_begin_(struct name##_walk_ *walk,        \
							   const struct name *m)             \
	{                                                                                    \
		tophash_iter_init(&walk->iter, TOPHASH_INNER_(m), walk->kept);               \
		return walk;                                                                 \
	}                                                                                    \
	TOPHASH_STATIC_ struct name##_entry name##_enter_(struct name##_walk_ *walk)         \
	{                                                                                    \
		struct name##_entry it;                                                      \
		tophash_cursor_init(&it.cursor, &walk->iter, (uint8_t *)(void *)walk->kept); \
		return it;                                                                   \
	}

#define TOPHASH_WITH_(name, K, hash_fn, equal_fn)                                             \
	__attribute__((unused)) static uint64_t name##_hash_(const void *key)                 \
	{                                                                                     \
		return hash_fn((K const *)key);                                               \
	}                                                                                     \
	__attribute__((unused)) static bool name##_equal_(const void *key, const void *other) \
	{                                                                                     \
		return equal_fn((K const *)key, (K const *)other);                            \
	}

/* The members come in the order of struct tophash_type, because C++17 has no designated initializers. */
#define TOPHASH_TYPE_(name, K, kind, val_size, val_at, slot_size, hash_fn, equal_fn)             \
	TOPHASH_ASSERT((kind) != 0, "this key wants TOPHASH_MAP_BYTES or TOPHASH_MAP_WITH");     \
	TOPHASH_ASSERT((slot_size) <= TOPHASH_SLOT_MAX,                                          \
		       "keys and values of a map are at most 64 KiB");                           \
	TOPHASH_ASSERT(__alignof__(K) <= 16, "keys and values are aligned to at most 16 bytes"); \
	__attribute__((unused)) static const struct tophash_type name##_type = {                 \
		(uint32_t)(kind),                                                                \
		(uint32_t)sizeof(K),                                                             \
		(uint32_t)(val_size),                                                            \
		(uint32_t)(val_at),                                                              \
		(uint32_t)(TOPHASH_HAS_HASH(kind) ? TOPHASH_ROUND(sizeof(K), 4) : 0),            \
		(uint32_t)(slot_size),                                                           \
		hash_fn,                                                                         \
		equal_fn};

#define TOPHASH_MAP_TYPE_(name, K, V, kind, hash_fn, equal_fn)                                   \
	TOPHASH_ASSERT(__alignof__(V) <= 16, "keys and values are aligned to at most 16 bytes"); \
	TOPHASH_TYPE_(name, K, kind, sizeof(V), TOPHASH_VAL_AT(kind, K, V),                      \
		      TOPHASH_SLOT_SIZE(kind, K, V), hash_fn, equal_fn)

#define TOPHASH_SET_TYPE_(name, K, kind, hash_fn, equal_fn)             \
	TOPHASH_TYPE_(name, K, kind, 0, TOPHASH_SET_SLOT_SIZE(kind, K), \
		      TOPHASH_SET_SLOT_SIZE(kind, K), hash_fn, equal_fn)

#define TOPHASH_PROTOTYPES_(name, K)                                             \
	int name##_init(struct name *m, size_t hint);                            \
	void name##_fini(struct name *m);                                        \
	int name##_set_hooks(struct name *m, const struct tophash_hooks *hooks); \
	bool name##_delete_at(struct name *m, K const *k);                       \
	void name##_clear(struct name *m);                                       \
	size_t name##_len(const struct name *m);                                 \
	int name##_clone(const struct name *m, struct name *ret);                \
	int name##_reserve(struct name *m, size_t n);                            \
	int name##_shrink(struct name *m);                                       \
	void name##_keep_room(struct name *m, bool keep);                        \
	void name##_huge_pages(struct name *m, bool use);                        \
	void name##_step(struct name *m, unsigned buckets);                      \
	void name##_stats(const struct name *m, struct tophash_stats *ret);      \
	int name##_check(const struct name *m, int level);                       \
	size_t name##_delete_many(struct name *m, K const *keys, size_t n);      \
	struct name##_iter name##_each(const struct name *m);                    \
	bool name##_next(struct name##_iter *it);                                \
	bool name##_visit_(struct name##_entry *it, struct name##_walk_ *walk);

#define TOPHASH_END_(name) TOPHASH_ASSERT(1, "takes the semicolon")

/* Functions with a parameter of the key's or the value's type are inline, even where the others are external. The way
 * such a parameter is passed depends on the compiler (typed.h), and sources may be compiled by different ones. */
#define TOPHASH_MAP_INLINE_(name, K, V)                                                  \
	TOPHASH_INLINE_DELETE_(name, K)                                                  \
	TOPHASH_FAST_ V *name##_find(const struct name *m, name##_key_arg k)             \
	{                                                                                \
		K key;                                                                   \
		TOPHASH_TAKE_KEY_(name, K, key, k);                                      \
		return name##_find_at(m, &key);                                          \
	}                                                                                \
	TOPHASH_FAST_ V name##_get(const struct name *m, name##_key_arg k)               \
	{                                                                                \
		V *val = name##_find(m, k);                                              \
		V ret;                                                                   \
		if (val)                                                                 \
			__builtin_memcpy(&ret, val, sizeof(ret));                        \
		else                                                                     \
			__builtin_memset(&ret, 0, sizeof(ret));                          \
		return ret;                                                              \
	}                                                                                \
	TOPHASH_FAST_ int name##_put(struct name *m, name##_key_arg k, name##_val_arg v) \
	{                                                                                \
		K key;                                                                   \
		V val;                                                                   \
		V *to;                                                                   \
		int ret;                                                                 \
		TOPHASH_TAKE_KEY_(name, K, key, k);                                      \
		TOPHASH_TAKE_(V, val, v);                                                \
		to = name##_slot_at(m, &key, false, &ret);                               \
		if (TOPHASH_LIKELY(to))                                                  \
			__builtin_memcpy(to, &val, sizeof(val));                         \
		return ret;                                                              \
	}                                                                                \
	TOPHASH_FAST_ V *name##_slot(struct name *m, name##_key_arg k)                   \
	{                                                                                \
		K key;                                                                   \
		V *to;                                                                   \
		int ret;                                                                 \
		TOPHASH_TAKE_KEY_(name, K, key, k);                                      \
		to = name##_slot_at(m, &key, true, &ret);                                \
		if (ret == 1)                                                            \
			__builtin_memset(to, 0, sizeof(V));                              \
		return to;                                                               \
	}                                                                                \
	TOPHASH_END_(name)

#define TOPHASH_SET_INLINE_(name, K)                                          \
	TOPHASH_INLINE_DELETE_(name, K)                                       \
	TOPHASH_FAST_ int name##_add(struct name *m, name##_key_arg k)        \
	{                                                                     \
		K key;                                                        \
		TOPHASH_TAKE_KEY_(name, K, key, k);                           \
		return name##_add_at(m, &key);                                \
	}                                                                     \
	TOPHASH_FAST_ bool name##_has(const struct name *m, name##_key_arg k) \
	{                                                                     \
		K key;                                                        \
		TOPHASH_TAKE_KEY_(name, K, key, k);                           \
		return name##_has_at(m, &key);                                \
	}                                                                     \
	TOPHASH_END_(name)

#define TOPHASH_INLINE_DELETE_(name, K)                                    \
	TOPHASH_FAST_ bool name##_delete(struct name *m, name##_key_arg k) \
	{                                                                  \
		K key;                                                     \
		TOPHASH_TAKE_KEY_(name, K, key, k);                        \
		return name##_delete_at(m, &key);                          \
	}

#define TOPHASH_INNER_(m)	   ((m) ? &(m)->map : NULL)
#define TOPHASH_TAKE_(T, ret, arg) tophash_take_arg(&(ret), &(arg), sizeof(T), TOPHASH_IS_BOOL(T))
/* The cast is for debuggers, which find K and V in struct name_iter. Without it, compilers leave that structure out of
 * the debug information of a program that never iterates. */
#define TOPHASH_TAKE_KEY_(name, K, ret, arg) \
	((void)(struct name##_iter *)0, TOPHASH_TAKE_(K, ret, arg))

#define TOPHASH_COMMON_CODE_(FAST, COLD, name, K)                                     \
	COLD int name##_init(struct name *m, size_t hint)                             \
	{                                                                             \
		return tophash_init(&m->map, &name##_type, hint);                     \
	}                                                                             \
	COLD void name##_fini(struct name *m)                                         \
	{                                                                             \
		tophash_fini(TOPHASH_INNER_(m));                                      \
	}                                                                             \
	COLD int name##_set_hooks(struct name *m, const struct tophash_hooks *hooks)  \
	{                                                                             \
		return tophash_set_hooks(&m->map, hooks);                             \
	}                                                                             \
	FAST bool name##_delete_at(struct name *m, K const *k)                        \
	{                                                                             \
		return tophash_delete_key(TOPHASH_INNER_(m), &name##_type, k);        \
	}                                                                             \
	COLD void name##_clear(struct name *m)                                        \
	{                                                                             \
		tophash_clear(TOPHASH_INNER_(m));                                     \
	}                                                                             \
	FAST size_t name##_len(const struct name *m)                                  \
	{                                                                             \
		return m ? m->map.len : 0;                                            \
	}                                                                             \
	COLD int name##_clone(const struct name *m, struct name *ret)                 \
	{                                                                             \
		return tophash_clone(TOPHASH_INNER_(m), &ret->map);                   \
	}                                                                             \
	COLD int name##_reserve(struct name *m, size_t n)                             \
	{                                                                             \
		return tophash_reserve(&m->map, &name##_type, n);                     \
	}                                                                             \
	COLD int name##_shrink(struct name *m)                                        \
	{                                                                             \
		return tophash_shrink(TOPHASH_INNER_(m));                             \
	}                                                                             \
	COLD void name##_keep_room(struct name *m, bool keep)                         \
	{                                                                             \
		tophash_keep_room(TOPHASH_INNER_(m), keep);                           \
	}                                                                             \
	COLD void name##_huge_pages(struct name *m, bool use)                         \
	{                                                                             \
		tophash_huge_pages(TOPHASH_INNER_(m), use);                           \
	}                                                                             \
	COLD void name##_step(struct name *m, unsigned buckets)                       \
	{                                                                             \
		tophash_step(TOPHASH_INNER_(m), buckets);                             \
	}                                                                             \
	COLD void name##_stats(const struct name *m, struct tophash_stats *ret)       \
	{                                                                             \
		tophash_stats(TOPHASH_INNER_(m), ret);                                \
	}                                                                             \
	COLD int name##_check(const struct name *m, int level)                        \
	{                                                                             \
		return tophash_check(TOPHASH_INNER_(m), level);                       \
	}                                                                             \
	COLD size_t name##_delete_many(struct name *m, K const *keys, size_t n)       \
	{                                                                             \
		return tophash_delete_many(TOPHASH_INNER_(m), &name##_type, keys, n); \
	}                                                                             \
	COLD struct name##_iter name##_each(const struct name *m)                     \
	{                                                                             \
		struct name##_iter it;                                                \
		__builtin_memset(&it, 0, offsetof(struct name##_iter, kept));         \
		tophash_iter_init(&it.iter, TOPHASH_INNER_(m), NULL);                 \
		return it;                                                            \
	}

/* Ends a step of a loop: returns false at the end, or copies the key of the slot and returns true. */
#define TOPHASH_SHOW_KEY_(it, slot)                            \
	if (TOPHASH_UNLIKELY(!(slot)))                         \
		return false;                                  \
	__builtin_memcpy(&(it)->key, slot, sizeof((it)->key)); \
	return true

#define TOPHASH_SHOW_ENTRY_(name, V, it, slot)                      \
	if (TOPHASH_UNLIKELY(!(slot)))                              \
		return false;                                       \
	(it)->ref = (V *)(void *)((slot) + name##_type.val_offset); \
	__builtin_memcpy(&(it)->key, slot, sizeof((it)->key));      \
	__builtin_memcpy(&(it)->val, (it)->ref, sizeof((it)->val)); \
	return true

#define TOPHASH_MAP_CODE_(FAST, COLD, name, K, V)                                                  \
	TOPHASH_COMMON_CODE_(FAST, COLD, name, K)                                                  \
	FAST V *name##_find_at(const struct name *m, K const *k)                                   \
	{                                                                                          \
		uint8_t *slot = tophash_find_slot(TOPHASH_INNER_(m), &name##_type, k);             \
		return slot ? (V *)(void *)(slot + name##_type.val_offset) : NULL;                 \
	}                                                                                          \
	FAST V *name##_slot_at(struct name *m, K const *k, bool keep, int *ret)                    \
	{                                                                                          \
		uint8_t *slot = keep ? tophash_keep_slot(&m->map, &name##_type, k, ret)            \
				     : tophash_put_slot(&m->map, &name##_type, k, ret);            \
		return TOPHASH_LIKELY(slot) ? (V *)(void *)(slot + name##_type.val_offset) : NULL; \
	}                                                                                          \
	COLD size_t name##_get_many(const struct name *m, K const *keys, size_t n, V *vals,        \
				    bool *found)                                                   \
	{                                                                                          \
		return tophash_find_many(TOPHASH_INNER_(m), &name##_type, keys, n, vals, found);   \
	}                                                                                          \
	COLD int name##_put_many(struct name *m, K const *keys, V const *vals, size_t n,           \
				 size_t *ret_done)                                                 \
	{                                                                                          \
		return tophash_put_many(&m->map, &name##_type, keys, vals, n, ret_done);           \
	}                                                                                          \
	FAST bool name##_next(struct name##_iter *it)                                              \
	{                                                                                          \
		uint8_t *slot;                                                                     \
		it->iter.kept = it->kept;                                                          \
		slot = tophash_iter_step(&it->iter, &name##_type);                                 \
		TOPHASH_SHOW_ENTRY_(name, V, it, slot);                                            \
	}                                                                                          \
	FAST bool name##_visit_(struct name##_entry *it, struct name##_walk_ *walk)                \
	{                                                                                          \
		uint8_t *slot =                                                                    \
			tophash_cursor_step(&it->cursor, &walk->iter, walk->kept, &name##_type);   \
		TOPHASH_SHOW_ENTRY_(name, V, it, slot);                                            \
	}                                                                                          \
	COLD size_t name##_delete_if(struct name *m, bool (*fn)(K, V *, void *), void *ctx)        \
	{                                                                                          \
		size_t ret = 0;                                                                    \
		TOPHASH_EACH(name, it, m)                                                          \
			if (fn(it.key, it.ref, ctx))                                               \
				ret += tophash_delete_key(&m->map, &name##_type, &it.key);         \
		return ret;                                                                        \
	}

#define TOPHASH_SET_CODE_(FAST, COLD, name, K)                                                   \
	TOPHASH_COMMON_CODE_(FAST, COLD, name, K)                                                \
	FAST int name##_add_at(struct name *m, K const *k)                                       \
	{                                                                                        \
		int ret;                                                                         \
		tophash_put_slot(&m->map, &name##_type, k, &ret);                                \
		return ret;                                                                      \
	}                                                                                        \
	FAST bool name##_has_at(const struct name *m, K const *k)                                \
	{                                                                                        \
		return tophash_find_slot(TOPHASH_INNER_(m), &name##_type, k) != NULL;            \
	}                                                                                        \
	COLD size_t name##_has_many(const struct name *m, K const *keys, size_t n, bool *found)  \
	{                                                                                        \
		return tophash_find_many(TOPHASH_INNER_(m), &name##_type, keys, n, NULL, found); \
	}                                                                                        \
	COLD int name##_add_many(struct name *m, K const *keys, size_t n, size_t *ret_done)      \
	{                                                                                        \
		return tophash_put_many(&m->map, &name##_type, keys, NULL, n, ret_done);         \
	}                                                                                        \
	FAST bool name##_next(struct name##_iter *it)                                            \
	{                                                                                        \
		uint8_t *slot;                                                                   \
		it->iter.kept = it->kept;                                                        \
		slot = tophash_iter_step(&it->iter, &name##_type);                               \
		TOPHASH_SHOW_KEY_(it, slot);                                                     \
	}                                                                                        \
	FAST bool name##_visit_(struct name##_entry *it, struct name##_walk_ *walk)              \
	{                                                                                        \
		uint8_t *slot =                                                                  \
			tophash_cursor_step(&it->cursor, &walk->iter, walk->kept, &name##_type); \
		TOPHASH_SHOW_KEY_(it, slot);                                                     \
	}                                                                                        \
	COLD size_t name##_delete_if(struct name *m, bool (*fn)(K, void *), void *ctx)           \
	{                                                                                        \
		size_t ret = 0;                                                                  \
		TOPHASH_EACH(name, it, m)                                                        \
			if (fn(it.key, ctx))                                                     \
				ret += tophash_delete_key(&m->map, &name##_type, &it.key);       \
		return ret;                                                                      \
	}

#endif
