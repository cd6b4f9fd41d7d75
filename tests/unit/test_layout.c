/* Tests of read/layout/go_key.c: the bytes of a key that are read, and their meaning. The types
 * belong to a synthesised program, and the keys are arrays of bytes. */
#include "test.h"

#include <math.h>
#include <stdio.h>

#include "key_check.h"

/* ---- plans ---- */

static struct go_key_plan plan_of(const struct goprog *p, uint64_t type)
{
	struct go_key_plan plan;

	assert_true(go_key_plan(&p->types, type, &plan));
	return plan;
}

static void check_step(const struct go_key_plan *plan, unsigned i, unsigned offset,
		       enum go_key_reference reference)
{
	assert_true(i < plan->nsteps);
	assert_int_equal(plan->step[i].offset, offset);
	assert_int_equal(plan->step[i].reference, reference);
}

static const struct {
	enum gotype_kind kind;
	uint32_t size;
} scalars[] = {
	{GOTYPE_BOOL, 1},	    {GOTYPE_INT, 8},	 {GOTYPE_INT8, 1},
	{GOTYPE_INT16, 2},	    {GOTYPE_INT32, 4},	 {GOTYPE_INT64, 8},
	{GOTYPE_UINT, 8},	    {GOTYPE_UINT8, 1},	 {GOTYPE_UINT16, 2},
	{GOTYPE_UINT32, 4},	    {GOTYPE_UINT64, 8},	 {GOTYPE_UINTPTR, 8},
	{GOTYPE_FLOAT32, 4},	    {GOTYPE_FLOAT64, 8}, {GOTYPE_COMPLEX64, 8},
	{GOTYPE_COMPLEX128, 16},    {GOTYPE_CHAN, 8},	 {GOTYPE_POINTER, 8},
	{GOTYPE_UNSAFE_POINTER, 8},
};

TEST(test_plan_scalars)
{
	struct goprog *p = *state;
	uint64_t at[ARRAY_SIZE(scalars)];

	for (size_t i = 0; i < ARRAY_SIZE(scalars); i++)
		at[i] = goprog_scalar(p, scalars[i].kind);
	goprog_open(p);
	for (size_t i = 0; i < ARRAY_SIZE(scalars); i++) {
		struct go_key_plan plan = plan_of(p, at[i]);

		assert_int_equal(plan.shape, GO_KEY_RAW);
		assert_int_equal(plan.size, scalars[i].size);
		assert_int_equal(plan.nsteps, 0);
		assert_false(plan.truncated);
	}
}

TEST(test_plan_references)
{
	struct goprog *p = *state;
	struct go_key_plan plan;
	uint64_t string, eface, iface;

	string = goprog_scalar(p, GOTYPE_STRING);
	eface = goprog_eface(p);
	iface = goprog_iface(p);
	goprog_open(p);
	plan = plan_of(p, string);
	assert_int_equal(plan.shape, GO_KEY_STRING);
	assert_int_equal(plan.size, 16);
	plan = plan_of(p, eface);
	assert_int_equal(plan.shape, GO_KEY_PARTS);
	assert_int_equal(plan.size, 16);
	assert_int_equal(plan.nsteps, 1);
	check_step(&plan, 0, 0, GO_KEY_REF_EFACE);
	plan = plan_of(p, iface);
	check_step(&plan, 0, 0, GO_KEY_REF_IFACE);
}

/* struct { A int32; Name string; In struct { Tags [2]string; V any }; S fmt.Stringer } */
TEST(test_plan_nested)
{
	struct goprog *p = *state;
	static const unsigned offsets[] = {8, 24, 40, 56, 72};
	struct go_key_plan plan;
	uint64_t string, inner, outer;

	string = goprog_scalar(p, GOTYPE_STRING);
	inner = STRUCT(p, "main.inner",
		       ((struct goprog_field[]){
			       {"Tags", goprog_array(p, "[2]string", string, 16, 2, 24), 0},
			       {"V", goprog_eface(p), 32},
		       }),
		       48, 48);
	outer = STRUCT(p, "main.outer",
		       ((struct goprog_field[]){{"A", goprog_scalar(p, GOTYPE_INT32), 0},
						{"Name", string, 8},
						{"In", inner, 24},
						{"S", goprog_iface(p), 72}}),
		       88, 88);
	goprog_open(p);
	plan = plan_of(p, outer);
	assert_int_equal(plan.shape, GO_KEY_PARTS);
	assert_int_equal(plan.size, 88);
	assert_int_equal(plan.nsteps, ARRAY_SIZE(offsets));
	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++)
		check_step(&plan, i, offsets[i],
			   i == 3   ? GO_KEY_REF_EFACE
			   : i == 4 ? GO_KEY_REF_IFACE
				    : GO_KEY_REF_STRING);
	assert_false(plan.truncated);
}

/* Without pointers there is nothing to follow. */
TEST(test_plan_without_pointers)
{
	struct goprog *p = *state;
	uint64_t array, pair;

	array = goprog_array(p, "[1000000]int", p->fake.type_int, 8, 1000000, 0);
	pair = STRUCT(p, "main.p", ((struct goprog_field[]){{"A", array, 0}}), 8000000, 0);
	goprog_open(p);
	assert_int_equal(plan_of(p, array).shape, GO_KEY_RAW);
	assert_int_equal(plan_of(p, array).size, 8000000);
	assert_int_equal(plan_of(p, pair).shape, GO_KEY_RAW);
}

TEST(test_plan_truncated)
{
	struct goprog *p = *state;
	struct go_key_plan plan;
	uint64_t string, eight, nine, far;

	string = goprog_scalar(p, GOTYPE_STRING);
	eight = goprog_array(p, "[8]string", string, 16, 8, 120);
	nine = goprog_array(p, "[9]string", string, 16, 9, 136);
	far = STRUCT(p, "main.far", ((struct goprog_field[]){{"S", string, 65536}}), 65552, 65544);
	goprog_open(p);
	plan = plan_of(p, eight);
	assert_int_equal(plan.nsteps, 8);
	assert_false(plan.truncated);
	plan = plan_of(p, nine);
	assert_int_equal(plan.nsteps, 8);
	assert_true(plan.truncated);
	check_step(&plan, 7, 7 * 16, GO_KEY_REF_STRING);
	plan = plan_of(p, far); /* past the largest offset in a step */
	assert_int_equal(plan.shape, GO_KEY_PARTS);
	assert_int_equal(plan.nsteps, 0);
	assert_true(plan.truncated);
}

/* Makes the type [1][1]...string, with `levels` of arrays around the string. */
static uint64_t nest(struct goprog *p, unsigned levels)
{
	uint64_t type = goprog_scalar(p, GOTYPE_STRING);

	while (levels--)
		type = goprog_array(p, "[1]T", type, 16, 1, 8);
	return type;
}

TEST(test_plan_depth)
{
	struct goprog *p = *state;
	struct go_key_plan plan;
	uint64_t deep, deeper;

	deep = nest(p, 16);
	deeper = nest(p, 17);
	goprog_open(p);
	plan = plan_of(p, deep);
	assert_int_equal(plan.nsteps, 1);
	assert_false(go_key_plan(&p->types, deeper, &plan));
}

/* Changes the type of a field. After the 48 bytes of a descriptor come PkgPath, the slice of
 * fields, then the fields, 24 bytes each. */
static void poke_field_type(struct goprog *p, uint64_t type, unsigned index, uint64_t to)
{
	gofake_poke_u64(&p->fake, type + 48 + 8 + 24 + 24 * index + 8, to);
}

/* An array that claims 2^40 pointers, and an array of 2^20 such arrays. One element without
 * references stands for all. */
TEST(test_plan_arrays)
{
	struct goprog *p = *state;
	struct go_key_plan plan;
	uint64_t inner, outer;

	inner = goprog_array(p, "[N]*int", goprog_scalar(p, GOTYPE_POINTER), 8, 1ull << 40, 8);
	gofake_poke_u64(&p->fake, inner, 8); /* its size */
	outer = goprog_array(p, "[N][N]*int", inner, 8, 1ull << 20, 8);
	goprog_open(p);
	plan = plan_of(p, inner);
	assert_int_equal(plan.shape, GO_KEY_RAW);
	assert_int_equal(plan.visits, 2);
	assert_false(plan.truncated);
	plan = plan_of(p, outer);
	assert_int_equal(plan.shape, GO_KEY_RAW);
	assert_int_equal(plan.visits, 3);
}

/* Structs of eight structs of eight ..., eleven levels deep, with pointers at the end: 2^33 of
 * them, and never more steps than the limit that would end the walk. */
TEST(test_plan_bounded)
{
	struct goprog *p = *state;
	struct go_key_plan plan;
	uint64_t type;

	type = goprog_scalar(p, GOTYPE_POINTER);
	for (unsigned level = 0; level < 11; level++)
		type = STRUCT(p, "main.wide",
			      ((struct goprog_field[]){{"A", type, 0},
						       {"B", type, 0},
						       {"C", type, 0},
						       {"D", type, 0},
						       {"E", type, 0},
						       {"F", type, 0},
						       {"G", type, 0},
						       {"H", type, 0}}),
			      8, 8);
	goprog_open(p);
	alarm(10);
	plan = plan_of(p, type);
	alarm(0);
	assert_true(plan.truncated);
	assert_int_equal(plan.shape, GO_KEY_PARTS);
	assert_int_equal(plan.nsteps, 0);
	assert_in_range(plan.visits, 4096, 4200);
}

TEST(test_plan_hostile)
{
	struct goprog *p = *state;
	struct go_key_plan plan;
	uint64_t cycle, missing, outside;

	cycle = STRUCT(p, "main.cycle", ((struct goprog_field[]){{"Self", 0, 0}}), 8, 8);
	poke_field_type(p, cycle, 0, cycle);
	missing = STRUCT(p, "main.m", ((struct goprog_field[]){{"F", 0xdead0000, 0}}), 8, 8);
	outside =
		STRUCT(p, "main.o", ((struct goprog_field[]){{"F", p->fake.type_int, 24}}), 16, 8);
	goprog_open(p);
	assert_false(go_key_plan(&p->types, cycle, &plan));
	assert_false(go_key_plan(&p->types, missing, &plan));
	assert_false(go_key_plan(&p->types, outside, &plan));
	assert_false(go_key_plan(&p->types, 0, &plan));
	assert_false(go_key_plan(&p->types, p->fake.type_int + 4, &plan));
	assert_false(go_key_plan(&p->types, UINT64_MAX - 7, &plan));
}

/* ---- decoding ---- */

/* Checks a key that has no parts elsewhere. Its bytes are copied, so that a read past them is
 * detected. */
static void check_key(const struct goprog *p, uint64_t type, const void *bytes, size_t size,
		      const char *expected)
{
	cleanup_free void *copy = malloc(size ? size : 1);
	struct go_key_segment segment = {.type = type, .want = size, .len = size, .bytes = copy};
	struct go_key_memory memory = {.segments = &segment, .n = 1};

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	check_memory(p, type, &memory, expected);
}

TEST(test_decode_integers)
{
	struct goprog *p = *state;
	static const struct {
		enum gotype_kind kind;
		uint64_t word;
		const char *text;
	} cases[] = {
		{GOTYPE_BOOL, 0, "false"},
		{GOTYPE_BOOL, 1, "true"},
		{GOTYPE_BOOL, 2, "true"}, /* Go would not write this byte */
		{GOTYPE_INT, 0, "0"},
		{GOTYPE_INT, UINT64_MAX, "-1"},
		{GOTYPE_INT, 1ull << 63, "-9223372036854775808"},
		{GOTYPE_INT64, INT64_MAX, "9223372036854775807"},
		{GOTYPE_INT8, 0x80, "-128"},
		{GOTYPE_INT8, 0x7f, "127"},
		{GOTYPE_INT16, 0x8000, "-32768"},
		{GOTYPE_INT16, 0xfffe, "-2"},
		{GOTYPE_INT32, 0x80000000, "-2147483648"},
		{GOTYPE_INT32, 0x7fffffff, "2147483647"},
		{GOTYPE_UINT, UINT64_MAX, "18446744073709551615"},
		{GOTYPE_UINT8, 0xff, "255"},
		{GOTYPE_UINT16, 0xffff, "65535"},
		{GOTYPE_UINT32, 0xffffffff, "4294967295"},
		{GOTYPE_UINT64, 1ull << 63, "9223372036854775808"},
		{GOTYPE_UINTPTR, 42, "42"},
		{GOTYPE_POINTER, 0xc000012345, "0xc000012345"},
		{GOTYPE_POINTER, 0, "nil"},
		{GOTYPE_CHAN, 0xc000100000, "0xc000100000"},
		{GOTYPE_UNSAFE_POINTER, UINT64_MAX, "0xffffffffffffffff"},
	};
	uint64_t at[ARRAY_SIZE(cases)];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		at[i] = goprog_scalar(p, cases[i].kind);
	goprog_open(p);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_key(p, at[i], &cases[i].word, plan_of(p, at[i]).size, cases[i].text);
}

TEST(test_decode_floats)
{
	struct goprog *p = *state;
	const double wide[] = {1.5, -0.0, (double)INFINITY, (double)NAN, 5e-324};
	const float narrow[] = {0.1f, -0.0f, -INFINITY, 16777216.0f};
	static const char *const wide_text[] = {"1.5", "-0", "+Inf", "NaN", "5e-324"};
	static const char *const narrow_text[] = {"0.1", "-0", "-Inf", "1.6777216e+07"};
	uint64_t f32, f64, c64, c128;

	f32 = goprog_scalar(p, GOTYPE_FLOAT32);
	f64 = goprog_scalar(p, GOTYPE_FLOAT64);
	c64 = goprog_scalar(p, GOTYPE_COMPLEX64);
	c128 = goprog_scalar(p, GOTYPE_COMPLEX128);
	goprog_open(p);
	for (size_t i = 0; i < ARRAY_SIZE(wide); i++)
		check_key(p, f64, &wide[i], 8, wide_text[i]);
	for (size_t i = 0; i < ARRAY_SIZE(narrow); i++)
		check_key(p, f32, &narrow[i], 4, narrow_text[i]);
	check_key(p, c64, (float[]){1.5f, -2}, 8, "(1.5-2i)");
	check_key(p, c128, (double[]){1, 0.1}, 16, "(1+0.1i)");
}

/* ---- strings ---- */

/* Checks a string key as it is sent: its first `len` bytes of `want`. */
static void check_string(const struct goprog *p, uint64_t type, const char *bytes, size_t len,
			 uint64_t want, const char *expected)
{
	cleanup_free char *copy = malloc(len ? len : 1);
	struct go_key_segment segment = {.want = want, .len = len, .bytes = copy};
	struct go_key_memory memory = {.segments = &segment, .n = 1, .is_string = true};

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	check_memory(p, type, &memory, expected);
}

TEST(test_decode_string)
{
	struct goprog *p = *state;
	uint64_t string;

	string = goprog_scalar(p, GOTYPE_STRING);
	goprog_open(p);
	check_string(p, string, "user:42", 7, 7, "\"user:42\"");
	check_string(p, string, "", 0, 0, "\"\"");
	check_string(p, string, "a\0b", 3, 3, "\"a\\x00b\"");
	check_string(p, string, "user:42", 7, 70, "\"user:42\"…");
	check_string(p, string, "", 0, 5, "<the string's bytes could not be read>");
	/* A cut inside a rune of two, three or four bytes removes the rune. */
	check_string(p, string, "a\xc3", 2, 9, "\"a\"…");
	check_string(p, string, "a\xc3\xa9", 3, 9, "\"aé\"…");
	check_string(p, string, "a\xe2\x82", 3, 9, "\"a\"…");
	check_string(p, string, "a\xe2\x82\xac", 4, 9, "\"a€\"…");
	check_string(p, string, "\xf0\x9f\x98", 3, 9, "\"\"…");
	check_string(p, string, "\xf0\x9f\x98\x80", 4, 9, "\"😀\"…");
	/* Bytes that are not UTF-8 are kept. Nothing is removed from a string that is complete. */
	check_string(p, string, "\x80\x80\x80\x80\x80", 5, 9, "\"\\x80\\x80\\x80\\x80\\x80\"…");
	check_string(p, string, "a\xc3", 2, 2, "\"a\\xc3\"");
}

/* ---- structs, arrays ---- */

TEST(test_decode_struct_padding)
{
	struct goprog *p = *state;
	/* struct { A int8; B int64; C bool; D int16 }, with random bytes in the holes */
	static const uint8_t bytes[] = {
		0xff, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, /* A, hole */
		0x2a, 0,    0,	  0,	0,    0,    0,	  0,	/* B */
		1,    0xaa, 0xfe, 0xff, 0xaa, 0xaa, 0xaa, 0xaa, /* C, hole, D, hole */
	};
	uint64_t padded, unnamed, empty;

	padded = STRUCT(p, "main.padded",
			((struct goprog_field[]){{"A", goprog_scalar(p, GOTYPE_INT8), 0},
						 {"B", goprog_scalar(p, GOTYPE_INT64), 8},
						 {"C", goprog_scalar(p, GOTYPE_BOOL), 16},
						 {"D", goprog_scalar(p, GOTYPE_INT16), 18}}),
			24, 0);
	unnamed = STRUCT(p, "struct { P main.padded }", ((struct goprog_field[]){{"P", padded, 0}}),
			 24, 0);
	empty = goprog_type(p, &(struct goprog_type){.name = "struct {}", .kind = GOTYPE_STRUCT});
	goprog_open(p);
	check_key(p, padded, bytes, sizeof(bytes), "main.padded{A: -1, B: 42, C: true, D: -2}");
	check_key(p, unnamed, bytes, sizeof(bytes),
		  "{P: main.padded{A: -1, B: 42, C: true, D: -2}}");
	check_key(p, empty, "", 0, "{}");
}

TEST(test_decode_array)
{
	struct goprog *p = *state;
	static const int16_t ints[] = {1, -2, 3};
	uint64_t array, square, none;

	array = goprog_array(p, "[3]int16", goprog_scalar(p, GOTYPE_INT16), 2, 3, 0);
	square = goprog_array(p, "[1][3]int16", array, 6, 1, 0);
	none = goprog_array(p, "[0]int16", array, 6, 0, 0);
	goprog_open(p);
	check_key(p, array, ints, 6, "[3]int16{1, -2, 3}");
	check_key(p, square, ints, 6, "[1][3]int16{[3]int16{1, -2, 3}}");
	check_key(p, none, "", 0, "[0]int16{}");
	check_key(p, array, ints, 4,
		  "[3]int16{1, -2, <the key is longer than the part that is read>}");
}

/* struct { A string; N int; B string }: the two strings share memory, so only the length tells
 * which segment belongs to which. */
TEST(test_decode_struct_strings)
{
	struct goprog *p = *state;
	static const uint64_t words[] = {0x1000, 5, 7, 0x1000, 2};
	struct go_key_segment segments[] = {
		{.want = 40, .len = 40, .bytes = words},
		{.addr = 0x1000, .want = 5, .len = 5, .bytes = "hello"},
		{.addr = 0x1000, .want = 2, .len = 2, .bytes = "he"},
	};
	struct go_key_memory memory = {.segments = segments, .n = 3};
	uint64_t string, type;

	string = goprog_scalar(p, GOTYPE_STRING);
	type = STRUCT(p, "main.s",
		      ((struct goprog_field[]){
			      {"A", string, 0}, {"N", p->fake.type_int, 16}, {"B", string, 24}}),
		      40, 32);
	goprog_open(p);
	check_memory(p, type, &memory, "main.s{A: \"hello\", N: 7, B: \"he\"}");
	memory.n = 2; /* more parts than steps, and the second was not followed */
	check_memory(p, type, &memory,
		     "main.s{A: \"hello\", N: 7, B: <the key has more parts than are read>}");
	segments[1].len = 0; /* and the first was not readable */
	check_memory(p, type, &memory,
		     "main.s{A: <the string's bytes could not be read>, N: 7, "
		     "B: <the key has more parts than are read>}");
}

/* A string of more than 4 GiB. In the record, the size of a segment has 32 bits. */
TEST(test_decode_huge_string)
{
	struct goprog *p = *state;
	static const uint64_t words[] = {0x1000, 1ull << 40};
	struct go_key_segment segments[] = {
		{.want = 16, .len = 16, .bytes = words},
		{.addr = 0x1000, .want = UINT32_MAX, .len = 4, .bytes = "abcd"},
	};
	struct go_key_memory memory = {.segments = segments, .n = 2};
	uint64_t array;

	array = goprog_array(p, "[1]string", goprog_scalar(p, GOTYPE_STRING), 16, 1, 8);
	goprog_open(p);
	check_memory(p, array, &memory, "[1]string{\"abcd\"…}");
}

/* ---- keys that no compiler wrote ---- */

TEST(test_decode_short)
{
	struct goprog *p = *state;
	static const char longer[] = "<the key is longer than the part that is read>";
	uint64_t integer, string, eface, c128;

	integer = goprog_scalar(p, GOTYPE_INT);
	string = goprog_scalar(p, GOTYPE_STRING);
	eface = goprog_eface(p);
	c128 = goprog_scalar(p, GOTYPE_COMPLEX128);
	goprog_open(p);
	check_key(p, integer, "1234567", 7, longer);
	check_key(p, string, "12345678", 8, longer);
	check_key(p, eface, "123456789012345", 15, longer);
	check_key(p, c128, "123456789012345", 15, longer);
	check_key(p, integer, "", 0, "<the key's memory could not be read>");
	check_memory(p, integer, &(struct go_key_memory){0},
		     "<the key's memory could not be read>");
}

TEST(test_decode_hostile)
{
	struct goprog *p = *state;
	static const uint8_t zeros[64];
	uint64_t outside, edge, wild, slice, lying;

	outside =
		STRUCT(p, "main.o", ((struct goprog_field[]){{"F", p->fake.type_int, 24}}), 16, 0);
	edge = STRUCT(p, "main.e", ((struct goprog_field[]){{"F", p->fake.type_int, 16}}), 16, 0);
	wild = STRUCT(p, "main.w", ((struct goprog_field[]){{"F", 0xdead0000, 0}}), 16, 0);
	slice = p->fake.type_slice;
	lying = goprog_array(p, "[9]int", p->fake.type_int, 8, 9, 0);
	gofake_poke_u64(&p->fake, lying, 8); /* its size is that of one element */
	goprog_open(p);
	check_key(p, outside, zeros, 16, "main.o{<the field's type could not be read>}");
	check_key(p, edge, zeros, 16, "main.e{F: <the key's memory could not be read>}");
	check_key(p, wild, zeros, 16, "main.w{F: <the key's type could not be read>}");
	check_key(p, slice, zeros, 24, "<a type that cannot be a key>");
	check_key(p, p->fake.type_map, zeros, 8, "<a type that cannot be a key>");
	check_key(p, lying, zeros, 8, "[9]int{0, <the key is longer than the part that is read>}");
	check_key(p, 0xdead0000, zeros, 8, "<the key's type could not be read>");
	check_key(p, 0, zeros, 8, "<the key's type could not be read>");
}

/* Decodes and returns the number of tokens, which must form one value. */
static size_t count_values(const struct goprog *p, uint64_t type, const void *bytes, size_t size)
{
	struct go_key_segment segment = {.type = type, .want = size, .len = size, .bytes = bytes};
	struct go_key_memory memory = {.segments = &segment, .n = 1};
	struct go_key_arena arena = {0};
	size_t n;

	assert_true(go_key_decode(&p->types, type, &memory, &arena));
	n = arena.values.len;
	assert_int_equal(value_skip(arena.values.data, n, 0), n);
	go_key_arena_fini(&arena);
	return n;
}

/* Checks that the first token says that it was cut, and the size of the whole. */
static void check_cut(const struct goprog *p, uint64_t type, const struct go_key_segment *segment,
		      uint32_t n, uint32_t whole)
{
	struct go_key_memory memory = {.segments = segment, .n = 1, .is_string = !type};
	struct go_key_arena arena = {0};

	assert_true(go_key_decode(&p->types, type, &memory, &arena));
	assert_int_equal(arena.values.data[0].cut, whole != 0);
	assert_int_equal(arena.values.data[0].whole, whole);
	assert_int_equal(arena.values.data[0].n, n);
	go_key_arena_fini(&arena);
}

TEST(test_decode_cut)
{
	struct goprog *p = *state;
	static const uint64_t zeros[4];
	struct go_key_segment string = {.want = 4, .len = 4, .bytes = "user"};
	struct go_key_segment bytes = {.want = 32, .len = 8, .bytes = zeros};
	uint64_t four, ints, nothing, wild;

	four = STRUCT(p, "main.four",
		      ((struct goprog_field[]){{"A", p->fake.type_int, 0},
					       {"B", p->fake.type_int, 8},
					       {"C", p->fake.type_int, 16},
					       {"D", p->fake.type_int, 24}}),
		      32, 0);
	ints = goprog_array(p, "[4]int", p->fake.type_int, 8, 4, 0);
	nothing = goprog_type(p, &(struct goprog_type){.name = "struct {}", .kind = GOTYPE_STRUCT});
	nothing = goprog_array(p, "[99999999]struct {}", nothing, 0, 99999999, 0);
	wild = goprog_array(p, "[4]main.wild", 0xdead0000, 8, 4, 0);
	goprog_open(p);
	check_cut(p, 0, &string, 0, 0);
	string.want = 100;
	check_cut(p, 0, &string, 0, 100);
	string.want = 5ull << 32;
	check_cut(p, 0, &string, 0, UINT32_MAX);
	check_cut(p, ints, &bytes, 2, 4); /* one element, and that no more exist */
	check_key(p, ints, zeros, 8, "[4]int{0, <the key is longer than the part that is read>}");
	check_key(p, four, zeros, 8,
		  "main.four{A: 0, B: <the key's memory could not be read>, "
		  "C: <the key is longer than the part that is read>}");
	check_cut(p, four, &bytes, 3, 4);
	check_key(p, wild, zeros, 32, "[4]main.wild{<the elements' type could not be read>}");
	check_cut(p, wild, &bytes, 1, 4);
	check_cut(p, nothing, &bytes, 511, 99999999);
	bytes.len = 32;
	check_cut(p, ints, &bytes, 4, 0);
	check_cut(p, four, &bytes, 4, 0);
}

TEST(test_decode_bounded)
{
	struct goprog *p = *state;
	static const uint8_t bytes[1000];
	uint64_t cycle, bomb, wide, nothing, deep;

	cycle = STRUCT(p, "main.cycle", ((struct goprog_field[]){{"Self", 0, 0}}), 8, 8);
	poke_field_type(p, cycle, 0, cycle);
	/* Two fields of its own type: 2^16 values without a bound. */
	bomb = STRUCT(p, "main.bomb", ((struct goprog_field[]){{"A", 0, 0}, {"B", 0, 0}}), 8, 8);
	poke_field_type(p, bomb, 0, bomb);
	poke_field_type(p, bomb, 1, bomb);
	wide = goprog_array(p, "[1000]int8", goprog_scalar(p, GOTYPE_INT8), 1, 1000, 0);
	nothing = goprog_type(p, &(struct goprog_type){.name = "struct {}", .kind = GOTYPE_STRUCT});
	nothing = goprog_array(p, "[99999999]struct {}", nothing, 0, 99999999, 0);
	deep = nest(p, 17);
	goprog_open(p);
	assert_int_equal(count_values(p, cycle, bytes, 8), 18);
	assert_in_range(count_values(p, bomb, bytes, 8), 500, 600);
	assert_int_equal(count_values(p, wide, bytes, 1000), 512);
	assert_int_equal(count_values(p, nothing, bytes, 0), 512);
	assert_int_equal(count_values(p, deep, bytes, 16), 18);
}

/* Type data in which each byte in turn is wrong. Every result must be one value. */
TEST(test_decode_flipped)
{
	struct goprog *p = *state;
	static const uint8_t bytes[64] = {1, 2, 3};
	static const uint8_t masks[] = {0x01, 0x80, 0xff};
	struct interface_types t;
	uint64_t size;

	add_interfaces(p, &t);
	size = p->etypes - t.eface;
	for (uint64_t at = 0; at < size; at++) {
		uint8_t *byte = (uint8_t *)p->fake.file.data + (t.eface - p->fake.base) + at;
		uint8_t saved = *byte;

		for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
			cleanup_close int fd = -1;
			struct goprog broken = *p;

			*byte = saved ^ masks[i];
			fd = gofake_fd(p->fake.file.data, p->fake.file.len);
			assert_null(image_open(fd, "broken", &broken.image));
			broken.types.image = broken.image;
			count_values(&broken, t.pair, bytes, 32);
			count_values(&broken, t.eface, bytes, 16);
			image_close(broken.image);
		}
		*byte = saved;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_GO(26, test_plan_scalars),
		WITH_GO(26, test_plan_references),
		WITH_GO(22, test_plan_nested),
		WITH_GO(19, test_plan_without_pointers),
		WITH_GO(26, test_plan_truncated),
		WITH_GO(26, test_plan_depth),
		WITH_GO(26, test_plan_arrays),
		WITH_GO(26, test_plan_bounded),
		WITH_GO(26, test_plan_hostile),
		WITH_GO(26, test_decode_integers),
		WITH_GO(26, test_decode_floats),
		WITH_GO(26, test_decode_string),
		WITH_GO(26, test_decode_struct_padding),
		WITH_GO(26, test_decode_array),
		WITH_GO(26, test_decode_struct_strings),
		WITH_GO(26, test_decode_huge_string),
		WITH_GO(26, test_decode_short),
		WITH_GO(26, test_decode_hostile),
		WITH_GO(26, test_decode_cut),
		WITH_GO(26, test_decode_bounded),
		WITH_GO(26, test_decode_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
