/* code/decode_arm64.c: words as the assembler made them (beside each, what objdump calls it),
 * and noise. */
#include "test.h"

#include "read/code/code.h"

enum { SP = 31 };
#define X(n)	    (1u << (n))
#define CALL_WRITES (~(X(28) | X(29) | X(31)))

static struct code_insn decode_one(uint32_t word)
{
	struct code_insn insn;
	struct code code;

	assert_null(code_decode(&machine_arm64, &word, sizeof(word), 0x5000, &code));
	assert_int_equal(code.insns.len, 1);
	insn = code.insns.data[0];
	assert_int_equal(insn.size, 4);
	code_fini(&code);
	return insn;
}

TEST(test_arithmetic)
{
	static const struct {
		uint32_t word;
		uint8_t op, reg, base;
		int64_t imm;
		uint64_t target;
	} cases[] = {
		{0x90000000, CODE_ADDRESS, 0, 0, 0, 0x5000}, /* adrp x0, . */
		{0x10000083, CODE_ADDRESS, 3, 4, 0, 0x5010}, /* adr x3, .+0x10 */
		{0x910e8000, CODE_OFFSET, 0, 0, 0x3a0, 0},   /* add x0, x0, #0x3a0 */
		{0x91400441, CODE_OFFSET, 1, 2, 0x1000, 0},  /* add x1, x2, #1, lsl #12 */
		{0xd1000484, CODE_LESS_ONE, 4, 4, -1, 0},    /* sub x4, x4, #1 */
		{0xaa0603e5, CODE_MOVE, 5, 6, 0, 0},	     /* mov x5, x6 */
		{0x910003fd, CODE_MOVE, 29, SP, 0, 0},	     /* mov x29, sp */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct code_insn insn = decode_one(cases[i].word);

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
		uint32_t word;
		uint8_t op, reg, reg2, base, width;
		int64_t disp;
		uint32_t writes;
	} cases[] = {
		{0xf9402fe1, CODE_LOAD, 1, CODE_NO_REG, SP, 8, 88, X(1)}, /* ldr x1, [sp, #88] */
		{0xf9000be2, CODE_STORE, 2, CODE_NO_REG, SP, 8, 16, 0},	  /* str x2, [sp, #16] */
		{0xf85f83a3, CODE_LOAD, 3, CODE_NO_REG, 29, 8, -8, X(3)}, /* ldur x3, [x29, #-8] */
		{0xf81f03a4, CODE_STORE, 4, CODE_NO_REG, 29, 8, -16, 0},  /* stur x4, [x29, #-16] */
		{0xb9000429, CODE_STORE, CODE_NO_REG, CODE_NO_REG, 1, 4, 4,
		 0}, /* str w9, [x1, #4] */
		{0x39001443, CODE_STORE, CODE_NO_REG, CODE_NO_REG, 2, 1, 5,
		 0}, /* strb w3, [x2, #5] */
		{0xa9420be1, CODE_LOAD_PAIR, 1, 2, SP, 8, 32,
		 X(1) | X(2)}, /* ldp x1, x2, [sp, #32] */
		{0xa93f7fe3, CODE_STORE_PAIR, 3, CODE_NO_REG, SP, 8, -16,
		 0}, /* stp x3, xzr, [sp, #-16] */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct code_insn insn = decode_one(cases[i].word);

		assert_int_equal(insn.op, cases[i].op);
		assert_int_equal(insn.reg, cases[i].reg);
		assert_int_equal(insn.reg2, cases[i].reg2);
		assert_int_equal(insn.base, cases[i].base);
		assert_int_equal(insn.width, cases[i].width);
		assert_int_equal(insn.disp, cases[i].disp);
		assert_int_equal(insn.writes, cases[i].writes);
	}
}

/* What is not followed must at least be known to write what it writes. */
TEST(test_others_write)
{
	static const struct {
		uint32_t word, writes;
	} cases[] = {
		{0xb98057e2, X(2)},	     /* ldrsw x2, [sp, #84]: x2 and nothing else */
		{0xb9400429, X(9)},	     /* ldr w9, [x1, #4] */
		{0xa9be7bfd, X(31)},	     /* stp x29, x30, [sp, #-32]! */
		{0xf84407fe, X(30) | X(31)}, /* ldr x30, [sp], #64 */
		{0x58000048, X(8)},	     /* ldr x8, .+8 */
		{0xf8210062, X(2)},	     /* ldadd x1, x2, [x3] */
		{0x9a830041, X(1)},	     /* csel x1, x2, x3, eq */
		{0x9e660001, X(1)},	     /* fmov x1, d0 */
		{0xaa1f03e7, X(7)},	     /* mov x7, xzr */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct code_insn insn = decode_one(cases[i].word);

		assert_int_equal(insn.writes & cases[i].writes, cases[i].writes);
		assert_true(insn.op == CODE_OTHER || insn.op == CODE_LOAD_GLOBAL);
	}
	assert_int_equal(decode_one(0xb98057e2).writes, X(2));
	assert_int_equal(decode_one(0xa9be7bfd).writes, X(31));		/* stp x29, x30, ...! */
	assert_int_equal(decode_one(0xf81a0ffe).writes, X(31));		/* str x30, [sp, #-96]! */
	assert_int_equal(decode_one(0xf84407fe).writes, X(30) | X(31)); /* ldr x30, [sp], #64 */
	assert_int_equal(decode_one(0xf8626820).writes, X(0));		/* ldr x0, [x1, x2] */
	assert_int_equal(decode_one(0xf8226820).writes, 0);		/* str x0, [x1, x2] */
	assert_int_equal(decode_one(0xa8c17bfd).writes,
			 X(29) | X(30) | X(31));	    /* ldp x29, x30, [sp], #16 */
	assert_int_equal(decode_one(0x3dc00420).writes, 0); /* ldr q0, [x1, #16] */
	assert_int_equal(decode_one(0xad000861).writes, 0); /* stp q1, q2, [x3] */
	assert_int_equal(decode_one(0x58000048).target, 0x5008);
}

TEST(test_flow)
{
	static const struct {
		uint32_t word;
		uint8_t flow;
		uint64_t target;
		uint32_t writes;
	} cases[] = {
		{0x94000040, CODE_CALL, 0x5100, CALL_WRITES}, /* bl .+0x100 */
		{0x17fffffe, CODE_JUMP, 0x4ff8, 0},	      /* b .-8 */
		{0x54000080, CODE_BRANCH, 0x5010, 0},	      /* b.eq .+16 */
		{0xb4000081, CODE_BRANCH, 0x5010, 0},	      /* cbz x1, .+16 */
		{0x37180082, CODE_BRANCH, 0x5010, 0},	      /* tbnz w2, #3, .+16 */
		{0xd61f0120, CODE_JUMP, 0, 0},		      /* br x9 */
		{0xd63f0120, CODE_CALL, 0, CALL_WRITES},      /* blr x9 */
		{0xd65f03c0, CODE_RETURN, 0, 0},	      /* ret */
		{0xd4200020, CODE_STOP, 0, 0},		      /* brk #1 */
		{0x00000000, CODE_STOP, 0, UINT32_MAX},	      /* udf #0 */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct code_insn insn = decode_one(cases[i].word);

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
