/* What the macros of map.h are made of.
 *
 * The types of a user have any name. After the first lines of a map no macro says K or V: a member, a parameter or a
 * local variable may have the same name, and would hide the type. Each map gives names of its own to its types:
 *
 *   name_key_own_    K as the user wrote it; it may be const
 *   name_key_bare_   K without const and volatile; variables and members have this type
 *   name_key_arg     the parameter that takes a key (typed.h)
 *   name_key_read    the same for a function that only reads
 *   name_val_own_, name_val_bare_, name_val_arg    the same of V
 *
 * The functions of WITH may have any name too. They are called where no local variable has a name that a user would
 * choose. code.h has the functions without a parameter of the key's or the value's type.
 */
#ifndef TOPHASH_MAKE_H
#define TOPHASH_MAKE_H

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include "tophash/code.h"
#include "tophash/iter.h"
#include "tophash/typed.h"

#define TOPHASH_FAST_	TOPHASH_INLINE /* in light code a static function */
#define TOPHASH_STATIC_ __attribute__((unused)) static inline
#define TOPHASH_EXTERN_

#define TOPHASH_END_(name) TOPHASH_ASSERT(1, "takes the semicolon")

/* ---- types --------------------------------------------------------------------------------------- */

/* Where a map cannot be made, the first error names what is wrong: a class has no type twice, a function has no
 * function in it. */
#define TOPHASH_OUTSIDE_(name)                                                               \
	typedef int name##_stands_outside_of_functions_classes_and_templates;                \
	typedef int name##_stands_outside_of_functions_classes_and_templates;                \
	static inline __attribute__((unused)) void name##_stands_outside_of_functions_(void) \
	{                                                                                    \
	}

#define TOPHASH_KEY_TYPES_(name, K)                                                  \
	TOPHASH_OUTSIDE_(name)                                                       \
	typedef __typeof__(K) name##_key_own_;                                       \
	TOPHASH_ASSERT(!TOPHASH_IS_ARRAY(name##_key_own_),                           \
		       "a key cannot be an array: put the array into a struct");     \
	TOPHASH_ASSERT(TOPHASH_IS_BYTES(name##_key_own_),                            \
		       "keys are copied as bytes: they must be trivially copyable"); \
	TOPHASH_ASSERT(__alignof__(name##_key_own_) <= 16,                           \
		       "keys and values are aligned to at most 16 bytes");           \
	TOPHASH_BARE(name##_key_bare_, name##_key_own_);                             \
	TOPHASH_ARG(name##_key_arg, name##_key_bare_);                               \
	TOPHASH_READ_ARG(name##_key_read, name##_key_bare_);

#define TOPHASH_VAL_TYPES_(name, V)                                                    \
	typedef __typeof__(V) name##_val_own_;                                         \
	TOPHASH_ASSERT(!TOPHASH_IS_ARRAY(name##_val_own_),                             \
		       "a value cannot be an array: put the array into a struct");     \
	TOPHASH_ASSERT(TOPHASH_IS_BYTES(name##_val_own_),                              \
		       "values are copied as bytes: they must be trivially copyable"); \
	TOPHASH_ASSERT(__alignof__(name##_val_own_) <= 16,                             \
		       "keys and values are aligned to at most 16 bytes");             \
	TOPHASH_BARE(name##_val_bare_, name##_val_own_);                               \
	TOPHASH_ARG(name##_val_arg, name##_val_bare_);

#define TOPHASH_KEY_AS_DECLARED_(name, K)                   \
	TOPHASH_ASSERT(TOPHASH_IS_SAME(K, name##_key_own_), \
		       "this is not the type of key that was declared");
#define TOPHASH_MAP_AS_DECLARED_(name, K, V)                \
	TOPHASH_KEY_AS_DECLARED_(name, K)                   \
	TOPHASH_ASSERT(TOPHASH_IS_SAME(V, name##_val_own_), \
		       "this is not the type of value that was declared");
#define TOPHASH_SET_AS_DECLARED_(name, K) TOPHASH_KEY_AS_DECLARED_(name, K)

#define TOPHASH_MAP_STRUCTS_(name, K, V)                                   \
	TOPHASH_KEY_TYPES_(name, K)                                        \
	TOPHASH_VAL_TYPES_(name, V)                                        \
	struct name##_iter {                                               \
		name##_key_own_ key;                                       \
		name##_val_own_ val;                                       \
		name##_val_own_ *ref;                                      \
		struct tophash_iter iter;                                  \
		uint8_t kept[TOPHASH_KEPT_BYTES(sizeof(name##_key_own_))]; \
	};                                                                 \
	struct name##_place {                                              \
		name##_key_bare_ *key;                                     \
		name##_val_own_ *val;                                      \
	};                                                                 \
	struct name##_item {                                               \
		name##_key_own_ key;                                       \
		name##_val_own_ val;                                       \
		name##_val_own_ *ref;                                      \
		struct tophash_cursor cursor;                              \
	};                                                                 \
	TOPHASH_STRUCTS_(name)

#define TOPHASH_SET_STRUCTS_(name, K)                                      \
	TOPHASH_KEY_TYPES_(name, K)                                        \
	struct name##_iter {                                               \
		name##_key_own_ key;                                       \
		struct tophash_iter iter;                                  \
		uint8_t kept[TOPHASH_KEPT_BYTES(sizeof(name##_key_own_))]; \
	};                                                                 \
	struct name##_place {                                              \
		name##_key_bare_ *key;                                     \
	};                                                                 \
	struct name##_item {                                               \
		name##_key_own_ key;                                       \
		struct tophash_cursor cursor;                              \
	};                                                                 \
	TOPHASH_STRUCTS_(name)

#define TOPHASH_STRUCTS_(name)                                                              \
	struct name {                                                                       \
		struct tophash map;                                                         \
	};                                                                                  \
	struct name##_walk_ {                                                               \
		struct tophash_iter iter;                                                   \
		uint8_t kept[TOPHASH_KEPT_BYTES(sizeof(name##_key_own_))];                  \
	};                                                                                  \
	TOPHASH_STATIC_ struct name##_walk_ *name##_begin_(struct name##_walk_ *walk,       \
							   const struct name *m)            \
	{                                                                                   \
		tophash_iter_init(&walk->iter, TOPHASH_INNER_(m), walk->kept);              \
		return walk;                                                                \
	}                                                                                   \
	TOPHASH_STATIC_ struct name##_item name##_enter_(struct name##_walk_ *walk)         \
	{                                                                                   \
		TOPHASH_ROOM(struct name##_item, it);                                       \
		tophash_cursor_init(&TOPHASH_IN_ROOM(it)->cursor, &walk->iter, walk->kept); \
		return *TOPHASH_IN_ROOM(it);                                                \
	}

/* A hash or equality that throws would leave a map locked. */
#define TOPHASH_WITH_(name, hash_fn, equal_fn)                                                \
	__attribute__((unused)) static inline uint64_t name##_hash_(const void *tophash_key_) \
		TOPHASH_NOEXCEPT                                                              \
	{                                                                                     \
		return hash_fn((name##_key_bare_ const *)tophash_key_);                       \
	}                                                                                     \
	__attribute__((unused)) static inline bool name##_equal_(                             \
		const void *tophash_key_, const void *tophash_other_) TOPHASH_NOEXCEPT        \
	{                                                                                     \
		return equal_fn((name##_key_bare_ const *)tophash_key_,                       \
				(name##_key_bare_ const *)tophash_other_);                    \
	}

#define TOPHASH_BYTES_(name)                               \
	TOPHASH_ASSERT(TOPHASH_IS_TIGHT(name##_key_bare_), \
		       "a key of TOPHASH_MAP_BYTES has padding: TOPHASH_MAP_WITH takes it");

/* The members come in the order of struct tophash_type, because C++17 has no designated initializers. */
#define TOPHASH_TYPE_(name, kind, val_size, val_at, slot_size, hash_fn, equal_fn)             \
	TOPHASH_ASSERT((kind) != 0, "this key wants TOPHASH_MAP_BYTES or TOPHASH_MAP_WITH");  \
	TOPHASH_ASSERT((slot_size) <= TOPHASH_SLOT_MAX,                                       \
		       "keys and values of a map are at most 64 KiB");                        \
	__attribute__((unused)) static const struct tophash_type name##_type = {              \
		(uint32_t)(kind),                                                             \
		(uint32_t)sizeof(name##_key_own_),                                            \
		(uint32_t)(val_size),                                                         \
		(uint32_t)(val_at),                                                           \
		(uint32_t)(TOPHASH_HAS_HASH(kind) ? TOPHASH_ROUND(sizeof(name##_key_own_), 4) \
						  : 0),                                       \
		(uint32_t)(slot_size),                                                        \
		hash_fn,                                                                      \
		equal_fn};

#define TOPHASH_MAP_TYPE_(name, kind, hash_fn, equal_fn)                                  \
	TOPHASH_TYPE_(name, kind, sizeof(name##_val_own_),                                \
		      TOPHASH_VAL_AT(kind, name##_key_own_, name##_val_own_),             \
		      TOPHASH_SLOT_SIZE(kind, name##_key_own_, name##_val_own_), hash_fn, \
		      equal_fn)

#define TOPHASH_SET_TYPE_(name, kind, hash_fn, equal_fn)                           \
	TOPHASH_TYPE_(name, kind, 0, TOPHASH_SET_SLOT_SIZE(kind, name##_key_own_), \
		      TOPHASH_SET_SLOT_SIZE(kind, name##_key_own_), hash_fn, equal_fn)

/* ---- prototypes ---------------------------------------------------------------------------------- */

#define TOPHASH_PROTOTYPES_(name)                                                           \
	int name##_init(struct name *m, size_t hint);                                       \
	void name##_fini(struct name *m);                                                   \
	int name##_set_hooks(struct name *m, const struct tophash_hooks *hooks);            \
	bool name##_delete_at(struct name *m, name##_key_bare_ *k);                         \
	bool name##_release_at(struct name *m, name##_key_bare_ *k);                        \
	struct name##_place name##_entry_at(struct name *m, name##_key_bare_ *k, int *ret); \
	void name##_clear(struct name *m);                                                  \
	size_t name##_len(const struct name *m);                                            \
	int name##_clone(const struct name *m, struct name *ret);                           \
	int name##_reserve(struct name *m, size_t n);                                       \
	int name##_shrink(struct name *m);                                                  \
	void name##_keep_room(struct name *m, bool keep);                                   \
	void name##_huge_pages(struct name *m, bool use);                                   \
	void name##_step(struct name *m, unsigned buckets);                                 \
	void name##_stats(const struct name *m, struct tophash_stats *ret);                 \
	int name##_check(const struct name *m, int level);                                  \
	size_t name##_delete_many(struct name *m, name##_key_own_ const *keys, size_t n);   \
	struct name##_iter name##_each(const struct name *m);                               \
	bool name##_next(struct name##_iter *it);                                           \
	bool name##_visit_(struct name##_item *it, struct name##_walk_ *walk);

#define TOPHASH_MAP_PROTOTYPES_(name)                                                              \
	TOPHASH_PROTOTYPES_(name)                                                                  \
	name##_val_own_ *name##_find_at(const struct name *m, name##_key_bare_ *k);                \
	name##_val_own_ *name##_slot_at(struct name *m, name##_key_bare_ *k, bool keep, int *ret); \
	size_t name##_delete_if(struct name *m,                                                    \
				bool (*fn)(name##_key_own_, name##_val_own_ *, void *),            \
				void *ctx);                                                        \
	size_t name##_get_many(const struct name *m, name##_key_own_ const *keys, size_t n,        \
			       name##_val_bare_ *vals, bool *found);                               \
	int name##_put_many(struct name *m, name##_key_own_ const *keys,                           \
			    name##_val_own_ const *vals, size_t n, size_t *ret_done);

#define TOPHASH_SET_PROTOTYPES_(name)                                                            \
	TOPHASH_PROTOTYPES_(name)                                                                \
	int name##_add_at(struct name *m, name##_key_bare_ *k);                                  \
	bool name##_has_at(const struct name *m, name##_key_bare_ *k);                           \
	size_t name##_delete_if(struct name *m, bool (*fn)(name##_key_own_, void *), void *ctx); \
	size_t name##_has_many(const struct name *m, name##_key_own_ const *keys, size_t n,      \
			       bool *found);                                                     \
	int name##_add_many(struct name *m, name##_key_own_ const *keys, size_t n,               \
			    size_t *ret_done);

/* ---- functions that take a key or a value ----------------------------------------------------------
 *
 * They are inline, even where the others are external. The way such a parameter is passed depends on the compiler
 * (typed.h), and sources may be compiled by different ones. */

#define TOPHASH_INNER_(m) ((m) ? &(m)->map : TOPHASH_NOTHING)
#define TOPHASH_TAKE_(T, ret, arg) \
	tophash_take_arg(TOPHASH_IN_ROOM(ret), &(arg), sizeof(T), TOPHASH_IS_BOOL(T))
/* Makes the local variable key, of the value of the parameter k. The cast is for debuggers, which find K and V in struct
 * name_iter. Without it, compilers leave that structure out of the debug information of a program that never
 * iterates. */
#define TOPHASH_TAKE_KEY_(name)              \
	TOPHASH_ROOM(name##_key_bare_, key); \
	((void)(struct name##_iter *)0, TOPHASH_TAKE_(name##_key_bare_, key, k))

#define TOPHASH_MAP_INLINE_(name)                                                           \
	TOPHASH_INLINE_DELETE_(name)                                                        \
	TOPHASH_FAST_ name##_val_own_ *name##_find(const struct name *m, name##_key_read k) \
	{                                                                                   \
		TOPHASH_TAKE_KEY_(name);                                                    \
		return name##_find_at(m, TOPHASH_IN_ROOM(key));                             \
	}                                                                                   \
	TOPHASH_FAST_ name##_val_bare_ name##_get(const struct name *m, name##_key_read k)  \
	{                                                                                   \
		name##_val_own_ *val = name##_find(m, k);                                   \
		TOPHASH_ROOM(name##_val_bare_, ret);                                        \
		tophash_copy_or_zero(TOPHASH_IN_ROOM(ret), val, sizeof(*val));              \
		return *TOPHASH_IN_ROOM(ret);                                               \
	}                                                                                   \
	TOPHASH_FAST_ int name##_put(struct name *m, name##_key_arg k, name##_val_arg v)    \
	{                                                                                   \
		TOPHASH_ROOM(name##_val_bare_, val);                                        \
		name##_val_own_ *to;                                                        \
		int ret;                                                                    \
		TOPHASH_TAKE_KEY_(name);                                                    \
		TOPHASH_TAKE_(name##_val_bare_, val, v);                                    \
		to = name##_slot_at(m, TOPHASH_IN_ROOM(key), false, &ret);                  \
		if (TOPHASH_LIKELY(to))                                                     \
			__builtin_memcpy((void *)(uintptr_t)to, (void *)&val, sizeof(*to)); \
		return ret;                                                                 \
	}                                                                                   \
	TOPHASH_FAST_ struct name##_place name##_entry(struct name *m, name##_key_read k,   \
						       bool *added)                         \
	{                                                                                   \
		struct name##_place to;                                                     \
		int ret;                                                                    \
		TOPHASH_TAKE_KEY_(name);                                                    \
		to = name##_entry_at(m, TOPHASH_IN_ROOM(key), &ret);                        \
		if (ret == 1)                                                               \
			__builtin_memset((void *)(uintptr_t)to.val, 0, sizeof(*to.val));    \
		*added = ret == 1;                                                          \
		return to;                                                                  \
	}                                                                                   \
	TOPHASH_FAST_ name##_val_own_ *name##_slot(struct name *m, name##_key_arg k)        \
	{                                                                                   \
		name##_val_own_ *to;                                                        \
		int ret;                                                                    \
		TOPHASH_TAKE_KEY_(name);                                                    \
		to = name##_slot_at(m, TOPHASH_IN_ROOM(key), true, &ret);                   \
		if (ret == 1)                                                               \
			__builtin_memset((void *)(uintptr_t)to, 0, sizeof(*to));            \
		return to;                                                                  \
	}                                                                                   \
	TOPHASH_END_(name)

#define TOPHASH_SET_INLINE_(name)                                                         \
	TOPHASH_INLINE_DELETE_(name)                                                      \
	TOPHASH_FAST_ int name##_add(struct name *m, name##_key_arg k)                    \
	{                                                                                 \
		TOPHASH_TAKE_KEY_(name);                                                  \
		return name##_add_at(m, TOPHASH_IN_ROOM(key));                            \
	}                                                                                 \
	TOPHASH_FAST_ bool name##_has(const struct name *m, name##_key_read k)            \
	{                                                                                 \
		TOPHASH_TAKE_KEY_(name);                                                  \
		return name##_has_at(m, TOPHASH_IN_ROOM(key));                            \
	}                                                                                 \
	TOPHASH_FAST_ struct name##_place name##_entry(struct name *m, name##_key_read k, \
						       bool *added)                       \
	{                                                                                 \
		struct name##_place to;                                                   \
		int ret;                                                                  \
		TOPHASH_TAKE_KEY_(name);                                                  \
		to = name##_entry_at(m, TOPHASH_IN_ROOM(key), &ret);                      \
		*added = ret == 1;                                                        \
		return to;                                                                \
	}                                                                                 \
	TOPHASH_END_(name)

#define TOPHASH_INLINE_DELETE_(name)                                         \
	TOPHASH_FAST_ bool name##_release(struct name *m, name##_key_read k) \
	{                                                                    \
		TOPHASH_TAKE_KEY_(name);                                     \
		return name##_release_at(m, TOPHASH_IN_ROOM(key));           \
	}                                                                    \
	TOPHASH_FAST_ bool name##_delete(struct name *m, name##_key_read k)  \
	{                                                                    \
		TOPHASH_TAKE_KEY_(name);                                     \
		return name##_delete_at(m, TOPHASH_IN_ROOM(key));            \
	}

#endif
