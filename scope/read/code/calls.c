#include "read/code/scan_priv.h"
#include "base/search.h"

static struct error *scan(bool (*find)(const struct code_scan *scan), const void *text, size_t size,
			  uint64_t addr, const uint64_t targets[], size_t n, struct code_calls *ret)
{
	struct code_scan scan = {text, size, addr, targets, n, ret, 0, 0};

	return !n || find(&scan) ? NULL : error_nomem();
}

struct error *code_calls_find(const struct machine_ops *machine, const void *text, size_t size,
			      uint64_t addr, const uint64_t targets[], size_t n,
			      struct code_calls *ret)
{
	return scan(machine->find_calls, text, size, addr, targets, n, ret);
}

struct error *code_takes_find(const struct machine_ops *machine, const void *text, size_t size,
			      uint64_t addr, const uint64_t targets[], size_t n,
			      struct code_calls *ret)
{
	return scan(machine->find_takes, text, size, addr, targets, n, ret);
}

struct error *code_uses_find(const struct machine_ops *machine, const void *text, size_t size,
			     uint64_t addr, uint64_t from, uint64_t to, struct code_calls *ret)
{
	uint64_t range[] = {from, to};

	return machine->find_uses
		       ? scan(machine->find_uses, text, size, addr, range, ARRAY_SIZE(range), ret)
		       : NULL;
}

struct error *code_globals_find(const struct machine_ops *machine, const void *text, size_t size,
				uint64_t addr, uint64_t from, uint64_t to, const uint64_t targets[],
				size_t n, struct code_calls *ret)
{
	struct code_scan scan = {text, size, addr, targets, n, ret, from, to};

	return !machine->find_globals || machine->find_globals(&scan) ? NULL : error_nomem();
}

bool code_is_trampoline(const struct machine_ops *machine, const void *bytes, size_t size,
			const struct code_call *take, uint64_t *ret)
{
	if (!machine->is_trampoline || !machine->is_trampoline(bytes, size))
		return false;
	*ret = take->addr - machine->trampoline_before;
	return true;
}

void code_calls_fini(struct code_calls *calls)
{
	vec_fini(&calls->list);
}

/* Returns the instruction that holds the candidate's opcode. It may begin before the opcode, with a
 * prefix. */
const struct code_insn *code_call_at(const struct code *code, const struct code_call *call)
{
	size_t behind = lower_bound(i, code->insns.len, code->insns.data[i].addr <= call->addr);
	const struct code_insn *insn;

	if (!behind)
		return NULL;
	insn = &code->insns.data[behind - 1];
	return call->addr - insn->addr < insn->size && insn->target == call->target &&
			       (insn->flow == CODE_CALL || insn->flow == CODE_JUMP ||
				insn->flow == CODE_BRANCH)
		       ? insn
		       : NULL;
}
