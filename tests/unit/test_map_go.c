/* Go's tests of its own map, applied to this one, because the semantics should be the same. */
#include <pthread.h>

#include <tophash/map.h>

#include "../../map/layout.h"

#include "test_map.h"

#define NAN_KEY __builtin_nan("")

struct big {
	uint64_t words[256];
};

static uint64_t no_hash(const int *key)
{
	return 0;
}

static bool int_equal(const int *key, const int *other)
{
	return *key == *other;
}

TOPHASH_MAP(ints, int, int);
TOPHASH_MAP(wides, int, int64_t);
TOPHASH_MAP(doubles, double, int);
TOPHASH_MAP(singles, float, int);
TOPHASH_MAP(strings, const char *, const char *);
TOPHASH_MAP(counts, const char *, int);
TOPHASH_MAP(slices, struct tophash_str, int);
TOPHASH_SET(members, struct tophash_str);
TOPHASH_SET(small, uint8_t);
TOPHASH_MAP_BYTES(bigs, struct big, struct big);
TOPHASH_MAP_WITH(bad, int, int, no_hash, int_equal);

static void ints_fill(struct ints *m, int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(ints_put(m, i, i), 1);
}

/* ---- floats --------------------------------------------------------------------------------------- */

TEST(negative_zero_is_zero)
{
	struct doubles m = {0};
	struct singles s = {0};
	int seen = 0;

	assert_int_equal(doubles_put(&m, +0.0, 1), 1);
	assert_int_equal(doubles_put(&m, -0.0, 2), 0);
	assert_int_equal(doubles_len(&m), 1);
	TOPHASH_EACH(doubles, it, &m) {
		assert_true(it.key == 0 && it.val == 2);
		assert_true(__builtin_signbit(it.key)); /* the one that was put last */
		seen++;
	}
	assert_int_equal(seen, 1);
	assert_int_equal(doubles_put(&m, +0.0, 3), 0);
	TOPHASH_EACH(doubles, it, &m)
		assert_false(__builtin_signbit(it.key));
	assert_int_equal(singles_put(&s, -0.0f, 1), 1);
	assert_int_equal(singles_get(&s, 0.0f), 1);
	assert_true(singles_delete(&s, 0.0f));
	doubles_fini(&m);
	singles_fini(&s);
}

/* Each assignment to a NaN makes an entry, also one like += that reads it first. */
TEST(nans_are_never_found)
{
	struct doubles m = {0};
	int sum = 0;

	assert_int_equal(doubles_put(&m, NAN_KEY, 1), 1);
	assert_int_equal(doubles_put(&m, NAN_KEY, 2), 1);
	*doubles_slot(&m, NAN_KEY) += 4;
	assert_int_equal(doubles_len(&m), 3);
	assert_null(doubles_find(&m, NAN_KEY));
	assert_false(doubles_delete(&m, NAN_KEY));
	TOPHASH_EACH(doubles, it, &m) {
		assert_true(it.key != it.key);
		assert_null(doubles_find(&m, it.key)); /* not by its own bits either */
		sum += it.val;
	}
	assert_int_equal(sum, 7);
	/* A loop that deletes everything leaves them; clear does not. */
	doubles_put(&m, 1, 8);
	TOPHASH_EACH(doubles, it, &m)
		doubles_delete(&m, it.key);
	assert_int_equal(doubles_len(&m), 3);
	doubles_clear(&m);
	assert_int_equal(doubles_len(&m), 0);
	TOPHASH_EACH(doubles, it, &m)
		fail();
	doubles_fini(&m);
}

/* Infinities are keys like other numbers. */
TEST(infinities_are_keys)
{
	struct doubles d = {0};
	struct singles s = {0};

	for (int i = 0; i < 2; i++) {
		assert_int_equal(doubles_put(&d, __builtin_inf(), i), i == 0);
		assert_int_equal(doubles_put(&d, -__builtin_inf(), i), i == 0);
		assert_int_equal(singles_put(&s, __builtin_inff(), i), i == 0);
		assert_int_equal(singles_put(&s, -__builtin_inff(), i), i == 0);
	}
	assert_int_equal(doubles_get(&d, __builtin_inf()), 1);
	assert_int_equal(singles_get(&s, -__builtin_inff()), 1);
	assert_true(doubles_delete(&d, -__builtin_inf()) && singles_delete(&s, __builtin_inff()));
	assert_int_equal(doubles_len(&d) + singles_len(&s), 2);
	doubles_fini(&d);
	singles_fini(&s);
}

/* NaNs of 4 bytes stay NaNs. Each is in a loop once, and is copied into a clone. */
TEST(nans_of_four_bytes)
{
	static bool seen[3000];
	struct singles m = {0}, copy;
	size_t n = 0;

	for (int i = 0; i < 3000; i++)
		assert_int_equal(singles_put(&m, __builtin_nanf(""), i), 1);
	assert_null(singles_find(&m, __builtin_nanf("")));
	assert_false(singles_delete(&m, __builtin_nanf("")));
	assert_int_equal(singles_clone(&m, &copy), 0);
	singles_fini(&m);
	TOPHASH_EACH(singles, it, &copy) {
		assert_true(it.key != it.key);
		assert_null(singles_find(&copy, it.key));
		assert_false(seen[it.val]);
		seen[it.val] = true;
		n++;
	}
	assert_int_equal(n, 3000);
	assert_int_equal(singles_check(&copy, 3), 0);
	singles_clear(&copy);
	assert_int_equal(singles_len(&copy), 0);
	singles_fini(&copy);
}

static int float_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(float));
}

/* A map of floats takes each of the 2^24 - 2 NaNs once. This test takes the first ones, those where
 * the payload is no longer that of a quiet NaN, and the last ones. A loop returns all, also while
 * it makes the map grow and shrink. */
TEST(nans_of_four_bytes_up_to_the_last)
{
	const uint64_t last = (UINT64_C(1) << 24) - 2,
		       from[] = {0, (UINT64_C(1) << 23) - 500, last - 1000};
	static float keys[3000];
	struct singles m = {0}, copy;
	size_t n = 0;
	int other = 0;

	for (int i = 0; i < 3000; i++) {
		if (i % 1000 == 0 && i)
			m.map.core->nan = from[i / 1000];
		assert_int_equal(singles_put(&m, __builtin_nanf(""), i), 1);
	}
	assert_int_equal(singles_put(&m, __builtin_nanf(""), 0), -EOVERFLOW);
	assert_int_equal(singles_put(&m, -__builtin_nanf(""), 0), -EOVERFLOW);
	assert_null(singles_slot(&m, __builtin_nanf("")));
	assert_int_equal(singles_len(&m), 3000);
	TOPHASH_EACH(singles, it, &m) {
		if (it.key == it.key)
			continue;
		assert_true(n < 3000);
		memcpy(&keys[n++], &it.key, sizeof(it.key));
		for (int i = 0; i < 4; i++)
			singles_put(&m, (float)other++, 0);
		if (n % 1000 == 0)
			for (; other > 0; other--)
				singles_delete(&m, (float)other);
	}
	assert_int_equal(n, 3000);
	qsort(keys, n, sizeof(*keys), float_order);
	for (size_t i = 1; i < n; i++)
		assert_int_not_equal(float_order(&keys[i - 1], &keys[i]), 0);
	assert_int_equal(singles_check(&m, 3), 0);
	assert_int_equal(singles_clone(&m, &copy), 0);
	assert_int_equal(singles_len(&copy), singles_len(&m));
	singles_fini(&copy);
	singles_keep_room(&m, true); /* clear keeps the map's core */
	singles_clear(&m);
	assert_int_equal(singles_put(&m, __builtin_nanf(""), 0), 1);
	singles_fini(&m);
}

/* Doubles have a NaN for each entry that a map can hold. */
TEST(nans_of_eight_bytes_beyond_2_to_the_32)
{
	struct doubles m = {0};
	size_t n = 0;

	for (int i = 0; i < 100; i++)
		assert_int_equal(doubles_put(&m, NAN_KEY, i), 1);
	m.map.core->nan = (UINT64_C(1) << 32) - 50;
	for (int i = 0; i < 100; i++)
		assert_int_equal(doubles_put(&m, -NAN_KEY, i), 1);
	TOPHASH_EACH(doubles, it, &m) {
		assert_true(it.key != it.key);
		n++;
	}
	assert_int_equal(n, 200);
	assert_int_equal(doubles_check(&m, 3), 0);
	doubles_fini(&m);
}

/* The map grows during the loop. It has NaNs, whose place cannot be found again by a lookup. */
TEST(growth_with_nans_in_a_loop)
{
	struct doubles m = {0};
	int seen[16] = {0}, next = 1000;
	bool zero = false;

	doubles_put(&m, 0, 0);
	for (int i = 1; i < 16; i++)
		doubles_put(&m, NAN_KEY, i);
	TOPHASH_EACH(doubles, it, &m) {
		if (it.val < 16)
			assert_int_equal(seen[it.val]++, 0);
		if (it.key == 0) {
			zero = true;
			doubles_put(&m, 0, 0);
		}
		for (int i = 0; i < 50 && next < 5000; i++, next++)
			doubles_put(&m, next, next);
	}
	assert_true(zero);
	for (int i = 0; i < 16; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(doubles_check(&m, 3), 0);
	doubles_fini(&m);
}

/* The loop deletes zero, and puts it with the other sign while the map grows. It comes once before,
 * and at most once after. */
TEST(growth_with_negative_zero_in_a_loop)
{
	for (unsigned run = 0; run < 100; run++) {
		struct doubles m = {0};
		int plus = 0, minus = 0, next = 100;

		doubles_put(&m, +0.0, 1);
		for (int i = 1; i < 12; i++)
			doubles_put(&m, i, 0);
		TOPHASH_EACH(doubles, it, &m) {
			if (it.key == 0 && it.val == 1) {
				plus++;
				for (int i = 0; i < 200; i++, next++)
					doubles_put(&m, next, 0);
				assert_true(doubles_delete(&m, -0.0));
				doubles_put(&m, -0.0, 2);
			} else if (it.key == 0) {
				assert_true(__builtin_signbit(it.key));
				minus++;
			}
		}
		assert_int_equal(plus, 1);
		assert_true(minus <= 1);
		doubles_fini(&m);
	}
}

/* ---- loops ---------------------------------------------------------------------------------------- */

/* In the first round of the loop the map grows and every odd key is deleted. None of the deleted
 * keys comes afterwards. */
TEST(growth_and_deletes_in_a_loop)
{
	for (unsigned run = 0; run < 20; run++) {
		struct ints m = {0};
		bool first = true;
		int evens = 0;

		ints_fill(&m, 100);
		TOPHASH_EACH(ints, it, &m) {
			if (first) {
				for (int i = 100; i < 10000; i++)
					ints_put(&m, i, i);
				for (int i = 1; i < 10000; i += 2)
					ints_delete(&m, i);
				first = false;
				evens += it.key < 100 && it.key % 2 == 0;
				continue;
			}
			assert_int_equal(it.key % 2, 0);
			evens += it.key < 100;
		}
		assert_int_equal(evens, 50);
		ints_fini(&m);
	}
}

/* Each key is deleted and put back, some under other keys. The loop ends, and no key that stayed
 * comes twice. */
TEST(replacing_in_a_loop)
{
	for (unsigned run = 0; run < 50; run++) {
		struct ints m = {0};
		uint8_t seen[3000] = {0};
		int next = 1000;

		ints_fill(&m, 8 << run % 6);
		TOPHASH_EACH(ints, it, &m) {
			assert_int_equal(seen[it.key]++, 0);
			assert_true(ints_delete(&m, it.key));
			if (next < 3000)
				ints_put(&m, next++, 0);
		}
		assert_int_equal(ints_check(&m, 3), 0);
		ints_fini(&m);
	}
}

/* All other keys are deleted and put again at each step, so that the map shrinks and grows. A key
 * that was not touched comes exactly once. */
TEST(untouched_ones_come_once)
{
	for (unsigned run = 0; run < 30; run++) {
		struct ints m = {0};
		uint8_t seen[400] = {0};
		int steps = 0;

		ints_fill(&m, 400);
		TOPHASH_EACH(ints, it, &m) {
			if (it.key % 10 == 0)
				assert_int_equal(seen[it.key]++, 0);
			if (++steps > 60)
				continue;
			for (int i = 0; i < 400; i++)
				if (i % 10)
					ints_delete(&m, i);
			for (int i = 0; i < 400; i++)
				if (i % 10 && steps % 2)
					ints_put(&m, i, i);
		}
		for (int i = 0; i < 400; i += 10)
			assert_int_equal(seen[i], 1);
		ints_fini(&m);
	}
}

TEST(clearing_in_a_loop)
{
	struct ints m = {0};
	int n = 0;

	ints_fill(&m, 1000);
	TOPHASH_EACH(ints, it, &m) {
		n++;
		ints_clear(&m);
	}
	assert_int_equal(n, 1);
	/* Keys put after the clear may come; no other may. */
	ints_fill(&m, 1000);
	n = 0;
	TOPHASH_EACH(ints, it, &m) {
		if (n++ == 0) {
			ints_clear(&m);
			for (int i = 5000; i < 5100; i++)
				ints_put(&m, i, i);
		} else {
			assert_true(it.key >= 5000);
		}
	}
	assert_true(n <= 101);
	assert_int_equal(ints_len(&m), 100);
	ints_fini(&m);
}

TEST(the_loop_that_deletes_all_empties)
{
	struct ints m = {0};
	int n = 0;

	ints_fill(&m, 5000);
	TOPHASH_EACH(ints, it, &m) {
		assert_true(ints_delete(&m, it.key));
		n++;
	}
	assert_int_equal(n, 5000);
	assert_int_equal(ints_len(&m), 0);
	ints_fini(&m);
}

/* The first key, or the order, differs soon: from loop to loop, and from map to map. */
TEST(order_is_random)
{
	static const int sizes[] = {3, 7, 9, 15, 100};

	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		struct ints m = {0}, other = {0};
		unsigned loops = 0, maps = 0;
		int first = -1;

		ints_fill(&m, sizes[s]);
		ints_fill(&other, sizes[s]);
		for (unsigned i = 0; i < 100; i++) {
			TOPHASH_EACH(ints, it, &m) {
				loops += first >= 0 && it.key != first;
				first = it.key;
				break;
			}
			TOPHASH_EACH(ints, it, &other) {
				maps += it.key != first;
				break;
			}
		}
		assert_true(loops > 5 && maps > 5);
		ints_fini(&m);
		ints_fini(&other);
	}
}

/* The order is not fixed either in a map that was large and is nearly empty. */
TEST(order_is_random_when_sparse)
{
	struct ints m = {0};
	unsigned first = 0;

	ints_fill(&m, 1000);
	for (int i = 2; i < 1000; i++)
		ints_delete(&m, i);
	for (unsigned i = 0; i < 1000; i++)
		TOPHASH_EACH(ints, it, &m) {
			first += it.key == 0;
			break;
		}
	assert_true(first > 10 && first < 990);
	ints_fini(&m);
}

/* ---- keys and values ------------------------------------------------------------------------------ */

TEST(assignment_operators)
{
	struct ints m = {0};
	struct wides w = {0};
	struct counts c = {0};

	*ints_slot(&m, 0) += 2;
	assert_int_equal(ints_get(&m, 0), 2);
	*ints_slot(&m, 0) -= 7;
	assert_int_equal(ints_get(&m, 0), -5);
	/* After a delete and after a clear, a value starts from 0 again, whatever its kind. */
	for (int round = 0; round < 3; round++) {
		ints_put(&m, 1, 0x7fffffff);
		wides_put(&w, 1, -1);
		counts_put(&c, "one", 12345);
		if (round == 2) {
			ints_clear(&m);
			wides_clear(&w);
			counts_clear(&c);
		} else {
			ints_delete(&m, 1);
			wides_delete(&w, 1);
			counts_delete(&c, "one");
		}
		assert_int_equal(++*ints_slot(&m, 1 + round), 1);
		assert_int_equal(++*wides_slot(&w, 1 + round), 1);
		assert_int_equal(++*counts_slot(&c, "two"), 1);
		counts_delete(&c, "two");
	}
	ints_fini(&m);
	wides_fini(&w);
	counts_fini(&c);
}

TEST(strings_of_one_bucket)
{
	static const char *const keys[][8] = {
		{"x", "xx", "foo", "foo\txyz", "", "xxxx", "a much longer one than the others",
		 "12345678"},
		{"x", "y", "foo", "bar", "", "xxxx", "yyyy", "zzzz"},
	};

	for (unsigned k = 0; k < 2; k++) {
		struct strings m = {0};
		char copy[64];

		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(strings_put(&m, keys[k][i], keys[k][7 - i]), 1);
		for (unsigned i = 0; i < 8; i++) {
			snprintf(copy, sizeof(copy), "%s", keys[k][i]); /* contents count */
			assert_string_equal(strings_get(&m, copy), keys[k][7 - i]);
		}
		assert_null(strings_get(&m, "xxx"));
		assert_null(strings_get(&m, "foo\tXYZ"));
		strings_fini(&m);
	}
}

TEST(parts_of_a_buffer_are_looked_up)
{
	static const char text[] = "stringsandbytes";
	struct slices m = {0};

	for (size_t from = 0; from < 8; from++)
		for (size_t n = 0; n < 7; n++)
			slices_put(&m, (struct tophash_str){text + from, n}, (int)(from * 8 + n));
	/* All of length 0 are equal; "s" and "st" occur twice. */
	assert_int_equal(slices_get(&m, (struct tophash_str){"", 0}), 7 * 8);
	assert_int_equal(slices_get(&m, (struct tophash_str){NULL, 0}), 7 * 8);
	assert_int_equal(slices_get(&m, (struct tophash_str){"strings", 6}), 6);
	assert_int_equal(slices_get(&m, (struct tophash_str){"strings", 7}), 0);
	assert_null(slices_find(&m, (struct tophash_str){"strings", 7}));
	slices_fini(&m);
}

static struct big big_of(int i)
{
	struct big ret = {{0}};

	ret.words[0] = ret.words[255] = (uint64_t)i;
	return ret;
}

TEST(big_keys_and_values)
{
	struct bigs m = {0};
	struct big zero;

	for (int i = 0; i < 100; i++)
		assert_int_equal(bigs_put(&m, big_of(i), big_of(i + 1000)), 1);
	for (int i = 0; i < 200; i++) {
		struct big val = bigs_get(&m, big_of(i));

		assert_int_equal(val.words[0], i < 100 ? i + 1000 : 0);
		assert_int_equal(val.words[255], i < 100 ? i + 1000 : 0);
	}
	/* Returns the zero value for an absent key, however large it is. */
	zero = bigs_get(NULL, big_of(1));
	assert_memory_equal(&zero, &(struct big){{0}}, sizeof(zero));
	TOPHASH_EACH(bigs, it, &m) {
		assert_int_equal(it.val.words[255], it.key.words[0] + 1000);
		assert_true(bigs_delete(&m, it.key));
	}
	assert_int_equal(bigs_len(&m), 0);
	bigs_fini(&m);
}

/* The smallest keys and values. */
TEST(empty_keys_and_no_values)
{
	struct members m = {0};
	struct small s = {0};

	assert_int_equal(members_add(&m, (struct tophash_str){NULL, 0}), 1);
	assert_int_equal(members_add(&m, (struct tophash_str){"x", 0}), 0);
	assert_int_equal(members_len(&m), 1);
	assert_true(members_delete(&m, (struct tophash_str){"y", 0}));
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(small_add(&s, (uint8_t)i), 1);
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(small_add(&s, (uint8_t)i), 0);
	assert_int_equal(small_len(&s), 256);
	assert_int_equal(small_check(&s, 3), 0);
	members_fini(&m);
	small_fini(&s);
}

/* A hash that is constant makes the map slow, but not wrong. */
TEST(a_bad_hash_is_only_slow)
{
	struct bad m = {0};
	struct tophash_stats stats;
	int n = 0;

	for (int i = 0; i < 2000; i++)
		assert_int_equal(bad_put(&m, i, i), 1);
	bad_stats(&m, &stats);
	assert_true(stats.longest_chain > 100);
	for (int i = 0; i < 2000; i += 2)
		assert_true(bad_delete(&m, i));
	TOPHASH_EACH(bad, it, &m) {
		assert_int_equal(it.key % 2, 1);
		n++;
	}
	assert_int_equal(n, 1000);
	assert_int_equal(bad_check(&m, 3), 0);
	bad_fini(&m);
}

/* ---- memory --------------------------------------------------------------------------------------- */

/* An impossible hint is an error here (Go ignores it). The map is unchanged. */
TEST(bogus_hints)
{
	static const size_t hints[] = {SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX / 16, (size_t)1 << 40};
	struct ints m = {0};

	ints_put(&m, 1, 2);
	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++) {
		struct ints fresh = {0};
		int err = ints_reserve(&m, hints[i]);

		assert_true(err == -EOVERFLOW || err == -ENOMEM);
		err = ints_init(&fresh, hints[i]);
		assert_true(err == -EOVERFLOW || err == -ENOMEM);
		assert_int_equal(ints_put(&fresh, 1, 1), 1);
		ints_fini(&fresh);
	}
	assert_int_equal(ints_get(&m, 1), 2);
	assert_int_equal(ints_check(&m, 3), 0);
	ints_fini(&m);
}

/* Keys that come and go leave nothing behind. (Go's table has tombstones.) */
TEST(memory_is_used_again)
{
	struct ints m = {0};
	struct tophash_stats before, after;

	ints_fill(&m, 1000);
	for (int i = 0; i < 1000; i++) {
		ints_delete(&m, i);
		ints_put(&m, i + 1000, i);
	}
	ints_stats(&m, &before);
	for (int i = 1000; i < 100000; i++) {
		assert_true(ints_delete(&m, i));
		assert_int_equal(ints_put(&m, i + 1000, i), 1);
	}
	ints_stats(&m, &after);
	assert_int_equal(after.grows, before.grows);
	assert_int_equal(after.buckets, before.buckets);
	assert_true(after.bytes_held <= before.bytes_held + before.bytes_held / 8);
	ints_fini(&m);
}

static void *read_all(void *ctx)
{
	const struct ints *m = ctx;
	intptr_t n = 0;

	for (unsigned round = 0; round < 10; round++) {
		TOPHASH_EACH(ints, it, m)
			n += ints_get(m, it.key) == it.key;
	}
	return (void *)n;
}

/* Readers of a map in the middle of its growth. */
TEST(readers_after_a_growth)
{
	for (int size = 10; size <= 10000; size *= 10) {
		struct ints m = {0};
		pthread_t threads[4];

		ints_fill(&m, size);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, read_all, &m), 0);
		for (unsigned i = 0; i < 4; i++) {
			void *n;

			pthread_join(threads[i], &n);
			assert_int_equal((intptr_t)n, 10 * size);
		}
		ints_fini(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(negative_zero_is_zero),
		cmocka_unit_test(nans_are_never_found),
		cmocka_unit_test(infinities_are_keys),
		cmocka_unit_test(nans_of_four_bytes),
		cmocka_unit_test(nans_of_four_bytes_up_to_the_last),
		cmocka_unit_test(nans_of_eight_bytes_beyond_2_to_the_32),
		cmocka_unit_test(growth_with_nans_in_a_loop),
		cmocka_unit_test(growth_with_negative_zero_in_a_loop),
		cmocka_unit_test(growth_and_deletes_in_a_loop),
		cmocka_unit_test(replacing_in_a_loop),
		cmocka_unit_test(untouched_ones_come_once),
		cmocka_unit_test(clearing_in_a_loop),
		cmocka_unit_test(the_loop_that_deletes_all_empties),
		cmocka_unit_test(order_is_random),
		cmocka_unit_test(order_is_random_when_sparse),
		cmocka_unit_test(assignment_operators),
		cmocka_unit_test(strings_of_one_bucket),
		cmocka_unit_test(parts_of_a_buffer_are_looked_up),
		cmocka_unit_test(big_keys_and_values),
		cmocka_unit_test(empty_keys_and_no_values),
		cmocka_unit_test(a_bad_hash_is_only_slow),
		cmocka_unit_test(bogus_hints),
		cmocka_unit_test(memory_is_used_again),
		cmocka_unit_test(readers_after_a_growth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
