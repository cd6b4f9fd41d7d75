/* Tests of read/code/arm64.c, with instructions of the assembler and with random bytes. */
#include "test.h"

#include "read/code/code.h"
#include "code_arm64_insns.h"

enum { SP = 31 };
#define X(n)	    (1u << (n))
#define CALL_WRITES (~(X(28) | X(29) | X(31)))

static struct code_insn decode_one(const char *text)
{
	const struct instruction *made = assembled(text);
	struct code_insn insn;
	struct code code;

	assert_null(code_decode(&machine_arm64, made->bytes, made->size, 0x5000, &code));
	assert_int_equal(code.insns.len, 1);
	insn = code.insns.data[0];
	assert_int_equal(insn.size, 4);
	code_fini(&code);
	return insn;
}

TEST(test_arithmetic)
{
	static const struct {
		const char *text;
		uint8_t op, reg, base;
		int64_t imm;
		uint64_t target;
	} cases[] = {
		{ASM("adrp x0, ."), CODE_ADDRESS, 0, 0, 0, 0x5000},
		{ASM("adr x3, .+0x10"), CODE_ADDRESS, 3, 4, 0, 0x5010},
		{ASM("add x0, x0, #0x3a0"), CODE_OFFSET, 0, 0, 0x3a0, 0},
		{ASM("add x1, x2, #1, lsl #12"), CODE_OFFSET, 1, 2, 0x1000, 0},
		{ASM("sub x4, x4, #1"), CODE_LESS_ONE, 4, 4, -1, 0},
		{ASM("mov x5, x6"), CODE_MOVE, 5, 6, 0, 0},
		{ASM("mov x29, sp"), CODE_MOVE, 29, SP, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct code_insn insn = decode_one(cases[i].text);

		assert_int_equal(insn.op, cases[i].op);
		assert_int_equal(insn.reg, cases[i].reg);
		assert_int_equal(insn.flow, CODE_NEXT);
		assert_int_equal(insn.writes, X(cases[i].reg));
		if (cases[i].op == CODE_ADDRESS) {
			assert_int_equal(insn.target, cases[i].target);
			continue;
		}
		assert_int_equal(insn.base, cases[i].base);
		assert_int_equal(insn.imm, cases[i].imm);
	}
}

TEST(test_memory)
{
	static const struct {
		const char *text;
		uint8_t op, reg, reg2, base, width;
		int64_t disp;
		uint32_t writes;
	} cases[] = {
		{ASM("ldr x1, [sp, #88]"), CODE_LOAD, 1, CODE_NO_REG, SP, 8, 88, X(1)},
		{ASM("str x2, [sp, #16]"), CODE_STORE, 2, CODE_NO_REG, SP, 8, 16, 0},
		{ASM("ldur x3, [x29, #-8]"), CODE_LOAD, 3, CODE_NO_REG, 29, 8, -8, X(3)},
		{ASM("stur x4, [x29, #-16]"), CODE_STORE, 4, CODE_NO_REG, 29, 8, -16, 0},
		{ASM("str w9, [x1, #4]"), CODE_STORE, CODE_NO_REG, CODE_NO_REG, 1, 4, 4, 0},
		{ASM("strb w3, [x2, #5]"), CODE_STORE, CODE_NO_REG, CODE_NO_REG, 2, 1, 5, 0},
		{ASM("ldp x1, x2, [sp, #32]"), CODE_LOAD_PAIR, 1, 2, SP, 8, 32, X(1) | X(2)},
		{ASM("stp x3, xzr, [sp, #-16]"), CODE_STORE_PAIR, 3, CODE_NO_REG, SP, 8, -16, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct code_insn insn = decode_one(cases[i].text);

		assert_int_equal(insn.op, cases[i].op);
		assert_int_equal(insn.reg, cases[i].reg);
		assert_int_equal(insn.reg2, cases[i].reg2);
		assert_int_equal(insn.base, cases[i].base);
		assert_int_equal(insn.width, cases[i].width);
		assert_int_equal(insn.disp, cases[i].disp);
		assert_int_equal(insn.writes, cases[i].writes);
	}
}

/* Some instructions are not followed. The registers that they write must still be known. */
TEST(test_others_write)
{
	static const struct {
		const char *text;
		uint32_t writes;
	} cases[] = {
		{ASM("ldrsw x2, [sp, #84]"), X(2)}, /* writes x2 and nothing else */
		{ASM("ldr w9, [x1, #4]"), X(9)},
		{ASM("stp x29, x30, [sp, #-32]!"), X(31)},
		{ASM("ldr x30, [sp], #64"), X(30) | X(31)},
		{ASM("ldr x8, .+8"), X(8)},
		{ASM("ldadd x1, x2, [x3]"), X(2)},
		{ASM("csel x1, x2, x3, eq"), X(1)},
		{ASM("fmov x1, d0"), X(1)},
		{ASM("mov x7, xzr"), X(7)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct code_insn insn = decode_one(cases[i].text);

		assert_int_equal(insn.writes & cases[i].writes, cases[i].writes);
		assert_true(insn.op == CODE_OTHER || insn.op == CODE_LOAD_GLOBAL);
	}
	assert_int_equal(decode_one(ASM("ldrsw x2, [sp, #84]")).writes, X(2));
	assert_int_equal(decode_one(ASM("stp x29, x30, [sp, #-32]!")).writes, X(31));
	assert_int_equal(decode_one(ASM("str x30, [sp, #-96]!")).writes, X(31));
	assert_int_equal(decode_one(ASM("ldr x30, [sp], #64")).writes, X(30) | X(31));
	assert_int_equal(decode_one(ASM("ldr x0, [x1, x2]")).writes, X(0));
	assert_int_equal(decode_one(ASM("str x0, [x1, x2]")).writes, 0);
	assert_int_equal(decode_one(ASM("ldp x29, x30, [sp], #16")).writes, X(29) | X(30) | X(31));
	assert_int_equal(decode_one(ASM("ldr q0, [x1, #16]")).writes, 0);
	assert_int_equal(decode_one(ASM("stp q1, q2, [x3]")).writes, 0);
	assert_int_equal(decode_one(ASM("ldr x8, .+8")).target, 0x5008);
}

TEST(test_flow)
{
	static const struct {
		const char *text;
		uint8_t flow;
		uint64_t target;
		uint32_t writes;
	} cases[] = {
		{ASM("bl .+0x100"), CODE_CALL, 0x5100, CALL_WRITES},
		{ASM("b .-8"), CODE_JUMP, 0x4ff8, 0},
		{ASM("b.eq .+16"), CODE_BRANCH, 0x5010, 0},
		{ASM("cbz x1, .+16"), CODE_BRANCH, 0x5010, 0},
		{ASM("tbnz w2, #3, .+16"), CODE_BRANCH, 0x5010, 0},
		{ASM("br x9"), CODE_JUMP, 0, 0},
		{ASM("blr x9"), CODE_CALL, 0, CALL_WRITES},
		{ASM("ret"), CODE_RETURN, 0, 0},
		{ASM("brk #1"), CODE_STOP, 0, 0},
		{ASM("udf #0"), CODE_STOP, 0, UINT32_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct code_insn insn = decode_one(cases[i].text);

		assert_int_equal(insn.flow, cases[i].flow);
		assert_int_equal(insn.target, cases[i].target);
		assert_int_equal(insn.writes, cases[i].writes);
	}
}

TEST(test_abi)
{
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(machine_argument(&machine_arm64, i), i);
	assert_int_equal(machine_argument(&machine_arm64, 16), CODE_NO_REG);
	assert_int_equal(machine_arm64.context, 26);
	assert_int_equal(machine_arm64.stack, 31);
	assert_int_equal(machine_arm64.frame, 29);
	assert_int_equal(machine_x86_64.context, 2);
}

TEST(test_noise)
{
	uint64_t noise = 7;
	struct code code;

	for (int i = 0; i < 5000; i++) {
		uint32_t words[16];

		for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
			noise = noise * 6364136223846793005u + 1442695040888963407u;
			words[k] = (uint32_t)(noise >> 32);
		}
		assert_null(code_decode(&machine_arm64, words, sizeof(words) - i % 4,
					UINT64_MAX - 31, &code));
		assert_int_equal(code.insns.len, 16);
		code_fini(&code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic),   cmocka_unit_test(test_memory),
		cmocka_unit_test(test_others_write), cmocka_unit_test(test_flow),
		cmocka_unit_test(test_abi),	     cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
