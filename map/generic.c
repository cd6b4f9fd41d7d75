/* The API for callers that learn the sizes of keys and values at run time: language bindings. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tophash/iter.h"

#include "unseen.h"

/* A map on the heap, with its type. */
struct generic {
	struct tophash map;
	struct tophash_type type;
};

/* An iterator on the heap, with room for the keys that it keeps. */
struct generic_iter {
	struct tophash_iter iter;
	_Alignas(16) uint8_t kept[];
};

static uint32_t round_up(uint32_t n, uint32_t to)
{
	return (n + to - 1) / to * to;
}

/* Returns the alignment that a type of n bytes may have, which is the largest power of 2 up to 16
 * that divides n. */
static uint32_t align_of(uint32_t n)
{
	uint32_t align = n & -n;

	return align > 16 || align == 0 ? 16 : align;
}

static bool is_key_size(enum tophash_kind kind, uint32_t size)
{
	switch (kind) {
	case TOPHASH_KIND_INT:
		return size == 1 || size == 2 || size == 4 || size == 8 || size == 16;
	case TOPHASH_KIND_FLOAT: return size == 4 || size == 8;
	case TOPHASH_KIND_CSTR: return size == sizeof(char *);
	case TOPHASH_KIND_STR: return size == sizeof(struct tophash_str);
	case TOPHASH_KIND_BYTES: return size > 0;
	default: return false;
	}
}

int tophash_type_init(struct tophash_type *type, enum tophash_kind kind, uint32_t key_size,
		      uint32_t val_size)
{
	uint32_t key_align = align_of(key_size), val_align = val_size ? align_of(val_size) : 1;
	uint32_t key_end = key_size;

	if (!is_key_size(kind, key_size) || key_size > TOPHASH_SLOT_MAX ||
	    val_size > TOPHASH_SLOT_MAX)
		return -EINVAL;
	*type = (struct tophash_type){.kind = kind, .key_size = key_size, .val_size = val_size};
	if (kind == TOPHASH_KIND_CSTR || kind == TOPHASH_KIND_STR) {
		type->hash_offset = key_size;
		key_end += sizeof(uint32_t);
	}
	type->val_offset = round_up(key_end, val_align);
	type->slot_size = round_up(type->val_offset + val_size,
				   key_align > val_align ? key_align : val_align);
	return type->slot_size > TOPHASH_SLOT_MAX ? -EINVAL : 0;
}

struct tophash *tophash_new(enum tophash_kind kind, uint32_t key_size, uint32_t val_size,
			    size_t hint)
{
	struct generic *generic;
	struct tophash_type type;
	int err = tophash_type_init(&type, kind, key_size, val_size);

	if (err) {
		errno = -err;
		return NULL;
	}
	generic = malloc(sizeof(*generic));
	if (!generic)
		return NULL;
	generic->type = type;
	err = tophash_init(&generic->map, &generic->type, hint);
	if (err) {
		free(generic);
		errno = -err;
		return NULL;
	}
	return &generic->map;
}

void tophash_free(struct tophash *map)
{
	tophash_fini(map);
	free(map); /* the first member of struct generic */
}

/* Returns the bytes that a copy of a key needs, or 1 if it needs none. A key may be in the map
 * itself, as the key of an iteration is, and the map may move its entries before it has read the
 * key. The fast path copies small keys (tophash_copy_key()). Large ones are copied here, on the
 * stack, because a delete must not fail. */
static size_t apart_size(const struct tophash *map)
{
	const struct tophash_type *type = map ? map->type : NULL;

	return type && type->key_size > sizeof(struct tophash_key_copy) ? type->key_size : 1;
}

/* Copies a large key. Returns the copy, or the key itself. */
static const void *key_apart(const struct tophash *map, const void *key, void *copy)
{
	size_t size = apart_size(map);

	return size > 1 ? memcpy(copy, key, size) : key;
}

int tophash_put(struct tophash *map, const void *key, const void *val)
{
	void *copy = __builtin_alloca_with_align(apart_size(map), 128);
	const struct tophash_type *type = map->type;
	int ret = 0;
	uint8_t *slot;

	if (!type)
		return -EINVAL;
	slot = unseen_put(map, type, key_apart(map, key, copy), TOPHASH_PUT_REPLACE, &ret);
	if (slot && type->val_size)
		memcpy(slot + type->val_offset, val, type->val_size);
	return ret;
}

void *tophash_find(const struct tophash *map, const void *key)
{
	uint8_t *slot;

	if (!map || !map->type)
		return NULL;
	slot = unseen_find(map, map->type, key);
	return slot ? slot + map->type->val_offset : NULL;
}

bool tophash_get(const struct tophash *map, const void *key, void *ret)
{
	const void *val = tophash_find(map, key);

	if (val)
		memcpy(ret, val, map->type->val_size);
	else if (map && map->type)
		memset(ret, 0, map->type->val_size);
	return val != NULL;
}

bool tophash_delete(struct tophash *map, const void *key)
{
	void *copy = __builtin_alloca_with_align(apart_size(map), 128);

	return map && map->type && unseen_delete(map, map->type, key_apart(map, key, copy));
}

size_t tophash_len(const struct tophash *map)
{
	return map ? map->len : 0;
}

struct tophash_iter *tophash_iter_new(const struct tophash *map)
{
	size_t key_size = map && map->type ? map->type->key_size : 0;
	struct generic_iter *ret = malloc(sizeof(*ret) + TOPHASH_KEPT_BYTES(key_size));

	if (!ret)
		return NULL;
	/* A map that does not know the size of its keys yet is empty. Therefore the walk is over. */
	if (key_size == 0)
		map = NULL;
	tophash_iter_init(&ret->iter, map, ret->kept);
	return &ret->iter;
}

bool tophash_iter_next(struct tophash_iter *iter, const void **ret_key, void **ret_val)
{
	const struct tophash_type *type = iter->map ? iter->map->type : NULL;
	uint8_t *slot = type ? tophash_iter_step(iter, type) : NULL;

	if (!slot)
		return false;
	if (ret_key)
		*ret_key = slot;
	if (ret_val)
		*ret_val = slot + type->val_offset;
	return true;
}

void tophash_iter_free(struct tophash_iter *iter)
{
	free(iter);
}
