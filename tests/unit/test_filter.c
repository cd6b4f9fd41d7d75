/* Tests of the filters as the user writes them (watch/filter/pattern.c), and as the kernel program
 * gets them (watch/engine/key_match.c). test_filter_match.c tests how user space compares keys. */
#include "test.h"
#include "base/frame.h"
#include "base/buf.h"

#include "goprog.h"

#include <stdio.h>

#include "watch/filter/filter.h"

static void expect_usage(struct error *err, const char *text)
{
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_USAGE);
	assert_string_equal(err->text, text);
	error_free(err);
}

/* ---- globs ---- */

TEST(test_glob)
{
	static const struct {
		const char *glob, *text;
		bool matches;
	} cases[] = {
		{"map[string]*", "map[string]int", true},
		{"map[string]*", "maps", false}, /* brackets are literal */
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

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct filter filter = {0};

		assert_null(filter_set_glob("--type", cases[i].glob, &filter.type_glob));
		if (filter_type_matches(&filter, cases[i].text) != cases[i].matches)
			fail_msg("\"%s\" and \"%s\"", cases[i].glob, cases[i].text);
		filter_fini(&filter);
	}
}

TEST(test_glob_errors)
{
	struct filter filter = {0};
	char text[1026];

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
		     "--type can be given only once");
	assert_true(filter_type_matches(&filter, text)); /* the first one stays in effect */
	filter_fini(&filter);
	assert_true(filter_type_matches(&filter, "anything"));
}

TEST(test_site)
{
	static const struct frame frame = {
		.func = "maps.DeleteFunc[...]", .file = "/usr/lib/go/src/maps/maps.go", .line = 60};
	static const struct frame unknown = {.func = "", .file = ""};
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

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct filter filter = {0};

		assert_null(filter_set_glob("--site", cases[i].glob, &filter.site_glob));
		if (filter_site_matches(&filter, &frame, 1) != cases[i].matches)
			fail_msg("%s", cases[i].glob);
		assert_false(filter_site_matches(&filter, &unknown, 1));
		filter_fini(&filter);
	}
	assert_true(filter_site_matches(&(struct filter){0}, &unknown, 1));
}

/* Frames of one call, whose last is the function that is not inlined; then the frame of its
 * caller. */
TEST(test_site_inlined)
{
	static const struct frame stack[] = {
		{.pc = 9,
		 .func = "maps.DeleteFunc[...]",
		 .file = "maps.go",
		 .line = 60,
		 .inlined = true},
		{.pc = 9,
		 .func = "main.(*store).sweep",
		 .file = "store.go",
		 .line = 61,
		 .inlined = true},
		{.pc = 9, .func = "main.tick", .file = "main.go", .line = 12},
		{.pc = 17, .func = "main.main", .file = "main.go", .line = 30},
	};
	static const struct {
		const char *glob;
		size_t n;
		bool matches;
	} cases[] = {
		{"maps.DeleteFunc*", 4, true}, {"store.go:61", 4, true}, {"main.tick", 4, true},
		{"main.main", 4, false},       {"main.go:12", 3, true},	 {"main.tick", 2, false},
		{"main.tick", 1, false},       {"*", 4, true},		 {"*", 0, false},
	};
	struct frame hidden[2] = {stack[0], stack[3]}; /* inlined into a wrapper */

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct filter filter = {0};

		assert_null(filter_set_glob("--site", cases[i].glob, &filter.site_glob));
		if (filter_site_matches(&filter, stack, cases[i].n) != cases[i].matches)
			fail_msg("%s of %zu", cases[i].glob, cases[i].n);
		assert_int_equal(filter_site_matches(&filter, hidden, 2),
				 !strcmp(cases[i].glob, "*") || i == 0);
		filter_fini(&filter);
	}
	assert_true(filter_site_matches(&(struct filter){0}, NULL, 0));
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

TEST(test_key_string)
{
	check_key_string("user:42", false, "user:42");
	check_key_string("\"user:42\"", false, "user:42");
	check_key_string("\"caf\\u00e9\\n\"", false, "café\n");
	check_key_string("", false, "");
	check_key_string("\"\"", false, "");
	check_key_string("42", false, "42");
	check_key_string("true", false, "true");
	check_key_string("{\"A\": 1}", false, NULL);
	check_key_string("[1]", false, NULL);
	/* A prefix is taken literally. */
	check_key_string("{\"A", true, "{\"A");
	check_key_string("\"x\"", true, "\"x\"");
}

/* Keys of bytes that no C string, or no JSON string, could hold. */
TEST(test_key_bytes)
{
	static const struct {
		const char *text;
		size_t len;
		const char *bytes; /* NULL: no string */
	} cases[] = {
		{"\"a\\u0000b\"", 3, "a\0b"},	    {"{\"bytes\": \"61ff00Fe\"}", 4, "a\xff\0\xfe"},
		{"{\"bytes\": \"\"}", 0, ""},	    {"{\"bytes\": \"61f\"}", 0, NULL},
		{"{\"bytes\": \"61fg\"}", 0, NULL}, {"{\"bytes\": \"0x\"}", 0, NULL},
		{"{\"bytes\": 61}", 0, NULL},	    {"{\"bytes\": \"61\", \"more\": 1}", 0, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct filter filter = key_filter(cases[i].text, false);
		bool prefix;
		size_t len = 0;
		const char *string = filter_key_string(filter.key, &len, &prefix);

		if (!string != !cases[i].bytes)
			fail_msg("%s", cases[i].text);
		assert_int_equal(len, cases[i].len);
		if (len)
			assert_memory_equal(string, cases[i].bytes, len);
		filter_fini(&filter);
	}
}

/* Checks keys of n bytes. Only strings that the kernel program compares have a limit. */
static void check_long_key(const char *format, size_t n, bool fits)
{
	struct filter filter = {0};
	struct buf text = {0};
	struct error *err;

	for (; *format; format++)
		if (*format == '%')
			buf_pad(&text, 'a', n);
		else
			buf_char(&text, *format);
	err = filter_set_key(&filter, buf_cstr(&text), false);
	if (fits && err)
		fail_msg("%s", err->text);
	if (!fits)
		expect_usage(err, "--key: longer than 256 bytes; use --key-prefix");
	filter_fini(&filter);
	buf_fini(&text);
}

TEST(test_key_long)
{
	check_long_key("[\"%\",\"b\"]", 500, true);
	check_long_key("{\"S\":\"%\"}", 500, true);
	check_long_key("{\"bytes\":\"%\"}", 512, true);
	check_long_key("{\"bytes\":\"%\"}", 514, false);
	check_long_key("\"%\"", 257, false);
}

TEST(test_key_errors)
{
	static const char *const broken[] = {"{", "{\"A\": 1,}", "[1", "\"open",
					     "{\"A\":1,\"A\":2}"};
	char text[FILTER_TEXT_MAX + 3];
	struct filter quoted;

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

		text[FILTER_TEXT_MAX] = 'x';
		text[FILTER_TEXT_MAX + 1] = '\0';
		expect_usage(filter_set_key(&filter, text, prefix),
			     prefix ? "--key-prefix: longer than 256 bytes"
				    : "--key: longer than 256 bytes; use --key-prefix");
		filter_fini(&filter);
		text[FILTER_TEXT_MAX] = '\0';
		filter = key_filter(text, prefix);
		filter_fini(&filter);
	}
	/* Quotes do not count for the length. */
	memset(text, 'x', sizeof(text));
	text[0] = text[FILTER_TEXT_MAX + 1] = '"';
	text[FILTER_TEXT_MAX + 2] = '\0';
	quoted = key_filter(text, false);
	filter_fini(&quoted);
}

/* ---- how keys of a type are tested ---- */

#define NEVER	   KEY_TEST_NEVER, 0, 0
#define WORD(w)	   KEY_TEST_WORD, (uint64_t)(w), UINT64_MAX
#define PART(w, m) KEY_TEST_WORD, (w), (m)

static const struct test_case {
	enum gotype_kind kind;
	const char *key;
	enum key_test_how how;
	uint64_t want, mask;
} test_cases[] = {
	{GOTYPE_INT, "42", WORD(42)},
	{GOTYPE_INT, "-1", WORD(-1)},
	{GOTYPE_INT, "0x2a", WORD(42)},
	{GOTYPE_INT, "010", WORD(10)},
	{GOTYPE_INT, "-0", WORD(0)},
	{GOTYPE_INT, "\"42\"", NEVER}, /* the string only */
	{GOTYPE_INT, "\"9007199254740992\"", NEVER},
	{GOTYPE_INT, "\"9007199254740993\"", WORD(9007199254740993)}, /* past 2^53 */
	{GOTYPE_INT, "\"-9007199254740993\"", WORD(-9007199254740993)},
	{GOTYPE_INT, "\"0x20000000000001\"", NEVER},
	{GOTYPE_INT, "\"9007199254740993\\u0000\"", NEVER},
	{GOTYPE_INT, "0x", NEVER},
	{GOTYPE_INT, "0x+1", NEVER},
	{GOTYPE_INT, "--1", NEVER},
	{GOTYPE_INT, "1 ", NEVER},
	{GOTYPE_INT, "\t1", NEVER},
	{GOTYPE_INT, "true", NEVER},
	{GOTYPE_INT, "null", NEVER},
	{GOTYPE_INT, "{\"type\":\"int\",\"value\":42}", NEVER},
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
	{GOTYPE_POINTER, "0x0", WORD(0)},
	{GOTYPE_POINTER, "16", NEVER},
	{GOTYPE_POINTER, "0x", NEVER},
	{GOTYPE_POINTER, "0x10g", NEVER},
	{GOTYPE_POINTER, "-0x10", NEVER},
	{GOTYPE_POINTER, "0x10000000000000000", NEVER},
	{GOTYPE_POINTER, "", NEVER},
	{GOTYPE_POINTER, "main.x", NEVER},
	{GOTYPE_FLOAT64, "1.5", WORD(0x3ff8000000000000)},
	{GOTYPE_FLOAT64, "-2", WORD(0xc000000000000000)},
	{GOTYPE_FLOAT64, "\"+Inf\"", WORD(0x7ff0000000000000)},
	{GOTYPE_FLOAT64, "0", PART(0, UINT64_MAX >> 1)}, /* +0 and -0 are one key */
	{GOTYPE_FLOAT64, "-0.0", PART(0, UINT64_MAX >> 1)},
	{GOTYPE_FLOAT64, "+Inf", WORD(0x7ff0000000000000)},
	{GOTYPE_FLOAT64, "-Inf", WORD(0xfff0000000000000)},
	{GOTYPE_FLOAT64, "NaN", KEY_TEST_VALUE, 0, 0}, /* there are many NaNs */
	{GOTYPE_FLOAT64, "\"NaN\"", KEY_TEST_VALUE, 0, 0},
	{GOTYPE_FLOAT64, "nan", NEVER},
	{GOTYPE_FLOAT64, "Inf", NEVER},
	{GOTYPE_FLOAT64, "-infinity", NEVER},
	{GOTYPE_FLOAT64, "1e400", NEVER}, /* not infinity */
	{GOTYPE_FLOAT64, "5e-324", WORD(1)},
	{GOTYPE_FLOAT64, "1e+300", WORD(0x7e37e43c8800759c)},
	{GOTYPE_FLOAT64, "\"1e+300\"", WORD(0x7e37e43c8800759c)}, /* quoted, because past 2^53 */
	{GOTYPE_FLOAT64, "\"1.5\"", NEVER},
	{GOTYPE_FLOAT64, ".5", WORD(0x3fe0000000000000)},
	{GOTYPE_FLOAT64, "0x10", NEVER},
	{GOTYPE_FLOAT64, " 1.5", NEVER},
	{GOTYPE_FLOAT64, "+1.5", NEVER},
	{GOTYPE_FLOAT64, ".", NEVER},
	{GOTYPE_FLOAT64, "-", NEVER},
	{GOTYPE_FLOAT64, "e1", NEVER},
	{GOTYPE_FLOAT64, "false", NEVER},
	{GOTYPE_FLOAT64, "1.5x", NEVER},
	{GOTYPE_FLOAT64, "", NEVER},
	{GOTYPE_FLOAT32, "0.1", PART(0x3dcccccd, 0xffffffff)},
	{GOTYPE_FLOAT32, "-1", PART(0xbf800000, 0xffffffff)},
	{GOTYPE_FLOAT32, "-0", PART(0, 0x7fffffff)},
	{GOTYPE_FLOAT32, "1e300", NEVER}, /* not infinity */
	{GOTYPE_FLOAT32, "1e-60", NEVER}, /* not zero */
	{GOTYPE_FLOAT32, "-Inf", PART(0xff800000, 0xffffffff)},
	{GOTYPE_BOOL, "true", PART(1, 0xff)},
	{GOTYPE_BOOL, "false", PART(0, 0xff)},
	{GOTYPE_BOOL, "1", NEVER},
	{GOTYPE_BOOL, "TRUE", NEVER},
	{GOTYPE_BOOL, "\"true\"", NEVER},
	{GOTYPE_BOOL, "", NEVER},
	{GOTYPE_STRING, "user", KEY_TEST_STRING, 0, 0},
	{GOTYPE_STRING, "42", KEY_TEST_STRING, 0, 0},
	{GOTYPE_STRING, "[42]", NEVER},
	{GOTYPE_STRING, "{\"bytes\":\"ff\"}", KEY_TEST_STRING, 0, 0},
	{GOTYPE_STRING, "{\"bytes\":\"f\"}", NEVER},
	{GOTYPE_COMPLEX128, "[1,2]", KEY_TEST_VALUE, 0, 0},
	{GOTYPE_COMPLEX64, "1", NEVER},
	{GOTYPE_COMPLEX64, "{\"re\":1}", NEVER},
};

static void check_test(const struct filter *filter, const struct gotypes *types, uint64_t type,
		       const struct test_case *want)
{
	struct key_test test;

	filter_key_test(filter, types, type, &test);
	if (test.how != want->how || test.want != want->want || test.mask != want->mask)
		fail_msg("kind %d, key \"%s\": test %u want 0x%llx mask 0x%llx", (int)want->kind,
			 want->key, test.how, (unsigned long long)test.want,
			 (unsigned long long)test.mask);
}

TEST(test_key_test)
{
	uint64_t types[ARRAY_SIZE(test_cases)];
	struct goprog p;

	goprog_begin(&p, 26);
	for (size_t i = 0; i < ARRAY_SIZE(test_cases); i++)
		types[i] = goprog_scalar(&p, test_cases[i].kind);
	goprog_open(&p);
	for (size_t i = 0; i < ARRAY_SIZE(test_cases); i++) {
		struct filter filter = key_filter(test_cases[i].key, false);

		check_test(&filter, &p.types, types[i], &test_cases[i]);
		filter_fini(&filter);
	}
	goprog_close(&p);
}

TEST(test_key_test_other)
{
	const struct test_case any = {0, "", KEY_TEST_ANY, 0, 0};
	const struct test_case user = {0, "x", KEY_TEST_VALUE, 0, 0};
	const struct test_case never = {0, "x", KEY_TEST_NEVER, 0, 0};
	const struct test_case string = {0, "x", KEY_TEST_STRING, 0, 0};
	struct filter none = {0}, key = key_filter("1", false), prefix = key_filter("1", true);
	struct filter list = key_filter("[1]", false), object = key_filter("{\"A\":1}", false);
	uint64_t integer, text, eface, array;
	struct goprog p;

	goprog_begin(&p, 26);
	integer = goprog_scalar(&p, GOTYPE_INT);
	text = goprog_scalar(&p, GOTYPE_STRING);
	eface = goprog_eface(&p);
	array = goprog_array(&p, "[1]int", integer, 8, 1, 0);
	goprog_open(&p);
	check_test(&none, &p.types, integer, &any);
	check_test(&none, &p.types, 0xdead0000, &any);
	check_test(&key, &p.types, 0xdead0000,
		   &user); /* a type that cannot be read is decided by the value */
	check_test(&key, &p.types, eface, &user);
	check_test(&key, &p.types, array, &never);
	check_test(&key, &p.types, p.fake.type_pair, &never);
	check_test(&list, &p.types, eface, &user);
	check_test(&list, &p.types, array, &user);
	check_test(&list, &p.types, p.fake.type_pair, &never);
	check_test(&object, &p.types, eface, &user);
	check_test(&object, &p.types, array, &never);
	check_test(&object, &p.types, p.fake.type_pair, &user);
	check_test(&prefix, &p.types, text, &string);
	check_test(&prefix, &p.types, integer, &never); /* only strings have a prefix */
	check_test(&prefix, &p.types, array, &never);
	check_test(&prefix, &p.types, eface, &user); /* it may hold a string */
	filter_fini(&key);
	filter_fini(&prefix);
	filter_fini(&list);
	filter_fini(&object);
	goprog_close(&p);
}

/* ---- --dry-run ---- */

static void check_explain(const char *key, bool prefix, const char *expected)
{
	struct filter filter = key_filter(key, prefix);
	struct buf text = {0};

	filter_explain(&filter, &text);
	assert_string_equal(buf_cstr(&text), expected);
	buf_fini(&text);
	filter_fini(&filter);
}

/* --dry-run says that user space decides exactly the kinds that filter_key_test() leaves to it. */
TEST(test_explain_key)
{
#define AFTER(option, kinds)                                            \
	"filter " option ": in the kernel program; after it for " kinds \
	" keys, and for map types that reflect makes at run time\n"
	check_explain("user", true, AFTER("--key-prefix", "interface"));
	check_explain("user", false, AFTER("--key", "interface"));
	check_explain("42", false, AFTER("--key", "interface"));
	check_explain("\"42\"", false, AFTER("--key", "interface"));
	check_explain("NaN", false, AFTER("--key", "float and interface"));
	check_explain("[1,2]", false, AFTER("--key", "complex, array and interface"));
	check_explain("{\"A\":1}", false, AFTER("--key", "struct and interface"));
}

TEST(test_explain)
{
	struct filter filter = key_filter("user", true);
	struct buf text = {0};

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
		cmocka_unit_test(test_glob),	    cmocka_unit_test(test_glob_errors),
		cmocka_unit_test(test_site),	    cmocka_unit_test(test_site_inlined),
		cmocka_unit_test(test_key_string),  cmocka_unit_test(test_key_bytes),
		cmocka_unit_test(test_key_long),    cmocka_unit_test(test_key_errors),
		cmocka_unit_test(test_key_test),    cmocka_unit_test(test_key_test_other),
		cmocka_unit_test(test_explain_key), cmocka_unit_test(test_explain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
