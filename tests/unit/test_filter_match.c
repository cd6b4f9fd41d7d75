/* Tests of watch/filter/match.c: user space compares decoded keys with --key and --key-prefix if
 * the kernel program cannot. */
#include "test.h"

#include <math.h>

#include "watch/engine/engine.h"
#include "read/layout/layout.h"

#define STRING(s)                                                              \
	{                                                                      \
		.kind = VALUE_STRING, .bytes = (s), .bytes_len = sizeof(s) - 1 \
	}
#define NAMED(s) .name = (s), .name_len = sizeof(s) - 1

static struct filter key_filter(const char *text, bool prefix)
{
	struct filter filter = {0};

	assert_null(filter_set_key(&filter, text, prefix));
	return filter;
}

static void check_matches(const char *text, const struct value *values, size_t n, bool expected)
{
	struct filter filter = key_filter(text, false);

	if (filter_key_matches(filter.key, values, n) != expected)
		fail_msg("%s: expected %d", text, expected);
	filter_fini(&filter);
}

#define YES(text, ...) CHECK_MATCH(true, text, __VA_ARGS__)
#define NO(text, ...)  CHECK_MATCH(false, text, __VA_ARGS__)
#define CHECK_MATCH(expected, text, ...)                                                  \
	check_matches((text), (const struct value[]){__VA_ARGS__},                        \
		      sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value), \
		      (expected))

TEST(test_match_scalars)
{
	const struct value minus = {.kind = VALUE_INT, .i = -7};
	const struct value big = {.kind = VALUE_UINT, .u = UINT64_MAX};
	const struct value yes = {.kind = VALUE_BOOL, .u = 1};
	const struct value pointer = {.kind = VALUE_POINTER, .u = 0xc000012345};
	const struct value half = {.kind = VALUE_FLOAT, .bits = 32, .f = (double)0.1f};
	const struct value tenth = {.kind = VALUE_FLOAT, .bits = 64, .f = 0.1};
	const struct value unread = {.kind = VALUE_UNREAD, .bytes = "why", .bytes_len = 3};

	YES("-7", minus);
	NO("\"-7\"", minus); /* the string only */
	NO("7", minus);
	NO("-7.5", minus);
	NO("true", minus);
	YES("18446744073709551615", big);
	NO("18446744073709551616", big);
	NO("-1", big);
	YES("\"18446744073709551615\"", big);
	NO("18446744073709551614", big);
	YES("true", yes);
	NO("false", yes);
	NO("1", yes);
	YES("0xc000012345", pointer);
	NO("0xc000012346", pointer);
	NO("42", pointer);
	YES("0.1", half);
	YES("0.1", tenth);
	NO("0.2", half);
	YES("why", unread); /* the event shows the reason */
	YES("[1, 2]", unread);
}

/* A text that is not a number as a whole is no number. It is neither 0 nor the number at its
 * beginning. */
TEST(test_match_no_number)
{
	static const char *const words[] = {
		"user:42",
		"",
		" ",
		"x",
		"0x",
		"0xg",
		"00x",
		"- 0",
		"+0",
		" 0",
		"0 ",
		"0,",
		"\"0\"",
		"\"\"",
		"nan",
		"true",
		"false",
		"null",
		"{}",
		"[]",
		"[0]",
		"{\"X\":0}",
		"[\"x\",\"y\"]",
		"{\"bytes\":\"\"}",
		"{\"bytes\":\"00\"}",
		"99999999999999999999",
		"1e400",
		"0e",
		"0.x",
	};
	const struct value zeros[] = {
		{.kind = VALUE_INT},
		{.kind = VALUE_UINT},
		{.kind = VALUE_POINTER},
		{.kind = VALUE_FLOAT, .bits = 32},
		{.kind = VALUE_FLOAT, .bits = 64},
		{.kind = VALUE_COMPLEX, .bits = 64},
		{.kind = VALUE_COMPLEX, .bits = 128},
	};

	for (size_t w = 0; w < ARRAY_SIZE(words); w++) {
		for (size_t i = 0; i < ARRAY_SIZE(zeros); i++) {
			const struct value any = {.kind = VALUE_INTERFACE, .n = 1, .type = "T"};

			NO(words[w], zeros[i]);
			NO(words[w], any, zeros[i]);
		}
	}
}

TEST(test_match_numbers)
{
	const struct value eight = {.kind = VALUE_UINT, .u = 8},
			   ten = {.kind = VALUE_UINT, .u = 10};
	const struct value nil = {.kind = VALUE_POINTER}, zero = {.kind = VALUE_INT};
	const struct value past = {.kind = VALUE_INT, .i = (1ll << 53) + 1};
	const struct value least = {.kind = VALUE_INT, .i = INT64_MIN};
	const struct value nan = {.kind = VALUE_FLOAT, .bits = 64, .f = (double)NAN};
	const struct value inf = {.kind = VALUE_FLOAT, .bits = 32, .f = HUGE_VAL};
	const struct value huge = {.kind = VALUE_FLOAT, .bits = 64, .f = 1e300};
	const struct value none = {.kind = VALUE_FLOAT, .bits = 32, .f = -0.0};

	NO("010", eight);
	YES("010", ten);
	YES("0xa", ten);
	NO("10.0", ten);
	YES("0x0", nil);
	NO("0", nil);
	YES("-0", zero);
	YES("9007199254740993", past);
	YES("\"9007199254740993\"", past); /* as events show it */
	NO("9007199254740992", past);
	YES("\"-9223372036854775808\"", least);
	NO("\"9223372036854775808\"", least);
	YES("NaN", nan);
	YES("\"NaN\"", nan);
	NO("+Inf", nan);
	YES("+Inf", inf);
	YES("\"+Inf\"", inf);
	NO("-Inf", inf);
	NO("1e300", inf);
	YES("1e+300", huge);
	YES("\"1e+300\"", huge);
	YES("0", none);
	NO("1e-60", none);
}

TEST(test_match_strings)
{
	struct value word = STRING("user:42"), number = STRING("42"), empty = STRING("");
	const struct value nul = STRING("a\0b");

	YES("user:42", word);
	YES("\"user:42\"", word);
	NO("user:4", word);
	NO("user:422", word);
	YES("42", number);
	YES("\"42\"", number);
	YES("", empty);
	NO("x", empty);
	NO("a", nul);
	YES("\"a\\u0000b\"", nul);
	NO("\"a\\u0000c\"", nul);
	YES("{\"bytes\": \"610062\"}", nul);
	NO("{\"bytes\": \"610063\"}", nul);
	NO("{\"bytes\": \"6100\"}", nul);
	YES("{\"bytes\": \"\"}", empty);
}

/* More of the key exists than was read. The beginning is compared, and the length if it is
 * known. */
TEST(test_match_cut)
{
	struct value cut = {.kind = VALUE_STRING, .bytes = "user", .bytes_len = 4, .cut = true};
	const struct value any = {.kind = VALUE_INTERFACE, .n = 1, .type = "string"};
	const struct value pair = {.kind = VALUE_STRUCT, .n = 2};
	const struct value n = {.kind = VALUE_INT, NAMED("N"), .i = 3};
	struct value s = cut;

	YES("user:42", cut); /* of unknown length */
	NO("user", cut);
	NO("use", cut);
	NO("uses:42", cut);
	cut.whole = 7;
	YES("user:42", cut);
	YES("\"user:42\"", any, cut);
	YES("{\"type\": \"string\", \"value\": \"user:43\"}", any, cut);
	YES("{\"bytes\": \"75736572ff0041\"}", cut);
	NO("{\"bytes\": \"75736573ff0041\"}", cut);
	NO("user:4", cut);
	NO("user:422", cut);
	NO("admin:1", cut);
	s = cut;
	s.name = "S";
	s.name_len = 1;
	YES("{\"S\": \"user:42\", \"N\": 3}", pair, s, n);
	NO("{\"S\": \"user:42\", \"N\": 4}", pair, s, n);
	NO("{\"S\": \"user:4\", \"N\": 3}", pair, s, n);
	cut.whole = UINT32_MAX; /* or more */
	NO("user:42", cut);
}

/* A [4]string and a struct of four fields that were not read completely. */
TEST(test_match_parts)
{
	const struct value why = {.kind = VALUE_UNREAD, .bytes = "why", .bytes_len = 3};
	struct value list = {.kind = VALUE_ARRAY, .n = 4}, a = STRING("a"), b = STRING("b");
	struct value object = {.kind = VALUE_STRUCT, .n = 2}, unread = why, nameless = why;

	YES("[\"a\", \"b\", \"c\", \"d\"]", list, a, b, why, why);
	YES("[\"a\", \"b\", null, null]", list, a, b, why, why); /* as the event shows it */
	NO("[\"a\", \"c\", \"c\", \"d\"]", list, a, b, why, why);
	NO("[\"a\", \"b\", \"c\"]", list, a, b, why, why);
	list = (struct value){.kind = VALUE_ARRAY, .n = 3, .cut = true, .whole = 40};
	YES("[\"a\", \"b\", null]", list, a, b, why);
	NO("[\"a\", \"b\", \"c\", \"d\"]", list, a, b, why);
	list.whole = 4;
	YES("[\"a\", \"b\", \"c\", \"d\"]", list, a, b, why);
	NO("[\"x\", \"b\", \"c\", \"d\"]", list, a, b, why);
	a.name = "A", a.name_len = 1;
	unread.name = "B", unread.name_len = 1;
	YES("{\"A\": \"a\", \"B\": \"b\"}", object, a, unread);
	NO("{\"A\": \"x\", \"B\": \"b\"}", object, a, unread);
	NO("{\"A\": \"a\", \"C\": \"b\"}", object, a, unread);
	object.cut = true, object.whole = 4;
	YES("{\"A\": \"a\", \"B\": \"b\", \"C\": 1, \"D\": 2}", object, a, unread);
	NO("{\"A\": \"a\", \"B\": \"b\", \"C\": 1}", object, a, unread);
	YES("{\"A\": \"a\", \"B\": \"b\", \"C\": 1, \"D\": 2}", object, a, nameless);
}

TEST(test_match_struct)
{
	const struct value point[] = {
		{.kind = VALUE_STRUCT, .n = 2, .type = "main.point"},
		{.kind = VALUE_INT, NAMED("X"), .i = 1},
		{.kind = VALUE_INT, NAMED("Y"), .i = -2},
	};

#define POINT point[0], point[1], point[2]
	YES("{\"X\": 1, \"Y\": -2}", POINT);
	YES("{\"Y\": -2, \"X\": 1}", POINT);
	NO("{\"X\": 1, \"Y\": 2}", POINT);
	NO("{\"X\": 1}", POINT);
	NO("{\"X\": 1, \"Y\": -2, \"Z\": 0}", POINT);
	NO("{\"X\": 1, \"Z\": -2}", POINT);
	NO("[1, -2]", POINT);
	NO("1", POINT);
	NO("{}", POINT);
	NO("", POINT);
	NO("X", POINT);
	NO("{\"X\": 1, \"Y\": \"-2\"}", POINT);
	NO("{\"X\": 1.0, \"Y\": -2}", POINT);
}

/* Blank fields may occur twice. They are then shown with their numbers. */
TEST(test_match_blank_fields)
{
	const struct value s = {.kind = VALUE_STRUCT, .n = 3};
	const struct value a = {.kind = VALUE_INT, NAMED("_"), .i = 1};
	const struct value b = {.kind = VALUE_INT, NAMED("_"), .i = 2};
	const struct value c = {.kind = VALUE_INT, NAMED("X"), .i = 3};

	YES("{\"_\": 1, \"_#1\": 2, \"X\": 3}", s, a, b, c);
	NO("{\"_\": 1, \"_#1\": 1, \"X\": 3}", s, a, b, c);
}

TEST(test_match_mixed_struct)
{
	const struct value s = {.kind = VALUE_STRUCT, .n = 2};
	const struct value x = {.kind = VALUE_FLOAT, NAMED("X"), .bits = 64};
	const struct value a = {.kind = VALUE_STRING, NAMED("S"), .bytes = "a", .bytes_len = 1};
	const struct value bad = {
		.kind = VALUE_STRING, NAMED("S"), .bytes = "\xff", .bytes_len = 1};

	YES("{\"X\": 0, \"S\": \"a\"}", s, x, a);
	NO("{\"X\": \"hello\", \"S\": \"a\"}", s, x, a);
	NO("{\"X\": null, \"S\": \"a\"}", s, x, a);
	NO("{\"X\": [], \"S\": \"a\"}", s, x, a);
	YES("{\"X\": 0, \"S\": {\"bytes\": \"ff\"}}", s, x, bad);
	NO("{\"X\": 0, \"S\": {\"bytes\": \"fe\"}}", s, x, bad);
}

/* struct { In struct { S string }; A [2]uint8 } */
TEST(test_match_nested)
{
	const struct value in = {.kind = VALUE_STRUCT, NAMED("In"), .n = 1};
	const struct value s = {.kind = VALUE_STRING, NAMED("S"), .bytes = "x", .bytes_len = 1};
	const struct value a = {.kind = VALUE_ARRAY, NAMED("A"), .n = 2};
	const struct value outer = {.kind = VALUE_STRUCT, .n = 2};
	const struct value one = {.kind = VALUE_UINT, .u = 1}, two = {.kind = VALUE_UINT, .u = 2};

	YES("{\"In\": {\"S\": \"x\"}, \"A\": [1, 2]}", outer, in, s, a, one, two);
	NO("{\"In\": {\"S\": \"y\"}, \"A\": [1, 2]}", outer, in, s, a, one, two);
	NO("{\"In\": {\"S\": \"x\"}, \"A\": [2, 1]}", outer, in, s, a, one, two);
	YES("[1, 2]", a, one, two);
	NO("[1]", a, one, two);
	NO("[1, 2, 3]", a, one, two);
	NO("[]", a, one, two);
	NO("{\"0\": 1, \"1\": 2}", a, one, two);
}

TEST(test_match_interface)
{
	const struct value nil = {.kind = VALUE_INTERFACE, .type = ""};
	const struct value any = {.kind = VALUE_INTERFACE, .n = 1, .type = "int"};
	const struct value text = {.kind = VALUE_INTERFACE, .n = 1, .type = "main.id"};
	const struct value n = {.kind = VALUE_INT, .i = 42};
	const struct value s = STRING("user:42");

	YES("{\"type\": \"int\", \"value\": 42}", any, n);
	NO("{\"type\": \"int64\", \"value\": 42}", any, n);
	NO("{\"type\": \"int\", \"value\": 43}", any, n);
	YES("42", any, n); /* whatever its type */
	NO("43", any, n);
	NO("null", any, n);
	NO("18446744073709551615", any, ((struct value){.kind = VALUE_INT, .i = -1}));
	NO("-1", any, ((struct value){.kind = VALUE_UINT, .u = UINT64_MAX}));
	YES("user:42", text, s);
	YES("{\"type\": \"main.id\", \"value\": \"user:42\"}", text, s);
	NO("{\"type\": \"int\", \"value\": \"42\"}", any, n);
	NO("\"42\"", any, n);
	YES("null", nil);
	NO("", nil);
	NO("0", nil);
	NO("{\"type\": \"int\", \"value\": 0}", nil);
}

/* any(struct{ type string; value int }{"x", 1}) can be written in two ways. The type of an
 * interface counts even if its value could not be read. */
TEST(test_match_interface_odd)
{
	const struct value any = {.kind = VALUE_INTERFACE, .n = 1, .type = "main.T"};
	const struct value unknown = {.kind = VALUE_INTERFACE, .n = 1, .type = ""};
	const struct value s = {.kind = VALUE_STRUCT, .n = 2};
	const struct value t = {.kind = VALUE_STRING, NAMED("type"), .bytes = "x", .bytes_len = 1};
	const struct value v = {.kind = VALUE_INT, NAMED("value"), .i = 1};
	const struct value why = {.kind = VALUE_UNREAD, .bytes = "why", .bytes_len = 3};
	const struct value bad = {.kind = VALUE_STRING, .bytes = "\xff\xfe", .bytes_len = 2};

	YES("{\"type\": \"x\", \"value\": 1}", any, s, t, v);
	NO("{\"type\": \"y\", \"value\": 1}", any, s, t, v);
	YES("{\"type\": \"main.T\", \"value\": {\"type\": \"x\", \"value\": 1}}", any, s, t, v);
	YES("user:42", any, why);
	YES("{\"type\": \"main.T\", \"value\": 1}", any, why);
	NO("{\"type\": \"int\", \"value\": 1}", any, why);
	YES("{\"type\": \"int\", \"value\": 1}", unknown, why);
	YES("{\"bytes\": \"fffe\"}", any, bad);
	YES("{\"type\": \"main.T\", \"value\": {\"bytes\": \"FFFE\"}}", any, bad);
	NO("{\"bytes\": \"fffd\"}", any, bad);
}

TEST(test_match_complex)
{
	const struct value c = {.kind = VALUE_COMPLEX, .bits = 128, .f = 1.5, .im = -2};
	const struct value narrow = {
		.kind = VALUE_COMPLEX, .bits = 64, .f = (double)0.1f, .im = (double)0.2f};
	const struct value odd = {
		.kind = VALUE_COMPLEX, .bits = 64, .f = (double)NAN, .im = -HUGE_VAL};

	YES("[1.5, -2]", c);
	NO("[1.5, 2]", c);
	NO("[1.5]", c);
	NO("[1.5, -2, 0]", c);
	NO("1.5", c);
	NO("[\"1.5\", \"-2\"]", c);
	YES("[0.1, 0.2]", narrow);
	NO("[0.1, 0.3]", narrow);
	YES("[\"NaN\", \"-Inf\"]", odd);
	NO("[0, 0]", odd);
}

TEST(test_match_prefix)
{
	struct filter filter = key_filter("user:", true);
	struct value string = STRING("user:42"), shorter = STRING("user");
	const struct value interface[] = {{.kind = VALUE_INTERFACE, .n = 1, .type = "string"},
					  string};
	const struct value nil = {.kind = VALUE_INTERFACE, .type = ""};
	const struct value number = {.kind = VALUE_INT, .i = 5};

	assert_true(filter_key_matches(filter.key, &string, 1));
	string.cut = true; /* its beginning is there */
	assert_true(filter_key_matches(filter.key, &string, 1));
	assert_false(filter_key_matches(filter.key, &shorter, 1));
	assert_true(filter_key_matches(filter.key, interface, 2));
	assert_false(filter_key_matches(filter.key, &nil, 1));
	assert_false(filter_key_matches(filter.key, &number, 1));
	assert_true(filter_key_matches(filter.key, NULL, 0)); /* nothing could be read */
	filter_fini(&filter);
}

/* A key of which less was read than the prefix has. */
TEST(test_match_prefix_cut)
{
	struct filter filter = key_filter("user:1234", true);
	struct value any[] = {{.kind = VALUE_INTERFACE, .n = 1, .type = "string"},
			      {.kind = VALUE_STRING, .bytes = "user:", .bytes_len = 5}};
	const struct value why = {.kind = VALUE_UNREAD, .bytes = "why", .bytes_len = 3};

	assert_false(filter_key_matches(filter.key, any, 2)); /* that is the whole string */
	any[1].cut = true;
	assert_true(filter_key_matches(filter.key, any, 2));
	any[1].whole = 9;
	assert_true(filter_key_matches(filter.key, any, 2));
	assert_true(filter_key_matches(filter.key, any + 1, 1));
	any[1].whole = 8;
	assert_false(filter_key_matches(filter.key, any, 2));
	any[1].whole = 100;
	any[1].bytes = "users";
	assert_false(filter_key_matches(filter.key, any, 2));
	any[1] = why;
	assert_true(filter_key_matches(filter.key, any, 2));
	assert_false(filter_key_matches(filter.key, any, 1)); /* a broken list */
	filter_fini(&filter);
}

/* Lists that claim more values than they hold, and a key that is nested too deeply. */
TEST(test_match_broken_lists)
{
	struct value deep[40];
	char text[2 * ARRAY_SIZE(deep) + 1];
	const struct value lone = {.kind = VALUE_STRUCT, .n = 1};
	const struct value nameless = {.kind = VALUE_INT, .i = 1};

	NO("{\"A\": 1}", lone, nameless);
	check_matches("1", NULL, 0, true);
	for (size_t i = 0; i < ARRAY_SIZE(deep); i++) {
		deep[i] = (struct value){.kind = VALUE_ARRAY, .n = 1};
		text[i] = '[';
		text[2 * ARRAY_SIZE(deep) - 1 - i] = ']';
	}
	deep[ARRAY_SIZE(deep) - 1].n = 0;
	text[2 * ARRAY_SIZE(deep)] = '\0';
	check_matches(text, deep, ARRAY_SIZE(deep), false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match_scalars),
		cmocka_unit_test(test_match_no_number),
		cmocka_unit_test(test_match_numbers),
		cmocka_unit_test(test_match_strings),
		cmocka_unit_test(test_match_cut),
		cmocka_unit_test(test_match_parts),
		cmocka_unit_test(test_match_struct),
		cmocka_unit_test(test_match_blank_fields),
		cmocka_unit_test(test_match_mixed_struct),
		cmocka_unit_test(test_match_nested),
		cmocka_unit_test(test_match_interface),
		cmocka_unit_test(test_match_interface_odd),
		cmocka_unit_test(test_match_complex),
		cmocka_unit_test(test_match_prefix),
		cmocka_unit_test(test_match_prefix_cut),
		cmocka_unit_test(test_match_broken_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
