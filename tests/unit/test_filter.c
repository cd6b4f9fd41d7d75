/* probe/filter.c: what the user wants to see, as the kernel program compares it and as user space
 * does. */
#include "goprog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "probe/filter.h"

#define STRING(s)                                                                                  \
	{                                                                                          \
		.kind = VALUE_STRING, .bytes = (s), .bytes_len = sizeof(s) - 1                     \
	}
#define NAMED(s) .name = (s), .name_len = sizeof(s) - 1

static void expect_usage(struct error *err, const char *text)
{
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_USAGE);
	assert_string_equal(err->text, text);
	error_free(err);
}

/* ---- globs ---- */

static void test_glob(void **state)
{
	static const struct {
		const char *glob, *text;
		bool matches;
	} cases[] = {
		{"map[string]*", "map[string]int", true},
		{"map[string]*", "maps", false}, /* brackets are no set */
		{"map[string]*", "mapsint", false},
		{"map[*]int", "map[string]int", true},
		{"map[*]int", "map[string]int64", false},
		{"*main.session", "map[string]*main.session", true},
		{"map[string]\\*main.session", "map[string]*main.session", true},
		{"map[string]\\*main.session", "map[string]Xmain.session", false},
		{"map[\\[4]int]bool", "map[[4]int]bool", true},
		{"[a-z]", "b", false},
		{"[a-z]", "[a-z]", true},
		{"[!a]", "b", false},
		{"int?", "int8", true},
		{"int?", "int", false},
		{"int?", "int16", false},
		{"a\\?b", "a?b", true},
		{"a\\?b", "axb", false},
		{"a\\\\b", "a\\b", true},
		{"*", "", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct filter filter = {0};

		assert_null(filter_set_glob("--type", cases[i].glob, &filter.type_glob));
		if (filter_type_matches(&filter, cases[i].text) != cases[i].matches)
			fail_msg("\"%s\" and \"%s\"", cases[i].glob, cases[i].text);
		filter_fini(&filter);
	}
}

static void test_glob_errors(void **state)
{
	struct filter filter = {0};
	char text[1026];

	(void)state;
	memset(text, 'x', 1025);
	text[1025] = '\0';
	expect_usage(filter_set_glob("--type", "", &filter.type_glob),
		     "--type: the pattern is empty");
	expect_usage(filter_set_glob("--site", text, &filter.site_glob),
		     "--site: the pattern is longer than 1024 bytes");
	expect_usage(filter_set_glob("--type", "a*\\", &filter.type_glob),
		     "--type a*\\: the pattern ends in a lone backslash");
	assert_null(filter.type_glob);
	text[1024] = '\0';
	assert_null(filter_set_glob("--type", text, &filter.type_glob));
	expect_usage(filter_set_glob("--type", "b", &filter.type_glob),
		     "--type can be given once only");
	assert_true(filter_type_matches(&filter, text)); /* the first one stands */
	filter_fini(&filter);
	assert_true(filter_type_matches(&filter, "anything"));
}

static void test_site(void **state)
{
	static const struct event_frame frame = {
		.func = "maps.DeleteFunc[...]", .file = "/usr/lib/go/src/maps/maps.go", .line = 60};
	static const struct event_frame unknown = {.func = "", .file = ""};
	static const struct {
		const char *glob;
		bool matches;
	} cases[] = {
		{"maps.DeleteFunc[...]", true},
		{"maps.*", true},
		{"maps.go:60", true},
		{"maps.go:6", false},
		{"maps.go:*", true},
		{"/usr/lib/go/src/maps/maps.go:60", true},
		{"*/maps.go:60", true},
		{"maps/maps.go:60", false},
		{"maps.go", false},
		{"DeleteFunc", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct filter filter = {0};

		assert_null(filter_set_glob("--site", cases[i].glob, &filter.site_glob));
		if (filter_site_matches(&filter, &frame) != cases[i].matches)
			fail_msg("%s", cases[i].glob);
		assert_false(filter_site_matches(&filter, &unknown));
		filter_fini(&filter);
	}
	assert_true(filter_site_matches(&(struct filter){0}, &unknown));
}

/* ---- --key ---- */

static struct filter key_filter(const char *text, bool prefix)
{
	struct filter filter = {0};

	assert_null(filter_set_key(&filter, text, prefix));
	return filter;
}

static void check_key_string(const char *text, bool prefix, const char *expected)
{
	struct filter filter = key_filter(text, prefix);
	size_t len = 0;
	bool is_prefix;
	const char *string = filter_key_string(filter.key, &len, &is_prefix);

	assert_int_equal(is_prefix, prefix);
	if (expected) {
		assert_non_null(string);
		assert_int_equal(len, strlen(expected));
		assert_memory_equal(string, expected, len);
	} else {
		assert_null(string);
	}
	filter_fini(&filter);
}

static void test_key_string(void **state)
{
	(void)state;
	check_key_string("user:42", false, "user:42");
	check_key_string("\"user:42\"", false, "user:42");
	check_key_string("\"caf\\u00e9\\n\"", false, "café\n");
	check_key_string("", false, "");
	check_key_string("\"\"", false, "");
	check_key_string("42", false, "42");
	check_key_string("true", false, "true");
	check_key_string("{\"A\": 1}", false, NULL);
	check_key_string("[1]", false, NULL);
	/* A prefix is taken as it is written. */
	check_key_string("{\"A", true, "{\"A");
	check_key_string("\"x\"", true, "\"x\"");
}

static void test_key_errors(void **state)
{
	static const char *const broken[] = {"{", "{\"A\": 1,}", "[1", "\"open", "{\"A\":1,\"A\":2}"};
	char text[WIRE_FILTER_MAX + 3];
	struct filter quoted;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		struct filter filter = {0};
		struct error *err = filter_set_key(&filter, broken[i], false);

		assert_non_null(err);
		assert_int_equal(err->code, ERROR_USAGE);
		assert_non_null(strstr(err->text, "not JSON ("));
		assert_non_null(strstr(err->text, "write a string key as a bare word or in double "
						  "quotes"));
		error_free(err);
		filter_fini(&filter);
	}
	memset(text, 'x', sizeof(text));
	for (int prefix = 0; prefix <= 1; prefix++) {
		struct filter filter = {0};

		text[WIRE_FILTER_MAX] = 'x';
		text[WIRE_FILTER_MAX + 1] = '\0';
		expect_usage(filter_set_key(&filter, text, prefix),
			     "--key: longer than 256 bytes; use --key-prefix");
		filter_fini(&filter);
		text[WIRE_FILTER_MAX] = '\0';
		filter = key_filter(text, prefix);
		filter_fini(&filter);
	}
	/* Quotes do not count. */
	memset(text, 'x', sizeof(text));
	text[0] = text[WIRE_FILTER_MAX + 1] = '"';
	text[WIRE_FILTER_MAX + 2] = '\0';
	quoted = key_filter(text, false);
	filter_fini(&quoted);
}

/* ---- what the kernel program is told ---- */

#define NEVER     WIRE_MATCH_NEVER, 0, 0
#define WORD(w)   WIRE_MATCH_WORD, (uint64_t)(w), UINT64_MAX
#define PART(w, m) WIRE_MATCH_WORD, (w), (m)

static const struct plan_case {
	enum gotype_kind kind;
	const char *key;
	enum wire_match match;
	uint64_t want, mask;
} plan_cases[] = {
	{GOTYPE_INT, "42", WORD(42)},
	{GOTYPE_INT, "-1", WORD(-1)},
	{GOTYPE_INT, "0x2a", WORD(42)},
	{GOTYPE_INT, "\"42\"", WORD(42)}, /* numbers past 2^53 are strings in our JSON */
	{GOTYPE_INT, "9223372036854775807", WORD(INT64_MAX)},
	{GOTYPE_INT, "-9223372036854775808", WORD(1ull << 63)},
	{GOTYPE_INT, "9223372036854775808", NEVER},
	{GOTYPE_INT, "-9223372036854775809", NEVER},
	{GOTYPE_INT, "1.5", NEVER},
	{GOTYPE_INT, "4x", NEVER},
	{GOTYPE_INT, "+1", NEVER},
	{GOTYPE_INT, " 1", NEVER},
	{GOTYPE_INT, "", NEVER},
	{GOTYPE_INT, "-", NEVER},
	{GOTYPE_INT, "user", NEVER},
	{GOTYPE_INT, "[42]", NEVER},
	{GOTYPE_INT8, "127", PART(127, 0xff)},
	{GOTYPE_INT8, "-128", PART(0x80, 0xff)},
	{GOTYPE_INT8, "128", NEVER},
	{GOTYPE_INT8, "-129", NEVER},
	{GOTYPE_INT16, "-2", PART(0xfffe, 0xffff)},
	{GOTYPE_INT16, "32768", NEVER},
	{GOTYPE_INT32, "-2147483648", PART(0x80000000, 0xffffffff)},
	{GOTYPE_INT32, "2147483648", NEVER},
	{GOTYPE_INT64, "-5", WORD(-5)},
	{GOTYPE_UINT, "0", WORD(0)},
	{GOTYPE_UINT8, "255", PART(255, 0xff)},
	{GOTYPE_UINT8, "256", NEVER},
	{GOTYPE_UINT8, "-1", NEVER},
	{GOTYPE_UINT16, "65535", PART(65535, 0xffff)},
	{GOTYPE_UINT32, "4294967296", NEVER},
	{GOTYPE_UINT64, "9223372036854775808", WORD(1ull << 63)},
	{GOTYPE_UINT64, "18446744073709551615", WORD(-1)},
	{GOTYPE_UINT64, "18446744073709551616", NEVER},
	{GOTYPE_UINTPTR, "1", WORD(1)},
	{GOTYPE_POINTER, "0xc000012345", WORD(0xc000012345)},
	{GOTYPE_CHAN, "0x10", WORD(16)},
	{GOTYPE_UNSAFE_POINTER, "\"0x10\"", WORD(16)},
	{GOTYPE_POINTER, "main.x", NEVER},
	{GOTYPE_FLOAT64, "1.5", WORD(0x3ff8000000000000)},
	{GOTYPE_FLOAT64, "-2", WORD(0xc000000000000000)},
	{GOTYPE_FLOAT64, "\"+Inf\"", WORD(0x7ff0000000000000)},
	{GOTYPE_FLOAT64, "0", PART(0, UINT64_MAX >> 1)}, /* +0 and -0 are one key */
	{GOTYPE_FLOAT64, "-0.0", PART(0, UINT64_MAX >> 1)},
	{GOTYPE_FLOAT64, "1.5x", NEVER},
	{GOTYPE_FLOAT64, "", NEVER},
	{GOTYPE_FLOAT32, "0.1", PART(0x3dcccccd, 0xffffffff)},
	{GOTYPE_FLOAT32, "-1", PART(0xbf800000, 0xffffffff)},
	{GOTYPE_FLOAT32, "-0", PART(0, 0x7fffffff)},
	{GOTYPE_BOOL, "true", PART(1, 0xff)},
	{GOTYPE_BOOL, "false", PART(0, 0xff)},
	{GOTYPE_BOOL, "1", NEVER},
	{GOTYPE_BOOL, "TRUE", NEVER},
	{GOTYPE_STRING, "user", WIRE_MATCH_STRING, 0, 0},
	{GOTYPE_STRING, "42", WIRE_MATCH_STRING, 0, 0},
	{GOTYPE_STRING, "[42]", NEVER},
	{GOTYPE_COMPLEX128, "[1,2]", WIRE_MATCH_USER, 0, 0},
};

static void check_plan(const struct filter *filter, const struct gotypes *types, uint64_t type,
		       const struct plan_case *want)
{
	struct wire_plan plan = {0};

	filter_plan(filter, types, type, &plan);
	if (plan.match != want->match || plan.want != want->want || plan.mask != want->mask)
		fail_msg("kind %d, key \"%s\": match %u want 0x%llx mask 0x%llx", (int)want->kind,
			 want->key, plan.match, (unsigned long long)plan.want,
			 (unsigned long long)plan.mask);
}

static void test_plan(void **state)
{
	uint64_t types[ARRAY_SIZE(plan_cases)];
	struct goprog p;

	(void)state;
	goprog_begin(&p, 26);
	for (size_t i = 0; i < ARRAY_SIZE(plan_cases); i++)
		types[i] = goprog_scalar(&p, plan_cases[i].kind);
	goprog_open(&p);
	for (size_t i = 0; i < ARRAY_SIZE(plan_cases); i++) {
		struct filter filter = key_filter(plan_cases[i].key, false);

		check_plan(&filter, &p.types, types[i], &plan_cases[i]);
		filter_fini(&filter);
	}
	goprog_close(&p);
}

static void test_plan_other(void **state)
{
	const struct plan_case any = {0, "", WIRE_MATCH_ANY, 0, 0};
	const struct plan_case user = {0, "x", WIRE_MATCH_USER, 0, 0};
	const struct plan_case never = {0, "x", WIRE_MATCH_NEVER, 0, 0};
	const struct plan_case string = {0, "x", WIRE_MATCH_STRING, 0, 0};
	struct filter none = {0}, key = key_filter("1", false), prefix = key_filter("1", true);
	uint64_t integer, text, eface, array;
	struct goprog p;

	(void)state;
	goprog_begin(&p, 26);
	integer = goprog_scalar(&p, GOTYPE_INT);
	text = goprog_scalar(&p, GOTYPE_STRING);
	eface = goprog_eface(&p);
	array = goprog_array(&p, "[1]int", integer, 8, 1, 0);
	goprog_open(&p);
	check_plan(&none, &p.types, integer, &any);
	check_plan(&none, &p.types, 0xdead0000, &any);
	check_plan(&key, &p.types, 0xdead0000, &user); /* unknown: decided on the value */
	check_plan(&key, &p.types, eface, &user);
	check_plan(&key, &p.types, array, &user);
	check_plan(&key, &p.types, p.fake.type_pair, &user);
	check_plan(&prefix, &p.types, text, &string);
	check_plan(&prefix, &p.types, integer, &never); /* a prefix is of strings */
	check_plan(&prefix, &p.types, array, &never);
	check_plan(&prefix, &p.types, eface, &user); /* it may hold a string */
	filter_fini(&key);
	filter_fini(&prefix);
	goprog_close(&p);
}

/* ---- what user space decides ---- */

static void check_matches(const char *text, const struct value *values, size_t n, bool expected)
{
	struct filter filter = key_filter(text, false);

	if (filter_key_matches(filter.key, values, n) != expected)
		fail_msg("%s: expected %d", text, expected);
	filter_fini(&filter);
}

#define YES(text, ...) CHECK_MATCH(true, text, __VA_ARGS__)
#define NO(text, ...)  CHECK_MATCH(false, text, __VA_ARGS__)
#define CHECK_MATCH(expected, text, ...)                                                           \
	check_matches((text), (const struct value[]){__VA_ARGS__},                                 \
		      sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value), (expected))

static void test_match_scalars(void **state)
{
	const struct value minus = {.kind = VALUE_INT, .i = -7};
	const struct value big = {.kind = VALUE_UINT, .u = UINT64_MAX};
	const struct value yes = {.kind = VALUE_BOOL, .u = 1};
	const struct value pointer = {.kind = VALUE_POINTER, .u = 0xc000012345};
	const struct value half = {.kind = VALUE_FLOAT, .bits = 32, .f = (double)0.1f};
	const struct value tenth = {.kind = VALUE_FLOAT, .bits = 64, .f = 0.1};
	const struct value unread = {.kind = VALUE_UNREAD, .bytes = "why", .bytes_len = 3};

	(void)state;
	YES("-7", minus);
	YES("\"-7\"", minus);
	NO("7", minus);
	NO("-7.5", minus);
	NO("true", minus);
	YES("18446744073709551615", big);
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
	NO("why", unread);
}

static void test_match_strings(void **state)
{
	struct value word = STRING("user:42"), number = STRING("42"), empty = STRING("");
	const struct value nul = STRING("a\0b");

	(void)state;
	YES("user:42", word);
	YES("\"user:42\"", word);
	NO("user:4", word);
	NO("user:422", word);
	YES("42", number);
	YES("\"42\"", number);
	YES("", empty);
	NO("x", empty);
	NO("a", nul);
	word.cut = true; /* there is more of it than was read */
	NO("user:42", word);
}

static void test_match_struct(void **state)
{
	const struct value point[] = {
		{.kind = VALUE_STRUCT, .n = 2, .type = "main.point"},
		{.kind = VALUE_INT, NAMED("X"), .i = 1},
		{.kind = VALUE_INT, NAMED("Y"), .i = -2},
	};

	(void)state;
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
}

/* struct { In struct { S string }; A [2]uint8 } */
static void test_match_nested(void **state)
{
	const struct value in = {.kind = VALUE_STRUCT, NAMED("In"), .n = 1};
	const struct value s = {.kind = VALUE_STRING, NAMED("S"), .bytes = "x", .bytes_len = 1};
	const struct value a = {.kind = VALUE_ARRAY, NAMED("A"), .n = 2};
	const struct value outer = {.kind = VALUE_STRUCT, .n = 2};
	const struct value one = {.kind = VALUE_UINT, .u = 1}, two = {.kind = VALUE_UINT, .u = 2};

	(void)state;
	YES("{\"In\": {\"S\": \"x\"}, \"A\": [1, 2]}", outer, in, s, a, one, two);
	NO("{\"In\": {\"S\": \"y\"}, \"A\": [1, 2]}", outer, in, s, a, one, two);
	NO("{\"In\": {\"S\": \"x\"}, \"A\": [2, 1]}", outer, in, s, a, one, two);
	YES("[1, 2]", a, one, two);
	NO("[1]", a, one, two);
	NO("[1, 2, 3]", a, one, two);
	NO("[]", a, one, two);
	NO("{\"0\": 1, \"1\": 2}", a, one, two);
}

static void test_match_interface(void **state)
{
	const struct value nil = {.kind = VALUE_INTERFACE, .type = ""};
	const struct value any = {.kind = VALUE_INTERFACE, .n = 1, .type = "int"};
	const struct value text = {.kind = VALUE_INTERFACE, .n = 1, .type = "main.id"};
	const struct value n = {.kind = VALUE_INT, .i = 42};
	const struct value s = STRING("user:42");

	(void)state;
	YES("{\"type\": \"int\", \"value\": 42}", any, n);
	NO("{\"type\": \"int64\", \"value\": 42}", any, n);
	NO("{\"type\": \"int\", \"value\": 43}", any, n);
	YES("42", any, n); /* of whatever type */
	NO("43", any, n);
	NO("null", any, n);
	NO("18446744073709551615", any, ((struct value){.kind = VALUE_INT, .i = -1}));
	NO("-1", any, ((struct value){.kind = VALUE_UINT, .u = UINT64_MAX}));
	YES("user:42", text, s);
	YES("{\"type\": \"main.id\", \"value\": \"user:42\"}", text, s);
	YES("null", nil);
	NO("0", nil);
	NO("{\"type\": \"int\", \"value\": 0}", nil);
}

static void test_match_complex(void **state)
{
	const struct value c = {.kind = VALUE_COMPLEX, .bits = 128, .f = 1.5, .im = -2};

	(void)state;
	YES("[1.5, -2]", c);
	NO("[1.5, 2]", c);
	NO("[1.5]", c);
	NO("[1.5, -2, 0]", c);
	NO("1.5", c);
}

static void test_match_prefix(void **state)
{
	struct filter filter = key_filter("user:", true);
	struct value string = STRING("user:42"), shorter = STRING("user");
	const struct value interface[] = {{.kind = VALUE_INTERFACE, .n = 1, .type = "string"},
					  string};
	const struct value nil = {.kind = VALUE_INTERFACE, .type = ""};
	const struct value number = {.kind = VALUE_INT, .i = 5};

	(void)state;
	assert_true(filter_key_matches(filter.key, &string, 1));
	string.cut = true; /* its beginning is there */
	assert_true(filter_key_matches(filter.key, &string, 1));
	assert_false(filter_key_matches(filter.key, &shorter, 1));
	assert_true(filter_key_matches(filter.key, interface, 2));
	assert_false(filter_key_matches(filter.key, &nil, 1));
	assert_false(filter_key_matches(filter.key, &number, 1));
	assert_false(filter_key_matches(filter.key, NULL, 0));
	filter_fini(&filter);
}

/* Lists that promise more than they hold, and a key nested deeper than we go. */
static void test_match_broken_lists(void **state)
{
	struct value deep[40];
	char text[2 * ARRAY_SIZE(deep) + 1];
	const struct value lone = {.kind = VALUE_STRUCT, .n = 1};
	const struct value nameless = {.kind = VALUE_INT, .i = 1};

	(void)state;
	NO("{\"A\": 1}", lone, nameless);
	check_matches("1", NULL, 0, false);
	for (size_t i = 0; i < ARRAY_SIZE(deep); i++) {
		deep[i] = (struct value){.kind = VALUE_ARRAY, .n = 1};
		text[i] = '[';
		text[2 * ARRAY_SIZE(deep) - 1 - i] = ']';
	}
	deep[ARRAY_SIZE(deep) - 1].n = 0;
	text[2 * ARRAY_SIZE(deep)] = '\0';
	check_matches(text, deep, ARRAY_SIZE(deep), false);
}

/* ---- --dry-run ---- */

static void test_explain(void **state)
{
	struct filter filter = key_filter("user", true);
	struct buf text = {0};

	(void)state;
	filter_explain(&(struct filter){0}, &text);
	assert_int_equal(text.len, 0);
	filter.map = 1;
	filter.goid = 2;
	assert_null(filter_set_glob("--type", "a", &filter.type_glob));
	assert_null(filter_set_glob("--site", "b", &filter.site_glob));
	filter_explain(&filter, &text);
	assert_non_null(strstr(buf_cstr(&text), "filter --map: in the kernel program\n"));
	assert_non_null(strstr(buf_cstr(&text), "filter --goid: in the kernel program\n"));
	assert_non_null(strstr(buf_cstr(&text), "filter --type: "));
	assert_non_null(strstr(buf_cstr(&text), "filter --key-prefix: "));
	assert_non_null(strstr(buf_cstr(&text), "filter --site: after the kernel program\n"));
	buf_fini(&text);
	filter_fini(&filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_glob),
		cmocka_unit_test(test_glob_errors),
		cmocka_unit_test(test_site),
		cmocka_unit_test(test_key_string),
		cmocka_unit_test(test_key_errors),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_plan_other),
		cmocka_unit_test(test_match_scalars),
		cmocka_unit_test(test_match_strings),
		cmocka_unit_test(test_match_struct),
		cmocka_unit_test(test_match_nested),
		cmocka_unit_test(test_match_interface),
		cmocka_unit_test(test_match_complex),
		cmocka_unit_test(test_match_prefix),
		cmocka_unit_test(test_match_broken_lists),
		cmocka_unit_test(test_explain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
