/* Tests of the map without types, and of functions of the typed map other than put, get and
 * delete. */
#include <tophash/map.h>

#include "test_map.h"

TOPHASH_MAP(ages, const char *, int);
TOPHASH_MAP(numbers, uint64_t, uint64_t);
TOPHASH_MAP(flags, bool, int);
TOPHASH_SET(names, struct tophash_str);
TOPHASH_MAP_DECLARE(parted, int, long);
TOPHASH_MAP_DEFINE(parted, int, long);

TEST(sizes_are_checked)
{
	struct tophash_type type;

	assert_int_equal(tophash_type_init(&type, TOPHASH_KIND_INT, 3, 0), -EINVAL);
	assert_int_equal(tophash_type_init(&type, TOPHASH_KIND_FLOAT, 16, 0), -EINVAL);
	assert_int_equal(tophash_type_init(&type, TOPHASH_KIND_BYTES, 0, 8), -EINVAL);
	assert_int_equal(tophash_type_init(&type, TOPHASH_KIND_BYTES, TOPHASH_SLOT_MAX + 1, 8),
			 -EINVAL);
	assert_int_equal(tophash_type_init(&type, TOPHASH_KIND_CUSTOM, 8, 8), -EINVAL);
	assert_int_equal(tophash_type_init(&type, TOPHASH_KIND_CSTR, sizeof(char *) + 1, 8),
			 -EINVAL);
	assert_int_equal(tophash_type_init(&type, TOPHASH_KIND_STR, sizeof(char *), 8), -EINVAL);
	assert_int_equal(tophash_type_init(&type, TOPHASH_KIND_STR, sizeof(struct tophash_str), 8),
			 0);
	assert_int_equal(type.hash_offset, sizeof(struct tophash_str));
	/* Key, value and the padding between them are at most TOPHASH_SLOT_MAX. */
	assert_int_equal(tophash_type_init(&type, TOPHASH_KIND_INT, 8, TOPHASH_SLOT_MAX - 8), 0);
	assert_int_equal(tophash_type_init(&type, TOPHASH_KIND_INT, 8, TOPHASH_SLOT_MAX - 7),
			 -EINVAL);
	assert_int_equal(tophash_type_init(&type, TOPHASH_KIND_INT, 8, TOPHASH_SLOT_MAX), -EINVAL);
	assert_null(tophash_new(TOPHASH_KIND_INT, 5, 8, 0));
	assert_int_equal(errno, EINVAL);
}

/* The layout made at run time equals that of the macros. */
TEST(layout_is_that_of_the_macros)
{
	struct tophash_type type;

	assert_int_equal(tophash_type_init(&type, TOPHASH_KIND_CSTR, sizeof(char *), sizeof(int)),
			 0);
	assert_memory_equal(&type, &ages_type, sizeof(type));
	assert_int_equal(tophash_type_init(&type, TOPHASH_KIND_INT, 8, 8), 0);
	assert_memory_equal(&type, &numbers_type, sizeof(type));
	assert_int_equal(tophash_type_init(&type, TOPHASH_KIND_INT, 1, 4), 0);
	assert_memory_equal(&type, &flags_type, sizeof(type));
}

TEST(generic_map_holds_what_is_put)
{
	struct tophash *map = tophash_new(TOPHASH_KIND_BYTES, 5, 3, 10);
	struct tophash_iter *iter;
	const void *key;
	void *val;
	char got[3];
	size_t n = 0;

	assert_non_null(map);
	assert_int_equal(tophash_put(map, "abcde", "xyz"), 1);
	assert_int_equal(tophash_put(map, "abcde", "uvw"), 0);
	assert_int_equal(tophash_put(map, "abcdf", "rst"), 1);
	assert_int_equal(tophash_len(map), 2);
	assert_true(tophash_get(map, "abcde", got));
	assert_memory_equal(got, "uvw", 3);
	assert_false(tophash_get(map, "zzzzz", got));
	assert_memory_equal(got, "\0\0\0", 3);
	iter = tophash_iter_new(map);
	while (tophash_iter_next(iter, &key, &val))
		n += memcmp(key, "abcde", 5) == 0 ? memcmp(val, "uvw", 3) == 0
						  : memcmp(val, "rst", 3) == 0;
	tophash_iter_free(iter);
	assert_int_equal(n, 2);
	assert_true(tophash_delete(map, "abcde"));
	assert_false(tophash_delete(map, "abcde"));
	assert_int_equal(tophash_check(map, 3), 0);
	tophash_free(map);
	tophash_free(NULL);
}

/* The map had no type when the loop began. Therefore the loop did not know the size of the keys
 * that it keeps. */
TEST(loop_over_a_map_that_has_no_keys_yet)
{
	struct numbers m = {0};
	struct tophash_iter *iter = tophash_iter_new(&m.map);
	const void *key;
	void *val;

	assert_non_null(iter);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(numbers_put(&m, i, i), 1);
	assert_false(tophash_iter_next(iter, &key, &val));
	assert_false(tophash_iter_next(iter, NULL, NULL));
	tophash_iter_free(iter);
	numbers_fini(&m);
}

struct long_key {
	uint64_t number, same[3];
};

/* A key that an iteration returns is in the map, which may move its entries before it looks for the
 * key. */
TEST(keys_of_an_iteration_are_put_and_deleted)
{
	const void *key;

	for (uint64_t round = 0; round < 400; round++) {
		struct tophash *map =
			tophash_new(TOPHASH_KIND_BYTES, sizeof(struct long_key), 8, 0);
		struct tophash_iter *iter;
		uint64_t n = 100 + round, gone = 0;

		assert_non_null(map);
		for (uint64_t i = 0; i < n; i++)
			assert_int_equal(tophash_put(map, &(struct long_key){.number = i}, &i), 1);
		iter = tophash_iter_new(map);
		while (tophash_iter_next(iter, &key, NULL)) {
			bool goes = ((const struct long_key *)key)->number % 8 != 0;

			if (goes)
				gone += tophash_delete(map, key);
			else
				assert_int_equal(tophash_put(map, key, &round), 0);
		}
		assert_int_equal(gone, n - (n + 7) / 8);
		assert_int_equal(tophash_len(map), n - gone);
		tophash_iter_free(iter);
		iter = tophash_iter_new(map);
		for (; tophash_iter_next(iter, &key, NULL); gone++)
			assert_true(tophash_delete(map, key));
		assert_int_equal(gone, n);
		tophash_iter_free(iter);
		tophash_free(map);
	}
}

TEST(slot_is_zero_when_new)
{
	struct ages m = {0};
	int *slot;

	assert_int_equal(ages_put(&m, "ada", 36), 1);
	assert_true(ages_delete(&m, "ada"));
	for (int i = 0; i < 2; i++) {
		slot = ages_slot(&m, "ada");
		assert_non_null(slot);
		if (slot)
			assert_int_equal((*slot)++, i);
	}
	assert_int_equal(ages_get(&m, "ada"), 2);
	assert_int_equal(ages_get(NULL, "ada"), 0);
	assert_null(ages_find(NULL, "ada"));
	assert_false(ages_delete(NULL, "ada"));
	assert_int_equal(ages_len(NULL), 0);
	ages_fini(&m);
}

TEST(bool_keys_are_two)
{
	struct flags m = {0};

	flags_put(&m, 256, 1);
	flags_put(&m, true, 2);
	flags_put(&m, 0, 3);
	assert_int_equal(flags_len(&m), 2);
	assert_int_equal(flags_get(&m, -1), 2);
	flags_fini(&m);
}

TEST(declared_and_defined_apart)
{
	struct parted m = {0};
	long sum = 0;

	for (int i = 0; i < 100; i++)
		assert_int_equal(parted_put(&m, i, i), 1);
	TOPHASH_EACH(parted, it, &m)
		sum += it.val;
	assert_int_equal(sum, 4950);
	assert_int_equal(parted_check(&m, 3), 0);
	parted_fini(&m);
}

TEST(clone_is_a_map_of_its_own)
{
	struct numbers m = {0}, copy, empty = {0};
	struct tophash_stats stats;

	assert_int_equal(numbers_clone(&empty, &copy), 0);
	assert_int_equal(numbers_len(&copy), 0);
	assert_int_equal(numbers_clone(NULL, &copy), 0);
	for (uint64_t i = 0; i < 3000; i++)
		numbers_put(&m, i, i * i);
	assert_int_equal(numbers_clone(&m, &copy), 0);
	for (uint64_t i = 0; i < 3000; i += 2)
		numbers_delete(&m, i);
	assert_int_equal(numbers_len(&copy), 3000);
	for (uint64_t i = 0; i < 3000; i++)
		assert_int_equal(numbers_get(&copy, i), i * i);
	assert_int_equal(numbers_check(&copy, 3), 0);
	for (uint64_t i = 0; i < 2950; i++)
		numbers_delete(&copy, i);
	numbers_stats(&copy, &stats);
	assert_true(stats.shrinks > 0);
	numbers_fini(&m);
	numbers_fini(&copy);
}

/* A clone of an empty map has the type. */
TEST(clone_of_nothing_has_a_type)
{
	struct tophash *map = tophash_new(TOPHASH_KIND_INT, 4, 4, 0), copy;
	uint32_t key = 7, val = 0;

	assert_non_null(map);
	assert_int_equal(tophash_clone(map, &copy), 0);
	assert_int_equal(tophash_put(&copy, &key, &key), 1);
	assert_true(tophash_get(&copy, &key, &val));
	assert_int_equal(val, 7);
	tophash_fini(&copy);
	tophash_free(map);
}

TEST(batches_do_what_single_ones_do)
{
	static uint64_t keys[5000], vals[5000], got[5000];
	static bool found[5000];
	struct numbers m = {0};
	size_t done;

	for (uint64_t i = 0; i < 5000; i++) {
		keys[i] = i * 7;
		vals[i] = i + 1;
	}
	assert_int_equal(numbers_get_many(NULL, keys, 5000, got, found), 0);
	for (size_t n = 0; n <= 5000; n = n * 3 + 1) {
		memset(got, 0xff, sizeof(got));
		assert_int_equal(numbers_put_many(&m, keys, vals, n, &done), 0);
		assert_int_equal(done, n);
		assert_int_equal(numbers_len(&m), n);
		assert_int_equal(numbers_get_many(&m, keys, 5000, got, found), n);
		for (size_t i = 0; i < 5000; i++) {
			assert_int_equal(got[i], i < n ? vals[i] : 0);
			assert_int_equal(found[i], i < n);
		}
		assert_int_equal(numbers_get_many(&m, keys, 5000, NULL, NULL), n);
	}
	/* The last n was 3280. */
	assert_int_equal(numbers_delete_many(&m, keys, 2000), 2000);
	assert_int_equal(numbers_delete_many(&m, keys, 5000), 1280);
	assert_int_equal(numbers_len(&m), 0);
	assert_int_equal(numbers_check(&m, 3), 0);
	numbers_fini(&m);
	/* Into a map without a seed; each key occurs twice in a batch. */
	for (unsigned round = 0; round < 2; round++) {
		memcpy(keys + 100, keys, 100 * sizeof(*keys));
		assert_int_equal(numbers_put_many(&m, keys, vals, 200, &done), 0);
		assert_int_equal(done, 200);
		assert_int_equal(numbers_len(&m), 100);
		assert_int_equal(numbers_get_many(&m, keys, 200, got, NULL), 200);
		for (size_t i = 0; i < 100; i++)
			assert_true(got[i] == vals[i + 100] && got[i + 100] == vals[i + 100]);
		assert_int_equal(numbers_check(&m, 3), 0);
		assert_int_equal(numbers_delete_many(&m, keys, 200), 100);
		numbers_fini(&m);
	}
}

static uint64_t hash_of(const int *key)
{
	return (uint64_t)*key;
}

static bool is_same(const int *key, const int *other)
{
	return *key == *other;
}

TOPHASH_MAP_WITH(customs, int, int, hash_of, is_same);

/* Calls that do not see the hash of a map take the slow path, and give this reason. Typed calls see it if they are
 * optimised. */
static void check_customs(struct customs *c, struct tophash_stats *before)
{
	struct tophash_stats stats;
	int key = 3, val = 4;

	assert_int_equal(customs_put(c, key, 5), 0);
	assert_true(customs_delete(c, key));
	assert_false(customs_delete(c, key));
	customs_stats(c, &stats);
	assert_int_equal(stats.slow[TOPHASH_SLOW_CUSTOM],
			 before->slow[TOPHASH_SLOW_CUSTOM] + (TOPHASH_LIGHT ? 3 : 0));
	*before = stats;
	assert_int_equal(tophash_put(&c->map, &key, &val), 1);
	assert_int_equal(customs_get(c, key), val);
	assert_true(tophash_delete(&c->map, &key));
	assert_false(tophash_delete(&c->map, &key));
	customs_stats(c, &stats);
	assert_int_equal(stats.slow[TOPHASH_SLOW_CUSTOM], before->slow[TOPHASH_SLOW_CUSTOM] + 3);
}

/* Enters the slow path for each reason. */
TEST(reasons_are_counted)
{
	struct numbers m = {0};
	struct customs c = {0};
	struct tophash_stats stats, before;
	uint64_t key;

	for (key = 0; key < 13 * 64; key++)
		numbers_put(&m, key, key);
	numbers_step(&m, UINT32_MAX);
	numbers_stats(&m, &before);
	assert_int_equal(before.slow[TOPHASH_SLOW_FIRST], 1);
	assert_int_equal(before.slow[TOPHASH_SLOW_GROW], 6);
	assert_int_equal(before.slow[TOPHASH_SLOW_CUSTOM], 0);
	assert_true(before.overflow > 0 && before.slow[TOPHASH_SLOW_CHAIN] > 0);
	/* The map does not move: only writes that leave their bucket are slow. */
	for (uint64_t i = 0; i < key; i++)
		numbers_put(&m, i, 0);
	numbers_stats(&m, &stats);
	assert_true(stats.slow[TOPHASH_SLOW_CHAIN] > before.slow[TOPHASH_SLOW_CHAIN]);
	assert_true(stats.slow[TOPHASH_SLOW_CHAIN] < before.slow[TOPHASH_SLOW_CHAIN] + key / 4);
	assert_int_equal(stats.slow[TOPHASH_SLOW_MOVING], before.slow[TOPHASH_SLOW_MOVING]);
	/* The next put makes it grow. After that, a put and a delete work on a moving map. */
	assert_int_equal(tophash_debug("evacuate=manual"), 0);
	numbers_put(&m, key, 0);
	numbers_put(&m, key + 1, 0);
	numbers_delete(&m, key);
	numbers_delete(&m, key + 2); /* not there */
	assert_int_equal(tophash_debug(NULL), 0);
	before = stats;
	numbers_stats(&m, &stats);
	assert_int_equal(stats.slow[TOPHASH_SLOW_GROW], before.slow[TOPHASH_SLOW_GROW] + 1);
	assert_int_equal(stats.slow[TOPHASH_SLOW_MOVING], before.slow[TOPHASH_SLOW_MOVING] + 3);
	numbers_fini(&m);
	for (int i = 0; i < 20; i++)
		customs_put(&c, i, i);
	customs_step(&c, UINT32_MAX);
	customs_stats(&c, &before);
	assert_int_equal(before.slow[TOPHASH_SLOW_FIRST], 1);
	check_customs(&c, &before);
	customs_fini(&c);
	assert_string_equal(tophash_reason_name(TOPHASH_SLOW_CUSTOM), "custom");
	assert_string_equal(tophash_reason_name(TOPHASH_SLOW_GROW), "grow");
	assert_string_equal(tophash_reason_name((enum tophash_reason)99), "?");
	assert_string_equal(tophash_reason_name((enum tophash_reason)0), "?");
}

TEST(sets_have_members)
{
	struct names m = {0};
	struct tophash_str a = {"ada", 3}, same = {"adam", 3}, b = {"adam", 4}, none = {NULL, 0};
	struct tophash_str all[3] = {a, b, none};
	bool found[3];

	assert_int_equal(names_add(&m, a), 1);
	assert_int_equal(names_add(&m, same), 0);
	assert_true(names_has(&m, same));
	assert_false(names_has(&m, b));
	assert_int_equal(names_add(&m, none), 1);
	assert_true(names_has(&m, (struct tophash_str){"", 0}));
	assert_int_equal(names_has_many(&m, all, 3, found), 2);
	assert_true(found[0] && !found[1] && found[2]);
	assert_int_equal(names_add_many(&m, all, 3, NULL), 0);
	assert_int_equal(names_len(&m), 3);
	names_fini(&m);
}

TEST(debug_options_are_understood_or_refused)
{
	struct numbers one = {0}, other = {0};
	uint64_t first[2] = {0};

	assert_int_equal(tophash_debug("evacuate=sometimes"), -EINVAL);
	assert_int_equal(tophash_debug("seed="), -EINVAL);
	assert_int_equal(tophash_debug("seed=1x"), -EINVAL);
	assert_int_equal(tophash_debug("seed=7,check=2,,trace=0"), 0);
	for (uint64_t i = 0; i < 100; i++) {
		numbers_put(&one, i, i);
		numbers_put(&other, i, i);
	}
	assert_int_equal(one.map.seed, other.map.seed);
	assert_int_equal(one.map.mult, other.map.mult);
	TOPHASH_EACH(numbers, it, &one) {
		first[0] = it.key;
		break;
	}
	TOPHASH_EACH(numbers, it, &other) {
		first[1] = it.key;
		break;
	}
	assert_int_equal(first[0], first[1]);
	assert_int_equal(tophash_debug(NULL), 0);
	numbers_fini(&one);
	numbers_fini(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(layout_is_that_of_the_macros),
		cmocka_unit_test(generic_map_holds_what_is_put),
		cmocka_unit_test(loop_over_a_map_that_has_no_keys_yet),
		cmocka_unit_test(keys_of_an_iteration_are_put_and_deleted),
		cmocka_unit_test(slot_is_zero_when_new),
		cmocka_unit_test(bool_keys_are_two),
		cmocka_unit_test(declared_and_defined_apart),
		cmocka_unit_test(clone_is_a_map_of_its_own),
		cmocka_unit_test(clone_of_nothing_has_a_type),
		cmocka_unit_test(reasons_are_counted),
		cmocka_unit_test(batches_do_what_single_ones_do),
		cmocka_unit_test(sets_have_members),
		cmocka_unit_test(debug_options_are_understood_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
