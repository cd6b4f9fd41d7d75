/* Tests of watch/filter: how the kernel program tests keys of a type, and which keys it leaves to
 * user space. test_filter_match.c tests how user space compares them. */
#include "test.h"

#include "goprog.h"

#include "filter_check.h"

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

TEST(scalars_are_tested_as_a_word)
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

TEST(other_types_are_left_to_user_space)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_are_tested_as_a_word),
		cmocka_unit_test(other_types_are_left_to_user_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
