#include "read/heap/heap_priv.h"
#include "read/elf/elf.h"

#include <stdlib.h>

enum { TARGETS_MAX = 256 };

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Collects the entries of all functions that are wanted, in order. */
static size_t find_targets(const struct call_search *search, uint64_t ret[TARGETS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < gopcln_func_count(search->tab) && n < TARGETS_MAX; i++) {
		struct gopcln_func func;

		if (gopcln_func_get(search->tab, (uint32_t)i, &func) &&
		    search->is_target(func.name))
			ret[n++] = func.entry;
	}
	qsort(ret, n, sizeof(*ret), by_value);
	return n;
}

struct error *heap_code_of(const struct image *image, const struct gopcln_func *func,
			   struct code *ret)
{
	const void *bytes = image_at(image, func->entry, func->end - func->entry);

	if (!bytes)
		return NULL;
	return code_decode(machine_get(image_machine(image)->number), bytes,
			   func->end - func->entry, func->entry, ret);
}

/* Passes on the calls in one function. *at is the first candidate in it, and becomes the first one behind it. */
static struct error *pass_function(const struct call_search *search, const struct code_calls *calls,
				   size_t *at)
{
	cleanup(code_fini) struct code code = {0};
	struct gopcln_func func;

	if (!gopcln_func_at(search->tab, calls->list.data[*at].addr, &func)) {
		++*at;
		return NULL;
	}
	if (!search->is_caller || search->is_caller(func.name))
		try(heap_code_of(search->image, &func, &code));
	if (search->begin)
		try(search->begin(search->ctx, &code));
	for (; *at < calls->list.len && calls->list.data[*at].addr < func.end; ++*at) {
		const struct code_insn *call = code_call_at(&code, &calls->list.data[*at]);

		if (call && call->flow == CODE_CALL)
			try(search->call(search->ctx, &code, call));
	}
	return NULL;
}

struct error *heap_each_call(const struct call_search *search, size_t *ret_targets)
{
	const struct machine_ops *machine = machine_get(image_machine(search->image)->number);
	const struct gopcln_module *module = gopcln_module(search->tab);
	cleanup(code_calls_fini) struct code_calls calls = {0};
	uint64_t targets[TARGETS_MAX], there = 0, size = module->etext - module->text;
	const void *text = image_rest(search->image, module->text, &there);

	*ret_targets = find_targets(search, targets);
	if (!text || !*ret_targets)
		return NULL;
	try(code_calls_find(machine, text, there < size ? there : size, module->text, targets,
			    *ret_targets, &calls));
	for (size_t at = 0; at < calls.list.len;)
		try(pass_function(search, &calls, &at));
	image_trim(search->image);
	return NULL;
}
