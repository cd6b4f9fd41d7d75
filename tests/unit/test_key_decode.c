/* Tests of read/layout/go_key.c: the meaning of the bytes of a key. The types belong to a synthesised
 * program, and the keys are arrays of bytes. */
#include "test.h"

#include <math.h>

#include "key_check.h"

TEST(integers_and_addresses)
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

TEST(floats_and_complex_numbers)
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

TEST(a_string_is_cut_between_runes)
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

TEST(holes_of_a_struct_do_not_matter)
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

TEST(arrays)
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
TEST(strings_with_the_same_memory_are_told_apart)
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
TEST(a_string_of_more_than_4_gib)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_GO(26, integers_and_addresses),
		WITH_GO(26, floats_and_complex_numbers),
		WITH_GO(26, a_string_is_cut_between_runes),
		WITH_GO(26, holes_of_a_struct_do_not_matter),
		WITH_GO(26, arrays),
		WITH_GO(26, strings_with_the_same_memory_are_told_apart),
		WITH_GO(26, a_string_of_more_than_4_gib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
