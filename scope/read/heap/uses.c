/* In a stripped program a global variable has no name. The functions that use it tell what it is. */
#include "read/heap/heap_priv.h"
#include "base/search.h"
#include "read/elf/elf.h"

#include <stdlib.h>

enum {
	BELOW_MAX = 72,		/* bytes of a variable before the member that is asked for */
	IMMEDIATE_MAX = 4,	/* bytes after an operand */
	TRIED_MAX = 64,		/* candidates that are decoded for a variable */
	FUNCTION_MAX = 1 << 20, /* bytes of a function that is decoded */
};

struct global_uses {
	const struct image *image;
	const struct gopcln *tab;
	struct code_calls found; /* by target */
};

static int by_target(const void *a, const void *b)
{
	const struct code_call *x = a, *y = b;

	return x->target != y->target ? (x->target > y->target) - (x->target < y->target)
				      : (x->addr > y->addr) - (x->addr < y->addr);
}

struct error *global_uses_find(const struct image *image, const struct gopcln *tab,
			       struct global_uses **ret)
{
	const struct gopcln_module *module = gopcln_module(tab);
	struct global_uses *uses = calloc(1, sizeof(*uses));
	uint64_t there = 0, size = module->etext - module->text;
	const void *text = image_rest(image, module->text, &there);
	struct error *err = NULL;

	if (!uses)
		return error_nomem();
	uses->image = image;
	uses->tab = tab;
	if (text)
		err = code_uses_find(machine_get(image_machine(image)->number), text,
				     there < size ? there : size, module->text, module->noptrdata,
				     module->ebss, &uses->found);
	image_trim(image);
	if (err) {
		global_uses_free(uses);
		return err;
	}
	if (uses->found.list.len)
		qsort(uses->found.list.data, uses->found.list.len, sizeof(*uses->found.list.data),
		      by_target);
	*ret = uses;
	return NULL;
}

void global_uses_free(struct global_uses *uses)
{
	if (!uses)
		return;
	code_calls_fini(&uses->found);
	free(uses);
}

/* Tells the address that a candidate really uses, and the function that does. Returns false if the candidate is in no
 * instruction's operand. */
static bool read_use(const struct global_uses *uses, const struct code_call *use, uint64_t *ret,
		     struct gopcln_func *ret_func)
{
	cleanup(code_fini) struct code code = {0};
	const struct code_insn *insn;
	uint64_t end = use->addr + 5;
	size_t behind;
	struct error *err;

	if (!gopcln_func_at(uses->tab, use->addr, ret_func) ||
	    ret_func->end - ret_func->entry > FUNCTION_MAX)
		return false;
	err = heap_code_of(uses->image, ret_func, &code);
	error_free(err);
	behind = lower_bound(i, code.insns.len, code.insns.data[i].addr <= use->addr);
	if (err || !behind)
		return false;
	insn = &code.insns.data[behind - 1];
	if (insn->addr == use->addr || insn->addr + insn->size < end ||
	    insn->addr + insn->size - end > IMMEDIATE_MAX)
		return false;
	*ret = use->target + (insn->addr + insn->size - end);
	return true;
}

/* Tells whether a function only initialises its package. */
static bool is_init(const char *name)
{
	const char *last = strrchr(name, '/'), *at = strchr(last ? last : name, '.');

	return at && (!strcmp(at, ".init") || !strncmp(at, ".init.", 6) ||
		      !strncmp(at, ".map.init.", 10));
}

/* Adds a name, unless it is there. One of an initialisation gives way to others. */
static size_t add_user(const char *ret[GLOBAL_USERS], size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(ret[i], name))
			return n;
	if (n && is_init(ret[0]) && !is_init(name)) {
		ret[0] = name;
		return 1;
	}
	if (n == GLOBAL_USERS || (n && is_init(name)))
		return n;
	ret[n] = name;
	return n + 1;
}

size_t global_users(const struct global_uses *uses, uint64_t addr, const char *ret[GLOBAL_USERS],
		    uint64_t *ret_addr)
{
	const struct code_call *list = uses->found.list.data;
	size_t at = lower_bound(i, uses->found.list.len, list[i].target <= addr), n = 0;
	struct gopcln_func func;
	uint64_t nearest = 0, used;

	for (unsigned tried = 0; at-- && tried < TRIED_MAX; tried++) {
		if (list[at].target + IMMEDIATE_MAX < (nearest ? nearest : addr - BELOW_MAX))
			break;
		if (!read_use(uses, &list[at], &used, &func) || used > addr ||
		    used + BELOW_MAX < addr || (nearest && used != nearest))
			continue;
		nearest = used;
		n = add_user(ret, n, func.name);
		if (n == GLOBAL_USERS && !is_init(ret[0]))
			break;
	}
	*ret_addr = nearest;
	return n;
}
