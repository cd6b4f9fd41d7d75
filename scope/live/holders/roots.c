/* Names of roots. A global variable has the name of its symbol; without one, the functions that use it tell what it is.
 * A word of a stack belongs to the frame whose extent it is in. */
#include "live/holders/holders_priv.h"
#include "base/buf.h"
#include "read/code/code.h"
#include "read/elf/elf.h"
#include "read/layout/layout.h"

#include <stdio.h>
#include <stdlib.h>

enum { FRAMES_MAX = 4096 };

/* ---- code ---- */

/* Finds the module that has an address in its code, or NULL. */
static const struct gotype_module *code_module(const struct holders *holders, uint64_t pc)
{
	for (size_t i = 0; i < holders->options->modules_n; i++) {
		const struct gotype_module *at = &holders->options->modules[i];
		const struct gopcln_module *module = gopcln_module(at->tab);

		if (pc - at->bias >= module->text && pc - at->bias < module->etext)
			return at;
	}
	return NULL;
}

const char *holders_function(struct holders *holders, uint64_t pc, bool entry)
{
	const struct gotype_module *module = code_module(holders, pc);
	struct gopcln_func func;

	if (!module || !gopcln_func_at(module->tab, pc - module->bias, &func) ||
	    (entry && func.entry != pc - module->bias))
		return NULL;
	return func.name;
}

/* ---- stacks ---- */

/* Finds the function whose frame has a word of a stack. Returns NULL if the frames cannot be followed up to there. */
static const char *frame_of(struct holders *holders, const struct heap_stack *stack, uint64_t slot)
{
	uint64_t pc = stack->pc, sp = stack->sp;

	for (unsigned i = 0; pc && i < FRAMES_MAX; i++) {
		const struct gotype_module *module = code_module(holders, pc - 1);
		int32_t delta;

		if (!module || sp < stack->low || sp >= stack->high ||
		    !gopcln_sp_delta(module->tab, pc - 1 - module->bias, &delta) || delta < 0)
			return NULL;
		sp += (uint32_t)delta;
		if (slot < sp + WORD)
			return holders_function(holders, pc - 1, false);
		if (!heap_read(holders->heap, sp, &pc, sizeof(pc)))
			return NULL;
		sp += WORD;
	}
	return NULL;
}

static void step_stack(struct holders *holders, uint64_t slot, struct step *ret, uint64_t *ret_goid)
{
	uint32_t at = go_goid_offset(gopcln_minor(holders->options->modules[0].tab));
	struct heap_stack stack;

	if (!heap_stack_of(holders->heap, slot, &stack))
		return;
	ret->hops[0].name = frame_of(holders, &stack, slot);
	heap_read(holders->heap, stack.g + at, ret_goid, sizeof(*ret_goid));
}

/* ---- global variables ---- */

/* Opens the symbols of all modules; of those without symbols, finds the uses of their variables. */
static void open_names(struct holders *holders)
{
	size_t n = holders->options->modules_n;

	holders->named = true;
	holders->uses = calloc(n, sizeof(struct global_uses *));
	holders->symbols = calloc(n, sizeof(struct elfsym *));
	holders->failed |= !holders->uses || !holders->symbols;
	for (size_t i = 0; i < n && !holders->failed; i++) {
		const struct gotype_module *module = &holders->options->modules[i];
		struct error *err = NULL;

		if (!image_is_stripped(module->image))
			error_free(elfsym_open(module->image, &holders->symbols[i]));
		if (!holders->symbols[i])
			err = global_uses_find(module->image, module->tab, &holders->uses[i]);
		holders->failed |= err != NULL;
		error_free(err);
	}
}

void holders_roots_fini(struct holders *holders)
{
	for (size_t i = 0; i < holders->options->modules_n; i++) {
		if (holders->uses)
			global_uses_free(holders->uses[i]);
		if (holders->symbols)
			elfsym_close(holders->symbols[i]);
	}
	free(holders->uses);
	free(holders->symbols);
}

size_t holders_data_module(const struct holders *holders, uint64_t addr)
{
	size_t i = 0, n = holders->options->modules_n;

	for (; i < n; i++) {
		const struct gotype_module *at = &holders->options->modules[i];
		const struct gopcln_module *module = gopcln_module(at->tab);

		if (addr - at->bias >= module->noptrdata && addr - at->bias < module->ebss)
			break;
	}
	return i;
}

static void name_symbol(struct holders *holders, const struct elfsym *symbols, uint64_t addr,
			struct holder_hop *hop)
{
	cleanup(buf_fini) struct buf text = {0};
	struct elfsym_hit hit;

	if (!elfsym_at(symbols, addr, &hit))
		return;
	buf_str(&text, hit.name);
	if (addr != hit.addr + (hop->interface ? WORD : 0)) {
		buf_str(&text, "+");
		buf_u64(&text, addr - hit.addr);
	}
	hop->name = holders_string(holders, buf_cstr(&text));
}

/* Names the global variable at an address. */
static void step_global(struct holders *holders, uint64_t addr, struct holder_hop *ret)
{
	size_t at = holders_data_module(holders, addr);
	const char *users[GLOBAL_USERS];
	uint64_t base;
	size_t n;

	ret->addr = addr;
	if (!holders->named)
		open_names(holders);
	if (at == holders->options->modules_n || holders->failed)
		return;
	addr -= holders->options->modules[at].bias;
	if (holders->symbols[at]) {
		name_symbol(holders, holders->symbols[at], addr, ret);
	} else if (holders->uses[at]) {
		n = global_users(holders->uses[at], addr, users, &base);
		for (size_t i = 0; i < n; i++)
			ret->users[i] = users[i];
	}
}

/* Makes the step from a word of an object with a finalizer, which itself may be dead. */
static void step_finalizer(struct holders *holders, const struct heap_source *source,
			   const struct edge *edge, struct step *ret)
{
	const struct place unknown = {0};
	const struct edge of_object = {source->addr, edge->slot, edge->word};

	holders_step(holders, &unknown, &of_object, ret);
	if (ret->n < STEP_HOPS)
		ret->hops[ret->n++] = (struct holder_hop){.kind = HOLDER_FINALIZER};
}

/* Makes the step from a word of a global variable. If it is a struct whose type is known, the field has its name. */
static void step_variable(struct holders *holders, const struct edge *edge, struct step *ret)
{
	const struct place place = holders_global(holders, edge->slot);
	struct edge of_variable = {place.origin, edge->slot, edge->word};
	struct step inner = {0};

	if (place.kind == PLACE_VALUES)
		holders_step(holders, &place, &of_variable, &inner);
	if (inner.n && inner.n < STEP_HOPS &&
	    (inner.hops[0].kind == HOLDER_FIELD || inner.hops[0].kind == HOLDER_ELEMENT)) {
		*ret = inner;
		ret->hops[ret->n++] = (struct holder_hop){.kind = HOLDER_GLOBAL};
		step_global(holders, place.origin, &ret->hops[ret->n - 1]);
		return;
	}
	ret->to = inner.to;
	if (ret->to.kind == PLACE_NONE) {
		ret->to = holders_interface(holders, edge);
		ret->hops[0].interface = ret->to.kind != PLACE_NONE;
	}
	step_global(holders, edge->slot, &ret->hops[0]);
}

void holders_step_root(struct holders *holders, const struct heap_source *source,
		       const struct edge *edge, struct step *ret, uint64_t *ret_goid)
{
	static const enum holder_kind kinds[] = {
		[HEAP_SOURCE_NONE] = HOLDER_UNKNOWN,	    [HEAP_SOURCE_OBJECT] = HOLDER_UNKNOWN,
		[HEAP_SOURCE_GLOBAL] = HOLDER_GLOBAL,	    [HEAP_SOURCE_STACK] = HOLDER_STACK,
		[HEAP_SOURCE_FINALIZER] = HOLDER_FINALIZER, [HEAP_SOURCE_CLEANUP] = HOLDER_CLEANUP,
		[HEAP_SOURCE_QUEUE] = HOLDER_QUEUE,
	};

	if (source->kind == HEAP_SOURCE_FINALIZER && edge->slot) {
		step_finalizer(holders, source, edge, ret);
		return;
	}
	*ret = (struct step){.n = 1, .hops[0].kind = kinds[source->kind]};
	if (source->kind == HEAP_SOURCE_STACK) {
		step_stack(holders, source->addr, ret, ret_goid);
	} else if (source->kind == HEAP_SOURCE_GLOBAL) {
		step_variable(holders, edge, ret);
	}
}
