/* What the code says about types. Registers are followed through a function:
 *
 *	lea rax, T		mov rbx, [G]		call runtime.mapaccess1_faststr		G is a map
 *	lea rax, T		call runtime.newobject	mov [G], rax				G points to a T
 *	lea rax, T		call runtime.makemap	mov [G], rax				G is a map
 *	call runtime.makemap_small	mov [G], rax						G is a map, of the type
 *		with which the same function uses it
 *	lea rax, T		call runtime.makeslice	mov [G], rax				G is a slice
 *	mov rax, [G]		call pkg.(*T).M							G points to a T
 *	lea rax, G		call pkg.(*T).M							G is a T
 *	lea rax, T		call runtime.newobject	lea rcx, F	mov [rax], rcx		closures of F are Ts
 */
#include "read/heap/heap_priv.h"
#include "base/buf.h"
#include "read/elf/elf.h"

#include <stdlib.h>

enum {
	FUNC_MAX = 4 << 20, /* bytes of a function; the largest real ones have a few hundred KiB */
	MALLOC_TYPE = 1,    /* the argument of mallocgcSmall* that is the type */
	SMALL_TYPES = 4,    /* of the maps of one call */
	GROW_TYPE = 4,	    /* the argument of growslice that is the type, since 1.20 */
};

/* A map without a type: runtime.makemap_small made it, at a call. */
struct small_map {
	uint64_t call, addr,
		type; /* addr: the variable that it is stored into, or 0; type: 0, or its type */
};

struct code_walk {
	const struct image *image;
	const struct gopcln *tab;
	const struct machine_ops *machine;
	const struct gopcln_module *module;
	struct variables variables;
	const struct roles *roles;
	const struct named_types *named;
	VEC(uint64_t) keepers;
	struct gotypes types;
	/* of one function */
	struct code code;
	struct code_track *track;
	VEC(struct small_map) small;
	struct code_found *found;
	bool failed;
};

/* ---- values ---- */

static struct code_value argument(struct code_walk *walk, const struct code_insn *at,
				  unsigned index)
{
	return code_track_value(walk->track, at, machine_argument(walk->machine, index));
}

static bool is_constant(const struct code_value *value, uint32_t loads)
{
	return value->root == CODE_CONSTANT && value->loads == loads && !value->add;
}

/* Returns the type whose address a value is, or 0. */
static uint64_t type_in(const struct code_walk *walk, struct code_value value)
{
	bool is_type = is_constant(&value, 0) && value.base >= walk->module->types &&
		       value.base < walk->module->etypes;

	return is_type ? value.base : 0;
}

static bool is_variable(const struct code_walk *walk, uint64_t addr)
{
	return addr >= walk->variables.from && addr < walk->variables.to && addr % 8 == 0;
}

/* Returns the call that a value is the first result of, or NULL. */
static const struct code_insn *call_of(const struct code_walk *walk, const struct code_value *value)
{
	return value->root == CODE_RESULT && !value->loads && !value->add
		       ? code_at(&walk->code, value->base)
		       : NULL;
}

static enum role role_of_call(const struct code_walk *walk, const struct code_insn *call,
			      enum role otherwise)
{
	const struct role_of *of =
		call->flow == CODE_CALL ? role_at(walk->roles, call->target) : NULL;

	return of ? (enum role)of->role : otherwise;
}

/* ---- what was found ---- */

/* Tells whether a type is that of generic code. */
static bool is_shape(const struct code_walk *walk, uint64_t type)
{
	cleanup(buf_fini) struct buf name = {0};

	return !gotype_name(&walk->types, type, &name) || strstr(buf_cstr(&name), "go.shape");
}

static void add_global(struct code_walk *walk, uint64_t addr, uint64_t type, enum typed_as as)
{
	struct typed_global found = {
		.addr = addr, .type = type, .as = (uint8_t)as, .shape = is_shape(walk, type)};

	walk->failed |= !vec_push(&walk->found->globals, found);
}

/* Notes what a function that makes maps is called with, or where its map is stored. */
static void add_small(struct code_walk *walk, uint64_t call, uint64_t addr, uint64_t type)
{
	struct small_map found = {.call = call, .addr = addr, .type = type};

	walk->failed |= !vec_push(&walk->small, found);
}

static int by_call(const void *a, const void *b)
{
	const struct small_map *x = a, *y = b;

	return x->call != y->call ? (x->call > y->call) - (x->call < y->call)
				  : (x->type > y->type) - (x->type < y->type);
}

/* Gives the variables that the maps of one call are stored into the types that these maps are used with. Real code has one type
 * for a call; of those that contradict each other a few are enough. */
static void join_call(struct code_walk *walk, const struct small_map *from,
		      const struct small_map *to)
{
	unsigned n = 0;

	for (const struct small_map *used = from; used < to && n < SMALL_TYPES; used++) {
		if (!used->type || (used > from && used->type == used[-1].type))
			continue;
		n++;
		for (const struct small_map *stored = from; stored < to && !stored->type; stored++)
			add_global(walk, stored->addr, used->type, TYPED_MAP);
	}
}

/* Gives the maps of each call their types. Those of a call that were stored come first. */
static void join_small(struct code_walk *walk)
{
	const struct small_map *from = walk->small.data, *to, *end;

	if (!walk->small.len)
		return;
	qsort(walk->small.data, walk->small.len, sizeof(*walk->small.data), by_call);
	for (end = from + walk->small.len; from < end; from = to) {
		for (to = from + 1; to < end && to->call == from->call; to++)
			;
		join_call(walk, from, to);
	}
	walk->small.len = 0;
}

/* ---- instructions ---- */

static void take_map_use(struct code_walk *walk, const struct code_insn *call)
{
	uint64_t type = type_in(walk, argument(walk, call, 0));
	struct code_value map = argument(walk, call, 1);
	const struct code_insn *made = call_of(walk, &map);

	if (type && is_constant(&map, 1))
		add_global(walk, map.base + (uint64_t)(int64_t)map.offsets[0], type, TYPED_MAP);
	else if (type && made && role_of_call(walk, made, ROLE_KEEPER) == ROLE_SMALL_MAP)
		add_small(walk, made->addr, 0, type);
}

static void take_method(struct code_walk *walk, const struct code_insn *call, const char *name)
{
	struct code_value receiver = argument(walk, call, 0);
	uint64_t addr = receiver.base, type;

	if (receiver.root != CODE_CONSTANT || receiver.loads > 1 || receiver.add)
		return;
	addr += receiver.loads ? (uint64_t)(int64_t)receiver.offsets[0] : 0;
	type = is_variable(walk, addr) ? named_type_of_method(walk->named, name) : 0;
	if (type)
		add_global(walk, addr, type, receiver.loads ? TYPED_POINTER : TYPED_VALUE);
}

/* Tells what a call makes: what its result is, and of which type. */
static bool is_made(struct code_walk *walk, const struct code_insn *call, enum typed_as *ret,
		    uint64_t *ret_type)
{
	unsigned grow_type = gopcln_minor(walk->tab) >= 20 ? GROW_TYPE : 0, type = 0;

	switch (role_of_call(walk, call, ROLE_KEEPER)) {
	case ROLE_NEW: *ret = TYPED_POINTER; break;
	case ROLE_MALLOC:
		*ret = TYPED_POINTER;
		type = MALLOC_TYPE;
		break;
	case ROLE_MAP: *ret = TYPED_MAP; break;
	case ROLE_SLICE: *ret = TYPED_SLICE; break;
	case ROLE_GROW:
		*ret = TYPED_SLICE;
		type = grow_type;
		break;
	default: return false;
	}
	*ret_type = type_in(walk, argument(walk, call, type));
	return *ret_type;
}

/* Takes a store of something that was just made into a global variable. */
static void take_store(struct code_walk *walk, const struct code_insn *store)
{
	struct code_value value = code_track_value(walk->track, store, store->reg);
	const struct code_insn *made = call_of(walk, &value);
	enum typed_as as;
	uint64_t type;

	if (!made || !is_variable(walk, store->target))
		return;
	if (role_of_call(walk, made, ROLE_KEEPER) == ROLE_SMALL_MAP)
		add_small(walk, made->addr, store->target, 0);
	else if (is_made(walk, made, &as, &type))
		add_global(walk, store->target, type, as);
}

/* Takes a store of a function's address into the first word of a new object. */
static void take_closure(struct code_walk *walk, const struct code_insn *store)
{
	struct code_value func = code_track_value(walk->track, store, store->reg);
	const struct role_of *of = is_constant(&func, 0) ? role_at(walk->roles, func.base) : NULL;
	struct typed_closure found = {.func = func.base};
	const struct code_insn *made;
	struct code_value object;
	enum typed_as as;

	if (!of || of->role != ROLE_CLOSURE)
		return;
	object = code_track_value(walk->track, store, store->base);
	object.add = (int32_t)(object.add + store->disp);
	made = call_of(walk, &object);
	if (!made || !is_made(walk, made, &as, &found.type) || as != TYPED_POINTER)
		return;
	found.shape = is_shape(walk, found.type);
	walk->failed |= !vec_push(&walk->found->closures, found);
}

static void take(struct code_walk *walk, const struct code_insn *insn)
{
	const struct role_of *of;

	if (insn->op == CODE_STORE_GLOBAL && insn->width == 8 && insn->reg != CODE_NO_REG)
		take_store(walk, insn);
	if (insn->op == CODE_STORE && insn->width == 8 && insn->reg != CODE_NO_REG &&
	    insn->base != walk->machine->stack)
		take_closure(walk, insn);
	of = insn->flow == CODE_CALL ? role_at(walk->roles, insn->target) : NULL;
	if (of && of->role == ROLE_MAP_USE)
		take_map_use(walk, insn);
	else if (of && of->role == ROLE_METHOD)
		take_method(walk, insn, of->name);
}

/* ---- functions ---- */

struct error *code_walk_function(struct code_walk *walk, const struct gopcln_func *func,
				 struct code_found *found)
{
	struct code_keepers keepers = {walk->keepers.data, walk->keepers.len};
	struct error *err;

	if (func->end - func->entry > FUNC_MAX)
		return NULL;
	walk->found = found;
	try(heap_code_of(walk->image, func, &walk->code));
	err = code_track_new(walk->machine, &walk->code, keepers, &walk->track);
	if (!err)
		vec_each(insn, &walk->code.insns)
			take(walk, insn);
	join_small(walk);
	code_track_free(walk->track);
	walk->track = NULL;
	code_fini(&walk->code);
	return err ? err : walk->failed ? error_nomem() : NULL;
}

struct error *code_walk_new(const struct image *image, const struct gopcln *tab,
			    const struct roles *roles, const struct named_types *named,
			    struct code_walk **ret)
{
	cleanup(code_walk_free) struct code_walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		return error_nomem();
	walk->image = image;
	walk->tab = tab;
	walk->roles = roles;
	walk->named = named;
	walk->machine = machine_get(image_machine(image)->number);
	walk->module = gopcln_module(tab);
	walk->variables = variables_of(image);
	walk->types = (struct gotypes){.tab = tab, .image = image};
	vec_each(of, &roles->list)
		if (of->role == ROLE_KEEPER && !vec_push(&walk->keepers, of->entry))
			return error_nomem();
	*ret = take_ptr(walk);
	return NULL;
}

void code_walk_free(struct code_walk *walk)
{
	if (!walk)
		return;
	vec_fini(&walk->keepers);
	vec_fini(&walk->small);
	free(walk);
}
