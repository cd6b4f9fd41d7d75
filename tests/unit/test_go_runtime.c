/* Tests of data in the runtime's own structures, in each release (read/layout). */
#include "test.h"

#include "read/layout/layout.h"

static void check_state(const struct map_state *state, const char *name, uint64_t value,
			bool is_bool)
{
	assert_string_equal(state->name, name);
	assert_int_equal(state->value, value);
	assert_int_equal(state->is_bool, is_bool);
}

/* count 1000, flags hashWriting, B 7, noverflow 3, buckets, no old buckets */
TEST(test_state_classic)
{
	uint64_t header[GO_MAP_HEADER_WORDS] = {1000, 0x1122334400030704, 0xc000000000, 0, 99, 0};
	struct map_state s[MAP_STATE_MAX];

	assert_int_equal(layout_classic.state(header, s), 6);
	check_state(&s[0], "B", 7, false);
	check_state(&s[1], "buckets", 128, false);
	check_state(&s[2], "overflow", 3, false);
	check_state(&s[3], "growing", 0, true);
	check_state(&s[4], "old_buckets", 0, false);
	check_state(&s[5], "evacuated", 0, false);
	header[3] = 0xc000100000;
	layout_classic.state(header, s);
	check_state(&s[3], "growing", 1, true);
	check_state(&s[4], "old_buckets", 64, false);
	check_state(&s[5], "evacuated", 99, false);
	header[1] |= 8; /* sameSizeGrow */
	layout_classic.state(header, s);
	check_state(&s[4], "old_buckets", 128, false);
}

TEST(test_state_classic_odd)
{
	uint64_t header[GO_MAP_HEADER_WORDS] = {0};
	struct map_state s[MAP_STATE_MAX];

	layout_classic.state(header, s);
	check_state(&s[1], "buckets", 0, false); /* none until the first insert */
	header[2] = header[3] = 8;
	layout_classic.state(header, s);
	check_state(&s[1], "buckets", 1, false);
	check_state(&s[4], "old_buckets", 1, false); /* B 0 cannot be halved */
	header[1] = 0xff00;			     /* a B that cannot be */
	layout_classic.state(header, s);
	check_state(&s[0], "B", 255, false);
	check_state(&s[1], "buckets", 0, false);
	check_state(&s[4], "old_buckets", 0, false);
}

TEST(test_state_swiss)
{
	uint64_t header[GO_MAP_HEADER_WORDS] = {5, 0xabcdef, 0xc000000000, 0, 0, 2};
	struct map_state s[MAP_STATE_MAX];

	assert_int_equal(layout_swiss.state(header, s), 5);
	check_state(&s[0], "small", 1, true);
	check_state(&s[1], "directory", 0, false);
	check_state(&s[2], "depth", 0, false);
	check_state(&s[3], "slots", 8, false);
	check_state(&s[4], "clears", 2, false);
	header[2] = 0; /* nothing was ever put into it */
	layout_swiss.state(header, s);
	check_state(&s[3], "slots", 0, false);
	header[2] = 0xc000000000;
	header[3] = 16;
	header[4] = 0x013c04; /* globalDepth 4, globalShift 60, writing */
	assert_int_equal(layout_swiss.state(header, s), 4);
	check_state(&s[0], "small", 0, true);
	check_state(&s[1], "directory", 16, false);
	check_state(&s[2], "depth", 4, false);
	check_state(&s[3], "clears", 2, false);
}

TEST(test_goid_offset)
{
	static const uint32_t offsets[] = {152, 152, 152, 152, 160, 160, 152, 152, 152};

	for (unsigned minor = GO_MINOR_MIN; minor <= GO_MINOR_MAX; minor++)
		assert_int_equal(go_goid_offset(minor), offsets[minor - GO_MINOR_MIN]);
	assert_int_equal(go_goid_offset(0), go_goid_offset(GO_MINOR_MIN));
	assert_int_equal(go_goid_offset(99), go_goid_offset(GO_MINOR_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_classic),
		cmocka_unit_test(test_state_classic_odd),
		cmocka_unit_test(test_state_swiss),
		cmocka_unit_test(test_goid_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
