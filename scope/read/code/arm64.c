/* The decoder of arm64. Instructions are four bytes long, and only a handful matter here: those
 * that move a constant from where it is made to the register of an argument, and those that change
 * where control goes. The masks are those of the Arm Architecture Reference Manual, C4.1. Any other
 * instruction is taken to write each register that its fields could name. The tracker then knows
 * too little, and never anything wrong. (Capstone writes the listings. To decode with it would take
 * ten times as long.)
 */
#include "read/code/scan_priv.h"
#include "base/buf.h"

#include <capstone/capstone.h>

#include <elf.h>
#include <stdlib.h>

enum { SP = 31, FP = 29, G = 28 };

static uint8_t rd(uint32_t op)
{
	return op & 31;
}
static uint8_t rn(uint32_t op)
{
	return op >> 5 & 31;
}
static uint8_t rt2(uint32_t op)
{
	return op >> 10 & 31;
}
static uint8_t rm(uint32_t op)
{
	return op >> 16 & 31;
}

/* Returns the signed field of `bits` bits that begins at bit `low`. */
static int64_t field(uint32_t op, unsigned low, unsigned bits)
{
	uint64_t value = op >> low & ((1ull << bits) - 1);

	return (int64_t)(value << (64 - bits)) >> (64 - bits);
}

static void set_target(struct code_insn *to, uint8_t flow, int64_t words)
{
	to->flow = flow;
	to->target = to->addr + (uint64_t)words * 4;
}

/* Decodes a branch, an exception or a system instruction (Arm Architecture Reference Manual,
 * C4.1.65). Returns false when op does not change the flow. */
static bool decode_flow(uint32_t op, struct code_insn *to)
{
	uint32_t call = ~(1u << SP | 1u << FP | 1u << G); /* Go's ABI keeps these */

	if ((op & 0x7c000000) == 0x14000000) { /* B, BL */
		set_target(to, op >> 31 ? CODE_CALL : CODE_JUMP, field(op, 0, 26));
		to->writes = op >> 31 ? call : 0;
	} else if ((op & 0xff000000) == 0x54000000 || (op & 0x7e000000) == 0x34000000) {
		set_target(to, CODE_BRANCH, field(op, 5, 19)); /* B.cond; CBZ, CBNZ */
	} else if ((op & 0x7e000000) == 0x36000000) {	       /* TBZ, TBNZ */
		set_target(to, CODE_BRANCH, field(op, 5, 14));
	} else if ((op & 0xfffffc1f) == 0xd61f0000) { /* BR */
		to->flow = CODE_JUMP;
	} else if ((op & 0xfffffc1f) == 0xd63f0000) { /* BLR */
		to->flow = CODE_CALL;
		to->writes = call;
	} else if ((op & 0xfffffc1f) == 0xd65f0000) { /* RET */
		to->flow = CODE_RETURN;
	} else if ((op & 0xffe0001f) == 0xd4200000) { /* BRK */
		to->flow = CODE_STOP;
	} else {
		return false;
	}
	return true;
}

/* Decodes ADR, ADRP, ADD and SUB of an immediate, and MOV between registers. */
static bool decode_arithmetic(uint32_t op, struct code_insn *to)
{
	int64_t imm = (int64_t)(op >> 10 & 0xfff) << (op & 1u << 22 ? 12 : 0);

	to->reg = rd(op);
	to->base = rn(op);
	if ((op & 0x1f000000) == 0x10000000) { /* ADR, ADRP */
		int64_t offset = field(op, 5, 19) * 4 + (op >> 29 & 3);

		to->op = CODE_ADDRESS;
		to->target = op >> 31 ? (to->addr & ~0xfffull) + (uint64_t)offset * 4096
				      : to->addr + (uint64_t)offset;
	} else if ((op & 0xff800000) == 0x91000000) { /* ADD; with 0 it is a MOV from or to SP */
		to->op = imm ? CODE_OFFSET : CODE_MOVE;
		to->imm = imm;
	} else if ((op & 0xff800000) == 0xd1000000) { /* SUB */
		to->op = imm == 1 ? CODE_LESS_ONE : CODE_OFFSET;
		to->imm = -imm;
	} else if ((op & 0xffe0ffe0) == 0xaa0003e0 && rm(op) != 31 && rd(op) != 31) { /* MOV */
		to->op = CODE_MOVE;
		to->base = rm(op);
	} else {
		to->reg = to->base = CODE_NO_REG;
		return false;
	}
	to->width = 8;
	to->writes = 1u << to->reg;
	return true;
}

/* Decodes a load or store of general registers at base + disp without write-back. */
static bool decode_memory(uint32_t op, struct code_insn *to)
{
	unsigned size = op >> 30, kind = op >> 22 & 3; /* 0 store, 1 load, 2 and 3 sign-extending */

	if ((op & 0x3f000000) == 0x39000000) /* LDR, STR (unsigned offset), LDRB, LDRSW, ... */
		to->disp = (int64_t)(op >> 10 & 0xfff) << size;
	else if ((op & 0x3f200c00) == 0x38000000) /* LDUR, STUR, ... */
		to->disp = field(op, 12, 9);
	else
		return false;
	to->base = rn(op);
	to->width = (uint8_t)(1u << size);
	if (kind)
		to->writes = 1u << rd(op);
	if (size == 3 && rd(op) != 31)
		to->reg = rd(op);
	to->op = !kind ? CODE_STORE : kind == 1 && to->reg != CODE_NO_REG ? CODE_LOAD : CODE_OTHER;
	return true;
}

static bool decode_pair(uint32_t op, struct code_insn *to)
{
	bool load = op & 1u << 22;

	if ((op & 0xff800000) != 0xa9000000) /* LDP, STP (signed offset) */
		return false;
	to->base = rn(op);
	to->disp = field(op, 15, 7) * 8;
	to->width = 8;
	to->op = load ? CODE_LOAD_PAIR : CODE_STORE_PAIR;
	if (rd(op) != 31)
		to->reg = rd(op);
	if (rt2(op) != 31)
		to->reg2 = rt2(op);
	if (load)
		to->writes = 1u << rd(op) | 1u << rt2(op);
	return true;
}

static bool decode_literal(uint32_t op, struct code_insn *to)
{
	if ((op & 0xff000000) != 0x58000000) /* LDR (literal) */
		return false;
	to->op = CODE_LOAD_GLOBAL;
	to->reg = rd(op);
	to->target = to->addr + (uint64_t)(field(op, 5, 19) * 4);
	to->writes = 1u << rd(op);
	return true;
}

/* Returns the registers that any other load or store may write (Arm Architecture Reference Manual,
 * C4.1.66). Fields that name no register must not count. Otherwise the prologue's str x30, [sp,
 * #-96]! would seem to write the register of the closure. */
static uint32_t memory_writes(uint32_t op)
{
	bool load = op & 3u << 22, pair_load = op & 1u << 22;

	if ((op & 0x3b200000) == 0x38000000) /* pre- or post-indexed: the base changes */
		return (load ? 1u << rd(op) : 0) | (op & 1u << 10 ? 1u << rn(op) : 0);
	if ((op & 0x3b200c00) == 0x38200800) /* base and index */
		return load ? 1u << rd(op) : 0;
	if ((op & 0x3a000000) == 0x28000000) /* pairs */
		return (pair_load ? 1u << rd(op) | 1u << rt2(op) : 0) |
		       (op & 1u << 23 ? 1u << rn(op) : 0);
	return 1u << rd(op) | 1u << rn(op) | 1u << rt2(op) | 1u << rm(op);
}

/* Returns the registers that any other instruction may write. */
static uint32_t other_writes(uint32_t op)
{
	bool memory = (op & 0x0a000000) == 0x08000000;

	if (!memory)
		return 1u << rd(op);
	if (!(op & 1u << 26))
		return memory_writes(op);
	/* floating point and SIMD write the base at most */
	if ((op & 0x3b000000) == 0x39000000 || (op & 0x3b800000) == 0x29000000 ||
	    (op & 0x3b200c00) == 0x38000000)
		return 0;
	return 1u << rn(op);
}

static bool decode(const uint8_t *bytes, size_t size, struct code_insn *ret)
{
	uint32_t op;

	if (size < sizeof(op))
		return false;
	memcpy(&op, bytes, sizeof(op));
	if (op >> 16 == 0) /* UDF, and zeros between functions */
		return false;
	ret->size = sizeof(op);
	if (decode_flow(op, ret) || decode_arithmetic(op, ret) || decode_pair(op, ret) ||
	    decode_literal(op, ret))
		return true;
	if (!decode_memory(op, ret)) {
		ret->op = CODE_OTHER;
		ret->base = CODE_NO_REG;
		ret->writes = other_writes(op);
	}
	return true;
}

/* ---- calls and addresses ---- */

static bool find_calls(const struct code_scan *scan)
{
	size_t first = (size_t)(-scan->addr & 3);

	for (size_t at = first; at + 4 <= scan->size; at += 4) {
		uint32_t op;
		uint64_t target;

		memcpy(&op, scan->text + at, sizeof(op));
		if ((op & 0x7c000000) != 0x14000000) /* B, BL */
			continue;
		target = scan->addr + at + (uint64_t)((int64_t)((uint64_t)op << 38) >> 36);
		if (scan_is_target(scan, target) && !scan_add(scan, scan->addr + at, target))
			return false;
	}
	return true;
}

/* Finds adrp xN, page; add xM, xN, #offset. The two are neighbours, as Go's linker requires. */
static bool find_takes(const struct code_scan *scan)
{
	size_t first = (size_t)(-scan->addr & 3);

	for (size_t at = first; at + 8 <= scan->size; at += 4) {
		uint32_t op[2];
		uint64_t page, target;

		memcpy(op, scan->text + at, sizeof(op));
		if ((op[0] & 0x9f000000) != 0x90000000 || (op[1] & 0xffc00000) != 0x91000000)
			continue;
		page = (uint64_t)((int64_t)((uint64_t)op[0] << 40) >> 45) << 2 | (op[0] >> 29 & 3);
		target = ((scan->addr + at) & ~0xfffull) + (page << 12) + (op[1] >> 10 & 0xfff);
		if (scan_is_target(scan, target) && !scan_add(scan, scan->addr + at + 4, target))
			return false;
	}
	return true;
}

/* Tells whether the bytes are a trampoline: adrp x16, page; add x16, x16, #offset; br x16. (Go:
 * cmd/link/internal/arm64/asm.go, gentramp. GNU ld and lld call it a veneer.) */
static bool is_trampoline(const void *bytes, size_t size)
{
	uint32_t op[3];

	if (size < sizeof(op))
		return false;
	memcpy(op, bytes, sizeof(op));
	return (op[0] & 0x9f00001f) == 0x90000010 && (op[1] & 0xffc003ff) == 0x91000210 &&
	       op[2] == 0xd61f0200;
}

/* ---- text ---- */

static void *printer_open(void)
{
	csh *capstone = malloc(sizeof(*capstone));

	if (capstone && cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, capstone) == CS_ERR_OK)
		return capstone;
	free(capstone);
	return NULL;
}

static void printer_close(void *ctx)
{
	if (ctx)
		cs_close(ctx);
	free(ctx);
}

static bool print(void *ctx, const void *bytes, size_t size, uint64_t addr, struct buf *to)
{
	const csh *capstone = ctx;
	cs_insn *insn;

	if (!cs_disasm(*capstone, bytes, size, addr, 1, &insn))
		return false;
	buf_str(to, insn->mnemonic);
	if (insn->op_str[0]) {
		buf_char(to, ' ');
		buf_str(to, insn->op_str);
	}
	cs_free(insn, 1);
	return true;
}

const struct machine_ops machine_arm64 = {
	.name = "arm64",
	.elf_machine = EM_AARCH64,
	/* src/internal/abi/abi_arm64.go: R0 to R15; R26 is the closure */
	.arguments = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	.argument_count = 16,
	.context = 26,
	.stack = SP,
	.frame = FP,
	.barrier_writes = 1u << 16 | 1u << 17 | 1u << 25 | 1u << 27, /* runtime/asm_arm64.s */
	.quantum = 4,
	.call_size = 4,
	.address_in_two = true,
	.decode = decode,
	.find_calls = find_calls,
	.find_takes = find_takes,
	.trampoline_before = 4,
	.is_trampoline = is_trampoline,
	.printer_open = printer_open,
	.printer_close = printer_close,
	.print = print,
};
