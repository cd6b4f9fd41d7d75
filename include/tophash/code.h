/* The functions of a map that may be external: those of make.h call them.
 *
 * FAST and COLD are the storage of the functions that are worth inlining, and of the others. A key that is given by a
 * pointer is a variable of the caller; the function may clear its padding.
 */
#ifndef TOPHASH_CODE_H
#define TOPHASH_CODE_H

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include "tophash/batch.h"
#include "tophash/iter.h"

#if TOPHASH_LIGHT
#define TOPHASH_FIND_(map, type, key)	      ((uint8_t *)tophash_find_at(map, type, key))
#define TOPHASH_PUT_(map, type, key, as, ret) ((uint8_t *)tophash_put_at(map, type, key, as, ret))
#define TOPHASH_DELETE_(map, type, key)	      tophash_delete_at(map, type, key)
#else
#define TOPHASH_FIND_	tophash_find_slot
#define TOPHASH_PUT_	tophash_place_slot
#define TOPHASH_DELETE_ tophash_delete_key
#endif

/* Clears the padding of a key that is compared by its bytes. */
#define TOPHASH_TIDY_(name, k)              \
	if (tophash_by_bytes(&name##_type)) \
	TOPHASH_CLEAR_PADDING(k)

/* Makes the local variable tidy, for functions that take many keys. */
#define TOPHASH_TIDY_MANY_(name)              \
	TOPHASH_ROOM(name##_key_bare_, room); \
	const struct tophash_tidy tidy = {name##_clear_padding_, (void *)&room}

#define TOPHASH_COMMON_CODE_(FAST, COLD, name)                                                     \
	TOPHASH_STATIC_ void name##_clear_padding_(void *key)                                      \
	{                                                                                          \
		TOPHASH_CLEAR_PADDING((name##_key_bare_ *)key);                                    \
	}                                                                                          \
	COLD int name##_init(struct name *m, size_t hint)                                          \
	{                                                                                          \
		return tophash_init(&m->map, &name##_type, hint);                                  \
	}                                                                                          \
	COLD void name##_fini(struct name *m)                                                      \
	{                                                                                          \
		tophash_fini(TOPHASH_INNER_(m));                                                   \
	}                                                                                          \
	COLD int name##_set_hooks(struct name *m, const struct tophash_hooks *hooks)               \
	{                                                                                          \
		return tophash_set_hooks(&m->map, hooks);                                          \
	}                                                                                          \
	FAST bool name##_delete_at(struct name *m, name##_key_bare_ *k)                            \
	{                                                                                          \
		TOPHASH_TIDY_(name, k);                                                            \
		return TOPHASH_DELETE_(TOPHASH_INNER_(m), &name##_type, k);                        \
	}                                                                                          \
	COLD bool name##_release_at(struct name *m, name##_key_bare_ *k)                           \
	{                                                                                          \
		TOPHASH_TIDY_(name, k);                                                            \
		return tophash_release(TOPHASH_INNER_(m), &name##_type, k);                        \
	}                                                                                          \
	COLD void name##_clear(struct name *m)                                                     \
	{                                                                                          \
		tophash_clear(TOPHASH_INNER_(m));                                                  \
	}                                                                                          \
	FAST size_t name##_len(const struct name *m)                                               \
	{                                                                                          \
		return m ? m->map.len : 0;                                                         \
	}                                                                                          \
	COLD int name##_clone(const struct name *m, struct name *ret)                              \
	{                                                                                          \
		return tophash_clone(TOPHASH_INNER_(m), &ret->map);                                \
	}                                                                                          \
	COLD int name##_reserve(struct name *m, size_t n)                                          \
	{                                                                                          \
		return tophash_reserve(&m->map, &name##_type, n);                                  \
	}                                                                                          \
	COLD int name##_shrink(struct name *m)                                                     \
	{                                                                                          \
		return tophash_shrink(TOPHASH_INNER_(m));                                          \
	}                                                                                          \
	COLD void name##_keep_room(struct name *m, bool keep)                                      \
	{                                                                                          \
		tophash_keep_room(TOPHASH_INNER_(m), keep);                                        \
	}                                                                                          \
	COLD void name##_huge_pages(struct name *m, bool use)                                      \
	{                                                                                          \
		tophash_huge_pages(TOPHASH_INNER_(m), use);                                        \
	}                                                                                          \
	COLD void name##_step(struct name *m, unsigned buckets)                                    \
	{                                                                                          \
		tophash_step(TOPHASH_INNER_(m), buckets);                                          \
	}                                                                                          \
	COLD void name##_stats(const struct name *m, struct tophash_stats *ret)                    \
	{                                                                                          \
		tophash_stats(TOPHASH_INNER_(m), ret);                                             \
	}                                                                                          \
	COLD int name##_check(const struct name *m, int level)                                     \
	{                                                                                          \
		return tophash_check(TOPHASH_INNER_(m), level);                                    \
	}                                                                                          \
	COLD size_t name##_delete_many(struct name *m, name##_key_own_ const *keys, size_t n)      \
	{                                                                                          \
		TOPHASH_TIDY_MANY_(name);                                                          \
		return tophash_delete_many(TOPHASH_INNER_(m), &name##_type, keys, n, &tidy);       \
	}                                                                                          \
	COLD struct name##_iter name##_each(const struct name *m)                                  \
	{                                                                                          \
		TOPHASH_ROOM(struct name##_iter, it);                                              \
		__builtin_memset((void *)&it, 0, offsetof(struct name##_iter, kept));              \
		tophash_iter_init(&TOPHASH_IN_ROOM(it)->iter, TOPHASH_INNER_(m), TOPHASH_NOTHING); \
		return *TOPHASH_IN_ROOM(it);                                                       \
	}

/* Ends a step of a loop: returns false at the end, or copies the key of the slot and returns true. */
#define TOPHASH_SHOW_KEY_(it, slot)                                                 \
	if (TOPHASH_UNLIKELY(!(slot)))                                              \
		return false;                                                       \
	__builtin_memcpy((void *)(uintptr_t) & (it)->key, slot, sizeof((it)->key)); \
	return true

#define TOPHASH_SHOW_ENTRY_(name, it, slot)                                              \
	if (TOPHASH_UNLIKELY(!(slot)))                                                   \
		return false;                                                            \
	(it)->ref = (name##_val_own_ *)(void *)((slot) + name##_type.val_offset);        \
	__builtin_memcpy((void *)(uintptr_t) & (it)->key, slot, sizeof((it)->key));      \
	__builtin_memcpy((void *)(uintptr_t) & (it)->val, (it)->ref, sizeof((it)->val)); \
	return true

#define TOPHASH_MAP_CODE_(FAST, COLD, name)                                                        \
	TOPHASH_COMMON_CODE_(FAST, COLD, name)                                                     \
	FAST name##_val_own_ *name##_find_at(const struct name *m, name##_key_bare_ *k)            \
	{                                                                                          \
		uint8_t *slot;                                                                     \
		TOPHASH_TIDY_(name, k);                                                            \
		slot = TOPHASH_FIND_(TOPHASH_INNER_(m), &name##_type, k);                          \
		return slot ? (name##_val_own_ *)(void *)(slot + name##_type.val_offset)           \
			    : TOPHASH_NOTHING;                                                     \
	}                                                                                          \
	FAST name##_val_own_ *name##_slot_at(struct name *m, name##_key_bare_ *k, bool keep,       \
					     int *ret)                                             \
	{                                                                                          \
		uint8_t *slot;                                                                     \
		TOPHASH_TIDY_(name, k);                                                            \
		slot = TOPHASH_PUT_(&m->map, &name##_type, k,                                      \
				    keep ? TOPHASH_PUT_KEEP : TOPHASH_PUT_REPLACE, ret);           \
		return TOPHASH_LIKELY(slot)                                                        \
			       ? (name##_val_own_ *)(void *)(slot + name##_type.val_offset)        \
			       : TOPHASH_NOTHING;                                                  \
	}                                                                                          \
	FAST struct name##_place name##_entry_at(struct name *m, name##_key_bare_ *k, int *ret)    \
	{                                                                                          \
		struct name##_place to = {TOPHASH_NOTHING, TOPHASH_NOTHING};                       \
		uint8_t *slot;                                                                     \
		TOPHASH_TIDY_(name, k);                                                            \
		slot = TOPHASH_PUT_(&m->map, &name##_type, k, TOPHASH_PUT_LOOK, ret);              \
		if (TOPHASH_LIKELY(slot)) {                                                        \
			to.key = (name##_key_bare_ *)(void *)slot;                                 \
			to.val = (name##_val_own_ *)(void *)(slot + name##_type.val_offset);       \
		}                                                                                  \
		return to;                                                                         \
	}                                                                                          \
	COLD size_t name##_get_many(const struct name *m, name##_key_own_ const *keys, size_t n,   \
				    name##_val_bare_ *vals, bool *found)                           \
	{                                                                                          \
		TOPHASH_TIDY_MANY_(name);                                                          \
		return tophash_find_many(TOPHASH_INNER_(m), &name##_type, keys, n, vals, found,    \
					 &tidy);                                                   \
	}                                                                                          \
	COLD int name##_put_many(struct name *m, name##_key_own_ const *keys,                      \
				 name##_val_own_ const *vals, size_t n, size_t *ret_done)          \
	{                                                                                          \
		TOPHASH_TIDY_MANY_(name);                                                          \
		return tophash_put_many(&m->map, &name##_type, keys, vals, n, ret_done, &tidy);    \
	}                                                                                          \
	FAST bool name##_next(struct name##_iter *it)                                              \
	{                                                                                          \
		uint8_t *slot;                                                                     \
		it->iter.kept = it->kept;                                                          \
		slot = tophash_iter_step(&it->iter, &name##_type);                                 \
		TOPHASH_SHOW_ENTRY_(name, it, slot);                                               \
	}                                                                                          \
	FAST bool name##_visit_(struct name##_item *it, struct name##_walk_ *walk)                 \
	{                                                                                          \
		uint8_t *slot = TOPHASH_STEP(&it->cursor, &walk->iter, walk->kept, &name##_type);  \
		TOPHASH_SHOW_ENTRY_(name, it, slot);                                               \
	}                                                                                          \
	COLD size_t name##_delete_if(                                                              \
		struct name *m, bool (*fn)(name##_key_own_, name##_val_own_ *, void *), void *ctx) \
	{                                                                                          \
		size_t ret = 0;                                                                    \
		TOPHASH_EACH(name, it, m)                                                          \
			if (fn(it.key, it.ref, ctx))                                               \
				ret += TOPHASH_DELETE_(&m->map, &name##_type, &it.key);            \
		return ret;                                                                        \
	}

#define TOPHASH_SET_CODE_(FAST, COLD, name)                                                        \
	TOPHASH_COMMON_CODE_(FAST, COLD, name)                                                     \
	FAST int name##_add_at(struct name *m, name##_key_bare_ *k)                                \
	{                                                                                          \
		int ret;                                                                           \
		TOPHASH_TIDY_(name, k);                                                            \
		(void)TOPHASH_PUT_(&m->map, &name##_type, k, TOPHASH_PUT_REPLACE, &ret);           \
		return ret;                                                                        \
	}                                                                                          \
	FAST bool name##_has_at(const struct name *m, name##_key_bare_ *k)                         \
	{                                                                                          \
		TOPHASH_TIDY_(name, k);                                                            \
		return TOPHASH_FIND_(TOPHASH_INNER_(m), &name##_type, k) != TOPHASH_NOTHING;       \
	}                                                                                          \
	FAST struct name##_place name##_entry_at(struct name *m, name##_key_bare_ *k, int *ret)    \
	{                                                                                          \
		struct name##_place to = {TOPHASH_NOTHING};                                        \
		TOPHASH_TIDY_(name, k);                                                            \
		to.key = (name##_key_bare_ *)(void *)TOPHASH_PUT_(&m->map, &name##_type, k,        \
								  TOPHASH_PUT_LOOK, ret);          \
		return to;                                                                         \
	}                                                                                          \
	COLD size_t name##_has_many(const struct name *m, name##_key_own_ const *keys, size_t n,   \
				    bool *found)                                                   \
	{                                                                                          \
		TOPHASH_TIDY_MANY_(name);                                                          \
		return tophash_find_many(TOPHASH_INNER_(m), &name##_type, keys, n,                 \
					 TOPHASH_NOTHING, found, &tidy);                           \
	}                                                                                          \
	COLD int name##_add_many(struct name *m, name##_key_own_ const *keys, size_t n,            \
				 size_t *ret_done)                                                 \
	{                                                                                          \
		TOPHASH_TIDY_MANY_(name);                                                          \
		return tophash_put_many(&m->map, &name##_type, keys, TOPHASH_NOTHING, n, ret_done, \
					&tidy);                                                    \
	}                                                                                          \
	FAST bool name##_next(struct name##_iter *it)                                              \
	{                                                                                          \
		uint8_t *slot;                                                                     \
		it->iter.kept = it->kept;                                                          \
		slot = tophash_iter_step(&it->iter, &name##_type);                                 \
		TOPHASH_SHOW_KEY_(it, slot);                                                       \
	}                                                                                          \
	FAST bool name##_visit_(struct name##_item *it, struct name##_walk_ *walk)                 \
	{                                                                                          \
		uint8_t *slot = TOPHASH_STEP(&it->cursor, &walk->iter, walk->kept, &name##_type);  \
		TOPHASH_SHOW_KEY_(it, slot);                                                       \
	}                                                                                          \
	COLD size_t name##_delete_if(struct name *m, bool (*fn)(name##_key_own_, void *),          \
				     void *ctx)                                                    \
	{                                                                                          \
		size_t ret = 0;                                                                    \
		TOPHASH_EACH(name, it, m)                                                          \
			if (fn(it.key, ctx))                                                       \
				ret += TOPHASH_DELETE_(&m->map, &name##_type, &it.key);            \
		return ret;                                                                        \
	}

#endif
