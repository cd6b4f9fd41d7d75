/* Types of maps. Nothing in a map's header tells its type. It is known from values that lead to the map and whose type is
 * known: the first ones are values of interfaces, which name their type, and maps whose buckets name theirs. From
 * each value, its type tells where pointers are and what they point to. Only objects that the mark has found are
 * searched, and only values of types that lead to a map. */
#include "live/gomap/typing_priv.h"
#include "base/search.h"

#include <stdlib.h>

enum {
	DEPTH_MAX = 64, /* of structs and arrays in one another */
	FIELDS_MAX = 65536,
};
#define ITEMS_MAX (1ull << 24) /* memory to search, at most */
#define COUNT_MAX (1ull << 27) /* elements of a slice, or of a channel */

struct error *typing_new(const struct gomap_reader *reader, const struct gomap_plan *plan,
			 const struct gomap_ops *ops, struct typing **ret)
{
	const struct heap_options *options = heap_options_of(reader->heap);
	struct typing *typing = calloc(1, sizeof(*typing));

	if (!typing)
		return error_nomem();
	typing->heap = reader->heap;
	typing->reader = reader;
	typing->ops = ops;
	typing->code = plan->code;
	typing->described = plan->described;
	typing->steps_max = plan->steps;
	typing->options = options;
	typing->reach.types =
		(struct gotypes){.module = options->modules[0],
				 .memory = described_memory(plan->described, &options->memory),
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
	table_fini(&typing->closures_at);
	vec_fini(&typing->closures);
	vec_fini(&typing->found);
	vec_fini(&typing->later);
	free(typing);
}

const struct gotype *typing_type(struct typing *typing, uint64_t addr)
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

void typing_push(struct typing *typing, enum item_kind kind, uint64_t addr, uint64_t type,
		 uint64_t count)
{
	struct item item = {addr, type, count, kind};
	uint64_t hash = table_mix(addr ^ table_mix(type ^ table_mix(count << 2 | kind)));

	if (!addr || !count || typing->failed || !reach_leads(&typing->reach, type) ||
	    table_find(&typing->seen, hash))
		return;
	typing->full |= typing->queue.len >= ITEMS_MAX;
	if (typing->full)
		return;
	typing->failed |= table_put(&typing->seen, hash, 1) < 0 ||
			  !vec_push(&typing->queue, item) || typing->reach.failed;
}

static void push(struct typing *typing, uint64_t addr, uint64_t type, uint64_t count)
{
	typing_push(typing, ITEM_VALUES, addr, type, count);
}

struct gomap *typing_map_at(const struct typing *typing, uint64_t addr)
{
	struct gomap *list = typing->maps->list.data;
	size_t n = typing->maps->list.len, at = lower_bound(i, n, list[i].addr < addr);

	return at < n && list[at].addr == addr ? &list[at] : NULL;
}

/* Notes the type of a map, and adds its entries. The name of a shape is not that of the type, but if only one other map type
 * has its parts, that is the type. */
static void take_map(struct typing *typing, uint64_t addr, uint64_t type)
{
	const struct map_type *of = map_types_at(typing->reader->types, type);
	struct gomap *map = typing_map_at(typing, addr);

	if (!map || !of)
		return;
	if (of->shape && map_types_only(typing->reader->types, of->part))
		type = map_types_only(typing->reader->types, of->part)->addr;
	if (!map->type) {
		map->type = type;
		map->typed_late = true;
	}
	if (map->type == type)
		typing_push(typing, ITEM_MAP, addr, type, 1);
}

/* ---- values ---- */

static void visit(struct typing *typing, uint64_t addr, uint64_t type, unsigned depth);

/* Follows a word that is the whole value of a type. */
static void follow_word(struct typing *typing, uint64_t word, const struct gotype *type)
{
	switch (type->kind) {
	case GOTYPE_POINTER: push(typing, word, type->elem, 1); break;
	case GOTYPE_MAP: take_map(typing, word, type->addr); break;
	case GOTYPE_CHAN: typing_push(typing, ITEM_CHANNEL, word, type->addr, 1); break;
	default: break;
	}
}

/* sync/atomic/type.go: since Go 1.20 an atomic.Pointer[T] has fields of the types [0]*T and unsafe.Pointer, and no other one
 * that takes room. Returns T if a field is of the first of these types, or 0. */
static uint64_t atomic_target(struct typing *typing, const struct gotype *type, uint64_t field)
{
	const struct gotype *of = type->size == WORD ? typing_type(typing, field) : NULL;

	if (!of || of->kind != GOTYPE_ARRAY || of->len)
		return 0;
	of = typing_type(typing, of->elem);
	return of && of->kind == GOTYPE_POINTER ? of->elem : 0;
}

/* Follows an unsafe.Pointer whose target is known. */
static void follow_unsafe(struct typing *typing, uint64_t addr, uint64_t type, uint64_t target)
{
	const struct gotype *known = typing_type(typing, type);
	uint64_t word;

	if (known && known->kind == GOTYPE_UNSAFE_POINTER &&
	    heap_read(typing->heap, addr, &word, sizeof(word)))
		push(typing, word, target, 1);
}

static void visit_fields(struct typing *typing, uint64_t addr, const struct gotype *type,
			 unsigned depth)
{
	struct gotype_field field;
	uint64_t target = 0;

	for (uint64_t i = 0; i < type->len && i < FIELDS_MAX; i++) {
		if (!gotype_field(&typing->reach.types, type, i, &field))
			continue;
		if (target)
			follow_unsafe(typing, addr + field.offset, field.type, target);
		if (!reach_leads(&typing->reach, field.type))
			continue;
		target = target ? target : atomic_target(typing, type, field.type);
		visit(typing, addr + field.offset, field.type, depth + 1);
	}
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
	const struct gotype *known = typing_type(typing, type_addr);
	struct gotype type;
	uint64_t word;

	if (!known || depth > DEPTH_MAX || typing->steps++ >= typing->steps_max)
		return;
	type = *known;
	switch (type.kind) {
	case GOTYPE_STRUCT: visit_fields(typing, addr, &type, depth); break;
	case GOTYPE_SLICE: visit_slice(typing, addr, &type); break;
	case GOTYPE_ARRAY:
		for (uint64_t i = 0; i < type.len && typing->steps < typing->steps_max; i++)
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

static bool on_part(void *ctx, const struct map_part *part)
{
	struct entries *entries = ctx;
	const struct map_type *type = entries->type;
	uint64_t addr = part->addr;

	for (unsigned i = 0; i < SLOTS; i++) {
		if (part->slots[i] != MAP_SLOT_USED)
			continue;
		if (entries->keys)
			visit_entry(entries, addr + type->keys + i * type->key_stride, type->key,
				    type->key_indirect);
		if (entries->elems)
			visit_entry(entries, addr + type->elems + i * type->elem_stride, type->elem,
				    type->elem_indirect);
	}
	return true;
}

/* Searches the entries of a map of the list. */
static void visit_map(struct typing *typing, uint64_t addr, uint64_t type)
{
	const struct map_type *of = map_types_at(typing->reader->types, type);
	const struct gomap *map = typing_map_at(typing, addr);
	struct entries entries = {.typing = typing, .type = of};
	struct gomap_visitor visitor = {.ctx = &entries, .on_part = on_part};
	struct gomap_walk walk = {.reader = typing->reader, .visitor = &visitor};

	if (!map || !of || map->type != type)
		return;
	entries.keys = reach_leads(&typing->reach, of->key);
	entries.elems = reach_leads(&typing->reach, of->elem);
	if (entries.keys || entries.elems)
		typing->ops->walk(&walk, map, of->part_size);
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
	for (uint64_t i = 0;
	     i < item->count && !typing->failed && typing->steps < typing->steps_max; i++)
		visit(typing, item->addr + i * type->size, item->type, 0);
}

static void visit_item(struct typing *typing, const struct item *item)
{
	const struct gotype *known = typing_type(typing, item->type);
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

/* Searches what is in the queue, and all that it leads to. */
static void run_queue(struct typing *typing)
{
	for (; typing->done < typing->queue.len && !typing->failed; typing->done++) {
		struct item item = typing->queue.data[typing->done];

		if (item.kind == ITEM_MAP)
			take_map(typing, item.addr, item.type);
		visit_item(typing, &item);
	}
}

struct error *typing_run(struct typing *typing, struct gomap_list *maps)
{
	typing->maps = maps;
	try(typing_read_code(typing));
	vec_each(map, &maps->list)
		if (map->type)
			typing_push(typing, ITEM_MAP, map->addr, map->type, 1);
	typing_add_globals(typing, false);
	run_queue(typing);
	/* The code of a generic function names types by their shape. Any other source is better. */
	typing_add_globals(typing, true);
	run_queue(typing);
	typing_add_described(typing);
	run_queue(typing);
	if (typing->failed)
		return error_nomem();
	maps->types_left = typing->full || typing->steps >= typing->steps_max;
	return typing->options->keep_parents ? keep_values(typing) : NULL;
}
