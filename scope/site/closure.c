/* What closures captured: a function literal in generic code gets its dictionary that way.
 *
 * A closure is an object whose first word is the function, then come the variables that it captured. It is
 * made by stores of these, of the function's address first, at one base register (a new object, or the
 * stack pointer):
 *
 *	lea rcx, main.drop[...].func1
 *	mov [rax], rcx
 *	mov rdx, [rsp+0x30]
 *	mov [rax+8], rdx		# a question about [closure + 8] is one about rdx here
 */
#include "site/site_priv.h"

#define NEAR 128 /* instructions between the stores; a write barrier's branches stand there too */

/* Does the instruction store 8 bytes at [base + disp]? Which register, then. */
static bool stores_at(const struct code_insn *insn, uint8_t base, int64_t disp, uint8_t *ret_reg)
{
	if (insn->base != base || insn->width != 8)
		return false;
	if (insn->op == CODE_STORE || insn->op == CODE_STORE_PAIR) {
		*ret_reg = insn->reg;
		if (insn->disp == disp)
			return true;
	}
	*ret_reg = insn->reg2;
	return insn->op == CODE_STORE_PAIR && insn->disp + 8 == disp;
}

/* The closure's function was stored at [base + disp] by insns[at]: what the question is about stands
 * further on. */
static struct error *answer_near(struct site_search *search, struct site_func *maker, size_t at,
				 int64_t disp, const struct site_open *question, site_questions *next)
{
	const struct code_insn *insns = maker->code.insns.data;
	int64_t wanted = disp + question->value.offsets[0];
	struct code_value inner = question->value, outer;
	uint32_t base = insns[at].base < CODE_REGISTERS ? 1u << insns[at].base : 0;
	uint8_t reg;

	inner.loads--;
	memmove(inner.offsets, inner.offsets + 1, inner.loads * sizeof(inner.offsets[0]));
	for (size_t i = at; i < maker->code.insns.len && i < at + NEAR; i++) {
		/* Calls in between are of the write barrier, which keeps all registers. */
		if (i > at && insns[i].writes & base && insns[i].flow != CODE_CALL)
			break;
		if (!stores_at(&insns[i], insns[at].base, wanted, &reg))
			continue;
		try(site_func_value(search, maker, &insns[i], reg, &outer));
		outer = site_value_join(&outer, &inner);
		return site_answer(search, question, maker->func.entry, &outer, next);
	}
	return NULL;
}

/* Is the word that insn stores at [base + disp] the address of a function that is asked about? */
static struct error *answer_store(struct site_search *search, struct site_func *maker, size_t at,
				  uint8_t reg, int64_t disp, const site_questions *asked,
				  site_questions *next)
{
	struct code_value value;

	try(site_func_value(search, maker, &maker->code.insns.data[at], reg, &value));
	if (value.root != CODE_CONSTANT || value.loads)
		return NULL;
	vec_each (question, asked)
		if (question->func == value.base)
			try(answer_near(search, maker, at, disp, question, next));
	return NULL;
}

static struct error *answer_maker(struct site_search *search, struct site_func *maker,
				  const site_questions *asked, site_questions *next)
{
	for (size_t i = 0; i < maker->code.insns.len; i++) {
		const struct code_insn *insn = &maker->code.insns.data[i];

		if (insn->width != 8 || (insn->op != CODE_STORE && insn->op != CODE_STORE_PAIR))
			continue;
		try(answer_store(search, maker, i, insn->reg, insn->disp, asked, next));
		if (insn->op == CODE_STORE_PAIR)
			try(answer_store(search, maker, i, insn->reg2, insn->disp + 8, asked, next));
	}
	return NULL;
}

static struct error *answer_takes(struct site_search *search, const struct code_calls *takes,
				  const site_questions *asked, site_questions *next)
{
	struct error *err = NULL;
	uint64_t done = 0; /* end of the function that was looked at last */

	for (size_t i = 0; !err && i < takes->list.len; i++) {
		struct site_func maker;
		bool found;

		if (takes->list.data[i].addr < done)
			continue;
		err = site_func_open(search, takes->list.data[i].addr, &maker, &found);
		if (!err && found) {
			done = maker.func.end;
			err = answer_maker(search, &maker, asked, next);
		}
		site_func_close(&maker);
	}
	return err;
}

struct error *site_answer_closures(struct site_search *search, const site_questions *asked,
				   site_questions *next)
{
	cleanup_free uint64_t *targets = malloc((asked->len + 1) * sizeof(*targets));
	struct code_calls takes = {0};
	struct error *err;
	size_t n = 0;

	if (!targets)
		return error_nomem();
	vec_each (question, asked)
		if (!n || targets[n - 1] != question->func)
			targets[n++] = question->func;
	err = code_takes_find(search->machine, search->text, search->text_size, search->text_addr,
			      targets, n, &takes);
	if (!err)
		err = answer_takes(search, &takes, asked, next);
	code_calls_fini(&takes);
	return err;
}
