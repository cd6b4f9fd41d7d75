/* Tests of base/clock: the offset of the wall clock, on a machine that takes the CPU away between
 * two readings. This file has its own clock_gettime(). */
#include "test.h"
#include "base/clock.h"

#include "base/base.h"

#define OFFSET 1796000000000000000ull /* of the wall clock */
#define MS     1000000ull

static uint64_t now = 5000 * MS, offset = OFFSET;
static unsigned readings;

/* The time that each reading takes, in turn. The last one is used for all further readings. */
static const uint64_t *delays;
static size_t delays_n;

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	uint64_t ns = clock == CLOCK_REALTIME ? now + offset : now;

	*ret = (struct timespec){.tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000)};
	if (delays_n)
		now += delays[readings < delays_n ? readings : delays_n - 1];
	readings++;
	return 0;
}

static uint64_t offset_after(uint64_t old, const uint64_t of[], size_t n)
{
	uint64_t found;

	delays = of;
	delays_n = n;
	readings = 0;
	found = clock_wall_offset(old);
	delays_n = 0;
	assert_in_range(readings, 3, 24);
	return found;
}

#define AFTER(old, ...)                                    \
	offset_after(old, (const uint64_t[]){__VA_ARGS__}, \
		     sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

TEST(test_quiet)
{
	(void)state;
	assert_in_range(AFTER(0, 40), OFFSET - 100, OFFSET + 100);
	assert_int_equal(readings, 3);
	assert_true(AFTER(OFFSET + 900000, 40) == OFFSET + 900000);
	assert_true(AFTER(OFFSET - 900000, 40) == OFFSET - 900000);
	assert_in_range(AFTER(OFFSET + 2 * MS, 40), OFFSET - 100, OFFSET + 100);
	assert_in_range(AFTER(OFFSET - 2 * MS, 40), OFFSET - 100, OFFSET + 100);
}

/* Another program runs for 30 ms between two readings, before the wall clock is read or after it.
 * The clock was not set, and the offset must not change. */
TEST(test_interrupted)
{
	(void)state;
	assert_true(AFTER(OFFSET, 30 * MS, 40) == OFFSET);
	assert_true(AFTER(OFFSET, 40, 30 * MS, 40) == OFFSET);
	assert_true(AFTER(OFFSET, 30 * MS) == OFFSET); /* each time */
	assert_in_range(AFTER(0, 30 * MS, 30 * MS, 40), OFFSET - 100, OFFSET + 100);
}

/* A clock that was set is followed, also on a busy machine. */
TEST(test_set)
{
	(void)state;
	for (uint64_t step = 2 * MS; step < 1000000 * MS; step *= 10) {
		offset = OFFSET + step;
		assert_in_range(AFTER(OFFSET, 30 * MS, 30 * MS, 40), offset - 100, offset + 100);
		offset = OFFSET - step;
		assert_in_range(AFTER(OFFSET, 30 * MS, 30 * MS, 40), offset - 100, offset + 100);
	}
	offset = OFFSET;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
