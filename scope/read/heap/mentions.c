/* Decoding all of a program takes most of a second. Therefore a function is only decoded when something is asked about a
 * variable or a closure that it mentions: it uses a map and loads the variable, stores into the variable, calls a method of
 * it, or takes the address of the closure's function. Searches for bytes find these mentions in a few milliseconds. */
#include "read/heap/heap_priv.h"
#include "read/elf/elf.h"

#include <stdlib.h>

/* Opcodes of x86-64; on other machines no mentions are found. */
enum {
	STORE = 0x89,
	LOAD = 0x8b,
	CALL = 0xe8,
	CALL_SIZE = 5,
	NEAR = 52 /* bytes in which a method is called */
};

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

struct search {
	const struct gopcln *tab;
	size_t n; /* functions */
	const uint8_t *text;
	uint64_t size, addr; /* of the text */
	const struct machine_ops *machine;
	struct variables variables;
	uint64_t *entries; /* of the functions with a role */
	const struct roles *roles;
	uint64_t *uses_map,
		*makes; /* bits, by function: it calls one that uses a map; one that makes something */
	struct code_calls found; /* candidates */
};

/* Calls take for each candidate with its function, and forgets the candidates. */
static struct error *each_candidate(struct search *search, struct mentions *to,
				    bool (*take)(struct search *search, const struct code_call *at,
						 uint32_t func, struct mentions *to))
{
	struct gopcln_func func = {0};

	vec_each(at, &search->found.list) {
		bool known =
			at->addr - func.entry < func.end - func.entry ||
			(gopcln_func_at(search->tab, at->addr, &func) && func.index < search->n);

		if (!known)
			func = (struct gopcln_func){0};
		else if (!take(search, at, func.index, to))
			return error_nomem();
	}
	search->found.list.len = 0;
	return NULL;
}

static bool take_call(struct search *search, const struct code_call *at, uint32_t func,
		      struct mentions *to)
{
	const struct role_of *of = role_at(search->roles, at->target);
	uint64_t *bits = of && of->role == ROLE_MAP_USE ? search->uses_map : search->makes;

	bits[func / 64] |= 1ull << func % 64;
	return true;
}

static bool take_closure(struct search *search, const struct code_call *at, uint32_t func,
			 struct mentions *to)
{
	return vec_push(&to->closures, ((struct mention){.target = at->target, .func = func}));
}

static uint8_t opcode_at(const struct search *search, const struct code_call *at)
{
	return search->text[at->addr - search->addr + 1]; /* after a prefix */
}

static bool has_bit(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static bool take_variable(struct search *search, const struct code_call *at, uint32_t func,
			  struct mentions *to)
{
	struct mention found = {.target = at->target, .func = func, .kind = MENTION_MAP};

	if (has_bit(search->uses_map, func) && !vec_push(&to->variables, found))
		return false;
	found.kind = MENTION_STORE;
	return opcode_at(search, at) != STORE || !has_bit(search->makes, func) ||
	       vec_push(&to->variables, found);
}

/* Returns the function with a role that bytes call, if they are a call, or NULL. */
static const struct role_of *called_at(const struct search *search, uint64_t at)
{
	int32_t rel;

	if (at >= search->size || search->size - at < CALL_SIZE || search->text[at] != CALL)
		return NULL;
	memcpy(&rel, search->text + at + 1, sizeof(rel));
	return role_at(search->roles, search->addr + at + CALL_SIZE + (uint64_t)(int64_t)rel);
}

/* Takes the methods that are called after a variable is loaded, or its address is made. */
static bool take_receiver(struct search *search, const struct code_call *at, uint32_t func,
			  struct mentions *to)
{
	struct mention found = {.target = at->target,
				.func = func,
				.kind = opcode_at(search, at) == LOAD ? MENTION_POINTER
								      : MENTION_VALUE};

	for (uint64_t from = at->addr - search->addr, i = from; i < from + NEAR; i++) {
		const struct role_of *of = called_at(search, i);

		if (!of || of->role != ROLE_METHOD)
			continue;
		found.method = (uint32_t)(of - search->roles->list.data);
		if (!vec_push(&to->variables, found))
			return false;
	}
	return true;
}

/* Collects the entries of the functions with one of some roles, which are bits. */
static size_t entries_of(const struct roles *roles, unsigned wanted, uint64_t *ret)
{
	size_t n = 0;

	vec_each(of, &roles->list)
		if (wanted >> of->role & 1)
			ret[n++] = of->entry;
	return n;
}

static struct error *search_all(struct search *search, struct mentions *to)
{
	const struct machine_ops *machine = search->machine;
	const uint64_t from = search->variables.from, end = search->variables.to;
	uint64_t *entries = search->entries;
	size_t n = entries_of(search->roles,
			      1u << ROLE_MAP_USE | 1u << ROLE_NEW | 1u << ROLE_MALLOC |
				      1u << ROLE_SLICE | 1u << ROLE_GROW | 1u << ROLE_MAP |
				      1u << ROLE_SMALL_MAP,
			      entries);

	try(code_calls_find(machine, search->text, search->size, search->addr, entries, n,
			    &search->found));
	try(each_candidate(search, to, take_call));
	try(code_globals_find(machine, search->text, search->size, search->addr, from, end, NULL, 0,
			      &search->found));
	try(each_candidate(search, to, take_variable));
	n = entries_of(search->roles, 1u << ROLE_METHOD, entries);
	try(code_globals_find(machine, search->text, search->size, search->addr, from, end, entries,
			      n, &search->found));
	try(each_candidate(search, to, take_receiver));
	n = entries_of(search->roles, 1u << ROLE_CLOSURE, entries);
	try(code_takes_find(machine, search->text, search->size, search->addr, entries, n,
			    &search->found));
	return each_candidate(search, to, take_closure);
}

static int by_target(const void *a, const void *b)
{
	const struct mention *x = a, *y = b;

	if (x->target != y->target)
		return x->target < y->target ? -1 : 1;
	return x->func != y->func ? (x->func > y->func) - (x->func < y->func) : x->kind - y->kind;
}

static void sort(struct mention *list, size_t n)
{
	if (n)
		qsort(list, n, sizeof(*list), by_target);
}

struct error *mentions_find(const struct image *image, const struct gopcln *tab,
			    const struct roles *roles, struct mentions *ret)
{
	const struct gopcln_module *module = gopcln_module(tab);
	struct search search = {.tab = tab,
				.n = gopcln_func_count(tab),
				.addr = module->text,
				.roles = roles,
				.machine = machine_get(image_machine(image)->number),
				.variables = variables_of(image)};
	uint64_t there = 0, size = module->etext - module->text;
	struct error *err = NULL;

	search.text = image_rest(image, module->text, &there);
	search.size = there < size ? there : size;
	search.uses_map = calloc(search.n / 64 + 1, sizeof(*search.uses_map));
	search.makes = calloc(search.n / 64 + 1, sizeof(*search.makes));
	search.entries = malloc((roles->list.len + 1) * sizeof(*search.entries));
	if (!search.uses_map || !search.makes || !search.entries)
		err = error_nomem();
	else if (search.text)
		err = search_all(&search, ret);
	code_calls_fini(&search.found);
	free(search.uses_map);
	free(search.makes);
	free(search.entries);
	sort(ret->variables.data, ret->variables.len);
	sort(ret->closures.data, ret->closures.len);
	return err;
}

void mentions_fini(struct mentions *mentions)
{
	vec_fini(&mentions->variables);
	vec_fini(&mentions->closures);
}
