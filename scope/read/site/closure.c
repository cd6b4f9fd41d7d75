/* Finds the values that a closure captured. A function literal in generic code gets its dictionary
 * that way.
 *
 * A closure is an object. Its first word is the address of the function, and the captured variables
 * follow. Code makes it by stores into a new object, or into one on the stack. The function's
 * address is stored first:
 *
 * 	lea rcx, main.drop[...].func1
 * 	mov [rax], rcx
 * 	mov rdx, [rsp+0x30]
 * 	mov [rax+8], rdx		# a question about [closure + 8] becomes one about rdx here
 */
#include "read/site/site_priv.h"

#define NEAR 128 /* instructions between the stores, among them the branches of a write barrier */

/* A store of 8 bytes: its address, and the register that is stored. */
struct stored {
	struct code_value place; /* the address; with root CODE_UNKNOWN it is [base + place.add] */
	uint8_t base, reg;
};

/* Reads the store of an instruction. With half == 1 it is the second word of a pair. *ret_found is
 * false when there is no such store. */
static struct error *get_stored(struct site_search *search, struct site_func *maker,
				const struct code_insn *insn, unsigned half, struct stored *ret,
				bool *ret_found)
{
	int64_t add = insn->disp + (half ? 8 : 0);

	*ret_found = insn->width == 8 &&
		     (insn->op == CODE_STORE_PAIR || (insn->op == CODE_STORE && !half));
	if (!*ret_found)
		return NULL;
	try(site_func_value(search, maker, insn, insn->base, &ret->place));
	ret->place.add = (int32_t)(ret->place.add + add);
	ret->base = insn->base;
	ret->reg = half ? insn->reg2 : insn->reg;
	return NULL;
}

/* Tells whether b is stored `offset` bytes after a. */
static bool is_behind(const struct stored *a, const struct stored *b, int32_t offset)
{
	struct code_value wanted = a->place;

	wanted.add = (int32_t)(wanted.add + (int64_t)offset);
	return memcmp(&wanted, &b->place, sizeof(wanted)) == 0 &&
	       (wanted.root != CODE_UNKNOWN || a->base == b->base);
}

/* Answers a question about a closure whose function was stored by insns[at]. The value that the
 * question is about is stored by a later instruction. */
static struct error *answer_near(struct site_search *search, struct site_func *maker, size_t at,
				 const struct stored *func, const struct site_open *question,
				 site_questions *next)
{
	struct code_value inner = question->value, outer;
	struct stored stored;
	bool found;

	inner.loads--;
	memmove(inner.offsets, inner.offsets + 1, inner.loads * sizeof(inner.offsets[0]));
	for (size_t i = 2 * at; i < 2 * maker->code.insns.len && i < 2 * (at + NEAR); i++) {
		const struct code_insn *insn = &maker->code.insns.data[i / 2];

		try(get_stored(search, maker, insn, i & 1, &stored, &found));
		if (!found || !is_behind(func, &stored, question->value.offsets[0]))
			continue;
		try(site_func_value(search, maker, insn, stored.reg, &outer));
		outer = site_value_join(&outer, &inner);
		return site_answer(search, question, maker->func.entry, &outer, next);
	}
	return NULL;
}

/* Answers the questions about a function, if the instruction stores its address. */
static struct error *answer_store(struct site_search *search, struct site_func *maker, size_t at,
				  unsigned half, const site_questions *asked, site_questions *next)
{
	const struct code_insn *insn = &maker->code.insns.data[at];
	struct code_value value;
	struct stored stored;
	bool found;

	try(get_stored(search, maker, insn, half, &stored, &found));
	if (!found)
		return NULL;
	try(site_func_value(search, maker, insn, stored.reg, &value));
	if (value.root != CODE_CONSTANT || value.loads)
		return NULL;
	try(site_patience(search));
	vec_each(question, asked)
		if (question->func == value.base)
			try(answer_near(search, maker, at, &stored, question, next));
	return NULL;
}

static struct error *answer_maker(struct site_search *search, struct site_func *maker,
				  const site_questions *asked, site_questions *next)
{
	for (size_t i = 0; i < maker->code.insns.len; i++) {
		try(answer_store(search, maker, i, 0, asked, next));
		try(answer_store(search, maker, i, 1, asked, next));
	}
	return NULL;
}

/* Searches the function that holds addr. *ret_end is where it ends, or unchanged when there is none. */
static struct error *answer_in(struct site_search *search, uint64_t addr,
			       const site_questions *asked, site_questions *next, uint64_t *ret_end)
{
	cleanup(site_func_close) struct site_func maker = {0};
	bool found;

	try(site_func_open(search, addr, &maker, &found));
	if (!found)
		return NULL;
	*ret_end = maker.func.end;
	return answer_maker(search, &maker, asked, next);
}

struct error *site_answer_closures(struct site_search *search, const site_questions *asked,
				   site_questions *next)
{
	size_t n = 0;
	cleanup_free uint64_t *targets = site_asked_funcs(asked, &n);
	cleanup(code_calls_fini) struct code_calls takes = {0};
	uint64_t done = 0; /* end of the function that was searched last */

	if (!targets)
		return error_nomem();
	try(site_search_text(search, code_takes_find, targets, n, &takes));
	vec_each(take, &takes.list)
		if (take->addr >= done)
			try(answer_in(search, take->addr, asked, next, &done));
	return NULL;
}
