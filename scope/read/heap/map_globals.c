/* Finds global variables that are maps. Every use of one is a call of the runtime with the type and the map as its first
 * two arguments:
 *
 *	lea rax, T
 *	mov rbx, [G]
 *	call runtime.mapaccess1_faststr
 */
#include "read/heap/heap.h"
#include "base/search.h"
#include "read/code/code.h"
#include "read/elf/elf.h"

#include <stdlib.h>

enum {
	FUNCTIONS_MAX = 64,
};

static const char *const prefixes[] = {
	"runtime.mapaccess",   "runtime.mapassign",    "runtime.mapdelete",
	"runtime.mapiterinit", "runtime.mapIterStart", "runtime.mapclear",
};

static bool is_map_function(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static size_t find_functions(const struct gopcln *tab, uint64_t ret[FUNCTIONS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < gopcln_func_count(tab) && n < FUNCTIONS_MAX; i++) {
		struct gopcln_func func;

		if (gopcln_func_get(tab, (uint32_t)i, &func) && is_map_function(func.name))
			ret[n++] = func.entry;
	}
	qsort(ret, n, sizeof(*ret), by_value);
	return n;
}

struct search {
	const struct image *image;
	const struct gopcln *tab;
	const struct machine_ops *machine;
	const struct gopcln_module *module;
	struct map_globals *found;
};

static struct error *take_call(struct search *search, struct code_track *track,
			       const struct code_insn *call)
{
	struct code_value type =
		code_track_value(track, call, machine_argument(search->machine, 0));
	struct code_value map = code_track_value(track, call, machine_argument(search->machine, 1));
	struct map_global found = {map.base, type.base};

	if (type.root != CODE_CONSTANT || type.loads || type.add || map.root != CODE_CONSTANT ||
	    map.loads != 1 || map.add || found.type < search->module->types ||
	    found.type >= search->module->etypes)
		return NULL;
	found.addr += (uint64_t)(int64_t)map.offsets[0];
	return vec_push(&search->found->list, found) ? NULL : error_nomem();
}

/* Looks at the calls in one function. *at is the first candidate, and becomes the first one behind the function. */
static struct error *take_function(struct search *search, const struct code_calls *calls,
				   size_t *at)
{
	cleanup(code_track_free) struct code_track *track = NULL;
	cleanup(code_fini) struct code code = {0};
	struct gopcln_func func;
	const void *bytes;

	if (!gopcln_func_at(search->tab, calls->list.data[*at].addr, &func)) {
		++*at;
		return NULL;
	}
	bytes = image_at(search->image, func.entry, func.end - func.entry);
	if (bytes)
		try(code_decode(search->machine, bytes, func.end - func.entry, func.entry, &code));
	try(code_track_new(search->machine, &code, (struct code_keepers){0}, &track));
	for (; *at < calls->list.len && calls->list.data[*at].addr < func.end; ++*at) {
		const struct code_insn *call =
			bytes ? code_call_at(&code, &calls->list.data[*at]) : NULL;

		if (call && call->flow == CODE_CALL)
			try(take_call(search, track, call));
	}
	return NULL;
}

static int by_addr(const void *a, const void *b)
{
	const struct map_global *x = a, *y = b;

	return x->addr != y->addr ? (x->addr > y->addr) - (x->addr < y->addr)
				  : (x->type > y->type) - (x->type < y->type);
}

/* Keeps each variable once, and none that has two types. */
static void keep_unique(struct map_globals *globals)
{
	size_t kept = 0, n = globals->list.len;
	struct map_global *data = globals->list.data;

	if (n)
		qsort(data, n, sizeof(*data), by_addr);
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from + 1; to < n && data[to].addr == data[from].addr; to++)
			;
		if (data[from].type == data[to - 1].type)
			data[kept++] = data[from];
	}
	globals->list.len = kept;
}

struct error *map_globals_find(const struct image *image, const struct gopcln *tab,
			       struct map_globals *ret)
{
	struct search search = {.image = image,
				.tab = tab,
				.machine = machine_get(image_machine(image)->number),
				.module = gopcln_module(tab),
				.found = ret};
	cleanup(code_calls_fini) struct code_calls calls = {0};
	uint64_t functions[FUNCTIONS_MAX], there = 0;
	uint64_t size = search.module->etext - search.module->text;
	const void *text = image_rest(image, search.module->text, &there);
	size_t n = find_functions(tab, functions);

	if (!text || !n)
		return NULL;
	try(code_calls_find(search.machine, text, there < size ? there : size, search.module->text,
			    functions, n, &calls));
	for (size_t at = 0; at < calls.list.len;)
		try(take_function(&search, &calls, &at));
	keep_unique(ret);
	image_trim(image);
	return NULL;
}

void map_globals_fini(struct map_globals *globals)
{
	vec_fini(&globals->list);
}
