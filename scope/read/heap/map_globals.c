/* Finds global variables that are maps. Every use of one is a call of the runtime with the type and the map as its first
 * two arguments:
 *
 *	lea rax, T
 *	mov rbx, [G]
 *	call runtime.mapaccess1_faststr
 */
#include "read/heap/heap_priv.h"
#include "read/elf/elf.h"

#include <stdlib.h>

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

struct search {
	const struct machine_ops *machine;
	const struct gopcln_module *module;
	struct code_track *track; /* of the function whose calls come */
	struct map_globals *found;
};

static struct error *begin(void *ctx, const struct code *code)
{
	struct search *search = ctx;

	code_track_free(search->track);
	search->track = NULL;
	return code_track_new(search->machine, code, (struct code_keepers){0}, &search->track);
}

static struct error *take_call(void *ctx, const struct code *code, const struct code_insn *call)
{
	struct search *search = ctx;
	struct code_value type =
		code_track_value(search->track, call, machine_argument(search->machine, 0));
	struct code_value map =
		code_track_value(search->track, call, machine_argument(search->machine, 1));
	struct map_global found = {map.base, type.base};

	if (type.root != CODE_CONSTANT || type.loads || type.add || map.root != CODE_CONSTANT ||
	    map.loads != 1 || map.add || found.type < search->module->types ||
	    found.type >= search->module->etypes)
		return NULL;
	found.addr += (uint64_t)(int64_t)map.offsets[0];
	return vec_push(&search->found->list, found) ? NULL : error_nomem();
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
	struct search search = {.machine = machine_get(image_machine(image)->number),
				.module = gopcln_module(tab),
				.found = ret};
	struct call_search calls = {.image = image,
				    .tab = tab,
				    .is_target = is_map_function,
				    .begin = begin,
				    .call = take_call,
				    .ctx = &search};
	size_t targets;
	struct error *err = heap_each_call(&calls, &targets);

	code_track_free(search.track);
	keep_unique(ret);
	return err;
}

void map_globals_fini(struct map_globals *globals)
{
	vec_fini(&globals->list);
}
