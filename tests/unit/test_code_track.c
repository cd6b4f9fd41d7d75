/* Tests of read/code/calls.c, track.c, paths.c and print.c: calls in text, values of registers,
 * paths through a function, instructions as text. */
#include "test.h"
#include "base/clock.h"
#include "base/buf.h"

#include <stdlib.h>

#include "read/code/code.h"
#include "track.h"
#include "track_arm64.h"

#define BASE 0x400000ull

/* ---- calls ---- */

static void put_rel(uint8_t *text, size_t at, uint64_t target)
{
	int32_t rel = (int32_t)(target - (BASE + at + 4));

	memcpy(text + at, &rel, sizeof(rel));
}

/* Finds each opcode at each offset of a vector's width, also near both ends of the text. */
TEST(test_calls_everywhere)
{
	static const uint64_t targets[] = {0x3ff000, 0x400100, 0x500000};
	static const uint8_t opcodes[][2] = {{0xe8}, {0xe9}, {0x0f, 0x84}, {0x0f, 0x8f}};
	enum { SIZE = 70 };

	for (size_t at = 0; at < SIZE; at++) {
		for (size_t o = 0; o < ARRAY_SIZE(opcodes); o++) {
			size_t len = opcodes[o][1] ? 2 : 1;
			uint8_t text[SIZE + 8];
			struct code_calls calls = {0};
			size_t expected = at + len + 4 <= SIZE;

			memset(text, 0x90, sizeof(text));
			memcpy(text + at, opcodes[o], len);
			put_rel(text, at + len, targets[o % 3]);
			assert_null(code_calls_find(&machine_x86_64, text, SIZE, BASE, targets,
						    ARRAY_SIZE(targets), &calls));
			assert_int_equal(calls.list.len, expected);
			if (expected) {
				assert_int_equal(calls.list.data[0].addr, BASE + at);
				assert_int_equal(calls.list.data[0].target, targets[o % 3]);
			}
			code_calls_fini(&calls);
		}
	}
}

TEST(test_calls_none)
{
	static const uint64_t targets[] = {0x3ff000};
	uint8_t text[64] = {0xe8, 0, 0, 0, 0, 0x0f, 0x74, 0, 0, 0, 0, 0x84};
	struct code_calls calls = {0};

	put_rel(text, 7, 0x3ff000); /* after 0f 74, which is no jump */
	assert_null(code_calls_find(&machine_x86_64, text, sizeof(text), BASE, targets, 1, &calls));
	assert_int_equal(calls.list.len, 0);
	assert_null(code_calls_find(&machine_x86_64, text, sizeof(text), BASE, targets, 0, &calls));
	assert_null(code_calls_find(&machine_x86_64, text, 0, BASE, targets, 1, &calls));
	assert_null(code_calls_find(&machine_arm64, text, 3, BASE, targets, 1, &calls));
	assert_int_equal(calls.list.len, 0);
	code_calls_fini(&calls);
}

/* A call within another instruction does not count. A call after a prefix does. */
TEST(test_call_at)
{
	static const uint64_t targets[] = {0x400020};
	struct code_calls calls = {0};
	struct code code;

	assert_null(code_calls_find(&machine_x86_64, call_at, sizeof(call_at), BASE, targets, 1,
				    &calls));
	assert_int_equal(calls.list.len, 3);
	assert_null(code_decode(&machine_x86_64, call_at, sizeof(call_at), BASE, &code));
	assert_null(code_call_at(&code, &calls.list.data[0]));
	assert_int_equal(code_call_at(&code, &calls.list.data[1])->addr, BASE + 10);
	assert_int_equal(code_call_at(&code, &calls.list.data[2])->addr, BASE + 16);
	code_fini(&code);
	code_calls_fini(&calls);
}

TEST(test_calls_arm64)
{
	static const uint64_t targets[] = {0x400000, 0x400100};
	struct code_calls calls = {0};

	assert_null(code_calls_find(&machine_arm64, calls_arm64, sizeof(calls_arm64), 0x400000,
				    targets, 2, &calls));
	assert_int_equal(calls.list.len, 2);
	assert_int_equal(calls.list.data[0].addr, 0x400004);
	assert_int_equal(calls.list.data[0].target, 0x400000);
	assert_int_equal(calls.list.data[1].addr, 0x400008);
	assert_int_equal(calls.list.data[1].target, 0x400100);
	code_calls_fini(&calls);
}

TEST(test_takes)
{
	static const uint64_t target[] = {0x400123}, page_target[] = {0x401123};
	struct code_calls found = {0};

	assert_null(
		code_takes_find(&machine_x86_64, takes, sizeof(takes), BASE, target, 1, &found));
	assert_int_equal(found.list.len, 1);
	assert_int_equal(found.list.data[0].addr, BASE + 2);
	found.list.len = 0;
	assert_null(code_takes_find(&machine_x86_64, takes, 7, BASE, target, 1,
				    &found)); /* truncated */
	assert_int_equal(found.list.len, 0);
	assert_null(code_takes_find(&machine_arm64, takes_arm64, sizeof(takes_arm64), BASE,
				    page_target, 1, &found));
	assert_int_equal(found.list.len, 1);
	assert_int_equal(found.list.data[0].addr, BASE + 4);
	code_calls_fini(&found);
}

/* Globals in [0x500000, 0x500100), methods at 0x400100. */
TEST(test_globals)
{
	static const uint8_t text[] = {
		0x48, 0x89, 0x05, 0xf9, 0xff, 0x0f,
		0x00, /* 400000: mov %rax,0x500000 */
		0x4c, 0x8b, 0x0d, 0xfa, 0xff, 0x0f,
		0x00, /* 400007: mov 0x500008,%r9 */
		0x48, 0x8d, 0x05, 0xfb, 0xff, 0x0f,
		0x00,			      /* 40000e: lea 0x500010,%rax */
		0xe8, 0xe6, 0x00, 0x00, 0x00, /* 400015: call 0x400100 */
		0x48, 0x8b, 0x05, 0xdf, 0xff, 0x0f,
		0x00, /* 40001a: mov 0x500000,%rax: no call follows */
		0x48, 0x89, 0x05, 0xd9, 0xff, 0x0f,
		0x00, /* 400021: mov %rax,0x500001: no word */
		0x48, 0x89, 0x05, 0xd8, 0xff, 0x1f,
		0x00,				    /* 400028: mov %rax,0x600007 */
		0x48, 0x89, 0x05, 0xd2, 0xff, 0x0f, /* 40002f: cut */
	};
	static const struct code_call wanted[] = {
		{0x400000, 0x500000}, {0x400007, 0x500008}, {0x40000e, 0x500010}};
	static const uint64_t method[] = {0x400100};
	struct code_calls found = {0};

	assert_null(code_globals_find(&machine_x86_64, text, sizeof(text), 0x400000, 0x500000,
				      0x500100, method, 1, &found));
	assert_int_equal(found.list.len, ARRAY_SIZE(wanted));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		assert_int_equal(found.list.data[i].addr, wanted[i].addr);
		assert_int_equal(found.list.data[i].target, wanted[i].target);
	}
	code_calls_fini(&found);
}

TEST(test_trampolines)
{
	const struct code_call take = {BASE + 4, 0x401123};
	uint32_t other[3];
	uint64_t addr = 0;

	assert_true(
		code_is_trampoline(&machine_arm64, trampoline, sizeof(trampoline), &take, &addr));
	assert_int_equal(addr, BASE);
	assert_false(code_is_trampoline(&machine_arm64, trampoline, 11, &take, &addr));
	assert_false(
		code_is_trampoline(&machine_x86_64, trampoline, sizeof(trampoline), &take, &addr));
	for (unsigned i = 0; i < 3; i++) {
		memcpy(other, trampoline, sizeof(trampoline));
		other[i] ^= 1u << (i == 2 ? 5 : 0); /* another register */
		assert_false(
			code_is_trampoline(&machine_arm64, other, sizeof(other), &take, &addr));
	}
}

/* ---- values ---- */

/* Returns the value of register reg before the instruction at offset `at`. */
static struct code_value value_at(const uint8_t *text, size_t size, size_t at, uint8_t reg,
				  uint64_t keeper)
{
	struct code_keepers keepers = {&keeper, keeper != 0};
	struct code_track *track = NULL;
	struct code_value value;
	struct code code;

	assert_null(code_decode(&machine_x86_64, text, size, BASE, &code));
	assert_non_null(code_at(&code, BASE + at));
	assert_null(code_track_new(&machine_x86_64, &code, keepers, &track));
	value = code_track_value(track, code_at(&code, BASE + at), reg);
	code_track_free(track);
	code_fini(&code);
	return value;
}

#define VALUE_AT(text, at, reg) value_at(text, sizeof(text), at, reg, 0)

enum { RAX, RCX, RDX, RBX, RSP, RSI = 6, RDI };

TEST(test_track_moves)
{
	struct code_value value;

	value = VALUE_AT(moves, 0, RAX);
	assert_int_equal(value.root, CODE_ENTRY);
	assert_int_equal(value.base, RAX);
	value = VALUE_AT(moves, 7, RAX);
	assert_int_equal(value.root, CODE_CONSTANT);
	assert_int_equal(value.base, 0x401000);
	value = VALUE_AT(moves, 17, RAX); /* the result of the call */
	assert_int_equal(value.root, CODE_RESULT);
	assert_int_equal(value.base, BASE + 12);
	assert_int_equal(VALUE_AT(moves, 17, RBX).root, CODE_UNKNOWN);
	value = VALUE_AT(moves, 25, RSI);
	assert_int_equal(value.root, CODE_CONSTANT);
	assert_int_equal(value.base, 0x401000);
	value = VALUE_AT(moves, 33, RBX);
	assert_int_equal(value.root, CODE_CONSTANT);
	assert_int_equal(value.loads, 1);
	assert_int_equal(value.offsets[0], 8);
	assert_int_equal(value.add, 0x10);
	assert_int_equal(VALUE_AT(moves, 35, RCX).root, CODE_UNKNOWN); /* 4 bytes only */
	assert_int_equal(VALUE_AT(moves, 35, RSI).root, CODE_CONSTANT);
}

/* A write barrier keeps the registers that other calls do not. */
TEST(test_track_keepers)
{

	assert_int_equal(value_at(write_barrier, sizeof(write_barrier), 15, RAX, 0x401000).root,
			 CODE_CONSTANT);
	assert_int_equal(value_at(write_barrier, sizeof(write_barrier), 15, 11, 0x401000).root,
			 CODE_UNKNOWN);
	assert_int_equal(value_at(write_barrier, sizeof(write_barrier), 15, RAX, 0x402000).root,
			 CODE_RESULT);
}

TEST(test_track_joins)
{

	assert_int_equal(VALUE_AT(joins, 23, RAX).root, CODE_CONSTANT);
	assert_int_equal(VALUE_AT(joins, 28, RAX).base, 0x401000);
	assert_int_equal(VALUE_AT(joins, 23, RCX).root, CODE_UNKNOWN);
	assert_int_equal(VALUE_AT(joins, 16, RCX).root, CODE_UNKNOWN); /* changed by the loop */
	assert_int_equal(VALUE_AT(joins, 28, RDX).root, CODE_UNKNOWN);
	assert_int_equal(VALUE_AT(joins, 14, RCX).root, CODE_CONSTANT);
}

/* Blocks that only a switch's table leads to begin with the values at the switch. The tail after a
 * stack check leads to the entry, but its registers do not count there. */
TEST(test_track_switch)
{

	assert_int_equal(VALUE_AT(table_jump, 14, RBX).root, CODE_ENTRY);
	assert_int_equal(VALUE_AT(table_jump, 14, RBX).base, RAX);
	assert_int_equal(VALUE_AT(table_jump, 0, RAX).root, CODE_ENTRY);
	assert_int_equal(VALUE_AT(table_jump, 0, RAX).base, RAX);
}

/* Chains that are too long and additions that overflow give an unknown value. */
TEST(test_track_limits)
{

	assert_int_equal(VALUE_AT(limits, 9, RAX).loads, 3);
	assert_int_equal(VALUE_AT(limits, 12, RCX).root, CODE_UNKNOWN);
	assert_int_equal(VALUE_AT(limits, 19, RDX).root, CODE_ENTRY);
	assert_int_equal(VALUE_AT(limits, 26, RDX).root, CODE_UNKNOWN);
	assert_int_equal(VALUE_AT(limits, 26, 40).root, CODE_UNKNOWN);
}

/* A jump through a table, and 100,000 blocks that only it can lead to. Following each, and
 * searching all after each, would take very long. No real function has so many. The tracker gives
 * up soon, and all values are unknown. */
TEST(test_track_many_blocks)
{
	enum { BLOCKS = 100000 };
	uint8_t *text = malloc(BLOCKS);
	double begun = clock_used();

	memset(text, 0xc3, BLOCKS); /* ret */
	text[0] = 0xff;		    /* jmp rcx */
	text[1] = 0xe1;
	assert_int_equal(value_at(text, BLOCKS, BLOCKS - 1, RAX, 0).root, CODE_UNKNOWN);
	assert_true(clock_used() - begun < 4);
	free(text);
}

TEST(test_track_noise)
{
	uint64_t noise = 3;

	for (int i = 0; i < 3000; i++) {
		struct code_track *track = NULL;
		uint8_t text[256];
		struct code code;

		for (size_t k = 0; k < sizeof(text); k++) {
			noise = noise * 6364136223846793005u + 1442695040888963407u;
			text[k] = (uint8_t)(noise >> 56);
		}
		assert_null(code_decode(i & 1 ? &machine_arm64 : &machine_x86_64, text,
					sizeof(text), BASE, &code));
		assert_null(code_track_new(i & 1 ? &machine_arm64 : &machine_x86_64, &code,
					   (struct code_keepers){0}, &track));
		vec_each(insn, &code.insns)
			for (uint8_t reg = 0; reg < 34; reg++)
				assert_true(code_track_value(track, insn, reg).root <= CODE_STACK);
		code_track_free(track);
		code_fini(&code);
	}
}

/* ---- paths and text ---- */

static bool cold_at(void *ctx, uint64_t target)
{
	return target == *(const uint64_t *)ctx;
}

static void assert_path(const struct code *code, const struct code_path *path, const char *offsets)
{
	struct buf text = {0};

	vec_each(at, &path->insns)
		buf_printf(&text, "%s%llu", text.len ? " " : "",
			   (unsigned long long)(code->insns.data[*at].addr - BASE));
	assert_string_equal(buf_cstr(&text), offsets);
	buf_fini(&text);
}

TEST(test_paths)
{
	uint64_t cold = 0x401000;
	struct code_path path;
	struct code code;

	assert_null(code_decode(&machine_x86_64, paths, sizeof(paths), BASE, &code));
	assert_null(code_straight(&code, cold_at, &cold, &path));
	assert_path(&code, &path, "0 2 10 12 13 14 16 17 18 19");
	code_path_fini(&path);
	assert_null(code_shortest(&code, (uint32_t)(code_at(&code, BASE + 16) - code.insns.data),
				  cold_at, &cold, &path));
	assert_path(&code, &path, "0 2 10 14 16 17 18 19");
	code_path_fini(&path);
	cold = 0; /* now it may be called, and the branch falls through */
	assert_null(code_straight(&code, cold_at, &cold, &path));
	assert_path(&code, &path, "0 2 4 5 10 12 13 14 16 17 18 19");
	code_path_fini(&path);
	assert_null(code_shortest(&code, (uint32_t)code.insns.len, cold_at, &cold, &path));
	assert_null(path.insns.data);
	/* nothing leads from the jump to the entry to a return; nothing must leak */
	assert_null(code_shortest(&code, (uint32_t)code.insns.len - 1, cold_at, &cold, &path));
	assert_null(path.insns.data);
	code_fini(&code);
}

TEST(test_print)
{
	static const struct {
		const struct machine_ops *machine;
		uint8_t bytes[8], size;
		const char *text;
	} cases[] = {
		{&machine_x86_64, {0x48, 0x8b, 0x44, 0x24, 0x40}, 5, "mov rax, [rsp+0x40]"},
		{&machine_x86_64, {0xe8, 0xfb, 0x0f, 0, 0}, 5, "call 0x401000"},
		{&machine_x86_64, {0x06}, 1, "(bad)"},
		{&machine_x86_64, {0x48}, 1, "(bad)"},
		{&machine_arm64, {0xe1, 0x2f, 0x40, 0xf9}, 4, "ldr x1, [sp, #0x58]"},
		{&machine_arm64, {0xc0, 0x03, 0x5f, 0xd6}, 4, "ret"},
		{&machine_arm64, {0, 0, 0, 0}, 4, "(bad)"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct code_printer *printer = NULL;
		struct buf text = {0};

		assert_null(code_printer_new(cases[i].machine, &printer));
		code_print(printer, cases[i].bytes, cases[i].size, BASE, &text);
		assert_string_equal(buf_cstr(&text), cases[i].text);
		buf_fini(&text);
		code_printer_free(printer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_everywhere),
		cmocka_unit_test(test_calls_none),
		cmocka_unit_test(test_call_at),
		cmocka_unit_test(test_calls_arm64),
		cmocka_unit_test(test_takes),
		cmocka_unit_test(test_globals),
		cmocka_unit_test(test_trampolines),
		cmocka_unit_test(test_track_moves),
		cmocka_unit_test(test_track_keepers),
		cmocka_unit_test(test_track_joins),
		cmocka_unit_test(test_track_switch),
		cmocka_unit_test(test_track_limits),
		cmocka_unit_test(test_track_noise),
		cmocka_unit_test(test_track_many_blocks),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
