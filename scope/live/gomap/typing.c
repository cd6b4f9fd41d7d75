/* Types of maps. Nothing in a map's header tells its type. It is known from values that lead to the map and whose type is
 * known: the first ones are values of interfaces, which name their type, and maps whose buckets name theirs. From
 * each value, its type tells where pointers are and what they point to. Only objects that the mark has found are
 * searched, and only values of types that lead to a map. */
#include "live/gomap/gomap_priv.h"
#include "base/buf.h"
#include "base/search.h"
#include "read/heap/heap.h"

#include <stdlib.h>

enum {
	DEPTH_MAX = 64, /* of structs and arrays in one another */
	FIELDS_MAX = 65536,
};
#define ITEMS_MAX  (1ull << 24) /* memory to search, at most */
#define STEPS_MAX  (1ull << 28) /* values that are looked at */
#define OTHERS_MAX (1ull << 21) /* values that lead to no map */
#define COUNT_MAX  (1ull << 27) /* elements of a slice, or of a channel */

enum item_kind {
	ITEM_VALUES,  /* `count` values of the type, one after the other */
	ITEM_MAP,     /* the header of a map of the type */
	ITEM_CHANNEL, /* a channel of the type (hchan) */
};

/* Memory that was found, and is to be searched. */
struct item {
	uint64_t addr, type, count;
	enum item_kind kind;
};

struct typing {
	const struct heap *heap;
	const struct gomap_reader *reader;
	const struct gomap_ops *ops;
	const struct heap_options *options;
	struct reach reach;
	struct table
		words; /* the type word of an interface -> index of its type in interfaces, + 1 */
	VEC(uint64_t) interfaces;
	struct table types_at; /* type -> index in types */
	VEC(struct gotype) types;
	struct table seen; /* hash of address and type */
	VEC(struct item) queue;
	size_t done;			/* of the queue */
	uint64_t steps;			/* values that were looked at */
	VEC(struct gomap_value) others; /* of interfaces, which lead to no map */
	struct gomap_list *maps;
	bool failed;
};

struct error *typing_new(const struct gomap_reader *reader, const struct gomap_ops *ops,
			 struct typing **ret)
{
	const struct heap_options *options = heap_options_of(reader->heap);
	struct typing *typing = calloc(1, sizeof(*typing));

	if (!typing)
		return error_nomem();
	typing->heap = reader->heap;
	typing->reader = reader;
	typing->ops = ops;
	typing->options = options;
	typing->reach.types = (struct gotypes){.module = options->modules[0],
					       .memory = options->memory,
					       .find = heap_module_of,
					       .find_ctx = (void *)options};
	*ret = typing;
	return NULL;
}

void typing_free(struct typing *typing)
{
	if (!typing)
		return;
	reach_fini(&typing->reach);
	table_fini(&typing->words);
	table_fini(&typing->types_at);
	table_fini(&typing->seen);
	vec_fini(&typing->interfaces);
	vec_fini(&typing->types);
	vec_fini(&typing->queue);
	vec_fini(&typing->others);
	free(typing);
}

/* Reads a type, and keeps it. Returns NULL if it makes no sense. The result is valid until the next call. */
static const struct gotype *type_get(struct typing *typing, uint64_t addr)
{
	uint32_t *found = table_find(&typing->types_at, addr);
	struct gotype type = {0};

	if (!found) {
		if (!gotype_read(&typing->reach.types, addr, &type))
			type.addr = 0;
		if (!vec_push(&typing->types, type) ||
		    table_put(&typing->types_at, addr, (uint32_t)typing->types.len - 1) < 0) {
			typing->failed = true;
			return NULL;
		}
		return type.addr ? &typing->types.data[typing->types.len - 1] : NULL;
	}
	return typing->types.data[*found].addr ? &typing->types.data[*found] : NULL;
}

/* ---- the queue ---- */

/* Adds memory to search, unless its type leads to no map, or it is in the queue already. */
static void push_kind(struct typing *typing, enum item_kind kind, uint64_t addr, uint64_t type,
		      uint64_t count)
{
	struct item item = {addr, type, count, kind};
	uint64_t hash = table_mix(addr ^ table_mix(type ^ table_mix(count << 2 | kind)));

	if (!addr || !count || typing->failed || typing->queue.len >= ITEMS_MAX ||
	    !reach_leads(&typing->reach, type) || table_find(&typing->seen, hash))
		return;
	typing->failed |= table_put(&typing->seen, hash, 1) < 0 ||
			  !vec_push(&typing->queue, item) || typing->reach.failed;
}

static void push(struct typing *typing, uint64_t addr, uint64_t type, uint64_t count)
{
	push_kind(typing, ITEM_VALUES, addr, type, count);
}

/* Returns the map of the list whose header is at an address, or NULL. */
static struct gomap *map_at(const struct typing *typing, uint64_t addr)
{
	struct gomap *list = typing->maps->list.data;
	size_t n = typing->maps->list.len, at = lower_bound(i, n, list[i].addr < addr);

	return at < n && list[at].addr == addr ? &list[at] : NULL;
}

/* Notes the type of a map, and adds its entries. */
static void take_map(struct typing *typing, uint64_t addr, uint64_t type)
{
	struct gomap *map = map_at(typing, addr);

	if (!map || !map_types_at(typing->reader->types, type))
		return;
	if (!map->type) {
		map->type = type;
		map->typed_late = true;
	}
	if (map->type == type)
		push_kind(typing, ITEM_MAP, addr, type, 1);
}

/* ---- values ---- */

static void visit(struct typing *typing, uint64_t addr, uint64_t type, unsigned depth);

/* Follows a word that is the whole value of a type. */
static void follow_word(struct typing *typing, uint64_t word, const struct gotype *type)
{
	switch (type->kind) {
	case GOTYPE_POINTER: push(typing, word, type->elem, 1); break;
	case GOTYPE_MAP: take_map(typing, word, type->addr); break;
	case GOTYPE_CHAN: push_kind(typing, ITEM_CHANNEL, word, type->addr, 1); break;
	default: break;
	}
}

static void visit_fields(struct typing *typing, uint64_t addr, const struct gotype *type,
			 unsigned depth)
{
	struct gotype_field field;

	for (uint64_t i = 0; i < type->len && i < FIELDS_MAX; i++)
		if (gotype_field(&typing->reach.types, type, i, &field) &&
		    reach_leads(&typing->reach, field.type))
			visit(typing, addr + field.offset, field.type, depth + 1);
}

static void visit_slice(struct typing *typing, uint64_t addr, const struct gotype *type)
{
	uint64_t slice[3];

	if (heap_read(typing->heap, addr, slice, sizeof(slice)) && slice[1] <= slice[2] &&
	    slice[2] < COUNT_MAX)
		push(typing, slice[0], type->elem, slice[2]);
}

/* Searches one value. */
static void visit(struct typing *typing, uint64_t addr, uint64_t type_addr, unsigned depth)
{
	const struct gotype *known = type_get(typing, type_addr);
	struct gotype type;
	uint64_t word;

	if (!known || depth > DEPTH_MAX || typing->steps++ >= STEPS_MAX)
		return;
	type = *known;
	switch (type.kind) {
	case GOTYPE_STRUCT: visit_fields(typing, addr, &type, depth); break;
	case GOTYPE_SLICE: visit_slice(typing, addr, &type); break;
	case GOTYPE_ARRAY:
		for (uint64_t i = 0; i < type.len && typing->steps < STEPS_MAX; i++)
			visit(typing, addr + i * (type.size / type.len), type.elem, depth + 1);
		break;
	default:
		if (heap_read(typing->heap, addr, &word, sizeof(word)))
			follow_word(typing, word, &type);
	}
}

/* ---- maps and channels ---- */

struct entries {
	struct typing *typing;
	const struct map_type *type;
	bool keys, elems; /* they lead to a map */
};

static void visit_entry(struct entries *entries, uint64_t slot, uint64_t type, bool indirect)
{
	uint64_t addr = slot;

	if (indirect && !heap_read(entries->typing->heap, slot, &addr, sizeof(addr)))
		return;
	if (indirect)
		push(entries->typing, addr, type, 1);
	else
		visit(entries->typing, addr, type, 0);
}

static void on_part(void *ctx, uint64_t addr)
{
	struct entries *entries = ctx;
	const struct map_type *type = entries->type;
	uint8_t bytes[SLOTS];

	if (!heap_read(entries->typing->heap, addr, bytes, sizeof(bytes)))
		return;
	for (unsigned i = 0; i < SLOTS; i++) {
		if (!entries->typing->ops->in_use(bytes[i]))
			continue;
		if (entries->keys)
			visit_entry(entries, addr + type->keys + i * type->key_stride, type->key,
				    type->key_indirect);
		if (entries->elems)
			visit_entry(entries, addr + type->elems + i * type->elem_stride, type->elem,
				    type->elem_indirect);
	}
}

/* Searches the entries of a map of the list. */
static void visit_map(struct typing *typing, uint64_t addr, uint64_t type)
{
	const struct map_type *of = map_types_at(typing->reader->types, type);
	const struct gomap *map = map_at(typing, addr);
	struct entries entries = {.typing = typing, .type = of};

	if (!map || !of || map->type != type)
		return;
	entries.keys = reach_leads(&typing->reach, of->key);
	entries.elems = reach_leads(&typing->reach, of->elem);
	if (entries.keys || entries.elems)
		typing->ops->each_part(typing->reader, map, of, on_part, &entries);
}

/* runtime/chan.go: hchan begins with the number of elements, the size of the buffer, and its address. */
static void visit_channel(struct typing *typing, uint64_t addr, const struct gotype *type)
{
	uint64_t words[3];

	if (heap_read(typing->heap, addr, words, sizeof(words)) && words[0] <= words[1] &&
	    words[1] < COUNT_MAX && words[0])
		push(typing, words[2], type->elem, words[1]);
}

static void visit_values(struct typing *typing, const struct item *item, const struct gotype *type)
{
	if (!type->size || item->count > UINT64_MAX / type->size ||
	    !heap_is_live(typing->heap, item->addr, type->size * item->count))
		return;
	for (uint64_t i = 0; i < item->count && !typing->failed && typing->steps < STEPS_MAX; i++)
		visit(typing, item->addr + i * type->size, item->type, 0);
}

static void visit_item(struct typing *typing, const struct item *item)
{
	const struct gotype *known = type_get(typing, item->type);
	struct gotype type;

	if (!known)
		return;
	type = *known;
	switch (item->kind) {
	case ITEM_VALUES: visit_values(typing, item, &type); break;
	case ITEM_CHANNEL: visit_channel(typing, item->addr, &type); break;
	case ITEM_MAP: visit_map(typing, item->addr, item->type); break;
	}
}

/* ---- interfaces ---- */

/* Returns the type that a type word means, or NULL. What it means is kept. */
static const struct gotype *interface_type(struct typing *typing, uint64_t word)
{
	uint32_t *found = table_find(&typing->words, word);
	uint64_t addr = found ? typing->interfaces.data[*found]
			      : gomap_interface_type(&typing->reach.types, word);

	if (!found && (!vec_push(&typing->interfaces, addr) ||
		       table_put(&typing->words, word, (uint32_t)typing->interfaces.len - 1) < 0))
		typing->failed = true;
	return addr ? type_get(typing, addr) : NULL;
}

/* Keeps a value that leads to no map, for those who ask what an object is. */
static void keep_other(struct typing *typing, const struct gotype *type, uint64_t data)
{
	struct gomap_value value = {data, type->addr, 1};
	uint64_t hash;

	if (type->direct_iface && type->kind == GOTYPE_POINTER)
		value.type = type->elem;
	else if (type->direct_iface)
		return;
	hash = table_mix(data ^ table_mix(value.type));
	if (!typing->options->keep_parents || typing->others.len >= OTHERS_MAX ||
	    table_find(&typing->seen, hash))
		return;
	typing->failed |=
		table_put(&typing->seen, hash, 1) < 0 || !vec_push(&typing->others, value);
}

void typing_add_interface(struct typing *typing, uint64_t word, uint64_t data)
{
	const struct gotype *known = interface_type(typing, word);
	struct gotype type;

	if (!known)
		return;
	type = *known;
	if (!reach_leads(&typing->reach, type.addr)) {
		keep_other(typing, &type, data);
		return;
	}
	if (!type.direct_iface)
		push(typing, data, type.addr, 1);
	else if (type.kind == GOTYPE_POINTER)
		push(typing, data, type.elem, 1);
	else if (type.kind == GOTYPE_MAP)
		push_kind(typing, ITEM_MAP, data, type.addr, 1);
	else if (type.kind == GOTYPE_CHAN)
		push_kind(typing, ITEM_CHANNEL, data, type.addr, 1);
}

/* ---- global variables ---- */

/* Tells whether a type comes from the code of a generic function, in which types of one shape are alike. */
static bool is_shape(struct typing *typing, uint64_t type)
{
	cleanup(buf_fini) struct buf name = {0};

	return !gotype_name(&typing->reach.types, type, &name) ||
	       strstr(buf_cstr(&name), "go.shape");
}

static struct error *add_globals(struct typing *typing, const struct gotype_module *module)
{
	cleanup(map_globals_fini) struct map_globals globals = {0};
	uint64_t map;

	try(map_globals_find(module->image, module->tab, &globals));
	vec_each(global, &globals.list)
		if (heap_read(typing->heap, global->addr + module->bias, &map, sizeof(map)) &&
		    map && !is_shape(typing, global->type + module->bias))
			push_kind(typing, ITEM_MAP, map, global->type + module->bias, 1);
	return NULL;
}

static int by_addr(const void *a, const void *b)
{
	const struct gomap_value *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

/* Hands over all values whose type is known. */
static struct error *keep_values(struct typing *typing)
{
	struct gomap_list *maps = typing->maps;

	vec_each(item, &typing->queue)
		if (item->kind == ITEM_VALUES &&
		    !vec_push(&maps->values,
			      ((struct gomap_value){item->addr, item->type, item->count})))
			return error_nomem();
	vec_each(value, &typing->others)
		if (!vec_push(&maps->values, *value))
			return error_nomem();
	if (maps->values.len)
		qsort(maps->values.data, maps->values.len, sizeof(*maps->values.data), by_addr);
	return NULL;
}

struct error *typing_run(struct typing *typing, struct gomap_list *maps)
{
	typing->maps = maps;
	for (size_t i = 0; i < typing->options->modules_n; i++)
		try(add_globals(typing, &typing->options->modules[i]));
	vec_each(map, &maps->list)
		if (map->type)
			push_kind(typing, ITEM_MAP, map->addr, map->type, 1);
	for (; typing->done < typing->queue.len && !typing->failed; typing->done++) {
		struct item item = typing->queue.data[typing->done];

		if (item.kind == ITEM_MAP)
			take_map(typing, item.addr, item.type);
		visit_item(typing, &item);
	}
	if (typing->failed)
		return error_nomem();
	return typing->options->keep_parents ? keep_values(typing) : NULL;
}
