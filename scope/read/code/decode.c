#include "read/code/decode.h"
#include "base/search.h"

static struct code_insn *insn_at(const struct code *code, uint64_t addr)
{
	size_t at = lower_bound(i, code->insns.len, code->insns.data[i].addr < addr);

	return at < code->insns.len && code->insns.data[at].addr == addr ? &code->insns.data[at]
									 : NULL;
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

struct error *code_decode(const struct machine_ops *machine, const void *bytes, size_t size,
			  uint64_t addr, struct code *ret)
{
	const uint8_t *at = bytes;
	size_t pos = 0;

	*ret = (struct code){0};
	/* An instruction has four bytes on average, on both machines. */
	if (size && !vec_reserve(&ret->insns, size / 4 + 1))
		return error_nomem();
	while (pos < size) {
		struct code_insn insn = {.addr = addr + pos,
					 .reg = CODE_NO_REG,
					 .reg2 = CODE_NO_REG,
					 .base = CODE_NO_REG};

		if (!machine->decode(at + pos, size - pos, &insn)) {
			size_t skip = size - pos < machine->quantum ? size - pos : machine->quantum;

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
