/* One function's machine code, decoded to what placement needs: where control goes, what moves
 * between registers and the stack, where a word is decremented. Registers are numbered as the
 * machine does (x86-64: rax 0, rcx 1, rdx 2, rbx 3, rsp 4, rbp 5, rsi 6, rdi 7, r8 .. r15).
 */
#ifndef PROBE_CODE_H
#define PROBE_CODE_H

#include "base/base.h"

enum code_flow { CODE_NEXT, CODE_JUMP, CODE_BRANCH, CODE_CALL, CODE_RETURN };

enum code_op {
	CODE_OTHER,
	CODE_LOAD,       /* reg = [base + disp], 8 bytes */
	CODE_STORE,      /* [base + disp] = reg, width bytes */
	CODE_MOVE,       /* reg = base, 8 bytes */
	CODE_LESS_ONE,   /* reg = base - 1, 8 bytes (lea, dec, sub) */
	CODE_DECREMENT,  /* [base + disp] -= 1, 8 bytes */
	CODE_COMPARE_GLOBAL,  /* compares the 4-byte word at `target` with imm */
	CODE_ADDRESS,         /* reg = `target`, an address in the image */
	CODE_EXCHANGE,        /* exchanges the 4-byte word at [base + disp] with a register */
};

#define CODE_NO_REG 255

struct code_insn {
	uint64_t addr;
	uint64_t target; /* of a direct jump, branch or call; of COMPARE_GLOBAL and ADDRESS; else 0 */
	int64_t disp;
	int64_t imm;
	uint32_t writes; /* bit n: register n is changed */
	uint8_t size;
	uint8_t flow; /* enum code_flow */
	uint8_t op;   /* enum code_op */
	uint8_t reg, base, width;
	bool emulated; /* the kernel emulates it: a probe there costs no single step */
	bool joined;   /* something in this function jumps here */
};

struct code {
	VEC(struct code_insn) insns;
};

/* The register that carries integer argument `index` of Go's internal ABI; CODE_NO_REG if none. */
uint8_t code_argument_register(unsigned index);
uint8_t code_stack_register(void);
uint8_t code_frame_register(void);

/* Decodes `size` bytes that stand at address addr. Bytes that decode to nothing end it early (what
 * was decoded stays). Errors: out of memory. */
struct error *code_decode(const void *bytes, size_t size, uint64_t addr, struct code *ret);
void code_fini(struct code *code);

#endif
