/* Finds variables of the runtime by the code that uses them.
 *
 * mheap_: every call of a method of *mheap has its receiver in the first argument register, and nearly all
 * receivers are the one mheap_, whose address is made just before the call.
 *
 * allgs: runtime.allgadd appends to this slice. It reads its pointer, its length and its capacity, and no other
 * three words of memory that are neighbours. */
#include "read/heap/heap.h"
#include "base/search.h"
#include "read/code/code.h"
#include "read/elf/elf.h"

#include <stdlib.h>

#define MHEAP_PREFIX "runtime.(*mheap)."
#define RUNTIME	     "runtime."

enum {
	METHODS_MAX = 256,   /* of *mheap; there are about 40 */
	NEAR = 40,	     /* bytes between the address and the call */
	CANDIDATES_MAX = 32, /* different addresses */
	WORD = 8,
};

struct votes {
	struct {
		uint64_t addr;
		unsigned n;
	} list[CANDIDATES_MAX];
	size_t n;
};

static void vote(struct votes *votes, uint64_t addr)
{
	for (size_t i = 0; i < votes->n; i++) {
		if (votes->list[i].addr == addr) {
			votes->list[i].n++;
			return;
		}
	}
	if (votes->n < CANDIDATES_MAX) {
		votes->list[votes->n].addr = addr;
		votes->list[votes->n++].n = 1;
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Collects the entries of all methods of *mheap, in order. */
static size_t find_methods(const struct gopcln *tab, uint64_t ret[METHODS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < gopcln_func_count(tab) && n < METHODS_MAX; i++) {
		struct gopcln_func func;

		if (gopcln_func_get(tab, (uint32_t)i, &func) &&
		    !strncmp(func.name, MHEAP_PREFIX, strlen(MHEAP_PREFIX)))
			ret[n++] = func.entry;
	}
	qsort(ret, n, sizeof(*ret), by_value);
	return n;
}

struct search {
	const struct image *image;
	const struct gopcln *tab;
	const struct machine_ops *machine;
	struct votes votes;
};

/* Decodes a function. One whose bytes are not in the file has no instructions. */
static struct error *decode(const struct search *search, const struct gopcln_func *func,
			    struct code *ret)
{
	const void *bytes = image_at(search->image, func->entry, func->end - func->entry);

	if (!bytes)
		return NULL;
	return code_decode(search->machine, bytes, func->end - func->entry, func->entry, ret);
}

/* Votes for the address that is in the first argument register at a call. */
static void vote_call(struct search *search, const struct code *code, const struct code_insn *call)
{
	uint8_t receiver = machine_argument(search->machine, 0);

	for (const struct code_insn *at = call; at-- > code->insns.data;) {
		if (call->addr - at->addr > NEAR)
			return;
		if (!(at->writes >> receiver & 1))
			continue;
		if (at->op == CODE_ADDRESS)
			vote(&search->votes, at->target);
		else if (at->op == CODE_OFFSET && at > code->insns.data &&
			 at[-1].op == CODE_ADDRESS && at[-1].reg == at->base)
			vote(&search->votes, at[-1].target + (uint64_t)at->imm);
		return;
	}
}

/* Votes for the receivers of all calls in one function. Returns the index of the first candidate behind it. */
static struct error *vote_function(struct search *search, const struct code_calls *calls,
				   size_t *at)
{
	cleanup(code_fini) struct code code = {0};
	struct gopcln_func func;
	bool wanted;

	if (!gopcln_func_at(search->tab, calls->list.data[*at].addr, &func)) {
		++*at;
		return NULL;
	}
	/* Programs outside the runtime have no calls of these methods, and candidates that are bytes of other
	 * instructions. */
	wanted = !strncmp(func.name, RUNTIME, strlen(RUNTIME));
	if (wanted)
		try(decode(search, &func, &code));
	for (; *at < calls->list.len && calls->list.data[*at].addr < func.end; ++*at) {
		const struct code_insn *call =
			wanted ? code_call_at(&code, &calls->list.data[*at]) : NULL;

		if (call && call->flow == CODE_CALL)
			vote_call(search, &code, call);
	}
	return NULL;
}

static struct error *no_variable(const struct search *search, const char *name)
{
	return error_new(
		ERROR_TARGET,
		"%s: %s cannot be found in the code of its runtime (%s): its heap cannot be "
		"read",
		image_name(search->image), name, gopcln_version(search->tab));
}

static struct error *find_mheap(struct search *search, uint64_t *ret)
{
	const struct gopcln_module *module = gopcln_module(search->tab);
	cleanup(code_calls_fini) struct code_calls calls = {0};
	uint64_t methods[METHODS_MAX];
	size_t n = find_methods(search->tab, methods), best = 0, second = 0;
	uint64_t size = module->etext - module->text, there = 0;
	const void *text = image_rest(search->image, module->text, &there);

	if (!text || !n)
		return no_variable(search, "mheap_");
	try(code_calls_find(search->machine, text, there < size ? there : size, module->text,
			    methods, n, &calls));
	for (size_t at = 0; at < calls.list.len;)
		try(vote_function(search, &calls, &at));
	for (size_t i = 0; i < search->votes.n; i++) {
		if (search->votes.list[i].n > best) {
			second = best;
			best = search->votes.list[i].n;
			*ret = search->votes.list[i].addr;
		} else if (search->votes.list[i].n > second) {
			second = search->votes.list[i].n;
		}
	}
	/* Programs of all releases have 11 votes or more, and one candidate. */
	return best > 2 * second ? NULL : no_variable(search, "mheap_");
}

static bool loads(const struct code *code, uint64_t addr)
{
	vec_each(insn, &code->insns)
		if (insn->op == CODE_LOAD_GLOBAL && insn->target == addr)
			return true;
	return false;
}

static struct error *find_allgs(struct search *search, uint64_t *ret)
{
	static const char *const names[] = {"runtime.allgadd"};
	cleanup(code_fini) struct code code = {0};
	struct gopcln_func func;

	*ret = 0;
	gopcln_find(search->tab, names, 1, &func);
	if (!func.entry)
		return no_variable(search, "allgs");
	try(decode(search, &func, &code));
	vec_each(insn, &code.insns) {
		if (insn->op == CODE_LOAD_GLOBAL && loads(&code, insn->target + WORD) &&
		    loads(&code, insn->target + 2 * WORD))
			*ret = insn->target;
	}
	return *ret ? NULL : no_variable(search, "allgs");
}

struct error *heap_globals_find(const struct image *image, const struct gopcln *tab,
				struct heap_globals *ret)
{
	struct search search = {
		.image = image, .tab = tab, .machine = machine_get(image_machine(image)->number)};

	try(find_mheap(&search, &ret->mheap));
	return find_allgs(&search, &ret->allgs);
}
