/* Finds the queues of the runtime: finalizers and cleanups whose objects are dead, and which have not run yet.
 *
 * allfin: runtime.queuefinalizer loads and stores three words, finq, finc and allfin. runtime.markroot loads only the last of them, because
 * the collector goes through all blocks.
 *
 * gcCleanups (since 1.25): the receiver of the calls of its methods. runtime.markroot loads its member `all`. */
#include "read/heap/heap_priv.h"
#include "read/elf/elf.h"

enum { CLEANUPS_ALL = 128 }; /* cleanupQueue.all: the third cache line (mcleanup.go) */

static struct error *code_of(const struct image *image, const struct gopcln *tab, const char *name,
			     struct code *ret)
{
	const char *const names[] = {name};
	struct gopcln_func func;

	*ret = (struct code){0};
	gopcln_find(tab, names, 1, &func);
	return func.entry ? heap_code_of(image, &func, ret) : NULL;
}

static bool has(const struct code *code, uint8_t op, uint64_t addr)
{
	vec_each(insn, &code->insns)
		if (insn->op == op && insn->target == addr)
			return true;
	return false;
}

/* Returns the only variable that the one function loads and stores, and the other one loads; 0: it is none, or not the only one. */
static uint64_t find_finalizers(const struct code *queue, const struct code *mark)
{
	uint64_t found = 0;

	vec_each(insn, &queue->insns) {
		uint64_t at = insn->target;

		if (insn->op != CODE_STORE_GLOBAL || insn->width != 8 || at == found ||
		    !has(queue, CODE_LOAD_GLOBAL, at) || !has(mark, CODE_LOAD_GLOBAL, at))
			continue;
		if (found)
			return 0;
		found = at;
	}
	return found;
}

static bool is_method(const char *name)
{
	static const char type[] = "runtime.(*cleanupQueue).";

	return !strncmp(name, type, sizeof(type) - 1);
}

struct error *heap_queues_find(const struct image *image, const struct gopcln *tab,
			       struct heap_globals *ret)
{
	cleanup(code_fini) struct code queue = {0}, mark = {0};
	uint64_t cleanups = 0;

	try(code_of(image, tab, "runtime.queuefinalizer", &queue));
	try(code_of(image, tab, "runtime.markroot", &mark));
	ret->finalizers = find_finalizers(&queue, &mark);
	if (gopcln_minor(tab) < 25)
		return NULL;
	try(heap_receiver_find(image, tab, is_method, &cleanups));
	if (cleanups && has(&mark, CODE_LOAD_GLOBAL, cleanups + CLEANUPS_ALL))
		ret->cleanups = cleanups + CLEANUPS_ALL;
	return NULL;
}
