/* code/: instructions decoded one by one, calls found in text, registers followed. */
#include "test.h"

#include "read/code/code.h"

#define BYTES(...)          \
	(const uint8_t[])   \
	{                   \
		__VA_ARGS__ \
	}
#define COUNT(...) sizeof((const uint8_t[]){__VA_ARGS__})
#define CODE(...)  BYTES(__VA_ARGS__), COUNT(__VA_ARGS__)

/* ---- one instruction ---- */

static struct code_insn decode_one(const uint8_t *bytes, size_t size)
{
	struct code_insn insn;
	struct code code;

	assert_null(code_decode(&machine_x86_64, bytes, size, 0x1000, &code));
	assert_int_equal(code.insns.len, 1);
	insn = code.insns.data[0];
	assert_int_equal(insn.size, size);
	assert_int_equal(insn.addr, 0x1000);
	code_fini(&code);
	return insn;
}

TEST(test_decode_moves)
{
	static const struct {
		uint8_t bytes[8], size;
		enum code_op op;
		uint8_t reg, base;
		int64_t disp;
		uint8_t width;
	} cases[] = {
		{{0x48, 0x8b, 0x11}, 3, CODE_LOAD, 2, 1, 0, 8},		/* mov (%rcx),%rdx */
		{{0x4c, 0x8b, 0x40, 0x18}, 4, CODE_LOAD, 8, 0, 24, 8},	/* mov 0x18(%rax),%r8 */
		{{0x48, 0x8b, 0x45, 0xf0}, 4, CODE_LOAD, 0, 5, -16, 8}, /* mov -0x10(%rbp),%rax */
		{{0x48, 0x89, 0x4c, 0x24, 0x58},
		 5,
		 CODE_STORE,
		 1,
		 4,
		 88,
		 8},							  /* mov %rcx,88(%rsp) */
		{{0x89, 0x4c, 0x24, 0x58}, 4, CODE_STORE, 1, 4, 0x58, 4}, /* mov %ecx,0x58(%rsp) */
		{{0x66, 0x89, 0x11}, 3, CODE_STORE, 2, 1, 0, 2},	  /* mov %dx,(%rcx) */
		{{0x48, 0x89, 0xc2}, 3, CODE_MOVE, 2, 0, 0, 8},		  /* mov %rax,%rdx */
		{{0x49, 0x89, 0xf9}, 3, CODE_MOVE, 9, 7, 0, 8},		  /* mov %rdi,%r9 */
		{{0x48, 0x8d, 0x72, 0xff}, 4, CODE_LESS_ONE, 6, 2, 0, 0}, /* lea -1(%rdx),%rsi */
		{{0x48, 0xff, 0xca}, 3, CODE_LESS_ONE, 2, 2, 0, 8},	  /* dec %rdx */
		{{0x48, 0x83, 0xe9, 0x01}, 4, CODE_LESS_ONE, 1, 1, 0, 8}, /* sub $1,%rcx */
		{{0x48, 0x83, 0xc1, 0xff}, 4, CODE_LESS_ONE, 1, 1, 0, 8}, /* add $-1,%rcx */
		{{0x48, 0xff, 0x09}, 3, CODE_DECREMENT, 255, 1, 0, 8},	  /* decq (%rcx) */
		{{0x48, 0x83, 0x2a, 0x01}, 4, CODE_DECREMENT, 255, 2, 0, 8}, /* subq $1,(%rdx) */
		{{0x48, 0x83, 0x40, 0x08, 0xff},
		 5,
		 CODE_DECREMENT,
		 255,
		 0,
		 8,
		 8}, /* addq $-1,8(%rax) */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct code_insn insn = decode_one(cases[i].bytes, cases[i].size);

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

/* What looks like one of the above and is not. */
TEST(test_decode_others)
{
	static const struct {
		uint8_t bytes[9], size;
	} cases[] = {
		{{0xff, 0x09}, 2},			   /* decl (%rcx) */
		{{0xff, 0xca}, 2},			   /* dec %edx */
		{{0x48, 0x83, 0xe9, 0x02}, 4},		   /* sub $2,%rcx */
		{{0x48, 0x83, 0xc1, 0x01}, 4},		   /* add $1,%rcx */
		{{0x48, 0xff, 0x01}, 3},		   /* incq (%rcx) */
		{{0x4a, 0x8d, 0x74, 0x02, 0xff}, 5},	   /* lea -1(%rdx,%r8),%rsi */
		{{0x8b, 0x11}, 2},			   /* mov (%rcx),%edx */
		{{0x48, 0x8b, 0x14, 0xc1}, 4},		   /* mov (%rcx,%rax,8),%rdx */
		{{0x64, 0x48, 0x8b, 0x09}, 4},		   /* mov %fs:(%rcx),%rcx */
		{{0x89, 0xc2}, 2},			   /* mov %eax,%edx */
		{{0x48, 0x83, 0x3b, 0x02}, 4},		   /* cmpq $2,(%rbx): no global */
		{{0x48, 0x83, 0x3d, 0, 0x10, 0, 0, 2}, 8}, /* cmpq $2,0x1000(%rip): 8 bytes */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(decode_one(cases[i].bytes, cases[i].size).op, CODE_OTHER);
}

TEST(test_decode_addresses)
{
	struct code_insn insn;

	insn = decode_one(CODE(0x48, 0x8d, 0x72, 0x01)); /* lea 1(%rdx),%rsi */
	assert_int_equal(insn.op, CODE_OFFSET);
	assert_int_equal(insn.reg, 6);
	assert_int_equal(insn.base, 2);
	assert_int_equal(insn.imm, 1);
	insn = decode_one(CODE(0x48, 0x8b, 0x05, 0xf9, 0x0f, 0, 0)); /* mov 0xff9(%rip),%rax */
	assert_int_equal(insn.op, CODE_LOAD_GLOBAL);
	assert_int_equal(insn.reg, 0);
	assert_int_equal(insn.target, 0x2000);
	insn = decode_one(CODE(0x48, 0x8d, 0x0d, 0xf9, 0x0f, 0, 0)); /* lea 0xff9(%rip),%rcx */
	assert_int_equal(insn.op, CODE_ADDRESS);
	assert_int_equal(insn.reg, 1);
	assert_int_equal(insn.target, 0x2000);
}

TEST(test_decode_flow)
{
	static const struct {
		uint8_t bytes[6], size;
		enum code_flow flow;
		uint64_t target;
		bool emulated;
	} cases[] = {
		{{0x90}, 1, CODE_NEXT, 0, true},			      /* nop */
		{{0x66, 0x90}, 2, CODE_NEXT, 0, true},			      /* xchg %ax,%ax */
		{{0x0f, 0x1f, 0x00}, 3, CODE_NEXT, 0, false},		      /* nopl (%rax) */
		{{0x55}, 1, CODE_NEXT, 0, true},			      /* push %rbp */
		{{0x41, 0x57}, 2, CODE_NEXT, 0, true},			      /* push %r15 */
		{{0x5d}, 1, CODE_NEXT, 0, false},			      /* pop %rbp */
		{{0xeb, 0x10}, 2, CODE_JUMP, 0x1012, true},		      /* jmp */
		{{0xe9, 0xfb, 0xff, 0xff, 0xff}, 5, CODE_JUMP, 0x1000, true}, /* jmp to itself */
		{{0x75, 0xfe}, 2, CODE_BRANCH, 0x1000, true},		      /* jne to itself */
		{{0x0f, 0x86, 0, 1, 0, 0}, 6, CODE_BRANCH, 0x1106, true},     /* jbe, long */
		{{0xe8, 0, 0, 0, 0}, 5, CODE_CALL, 0x1005, true},	      /* call */
		{{0xff, 0xd1}, 2, CODE_CALL, 0, false},			      /* call *%rcx */
		{{0xff, 0xe0}, 2, CODE_JUMP, 0, false},			      /* jmp *%rax */
		{{0xc3}, 1, CODE_RETURN, 0, false},			      /* ret */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct code_insn insn = decode_one(cases[i].bytes, cases[i].size);

		assert_int_equal(insn.flow, cases[i].flow);
		assert_int_equal(insn.target, cases[i].target);
		assert_int_equal(insn.emulated, cases[i].emulated);
	}
}

TEST(test_decode_writes)
{
	assert_int_equal(decode_one(CODE(0x48, 0x8b, 0x11)).writes, 1 << 2); /* mov (%rcx),%rdx */
	assert_int_equal(decode_one(CODE(0x31, 0xc9)).writes, 1 << 1);	     /* xor %ecx,%ecx */
	assert_int_equal(decode_one(CODE(0x41, 0x0f, 0x94, 0xc1)).writes, 1 << 9); /* sete %r9b */
	assert_int_equal(decode_one(CODE(0x48, 0x89, 0x11)).writes, 0); /* mov %rdx,(%rcx) */
	assert_int_equal(decode_one(CODE(0x48, 0x85, 0xdb)).writes, 0); /* test %rbx,%rbx */
	assert_int_equal(decode_one(CODE(0x48, 0x87, 0xca)).writes, 1 << 1 | 1 << 2); /* xchg */
	assert_true(decode_one(CODE(0xc9)).writes & 1 << 5); /* leave: rbp */
	/* A call may change all but rsp, rbp and g. */
	assert_int_equal(decode_one(CODE(0xff, 0xd1)).writes & 0xffff, 0xbfcf);
}

TEST(test_decode_compare)
{
	struct code_insn insn = decode_one(CODE(0x83, 0x3d, 0x00, 0x10, 0x00, 0x00, 0x02));

	assert_int_equal(insn.op, CODE_COMPARE_GLOBAL); /* cmpl $2,0x1000(%rip) */
	assert_int_equal(insn.target, 0x2007);
	assert_int_equal(insn.imm, 2);
}

TEST(test_decode_joins)
{
	static const uint8_t bytes[] = {
		0x74, 0x02, /* +0 je +4 */
		0x90,	    /* +2 nop */
		0x90,	    /* +3 nop */
		0x90,	    /* +4 nop */
		0xeb, 0xf9, /* +5 jmp +0: as morestack's tail, it starts anew */
		0xeb, 0x55, /* +7 jmp out of the function */
	};
	static const bool joined[] = {false, false, false, true, false, false};
	struct code code;

	assert_null(code_decode(&machine_x86_64, bytes, sizeof(bytes), 0x1000, &code));
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
	/* nop, then a byte that is no instruction: nothing goes on there, and a nop follows */
	assert_null(code_decode(&machine_x86_64, CODE(0x90, 0x06, 0x90), 0x1000, &code));
	assert_int_equal(code.insns.len, 3);
	assert_int_equal(code.insns.data[0].flow, CODE_NEXT);
	assert_int_equal(code.insns.data[1].flow, CODE_STOP);
	assert_int_equal(code.insns.data[1].size, 1);
	assert_true(code.insns.data[1].writes == UINT32_MAX);
	assert_false(code.insns.data[1].emulated);
	assert_int_equal(code.insns.data[2].flow, CODE_NEXT);
	code_fini(&code);
	assert_null(code_decode(&machine_x86_64, CODE(0x90, 0x48, 0x8b), 0x1000,
				&code)); /* cut short */
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
