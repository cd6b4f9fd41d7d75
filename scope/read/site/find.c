/* Finds the sites. First come the calls of the entries, function by function, then the types of
 * generic code, then deferred sites. This file uses all others of this room.
 */
#include "read/site/site_priv.h"
#include "base/frame.h"

#include <stdlib.h>

#define SITES_MAX (1 << 17) /* the largest programs have a few thousand */

/* ---- one site ---- */

static struct error *set_frames(struct site_search *search, struct site_row *row)
{
	struct frame frames[GOPCLN_INLINE_MAX + 1];
	size_t first = 0;

	try(site_patience(search));
	row->frames_n = gopcln_frames(search->tab, row->pc, frames, ARRAY_SIZE(frames));
	if (!row->frames_n)
		return error_new(ERROR_TARGET,
				 "%s: the function at 0x%llx has no name: the file is damaged",
				 image_name(search->image), (unsigned long long)row->pc);
	/* A method of sync.Map that was inlined is the way to the entry, and not the site. */
	while (go_entries[row->entry].sync && first + 1 < row->frames_n &&
	       go_entry_is_sync(frames[first].func))
		first++;
	row->frames_n -= first;
	for (size_t i = first; i < first + row->frames_n; i++)
		try(site_count_names(search, strlen(frames[i].func) + strlen(frames[i].file)));
	row->frames = malloc(row->frames_n * sizeof(frames[0]));
	if (!row->frames)
		return error_nomem();
	memcpy(row->frames, frames + first, row->frames_n * sizeof(frames[0]));
	return NULL;
}

/* Returns the index of the entry at addr, or GO_ENTRIES when none begins there. */
static uint32_t entry_at(const struct sites *found, uint64_t addr)
{
	uint32_t i = 0;

	while (i < GO_ENTRIES && (!found->present[i] || found->entry_addr[i] != addr))
		i++;
	return i;
}

static struct error *set_type(struct site_search *search, struct site_func *func,
			      const struct code_insn *insn, struct site_row *row)
{
	const struct go_entry *entry = &go_entries[row->entry];
	uint8_t reg = machine_argument(search->machine, entry->type_arg);
	struct code_value value;
	uint64_t addr;

	if (row->wrapper) {
		row->why_no_type = "passed to the wrapper";
		return NULL;
	}
	if (entry->sync)
		return site_type_sync(search, &row->type);
	try(site_func_value(search, func, insn, reg, &value));
	if (site_value_address(search, &value, &addr))
		try(site_type_get(search, addr, &row->type));
	if (row->type)
		return site_count_names(search,
					strlen(row->type->whole_name) + strlen(row->type->key));
	if (entry->reflect)
		row->why_no_type = "reflect: known only at run time";
	else if (value.root == CODE_CONSTANT && !value.loads)
		row->why_no_type = "its type data cannot be read";
	else
		row->why_no_type = "computed at run time";
	if (!entry->reflect && value.root == CODE_ENTRY) {
		struct site_open open = {(uint32_t)search->found->list.len, func->func.entry,
					 value};

		if (!vec_push(&search->open, open))
			return error_nomem();
	}
	return NULL;
}

/* Returns the entry that is called at target. In a damaged file the code at an entry may look like
 * a trampoline. The entry is then preferred. */
static uint32_t entry_called(const struct site_search *search, uint64_t target)
{
	uint32_t entry = entry_at(search->found, target);

	return entry < GO_ENTRIES ? entry
				  : entry_at(search->found, site_call_target(search, target));
}

static void row_fini(struct site_row *row)
{
	free(row->frames);
	free(row->instances);
}
CLEANUP_VALUE(struct site_row, row_fini)

static struct error *add_site(struct site_search *search, struct site_func *func,
			      const struct code_insn *insn)
{
	cleanup(row_fini) struct site_row row = {
		.pc = insn->addr,
		.entry = entry_called(search, insn->target),
		.jump = insn->flow != CODE_CALL,
		.wrapper = entry_at(search->found, func->func.entry) < GO_ENTRIES,
	};

	if (row.entry == GO_ENTRIES)
		return NULL;
	try(set_frames(search, &row));
	try(set_type(search, func, insn, &row));
	if (search->found->list.len == SITES_MAX)
		return error_new(ERROR_TARGET,
				 "%s: more than %d sites: no program has so many; the file is "
				 "damaged",
				 image_name(search->image), SITES_MAX);
	if (!vec_push(&search->found->list, row))
		return error_nomem();
	row = (struct site_row){0};
	return NULL;
}

/* ---- all of them ---- */

static struct error *on_call(void *ctx, struct site_func *func, const struct code_insn *insn)
{
	/* The tail after the stack check jumps back to the entry. */
	if (insn->flow != CODE_CALL && insn->target == func->func.entry)
		return NULL;
	return add_site(ctx, func, insn);
}

static struct error *add_sites(struct site_search *search)
{
	cleanup(code_calls_fini) struct code_calls calls = {0};
	uint64_t targets[GO_ENTRIES];
	size_t n = 0;

	for (size_t i = 0; i < GO_ENTRIES; i++)
		if (search->found->present[i])
			targets[n++] = search->found->entry_addr[i];
	qsort(targets, n, sizeof(targets[0]), site_compare_addr);
	try(site_search_calls(search, targets, n, &calls));
	return site_each_call(search, &calls, on_call, search);
}

static int compare_source(const void *a, const void *b)
{
	const struct site_row *const *x = a, *const *y = b;
	const struct frame *f = site_innermost(*x), *g = site_innermost(*y);
	int order = f->line < g->line ? -1 : f->line > g->line;

	/* Equal names are usually one string in the file, but not always. */
	if (!order && f->func != g->func)
		order = strcmp(f->func, g->func);
	if (!order && f->file != g->file)
		order = strcmp(f->file, g->file);
	return order ? order : (*x)->pc < (*y)->pc ? -1 : (*x)->pc > (*y)->pc;
}

static bool same_source(const struct site_row *a, const struct site_row *b)
{
	const struct frame *f = site_innermost(a), *g = site_innermost(b);

	return f->line == g->line && !strcmp(f->func, g->func) && !strcmp(f->file, g->file);
}

/* Counts the sites that have the same source. */
static struct error *count_copies(struct sites *found)
{
	cleanup_free struct site_row **rows = malloc((found->list.len + 1) * sizeof(*rows));
	size_t n = found->list.len, end;

	if (!rows)
		return error_nomem();
	for (size_t i = 0; i < n; i++)
		rows[i] = &found->list.data[i];
	qsort(rows, n, sizeof(*rows), compare_source);
	for (size_t i = 0; i < n; i = end) {
		for (end = i; end < n && same_source(rows[i], rows[end]);)
			end++;
		for (size_t k = i; k < end; k++) {
			rows[k]->copy = (uint32_t)(k - i + 1);
			rows[k]->copies = (uint32_t)(end - i);
		}
	}
	return NULL;
}

struct error *site_find(const struct image *image, const struct gopcln *tab, struct sites *ret)
{
	cleanup(site_search_close) struct site_search search = {0};
	cleanup(site_fini) struct sites found = {0};

	try(site_search_open(image, tab, &found, &search));
	try(add_sites(&search));
	try(site_find_instances(&search));
	try(site_find_deferred(&search));
	try(count_copies(&found));
	*ret = found;
	found = (struct sites){0};
	return NULL;
}

void site_fini(struct sites *sites)
{
	vec_each(row, &sites->list)
		row_fini(row);
	vec_fini(&sites->list);
	vec_each(type, &sites->types)
		site_type_free(*type);
	vec_fini(&sites->types);
}
