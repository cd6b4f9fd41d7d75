#include "read/site/path.h"

enum {
	SETUP_MAX = 24,	    /* instructions before the call */
	AROUND = 8,	    /* instructions before a spot that is not on the path */
	FUNC_MAX = 1 << 20, /* bytes that are decoded */
};

void site_path_fini(struct site_path *path)
{
	code_fini(&path->code);
	vec_fini(&path->steps);
}

/* Decodes the function that holds addr; *ret has no instructions when there is none. */
static struct error *open_func(const struct site_program *program, uint64_t addr,
			       struct site_path *ret)
{
	const void *bytes;
	size_t size;

	*ret = (struct site_path){0};
	if (!gopcln_func_at(program->tab, addr, &ret->func))
		return NULL;
	size = ret->func.end - ret->func.entry;
	if (size > FUNC_MAX && addr - ret->func.entry < FUNC_MAX)
		size = FUNC_MAX;
	bytes = image_at(program->image, ret->func.entry, size);
	if (!bytes)
		return NULL;
	return code_decode(machine_get(image_machine(program->image)->number), bytes, size,
			   ret->func.entry, &ret->code);
}

/* Appends insns[from] to insns[to] as one stretch. */
static struct error *add_steps(struct site_path *path, size_t from, size_t to, bool apart)
{
	for (size_t at = from; at <= to; at++) {
		struct site_step step = {.insn = (uint32_t)at, .apart = apart && at == from};

		if (!vec_push(&path->steps, step))
			return error_nomem();
	}
	return NULL;
}

/* ---- the site ---- */

/* Returns the index of the instruction at which the setup of the arguments begins. It is after the
 * last call, jump or join before the call. */
static size_t setup_begin(const struct code *code, size_t call)
{
	size_t at = call;

	while (at > 0 && call - at < SETUP_MAX && !code->insns.data[at].joined &&
	       code->insns.data[at - 1].flow == CODE_NEXT)
		at--;
	return at;
}

struct error *site_path_to_call(const struct site_program *program, const struct site_row *row,
				struct site_path *ret)
{
	const struct code_insn *call;
	size_t end;

	try(open_func(program, row->pc, ret));
	call = code_at(&ret->code, row->pc);
	if (!call)
		return NULL;
	end = (size_t)(call - ret->code.insns.data);
	return add_steps(ret, setup_begin(&ret->code, end), end, false);
}

/* ---- the chain ---- */

static bool chain_has(const struct site_chain *chain, uint64_t func)
{
	for (size_t i = 0; i < chain->n; i++)
		if (chain->funcs[i] == func)
			return true;
	return false;
}

/* Tells whether elements leave through a function: it is an entry of the program, or has a spot. */
static bool is_passed(const struct site_program *program, uint64_t func)
{
	const struct sites *sites = program->sites;

	for (size_t e = 0; e < GO_ENTRIES; e++)
		if (sites->present[e] && sites->entry_addr[e] == func)
			return true;
	vec_each(spot, &program->placements->list)
		if (spot->entry == func)
			return true;
	return false;
}

struct error *site_chain_find(const struct site_program *program, uint64_t entry,
			      struct site_chain *ret)
{
	*ret = (struct site_chain){.funcs = {entry}, .n = 1};
	for (size_t i = 0; i < ret->n; i++) {
		cleanup(site_path_fini) struct site_path func = {0};

		try(open_func(program, ret->funcs[i], &func));
		vec_each(insn, &func.code.insns) {
			if (insn->flow == CODE_NEXT || !insn->target || ret->n == SITE_CHAIN_MAX ||
			    chain_has(ret, insn->target) || !is_passed(program, insn->target))
				continue;
			ret->funcs[ret->n++] = insn->target;
		}
	}
	return NULL;
}

/* ---- through a function ---- */

/* Tells whether a function is off the path: it ends the program, or is only called while a map
 * grows. */
static bool is_cold(void *ctx, uint64_t target)
{
	static const char *const names[] = {
		"runtime.fatal",   "runtime.throw",    "runtime.panic",
		"runtime.gopanic", "runtime.growWork", "internal/runtime/maps.fatal",
	};
	const struct site_program *program = ctx;
	struct gopcln_func func;

	if (!gopcln_func_at(program->tab, target, &func))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strncmp(func.name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Returns the index of the instruction that a removal passes: one with a spot, or else the call of the
 * next function in the chain. Returns UINT32_MAX when there is none. */
static uint32_t find_removal(const struct site_program *program, const struct code *code,
			     const struct site_chain *chain)
{
	const struct code_insn *insns = code->insns.data;

	for (uint32_t i = 0; i < code->insns.len; i++)
		if (placement_at(program->placements, insns[i].addr))
			return i;
	for (uint32_t i = 0; i < code->insns.len; i++)
		if (insns[i].flow == CODE_CALL && insns[i].target != insns[0].addr &&
		    chain_has(chain, insns[i].target))
			return i;
	return UINT32_MAX;
}

static bool is_on(const struct code_path *path, size_t insn)
{
	vec_each(at, &path->insns)
		if (*at == insn)
			return true;
	return false;
}

/* Appends the path, then the spots that are not on it, with the instructions before each. */
static struct error *add_path(const struct site_program *program, const struct code_path *path,
			      struct site_path *ret)
{
	vec_each(at, &path->insns)
		try(add_steps(ret, *at, *at, false));
	for (size_t i = 0; i < ret->code.insns.len; i++) {
		if (!placement_at(program->placements, ret->code.insns.data[i].addr) ||
		    is_on(path, i))
			continue;
		try(add_steps(ret, i > AROUND ? i - AROUND : 0, i, true));
	}
	return NULL;
}

struct error *site_path_through(const struct site_program *program, uint64_t func,
				const struct site_chain *chain, struct site_path *ret)
{
	cleanup(code_path_fini) struct code_path path = {0};
	void *ctx = (void *)program;
	const struct code *code = &ret->code;

	try(open_func(program, func, ret));
	if (!code->insns.len)
		return NULL;
	try(code_shortest(code, find_removal(program, code, chain), is_cold, ctx, &path));
	if (!path.insns.len)
		try(code_straight(code, is_cold, ctx, &path));
	return add_path(program, &path, ret);
}
