/* Maps whose hash is said to be mixed (TOPHASH_MAP_MIXED). */
#include <tophash/map.h>

#include "../../map/layout.h"

#include "test_map.h"

/* Numbers are hashed well: each bit of the key changes each bit of the hash with a chance of a half. */
static uint64_t good_hash(const uint64_t *key)
{
	uint64_t state = *key;

	return test_random(&state);
}

/* All keys have one of 64 hashes. */
static uint64_t bad_hash(const uint64_t *key)
{
	return good_hash(key) & UINT64_C(0x3f00000000);
}

static bool same(const uint64_t *key, const uint64_t *other)
{
	return *key == *other;
}

TOPHASH_MAP_MIXED(good, uint64_t, uint64_t, good_hash, same);
TOPHASH_SET_MIXED(bad, uint64_t, bad_hash, same);
TOPHASH_SET_WITH(unsaid, uint64_t, bad_hash, same);

/* A hash that is the key. Tests choose it. */
static uint64_t key_itself(const uint64_t *key)
{
	return *key;
}

TOPHASH_SET_MIXED(chosen, uint64_t, key_itself, same);

/* Returns the overflow buckets of a map for each home bucket. */
static double overflow_of(const struct good *m)
{
	struct tophash_stats stats;

	good_stats(m, &stats);
	return (double)stats.overflow / (double)stats.buckets;
}

/* At 13 entries a bucket there are 0.283 overflow buckets for each, by Poisson's distribution. Over 32 seeds and
 * 1024 buckets the mean differs from it by 0.02 once in a million runs. */
TEST(it_falls_like_chance)
{
	double sum = 0;

	for (unsigned round = 0; round < 32; round++) {
		struct good m = {0};

		for (uint64_t i = 0; i < GROW_LOAD << 10; i++) {
			assert_int_equal(good_put(&m, i << (round % 40), i), 1);
			if (i % 1000 == 0)
				assert_int_equal(good_check(&m, 1), 0);
		}
		assert_int_equal(good_check(&m, 3), 0);
		sum += overflow_of(&m);
		good_fini(&m);
	}
	assert_true(sum / 32 > 0.263 && sum / 32 < 0.303);
}

/* The keys of one map, in the order of its loop, are put into another. Without a product of its own, the first of them would
 * all be in one bucket, and stay there if no more came. */
TEST(a_copy_in_the_order_of_a_loop_is_not_crowded)
{
	for (unsigned round = 0; round < 8; round++) {
		struct good m = {0}, copy = {0};
		uint64_t n = 0;

		for (uint64_t i = 0; i < 40000; i++)
			assert_int_equal(good_put(&m, i, i), 1);
		TOPHASH_EACH(good, it, &m) {
			assert_int_equal(good_put(&copy, it.key, it.val), 1);
			if (++n % 500 == 0)
				assert_int_equal(good_check(&copy, 1), 0);
		}
		assert_int_equal(good_len(&copy), 40000);
		assert_int_equal(good_check(&copy, 3), 0);
		good_fini(&copy);
		good_fini(&m);
	}
}

/* Whether keys are there does not depend on the quality of a hash. check finds that it is bad, if it is said to be
 * mixed. */
TEST(check_finds_a_bad_hash)
{
	struct unsaid other = {0};
	struct bad m = {0};
	uint64_t found = 0;

	for (uint64_t i = 0; i < 3000; i++) {
		assert_int_equal(bad_add(&m, i), 1);
		assert_int_equal(unsaid_add(&other, i), 1);
		if (!found && bad_check(&m, 1) == TOPHASH_BROKEN_HASH)
			found = i;
		if (i % 100 == 0)
			assert_int_equal(unsaid_check(&other, 3), 0);
	}
	assert_in_range(found, 15, 2999);
	for (uint64_t i = 0; i < 6000; i++)
		assert_int_equal(bad_has(&m, i), i < 3000);
	for (uint64_t i = 0; i < 3000; i++)
		assert_true(bad_delete(&m, i));
	assert_int_equal(bad_check(&m, 3), 0);
	bad_fini(&m);
	unsaid_fini(&other);
}

/* A map with much room and few entries is judged as well, and is found to be good. */
TEST(room_is_no_fault)
{
	struct good m = {0};

	assert_int_equal(good_reserve(&m, 100000), 0);
	for (uint64_t i = 0; i < 100000; i++) {
		assert_int_equal(good_put(&m, i, i), 1);
		if (i % 5000 == 0)
			assert_int_equal(good_check(&m, 1), 0);
	}
	for (uint64_t i = 0; i < 100000; i++) {
		assert_true(good_delete(&m, i));
		if (i % 1000 == 0)
			assert_int_equal(good_check(&m, 1), 0);
	}
	good_fini(&m);
}

/* Hashes that are chosen to lead to one bucket under one multiplier do not under another. */
TEST(chosen_hashes_collide_once)
{
	static uint64_t keys[1000];
	struct chosen m = {0};
	uint64_t random = 1;

	for (unsigned round = 0; round < 20; round++) {
		unsigned most = 0, counts[1024] = {0};
		uint64_t mult;

		for (uint64_t i = 0; i < 100;
		     i++) /* more than 15 elements: the next seed is another */
			assert_int_equal(chosen_add(&m, i << 57 | i), 1);
		mult = m.map.mult;
		for (size_t n = 0; n < 1000;) {
			keys[n] = test_random(&random);
			n += keys[n] * mult >> 54 == 0;
		}
		chosen_clear(&m);
		assert_true(m.map.mult != mult);
		for (size_t i = 0; i < 1000; i++) {
			unsigned count = ++counts[keys[i] * m.map.mult >> 54];

			most = count > most ? count : most;
		}
		assert_true(most < 15);
	}
	chosen_fini(&m);
}

/* A call that does not see the hash takes the slow path, and gives the reason of a hash of one's own. */
TEST(a_call_that_does_not_see_it_is_custom)
{
	struct good m = {0};
	struct tophash_stats before, stats;
	uint64_t key = 3, val = 4;

	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(good_put(&m, i, i), 1);
	good_step(&m, UINT32_MAX);
	good_stats(&m, &before);
	assert_int_equal(tophash_put(&m.map, &key, &val), 0);
	assert_true(tophash_get(&m.map, &key, &val) && val == 4);
	assert_true(tophash_delete(&m.map, &key));
	assert_false(tophash_delete(&m.map, &key));
	good_stats(&m, &stats);
	assert_int_equal(stats.slow[TOPHASH_SLOW_CUSTOM], before.slow[TOPHASH_SLOW_CUSTOM] + 3);
	assert_false(tophash_type_init(&(struct tophash_type){0}, TOPHASH_KIND_MIXED, 8, 8) == 0);
	good_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_falls_like_chance),
		cmocka_unit_test(a_copy_in_the_order_of_a_loop_is_not_crowded),
		cmocka_unit_test(check_finds_a_bad_hash),
		cmocka_unit_test(room_is_no_fault),
		cmocka_unit_test(chosen_hashes_collide_once),
		cmocka_unit_test(a_call_that_does_not_see_it_is_custom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
