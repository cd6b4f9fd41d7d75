/* Tests of watch/filter/pattern.c: --key and --key-prefix as the user writes them, and what
 * --dry-run tells of the filters. */
#include "test.h"
#include "base/buf.h"

#include "filter_check.h"

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

TEST(a_word_is_the_string_it_stands_for)
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
TEST(a_key_may_be_bytes)
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

TEST(only_strings_have_a_limit)
{
	check_long_key("[\"%\",\"b\"]", 500, true);
	check_long_key("{\"S\":\"%\"}", 500, true);
	check_long_key("{\"bytes\":\"%\"}", 512, true);
	check_long_key("{\"bytes\":\"%\"}", 514, false);
	check_long_key("\"%\"", 257, false);
}

TEST(keys_that_are_refused)
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
TEST(dry_run_tells_which_keys_user_space_decides)
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

TEST(dry_run_tells_where_each_filter_is_decided)
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
		cmocka_unit_test(a_word_is_the_string_it_stands_for),
		cmocka_unit_test(a_key_may_be_bytes),
		cmocka_unit_test(only_strings_have_a_limit),
		cmocka_unit_test(keys_that_are_refused),
		cmocka_unit_test(dry_run_tells_which_keys_user_space_decides),
		cmocka_unit_test(dry_run_tells_where_each_filter_is_decided),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
