/* Finds the sites that are deferred.
 *
 * The compiler turns `defer delete(m, k)` into a function that is marked as a wrapper and that
 * deletes. Since Go 1.22 its name is main.f.deferwrap1 (cmd/compile/internal/ir/func.go,
 * closureName). Before, its name is main.f.func1, and a function made of `go delete(m, k)` has such
 * a name as well. There it counts as deferred if main.f has a defer statement.
 *
 * `defer func() { delete(m, k) }()` deletes in main.f.func1, which is a literal like any other.
 * Only the code of main.f shows that it is deferred. The closure is passed to runtime.deferproc, or
 * is stored into the fn of the _defer that is passed to runtime.deferprocStack. With open-coded
 * defers, it is called through a register at the end of main.f. Literals that are called in place
 * are called by address.
 */
#include "read/site/site_priv.h"
#include "base/frame.h"

#include <stdlib.h>

#define DEFER_FN      24 /* offset of _defer.fn in Go 1.19 to 1.27 (runtime/runtime2.go) */
#define NAMES_AT_ONCE 512
#define LOOKS_MAX     512 /* for one function; real ones defer a few times */

/* A function that has literals with sites. */
struct parent {
	const struct site_search *search;
	struct site_func func;
	uint64_t entry;			     /* entry of func; 0 when there is none yet */
	uint64_t deferproc, deferproc_stack; /* entries of the runtime's functions; 0 when absent */
	VEC(uint64_t) deferred;		     /* entries of the literals that func defers */
};

static void parent_fini(struct parent *parent)
{
	site_func_close(&parent->func);
	vec_fini(&parent->deferred);
}
CLEANUP_VALUE(struct parent, parent_fini)

/* Finds an address that is stored at [object] anywhere in the function. *ret is 0 when there is
 * none. */
static struct error *stored_at(struct parent *parent, const struct code_value *object,
			       uint64_t *ret)
{
	*ret = 0;
	try(site_patience(parent->search));
	vec_each(insn, &parent->func.code.insns) {
		struct code_value place, value;

		if (insn->op != CODE_STORE || insn->width != 8)
			continue;
		try(site_func_value(parent->search, &parent->func, insn, insn->base, &place));
		place.add = (int32_t)(place.add + insn->disp);
		if (memcmp(&place, object, sizeof(place)) != 0)
			continue;
		try(site_func_value(parent->search, &parent->func, insn, insn->reg, &value));
		if (site_value_address(parent->search, &value, ret))
			return NULL;
	}
	return NULL;
}

/* Finds the function of the closure `object` at the instruction `at`. *ret is 0 when it is
 * unknown. */
static struct error *closure_func(struct parent *parent, const struct code_insn *at,
				  const struct code_value *object, uint64_t *ret)
{
	struct code_value value = *object;

	*ret = 0;
	if (object->root == CODE_CONSTANT && object->loads < CODE_LOADS_MAX) {
		value.offsets[value.loads++] = value.add;
		value.add = 0;
	} else if (object->root == CODE_STACK && !object->loads) {
		value = code_track_slot(parent->func.track, at, object->add);
	}
	if (value.root == CODE_CONSTANT && site_value_address(parent->search, &value, ret))
		return NULL;
	*ret = 0;
	if ((object->root != CODE_STACK && object->root != CODE_RESULT) || object->loads)
		return NULL;
	return stored_at(parent, object, ret);
}

static struct error *add_literal(struct parent *parent, uint64_t entry)
{
	return !entry || vec_push(&parent->deferred, entry) ? NULL : error_nomem();
}

/* Adds the closure that a call of runtime.deferproc(closure) or runtime.deferprocStack(&_defer)
 * defers. */
static struct error *add_from_call(struct parent *parent, const struct code_insn *call,
				   uint64_t target)
{
	uint8_t first = machine_argument(parent->search->machine, 0);
	struct code_value value;
	uint64_t literal;

	try(site_func_value(parent->search, &parent->func, call, first, &value));
	if (target == parent->deferproc_stack) {
		if (value.root != CODE_STACK || value.loads)
			return NULL;
		value = code_track_slot(parent->func.track, call, (int64_t)value.add + DEFER_FN);
	}
	try(closure_func(parent, call, &value, &literal));
	return add_literal(parent, literal);
}

/* Adds each closure that is stored into the stack slot at disp, anywhere in the function. */
static struct error *add_from_slot(struct parent *parent, int64_t disp)
{
	uint8_t stack = parent->search->machine->stack;

	vec_each(insn, &parent->func.code.insns) {
		struct code_value value;
		uint64_t literal;

		if (insn->op != CODE_STORE || insn->width != 8 || insn->base != stack ||
		    insn->disp != disp)
			continue;
		try(site_func_value(parent->search, &parent->func, insn, insn->reg, &value));
		try(closure_func(parent, insn, &value, &literal));
		try(add_literal(parent, literal));
	}
	return NULL;
}

/* Adds the closures that an open-coded defer calls. Such a closure waits in its own stack slot. At
 * the end of the function it is loaded into the context register and called through another
 * register. The defer statement may be conditional. Therefore the value in the slot may be unknown
 * there. Every closure that is stored into the slot is taken. */
static struct error *add_open_coded(struct parent *parent, const struct code_insn *call)
{
	uint8_t context = parent->search->machine->context;
	uint8_t stack = parent->search->machine->stack;
	const struct code_insn *first = parent->func.code.insns.data;

	for (const struct code_insn *insn = call; insn > first && call - insn < 6;) {
		insn--;
		if (insn->op == CODE_LOAD && insn->reg == context && insn->base == stack)
			return add_from_slot(parent, insn->disp);
	}
	return NULL;
}

/* Finds the literals that the function defers. Its defer statements are either all open-coded or
 * none is. Without optimisation none is. */
static struct error *find_literals(struct parent *parent)
{
	bool open_coded = true;
	unsigned looks = 0;

	vec_each(insn, &parent->func.code.insns) {
		uint64_t target = site_call_target(parent->search, insn->target);

		if (insn->flow != CODE_CALL || !target ||
		    (target != parent->deferproc && target != parent->deferproc_stack))
			continue;
		open_coded = false;
		if (looks++ < LOOKS_MAX)
			try(add_from_call(parent, insn, target));
	}
	vec_each(insn, &parent->func.code.insns)
		if (open_coded && insn->flow == CODE_CALL && !insn->target && looks++ < LOOKS_MAX)
			try(add_open_coded(parent, insn));
	return NULL;
}

static struct error *find_in_parent(struct parent *parent, uint64_t entry)
{
	bool found;

	if (parent->entry == entry)
		return NULL;
	parent->entry = entry;
	parent->deferred.len = 0;
	site_func_close(&parent->func);
	try(site_func_open(parent->search, entry, &parent->func, &found));
	return found ? find_literals(parent) : NULL;
}

/* Finds the trampolines of the two functions, in programs that have trampolines. */
static struct error *find_trampolines(struct site_search *search, const struct parent *parent)
{
	uint64_t low = parent->deferproc, high = parent->deferproc_stack;
	uint64_t targets[] = {low < high ? low : high, low < high ? high : low};
	cleanup(code_calls_fini) struct code_calls calls = {0};

	if (!search->machine->is_trampoline)
		return NULL;
	return site_search_calls(search, targets, ARRAY_SIZE(targets), &calls);
}

/* ---- sites in literals ---- */

struct literal {
	struct site_row *row;
	char *parent_name; /* owned */
};
typedef VEC(struct literal) literals;

static void literals_fini(literals *list)
{
	vec_each(literal, list)
		free(literal->parent_name);
	vec_fini(list);
}
CLEANUP_VALUE(literals, literals_fini)

/* Tells whether a name ends as that of a literal does: "main.f.func1", "main.f.func1.2". */
static bool is_literal(const char *func)
{
	const char *dot = strrchr(func, '.');

	return dot && dot > func &&
	       (strncmp(dot, ".func", 5) == 0 || (dot[1] >= '0' && dot[1] <= '9'));
}

static bool collect(const struct site_search *search, literals *ret)
{
	vec_each(row, &search->found->list) {
		const char *func = site_outermost(row)->func;
		struct literal literal = {.row = row};

		if (row->wrapper || !is_literal(func))
			continue;
		literal.parent_name = strndup(func, (size_t)(strrchr(func, '.') - func));
		if (!literal.parent_name || !vec_push(ret, literal)) {
			free(literal.parent_name);
			return false;
		}
	}
	return true;
}

/* Marks one site. func is the function around its literal. */
static struct error *mark(struct parent *parent, const struct literal *literal,
			  const struct gopcln_func *func)
{
	struct site_row *row = literal->row;
	struct gopcln_func holder;

	if (!func->entry || !func->defers)
		return NULL;
	if (site_outermost(row)->wrapper) { /* Go 1.21 and before: made of a statement */
		row->deferred = gopcln_minor(parent->search->tab) < 22;
		return NULL;
	}
	try(find_in_parent(parent, func->entry));
	if (!gopcln_func_at(parent->search->tab, row->pc, &holder))
		return NULL;
	vec_each(entry, &parent->deferred)
		if (*entry == holder.entry)
			row->deferred = row->literal = true;
	return NULL;
}

/* Finds functions as gopcln_find() does, but in groups: gopcln_find() compares all names of the
 * file with each wanted one. */
static struct error *find_names(struct site_search *search, const char *const names[], size_t n,
				struct gopcln_func ret[])
{
	for (size_t i = 0; i < n; i += NAMES_AT_ONCE) {
		try(site_patience(search));
		gopcln_find(search->tab, names + i, n - i < NAMES_AT_ONCE ? n - i : NAMES_AT_ONCE,
			    ret + i);
	}
	return NULL;
}

static struct error *mark_all(struct site_search *search, const literals *found)
{
	size_t n = found->len;
	cleanup_free const char **names = malloc((n + 2) * sizeof(*names));
	cleanup_free struct gopcln_func *funcs = calloc(n + 2, sizeof(*funcs));
	cleanup(parent_fini) struct parent parent = {.search = search};

	if (!names || !funcs)
		return error_nomem();
	for (size_t i = 0; i < n; i++)
		names[i] = found->data[i].parent_name;
	names[n] = "runtime.deferproc";
	names[n + 1] = "runtime.deferprocStack";
	try(find_names(search, names, n + 2, funcs));
	parent.deferproc = funcs[n].entry;
	parent.deferproc_stack = funcs[n + 1].entry;
	try(find_trampolines(search, &parent));
	for (size_t i = 0; i < n; i++)
		try(mark(&parent, &found->data[i], &funcs[i]));
	return NULL;
}

struct error *site_find_deferred(struct site_search *search)
{
	cleanup(literals_fini) literals found = {0};

	vec_each(row, &search->found->list)
		row->deferred = strstr(site_outermost(row)->func, ".deferwrap") != NULL;
	if (!collect(search, &found))
		return error_nomem();
	return found.len ? mark_all(search, &found) : NULL;
}
