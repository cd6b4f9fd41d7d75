/* Decoding all of a program takes most of a second. Only functions are decoded that use a map, store into a global
 * variable, call a method of one, or take the address of a closure's function. Searches for bytes find
 * them, which take a few milliseconds. */
#include "read/heap/heap_priv.h"
#include "read/elf/elf.h"

#include <stdlib.h>

struct variables variables_of(const struct image *image)
{
	struct variables found = {.from = UINT64_MAX};
	const struct image_segment *segments;
	size_t n = image_segments(image, &segments);

	for (size_t i = 0; i < n; i++) {
		uint64_t end = segments[i].addr + segments[i].mem_size;

		if (!segments[i].writable)
			continue;
		found.from = segments[i].addr < found.from ? segments[i].addr : found.from;
		found.to = end > found.to ? end : found.to;
	}
	return found;
}

struct marks {
	const struct gopcln *tab;
	uint64_t *bits;
	size_t n; /* functions */
	const void *text;
	uint64_t size, addr; /* of the text */
	const struct machine_ops *machine;
	struct code_calls found;
};

/* Marks the functions that have candidates, and forgets the candidates. */
static void mark(struct marks *marks)
{
	struct gopcln_func func = {0};

	vec_each(at, &marks->found.list) {
		if (at->addr - func.entry < func.end - func.entry)
			continue;
		if (gopcln_func_at(marks->tab, at->addr, &func) && func.index < marks->n)
			marks->bits[func.index / 64] |= 1ull << func.index % 64;
		else
			func = (struct gopcln_func){0};
	}
	marks->found.list.len = 0;
}

/* Collects the entries of the functions with a role. */
static size_t entries_of(const struct roles *roles, enum role role, uint64_t *ret)
{
	size_t n = 0;

	vec_each(of, &roles->list)
		if (of->role == role)
			ret[n++] = of->entry;
	return n;
}

static struct error *mark_all(struct marks *marks, const struct roles *roles,
			      struct variables variables)
{
	cleanup_free uint64_t *entries = malloc((roles->list.len + 1) * sizeof(*entries));
	size_t n;

	if (!entries)
		return error_nomem();
	n = entries_of(roles, ROLE_MAP_USE, entries);
	try(code_calls_find(marks->machine, marks->text, marks->size, marks->addr, entries, n,
			    &marks->found));
	mark(marks);
	n = entries_of(roles, ROLE_CLOSURE, entries);
	try(code_takes_find(marks->machine, marks->text, marks->size, marks->addr, entries, n,
			    &marks->found));
	mark(marks);
	n = entries_of(roles, ROLE_METHOD, entries);
	try(code_globals_find(marks->machine, marks->text, marks->size, marks->addr, variables.from,
			      variables.to, entries, n, &marks->found));
	mark(marks);
	return NULL;
}

struct error *wanted_find(const struct image *image, const struct gopcln *tab,
			  const struct roles *roles, uint64_t **ret)
{
	const struct gopcln_module *module = gopcln_module(tab);
	struct marks marks = {.tab = tab,
			      .n = gopcln_func_count(tab),
			      .addr = module->text,
			      .machine = machine_get(image_machine(image)->number)};
	uint64_t there = 0, size = module->etext - module->text;
	struct error *err = NULL;

	marks.text = image_rest(image, module->text, &there);
	marks.size = there < size ? there : size;
	marks.bits = calloc(marks.n / 64 + 1, sizeof(*marks.bits));
	if (!marks.bits)
		return error_nomem();
	if (marks.text)
		err = mark_all(&marks, roles, variables_of(image));
	code_calls_fini(&marks.found);
	if (err)
		free(marks.bits);
	else
		*ret = marks.bits;
	return err;
}
