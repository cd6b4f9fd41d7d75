/* One function's machine code, decoded as far as the callers need it: where control goes, what
 * moves between registers and the stack, which addresses are made, and where a word is decremented.
 *
 * Registers have the numbers that the machine gives them. x86-64: rax 0, rcx 1, rdx 2, rbx 3, rsp
 * 4, rbp 5, rsi 6, rdi 7, r8 .. r15. arm64: x0 .. x30, 31 the stack pointer.
 */
#ifndef READ_CODE_DECODE_H
#define READ_CODE_DECODE_H

#include "base/base.h"
#include "read/code/machine.h"

enum code_flow {
	CODE_NEXT,
	CODE_JUMP,   /* target is 0 if the address is in a register or in memory */
	CODE_BRANCH, /* a conditional jump */
	CODE_CALL,   /* target as for CODE_JUMP */
	CODE_RETURN,
	CODE_STOP, /* a trap, or bytes that are no instruction: the code ends there */
};

enum code_op {
	CODE_OTHER,
	CODE_LOAD,	     /* reg = [base + disp], 8 bytes */
	CODE_STORE,	     /* [base + disp] = reg, width bytes */
	CODE_MOVE,	     /* reg = base, 8 bytes */
	CODE_LESS_ONE,	     /* reg = base - 1, 8 bytes (lea, dec, sub) */
	CODE_DECREMENT,	     /* [base + disp] -= 1, 8 bytes */
	CODE_COMPARE_GLOBAL, /* compares the 4-byte word at `target` with imm */
	CODE_ADDRESS,	     /* reg = `target`, an address in the image */
	CODE_EXCHANGE,	     /* exchanges the 4-byte word at [base + disp] with a register */
	CODE_OFFSET,	     /* reg = base + imm, 8 bytes */
	CODE_LOAD_GLOBAL,    /* reg = the 8-byte word at `target` */
	CODE_STORE_GLOBAL,   /* the word at `target` = reg, width bytes */
	CODE_LOAD_PAIR,	     /* reg = [base + disp], reg2 = [base + disp + 8]; 8 bytes each */
	CODE_STORE_PAIR,     /* the reverse: [base + disp] = reg, [base + disp + 8] = reg2 */
};

struct code_insn {
	uint64_t addr;
	uint64_t
		target; /* jump, branch, call, COMPARE_GLOBAL, ADDRESS, LOAD_GLOBAL, STORE_GLOBAL; otherwise 0 */
	int64_t disp;
	int64_t imm;
	uint32_t writes; /* bit n: register n is changed */
	uint8_t size;
	uint8_t flow; /* enum code_flow */
	uint8_t op;   /* enum code_op */
	uint8_t reg, reg2, base, width;
	bool emulated; /* the kernel emulates it, and a probe there costs no single step */
	bool joined;   /* something in this function jumps here */
};

struct code {
	VEC(struct code_insn) insns;
};

/* Decodes `size` bytes of code whose address is addr. Bytes that are no instruction become one insn
 * with flow CODE_STOP (1 byte long on x86-64, 4 on arm64), and decoding goes on after it. Errors:
 * out of memory. */
struct error *code_decode(const struct machine_ops *machine, const void *bytes, size_t size,
			  uint64_t addr, struct code *ret);
void code_fini(struct code *code);
CLEANUP_VALUE(struct code, code_fini)

/* Returns the instruction at addr, or NULL when none begins there. */
const struct code_insn *code_at(const struct code *code, uint64_t addr);

#endif
