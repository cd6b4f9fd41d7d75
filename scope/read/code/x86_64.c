/* x86-64. Zydis decodes instructions and writes them as text, in Intel's syntax.
 *
 * The kernel emulates these instructions (arch/x86/kernel/uprobes.c, branch_setup_xol_ops and
 * push_setup_xol_ops, Linux 5.15 to 6.18): nop, push reg, call rel32, jmp rel, jcc rel. Everything
 * else is single-stepped out of line, which costs ten times as much. Multi-byte nops are left out,
 * because kernels differ in them: 6.18 rewrites the five-byte one into a call.
 */
#include "read/code/scan_priv.h"
#include "base/buf.h"

#include <Zydis/Zydis.h>

#include <elf.h>
#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static uint8_t register_number(ZydisRegister reg)
{
	ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	return wide >= ZYDIS_REGISTER_RAX && wide <= ZYDIS_REGISTER_R15
		       ? (uint8_t)(wide - ZYDIS_REGISTER_RAX)
		       : CODE_NO_REG;
}

static bool is_wide_register(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER && op->size == 64 &&
	       register_number(op->reg.value) != CODE_NO_REG;
}

/* Returns whether an operand is [base + disp], without an index and in the default segment. */
static bool is_plain_memory(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->mem.type == ZYDIS_MEMOP_TYPE_MEM &&
	       op->mem.index == ZYDIS_REGISTER_NONE &&
	       register_number(op->mem.base) != CODE_NO_REG &&
	       op->mem.segment != ZYDIS_REGISTER_FS && op->mem.segment != ZYDIS_REGISTER_GS;
}

static void set_memory(struct code_insn *to, const ZydisDecodedOperand *op)
{
	to->base = register_number(op->mem.base);
	to->disp = op->mem.disp.has_displacement ? op->mem.disp.value : 0;
}

static bool is_immediate(const ZydisDecodedOperand *op, int64_t value)
{
	return op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && op->imm.value.s == value;
}

/* Decodes mov reg, [rip + disp]. Programs that are linked to shared libraries get addresses this
 * way. */
static void set_load_global(struct code_insn *to, const ZydisDecodedInstruction *insn,
			    const ZydisDecodedOperand *ops)
{
	ZyanU64 addr;

	if (ops[1].mem.base != ZYDIS_REGISTER_RIP ||
	    !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(insn, &ops[1], to->addr, &addr)))
		return;
	to->op = CODE_LOAD_GLOBAL;
	to->reg = register_number(ops[0].reg.value);
	to->target = addr;
}

/* Decodes mov [rip + disp], reg. */
static void set_store_global(struct code_insn *to, const ZydisDecodedInstruction *insn,
			     const ZydisDecodedOperand *ops)
{
	ZyanU64 addr;

	if (ops[0].type != ZYDIS_OPERAND_TYPE_MEMORY || ops[0].mem.base != ZYDIS_REGISTER_RIP ||
	    ops[1].type != ZYDIS_OPERAND_TYPE_REGISTER ||
	    !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(insn, &ops[0], to->addr, &addr)))
		return;
	to->op = CODE_STORE_GLOBAL;
	to->reg = register_number(ops[1].reg.value);
	to->target = addr;
}

static void set_mov(struct code_insn *to, const ZydisDecodedInstruction *insn,
		    const ZydisDecodedOperand *ops)
{
	if (is_wide_register(&ops[0]) && is_plain_memory(&ops[1])) {
		to->op = CODE_LOAD;
		to->reg = register_number(ops[0].reg.value);
		set_memory(to, &ops[1]);
	} else if (is_wide_register(&ops[0]) && ops[1].type == ZYDIS_OPERAND_TYPE_MEMORY) {
		set_load_global(to, insn, ops);
	} else if (is_wide_register(&ops[0]) && is_wide_register(&ops[1])) {
		to->op = CODE_MOVE;
		to->reg = register_number(ops[0].reg.value);
		to->base = register_number(ops[1].reg.value);
	} else if (is_plain_memory(&ops[0])) {
		to->op = CODE_STORE;
		to->reg = ops[1].type == ZYDIS_OPERAND_TYPE_REGISTER
				  ? register_number(ops[1].reg.value)
				  : CODE_NO_REG;
		set_memory(to, &ops[0]);
	} else {
		set_store_global(to, insn, ops);
	}
	to->width = (uint8_t)(ops[0].size / 8);
}

/* Decodes a decrement, which dec x, sub x, 1 and add x, -1 spell in three ways. */
static void set_less_one(struct code_insn *to, const ZydisDecodedOperand *ops)
{
	if (ops[0].size != 64)
		return;
	to->width = 8;
	if (is_plain_memory(&ops[0])) {
		to->op = CODE_DECREMENT;
		set_memory(to, &ops[0]);
	} else if (is_wide_register(&ops[0])) {
		to->op = CODE_LESS_ONE;
		to->reg = to->base = register_number(ops[0].reg.value);
	}
}

static void set_lea(struct code_insn *to, const ZydisDecodedInstruction *insn,
		    const ZydisDecodedOperand *ops)
{
	ZyanU64 addr;

	if (is_wide_register(&ops[0]) && ops[1].mem.base == ZYDIS_REGISTER_RIP &&
	    ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(insn, &ops[1], to->addr, &addr))) {
		to->op = CODE_ADDRESS;
		to->reg = register_number(ops[0].reg.value);
		to->target = addr;
		return;
	}
	if (!is_wide_register(&ops[0]) || ops[1].mem.index != ZYDIS_REGISTER_NONE ||
	    register_number(ops[1].mem.base) == CODE_NO_REG)
		return;
	to->op = ops[1].mem.disp.value == -1 ? CODE_LESS_ONE : CODE_OFFSET;
	to->reg = register_number(ops[0].reg.value);
	to->base = register_number(ops[1].mem.base);
	to->imm = ops[1].mem.disp.has_displacement ? ops[1].mem.disp.value : 0;
}

static void set_compare(struct code_insn *to, const ZydisDecodedInstruction *insn,
			const ZydisDecodedOperand *ops)
{
	ZyanU64 addr;

	if (ops[0].type != ZYDIS_OPERAND_TYPE_MEMORY || ops[0].size != 32 ||
	    ops[0].mem.base != ZYDIS_REGISTER_RIP || ops[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
	    !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(insn, &ops[0], to->addr, &addr)))
		return;
	to->op = CODE_COMPARE_GLOBAL;
	to->target = addr;
	to->imm = ops[1].imm.value.s;
}

static void set_exchange(struct code_insn *to, const ZydisDecodedOperand *ops)
{
	if (!is_plain_memory(&ops[0]) || ops[0].size != 32)
		return;
	to->op = CODE_EXCHANGE;
	set_memory(to, &ops[0]);
}

static void set_operation(struct code_insn *to, const ZydisDecodedInstruction *insn,
			  const ZydisDecodedOperand *ops)
{
	switch (insn->mnemonic) {
	case ZYDIS_MNEMONIC_MOV: set_mov(to, insn, ops); break;
	case ZYDIS_MNEMONIC_LEA: set_lea(to, insn, ops); break;
	case ZYDIS_MNEMONIC_CMP: set_compare(to, insn, ops); break;
	case ZYDIS_MNEMONIC_XCHG: set_exchange(to, ops); break;
	case ZYDIS_MNEMONIC_DEC: set_less_one(to, ops); break;
	case ZYDIS_MNEMONIC_SUB:
		if (is_immediate(&ops[1], 1))
			set_less_one(to, ops);
		break;
	case ZYDIS_MNEMONIC_ADD:
		if (is_immediate(&ops[1], -1))
			set_less_one(to, ops);
		break;
	default: break;
	}
}

static void set_flow(struct code_insn *to, const ZydisDecodedInstruction *insn,
		     const ZydisDecodedOperand *ops)
{
	bool relative = insn->operand_count_visible &&
			ops[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && ops[0].imm.is_relative;
	ZyanU64 target;

	switch (insn->meta.category) {
	case ZYDIS_CATEGORY_UNCOND_BR: to->flow = CODE_JUMP; break;
	case ZYDIS_CATEGORY_COND_BR: to->flow = CODE_BRANCH; break;
	case ZYDIS_CATEGORY_CALL: to->flow = CODE_CALL; break;
	case ZYDIS_CATEGORY_RET: to->flow = CODE_RETURN; break;
	default:
		to->flow = insn->mnemonic == ZYDIS_MNEMONIC_UD2 ||
					   insn->mnemonic == ZYDIS_MNEMONIC_INT3
				   ? CODE_STOP
				   : CODE_NEXT;
		break;
	}
	if (relative && ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(insn, &ops[0], to->addr, &target)))
		to->target = target;
	if (to->flow == CODE_CALL)
		to->writes = ~(1u << 4 | 1u << 5 | 1u << 14); /* Go's ABI keeps rsp, rbp, r14 (g) */
}

static bool is_emulated(const struct code_insn *insn, const uint8_t *bytes)
{
	switch (bytes[0]) {
	case 0x90: /* nop */
	case 0xeb:
	case 0xe9: /* jmp */
	case 0xe8: /* call */ return true;
	case 0x66: return insn->size == 2 && bytes[1] == 0x90;
	case 0x0f: return (bytes[1] & 0xf0) == 0x80;			/* jcc rel32 */
	case 0x41: return insn->size == 2 && (bytes[1] & 0xf8) == 0x50; /* push r8..r15 */
	default: return (bytes[0] & 0xf0) == 0x70 || (bytes[0] & 0xf8) == 0x50;
	}
}

static uint32_t written_registers(const ZydisDecodedInstruction *insn,
				  const ZydisDecodedOperand *ops)
{
	uint32_t writes = 0;

	for (unsigned i = 0; i < insn->operand_count; i++) {
		uint8_t reg;

		if (ops[i].type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(ops[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		reg = register_number(ops[i].reg.value);
		if (reg != CODE_NO_REG)
			writes |= 1u << reg;
	}
	return writes;
}

static bool decode(const uint8_t *bytes, size_t size, struct code_insn *ret)
{
	/* This is the decoder that ZydisDecoderInit() would build for each call. */
	static const ZydisDecoder decoder = {
		.machine_mode = ZYDIS_MACHINE_MODE_LONG_64,
		.stack_width = ZYDIS_STACK_WIDTH_64,
		.decoder_mode =
			{
				[ZYDIS_DECODER_MODE_MPX] = ZYAN_TRUE,
				[ZYDIS_DECODER_MODE_CET] = ZYAN_TRUE,
				[ZYDIS_DECODER_MODE_LZCNT] = ZYAN_TRUE,
				[ZYDIS_DECODER_MODE_TZCNT] = ZYAN_TRUE,
				[ZYDIS_DECODER_MODE_CLDEMOTE] = ZYAN_TRUE,
			},
	};
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction raw;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, size, &raw, ops)))
		return false;
	ret->size = raw.length;
	ret->writes = written_registers(&raw, ops);
	set_operation(ret, &raw, ops);
	set_flow(ret, &raw, ops);
	ret->emulated = is_emulated(ret, bytes);
	return true;
}

/* ---- calls and addresses, from the bytes alone ---- */

/* Appends a candidate if the displacement of 32 bits at `at` + 1 leads to a target. `at` is the
 * offset of E8 or E9, or of the second byte of 0F 8x. `opcode` is the offset at which the opcode
 * begins. Returns false when memory is out. */
static bool check_operand(const struct code_scan *scan, size_t at, size_t opcode)
{
	uint64_t target;
	int32_t rel;

	if (scan->size - at < 5)
		return true;
	memcpy(&rel, scan->text + at + 1, sizeof(rel));
	target = scan->addr + at + 5 + (uint64_t)(int64_t)rel;
	return !scan_is_target(scan, target) || scan_add(scan, scan->addr + opcode, target);
}

static bool check_byte(const struct code_scan *scan, size_t at)
{
	uint8_t byte = scan->text[at];

	if ((byte & 0xfe) == 0xe8)
		return check_operand(scan, at, at);
	if ((byte & 0xf0) == 0x80 && at && scan->text[at - 1] == 0x0f)
		return check_operand(scan, at, at - 1);
	return true;
}

#ifdef __SSE2__
/* Returns a mask of the 16 bytes at `at`. Bit n says that byte n is E8 or E9, or 8x after 0F. The
 * byte before `at` is read too. */
static unsigned opcodes_at(const uint8_t *at)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i before = _mm_loadu_si128((const __m128i *)(const void *)(at - 1));
	__m128i near = _mm_cmpeq_epi8(_mm_and_si128(bytes, _mm_set1_epi8((char)0xfe)),
				      _mm_set1_epi8((char)0xe8));
	__m128i eighty = _mm_cmpeq_epi8(_mm_and_si128(bytes, _mm_set1_epi8((char)0xf0)),
					_mm_set1_epi8((char)0x80));
	__m128i two = _mm_and_si128(eighty, _mm_cmpeq_epi8(before, _mm_set1_epi8(0x0f)));

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(near, two));
}
#endif

static bool find_calls(const struct code_scan *scan)
{
	size_t at = 0;

	if (scan->size && !check_byte(scan, at++))
		return false;
#ifdef __SSE2__
	for (; at + 16 <= scan->size; at += 16) {
		unsigned mask = opcodes_at(scan->text + at);

		for (; mask; mask &= mask - 1)
			if (!check_byte(scan, at + (unsigned)__builtin_ctz(mask)))
				return false;
	}
#endif
	for (; at < scan->size; at++)
		if (!check_byte(scan, at))
			return false;
	return true;
}

/* Finds lea: the byte 8D, a mod-r/m byte that says [rip + disp32], and the displacement. */
static bool find_takes(const struct code_scan *scan)
{
	const uint8_t *text = scan->text;

	for (size_t at = 0; at + 6 <= scan->size; at++) {
		const uint8_t *found = memchr(text + at, 0x8d, scan->size - 5 - at);
		uint64_t target;
		int32_t rel;

		if (!found)
			return true;
		at = (size_t)(found - text);
		memcpy(&rel, found + 2, sizeof(rel));
		target = scan->addr + at + 6 + (uint64_t)(int64_t)rel;
		if ((found[1] & 0xc7) == 0x05 && scan_is_target(scan, target) &&
		    !scan_add(scan, scan->addr + at, target))
			return false;
	}
	return true;
}

/* Finds operands in memory: a mod-r/m byte that says [rip + disp32], and the displacement. The instruction is taken to
 * end there. */
static bool find_uses(const struct code_scan *scan)
{
	for (size_t at = 0; at + 5 <= scan->size; at++) {
		uint64_t target;
		int32_t rel;

		if ((scan->text[at] & 0xc7) != 0x05)
			continue;
		memcpy(&rel, scan->text + at + 1, sizeof(rel));
		target = scan->addr + at + 5 + (uint64_t)(int64_t)rel;
		if (target >= scan->targets[0] && target < scan->targets[1] &&
		    !scan_add(scan, scan->addr + at, target))
			return false;
	}
	return true;
}

/* ---- text ---- */

struct printer {
	ZydisDecoder decoder;
	ZydisFormatter formatter;
};

static bool set_up(struct printer *printer)
{
	ZydisFormatter *formatter = &printer->formatter;

	return ZYAN_SUCCESS(ZydisDecoderInit(&printer->decoder, ZYDIS_MACHINE_MODE_LONG_64,
					     ZYDIS_STACK_WIDTH_64)) &&
	       ZYAN_SUCCESS(ZydisFormatterInit(formatter, ZYDIS_FORMATTER_STYLE_INTEL)) &&
	       ZYAN_SUCCESS(ZydisFormatterSetProperty(formatter, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE,
						      ZYAN_FALSE)) &&
	       ZYAN_SUCCESS(ZydisFormatterSetProperty(formatter,
						      ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE,
						      ZYDIS_PADDING_DISABLED));
}

static void *printer_open(void)
{
	struct printer *printer = calloc(1, sizeof(*printer));

	if (printer && set_up(printer))
		return printer;
	free(printer);
	return NULL;
}

static bool print(void *ctx, const void *bytes, size_t size, uint64_t addr, struct buf *to)
{
	const struct printer *printer = ctx;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction insn;
	char text[256];

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&printer->decoder, bytes, size, &insn, ops)) ||
	    !ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&printer->formatter, &insn, ops,
							  insn.operand_count_visible, text,
							  sizeof(text), addr, NULL)))
		return false;
	buf_str(to, text);
	return true;
}

const struct machine_ops machine_x86_64 = {
	.name = "x86_64",
	.elf_machine = EM_X86_64,
	/* src/internal/abi/abi_amd64.go: RAX RBX RCX RDI RSI R8 R9 R10 R11; RDX is the closure */
	.arguments = {0, 3, 1, 7, 6, 8, 9, 10, 11},
	.argument_count = 9,
	.context = 2,
	.stack = 4,
	.frame = 5,
	.barrier_writes = 1u << 11, /* runtime/asm_amd64.s */
	.quantum = 1,
	.call_size = 5,
	.decode = decode,
	.find_calls = find_calls,
	.find_takes = find_takes,
	.find_uses = find_uses,
	.find_globals = x86_64_find_globals,
	.printer_open = printer_open,
	.printer_close = free,
	.print = print,
};
