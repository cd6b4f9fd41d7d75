/* Loops over keys of one hash: one chain, longer than an iterator can keep. */
#include "test_map.h"

#include <tophash/map.h>

#define N 1500

struct wide {
	int number;
	char fill[36];
};

static size_t calls;

static uint64_t one_hash(const int *key)
{
	(void)key;
	calls++;
	return 7;
}

static bool same(const int *key, const int *other)
{
	return *key == *other;
}

static uint64_t one_hash_wide(const struct wide *key)
{
	(void)key;
	calls++;
	return 7;
}

static bool same_wide(const struct wide *key, const struct wide *other)
{
	return key->number == other->number;
}

TOPHASH_MAP_WITH(narrow, int, int, one_hash, same);
TOPHASH_MAP_WITH(broad, struct wide, int, one_hash_wide, same_wide);

static unsigned came[2 * N];

/* The chain is read once for each 12 entries or more, not once for each. */
TEST(passes_over_a_chain)
{
	struct narrow n = {0};
	struct broad b = {0};

	for (int i = 0; i < N; i++) {
		assert_int_equal(narrow_put(&n, i, i), 1);
		assert_int_equal(broad_put(&b, (struct wide){.number = i}, i), 1);
	}
	narrow_step(&n, UINT32_MAX);
	broad_step(&b, UINT32_MAX);
	memset(came, 0, sizeof(came));
	calls = 0;
	TOPHASH_EACH(narrow, it, &n)
		came[it.key]++;
	assert_true(calls < N * (N / 12));
	calls = 0;
	TOPHASH_EACH(broad, it, &b)
		came[it.key.number]++;
	assert_true(calls < N * (N / 12));
	for (int i = 0; i < N; i++)
		assert_int_equal(came[i], 2);
	narrow_fini(&n);
	broad_fini(&b);
}

/* The loop deletes what came and what did not, and puts others: what stays comes once, what went does not come. */
TEST(changes_in_a_chain)
{
	for (unsigned every = 1; every <= 40; every += 13) {
		struct narrow m = {0};
		bool gone[2 * N] = {false};
		uint64_t random = every;
		unsigned steps = 0;

		for (int i = 0; i < N; i++)
			narrow_put(&m, i, i);
		memset(came, 0, sizeof(came));
		TOPHASH_EACH(narrow, it, &m) {
			int other = (int)(test_random(&random) % N);

			assert_false(gone[it.key]);
			came[it.key]++;
			if (++steps % every)
				continue;
			gone[other] |= narrow_delete(&m, other);
			narrow_put(&m, N + other, 0);
		}
		for (int i = 0; i < 2 * N; i++)
			assert_true(came[i] <= 1 && (i >= N || gone[i] || came[i] == 1));
		assert_int_equal(narrow_check(&m, 1), 0);
		narrow_fini(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_over_a_chain),
		cmocka_unit_test(changes_in_a_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
