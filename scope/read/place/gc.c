#include "read/place/placer.h"

/* The functions that may change the GC phase. setGCPhase(x) in runtime/mgc.go is
 * atomic.Store(&gcphase, x), an exchange instruction, which is inlined into these functions and
 * their closures. It runs with the world stopped, for mark, marktermination and off. */
static const char *const gc_funcs[] = {
	"runtime.setGCPhase",
	"runtime.gcStart",
	"runtime.gcStart.func1",
	"runtime.gcStart.func2",
	"runtime.gcStart.func3",
	"runtime.gcStart.func4",
	"runtime.gcMarkDone",
	"runtime.gcMarkDone.func1",
	"runtime.gcMarkDone.func2",
	"runtime.gcMarkDone.func3",
	"runtime.gcMarkTermination",
	"runtime.gcMarkTermination.func1",
	"runtime.gcMarkTermination.func2",
	"runtime.gcMarkTermination.func3",
	"runtime.gcMarkTermination.func4",
};

/* Finds runtime.gcphase, which has no entry in the function table. In every release from 1.19 to
 * 1.27, runtime.gcMark (mgc.go) begins with: if gcphase != _GCmarktermination { throw(...) }. This
 * compares a global word with 2. */
struct error *gc_find_phase(const struct placer *placer)
{
	struct gopcln_func func;
	struct code code;

	try(placer_decode(placer, "runtime.gcMark", &func, &code));
	vec_each(insn, &code.insns) {
		if (insn->op == CODE_COMPARE_GLOBAL && insn->imm == 2) {
			placer->found->gcphase = insn->target;
			break;
		}
	}
	code_fini(&code);
	return NULL;
}

/* The number of exchanges that a program must have. With fewer, some change would not be seen. */
#define GC_CHANGES 3

/* Tells whether two instructions are lea gcphase, reg; xchg x, (reg). */
static bool changes_gcphase(const struct code_insn *insn, uint64_t gcphase)
{
	return insn[0].op == CODE_ADDRESS && insn[0].target == gcphase &&
	       insn[1].op == CODE_EXCHANGE && insn[1].base == insn[0].reg && insn[1].disp == 0;
}

struct error *gc_place(const struct placer *placer)
{
	struct spot spot = {.role = SPOT_GC};
	size_t before = placer->found->list.len;

	for (size_t i = 0; placer->found->gcphase && i < ARRAY_SIZE(gc_funcs); i++) {
		struct gopcln_func func;
		cleanup(code_fini) struct code code = {0};

		try(placer_decode(placer, gc_funcs[i], &func, &code));
		for (size_t at = 0; at + 2 < code.insns.len; at++)
			if (changes_gcphase(&code.insns.data[at], placer->found->gcphase))
				try(placer_add_spot(placer, &func, code.insns.data[at + 2].addr,
						    &spot, "runtime.gcphase has just changed"));
	}
	placer->found->gc = placer->found->list.len - before == GC_CHANGES;
	while (!placer->found->gc && placer->found->list.len > before)
		free(placer->found->list.data[--placer->found->list.len].why);
	return NULL;
}

void gc_add_names(struct placer *placer)
{
	placer_add_name(placer, "runtime.gcMark");
	for (size_t i = 0; placer->options->one && i < ARRAY_SIZE(gc_funcs); i++)
		placer_add_name(placer, gc_funcs[i]);
}
