/* Tests of the promised bounds at every length: memory after deletes, the work of a move, and moves
 * that turn back. */
#include "test_map.h"

#define MEMORY_MAX 2.2 /* bytes held after deletes, relative to a fresh map of that length */
/* A map of up to 15 elements may have a core where a fresh one is small, and then two buckets
 * instead of one block. A block of more than a KiB holds at most 3 times as much as a fresh one
 * has. */
#define SMALL_MAX   1024
#define SMALL_RATIO 3.2

static void scattered(uint64_t number, void *ret)
{
	uint64_t key = test_random(&number);

	memcpy(ret, &key, sizeof(key));
}

/* Returns a type whose key has 8 bytes, or 2 if the slot is too small. */
static struct tophash_type type_of(uint32_t slot_size)
{
	uint32_t key_size = slot_size < 8 ? 2 : 8;

	return (struct tophash_type){.kind = TOPHASH_KIND_INT,
				     .key_size = key_size,
				     .val_size = slot_size - key_size,
				     .val_offset = key_size,
				     .slot_size = slot_size};
}

static void make_key(const struct tophash_type *type, uint64_t number, void *ret)
{
	if (type->key_size == 2)
		memcpy(ret, &(uint16_t){(uint16_t)number}, 2);
	else
		scattered(number, ret);
}

static void put(struct tophash *map, const struct tophash_type *type, uint64_t number)
{
	_Alignas(16) uint8_t key[16] = {0};
	int ret;

	make_key(type, number, key);
	assert_non_null(tophash_put_slot(map, type, key, &ret));
	assert_int_equal(ret, 1);
}

static void take(struct tophash *map, const struct tophash_type *type, uint64_t number)
{
	_Alignas(16) uint8_t key[16] = {0};

	make_key(type, number, key);
	assert_true(tophash_delete_key(map, type, key));
}

static struct tophash_stats stats_of(const struct tophash *map)
{
	struct tophash_stats ret;

	tophash_stats(map, &ret);
	return ret;
}

static size_t taken, largest; /* bytes */

static void *plain_alloc(size_t size, void *ctx)
{
	taken += size;
	largest = size > largest ? size : largest;
	return malloc(size);
}

static void plain_free(void *p, size_t size, void *ctx)
{
	free(p);
}

static const struct tophash_hooks plain = {
	.size = sizeof(plain), .alloc = plain_alloc, .free = plain_free};

/* Tells whether a length is tested: all small ones, those around each threshold, and some
 * between. */
static bool is_looked_at(size_t len)
{
	size_t least = len, step = 1;

	if (len < 500)
		return true;
	for (; least >= 26; least /= 2)
		step *= 2;
	/* Thresholds are at 13 to 26 times a power of 2. */
	return len % (step * 2) == 0 || (len - 13 * step) % (step * 13) < 8 ||
	       (least <= 14 && len % (step / 8 + 1) == 0);
}

/* Puts n elements and notes the memory at each length. Deletes them one by one, and compares the
 * memory at each length. */
static void memory_at_every_length(uint32_t slot_size, size_t n, const struct tophash_hooks *hooks)
{
	const struct tophash_type type = type_of(slot_size);
	size_t *fresh = calloc(n + 1, sizeof(*fresh)), len;
	struct tophash map = {0};
	double worst = 0;

	largest = 0;
	assert_non_null(fresh);
	assert_int_equal(tophash_set_hooks(&map, hooks), 0);
	for (len = 1; len <= n; len++) {
		put(&map, &type, len);
		if (is_looked_at(len))
			fresh[len] = stats_of(&map).bytes_held;
	}
	for (len = n; len > 1; len--) {
		double ratio;

		take(&map, &type, len);
		/* Only lengths up to a tenth of n are compared. */
		if (!fresh[len - 1] || (len - 1) * 10 > n)
			continue;
		ratio = ((double)stats_of(&map).bytes_held - SMALL_MAX) / (double)fresh[len - 1];
		if (len - 1 <= TOPHASH_SLOTS)
			ratio *= MEMORY_MAX / SMALL_RATIO;
		if (ratio > MEMORY_MAX)
			fail_msg(
				"slots of %u%s: %zu elements hold %.2f times as much as fresh ones",
				slot_size, hooks ? ", allocator" : "", len - 1, ratio);
		worst = ratio > worst ? ratio : worst;
	}
	print_message("slots of %u%s: at most %.2f\n", slot_size, hooks ? ", allocator" : "",
		      worst);
	/* No piece is larger than 64 KiB, except for buckets that are larger. */
	assert_true(largest <= 64 << 10 || slot_size * TOPHASH_SLOTS > 63 << 10);
	tophash_fini(&map);
	free(fresh);
}

TEST(memory_after_deletes)
{
	static const struct {
		uint32_t slot_size;
		size_t n;
	} runs[] = {{2, 60000},	  {8, 1000000},	 {16, 1000000}, {32, 300000}, {72, 100000},
		    {280, 30000}, {1024, 20000}, {4096, 6000},	{65536, 400}};

	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++) {
		memory_at_every_length(runs[i].slot_size, runs[i].n, NULL);
		memory_at_every_length(runs[i].slot_size, runs[i].n, &plain);
	}
}

/* ---- turning back --------------------------------------------------------------------------------- */

/* Deletes `width` elements and puts them again. */
static void swing(struct tophash *map, const struct tophash_type *type, size_t width)
{
	size_t len = map->len;

	for (size_t i = 0; i < width; i++)
		take(map, type, len - i);
	for (size_t i = width; i-- > 0;)
		put(map, type, len - i);
}

/* Checks swings by up to a quarter of the length. After the first swing, entries only move to fill
 * a hole, and no memory is taken except small chunks of the pool. */
static void small_swings_move_nothing(const struct tophash_type *type,
				      const struct tophash_hooks *hooks, size_t n)
{
	struct tophash map = {0};

	assert_int_equal(tophash_set_hooks(&map, hooks), 0);
	for (size_t len = 1; len <= n; len++) {
		put(&map, type, len);
		if (len > 300 && !is_looked_at(len))
			continue;
		for (size_t width = 1; width <= len / 4 + 1; width = width * 5 + 1) {
			struct tophash_stats before, after;
			size_t ops = 8 * 2 * width;

			swing(&map, type, width);
			before = stats_of(&map);
			taken = 0;
			for (unsigned i = 0; i < 8; i++)
				swing(&map, type, width);
			after = stats_of(&map);
			assert_int_equal(after.grows + after.shrinks,
					 before.grows + before.shrinks);
			if (before.old_buckets)
				continue;
			assert_true(after.moved - before.moved <= ops / 2);
			/* At most an overflow bucket for each put, as two buckets take. */
			if (taken > ops / 2 * (4 * type->slot_size + 16) + 512)
				fail_msg("%zu bytes taken for %zu operations at %zu elements",
					 taken, ops, len);
		}
	}
	tophash_fini(&map);
}

/* Swings from the length at which it grows to that at which it shrinks and back, over each
 * threshold. This is the worst case. Half of the room is moved on the way up, and 35 % on the way
 * down, for twice the 15 % between: 2.83 moves for each operation. */
static void large_swings_move_thrice(const struct tophash_type *type, size_t n)
{
	struct tophash map = {0};
	size_t next = 0;
	double worst = 0;

	while (next < n) {
		uint64_t grows = stats_of(&map).grows, moved = stats_of(&map).moved, ops = 0;
		double each;

		for (unsigned i = 0; i < 8; i++) {
			uint64_t shrinks;

			while (stats_of(&map).grows == grows)
				put(&map, type, next++), ops++;
			shrinks = stats_of(&map).shrinks;
			while (stats_of(&map).shrinks == shrinks && map.len > 7)
				take(&map, type, --next), ops++;
			grows = stats_of(&map).grows;
		}
		each = (double)(stats_of(&map).moved - moved) / (double)ops;
		worst = each > worst ? each : worst;
		while (stats_of(&map).grows < grows + 2 && next < n)
			put(&map, type, next++);
	}
	print_message("slots of %u: at most %.2f moved an operation\n", type->slot_size, worst);
	assert_true(worst > 1 && worst < 2.84);
	tophash_fini(&map);
}

TEST(hysteresis)
{
	static const uint32_t sizes[] = {16, 72, 1024};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		const struct tophash_type type = type_of(sizes[i]);

		small_swings_move_nothing(&type, NULL, 2000);
		small_swings_move_nothing(&type, &plain, 2000);
		large_swings_move_thrice(&type, 2000);
	}
}

/* ---- the most that one operation moves ------------------------------------------------------------- */

static uint64_t own_hash(const void *key)
{
	uint64_t ret;

	memcpy(&ret, key, sizeof(ret));
	return ret;
}

static bool own_equal(const void *key, const void *other)
{
	return memcmp(key, other, sizeof(uint64_t)) == 0;
}

#define FULL	19	    /* entries that fill a home and one overflow bucket */
#define MERGED	32	    /* buckets that one delete merges */
#define OTHER	200	    /* one that is merged later */
#define FILLERS (13 * 1024) /* in buckets from there on */

/* Finds a new key for one of 1024 buckets: below a limit, or from OTHER + 1 on. */
static uint64_t key_for(const struct tophash *map, uint64_t *state, unsigned *full)
{
	for (;;) {
		uint64_t key = test_random(state);
		uint64_t bucket = tophash_mix(key, map->seed, map->mult) >> 22;

		if (bucket > OTHER && !full)
			return key;
		if ((bucket < MERGED || bucket == OTHER) && full && full[bucket] < FULL) {
			full[bucket]++;
			return key;
		}
	}
}

/* All buckets that the first share of a shrink merges are as full as possible, and the delete that
 * begins it also fills a hole. */
TEST(nothing_moves_more_than_is_promised)
{
	static const struct tophash_type type = {.kind = TOPHASH_KIND_CUSTOM,
						 .key_size = 8,
						 .val_size = 8,
						 .val_offset = 8,
						 .slot_size = 16,
						 .hash = own_hash,
						 .equal = own_equal};
	static uint64_t fillers[FILLERS];
	unsigned full[OTHER + 1] = {0};
	struct tophash map = {0};
	uint64_t random = 1, other = 0, before, key;
	size_t n = 0;

	assert_int_equal(tophash_reserve(&map, &type, 13 * 1024), 0);
	for (unsigned i = 0; i < (MERGED + 1) * FULL; i++) {
		key = key_for(&map, &random, full);
		if (tophash_mix(key, map.seed, map.mult) >> 22 == OTHER && !other)
			other = key;
		assert_int_equal(test_put(&map, &type, &key, 1), 1);
	}
	/* It does not shrink until half of the room has been used. */
	while (map.shrink_at <= 1 || n < 3000) {
		fillers[n] = key_for(&map, &random, NULL);
		assert_int_equal(test_put(&map, &type, &fillers[n++], 1), 1);
	}
	while (map.len > map.shrink_at)
		assert_true(tophash_delete_key(&map, &type, &fillers[--n]));
	before = stats_of(&map).moved;
	assert_int_equal(stats_of(&map).old_buckets, 0);
	assert_true(tophash_delete_key(&map, &type, &other));
	assert_int_equal(stats_of(&map).old_buckets, 1024);
	assert_int_equal(stats_of(&map).moved - before, TOPHASH_MOVES_MAX);
	assert_int_equal(tophash_check(&map, 3), 0);
	tophash_fini(&map);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_after_deletes),
		cmocka_unit_test(hysteresis),
		cmocka_unit_test(nothing_moves_more_than_is_promised),
	};

	/* All tests depend on chance. Therefore the seed is the same in each run. */
	if (tophash_debug(argc > 1 ? argv[1] : "seed=1") != 0)
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
