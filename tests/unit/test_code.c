/* Tests of read/code on x86-64. Instructions are decoded one by one, and their flow is followed. */
#include "test.h"

#include "read/code/code.h"
#include "code_functions.h"
#include "code_insns.h"

/* ---- one instruction ---- */

static struct code_insn decode_one(const char *text)
{
	const struct instruction *made = assembled(text);
	struct code_insn insn;
	struct code code;

	assert_null(code_decode(&machine_x86_64, made->bytes, made->size, 0x1000, &code));
	assert_int_equal(code.insns.len, 1);
	insn = code.insns.data[0];
	assert_int_equal(insn.size, made->size);
	assert_int_equal(insn.addr, 0x1000);
	code_fini(&code);
	return insn;
}

TEST(test_decode_moves)
{
	static const struct {
		const char *text;
		enum code_op op;
		uint8_t reg, base;
		int64_t disp;
		uint8_t width;
	} cases[] = {
		{ASM("mov (%rcx),%rdx"), CODE_LOAD, 2, 1, 0, 8},
		{ASM("mov 0x18(%rax),%r8"), CODE_LOAD, 8, 0, 24, 8},
		{ASM("mov -0x10(%rbp),%rax"), CODE_LOAD, 0, 5, -16, 8},
		{ASM("mov %rcx,0x58(%rsp)"), CODE_STORE, 1, 4, 88, 8},
		{ASM("mov %ecx,0x58(%rsp)"), CODE_STORE, 1, 4, 0x58, 4},
		{ASM("mov %dx,(%rcx)"), CODE_STORE, 2, 1, 0, 2},
		{ASM("mov %r9,0x10(%rip)"), CODE_STORE_GLOBAL, 9, 255, 0, 8},
		{ASM("mov %edx,0x10(%rip)"), CODE_STORE_GLOBAL, 2, 255, 0, 4},
		{ASM("mov %rax,%rdx"), CODE_MOVE, 2, 0, 0, 8},
		{ASM("mov %rdi,%r9"), CODE_MOVE, 9, 7, 0, 8},
		{ASM("lea -1(%rdx),%rsi"), CODE_LESS_ONE, 6, 2, 0, 0},
		{ASM("dec %rdx"), CODE_LESS_ONE, 2, 2, 0, 8},
		{ASM("sub $1,%rcx"), CODE_LESS_ONE, 1, 1, 0, 8},
		{ASM("add $-1,%rcx"), CODE_LESS_ONE, 1, 1, 0, 8},
		{ASM("decq (%rcx)"), CODE_DECREMENT, 255, 1, 0, 8},
		{ASM("subq $1,(%rdx)"), CODE_DECREMENT, 255, 2, 0, 8},
		{ASM("addq $-1,8(%rax)"), CODE_DECREMENT, 255, 0, 8, 8},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct code_insn insn = decode_one(cases[i].text);

		assert_int_equal(insn.op, cases[i].op);
		assert_int_equal(insn.reg, cases[i].reg);
		assert_int_equal(insn.base, cases[i].base);
		assert_int_equal(insn.disp, cases[i].disp);
		if (cases[i].width)
			assert_int_equal(insn.width, cases[i].width);
		assert_int_equal(insn.flow, CODE_NEXT);
		assert_false(insn.emulated);
	}
}

/* Instructions that look like one of the above, but are not. */
TEST(test_decode_others)
{
	static const struct {
		const char *text;
	} cases[] = {
		{ASM("decl (%rcx)")},	       {ASM("dec %edx")},
		{ASM("sub $2,%rcx")},	       {ASM("add $1,%rcx")},
		{ASM("incq (%rcx)")},	       {ASM("lea -1(%rdx,%r8),%rsi")},
		{ASM("mov (%rcx),%edx")},      {ASM("mov (%rcx,%rax,8),%rdx")},
		{ASM("mov %fs:(%rcx),%rcx")},  {ASM("mov %eax,%edx")},
		{ASM("cmpq $2,(%rbx)")},       /* not a global */
		{ASM("cmpq $2,0x1000(%rip)")}, /* 8 bytes */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(decode_one(cases[i].text).op, CODE_OTHER);
}

TEST(test_decode_addresses)
{
	struct code_insn insn;

	insn = decode_one(ASM("lea 1(%rdx),%rsi"));
	assert_int_equal(insn.op, CODE_OFFSET);
	assert_int_equal(insn.reg, 6);
	assert_int_equal(insn.base, 2);
	assert_int_equal(insn.imm, 1);
	insn = decode_one(ASM("mov 0xff9(%rip),%rax"));
	assert_int_equal(insn.op, CODE_LOAD_GLOBAL);
	assert_int_equal(insn.reg, 0);
	assert_int_equal(insn.target, 0x2000);
	insn = decode_one(ASM("lea 0xff9(%rip),%rcx"));
	assert_int_equal(insn.op, CODE_ADDRESS);
	assert_int_equal(insn.reg, 1);
	assert_int_equal(insn.target, 0x2000);
}

TEST(test_decode_flow)
{
	static const struct {
		const char *text;
		enum code_flow flow;
		uint64_t target;
		bool emulated;
	} cases[] = {
		{ASM("nop"), CODE_NEXT, 0, true},
		{ASM("xchg %ax,%ax"), CODE_NEXT, 0, true},
		{ASM("nopl (%rax)"), CODE_NEXT, 0, false},
		{ASM("push %rbp"), CODE_NEXT, 0, true},
		{ASM("push %r15"), CODE_NEXT, 0, true},
		{ASM("pop %rbp"), CODE_NEXT, 0, false},
		{ASM("jmp . + 0x12"), CODE_JUMP, 0x1012, true},
		{ASM("{disp32} jmp ."), CODE_JUMP, 0x1000, true},
		{ASM("jne ."), CODE_BRANCH, 0x1000, true},
		{ASM("jbe . + 0x106"), CODE_BRANCH, 0x1106, true},
		{ASM("call . + 5"), CODE_CALL, 0x1005, true},
		{ASM("call *%rcx"), CODE_CALL, 0, false},
		{ASM("jmp *%rax"), CODE_JUMP, 0, false},
		{ASM("ret"), CODE_RETURN, 0, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct code_insn insn = decode_one(cases[i].text);

		assert_int_equal(insn.flow, cases[i].flow);
		assert_int_equal(insn.target, cases[i].target);
		assert_int_equal(insn.emulated, cases[i].emulated);
	}
}

TEST(test_decode_writes)
{
	assert_int_equal(decode_one(ASM("mov (%rcx),%rdx")).writes, 1 << 2);
	assert_int_equal(decode_one(ASM("xor %ecx,%ecx")).writes, 1 << 1);
	assert_int_equal(decode_one(ASM("sete %r9b")).writes, 1 << 9);
	assert_int_equal(decode_one(ASM("mov %rdx,(%rcx)")).writes, 0);
	assert_int_equal(decode_one(ASM("test %rbx,%rbx")).writes, 0);
	assert_int_equal(decode_one(ASM("xchg %rdx,%rcx")).writes, 1 << 1 | 1 << 2);
	assert_true(decode_one(ASM("leave")).writes & 1 << 5);
	/* A call may change all registers except rsp, rbp and g. */
	assert_int_equal(decode_one(ASM("call *%rcx")).writes & 0xffff, 0xbfcf);
}

TEST(test_decode_compare)
{
	struct code_insn insn = decode_one(ASM("cmpl $2,0x1000(%rip)"));

	assert_int_equal(insn.op, CODE_COMPARE_GLOBAL);
	assert_int_equal(insn.target, 0x2007);
	assert_int_equal(insn.imm, 2);
}

TEST(test_decode_joins)
{
	static const bool joined[] = {false, false, false, true, false, false};
	struct code code;

	assert_null(code_decode(&machine_x86_64, paths_join, sizeof(paths_join), 0x1000, &code));
	assert_int_equal(code.insns.len, ARRAY_SIZE(joined));
	for (size_t i = 0; i < ARRAY_SIZE(joined); i++)
		assert_int_equal(code.insns.data[i].joined, joined[i]);
	code_fini(&code);
}

TEST(test_decode_garbage)
{
	uint64_t noise = 1;
	struct code code;

	assert_null(code_decode(&machine_x86_64, NULL, 0, 0, &code));
	assert_int_equal(code.insns.len, 0);
	assert_null(code_decode(&machine_x86_64, no_instruction, sizeof(no_instruction), 0x1000,
				&code));
	assert_int_equal(code.insns.len, 3);
	assert_int_equal(code.insns.data[0].flow, CODE_NEXT);
	assert_int_equal(code.insns.data[1].flow, CODE_STOP);
	assert_int_equal(code.insns.data[1].size, 1);
	assert_true(code.insns.data[1].writes == UINT32_MAX);
	assert_false(code.insns.data[1].emulated);
	assert_int_equal(code.insns.data[2].flow, CODE_NEXT);
	code_fini(&code);
	assert_null(code_decode(&machine_x86_64, cut_short, sizeof(cut_short), 0x1000, &code));
	assert_int_equal(code.insns.len, 3);
	assert_int_equal(code.insns.data[1].flow, CODE_STOP);
	code_fini(&code);
	for (int i = 0; i < 2000; i++) {
		uint8_t bytes[64];

		for (size_t k = 0; k < sizeof(bytes); k++) {
			noise = noise * 6364136223846793005u + 1442695040888963407u;
			bytes[k] = (uint8_t)(noise >> 56);
		}
		assert_null(
			code_decode(&machine_x86_64, bytes, sizeof(bytes), UINT64_MAX - 32, &code));
		assert_in_range(code.insns.len, 0, sizeof(bytes));
		code_fini(&code);
	}
}

TEST(test_registers)
{
	static const uint8_t arguments[] = {0, 3, 1, 7, 6, 8, 9, 10, 11};

	for (unsigned i = 0; i < ARRAY_SIZE(arguments); i++)
		assert_int_equal(machine_argument(&machine_x86_64, i), arguments[i]);
	assert_int_equal(machine_argument(&machine_x86_64, 9), CODE_NO_REG);
	assert_int_equal(machine_x86_64.stack, 4);
	assert_int_equal(machine_x86_64.frame, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode_moves),	 cmocka_unit_test(test_decode_others),
		cmocka_unit_test(test_decode_addresses), cmocka_unit_test(test_decode_flow),
		cmocka_unit_test(test_decode_writes),	 cmocka_unit_test(test_decode_compare),
		cmocka_unit_test(test_decode_joins),	 cmocka_unit_test(test_decode_garbage),
		cmocka_unit_test(test_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
