/* Tests of base/: buffers, the reader of hostile bytes, vectors, tables, errors. */
#include "test.h"
#include "base/reader.h"
#include "base/clock.h"
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>

#include "base/base.h"
#include "base/table.h"

/* --- buf --- */

TEST(test_buf_appends)
{
	struct buf buf = {0};

	assert_string_equal(buf_cstr(&buf), "");
	buf_put(&buf, NULL, 0);
	buf_pad(&buf, 'x', 0);
	assert_int_equal(buf.len, 0);
	buf_str(&buf, "a");
	buf_char(&buf, '\0');
	buf_pad(&buf, '.', 3);
	buf_printf(&buf, "%d%%", 42);
	assert_int_equal(buf.len, 8);
	assert_memory_equal(buf.data, "a\0...42%", 8);
	assert_string_equal(buf_cstr(&buf) + 2, "...42%");
	assert_int_equal(buf.len, 8); /* the NUL is not counted */
	assert_false(buf.bad);
	buf_reset(&buf);
	assert_int_equal(buf.len, 0);
	buf_fini(&buf);
	assert_null(buf.data);
}

TEST(test_buf_numbers)
{
	struct buf buf = {0};

	buf_u64(&buf, 0);
	buf_char(&buf, ' ');
	buf_u64(&buf, UINT64_MAX);
	buf_char(&buf, ' ');
	buf_i64(&buf, INT64_MIN);
	buf_char(&buf, ' ');
	buf_i64(&buf, INT64_MAX);
	buf_char(&buf, ' ');
	buf_hex(&buf, 0);
	buf_char(&buf, ' ');
	buf_hex(&buf, UINT64_MAX);
	buf_char(&buf, ' ');
	buf_hex(&buf, 0xc000012a00);
	assert_string_equal(buf_cstr(&buf),
			    "0 18446744073709551615 -9223372036854775808 9223372036854775807 "
			    "0x0 0xffffffffffffffff 0xc000012a00");
	buf_fini(&buf);
}

TEST(test_buf_grows)
{
	struct buf buf = {0};

	for (unsigned i = 0; i < 100000; i++)
		buf_char(&buf, (char)('a' + i % 26));
	assert_int_equal(buf.len, 100000);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(buf.data[i], 'a' + i % 26);
	buf_fini(&buf);
}

TEST(test_buf_out_of_memory)
{
	struct buf buf = {0};

	buf_str(&buf, "kept");
	assert_false(buf_grow(&buf, SIZE_MAX));
	assert_true(buf.bad);
	assert_false(buf_grow(&buf, SIZE_MAX / 2));
	assert_string_equal(buf_cstr(&buf), "kept");
	buf_reset(&buf);
	assert_false(buf.bad);
	buf_fini(&buf);
}

/* --- reader --- */

TEST(test_reader_integers)
{
	static const uint8_t bytes[] = {1, 2, 3, 0xff, 0xff, 0xff, 0xff, 4, 0, 0,
					0, 9, 8, 7,    6,    5,	   4,	 3, 2, 1};
	struct reader r = reader_over(bytes, sizeof(bytes));

	assert_int_equal(reader_u8(&r), 1);
	assert_int_equal(reader_u16(&r), 0x0302);
	assert_int_equal(reader_i32(&r), -1);
	assert_int_equal(reader_u32(&r), 4);
	reader_skip(&r, 1);
	assert_false(r.bad);
	assert_true(r.end - r.pos == 8);
	assert_true(reader_u64(&r) == 0x0102030405060708);
	assert_false(r.bad);
	assert_int_equal(reader_u8(&r), 0);
	assert_true(r.bad);
}

TEST(test_reader_stays_bad)
{
	static const uint8_t bytes[] = {1, 2, 3};
	struct reader r = reader_over(bytes, sizeof(bytes));

	assert_int_equal(reader_u32(&r), 0); /* one byte short */
	assert_true(r.bad);
	assert_int_equal(reader_u8(&r), 0); /* this one would fit */
	assert_null(reader_bytes(&r, 1));
	assert_null(reader_cstr(&r));
	assert_int_equal(reader_uvarint(&r, 64), 0);

	r = reader_over(bytes, sizeof(bytes));
	assert_null(reader_bytes(&r, SIZE_MAX));
	assert_true(r.bad);

	r = reader_over(NULL, 0);
	assert_non_null(&r);
	assert_int_equal(reader_u8(&r), 0);
	assert_true(r.bad);
}

struct uvarint_case {
	const char *bytes;
	size_t len;
	unsigned bits;
	bool bad;
	uint64_t value;
};

TEST(test_reader_uvarint)
{
	static const struct uvarint_case cases[] = {
		{"\x00", 1, 32, false, 0},
		{"\x7f", 1, 32, false, 127},
		{"\x80\x01", 2, 32, false, 128},
		{"\x80\x00", 2, 32, false, 0}, /* padded, as Go accepts it */
		{"\xff\xff\xff\xff\x0f", 5, 32, false, UINT32_MAX},
		{"\xff\xff\xff\xff\x1f", 5, 32, true, 0},     /* 33 bits */
		{"\x80\x80\x80\x80\x80\x01", 6, 32, true, 0}, /* too long */
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, 64, false, UINT64_MAX},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, 64, true, 0}, /* 65 bits */
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, 64, true, 0},
		{"\x80", 1, 64, true, 0}, /* ends in the middle */
		{"", 0, 64, true, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reader r = reader_over(cases[i].bytes, cases[i].len);
		uint64_t value = reader_uvarint(&r, cases[i].bits);

		if (r.bad != cases[i].bad || value != cases[i].value)
			fail_msg("case %zu: bad %d, value %llu", i, r.bad,
				 (unsigned long long)value);
		if (!r.bad)
			assert_true(r.pos == r.end);
	}
}

TEST(test_reader_cstr)
{
	struct reader r = reader_over("ab\0\0cd", 6);

	assert_string_equal(reader_cstr(&r), "ab");
	assert_string_equal(reader_cstr(&r), "");
	assert_null(reader_cstr(&r)); /* no NUL before the end */
	assert_true(r.bad);
}

/* --- vec, table --- */

TEST(test_vec)
{
	VEC(uint32_t) vec = {0};
	uint64_t sum = 0;

	vec_each(p, &vec)
		sum += *p;
	for (uint32_t i = 0; i < 1000; i++)
		assert_true(vec_push(&vec, i));
	assert_int_equal(vec.len, 1000);
	vec_each(p, &vec)
		sum += *p;
	assert_int_equal(sum, 999 * 500);
	assert_false(vec_reserve(&vec, SIZE_MAX / 2));
	assert_int_equal(vec.data[999], 999);
	vec_fini(&vec);
	assert_null(vec.data);
	assert_int_equal(vec.cap, 0);
}

static uint64_t spread(uint32_t i)
{
	return i % 3 ? i * 0x9e3779b97f4a7c15ull : (uint64_t)i << 32;
}

TEST(test_table)
{
	struct table table = {0};

	assert_null(table_find(&table, 0));
	for (uint32_t i = 0; i < 20000; i++)
		assert_int_equal(table_put(&table, spread(i), i), 1);
	assert_int_equal(table_len(&table), 20000);
	for (uint32_t i = 0; i < 20000; i++) {
		assert_non_null(table_find(&table, spread(i)));
		assert_int_equal(table_get(&table, spread(i)), i);
	}
	assert_null(table_find(&table, 12345));
	assert_int_equal(table_put(&table, spread(7), 8), 0); /* replaces */
	assert_int_equal(table_len(&table), 20000);
	assert_int_equal(table_get(&table, spread(7)), 8);
	table_fini(&table);
	assert_null(table_find(&table, spread(7)));
}

/* --- error, cleanup --- */

TEST(test_error_texts)
{
	struct error *err = error_new(ERROR_TARGET, "no process %d", 42);

	assert_int_equal(err->code, ERROR_TARGET);
	assert_string_equal(err->text, "no process 42");
	err = error_wrap(err, "trace %s", "x");
	assert_int_equal(err->code, ERROR_TARGET);
	assert_string_equal(err->text, "trace x: no process 42");
	error_free(err);
	err = error_errno(ERROR_PERMISSION, EACCES, "cannot open %s", "f");
	assert_int_equal(err->code, ERROR_PERMISSION);
	assert_string_equal(err->text, "cannot open f: Permission denied");
	error_free(err);
	error_free(NULL);
	assert_null(error_wrap(NULL, "nothing"));
}

TEST(test_error_long)
{
	char name[4000];
	struct error *err;

	memset(name, 'n', sizeof(name));
	err = error_errno(ERROR_FAILED, ENOENT, "%.*s", (int)sizeof(name), name);
	assert_memory_equal(err->text, name, 1000);
	assert_non_null(strstr(err->text, ": No such file or directory")); /* the tail survives */
	error_free(err);
}

TEST(test_error_nomem)
{
	struct error *err = error_nomem();

	assert_int_equal(err->code, ERROR_FAILED);
	assert_ptr_equal(error_wrap(err, "somewhere"), err);
	error_free(err); /* static: nothing to free */
	assert_string_equal(error_nomem()->text, "out of memory");
}

static struct error *fails_if(bool fails)
{
	return fails ? error_new(ERROR_USAGE, "failed") : NULL;
}

static struct error *tries(bool fails, bool *ret_reached)
{
	try(fails_if(fails));
	*ret_reached = true;
	return NULL;
}

TEST(test_try_and_guards)
{
	struct error *err;
	bool reached = false;
	int fd = -1;

	err = tries(true, &reached);
	assert_non_null(err);
	assert_false(reached);
	error_free(err);
	assert_null(tries(false, &reached));
	assert_true(reached);
	{
		cleanup_free char *text = strdup("freed by its scope");
		cleanup_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		cleanup(error_free) struct error *guarded = error_new(ERROR_FAILED, "freed");

		assert_non_null(text);
		assert_non_null(guarded);
		assert_true(null >= 0);
		fd = null;
	}
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* --- clock --- */

/* The offset changes only when somebody sets the clock. */
TEST(test_clock_wall_offset)
{
	uint64_t offset = clock_wall_offset(0);

	assert_in_range(now_ns() + offset, 1600000000000000000ull, 4100000000000000000ull);
	assert_true(clock_wall_offset(offset) == offset);
	assert_true(clock_wall_offset(offset - 400000) == offset - 400000);
	assert_true(clock_wall_offset(offset + 400000) == offset + 400000);
	for (uint64_t step = 2000000; step < 1ull << 60; step *= 1000) {
		assert_in_range(clock_wall_offset(offset - step), offset - 500000, offset + 500000);
		assert_in_range(clock_wall_offset(offset + step), offset - 500000, offset + 500000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf_appends),
		cmocka_unit_test(test_buf_numbers),
		cmocka_unit_test(test_buf_grows),
		cmocka_unit_test(test_buf_out_of_memory),
		cmocka_unit_test(test_reader_integers),
		cmocka_unit_test(test_reader_stays_bad),
		cmocka_unit_test(test_reader_uvarint),
		cmocka_unit_test(test_reader_cstr),
		cmocka_unit_test(test_vec),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_clock_wall_offset),
		cmocka_unit_test(test_error_texts),
		cmocka_unit_test(test_error_long),
		cmocka_unit_test(test_error_nomem),
		cmocka_unit_test(test_try_and_guards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
