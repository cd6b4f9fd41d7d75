#include "read/code/decode_priv.h"

static const struct decode_ops *const machines[] = {
	[CODE_X86_64] = &decode_x86_64,
	[CODE_ARM64] = &decode_arm64,
};

uint8_t code_argument_register(enum code_machine machine, unsigned index)
{
	const struct decode_ops *ops = machines[machine];

	return index < ops->argument_count ? ops->arguments[index] : CODE_NO_REG;
}

uint8_t code_context_register(enum code_machine machine)
{
	return machines[machine]->context;
}

uint8_t code_stack_register(enum code_machine machine)
{
	return machines[machine]->stack;
}

uint8_t code_frame_register(enum code_machine machine)
{
	return machines[machine]->frame;
}

static int compare_addr(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = ((const struct code_insn *)b)->addr;

	return x < y ? -1 : x > y;
}

static struct code_insn *insn_at(const struct code *code, uint64_t addr)
{
	if (!code->insns.len)
		return NULL;
	return bsearch(&addr, code->insns.data, code->insns.len, sizeof(*code->insns.data),
		       compare_addr);
}

const struct code_insn *code_at(const struct code *code, uint64_t addr)
{
	return insn_at(code, addr);
}

static void mark_joins(struct code *code)
{
	vec_each(insn, &code->insns) {
		struct code_insn *at;

		if ((insn->flow != CODE_JUMP && insn->flow != CODE_BRANCH) || !insn->target)
			continue;
		at = insn_at(code, insn->target);
		if (at && at != code->insns.data) /* the morestack tail starts the function anew */
			at->joined = true;
	}
}

struct error *code_decode(enum code_machine machine, const void *bytes, size_t size, uint64_t addr,
			  struct code *ret)
{
	const struct decode_ops *ops = machines[machine];
	const uint8_t *at = bytes;
	size_t pos = 0;

	*ret = (struct code){0};
	/* An instruction is four bytes on average, on either machine. */
	if (size && !vec_reserve(&ret->insns, size / 4 + 1))
		return error_nomem();
	while (pos < size) {
		struct code_insn insn = {.addr = addr + pos,
					 .reg = CODE_NO_REG,
					 .reg2 = CODE_NO_REG,
					 .base = CODE_NO_REG};

		if (!ops->decode(at + pos, size - pos, &insn)) {
			size_t skip = size - pos < ops->quantum ? size - pos : ops->quantum;

			insn = (struct code_insn){.addr = addr + pos,
						  .flow = CODE_STOP,
						  .reg = CODE_NO_REG,
						  .reg2 = CODE_NO_REG,
						  .base = CODE_NO_REG,
						  .writes = UINT32_MAX,
						  .size = (uint8_t)skip};
		}
		pos += insn.size;
		if (!vec_push(&ret->insns, insn)) {
			code_fini(ret);
			return error_nomem();
		}
	}
	mark_joins(ret);
	return NULL;
}

void code_fini(struct code *code)
{
	vec_fini(&code->insns);
}
