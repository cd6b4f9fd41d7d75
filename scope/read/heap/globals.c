/* Finds variables of the runtime by the code that uses them.
 *
 * mheap_: every call of a method of *mheap has its receiver in the first argument register, and nearly all
 * receivers are the one mheap_, whose address is made just before the call.
 *
 * allgs: runtime.allgadd appends to this slice. It reads its pointer, its length and its capacity, and no other
 * three words of memory that are neighbours.
 *
 * allPools, oldPools: sync.poolCleanup reads both slices, and no other variables that are neighbours. */
#include "read/heap/heap_priv.h"
#include "read/elf/elf.h"

enum {
	NEAR = 40,	     /* bytes between the address and the call */
	CANDIDATES_MAX = 32, /* different addresses */
	WORD = 8,
};

struct votes {
	uint8_t receiver; /* the register */
	size_t n;
	struct {
		uint64_t addr;
		unsigned n;
	} list[CANDIDATES_MAX];
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

static bool is_method(const char *name)
{
	return !strncmp(name, "runtime.(*mheap).", strlen("runtime.(*mheap)."));
}

/* Functions outside the runtime have no calls of these methods. */
static bool is_of_runtime(const char *name)
{
	return !strncmp(name, "runtime.", strlen("runtime."));
}

/* Votes for the address that is in the first argument register at a call. */
static struct error *vote_call(void *ctx, const struct code *code, const struct code_insn *call)
{
	struct votes *votes = ctx;

	for (const struct code_insn *at = call; at-- > code->insns.data;) {
		if (call->addr - at->addr > NEAR)
			break;
		if (!(at->writes >> votes->receiver & 1))
			continue;
		if (at->op == CODE_ADDRESS)
			vote(votes, at->target);
		else if (at->op == CODE_OFFSET && at > code->insns.data &&
			 at[-1].op == CODE_ADDRESS && at[-1].reg == at->base)
			vote(votes, at[-1].target + (uint64_t)at->imm);
		break;
	}
	return NULL;
}

static struct error *no_variable(const struct image *image, const struct gopcln *tab,
				 const char *name)
{
	return error_new(
		ERROR_TARGET,
		"%s: %s cannot be found in the code of its runtime (%s): its heap cannot be "
		"read (a program that was packed or changed after its build?): use one that go build made",
		image_name(image), name, gopcln_version(tab));
}

struct error *heap_receiver_find(const struct image *image, const struct gopcln *tab,
				 bool (*is_one)(const char *name), uint64_t *ret)
{
	struct votes votes = {
		.receiver = machine_argument(machine_get(image_machine(image)->number), 0)};
	struct call_search search = {.image = image,
				     .tab = tab,
				     .is_target = is_one,
				     .is_caller = is_of_runtime,
				     .call = vote_call,
				     .ctx = &votes};
	size_t targets;
	unsigned best = 0, second = 0;

	*ret = 0;
	try(heap_each_call(&search, &targets));
	for (size_t i = 0; i < votes.n; i++) {
		unsigned n = votes.list[i].n;

		second = n > best ? best : n > second ? n : second;
		*ret = n > best ? votes.list[i].addr : *ret;
		best = n > best ? n : best;
	}
	/* Programs of all releases have 11 votes or more for mheap_, and one candidate. */
	if (best <= 2 * second)
		*ret = 0;
	return NULL;
}

static bool loads(const struct code *code, uint64_t addr)
{
	vec_each(insn, &code->insns)
		if (insn->op == CODE_LOAD_GLOBAL && insn->target == addr)
			return true;
	return false;
}

static struct error *find_allgs(const struct image *image, const struct gopcln *tab, uint64_t *ret)
{
	static const char *const names[] = {"runtime.allgadd"};
	cleanup(code_fini) struct code code = {0};
	struct gopcln_func func;

	*ret = 0;
	gopcln_find(tab, names, 1, &func);
	if (func.entry)
		try(heap_code_of(image, &func, &code));
	vec_each(insn, &code.insns) {
		if (insn->op == CODE_LOAD_GLOBAL && loads(&code, insn->target + WORD) &&
		    loads(&code, insn->target + (uint64_t)2 * WORD))
			*ret = insn->target;
	}
	return *ret ? NULL : no_variable(image, tab, "allgs");
}

static struct error *find_pools(const struct image *image, const struct gopcln *tab,
				uint64_t ret[2])
{
	static const char *const names[] = {"sync.poolCleanup"};
	cleanup(code_fini) struct code code = {0};
	struct gopcln_func func;
	uint64_t found[2] = {0};
	size_t n = 0;

	gopcln_find(tab, names, 1, &func);
	if (func.entry)
		try(heap_code_of(image, &func, &code));
	vec_each(insn, &code.insns) {
		uint64_t at = insn->op == CODE_LOAD_GLOBAL ? insn->target : 0;

		if (!at || !loads(&code, at + WORD) || loads(&code, at - WORD) || at == found[0] ||
		    at == found[1])
			continue;
		if (n == ARRAY_SIZE(found))
			return NULL; /* not a known form */
		found[n++] = at;
	}
	if (n == ARRAY_SIZE(found))
		memcpy(ret, found, sizeof(found));
	return NULL;
}

struct error *heap_globals_find(const struct image *image, const struct gopcln *tab,
				struct heap_globals *ret)
{
	*ret = (struct heap_globals){0};
	try(heap_receiver_find(image, tab, is_method, &ret->mheap));
	if (!ret->mheap)
		return no_variable(image, tab, "mheap_");
	try(find_allgs(image, tab, &ret->allgs));
	try(find_pools(image, tab, ret->pools));
	return heap_queues_find(image, tab, ret);
}
