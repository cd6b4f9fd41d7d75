/* Finds the callers of functions, that is, every direct call and jump in the text that leads to one
 * of a few addresses. It also finds the instructions that take such an address.
 *
 * The text of a big program is 13 MB, and decoding it takes most of a second. The search therefore
 * only looks at bytes, which takes a few milliseconds. What it finds are candidates. On x86-64 some
 * candidates are bytes within other instructions. The caller decodes the functions that hold
 * candidates (code_decode) and keeps the candidates that are instructions (code_call_at). On arm64
 * every candidate is one.
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

/* Appends the candidates in `size` bytes of text whose address is addr. A candidate is a call, a
 * jump or a conditional jump with an operand of 32 bits (x86-64) or 26 bits (arm64). `targets`
 * holds n addresses in ascending order. Errors: out of memory. */
struct error *code_calls_find(const struct machine_ops *machine, const void *text, size_t size,
			      uint64_t addr, const uint64_t targets[], size_t n,
			      struct code_calls *ret);
/* Appends candidates as code_calls_find() does, for instructions that make one of the addresses:
 * lea [rip + disp] on x86-64, the add after an adrp on arm64. On arm64, too, a candidate may turn
 * out to be no instruction of this kind. */
struct error *code_takes_find(const struct machine_ops *machine, const void *text, size_t size,
			      uint64_t addr, const uint64_t targets[], size_t n,
			      struct code_calls *ret);
/* Appends candidates for instructions with an operand in memory at an address in [from, to). An
 * immediate value after the operand makes the address that is found too small, by its size (at most
 * 4). Finds none on arm64. Errors: out of memory. */
struct error *code_uses_find(const struct machine_ops *machine, const void *text, size_t size,
			     uint64_t addr, uint64_t from, uint64_t to, struct code_calls *ret);
/* Appends candidates for uses of global variables whose addresses are in [from, to): an instruction that stores
 * 8 bytes into one, and an instruction that loads 8 bytes from one or makes its address, if a call of
 * one of the targets follows within 40 bytes, or `targets` is NULL. Their `target` is the variable's address. On arm64 nothing is
 * found. */
struct error *code_globals_find(const struct machine_ops *machine, const void *text, size_t size,
				uint64_t addr, uint64_t from, uint64_t to, const uint64_t targets[],
				size_t n, struct code_calls *ret);
/* Tells whether a candidate of code_takes_find() is inside a trampoline, a piece of code that only
 * jumps to the address. Linkers for arm64 make trampolines where the target is farther away than a
 * call can reach (128 MB) (Go: cmd/link/internal/arm64/asm.go, gentramp; GNU ld and lld: veneers).
 * `bytes` is the text at take->addr - 4, `size` bytes long. *ret is the trampoline's address. */
bool code_is_trampoline(const struct machine_ops *machine, const void *bytes, size_t size,
			const struct code_call *take, uint64_t *ret);
void code_calls_fini(struct code_calls *calls);
CLEANUP_VALUE(struct code_calls, code_calls_fini)

/* Returns the instruction of a candidate, or NULL when the candidate is not an instruction. */
const struct code_insn *code_call_at(const struct code *code, const struct code_call *call);

#endif
