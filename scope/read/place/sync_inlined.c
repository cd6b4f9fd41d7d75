#include "read/place/placer.h"
#include "base/frame.h"

/* The copies of sync.Map's methods that a build with a profile has inlined into other functions. The
 * instructions at which an element leaves are those that sync.c describes. The lines that inlined code
 * has in the method's source tell which they are. Nobody knows where a copy keeps its arguments. In a hash
 * trie the entry that leaves has the key, and the store names its slot. */

enum { STORES = 3, REMOVING_STORES = 2 };

static const char entry_delete[] = "sync.(*entry).delete";

/* Returns the method of this name in which elements leave, or NULL. */
static const struct go_entry *find_method(const struct placer *placer, const char *name)
{
	for (size_t i = 0; i < GO_ENTRIES; i++)
		if (go_entries[i].ends && go_entries[i].trie == placer->trie &&
		    !strcmp(go_entries[i].name, name))
			return &go_entries[i];
	return NULL;
}

static bool is_wanted(const char *name, const void *ctx)
{
	return find_method(ctx, name) || !strcmp(name, entry_delete);
}

/* An instruction in a copy of a method. */
struct copied {
	const struct go_entry *method; /* NULL: in none */
	bool of_entry;		       /* it is in a copy of (*entry).delete */
	uint32_t line;		       /* in the method's source */
};

static struct copied copied_at(const struct placer *placer, uint64_t addr)
{
	struct frame frames[GOPCLN_INLINE_MAX];
	size_t n = gopcln_frames(placer->tab, addr, frames, ARRAY_SIZE(frames));
	struct copied copied = {0};

	for (size_t i = 0; i + 1 < n && !copied.method; i++) {
		copied.of_entry |= !strcmp(frames[i].func, entry_delete);
		copied.method = find_method(placer, frames[i].func);
		copied.line = frames[i].line;
	}
	return copied;
}

/* The lines of a method in which a pointer is stored, ascending. */
struct lines {
	uint32_t line[STORES];
	size_t n; /* STORES + 1: there are more */
};

static void lines_add(struct lines *lines, uint32_t line)
{
	size_t at = 0;

	while (at < lines->n && at < STORES && lines->line[at] < line)
		at++;
	if (at < lines->n && at < STORES && lines->line[at] == line)
		return;
	if (lines->n >= STORES) {
		lines->n = STORES + 1;
		return;
	}
	memmove(&lines->line[at + 1], &lines->line[at], (lines->n - at) * sizeof(lines->line[0]));
	lines->line[at] = line;
	lines->n++;
}

static struct error *add_removal(struct placer *placer, const struct gopcln_func *func,
				 const struct code_insn *insn, bool if_swapped)
{
	struct spot spot = {.role = SPOT_SYNC_REMOVAL,
			    .sync = true,
			    .key = GO_PASS_ANY,
			    .if_swapped = if_swapped,
			    .no_arguments = true,
			    .in_entry = placer->trie};

	placer->found->sync_inlined++;
	return placer_add_spot(placer, func, insn->addr, &spot,
			       "an inlined copy of a method of sync.Map takes the element out");
}

/* Places spots at the stores in all copies of one method of a hash trie. */
static struct error *place_stores(struct placer *placer, const struct go_entry *method,
				  const struct gopcln_func *func, const struct code *code)
{
	struct lines lines = {0};

	vec_each(insn, &code->insns) {
		struct copied copied = copied_at(placer, insn->addr);

		if (copied.method == method && sync_calls_store(placer, insn))
			lines_add(&lines, copied.line);
	}
	if (!lines.n)
		return NULL;
	if (lines.n != STORES)
		return placer_no_spot(placer, func->name,
				      "an inlined method of sync.Map does not store three times");
	vec_each(insn, &code->insns) {
		struct copied copied = copied_at(placer, insn->addr);

		if (copied.method == method && sync_calls_store(placer, insn) &&
		    copied.line <= lines.line[REMOVING_STORES - 1])
			try(add_removal(placer, func, insn, false));
	}
	return NULL;
}

static struct error *place_clears(struct placer *placer, const struct go_entry *method,
				  const struct gopcln_func *func, const struct code *code)
{
	struct spot spot = {.role = SPOT_SYNC_CLEAR, .sync = true, .no_arguments = true};

	vec_each(insn, &code->insns) {
		if (!sync_calls_store(placer, insn) ||
		    copied_at(placer, insn->addr).method != method)
			continue;
		placer->found->sync_inlined++;
		try(placer_add_spot(placer, func, insn->addr, &spot,
				    "an inlined copy of a method of sync.Map drops all elements"));
	}
	return NULL;
}

/* Places spots after the swaps in copies of the methods of a sync.Map of two maps. A swap in
 * (*entry).delete itself has its spot already. */
static struct error *place_swaps(struct placer *placer, const struct gopcln_func *func,
				 const struct code *code)
{
	for (size_t i = 0; i < code->insns.len; i++) {
		const struct code_insn *insn = &code->insns.data[i], *branch;
		struct copied copied;

		if (!sync_calls_swap(placer, insn))
			continue;
		copied = copied_at(placer, insn->addr);
		if (!copied.method && !copied.of_entry)
			continue;
		branch = sync_branch_after(placer, code, i);
		if (!branch)
			return placer_no_spot(placer, func->name,
					      "no branch follows its compare-and-swap");
		try(add_removal(placer, func, branch, true));
	}
	return NULL;
}

static struct error *place_func(struct placer *placer, struct gopcln_func *func)
{
	cleanup(code_fini) struct code code = {0};

	try(placer_decode_func(placer, func, &code));
	if (!placer->trie)
		return place_swaps(placer, func, &code);
	for (size_t i = 0; i < GO_ENTRIES; i++) {
		const struct go_entry *method = find_method(placer, go_entries[i].name);

		if (!method)
			continue;
		if (method->kind == GO_ENTRY_CLEAR)
			try(place_clears(placer, method, func, &code));
		else
			try(place_stores(placer, method, func, &code));
	}
	return NULL;
}

struct error *sync_place_inlined(struct placer *placer)
{
	struct gopcln_func func;

	if (!gopcln_is_profiled(placer->tab))
		return NULL;
	for (uint32_t row = 0; row < gopcln_func_count(placer->tab); row++) {
		if (!gopcln_func_get(placer->tab, row, &func) || find_method(placer, func.name) ||
		    !gopcln_inlined_some(placer->tab, &func, is_wanted, placer))
			continue;
		if (!placer->found->sync_map)
			placer->found->sync_map = func.entry & ~7ull;
		try(place_func(placer, &func));
	}
	return NULL;
}
