#include "code/listing.h"

#include <Zydis/Zydis.h>
#include <capstone/capstone.h>

#include <stdlib.h>

struct code_printer {
	enum code_machine machine;
	ZydisDecoder decoder;
	ZydisFormatter formatter;
	csh capstone;
	bool capstone_open;
};

static bool zydis_init(struct code_printer *printer)
{
	return ZYAN_SUCCESS(ZydisDecoderInit(&printer->decoder, ZYDIS_MACHINE_MODE_LONG_64,
					     ZYDIS_STACK_WIDTH_64)) &&
	       ZYAN_SUCCESS(ZydisFormatterInit(&printer->formatter, ZYDIS_FORMATTER_STYLE_INTEL)) &&
	       ZYAN_SUCCESS(ZydisFormatterSetProperty(&printer->formatter,
						      ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE)) &&
	       ZYAN_SUCCESS(ZydisFormatterSetProperty(&printer->formatter,
						      ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE,
						      ZYDIS_PADDING_DISABLED));
}

struct error *code_printer_new(enum code_machine machine, struct code_printer **ret)
{
	cleanup(code_printer_free) struct code_printer *printer = calloc(1, sizeof(*printer));

	if (!printer)
		return error_nomem();
	printer->machine = machine;
	if (machine == CODE_ARM64)
		printer->capstone_open =
			cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, &printer->capstone) ==
			CS_ERR_OK;
	if (machine == CODE_ARM64 ? !printer->capstone_open : !zydis_init(printer))
		return error_new(ERROR_FAILED, "cannot set up the disassembler");
	*ret = take_ptr(printer);
	return NULL;
}

void code_printer_free(struct code_printer *printer)
{
	if (printer && printer->capstone_open)
		cs_close(&printer->capstone);
	free(printer);
}

static bool print_x86_64(struct code_printer *printer, const void *bytes, size_t size, uint64_t addr,
			 struct buf *to)
{
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

static bool print_arm64(struct code_printer *printer, const void *bytes, size_t size, uint64_t addr,
			struct buf *to)
{
	cs_insn *insn;

	if (!cs_disasm(printer->capstone, bytes, size, addr, 1, &insn))
		return false;
	buf_str(to, insn->mnemonic);
	if (insn->op_str[0]) {
		buf_char(to, ' ');
		buf_str(to, insn->op_str);
	}
	cs_free(insn, 1);
	return true;
}

void code_print(struct code_printer *printer, const void *bytes, size_t size, uint64_t addr,
		struct buf *to)
{
	bool ok = printer->machine == CODE_ARM64 ? print_arm64(printer, bytes, size, addr, to)
						 : print_x86_64(printer, bytes, size, addr, to);

	if (!ok)
		buf_str(to, "(bad)");
}

/* ---- the straight path ---- */

struct walk {
	const struct code *code;
	bool (*cold)(void *ctx, uint64_t target);
	void *ctx;
};

/* Is something cold called on the way from insns[at] to the next place where ways part or meet? */
static bool is_cold(const struct walk *walk, size_t at)
{
	const struct code *code = walk->code;

	for (; at < code->insns.len && !code->insns.data[at].joined; at++) {
		const struct code_insn *insn = &code->insns.data[at];

		if (insn->flow == CODE_CALL && insn->target && walk->cold(walk->ctx, insn->target))
			return true;
		if (insn->flow != CODE_NEXT && insn->flow != CODE_CALL)
			return false;
	}
	return false;
}

/* The instruction after insns[at]; SIZE_MAX at the end. */
static size_t straight_next(const struct walk *walk, size_t at)
{
	const struct code *code = walk->code;
	const struct code_insn *insn = &code->insns.data[at], *to;

	if (insn->flow == CODE_RETURN || insn->flow == CODE_STOP)
		return SIZE_MAX;
	if (insn->flow != CODE_JUMP && !(insn->flow == CODE_BRANCH && is_cold(walk, at + 1)))
		return at + 1 < code->insns.len ? at + 1 : SIZE_MAX;
	to = insn->target ? code_at(code, insn->target) : NULL;
	return to ? (size_t)(to - code->insns.data) : SIZE_MAX;
}

struct error *code_straight(const struct code *code, bool (*cold)(void *ctx, uint64_t target), void *ctx,
			    struct code_path *ret)
{
	const struct walk walk = {code, cold, ctx};
	cleanup_free bool *met = calloc(code->insns.len + 1, sizeof(*met));
	size_t at = code->insns.len ? 0 : SIZE_MAX;

	*ret = (struct code_path){0};
	if (!met)
		return error_nomem();
	for (; at != SIZE_MAX && !met[at]; at = straight_next(&walk, at)) {
		met[at] = true;
		if (!vec_push(&ret->insns, (uint32_t)at)) {
			code_path_fini(ret);
			return error_nomem();
		}
	}
	return NULL;
}

void code_path_fini(struct code_path *path)
{
	vec_fini(&path->insns);
}
