#include "live/gomap/gomap_priv.h"
#include "base/search.h"

enum {
	HASH_AT = 16, /* of a type, and of an itab */
	ITAB_TYPE_AT = 8,
};

const struct gomap *gomap_at(const struct gomap_list *maps, uint64_t addr)
{
	const struct gomap *list = maps->list.data;
	size_t n = maps->list.len, at = lower_bound(i, n, list[i].addr < addr);

	return at < n && list[at].addr == addr ? &list[at] : NULL;
}

/* Notes the offset in one of 8 values that begin at `from`, with a stride. Returns false if it is in none. */
static bool in_values(uint64_t offset, uint64_t from, uint64_t stride, uint64_t *ret)
{
	if (offset < from || !stride || (offset - from) / stride >= SLOTS)
		return false;
	*ret = (offset - from) % stride;
	return true;
}

bool gomap_slot_of(const struct gomap_list *maps, uint64_t map_type, uint64_t offset,
		   struct gomap_slot *ret)
{
	const struct map_type *type = map_types_at(maps->types, map_type);
	bool swiss = maps->layout == GO_MAPS_SWISS;
	bool indirect;

	if (!type || !type->part_size)
		return false;
	offset %= type->part_size;
	if (!swiss && offset == type->part_size - WORD) {
		*ret = (struct gomap_slot){.kind = GOMAP_SLOT_LINK};
		return true;
	}
	/* The slots of a group have a key and an element each. A bucket has all keys, then all elements. */
	if (in_values(offset, type->elems, type->elem_stride, &ret->offset) &&
	    (!swiss || ret->offset < type->elem_stride - (type->elems - type->keys)))
		ret->kind = GOMAP_SLOT_ELEM;
	else if (in_values(offset, type->keys, type->key_stride, &ret->offset))
		ret->kind = GOMAP_SLOT_KEY;
	else
		return false;
	ret->target = ret->kind == GOMAP_SLOT_KEY ? type->key : type->elem;
	indirect = ret->kind == GOMAP_SLOT_KEY ? type->key_indirect : type->elem_indirect;
	ret->type = indirect ? 0 : ret->target;
	return true;
}

/* An itab has the type, and both have its hash. */
uint64_t gomap_interface_type(const struct gotypes *types, uint64_t word)
{
	struct gotype interface, type;
	uint64_t itab[2];
	uint32_t hash;

	if (memory_read(&types->memory, word, itab, sizeof(itab)) &&
	    memory_read(&types->memory, word + HASH_AT, &hash, sizeof(hash)) &&
	    gotype_read(types, itab[0], &interface) && interface.kind == GOTYPE_INTERFACE &&
	    gotype_read(types, itab[ITAB_TYPE_AT / WORD], &type) && type.hash == hash)
		return type.addr;
	return gotype_read(types, word, &type) ? type.addr : 0;
}
