/* Tests of base/text: escaping, widths, JSON, patterns. Each is also tried on hostile bytes. */
#include "test.h"

#include <jansson.h>
#include <stdio.h>

#include "base/text/text.h"
#include "base/buf.h"

TEST(test_safe)
{
	static const struct {
		const char *bytes, *safe;
	} cases[] = {
		{"map[string]struct { A int \"json:\\\"a\\\"\" }",
		 "map[string]struct { A int \"json:\\\"a\\\"\" }"},
		{"a\x1b]0;title\x07\n\xff\u202e", "a\\x1b]0;title\\a\\n\\xff\\u202e"},
		{"\u200b\ufeff\u2066\u2069", "\\u200b\\ufeff\\u2066\\u2069"},
		{"\u3164\u115f\u00ad\ufe0f\U000e0041", "\\u3164\\u115f\\u00ad\\ufe0f\\U000e0041"},
		{"größe 世界 🙂", "größe 世界 🙂"},
		{"\x80\xc3", "\\x80\\xc3"},
		{"", ""},
	};
	struct buf buf = {0};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		buf_reset(&buf);
		text_safe_str(&buf, cases[i].bytes);
		assert_string_equal(buf_cstr(&buf), cases[i].safe);
	}
	buf_reset(&buf);
	text_safe(&buf, NULL, 0);
	assert_int_equal(buf.len, 0);
	text_safe_quoted(&buf, "a\"\\b", 4);
	assert_string_equal(buf_cstr(&buf), "a\\\"\\\\b");
	buf_fini(&buf);
}

TEST(test_fit)
{
	size_t columns;

	assert_int_equal(text_fit("hello", 5, 3, &columns), 3);
	assert_int_equal(columns, 3);
	assert_int_equal(text_fit("hello", 5, 9, &columns), 5);
	assert_int_equal(columns, 5);
	assert_int_equal(text_fit("größe", 7, 4, &columns), 6);
	assert_int_equal(columns, 4);
	assert_int_equal(text_fit("世界", 6, 3, &columns),
			 3); /* the second character would exceed the limit */
	assert_int_equal(columns, 2);
	assert_int_equal(text_fit("812→811", 9, TEXT_UNLIMITED, &columns), 9);
	assert_int_equal(columns, 7);
	assert_int_equal(text_fit("", 0, 5, &columns), 0);
	assert_int_equal(columns, 0);
	assert_int_equal(text_fit("\xff\xff", 2, 5, &columns), 2);
	assert_int_equal(columns, 2);
}

static void check_cut(const char *text, size_t columns, const char *cut, const char *tail)
{
	struct buf buf = {0};

	buf_str(&buf, text);
	text_cut(&buf, 0, columns);
	assert_string_equal(buf_cstr(&buf), cut);
	buf_reset(&buf);
	text_tail(&buf, text, strlen(text), columns);
	assert_string_equal(buf_cstr(&buf), tail);
	buf_fini(&buf);
}

TEST(test_cut)
{
	check_cut("store.go:61", 11, "store.go:61", "store.go:61");
	check_cut("store.go:61", 5, "stor…", "…o:61");
	check_cut("store.go:61", 1, "…", "…");
	check_cut("世界界", 5, "世界…", "…界界");
	check_cut("世界界", 4, "世…", "…界");
	check_cut("store.go:61", TEXT_UNLIMITED, "store.go:61", "store.go:61");
}

static void check_wrap(const char *text, size_t indent, size_t hang, size_t columns,
		       const char *expected)
{
	struct buf buf = {0}, lines = {0};

	buf_str(&buf, text);
	text_wrap_indented(&lines, &buf, indent, hang, columns);
	assert_string_equal(buf_cstr(&lines), expected);
	buf_fini(&buf);
	buf_fini(&lines);
}

static void assert_pair(size_t least, size_t columns, const char *want)
{
	struct buf left = {0}, right = {0}, text = {0};
	struct text_pair pair = {.left = &left, .right = &right, .gap = 2, .least = least};

	buf_str(&left, "main.drop");
	buf_str(&right, "/src/a/main.go:92");
	text_pair(&text, &pair, columns);
	assert_string_equal(buf_cstr(&text), want);
	buf_fini(&left);
	buf_fini(&right);
	buf_fini(&text);
}

TEST(test_pair)
{
	struct buf left = {0}, none = {0}, text = {0};
	struct text_pair pair = {.left = &none, .right = &none, .gap = 2};

	assert_pair(SIZE_MAX, TEXT_UNLIMITED, "main.drop  /src/a/main.go:92");
	assert_pair(SIZE_MAX, 28, "main.drop  /src/a/main.go:92");
	assert_pair(SIZE_MAX, 27, "main.dr…  /src/a/main.go:92");
	assert_pair(SIZE_MAX, 22, "ma…  /src/a/main.go:92");
	assert_pair(SIZE_MAX, 21, "/src/a/main.go:92"); /* not "m…" */
	assert_pair(SIZE_MAX, 17, "/src/a/main.go:92");
	assert_pair(SIZE_MAX, 10, "…ain.go:92");
	assert_pair(12, 27, "main.drop  …rc/a/main.go:92");
	assert_pair(12, 23, "main.drop  …/main.go:92");
	assert_pair(12, 20, "main.…  …/main.go:92");
	assert_pair(0, 12, "main.drop  …");
	assert_pair(0, 1, "…");
	buf_str(&left, "main.drop");
	text_pair(&text, &pair, 5);
	assert_string_equal(buf_cstr(&text), "");
	pair.left = &left;
	text_pair(&text, &pair, 5);
	assert_string_equal(buf_cstr(&text), "main…");
	buf_fini(&left);
	buf_fini(&text);
}

TEST(test_wrap)
{
	check_wrap("one two three", 0, 0, 8, "one two\nthree\n");
	check_wrap("one two three", 0, 0, TEXT_UNLIMITED, "one two three\n");
	check_wrap("abcdefghij", 0, 0, 4, "abcd\nefgh\nij\n");
	check_wrap("aaaa bbbb cccc dddd eeee ffff", 2, 2, 26,
		   "  aaaa bbbb cccc dddd eeee\n    ffff\n");
	check_wrap("世", 0, 0, 1, "世\n"); /* no line is too narrow to make progress */
	check_wrap("", 0, 0, 8, "");
}

/* Checks the JSON of some bytes, and that a reader gets the same bytes back. */
static void check_json(const char *bytes, size_t len, const char *expected)
{
	struct buf buf = {0};
	json_t *read;

	json_put_string(&buf, bytes, len);
	assert_string_equal(buf_cstr(&buf), expected);
	read = json_loadb(buf.data, buf.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	assert_non_null(read);
	if (json_is_string(read)) {
		assert_int_equal(json_string_length(read), len);
		assert_memory_equal(json_string_value(read), bytes, len);
	} else {
		assert_int_equal(strlen(json_string_value(json_object_get(read, "bytes"))),
				 2 * len);
	}
	json_decref(read);
	buf_fini(&buf);
}

TEST(test_json_string)
{
	check_json("user:42", 7, "\"user:42\"");
	check_json("a\"b\\c\n\x01\x7f", 8, "\"a\\\"b\\\\c\\n\\u0001\\u007f\"");
	check_json("a\0b", 3, "\"a\\u0000b\"");
	check_json("größe 世界 🙂", 19, "\"größe 世界 🙂\"");
	check_json("", 0, "\"\"");
}

/* Each of these hides or reorders text on a terminal. */
TEST(test_json_invisible)
{
	check_json("\u202e\u2066\u2069", 9, "\"\\u202e\\u2066\\u2069\"");
	check_json("\u200b\ufeff\u200d\u2060", 12, "\"\\u200b\\ufeff\\u200d\\u2060\"");
	check_json("\u061c\u00ad\u180e", 7, "\"\\u061c\\u00ad\\u180e\"");
	check_json("\u2028\u2029\xc2\x85", 8, "\"\\u2028\\u2029\\u0085\"");
	check_json("\U000e0041\U0001d173", 8, "\"\\udb40\\udc41\\ud834\\udd73\"");
}

TEST(test_json_bytes)
{
	struct buf buf = {0};

	check_json("/tmp/caf\xe9/a", 11, "{\"bytes\":\"2f746d702f636166e92f61\"}");
	check_json("\xed\xa0\x80", 3, "{\"bytes\":\"eda080\"}"); /* a surrogate */
	check_json("\xc0\x80", 2, "{\"bytes\":\"c080\"}");	 /* longer than necessary */
	json_put_name_string(&buf, "a\xff\xc3(\"", 5);
	assert_string_equal(buf_cstr(&buf), "\"a\\ufffd\\ufffd(\\\"\"");
	buf_fini(&buf);
}

TEST(test_json_numbers)
{
	struct buf buf = {0};

	json_begin(&buf, "a");
	json_put_count(&buf, INT64_MAX);
	json_name(&buf, "b");
	json_put_count(&buf, 1ull << 63);
	json_name_of(&buf, "c\"");
	json_put_integer(&buf, JSON_EXACT_MAX, true);
	json_name(&buf, "d");
	json_put_integer(&buf, JSON_EXACT_MAX + 1, false);
	json_name(&buf, "e");
	json_put_decimal(&buf, 1.23456789);
	json_name(&buf, "f");
	json_put_ns(&buf, 5);
	json_name(&buf, "g");
	json_put_str(&buf, NULL);
	json_end_line(&buf);
	assert_string_equal(buf_cstr(&buf),
			    "{\"a\":9223372036854775807,\"b\":\"9223372036854775808\","
			    "\"c\\\"\":-9007199254740992,\"d\":\"9007199254740993\","
			    "\"e\":1.234568,\"f\":\"5\",\"g\":null}\n");
	buf_fini(&buf);
}

/* Tests each byte of a word alone, and numbers of each length. */
TEST(test_json_each_byte)
{
	struct buf buf = {0}, numbers = {0};
	char text[32];

	for (unsigned at = 0; at < 16; at++)
		for (unsigned c = 1; c < 0x80; c++) {
			char bytes[16], one[8];
			json_t *read;

			if (c == 'x')
				continue;
			memset(bytes, 'x', sizeof(bytes));
			bytes[at] = (char)c;
			buf_reset(&buf);
			json_put_string(&buf, bytes, sizeof(bytes));
			read = json_loadb(buf.data, buf.len, JSON_DECODE_ANY, NULL);
			assert_non_null(read);
			assert_int_equal(json_string_length(read), sizeof(bytes));
			assert_memory_equal(json_string_value(read), bytes, sizeof(bytes));
			json_decref(read);
			snprintf(one, sizeof(one), "x%cx", (char)c);
			assert_int_equal(strstr(buf_cstr(&buf), one) != NULL,
					 c >= ' ' && c < 0x7f && c != '"' && c != '\\' && at > 0 &&
						 at < 15);
		}
	for (uint64_t value = 1; value < UINT64_MAX / 10; value = value * 10 + value % 7) {
		for (int64_t d = -1; d <= 1; d++) {
			buf_reset(&numbers);
			buf_u64(&numbers, value + (uint64_t)d);
			snprintf(text, sizeof(text), "%llu",
				 (unsigned long long)(value + (uint64_t)d));
			assert_string_equal(buf_cstr(&numbers), text);
		}
		buf_reset(&numbers);
		buf_digits(&numbers, value % 1000000000, 9);
		snprintf(text, sizeof(text), "%09llu", (unsigned long long)(value % 1000000000));
		assert_string_equal(buf_cstr(&numbers), text);
	}
	buf_fini(&buf);
	buf_fini(&numbers);
}

/* Tests each byte at each position, in runs of each length up to two words. */
TEST(test_plain_run)
{
	char bytes[17];

	for (size_t len = 0; len <= sizeof(bytes); len++)
		for (size_t at = 0; at < len; at++)
			for (unsigned c = 0; c < 256; c++) {
				bool plain = c >= ' ' && c < 0x7f && c != '"' && c != '\\';

				memset(bytes, '~', sizeof(bytes));
				bytes[at] = (char)c;
				assert_int_equal(rune_plain_run(bytes, len), plain ? len : at);
			}
	assert_int_equal(rune_plain_run("", 0), 0);
}

TEST(test_digits)
{
	struct buf buf = {0};
	char text[32];

	for (uint64_t power = 1;; power *= 10) {
		for (int d = -1; d <= 1; d++) {
			uint64_t value = power + (uint64_t)d;

			buf_reset(&buf);
			buf_u64(&buf, value);
			snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
			assert_string_equal(buf_cstr(&buf), text);
		}
		if (power > UINT64_MAX / 10)
			break;
	}
	for (unsigned n = 1; n <= 20; n++) {
		buf_reset(&buf);
		buf_digits(&buf, 1234567890123456789, n);
		snprintf(text, sizeof(text), "%020llu", 1234567890123456789ull);
		assert_string_equal(buf_cstr(&buf), text + 20 - n);
	}
	for (unsigned bit = 0; bit < 64; bit++) {
		buf_reset(&buf);
		buf_hex(&buf, 1ull << bit);
		snprintf(text, sizeof(text), "0x%llx", 1ull << bit);
		assert_string_equal(buf_cstr(&buf), text);
	}
	buf_fini(&buf);
}

TEST(test_glob)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = {
		{"map[string]*", "map[string]int", true},
		{"map[string]*", "maps", false},
		{"*(\\*store)*", "main.(*store).sweep", true},
		{"*(\\*store)*", "main.(xstore).sweep", false},
		{"?ain", "main", true},
	};
	char *glob = NULL;
	struct error *err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_null(glob_new("--type", cases[i].pattern, &glob));
		assert_int_equal(glob_matches(glob, cases[i].text), cases[i].matches);
		free(glob);
	}
	err = glob_new("--type", "a\\", &glob);
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_USAGE);
	error_free(err);
	err = glob_new("--type", "", &glob);
	assert_non_null(err);
	error_free(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_safe),
		cmocka_unit_test(test_fit),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_json_string),
		cmocka_unit_test(test_json_invisible),
		cmocka_unit_test(test_json_bytes),
		cmocka_unit_test(test_json_numbers),
		cmocka_unit_test(test_json_each_byte),
		cmocka_unit_test(test_plain_run),
		cmocka_unit_test(test_digits),
		cmocka_unit_test(test_glob),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
