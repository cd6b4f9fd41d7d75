/* Compares the hash with chance. Sets of structured keys go into maps of all sizes, with many
 * seeds. The overflow, the fullest bucket and the equal tags are compared with those of keys that
 * are placed at random (Poisson's distribution). */
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_map.h"

#define SEEDS	 24
#define LOAD	 13 /* a bucket, on average: just before a growth */
#define BITS_MIN 4
#define BITS_MAX 13
#define KEYS_MAX (LOAD << BITS_MAX)

/* Writes the key for the number i to ret, which has 64 bytes of 0. */
typedef void make_fn(uint64_t i, uint64_t arg, uint8_t *ret);

struct set {
	const char *name;
	uint32_t kind, key_size;
	make_fn *make;
	uint64_t arg;
};

static void put_u64(uint8_t *ret, uint64_t x)
{
	memcpy(ret, &x, sizeof(x));
}

static void put_double(uint8_t *ret, double x)
{
	memcpy(ret, &x, sizeof(x));
}

static void shifted(uint64_t i, uint64_t arg, uint8_t *ret)
{
	put_u64(ret, i << arg);
}

static void stride(uint64_t i, uint64_t arg, uint8_t *ret)
{
	put_u64(ret, i * arg);
}

static void downwards(uint64_t i, uint64_t arg, uint8_t *ret)
{
	put_u64(ret, arg - i);
}

static void twice(uint64_t i, uint64_t arg, uint8_t *ret)
{
	put_u64(ret, i | i << arg);
}

static void mirrored(uint64_t i, uint64_t arg, uint8_t *ret)
{
	uint64_t x = 0;

	for (unsigned bit = 0; bit < arg; bit++)
		x |= (i >> bit & 1) << (arg - 1 - bit);
	put_u64(ret, x);
}

static void gray(uint64_t i, uint64_t arg, uint8_t *ret)
{
	put_u64(ret, (i ^ i >> 1) << arg);
}

/* Makes a key in which each bit of a number has its own nibble. */
static void spread(uint64_t i, uint64_t arg, uint8_t *ret)
{
	uint64_t x = 0;

	for (unsigned bit = 0; bit < 21; bit++)
		x |= (i >> bit & 1) << ((bit * arg + bit * arg / 64) & 63);
	put_u64(ret, x);
}

/* Makes a key like a pointer that malloc() returns. */
static void pointer(uint64_t i, uint64_t arg, uint8_t *ret)
{
	put_u64(ret, UINT64_C(0x7f3a5c000010) + i * arg + (i / 1000) * 4096);
}

static void whole_double(uint64_t i, uint64_t arg, uint8_t *ret)
{
	put_double(ret, (double)i - (double)arg);
}

static void part_double(uint64_t i, uint64_t arg, uint8_t *ret)
{
	put_double(ret, (double)i / (double)arg);
}

static void whole_float(uint64_t i, uint64_t arg, uint8_t *ret)
{
	float x = (float)i;

	memcpy(ret, &x, sizeof(x));
}

/* Makes a key of two numbers; arg is the range of one of them. */
static void grid(uint64_t i, uint64_t arg, uint8_t *ret)
{
	put_u64(ret, i % arg | (i / arg) << 32);
}

static void grid128(uint64_t i, uint64_t arg, uint8_t *ret)
{
	put_u64(ret, i % arg);
	put_u64(ret + 8, i / arg);
}

static void high128(uint64_t i, uint64_t arg, uint8_t *ret)
{
	put_u64(ret, arg);
	put_u64(ret + 8, i);
}

static void same128(uint64_t i, uint64_t arg, uint8_t *ret)
{
	put_u64(ret, i);
	put_u64(ret + 8, i ^ arg);
}

/* Makes a key of three floats, as a point has. */
static void points(uint64_t i, uint64_t arg, uint8_t *ret)
{
	float point[3] = {(float)(i % arg), (float)(i / arg % arg), (float)(i / arg / arg)};

	memcpy(ret, point, sizeof(point));
}

/* Makes a key of zeros with a number at that offset. */
static void at(uint64_t i, uint64_t arg, uint8_t *ret)
{
	uint32_t x = (uint32_t)i;

	memcpy(ret + arg, &x, sizeof(x));
}

static void decimal(uint64_t i, uint64_t arg, uint8_t *ret)
{
	snprintf((char *)ret, 64, "%.*s%llu", (int)arg, "user:session:0000000000000000000000000000",
		 (unsigned long long)i);
}

static void padded(uint64_t i, uint64_t arg, uint8_t *ret)
{
	snprintf((char *)ret, 64, "%0*llu.%.*s", 8, (unsigned long long)i, (int)arg,
		 "example.com/some/path/to/anything/index.html");
}

static void letters(uint64_t i, uint64_t arg, uint8_t *ret)
{
	for (unsigned n = 0; n < arg; n++, i /= 26)
		ret[n] = (uint8_t)('a' + i % 26);
}

#define INT   TOPHASH_KIND_INT
#define FLOAT TOPHASH_KIND_FLOAT
#define BYTES TOPHASH_KIND_BYTES
#define CSTR  TOPHASH_KIND_CSTR

static const struct set sets[] = {
	{"counting", INT, 8, shifted, 0},
	{"counting, 4 bytes", INT, 4, shifted, 0},
	{"shifted by 4", INT, 8, shifted, 4},
	{"shifted by 12", INT, 8, shifted, 12},
	{"shifted by 12, 4 bytes", INT, 4, shifted, 12},
	{"shifted by 24", INT, 8, shifted, 24},
	{"shifted by 32", INT, 8, shifted, 32},
	{"shifted by 40", INT, 8, shifted, 40},
	{"shifted by 47", INT, 8, shifted, 47},
	{"steps of 3", INT, 8, stride, 3},
	{"steps of 1000", INT, 8, stride, 1000},
	{"steps of 4097", INT, 8, stride, 4097},
	{"steps of 2^32 + 1", INT, 8, stride, (UINT64_C(1) << 32) + 1},
	{"steps of 2^64 / golden ratio", INT, 8, stride, UINT64_C(0x9e3779b97f4a7c15)},
	{"steps of 2^64 / 3", INT, 8, stride, UINT64_C(0x5555555555555555)},
	{"downwards from 0", INT, 8, downwards, 0},
	{"downwards from 2^63", INT, 8, downwards, UINT64_C(1) << 63},
	{"twice, 32 apart", INT, 8, twice, 32},
	{"twice, 40 apart", INT, 8, twice, 40},
	{"mirrored in 64 bits", INT, 8, mirrored, 64},
	{"mirrored in 32 bits", INT, 8, mirrored, 32},
	{"Gray's code", INT, 8, gray, 0},
	{"Gray's code, shifted by 20", INT, 8, gray, 20},
	{"spread over nibbles", INT, 8, spread, 4},
	{"spread, 3 apart", INT, 8, spread, 3},
	{"pointers, 32 bytes", INT, 8, pointer, 32},
	{"pointers, 48 bytes", INT, 8, pointer, 48},
	{"pointers, pages", INT, 8, pointer, 4096},
	{"doubles from 0", FLOAT, 8, whole_double, 0},
	{"doubles around 0", FLOAT, 8, whole_double, 50000},
	{"tenths", FLOAT, 8, part_double, 10},
	{"1024ths", FLOAT, 8, part_double, 1024},
	{"floats", FLOAT, 4, whole_float, 0},
	{"grid", INT, 8, grid, 100},
	{"grid of 16 bytes", INT, 16, grid128, 100},
	{"high half of 16 bytes", INT, 16, high128, 0},
	{"high half of 16 bytes, low all ones", INT, 16, high128, UINT64_MAX},
	{"halves alike", INT, 16, same128, 0},
	{"halves opposite", INT, 16, same128, UINT64_MAX},
	{"points", BYTES, 12, points, 40},
	{"first of 8 bytes", BYTES, 8, at, 0},
	{"last of 8 bytes", BYTES, 8, at, 4},
	{"first of 16 bytes", BYTES, 16, at, 0},
	{"last of 16 bytes", BYTES, 16, at, 12},
	{"first of 48 bytes", BYTES, 48, at, 0},
	{"inside of 48 bytes", BYTES, 48, at, 26},
	{"last of 48 bytes", BYTES, 48, at, 44},
	{"numbers as text", CSTR, 8, decimal, 0},
	{"user:N", CSTR, 8, decimal, 5},
	{"user:session:0000N", CSTR, 8, decimal, 20},
	{"names of hosts", CSTR, 8, padded, 11},
	{"paths", CSTR, 8, padded, 40},
	{"4 letters", CSTR, 8, letters, 4},
	{"8 letters", CSTR, 8, letters, 8},
};

/* Keys of 64 bytes each, and their hashes for one seed. */
static uint8_t keys[KEYS_MAX][64];
static uint32_t hashes[KEYS_MAX];

static void hash_some(const struct set *set, const struct tophash *seeded, size_t first, size_t n)
{
	const struct tophash_type type = {.kind = set->kind, .key_size = set->key_size};

	for (size_t i = first; i < first + n; i++) {
		const char *text = (const char *)keys[i];
		const void *raw = set->kind == CSTR ? (const void *)&text : (const void *)text;
		struct tophash_key key = tophash_key_of(&type, raw);

		hashes[i] = (uint32_t)tophash_hash(&type, &key, seeded->seed, seeded->mult);
	}
}

/* Makes a map with a given seed. */
static struct tophash seeded_map(unsigned seed)
{
	struct tophash map = {0};
	uint64_t key = 1;
	char option[32];

	snprintf(option, sizeof(option), "seed=%u", seed);
	assert_int_equal(tophash_debug(option), 0);
	assert_int_equal(test_put(&map, &test_u64, &key, 1), 1);
	assert_int_equal(tophash_debug(NULL), 0);
	return map;
}

struct seen {
	double over;  /* entries past the 15th of a bucket */
	double pairs; /* of entries of a bucket with the same tag */
	unsigned most;
};

/* Counts how the first LOAD << bits keys fall into 2^bits buckets. */
static void look(unsigned bits, struct seen *ret)
{
	static uint16_t counts[1 << BITS_MAX], tags[1 << BITS_MAX][256];
	size_t n = (size_t)1 << bits;

	memset(counts, 0, n * sizeof(*counts));
	memset(tags, 0, n * sizeof(*tags));
	for (size_t i = 0; i < LOAD * n; i++) {
		size_t bucket = (uint64_t)hashes[i] >> (32 - bits);
		unsigned count = ++counts[bucket];

		ret->over += count > TOPHASH_SLOTS;
		ret->most = count > ret->most ? count : ret->most;
		ret->pairs += tags[bucket][tophash_tag(hashes[i])]++;
	}
}

static double poisson(unsigned k)
{
	return exp(k * log(LOAD) - LOAD - lgamma(k + 1.0));
}

/* Computes the mean and the variance of the overflow of a bucket, by chance. */
static void chance_over(double *ret_mean, double *ret_variance)
{
	double mean = 0, square = 0;

	for (unsigned k = TOPHASH_SLOTS + 1; k < 100; k++) {
		mean += (k - TOPHASH_SLOTS) * poisson(k);
		square += (k - TOPHASH_SLOTS) * (k - TOPHASH_SLOTS) * poisson(k);
	}
	*ret_mean = mean;
	*ret_variance = square - mean * mean;
}

/* Returns a count that in only one of a million cases some bucket of so many exceeds. */
static unsigned chance_most(double buckets)
{
	unsigned ret = 99;

	for (double tail = poisson(100); tail * buckets < 1e-6; ret--)
		tail += poisson(ret);
	return ret + 1;
}

/* Sums over all seeds, for one set. */
struct sums {
	double over[BITS_MAX + 1]; /* by size */
	double pairs, buckets;
	unsigned most;
};

static void sum_up(const struct set *set, struct sums *ret)
{
	for (size_t i = 0; i < KEYS_MAX; i++) {
		memset(keys[i], 0, sizeof(keys[i]));
		set->make(i, set->arg, keys[i]);
	}
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct tophash map = seeded_map(seed);

		hash_some(set, &map, 0, KEYS_MAX);
		tophash_fini(&map);
		for (unsigned bits = BITS_MIN; bits <= BITS_MAX; bits++) {
			struct seen seen = {0};

			look(bits, &seen);
			ret->over[bits] += seen.over;
			ret->pairs += seen.pairs;
			ret->buckets += 1u << bits;
			ret->most = seen.most > ret->most ? seen.most : ret->most;
		}
	}
}

/* Checks the promise. Overflow is within 5 standard deviations of chance, which is 3 % at 8192
 * buckets. Pairs of equal tags are within 2 %. No bucket is fuller than chance would make it once
 * in a million runs. */
static void hold_against_chance(const struct set *set)
{
	double mean, variance, pairs;
	struct sums sums = {0};
	size_t n = sizeof(sets) / sizeof(*sets);

	chance_over(&mean, &variance);
	sum_up(set, &sums);
	for (unsigned bits = BITS_MIN; bits <= BITS_MAX; bits++) {
		double buckets = (double)SEEDS * (1u << bits);
		double off = (sums.over[bits] - mean * buckets) / sqrt(variance * buckets);

		if (off > 5)
			fail_msg("%s, %u buckets: %.2f as much overflow as by chance", set->name,
				 1u << bits, sums.over[bits] / (mean * buckets));
	}
	/* There are 254 tags. The low bytes 0 and 1 become the tag 2, which is therefore three times
	 * as common. */
	pairs = sums.pairs / (sums.buckets * LOAD * LOAD / 2 * (253 + 9) / 65536);
	if (pairs > 1.02)
		fail_msg("%s: %.2f as many pairs of like tags as by chance", set->name, pairs);
	if (sums.most > chance_most(sums.buckets * (double)n))
		fail_msg("%s: %u in a bucket", set->name, sums.most);
}

TEST(sets_fall_like_chance)
{
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		hold_against_chance(&sets[i]);
}

/* ---- flooding ------------------------------------------------------------------------------------- */

#define COLLIDING 1000

/* Chooses the first so many keys of a set that fall into one of 1024 buckets under a seed. */
static void choose_colliding(const struct set *set, const struct tophash *seeded)
{
	size_t n = 0;

	for (uint64_t i = 0; n < COLLIDING; i++) {
		memset(keys[n], 0, sizeof(keys[n]));
		set->make(i, set->arg, keys[n]);
		hash_some(set, seeded, n, 1);
		n += hashes[n] >> 22 == 0;
	}
}

/* Puts n keys and removes them, by deletes or by clear(). Returns the seed that the map then has. */
static uint64_t seed_after(struct tophash *map, uint64_t n, bool clear)
{
	for (uint64_t key = 0; key < n; key++)
		assert_int_equal(test_put(map, &test_u64, &key, 1), 1);
	if (clear)
		tophash_clear(map);
	for (uint64_t key = 0; key < n && !clear; key++)
		assert_true(key % 2 ? tophash_release(map, &test_u64, &key)
				    : tophash_delete_key(map, &test_u64, &key));
	assert_int_equal(tophash_check(map, 3), 0);
	return map->seed;
}

/* A map that becomes empty gets a new seed if it had more than 15 elements under the old one, however it became
 * empty. */
TEST(an_emptied_map_gets_a_new_seed)
{
	for (unsigned how = 0; how < 8; how++) {
		struct tophash map = {0};
		uint64_t seed, last;

		tophash_keep_room(&map, how & 1);
		seed = seed_after(&map, 1, false);
		assert_int_equal(seed_after(&map, 15, how & 2), seed);
		for (unsigned round = 0; round < 10; round++) {
			/* Of 16 elements it becomes small before it is empty. */
			last = seed;
			seed = seed_after(&map, 16 + (how & 4 ? 0 : 1000), how & 2);
			assert_true(seed != last);
		}
		tophash_fini(&map);
	}
}

/* Keys that were chosen to collide under one seed do not collide under another, or in a map that
 * was emptied. */
TEST(chosen_keys_collide_once)
{
	static const char *const names[] = {"counting", "doubles from 0",  "grid of 16 bytes",
					    "points",	"numbers as text", "user:session:0000N"};

	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		struct tophash map = seeded_map(1);
		bool chosen = false;

		for (size_t n = 0; n < sizeof(names) / sizeof(*names); n++)
			chosen |= strcmp(names[n], sets[i].name) == 0;
		if (chosen)
			choose_colliding(&sets[i], &map);
		assert_true(tophash_delete_key(&map, &test_u64, &(uint64_t){1}));
		for (unsigned round = 0; chosen && round < 50; round++) {
			unsigned most = 0, counts[1024] = {0};

			seed_after(&map, 16, round % 2);
			hash_some(&sets[i], &map, 0, COLLIDING);
			for (size_t n = 0; n < COLLIDING; n++) {
				unsigned count = ++counts[hashes[n] >> 22];

				most = count > most ? count : most;
			}
			assert_true(most < 15);
		}
		tophash_fini(&map);
	}
}

/* In keys of 16 bytes, each half matters on its own. */
TEST(both_halves_of_wide_keys_count)
{
	for (unsigned half = 0; half < 2; half++) {
		struct tophash *map = tophash_new(TOPHASH_KIND_INT, 16, 0, 0);
		struct tophash_stats stats;
		uint64_t key[2] = {0};

		assert_non_null(map);
		for (; key[half] < 10000; key[half]++)
			assert_int_equal(tophash_put(map, key, NULL), 1);
		tophash_stats(map, &stats);
		assert_true(stats.longest_chain < 6);
		tophash_free(map);
	}
}

/* No multiplier is even, or has few ones: half of the hashes would be lost, or all would be close
 * together. */
TEST(no_multiplier_is_weak)
{
	bool same = true;
	uint64_t first = 0;

	for (unsigned i = 0; i < 2000; i++) {
		struct tophash map;

		assert_int_equal(tophash_init(&map, &test_u64, 1), 0);
		assert_true(map.mult & 1);
		for (unsigned shift = 0; shift < 64; shift += 8)
			assert_int_equal(__builtin_popcount(map.mult >> shift & 0xff), 4);
		first = i == 0 ? map.mult : first;
		same = same && map.mult == first;
		tophash_fini(&map);
	}
	assert_false(same);
}

/* Returns the seed of a new map. */
static uint64_t drawn_seed(void)
{
	struct tophash map = {0};
	uint64_t ret;

	assert_int_equal(tophash_init(&map, &test_u64, 1), 0);
	ret = map.seed;
	tophash_fini(&map);
	return ret;
}

/* A parent and its child, and two children, draw different seeds after a fork, although they start
 * from the same state. */
TEST(a_fork_draws_anew)
{
	uint64_t seeds[3];

	drawn_seed();
	for (unsigned i = 0; i < 2; i++) {
		int ends[2], status;
		pid_t child;

		assert_int_equal(pipe(ends), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			uint64_t seed = drawn_seed();

			_exit(write(ends[1], &seed, sizeof(seed)) != sizeof(seed));
		}
		assert_int_equal(read(ends[0], &seeds[i], sizeof(seeds[i])), sizeof(seeds[i]));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		close(ends[0]);
		close(ends[1]);
	}
	seeds[2] = drawn_seed();
	assert_true(seeds[0] != seeds[1] && seeds[0] != seeds[2] && seeds[1] != seeds[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fork_draws_anew),
		cmocka_unit_test(sets_fall_like_chance),
		cmocka_unit_test(an_emptied_map_gets_a_new_seed),
		cmocka_unit_test(chosen_keys_collide_once),
		cmocka_unit_test(no_multiplier_is_weak),
		cmocka_unit_test(both_halves_of_wide_keys_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
