/* The typed values that the search for types begins with: values of interfaces, objects for which the heap notes a type,
 * closures, and global variables. */
#include "live/gomap/typing_priv.h"

#include <stdlib.h>

enum {
	LATER_MAX = 1 << 22,
};
#define OTHERS_MAX (1ull << 21) /* values that lead to no map */

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
	return addr ? typing_type(typing, addr) : NULL;
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
		typing_push(typing, ITEM_VALUES, data, type.addr, 1);
	else if (type.kind == GOTYPE_POINTER)
		typing_push(typing, ITEM_VALUES, data, type.elem, 1);
	else if (type.kind == GOTYPE_MAP)
		typing_push(typing, ITEM_MAP, data, type.addr, 1);
	else if (type.kind == GOTYPE_CHAN)
		typing_push(typing, ITEM_CHANNEL, data, type.addr, 1);
}

/* ---- objects ---- */

void typing_add_object(struct typing *typing, uint64_t addr, uint64_t type, uint64_t size)
{
	const struct gotype *known = typing_type(typing, type);

	if (known && known->size && known->size <= size)
		typing_push(typing, ITEM_VALUES, addr, type, size / known->size);
}

void typing_add_closure(struct typing *typing, uint64_t addr, uint64_t func)
{
	const struct gotype_module *modules = typing->options->modules;

	for (size_t i = 0; i < typing->options->modules_n && typing->found.len < LATER_MAX; i++)
		if (code_types_ask_closure(typing->code[i], func - modules[i].bias))
			typing->failed |=
				!vec_push(&typing->found, ((struct found_closure){addr, func}));
}

/* Adds a closure whose type is known. */
static void add_closure(struct typing *typing, uint64_t addr, uint64_t func)
{
	uint32_t *found = table_find(&typing->closures_at, func);
	const struct closure_type *closure = found ? &typing->closures.data[*found] : NULL;
	struct item later = {.addr = addr, .count = 1, .kind = ITEM_VALUES};

	if (!closure)
		return;
	later.type = closure->type;
	if (!closure->shape)
		typing_push(typing, ITEM_VALUES, addr, closure->type, 1);
	else if (typing->later.len < LATER_MAX)
		typing->failed |= !vec_push(&typing->later, later);
}

/* A closure begins with the address of its function. Its type is a struct whose first field is a uintptr
 * (cmd/compile/internal/typecheck: ClosureType). */
static bool is_closure_type(struct typing *typing, uint64_t addr)
{
	const struct gotype *type = typing_type(typing, addr);
	struct gotype_field first;

	if (!type || !gotype_field(&typing->reach.types, type, 0, &first) || first.offset)
		return false;
	type = typing_type(typing, first.type);
	return type && type->kind == GOTYPE_UINTPTR;
}

/* Takes the types of closures that the code of a module tells. */
static struct error *take_closures(struct typing *typing, size_t module)
{
	uint64_t bias = typing->options->modules[module].bias;
	size_t n;
	const struct typed_closure *closure = code_types_closures(typing->code[module], &n);

	for (; n--; closure++) {
		struct closure_type of = {.type = closure->type + bias, .shape = closure->shape};

		if (!is_closure_type(typing, of.type) || !reach_leads(&typing->reach, of.type))
			continue;
		if (!vec_push(&typing->closures, of) ||
		    table_put(&typing->closures_at, closure->func + bias,
			      (uint32_t)typing->closures.len - 1) < 0)
			return error_nomem();
	}
	return NULL;
}

/* ---- global variables ---- */

/* Tells whether a word is the data word of an interface, whose type may be another one now than where the code
 * uses it. */
static bool is_interface_data(struct typing *typing, uint64_t addr)
{
	uint64_t before;

	return heap_read(typing->heap, addr - WORD, &before, sizeof(before)) && before &&
	       heap_module_of((void *)typing->options, before) && interface_type(typing, before);
}

static void add_global(struct typing *typing, const struct typed_global *global, uint64_t bias)
{
	uint64_t addr = global->addr + bias, type = global->type + bias, words[3] = {0};
	const struct gotype *known = typing_type(typing, type);
	size_t n = global->as == TYPED_SLICE ? 3 : 1;

	if (!known || !heap_read(typing->heap, addr, words, n * WORD) ||
	    (global->as != TYPED_VALUE && is_interface_data(typing, addr)))
		return;
	switch ((enum typed_as)global->as) {
	case TYPED_MAP: typing_push(typing, ITEM_MAP, words[0], type, 1); break;
	case TYPED_POINTER: typing_push(typing, ITEM_VALUES, words[0], type, 1); break;
	case TYPED_VALUE: typing_push(typing, ITEM_VALUES, addr, type, 1); break;
	case TYPED_SLICE:
		if (words[1] <= words[2])
			typing_push(typing, ITEM_VALUES, words[0], type, words[2]);
		break;
	}
}

struct asked {
	struct typing *typing;
	uint64_t bias; /* of the module */
};

/* Tells whether a word points to something that is alive and may have pointers. */
static bool may_lead(const struct typing *typing, uint64_t word)
{
	const struct heap_span *span = heap_span_of(typing->heap, word);

	return word && !(span && span->noscan) && heap_is_live(typing->heap, word, 1);
}

/* Tells whether what the code does with a variable may tell the type of a map. */
static bool is_wanted(void *ctx, uint64_t addr, enum mention_kind kind, uint64_t type)
{
	const struct asked *asked = ctx;
	struct typing *typing = asked->typing;
	bool has_type = kind == MENTION_POINTER || kind == MENTION_VALUE;
	uint64_t word = 0;

	if (has_type && (!type || !reach_leads(&typing->reach, type + asked->bias)))
		return false;
	if (kind == MENTION_VALUE)
		return true;
	if (!heap_read(typing->heap, addr + asked->bias, &word, sizeof(word)))
		return false;
	return kind == MENTION_MAP ? typing_map_at(typing, word) != NULL : may_lead(typing, word);
}

struct error *typing_read_code(struct typing *typing)
{
	for (size_t i = 0; i < typing->options->modules_n; i++) {
		struct asked asked = {typing, typing->options->modules[i].bias};

		code_types_ask_variables(typing->code[i], is_wanted, &asked);
		try(code_types_read(typing->code[i]));
		try(take_closures(typing, i));
	}
	vec_each(closure, &typing->found)
		add_closure(typing, closure->addr, closure->func);
	return NULL;
}

void typing_add_globals(struct typing *typing, bool shapes)
{
	for (size_t i = 0; i < typing->options->modules_n; i++) {
		size_t n;
		const struct typed_global *global = code_types_globals(typing->code[i], &n);

		for (; n--; global++)
			if (global->shape == shapes)
				add_global(typing, global, typing->options->modules[i].bias);
	}
	if (shapes)
		vec_each(item, &typing->later)
			typing_push(typing, item->kind, item->addr, item->type, item->count);
}

/* ---- debug information ---- */

/* Tells whether a map that has elements has no type. */
static bool is_type_missing(const struct typing *typing)
{
	vec_each(map, &typing->maps->list)
		if (!map->type && !map->never_filled && !map->weak && map->len)
			return true;
	return false;
}

void typing_add_described(struct typing *typing)
{
	if (is_type_missing(typing))
		described_ask(typing->described);
	for (size_t i = 0; i < typing->options->modules_n; i++)
		vec_each(variable, &described_of(typing->described, i)->variables)
			typing_push(typing, ITEM_VALUES, variable->addr, variable->type, 1);
}
