/* Answers to questions about variables and closures. What one function says is kept, and what was asked for is taken from all
 * that was said about it: each function that mentions it was read by then. */
#include "read/heap/heap_priv.h"
#include "base/search.h"
#include "base/table.h"
#include "read/elf/elf.h"

#include <stdlib.h>

/* The mentions of a variable that was asked for, of which some call methods. */
struct question {
	const struct mention *from, *to;
	unsigned kinds; /* that are wanted, as bits */
};

struct code_types {
	const struct image *image;
	const struct gopcln *tab;
	struct roles roles;
	struct mentions mentions;
	struct named_types *named;
	uint64_t *receivers;	 /* by role: its receiver's type, + 1; 0: it was not looked for */
	struct code_walk *walk;	 /* NULL: nothing was read yet */
	uint64_t *wanted, *read; /* bits, by function */
	struct table variables_asked, closures_asked;
	bool failed;		/* no memory */
	struct code_found said; /* by all functions that were read */
	struct table said_at;	/* hash of what was said about a variable -> 1 */
	size_t said_n;		/* of said.globals are in said_at */
	VEC(struct question) questions;
	struct code_found answers;
};

struct error *code_types_open(const struct image *image, const struct gopcln *tab,
			      struct code_types **ret)
{
	cleanup(code_types_free) struct code_types *types = calloc(1, sizeof(*types));
	size_t words = gopcln_func_count(tab) / 64 + 1;

	if (!types)
		return error_nomem();
	types->image = image;
	types->tab = tab;
	types->wanted = calloc(words, sizeof(*types->wanted));
	types->read = calloc(words, sizeof(*types->read));
	if (!types->wanted || !types->read)
		return error_nomem();
	try(roles_find(tab, &types->roles));
	try(mentions_find(image, tab, &types->roles, &types->mentions));
	types->receivers = calloc(types->roles.list.len + 1, sizeof(*types->receivers));
	if (!types->receivers)
		return error_nomem();
	try(named_types_new(image, tab, &types->named));
	image_trim(image);
	*ret = take_ptr(types);
	return NULL;
}

static void found_fini(struct code_found *found)
{
	vec_fini(&found->globals);
	vec_fini(&found->closures);
}

void code_types_free(struct code_types *types)
{
	if (!types)
		return;
	roles_fini(&types->roles);
	mentions_fini(&types->mentions);
	named_types_free(types->named);
	free(types->receivers);
	code_walk_free(types->walk);
	free(types->wanted);
	free(types->read);
	table_fini(&types->variables_asked);
	table_fini(&types->closures_asked);
	table_fini(&types->said_at);
	vec_fini(&types->questions);
	found_fini(&types->said);
	found_fini(&types->answers);
	free(types);
}

/* ---- questions ---- */

static void want(struct code_types *types, uint32_t func)
{
	types->wanted[func / 64] |= 1ull << func % 64;
}

static bool has_method(const struct mention *mention)
{
	return mention->kind == MENTION_POINTER || mention->kind == MENTION_VALUE;
}

/* Returns the end of the mentions of one target. */
static const struct mention *end_of(const struct mention *from, const struct mention *end)
{
	const struct mention *to = from;

	while (to < end && to->target == from->target)
		to++;
	return to;
}

bool code_types_ask_closure(struct code_types *types, uint64_t func)
{
	const struct mention *list = types->mentions.closures.data;
	size_t n = types->mentions.closures.len, at;

	if (table_find(&types->closures_asked, func))
		return true;
	at = lower_bound(i, n, list[i].target < func);
	if (at == n || list[at].target != func)
		return false;
	types->failed |= table_put(&types->closures_asked, func, 1) < 0;
	for (; at < n && list[at].target == func; at++)
		want(types, list[at].func);
	return true;
}

/* Returns the type of the receiver of a method. It is found once for each method. */
static uint64_t receiver_of(struct code_types *types, uint32_t method)
{
	uint64_t *known = &types->receivers[method];

	if (!*known)
		*known =
			named_type_of_method(types->named, types->roles.list.data[method].name) + 1;
	return *known - 1;
}

/* Returns the kinds of the mentions [from, to) of a variable that are wanted, as bits. */
static unsigned wanted_kinds(struct code_types *types, const struct mention *from,
			     const struct mention *to, code_is_wanted *is_wanted, void *ctx)
{
	unsigned kinds = 0;

	for (const struct mention *at = from; at < to; at++)
		if (!(kinds >> at->kind & 1) &&
		    is_wanted(ctx, at->target, (enum mention_kind)at->kind,
			      has_method(at) ? receiver_of(types, at->method) : 0))
			kinds |= 1u << at->kind;
	return kinds;
}

/* Asks for a variable. The functions of the mentions [from, to) of these kinds are to be read. Of those that call methods, some
 * are enough (want_more()). */
static void ask(struct code_types *types, const struct mention *from, const struct mention *to,
		unsigned kinds)
{
	uint32_t *known = table_find(&types->variables_asked, from->target);

	kinds &= ~(known ? *known : 0);
	if (!kinds)
		return;
	for (const struct mention *at = from; at < to; at++)
		if (kinds >> at->kind & 1 && !has_method(at))
			want(types, at->func);
	types->failed |=
		table_put(&types->variables_asked, from->target, kinds | (known ? *known : 0)) < 0;
	if (kinds & (1u << MENTION_POINTER | 1u << MENTION_VALUE))
		types->failed |= !vec_push(&types->questions, ((struct question){from, to, kinds}));
}

void code_types_ask_variables(struct code_types *types, code_is_wanted *is_wanted, void *ctx)
{
	const struct mention *from = types->mentions.variables.data, *to, *end;

	if (!types->mentions.variables.len)
		return;
	for (end = from + types->mentions.variables.len; from < end; from = to) {
		to = end_of(from, end);
		ask(types, from, to, wanted_kinds(types, from, to, is_wanted, ctx));
	}
}

/* ---- answers ---- */

static uint64_t hash_of(uint64_t addr, uint64_t type, bool is_value)
{
	return table_mix(addr ^ table_mix(type << 1 | is_value));
}

/* Enters what was said since the last call. */
static struct error *enter_said(struct code_types *types)
{
	for (; types->said_n < types->said.globals.len; types->said_n++) {
		const struct typed_global *at = &types->said.globals.data[types->said_n];

		if (at->as != TYPED_POINTER && at->as != TYPED_VALUE)
			continue;
		if (table_put(&types->said_at, hash_of(at->addr, at->type, at->as == TYPED_VALUE),
			      1) < 0)
			return error_nomem();
	}
	return NULL;
}

/* Hundreds of functions may call methods of one variable, such as a logger. All calls of methods of one type say the same, so that
 * no more of them are read when this was said. Wants up to `n` functions for each question. Returns false if none is
 * left. */
static bool want_more(struct code_types *types, size_t n)
{
	bool found = false;

	vec_each(question, &types->questions) {
		size_t left = n;

		for (const struct mention *at = question->from; at < question->to && left; at++) {
			uint32_t func = at->func;

			if (!has_method(at) || !(question->kinds >> at->kind & 1) ||
			    (types->wanted[func / 64] >> func % 64 & 1) ||
			    table_find(&types->said_at,
				       hash_of(at->target, receiver_of(types, at->method),
					       at->kind == MENTION_VALUE)))
				continue;
			want(types, func);
			found = true;
			left--;
		}
	}
	return found;
}

/* Reads the functions that are wanted and were not read before. */
static struct error *read_wanted(struct code_types *types)
{
	if (!types->walk)
		try(code_walk_new(types->image, types->tab, &types->roles, types->named,
				  &types->walk));
	for (size_t i = 0; i < gopcln_func_count(types->tab); i++) {
		struct gopcln_func func;

		if (!((types->wanted[i / 64] & ~types->read[i / 64]) >> i % 64 & 1))
			continue;
		types->read[i / 64] |= 1ull << i % 64;
		if (gopcln_func_get(types->tab, (uint32_t)i, &func))
			try(code_walk_function(types->walk, &func, &types->said));
	}
	return NULL;
}

/* Tells whether what was said about a variable was asked for. */
static bool is_answer(const struct code_types *types, const struct typed_global *said)
{
	const uint32_t *kinds = table_find(&types->variables_asked, said->addr);

	return kinds && (said->as == TYPED_VALUE ? *kinds >> MENTION_VALUE & 1
						 : *kinds & ~(1u << MENTION_VALUE));
}

/* Takes the answers from what was said. */
static struct error *answer(struct code_types *types)
{
	struct gotypes gotypes = {.tab = types->tab, .image = types->image};

	types->answers.globals.len = types->answers.closures.len = 0;
	vec_each(at, &types->said.globals)
		if (is_answer(types, at) && !vec_push(&types->answers.globals, *at))
			return error_nomem();
	vec_each(at, &types->said.closures)
		if (table_find(&types->closures_asked, at->func) &&
		    !vec_push(&types->answers.closures, *at))
			return error_nomem();
	code_found_agree(&gotypes, &types->answers);
	return NULL;
}

struct error *code_types_read(struct code_types *types)
{
	size_t n = 1;

	if (types->failed)
		return error_nomem();
	do {
		try(read_wanted(types));
		try(enter_said(types));
	} while (want_more(types, n) && (n *= 2));
	image_trim(types->image);
	return answer(types);
}

const struct typed_global *code_types_globals(const struct code_types *types, size_t *ret_n)
{
	*ret_n = types->answers.globals.len;
	return types->answers.globals.data;
}

const struct typed_closure *code_types_closures(const struct code_types *types, size_t *ret_n)
{
	*ret_n = types->answers.closures.len;
	return types->answers.closures.data;
}
