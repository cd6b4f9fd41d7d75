/* Who calls a function: every direct call and jump in the text that leads to one of a few
 * addresses; and who takes its address.
 *
 * The text of a big program is 13 MB; decoding it takes most of a second. So the search looks at
 * bytes only, a few milliseconds, and what it finds are candidates: on x86-64 some of them are
 * bytes within other instructions. Whoever asks decodes the functions that hold candidates
 * (code_decode) and keeps those that are instructions (code_call_at). On arm64 there are no
 * others.
 */
#ifndef READ_CODE_CALLS_H
#define READ_CODE_CALLS_H

#include "read/code/decode.h"

struct code_call {
	uint64_t addr;	 /* of the opcode */
	uint64_t target; /* one of the targets */
};

struct code_calls {
	VEC(struct code_call) list; /* by address */
};

/* Appends the candidates in `size` bytes of text, which stand at address addr. targets: n of them,
 * ascending. Calls, jumps and conditional jumps with an operand of 32 bits (x86-64) or 26 (arm64).
 * Errors: out of memory. */
struct error *code_calls_find(const struct machine_ops *machine, const void *text, size_t size,
			      uint64_t addr, const uint64_t targets[], size_t n,
			      struct code_calls *ret);
/* As code_calls_find, for instructions that make one of the addresses: on x86-64 lea [rip +
 * disp], on arm64 the add behind an adrp. Only candidates, on arm64 too. */
struct error *code_takes_find(const struct machine_ops *machine, const void *text, size_t size,
			      uint64_t addr, const uint64_t targets[], size_t n,
			      struct code_calls *ret);
/* Is a candidate of code_takes_find the middle of a trampoline, that is a piece of code that only
 * jumps to the address? Linkers for arm64 put these where a call cannot reach, 128 MB away (Go:
 * cmd/link/internal/arm64/asm.go, gentramp; GNU ld and lld: veneers). `bytes`: the text at
 * take->addr - 4, `size` of it. *ret is the trampoline's address. */
bool code_is_trampoline(const struct machine_ops *machine, const void *bytes, size_t size,
			const struct code_call *take, uint64_t *ret);
void code_calls_fini(struct code_calls *calls);

/* The instruction that a candidate is, or NULL when it is none. */
const struct code_insn *code_call_at(const struct code *code, const struct code_call *call);

#endif
