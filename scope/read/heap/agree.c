/* Several places in the code may say different things about one variable. A type of generic code gives way to any other.
 * Of two structs, one may begin with the other: a method that comes with an embedded field takes the address of
 * the field. Whatever else differs is left out. */
#include "read/heap/heap_priv.h"

#include <stdlib.h>

enum { DEPTH_MAX = 32 };

/* Tells whether a value of a type begins with a value of another type. */
static bool begins_with(const struct gotypes *types, uint64_t whole, uint64_t part)
{
	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		struct gotype_field field;
		struct gotype type;

		if (whole == part)
			return true;
		if (!gotype_read(types, whole, &type))
			return false;
		if (type.kind == GOTYPE_ARRAY && type.len)
			whole = type.elem;
		else if (gotype_field(types, &type, 0, &field) && !field.offset)
			whole = field.type;
		else
			return false;
	}
	return false;
}

/* The order in which the variables are kept: values of an address are apart from what words point to. */
static int by_addr(const void *a, const void *b)
{
	const struct typed_global *x = a, *y = b;
	bool x_value = x->as == TYPED_VALUE, y_value = y->as == TYPED_VALUE;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if (x_value != y_value)
		return x_value ? 1 : -1;
	return x->shape != y->shape ? (x->shape ? 1 : -1)
				    : (x->type > y->type) - (x->type < y->type);
}

/* Finds the type that all of [from, to) agree with. Returns false if there is none. */
static bool agree(const struct gotypes *types, const struct typed_global *from,
		  const struct typed_global *to, struct typed_global *ret)
{
	*ret = *from;
	for (const struct typed_global *at = from + 1; at < to && at->shape == from->shape; at++) {
		if (at->as != ret->as)
			return false;
		if (at->type == ret->type)
			continue;
		if (at->as == TYPED_MAP || at->as == TYPED_SLICE)
			return false;
		if (begins_with(types, at->type, ret->type))
			*ret = *at;
		else if (!begins_with(types, ret->type, at->type))
			return false;
	}
	return true;
}

static void agree_globals(const struct gotypes *types, struct code_found *found)
{
	struct typed_global *data = found->globals.data;
	size_t n = found->globals.len, kept = 0;

	if (n)
		qsort(data, n, sizeof(*data), by_addr);
	for (size_t from = 0, to; from < n; from = to) {
		struct typed_global one;

		for (to = from + 1; to < n && data[to].addr == data[from].addr &&
				    (data[to].as == TYPED_VALUE) == (data[from].as == TYPED_VALUE);
		     to++)
			;
		if (agree(types, data + from, data + to, &one))
			data[kept++] = one;
	}
	found->globals.len = kept;
}

static int by_func(const void *a, const void *b)
{
	const struct typed_closure *x = a, *y = b;

	return x->func != y->func ? (x->func > y->func) - (x->func < y->func)
				  : (x->type > y->type) - (x->type < y->type);
}

static void agree_closures(struct code_found *found)
{
	struct typed_closure *data = found->closures.data;
	size_t n = found->closures.len, kept = 0;

	if (n)
		qsort(data, n, sizeof(*data), by_func);
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from + 1; to < n && data[to].func == data[from].func; to++)
			;
		if (data[from].type == data[to - 1].type)
			data[kept++] = data[from];
	}
	found->closures.len = kept;
}

void code_found_agree(const struct gotypes *types, struct code_found *found)
{
	agree_globals(types, found);
	agree_closures(found);
}
