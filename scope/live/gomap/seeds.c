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

/* A closure begins with the address of its function. Its type is a struct whose first field is a uintptr
 * (cmd/compile/internal/typecheck: ClosureType). */
void typing_add_closure(struct typing *typing, uint64_t addr, uint64_t func)
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

static bool is_closure_type(struct typing *typing, uint64_t addr)
{
	const struct gotype *type = typing_type(typing, addr);
	struct gotype_field first;

	if (!type || !gotype_field(&typing->reach.types, type, 0, &first) || first.offset)
		return false;
	type = typing_type(typing, first.type);
	return type && type->kind == GOTYPE_UINTPTR;
}

static struct error *add_closures(struct typing *typing, size_t module)
{
	uint64_t bias = typing->options->modules[module].bias;

	vec_each(closure, &typing->code[module].closures) {
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

struct error *typing_add_closures(struct typing *typing)
{
	for (size_t i = 0; i < typing->options->modules_n; i++)
		try(add_closures(typing, i));
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

void typing_add_globals(struct typing *typing, bool shapes)
{
	for (size_t i = 0; i < typing->options->modules_n; i++)
		vec_each(global, &typing->code[i].globals)
			if (global->shape == shapes)
				add_global(typing, global, typing->options->modules[i].bias);
	if (shapes)
		vec_each(item, &typing->later)
			typing_push(typing, item->kind, item->addr, item->type, item->count);
}
