/* Where seeds come from: a key stream that is ChaCha8's, of which nothing stays behind. seed.c is part of this program,
 * so that a test can choose the key. */
#include "../../map/seed.c"

#include "test_map.h"

/* The first block of the key stream for a key and a nonce of 0: draft-strombergson-chacha-test-vectors-01, TC1,
 * 256 bits, 8 rounds. */
static const uint8_t first_block[64] = {
	0x3e, 0x00, 0xef, 0x2f, 0x89, 0x5f, 0x40, 0xd6, 0x7f, 0x5b, 0xb8, 0xe8, 0x1f,
	0x09, 0xa5, 0xa1, 0x2c, 0x84, 0x0e, 0xc3, 0xce, 0x9a, 0x7f, 0x3b, 0x18, 0x1b,
	0xe1, 0x88, 0xef, 0x71, 0x1a, 0x1e, 0x98, 0x4c, 0xe1, 0x72, 0xb9, 0x21, 0x6f,
	0x41, 0x9f, 0x44, 0x53, 0x67, 0x45, 0x6d, 0x56, 0x19, 0x31, 0x4a, 0x42, 0xa3,
	0xda, 0x86, 0xb0, 0x01, 0x38, 0x7b, 0xfd, 0xb8, 0x0e, 0x0c, 0xfe, 0x42,
};

/* A batch holds word i of four blocks side by side. */
TEST(key_stream_is_chacha8)
{
	struct source one = {.keyed = true};
	uint32_t words[64];

	next_batch(&one);
	memcpy(words, one.key, sizeof(one.key));
	memcpy(words + KEY_WORDS, one.numbers, sizeof(one.numbers));
	for (unsigned i = 0; i < 16; i++) {
		uint32_t want = first_block[4 * i] | first_block[4 * i + 1] << 8 |
				first_block[4 * i + 2] << 16 |
				(uint32_t)first_block[4 * i + 3] << 24;

		assert_int_equal(words[4 * i], want);
	}
}

/* Neither the key that made a batch nor a number that was given away is still there. */
TEST(nothing_stays_behind)
{
	struct source one = {.keyed = true, .key = {1, 2, 3, 4, 5, 6, 7, 8}};
	uint32_t key[KEY_WORDS];

	for (unsigned batch = 0; batch < 3; batch++) {
		memcpy(key, one.key, sizeof(key));
		for (unsigned i = 0; i < BATCH; i++) {
			uint64_t number = secret_u64(&one);

			assert_true(number != 0);
			for (size_t at = 0; at + 8 <= sizeof(one); at++)
				assert_true(memcmp((uint8_t *)&one + at, &number, 8) != 0);
		}
		assert_true(memcmp(key, one.key, sizeof(key)) != 0);
		for (unsigned i = 0; i < BATCH; i++)
			assert_int_equal(one.numbers[i], 0);
	}
}

static uint64_t undo_shift(uint64_t x, int n)
{
	uint64_t ret = x;

	for (int i = n; i < 64; i += n)
		ret = x ^ ret >> n;
	return ret;
}

static uint64_t inverse(uint64_t odd)
{
	uint64_t ret = odd;

	for (int i = 0; i < 6; i++)
		ret *= 2 - odd * ret;
	return ret;
}

/* Returns the state from which splitmix64 makes a number. */
static uint64_t unscramble(uint64_t x)
{
	x = undo_shift(x, 31) * inverse(UINT64_C(0x94d049bb133111eb));
	x = undo_shift(x, 27) * inverse(UINT64_C(0xbf58476d1ce4e5b9));
	return undo_shift(x, 30);
}

/* One map's seed does not tell the next ones by running a generator on, nor by running the order's generator. */
TEST(seed_tells_no_other)
{
	struct tophash one = {0}, next = {0};
	uint64_t order;

	seed_renew(&one);
	order = random_u64();
	for (unsigned i = 0; i < 100; i++) {
		seed_renew(&next);
		for (unsigned start = 0; start < 3; start++) {
			uint64_t known[] = {one.seed, one.mult, order};
			uint64_t begin = unscramble(known[start]);

			for (int step = -50; step < 50; step++) {
				uint64_t x = scramble(begin + (uint64_t)step *
								      UINT64_C(0x9e3779b97f4a7c15));

				assert_true(x != next.seed && mult_of(x) != next.mult);
			}
		}
	}
}

/* Every multiplier is odd and has four ones in each byte; every such byte comes at every place. */
TEST(multipliers_are_balanced)
{
	static unsigned seen[8][256];
	uint64_t random = 1;

	for (unsigned i = 0; i < 100000; i++) {
		uint64_t mult = mult_of(test_random(&random));

		for (unsigned at = 0; at < 8; at++)
			seen[at][mult >> 8 * at & 0xff]++;
	}
	for (unsigned at = 0; at < 8; at++)
		for (unsigned byte = 0; byte < 256; byte++) {
			bool allowed = __builtin_popcount(byte) == 4 && (at > 0 || byte & 1);

			assert_int_equal(seen[at][byte] > 0, allowed);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_stream_is_chacha8),
		cmocka_unit_test(nothing_stays_behind),
		cmocka_unit_test(seed_tells_no_other),
		cmocka_unit_test(multipliers_are_balanced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
