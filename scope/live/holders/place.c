#include "live/holders/holders_priv.h"
#include "base/search.h"
#include "base/buf.h"

enum {
	DEPTH_MAX = 64, /* of structs and arrays in one another */
	FIELDS_MAX = 65536,
	VALUES_TRIED = 16,
	HCHAN_BUFFER = 16, /* runtime/chan.go */
};
#define COUNT_MAX (1ull << 40)

/* ---- in a value ---- */

static void put_name(struct holders *holders, const struct gotype_field *field, struct buf *path)
{
	if (path->len)
		buf_char(path, '.');
	if (field->name)
		buf_put(path, field->name, field->name_len);
	else
		buf_char(path, '?');
}

/* Returns the type that an atomic.Pointer leads to. Its first field is [0]*T. */
static uint64_t atomic_target(struct holders *holders, const struct gotype *type)
{
	struct gotype_field field;
	struct gotype array, pointer;

	if (!gotype_field(&holders->types, type, 0, &field) ||
	    !gotype_read(&holders->types, field.type, &array) || array.kind != GOTYPE_ARRAY ||
	    array.len || !gotype_read(&holders->types, array.elem, &pointer) ||
	    pointer.kind != GOTYPE_POINTER)
		return 0;
	return pointer.elem;
}

static bool is_pool(struct holders *holders, const struct gotype *type,
		    const struct gotype_field *field)
{
	const char *name = holders_type_name(holders, type->addr);

	return name && !strcmp(name, "sync.Pool") && field->name &&
	       ((field->name_len == 5 && !memcmp(field->name, "local", 5)) ||
		(field->name_len == 6 && !memcmp(field->name, "victim", 6)));
}

/* Goes on to the field in which an offset lies. Returns false if it lies in none. */
static bool enter_field(struct holders *holders, const struct gotype *type, struct leaf *leaf,
			struct buf *path)
{
	struct gotype_field field, inner = {0};
	uint64_t target = atomic_target(holders, type);

	for (uint64_t i = 0; i < type->len && i < FIELDS_MAX; i++)
		if (gotype_field(&holders->types, type, i, &field) && field.offset <= leaf->offset)
			inner = field;
	if (!inner.type)
		return false;
	put_name(holders, &inner, path);
	leaf->pool = is_pool(holders, type, &inner);
	leaf->target = target;
	leaf->type = inner.type;
	leaf->offset -= inner.offset;
	return true;
}

struct leaf holders_leaf(struct holders *holders, uint64_t type_addr, uint64_t offset,
			 struct buf *path)
{
	struct leaf leaf = {.type = type_addr, .offset = offset};
	struct gotype type;

	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		if (!gotype_read(&holders->types, leaf.type, &type) || leaf.offset >= type.size)
			break;
		if (type.kind == GOTYPE_ARRAY && type.len && type.size / type.len) {
			buf_str(path, "[]");
			leaf.offset %= type.size / type.len;
			leaf.type = type.elem;
		} else if (type.kind != GOTYPE_STRUCT) {
			return leaf;
		} else if (!enter_field(holders, &type, &leaf, path)) {
			break;
		}
	}
	return (struct leaf){0};
}

void holders_field(struct holders *holders, uint64_t type, uint64_t offset, struct buf *to)
{
	struct gotype of;

	if (gotype_read(&holders->types, type, &of) && of.size)
		holders_leaf(holders, type, offset % of.size, to);
}

/* ---- where a word leads ---- */

static struct place values(uint64_t type, uint64_t origin, uint64_t count)
{
	return (struct place){PLACE_VALUES, .type = type, .origin = origin, .count = count};
}

/* Returns the place of the array of the slice whose pointer is at a slot. */
static struct place slice_place(struct holders *holders, const struct gotype *type,
				const struct edge *edge)
{
	struct place place = values(type->elem, edge->word, 0);
	uint64_t sizes[2];

	if (!heap_read(holders->heap, edge->slot + WORD, sizes, sizeof(sizes)) ||
	    sizes[0] > sizes[1] || sizes[1] > COUNT_MAX)
		return (struct place){0};
	place.slice = true;
	place.count = sizes[1];
	return place;
}

/* Returns the place that a word leads to that is the whole value of a type. */
static struct place word_place(const struct gotype *type, uint64_t word)
{
	switch (type->kind) {
	case GOTYPE_POINTER: return values(type->elem, word, 1);
	case GOTYPE_MAP: return (struct place){PLACE_MAP, .type = type->addr, .origin = word};
	case GOTYPE_CHAN: return (struct place){PLACE_CHANNEL, .type = type->addr, .origin = word};
	case GOTYPE_FUNC: return (struct place){PLACE_CLOSURE, .origin = word};
	default: return (struct place){0};
	}
}

/* Finds the type that the type word of an interface means, and keeps it. */
static uint64_t type_of_word(struct holders *holders, uint64_t word)
{
	uint32_t *found = table_find(&holders->words_at, word);
	uint64_t type;

	if (found)
		return holders->words.data[*found];
	if (!heap_module_of((void *)holders->options, word))
		return 0;
	type = gomap_interface_type(&holders->types, word);
	holders->failed |=
		!vec_push(&holders->words, type) ||
		table_put(&holders->words_at, word, (uint32_t)holders->words.len - 1) < 0;
	return type;
}

struct place holders_interface(struct holders *holders, const struct edge *edge)
{
	cleanup(buf_fini) struct buf path = {0};
	struct gotype type;
	struct leaf leaf;
	uint64_t word;

	if (!heap_read(holders->heap, edge->slot - WORD, &word, sizeof(word)))
		return (struct place){0};
	word = type_of_word(holders, word);
	if (!word || !gotype_read(&holders->types, word, &type))
		return (struct place){0};
	if (!type.direct_iface)
		return values(word, edge->word, 1);
	leaf = holders_leaf(holders, word, 0, &path); /* a struct of one pointer is direct, too */
	return leaf.type && gotype_read(&holders->types, leaf.type, &type)
		       ? word_place(&type, edge->word)
		       : (struct place){0};
}

struct place holders_follow(struct holders *holders, const struct leaf *leaf,
			    const struct edge *edge, bool *ret_interface)
{
	struct gotype type;

	*ret_interface = false;
	if (leaf->pool)
		return (struct place){PLACE_POOL, .origin = edge->word};
	if (!leaf->type || !gotype_read(&holders->types, leaf->type, &type))
		return (struct place){0};
	if (type.kind == GOTYPE_UNSAFE_POINTER && leaf->target)
		return values(leaf->target, edge->word, 1);
	if (type.kind == GOTYPE_SLICE && !leaf->offset)
		return slice_place(holders, &type, edge);
	if (type.kind == GOTYPE_INTERFACE && leaf->offset == WORD) {
		*ret_interface = true;
		return holders_interface(holders, edge);
	}
	return leaf->offset ? (struct place){0} : word_place(&type, edge->word);
}

/* ---- what an object is by itself ---- */

static bool holds(struct holders *holders, const struct gomap_value *value, uint64_t slot)
{
	struct gotype type;

	return slot >= value->addr && gotype_read(&holders->types, value->type, &type) &&
	       type.size && (slot - value->addr) / type.size < value->count;
}

/* Finds a value that a typed pointer led to and that has the slot. */
static struct place known_value(struct holders *holders, uint64_t object, uint64_t slot)
{
	const struct gomap_value *list = holders->maps->values.data;
	size_t n = holders->maps->values.len, behind = lower_bound(i, n, list[i].addr <= slot);

	for (size_t at = behind; at && behind - at < VALUES_TRIED; at--) {
		const struct gomap_value *value = &list[at - 1];

		if (value->addr < object)
			break;
		if (holds(holders, value, slot))
			return (struct place){PLACE_VALUES, value->count > 1, value->type,
					      value->addr, value->count};
	}
	return (struct place){0};
}

struct place holders_global(struct holders *holders, uint64_t slot)
{
	return known_value(holders, 0, slot);
}

/* Finds the type that the heap notes for an object. */
static struct place noted_value(struct holders *holders, uint64_t object)
{
	uint64_t base, size, from = object, noted = heap_type_of(holders->heap, object);
	struct gotype type;
	struct place place;

	if (!noted) {
		from += WORD; /* the word before it names the type */
		noted = heap_type_of(holders->heap, from);
	}
	if (!noted || !heap_object_of(holders->heap, object, &base, &size) ||
	    !gotype_read(&holders->types, noted, &type) || !type.size)
		return (struct place){0};
	place = values(noted, from, (size - (from - object)) / type.size);
	place.slice = place.count > 1;
	return place;
}

struct place holders_identify(struct holders *holders, uint64_t object, uint64_t slot)
{
	const struct gomap *map = gomap_at(holders->maps, object);
	struct place place;
	uint64_t word;

	if (map)
		return (struct place){PLACE_MAP, .type = map->type, .origin = object};
	place = noted_value(holders, object);
	if (place.kind != PLACE_NONE)
		return place;
	/* A closure has a type, too, but the name of its function says more. */
	if (heap_read(holders->heap, object, &word, sizeof(word)) &&
	    holders_function(holders, word, true))
		return (struct place){PLACE_CLOSURE, .origin = object};
	return known_value(holders, object, slot);
}
