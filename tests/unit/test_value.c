/* Tests of read/layout/value.c: values as text and as JSON, also when the list of values is
 * false. */
#include "test.h"
#include "base/buf.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "read/layout/layout.h"

#define STRING(s)                                                              \
	{                                                                      \
		.kind = VALUE_STRING, .bytes = (s), .bytes_len = sizeof(s) - 1 \
	}
#define NAMED(s) .name = (s), .name_len = sizeof(s) - 1

static void check_json(const struct value *values, size_t n, const char *expected)
{
	struct buf buf = {0};

	value_json(&buf, values, n);
	assert_string_equal(buf_cstr(&buf), expected);
	buf_fini(&buf);
}

static void check_text(const struct value *values, size_t n, const char *expected)
{
	struct buf buf = {0};

	value_text(&buf, values, n);
	assert_string_equal(buf_cstr(&buf), expected);
	buf_fini(&buf);
}

static void check(struct value value, const char *text, const char *json)
{
	check_text(&value, 1, text);
	check_json(&value, 1, json);
}

/* --- Scalars --- */

static struct value int_value(int64_t i)
{
	return (struct value){.kind = VALUE_INT, .i = i};
}

static struct value uint_value(uint64_t u)
{
	return (struct value){.kind = VALUE_UINT, .u = u};
}

static struct value float_value(double f, uint8_t bits)
{
	return (struct value){.kind = VALUE_FLOAT, .bits = bits, .f = f};
}

TEST(test_integers)
{
	check(int_value(0), "0", "0");
	check(int_value(-1), "-1", "-1");
	check(int_value(1ll << 53), "9007199254740992", "9007199254740992");
	check(int_value((1ll << 53) + 1), "9007199254740993", "\"9007199254740993\"");
	check(int_value(-(1ll << 53)), "-9007199254740992", "-9007199254740992");
	check(int_value(-(1ll << 53) - 1), "-9007199254740993", "\"-9007199254740993\"");
	check(int_value(INT64_MIN), "-9223372036854775808", "\"-9223372036854775808\"");
	check(uint_value(42), "42", "42");
	check(uint_value(UINT64_MAX), "18446744073709551615", "\"18446744073709551615\"");
}

TEST(test_bool_pointer)
{
	check((struct value){.kind = VALUE_BOOL, .u = 1}, "true", "true");
	check((struct value){.kind = VALUE_BOOL, .u = 0}, "false", "false");
	check((struct value){.kind = VALUE_POINTER, .u = 0xc000012345}, "0xc000012345",
	      "\"0xc000012345\"");
	check((struct value){.kind = VALUE_POINTER}, "nil", "\"0x0\"");
}

TEST(test_floats)
{
	check(float_value(1.5, 64), "1.5", "1.5");
	check(float_value(0.1, 64), "0.1", "0.1");
	check(float_value((double)0.1f, 32), "0.1", "0.1");
	check(float_value((double)0.1f, 64), "0.10000000149011612", "0.10000000149011612");
	check(float_value(1.0 / 3, 64), "0.3333333333333333", "0.3333333333333333");
	check(float_value((double)(1.0f / 3), 32), "0.33333334", "0.33333334");
	check(float_value(100000, 64), "100000", "100000");
	check(float_value(1000000, 64), "1e+06", "1000000");
	check(float_value(123456789, 64), "1.23456789e+08", "123456789");
	check(float_value(-2.5e-7, 64), "-2.5e-07", "-2.5e-07");
	check(float_value(0.0001, 64), "0.0001", "0.0001");
	check(float_value(0, 64), "0", "0");
	check(float_value(-0.0, 64), "-0", "-0.0");
	check(float_value(1e300, 64), "1e+300", "\"1e+300\"");
	check(float_value(0x1p53, 64), "9.007199254740992e+15", "9007199254740992");
	check(float_value(0x1p53 + 2, 64), "9.007199254740994e+15", "\"9007199254740994\"");
	check(float_value(5e-324, 64), "5e-324", "5e-324");
	check(float_value((double)1e-45f, 32), "1e-45", "1e-45");
	check(float_value((double)3.4028234663852886e38f, 32), "3.4028235e+38",
	      "\"3.4028235e+38\"");
	check(float_value(1.7976931348623157e308, 64), "1.7976931348623157e+308",
	      "\"1.7976931348623157e+308\"");
	check(float_value((double)NAN, 64), "NaN", "\"NaN\"");
	check(float_value(-(double)NAN, 32), "NaN", "\"NaN\"");
	check(float_value((double)INFINITY, 64), "+Inf", "\"+Inf\"");
	check(float_value(-(double)INFINITY, 32), "-Inf", "\"-Inf\"");
}

TEST(test_floats_round_trip)
{
	uint64_t bits = 1;

	for (int i = 0; i < 20000; i++) {
		struct buf buf = {0};
		struct value value = {.kind = VALUE_FLOAT, .bits = i % 2 ? 64 : 32};
		float narrow;
		uint32_t half;

		bits = bits * 6364136223846793005u + 1442695040888963407u;
		half = (uint32_t)(bits >> 32);
		memcpy(&value.f, &bits, sizeof(bits));
		memcpy(&narrow, &half, sizeof(half));
		if (value.bits == 32)
			value.f = (double)narrow;
		if (!isfinite(value.f))
			continue;
		value_text(&buf, &value, 1);
		if (value.bits == 32)
			assert_true(strtof(buf_cstr(&buf), NULL) == narrow);
		else
			assert_true(strtod(buf_cstr(&buf), NULL) == value.f);
		buf_fini(&buf);
	}
}

TEST(test_complex)
{
	struct value value = {.kind = VALUE_COMPLEX, .bits = 128, .f = 1, .im = 2};

	check(value, "(1+2i)", "[1,2]");
	value.im = -0.5;
	check(value, "(1-0.5i)", "[1,-0.5]");
	value.f = (double)NAN;
	value.im = (double)INFINITY;
	check(value, "(NaN+Infi)", "[\"NaN\",\"+Inf\"]");
	value = (struct value){.kind = VALUE_COMPLEX, .bits = 64, .f = (double)0.1f};
	check(value, "(0.1+0i)", "[0.1,0]");
}

/* --- Strings --- */

TEST(test_strings)
{
	check((struct value)STRING("user:42"), "\"user:42\"", "\"user:42\"");
	check((struct value)STRING(""), "\"\"", "\"\"");
	check((struct value){.kind = VALUE_STRING}, "\"\"", "\"\"");
	check((struct value)STRING("say \"hi\" \\ bye"), "\"say \\\"hi\\\" \\\\ bye\"",
	      "\"say \\\"hi\\\" \\\\ bye\"");
	check((struct value)STRING("a\0b"), "\"a\\x00b\"", "\"a\\u0000b\"");
	check((struct value)STRING("\a\b\f\n\r\t\v"), "\"\\a\\b\\f\\n\\r\\t\\v\"",
	      "\"\\u0007\\b\\f\\n\\r\\t\\u000b\"");
	check((struct value)STRING("\x1b[31mred\x7f"), "\"\\x1b[31mred\\x7f\"",
	      "\"\\u001b[31mred\\u007f\"");
	check((struct value)STRING("größe→世界😀"), "\"größe→世界😀\"", "\"größe→世界😀\"");
	/* C1 controls, invisible and reordering runes, separators */
	check((struct value)STRING("\xc2\x9b"
				   "0m"),
	      "\"\\u009b0m\"", "\"\\u009b0m\"");
	check((struct value)STRING("a\u202eb\u200b\ufeff\u00a0"),
	      "\"a\\u202eb\\u200b\\ufeff\\u00a0\"", "\"a\\u202eb\\u200b\\ufeff\\u00a0\"");
	check((struct value)STRING("\u2028\U000e0001"), "\"\\u2028\\U000e0001\"",
	      "\"\\u2028\\udb40\\udc01\"");
	check((struct value)STRING("\ufffd"), "\"\ufffd\"", "\"\ufffd\""); /* valid by itself */
}

TEST(test_strings_not_utf8)
{
	check((struct value)STRING("\xff"), "\"\\xff\"", "{\"bytes\":\"ff\"}");
	check((struct value)STRING("ok\x80\xc3\xa9"), "\"ok\\x80é\"", "{\"bytes\":\"6f6b80c3a9\"}");
	check((struct value)STRING("\xc3"), "\"\\xc3\"", "{\"bytes\":\"c3\"}"); /* truncated */
	check((struct value)STRING("\xc0\xaf"), "\"\\xc0\\xaf\"", "{\"bytes\":\"c0af\"}");
	check((struct value)STRING("\xe0\x80\x80"), "\"\\xe0\\x80\\x80\"",
	      "{\"bytes\":\"e08080\"}");
	check((struct value)STRING("\xed\xa0\x80"), "\"\\xed\\xa0\\x80\"",
	      "{\"bytes\":\"eda080\"}"); /* a surrogate */
	check((struct value)STRING("\xf4\x90\x80\x80"), "\"\\xf4\\x90\\x80\\x80\"",
	      "{\"bytes\":\"f4908080\"}"); /* past U+10FFFF */
	check((struct value)STRING("\xf8\xb6\xa5\xa2"), "\"\\xf8\\xb6\\xa5\\xa2\"",
	      "{\"bytes\":\"f8b6a5a2\"}"); /* no lead byte */
	check((struct value)STRING("\xf5\xff\xff\xff\xff"), "\"\\xf5\\xff\\xff\\xff\\xff\"",
	      "{\"bytes\":\"f5ffffffff\"}");
}

TEST(test_strings_cut)
{
	struct value values[2] = {{.kind = VALUE_INTERFACE, .n = 1, .type = "string"},
				  STRING("sixty-four bytes")};

	assert_false(value_is_cut(values, 2));
	values[1].cut = true;
	assert_true(value_is_cut(values, 2));
	assert_false(value_is_cut(values, 1));
	assert_false(value_is_cut(NULL, 0));
	check(values[1], "\"sixty-four bytes\"…", "\"sixty-four bytes\"");
	check_text(values, 2, "string(\"sixty-four bytes\"…)");
	values[0] = (struct value){.kind = VALUE_ARRAY, .n = 1, .cut = true, .whole = 9};
	values[1].cut = false;
	assert_true(value_is_cut(values, 2)); /* elements are missing */
}

/* Tests whether a name is shown unchanged. */
TEST(test_name_unique)
{
	static const struct value fields[] = {
		{.kind = VALUE_ARRAY, NAMED("A"), .n = 1},
		{.kind = VALUE_INT, NAMED("B")},
		{.kind = VALUE_INT, NAMED("B")},
		{.kind = VALUE_INT, NAMED("_")},
		{.kind = VALUE_INT, NAMED("_")},
		{.kind = VALUE_INT, NAMED("a#1")},
		{.kind = VALUE_INT, NAMED("\xff")},
		{.kind = VALUE_INT, NAMED("")},
		{.kind = VALUE_INT},
	};
	static const bool unique[] = {true, true, true, true, false, false, false, false, false};

	for (uint32_t i = 0; i < ARRAY_SIZE(fields); i++)
		assert_int_equal(value_name_unique(fields, 0, i, ARRAY_SIZE(fields), i), unique[i]);
	assert_false(value_name_unique(fields, 1, 2, ARRAY_SIZE(fields), 1));  /* not A's own B */
	assert_false(value_name_unique(fields, 0, 0, ARRAY_SIZE(fields), 64)); /* not compared */
}

/* --- Composites --- */

TEST(test_struct)
{
	static const struct value values[] = {
		{.kind = VALUE_STRUCT, .n = 2, .type = "main.point"},
		{.kind = VALUE_INT, NAMED("X"), .i = 1},
		{.kind = VALUE_STRING, NAMED("Name"), .bytes = "é", .bytes_len = 2},
	};
	struct value unnamed[ARRAY_SIZE(values)];

	check_text(values, 3, "main.point{X: 1, Name: \"é\"}");
	check_json(values, 3, "{\"X\":1,\"Name\":\"é\"}");
	memcpy(unnamed, values, sizeof(values));
	unnamed[0].type = "";
	unnamed[1].name = unnamed[2].name = NULL;
	check_text(unnamed, 3, "{1, \"é\"}");
	check_json(unnamed, 3, "{\"#0\":1,\"#1\":\"é\"}");
	check_text(values, 1, "main.point{}");
	check_json(values, 1, "{}");
}

/* Whatever the names are, no member may occur twice. */
TEST(test_struct_names)
{
	static const struct value values[] = {
		{.kind = VALUE_STRUCT, .n = 7, .type = ""},
		{.kind = VALUE_INT, NAMED("_")},
		{.kind = VALUE_ARRAY, NAMED("_"), .n = 1},
		{.kind = VALUE_INT, NAMED("_")}, /* a child of the array, not a sibling */
		{.kind = VALUE_INT, NAMED("_")},
		{.kind = VALUE_INT, NAMED("_#2")},
		{.kind = VALUE_INT, NAMED("\xff")},
		{.kind = VALUE_INT, NAMED("\xfe")},
		{.kind = VALUE_INT, NAMED("a\x1b\"")},
	};

	check_json(values, ARRAY_SIZE(values),
		   "{\"_\":0,\"_#1\":[0],\"_#2\":0,\"_#2#3\":0,\"\\ufffd#4\":0,\"\\ufffd#5\":0,"
		   "\"a\\u001b\\\"\":0}");
	check_text(values, ARRAY_SIZE(values),
		   "{_: 0, _: {0}, _: 0, _#2: 0, \\xff: 0, \\xfe: 0, a\\x1b\": 0}");
}

TEST(test_struct_many_fields)
{
	struct value values[201] = {{.kind = VALUE_STRUCT, .n = 200, .type = ""}};
	struct buf buf = {0};
	json_t *json;

	for (size_t i = 1; i < ARRAY_SIZE(values); i++)
		values[i] = (struct value){.kind = VALUE_INT, NAMED("same"), .i = (int64_t)i};
	value_json(&buf, values, ARRAY_SIZE(values));
	json = json_loadb(buf.data, buf.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	assert_int_equal(json_object_size(json), 200);
	json_decref(json);
	buf_fini(&buf);
}

TEST(test_array)
{
	static const struct value values[] = {
		{.kind = VALUE_ARRAY, .n = 2, .type = "[2][]bool"},
		{.kind = VALUE_ARRAY, .n = 1, .type = "[1]bool"},
		{.kind = VALUE_BOOL, .u = 1},
		{.kind = VALUE_ARRAY, .n = 0, .type = "[0]bool"},
	};

	check_text(values, 4, "[2][]bool{[1]bool{true}, [0]bool{}}");
	check_json(values, 4, "[[true],[]]");
}

TEST(test_interface)
{
	struct value values[] = {
		{.kind = VALUE_INTERFACE, .n = 1, .type = "int"},
		{.kind = VALUE_INT, .i = 42},
	};
	static const struct value point[] = {
		{.kind = VALUE_INTERFACE, .n = 1, .type = "main.point"},
		{.kind = VALUE_STRUCT, .n = 1, .type = "main.point"},
		{.kind = VALUE_INT, NAMED("X"), .i = 1},
	};
	static const struct value nil = {.kind = VALUE_INTERFACE, .type = ""};

	check_text(values, 2, "int(42)");
	check_json(values, 2, "{\"type\":\"int\",\"value\":42}");
	values[0].type = "*main.T";
	values[1] = (struct value){.kind = VALUE_POINTER, .u = 0xc000};
	check_text(values, 2, "(*main.T)(0xc000)");
	check_json(values, 2, "{\"type\":\"*main.T\",\"value\":\"0xc000\"}");
	values[0].type = NULL;
	check_text(values, 2, "(0xc000)");
	check_json(values, 2, "{\"type\":\"\",\"value\":\"0xc000\"}");
	values[0].type = "evil\x1b[2J\"";
	check_text(values, 2, "evil\\x1b[2J\"(0xc000)");
	check_json(values, 2, "{\"type\":\"evil\\u001b[2J\\\"\",\"value\":\"0xc000\"}");
	check_text(point, 3, "main.point{X: 1}");
	check_json(point, 3, "{\"type\":\"main.point\",\"value\":{\"X\":1}}");
	check(nil, "nil", "null");
}

TEST(test_unread)
{
	struct value values[] = {
		{.kind = VALUE_STRUCT, .n = 3, .type = "main.k"},
		{.kind = VALUE_INT, NAMED("A"), .i = 1},
		{.kind = VALUE_UNREAD, NAMED("B"), .bytes = "page\nfault", .bytes_len = 10},
		{.kind = VALUE_UNREAD, NAMED("C")},
	};

	check_text(values, 4, "main.k{A: 1, B: <page\\nfault>, C: <unread>}");
	check_json(values, 4, "{\"A\":1,\"B\":null,\"C\":null}");
	assert_string_equal(value_error(values, 4), "page\nfault");
	assert_string_equal(value_error(values + 3, 1), "");
	assert_null(value_error(values, 2));
	check_text(NULL, 0, "?");
	check_json(NULL, 0, "null");
}

/* --- Lists that lie --- */

TEST(test_skip)
{
	static const struct value values[] = {
		{.kind = VALUE_STRUCT, .n = 2},
		{.kind = VALUE_INTERFACE, .n = 1},
		{.kind = VALUE_INT, .n = 7},
		{.kind = VALUE_INT},
		{.kind = VALUE_ARRAY, .n = UINT32_MAX},
		{.kind = VALUE_INT},
	};

	assert_int_equal(value_skip(values, 6, 0), 4);
	assert_int_equal(value_skip(values, 6, 1), 3);
	assert_int_equal(value_skip(values, 6, 2), 3); /* an int has no children */
	assert_int_equal(value_skip(values, 6, 4), 6);
	assert_int_equal(value_skip(values, 2, 0), 2); /* the list is too short */
	assert_int_equal(value_skip(values, 6, 6), 6);
	assert_int_equal(value_skip(values, 6, 9), 6);
}

TEST(test_too_few_children)
{
	static const struct value values[] = {
		{.kind = VALUE_ARRAY, .n = UINT32_MAX, .type = "[2]int"},
		{.kind = VALUE_INTERFACE, .n = 1, .type = "int"},
	};

	check_text(values, 1, "[2]int{}");
	check_json(values, 1, "[]");
	check_text(values, 2, "[2]int{int()}");
	check_json(values, 2, "[{\"type\":\"int\",\"value\":null}]");
}

TEST(test_deep)
{
	struct value values[1000];
	struct buf buf = {0};
	json_t *json;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		values[i] = (struct value){.kind = VALUE_ARRAY, .n = 1, .type = ""};
	value_text(&buf, values, ARRAY_SIZE(values));
	assert_memory_equal(buf_cstr(&buf) + 32, "…}}", 5);
	assert_int_equal(buf.len, 32 + 3 + 32);
	buf_reset(&buf);
	value_json(&buf, values, ARRAY_SIZE(values));
	json = json_loadb(buf.data, buf.len, 0, NULL);
	assert_non_null(json);
	json_decref(json);
	buf_fini(&buf);
}

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

static struct value random_value(char bytes[static 16])
{
	static const char *const types[] = {NULL,	   "",		"int", "*main.T",
					    "bad\xff\x1b", "main.point"};
	struct value value = {
		.kind = (enum value_kind)random_below(VALUE_UNREAD + 2),
		.bits = (uint8_t)random_below(256),
		.cut = random_below(2),
		.n = random_below(8) ? random_below(4) : random_below(UINT32_MAX),
		.type = types[random_below(ARRAY_SIZE(types))],
	};

	for (size_t i = 0; i < 16; i++)
		bytes[i] = (char)random_below(256);
	if (random_below(2)) {
		value.name = bytes;
		value.name_len = random_below(3);
	}
	if (value.kind == VALUE_STRING || value.kind == VALUE_UNREAD) {
		value.bytes = random_below(8) ? bytes : NULL;
		value.bytes_len = random_below(17);
	} else {
		value.u = (uint64_t)random_below(UINT32_MAX) << 40 | random_below(UINT32_MAX);
		value.im = random_below(1000) / 7.0;
	}
	return value;
}

/* Any list gives one line of clean text, and JSON that can be read back. */
TEST(test_random_lists)
{
	struct value values[24];
	char bytes[ARRAY_SIZE(values)][16];
	struct buf buf = {0};

	for (int round = 0; round < 20000; round++) {
		size_t n = 1 + random_below(ARRAY_SIZE(values));
		json_error_t why;
		json_t *json;

		for (size_t i = 0; i < n; i++)
			values[i] = random_value(bytes[i]);
		buf_reset(&buf);
		value_json(&buf, values, n);
		json = json_loadb(buf.data, buf.len,
				  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
		if (!json)
			fail_msg("round %d: %s in %s", round, why.text, buf_cstr(&buf));
		json_decref(json);
		buf_reset(&buf);
		value_text(&buf, values, n);
		for (size_t i = 0; i < buf.len; i++)
			assert_true((unsigned char)buf.data[i] >= ' ' && buf.data[i] != 0x7f);
	}
	buf_fini(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_bool_pointer),
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_floats_round_trip),
		cmocka_unit_test(test_complex),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_strings_not_utf8),
		cmocka_unit_test(test_strings_cut),
		cmocka_unit_test(test_name_unique),
		cmocka_unit_test(test_struct),
		cmocka_unit_test(test_struct_names),
		cmocka_unit_test(test_struct_many_fields),
		cmocka_unit_test(test_array),
		cmocka_unit_test(test_interface),
		cmocka_unit_test(test_unread),
		cmocka_unit_test(test_skip),
		cmocka_unit_test(test_too_few_children),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_random_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
