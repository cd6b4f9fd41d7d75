/* Serves every search in a program's code: decoded functions, the calls of a function (also through
 * trampolines), and bounds on time and memory. It knows nothing of the rows of sites.
 */
#include "read/site/site_priv.h"
#include "base/clock.h"

#include <stdlib.h>

#define NAME_BYTES_MAX (32u << 20) /* of all sites; a site has a few hundred */
#define PATIENCE_S     10	   /* seconds of processor time; a Go program of 43 MB takes 0.06 */

struct error *site_patience(const struct site_search *search)
{
	if (!deadline_passed(&search->deadline))
		return NULL;
	return error_new(
		ERROR_TARGET,
		"%s: gave up after %d s: no real program takes this long; the file is damaged, or "
		"was made to take long",
		image_name(search->image), PATIENCE_S);
}

struct error *site_func_open(const struct site_search *search, uint64_t addr, struct site_func *ret,
			     bool *ret_found)
{
	const void *bytes;
	size_t size;

	*ret = (struct site_func){0};
	*ret_found = false;
	try(site_patience(search));
	if (!gopcln_func_at(search->tab, addr, &ret->func))
		return NULL;
	size = ret->func.end - ret->func.entry;
	if (size > SITE_FUNC_MAX)
		return error_new(ERROR_TARGET,
				 "%s: a function of %zu bytes at 0x%llx: larger than any compiler "
				 "makes; the file is damaged",
				 image_name(search->image), size,
				 (unsigned long long)ret->func.entry);
	bytes = image_at(search->image, ret->func.entry, size);
	if (!bytes)
		return NULL;
	*ret_found = true;
	return code_decode(search->machine, bytes, size, ret->func.entry, &ret->code);
}

struct error *site_func_value(const struct site_search *search, struct site_func *func,
			      const struct code_insn *at, uint8_t reg, struct code_value *ret)
{
	if (!func->track)
		try(code_track_new(search->machine, &func->code,
				   (struct code_keepers){search->keepers, search->keepers_n},
				   &func->track));
	*ret = code_track_value(func->track, at, reg);
	return NULL;
}

struct error *site_count_names(struct site_search *search, size_t bytes)
{
	search->name_bytes += bytes;
	if (search->name_bytes <= NAME_BYTES_MAX)
		return NULL;
	return error_new(ERROR_TARGET,
			 "%s: more than %u MiB of names at its sites: no program has so many; the "
			 "file is damaged",
			 image_name(search->image), NAME_BYTES_MAX >> 20);
}

static int compare_calls(const void *a, const void *b)
{
	uint64_t x = ((const struct code_call *)a)->addr, y = ((const struct code_call *)b)->addr;

	return x < y ? -1 : x > y;
}

/* Sorts the candidates and drops doubles. The segments of a hostile file may come in any order and
 * overlap. */
static void put_in_order(struct code_calls *calls)
{
	size_t n = 0;

	if (!calls->list.len)
		return;
	qsort(calls->list.data, calls->list.len, sizeof(*calls->list.data), compare_calls);
	for (size_t i = 0; i < calls->list.len; i++)
		if (!n || calls->list.data[i].addr != calls->list.data[n - 1].addr)
			calls->list.data[n++] = calls->list.data[i];
	calls->list.len = n;
}

struct error *site_search_text(const struct site_search *search, site_scan *scan,
			       const uint64_t targets[], size_t n, struct code_calls *ret)
{
	const struct image_segment *segments;
	size_t count = image_segments(search->image, &segments), scanned = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t from = segments[i].addr, to = segments[i].addr + segments[i].file_size;
		const void *bytes;

		from = from > search->text ? from : search->text;
		to = to < search->text_end ? to : search->text_end;
		bytes = from < to ? image_at(search->image, from, to - from) : NULL;
		if (!bytes)
			continue;
		try(scan(search->machine, bytes, to - from, from, targets, n, ret));
		scanned++;
	}
	if (scanned > 1)
		put_in_order(ret);
	return NULL;
}

uint64_t site_call_target(const struct site_search *search, uint64_t target)
{
	const uint32_t *found = table_find(&search->trampolines, target);

	return found ? search->behind.data[*found] : target;
}

static struct error *add_trampoline(struct site_search *search, uint64_t addr, uint64_t target)
{
	uint32_t index = (uint32_t)search->behind.len;

	if (table_find(&search->trampolines, addr))
		return NULL;
	if (!vec_push(&search->behind, target) || table_put(&search->trampolines, addr, index) < 0)
		return error_nomem();
	return NULL;
}

/* Appends the trampolines that lead to the targets. */
static struct error *find_trampolines(struct site_search *search, const uint64_t targets[],
				      size_t n, struct code_calls *ret)
{
	cleanup(code_calls_fini) struct code_calls takes = {0};

	try(site_search_text(search, code_takes_find, targets, n, &takes));
	vec_each(take, &takes.list) {
		uint64_t size = 0, addr;
		const void *bytes = image_rest(
			search->image, take->addr - search->machine->trampoline_before, &size);

		if (!bytes || !code_is_trampoline(search->machine, bytes, size, take, &addr))
			continue;
		try(add_trampoline(search, addr, take->target));
		if (!vec_push(&ret->list, ((struct code_call){addr, take->target})))
			return error_nomem();
	}
	return NULL;
}

int site_compare_addr(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Adds the trampolines of the write barriers. A write barrier keeps the registers also if it is
 * called through a trampoline. */
static struct error *add_keeper_trampolines(struct site_search *search)
{
	cleanup(code_calls_fini) struct code_calls trampolines = {0};

	if (!search->machine->is_trampoline)
		return NULL;
	qsort(search->keepers, search->keepers_n, sizeof(*search->keepers), site_compare_addr);
	try(find_trampolines(search, search->keepers, search->keepers_n, &trampolines));
	vec_each(trampoline, &trampolines.list)
		if (search->keepers_n < SITE_KEEPERS_MAX)
			search->keepers[search->keepers_n++] = trampoline->addr;
	return NULL;
}

struct error *site_search_calls(struct site_search *search, const uint64_t targets[], size_t n,
				struct code_calls *ret)
{
	cleanup(code_calls_fini) struct code_calls trampolines = {0};
	cleanup_free uint64_t *all = NULL;

	if (!search->machine->is_trampoline)
		return site_search_text(search, code_calls_find, targets, n, ret);
	try(find_trampolines(search, targets, n, &trampolines));
	all = malloc((n + trampolines.list.len + 1) * sizeof(*all));
	if (!all)
		return error_nomem();
	memcpy(all, targets, n * sizeof(*all));
	vec_each(trampoline, &trampolines.list)
		all[n++] = trampoline->addr;
	qsort(all, n, sizeof(*all), site_compare_addr);
	return site_search_text(search, code_calls_find, all, n, ret);
}

void site_func_close(struct site_func *func)
{
	code_track_free(func->track);
	code_fini(&func->code);
	*func = (struct site_func){0};
}

/* Calls on_call for the candidates from *at on that lie in one function. Moves *at past them. */
static struct error *each_in_func(const struct site_search *search, const struct code_calls *calls,
				  size_t *at,
				  struct error *(*on_call)(void *ctx, struct site_func *func,
							   const struct code_insn *insn),
				  void *ctx)
{
	cleanup(site_func_close) struct site_func func = {0};
	bool found;

	try(site_func_open(search, calls->list.data[*at].addr, &func, &found));
	if (!found)
		++*at;
	while (found && *at < calls->list.len && calls->list.data[*at].addr < func.func.end) {
		const struct code_insn *insn = code_call_at(&func.code, &calls->list.data[(*at)++]);

		if (insn)
			try(on_call(ctx, &func, insn));
	}
	return NULL;
}

struct error *site_each_call(const struct site_search *search, const struct code_calls *calls,
			     struct error *(*on_call)(void *ctx, struct site_func *func,
						      const struct code_insn *insn),
			     void *ctx)
{
	for (size_t at = 0; at < calls->list.len;)
		try(each_in_func(search, calls, &at, on_call, ctx));
	return NULL;
}

/* ---- opening ---- */

/* The write barriers, which keep the registers. Up to Go 1.20 there is one function for each
 * register. Since then there is one for each number of pointers (runtime/asm_amd64.s, asm_arm64.s;
 * the compiler calls no others). */
static const char *const keeper_names[] = {
	"runtime.gcWriteBarrier",   "runtime.gcWriteBarrierCX", "runtime.gcWriteBarrierDX",
	"runtime.gcWriteBarrierBX", "runtime.gcWriteBarrierBP", "runtime.gcWriteBarrierSI",
	"runtime.gcWriteBarrierR8", "runtime.gcWriteBarrierR9", "runtime.gcWriteBarrier1",
	"runtime.gcWriteBarrier2",  "runtime.gcWriteBarrier3",	"runtime.gcWriteBarrier4",
	"runtime.gcWriteBarrier5",  "runtime.gcWriteBarrier6",	"runtime.gcWriteBarrier7",
	"runtime.gcWriteBarrier8",
};
static_assert(ARRAY_SIZE(keeper_names) == SITE_KEEPERS, "one each");

/* Looks up the entries and the write barriers in one pass over the program's names. */
static void find_entries(struct site_search *search)
{
	enum { NAMES = GO_ENTRY_NAMES + SITE_KEEPERS };
	struct sites *found = search->found;
	struct gopcln_func funcs[NAMES];
	const char *names[NAMES];

	go_entry_names(names);
	memcpy(names + GO_ENTRY_NAMES, keeper_names, sizeof(keeper_names));
	gopcln_find(search->tab, names, NAMES, funcs);
	for (size_t i = 0; i < GO_ENTRIES; i++) {
		found->present[i] = go_entries[i].is_site && funcs[i].entry;
		found->entry_addr[i] = funcs[i].entry;
	}
	found->maps = go_entry_maps(search->tab, funcs);
	for (size_t i = GO_ENTRY_NAMES; i < NAMES; i++)
		if (funcs[i].entry)
			search->keepers[search->keepers_n++] = funcs[i].entry;
}

static void find_text(struct site_search *search)
{
	const struct gopcln_module *module = gopcln_module(search->tab);
	size_t funcs = gopcln_func_count(search->tab);
	struct gopcln_func last;

	search->types = (struct gotypes){.tab = search->tab, .image = search->image};
	search->machine = machine_get(image_machine(search->image)->number);
	search->text = module->text;
	search->text_end = module->etext;
	/* Go's code ends where its last function ends. */
	if (funcs && gopcln_func_get(search->tab, (uint32_t)funcs - 1, &last))
		search->text_end = last.end;
}

struct error *site_search_open(const struct image *image, const struct gopcln *tab,
			       struct sites *found, struct site_search *ret)
{
	*ret = (struct site_search){.image = image, .tab = tab, .found = found};
	ret->deadline = deadline_in(PATIENCE_S);
	find_text(ret);
	find_entries(ret);
	return add_keeper_trampolines(ret);
}

void site_search_close(struct site_search *search)
{
	table_fini(&search->type_index);
	table_fini(&search->trampolines);
	vec_fini(&search->behind);
	vec_fini(&search->open);
}
