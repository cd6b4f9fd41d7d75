/* Compares the map with a plain array, for each kind of key. Random puts, deletes and lookups
 * make the map grow, shrink and move. */
#include "test_map.h"

static char strings[KEYS][24];

static void make_u8(uint32_t number, void *ret)
{
	*(uint8_t *)ret = (uint8_t)number;
}

static void make_u32(uint32_t number, void *ret)
{
	memcpy(ret, &number, sizeof(number));
}

static void make_u128(uint32_t number, void *ret)
{
	uint64_t key[2] = {number % 7, number / 7};

	memcpy(ret, key, sizeof(key));
}

static void make_double(uint32_t number, void *ret)
{
	double key = (number - 3000.0) / 8;

	memcpy(ret, &key, sizeof(key));
}

static void make_cstr(uint32_t number, void *ret)
{
	const char *key = strings[number];

	memcpy(ret, &key, sizeof(key));
}

static void make_str(uint32_t number, void *ret)
{
	struct tophash_str key = {strings[number], strlen(strings[number])};

	memcpy(ret, &key, sizeof(key));
}

static void make_bytes(uint32_t number, void *ret)
{
	uint32_t key[5] = {1, number, 2, ~number, 3};

	memcpy(ret, key, sizeof(key));
}

static uint64_t weak_hash(const void *key)
{
	uint32_t number;

	memcpy(&number, key, sizeof(number));
	return number % 16;
}

static uint64_t good_hash(const void *key)
{
	uint64_t state = 0;

	memcpy(&state, key, sizeof(uint32_t));
	return test_random(&state);
}

static bool same_number(const void *key, const void *other)
{
	return memcmp(key, other, sizeof(uint32_t)) == 0;
}

#define TYPE(KIND, KEY, VAL_AT, HASH_AT, SLOT)                                                     \
	{                                                                                          \
		.kind = TOPHASH_KIND_##KIND, .key_size = KEY, .val_size = 8, .val_offset = VAL_AT, \
		.hash_offset = HASH_AT, .slot_size = SLOT                                          \
	}

static const struct kind kinds[] = {
	{"u8", TYPE(INT, 1, 8, 0, 16), make_u8},
	{"u32", TYPE(INT, 4, 8, 0, 16), make_u32},
	{"u64", TYPE(INT, 8, 8, 0, 16), test_make_u64},
	{"u128", TYPE(INT, 16, 16, 0, 32), make_u128},
	{"double", TYPE(FLOAT, 8, 8, 0, 16), make_double},
	{"cstr", TYPE(CSTR, 8, 16, 8, 24), make_cstr},
	{"str", TYPE(STR, 16, 24, 16, 32), make_str},
	{"bytes", TYPE(BYTES, 20, 24, 0, 32), make_bytes},
	{"custom, 16 hashes",
	 {.kind = TOPHASH_KIND_CUSTOM,
	  .key_size = 4,
	  .val_size = 8,
	  .val_offset = 8,
	  .slot_size = 16,
	  .hash = weak_hash,
	  .equal = same_number},
	 make_u32},
	{"mixed",
	 {.kind = TOPHASH_KIND_MIXED,
	  .key_size = 4,
	  .val_size = 8,
	  .val_offset = 8,
	  .slot_size = 16,
	  .hash = good_hash,
	  .equal = same_number},
	 make_u32},
};

static uint32_t keys_of(const struct kind *kind)
{
	if (kind->type.key_size == 1)
		return 256;
	return kind->type.kind == TOPHASH_KIND_CUSTOM ? 600 : KEYS;
}

/* Checks that the map has each key of the reference, and no other. */
static void check_all(const struct kind *kind, const struct tophash *map, const uint64_t *want)
{
	_Alignas(16) uint8_t key[32];
	size_t len = 0;
	uint64_t val = 0;

	for (uint32_t i = 0; i < keys_of(kind); i++) {
		kind->make(i, key);
		assert_int_equal(test_get(map, &kind->type, key, &val), want[i] != 0);
		if (want[i])
			assert_int_equal(val, want[i]);
		len += want[i] != 0;
	}
	assert_int_equal(map->len, len);
}

/* Runs rounds of operations. Within each, puts become more frequent, so that the length goes up and
 * down. */
static void run_random(const struct kind *kind, uint64_t seed, size_t rounds, size_t ops)
{
	static uint64_t want[KEYS];
	_Alignas(16) uint8_t key[32];
	struct tophash map = {0};
	uint64_t state = seed;

	memset(want, 0, sizeof(want));
	for (size_t round = 0; round < rounds; round++) {
		unsigned puts = (unsigned)(test_random(&state) % 101);

		for (size_t i = 0; i < ops; i++) {
			uint64_t random = test_random(&state);
			uint32_t number = (uint32_t)(random >> 32) % keys_of(kind);

			kind->make(number, key);
			if (random % 101 < puts) {
				assert_int_equal(test_put(&map, &kind->type, key, random | 1),
						 want[number] == 0);
				want[number] = random | 1;
			} else {
				assert_int_equal(tophash_delete_key(&map, &kind->type, key),
						 want[number] != 0);
				want[number] = 0;
			}
		}
		check_all(kind, &map, want);
	}
	tophash_fini(&map);
	assert_int_equal(map.len, 0);
}

TEST(against_reference)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		for (uint64_t seed = 1; seed <= 3; seed++)
			run_random(&kinds[i], seed, 20, keys_of(&kinds[i]) * 3);
}

/* Grows to a length and shrinks to nothing. Each power of two looks up every key. */
TEST(up_and_down)
{
	struct tophash map = {0};
	const uint64_t n = 200000;
	struct tophash_stats stats;
	uint64_t key, val = 0;

	for (key = 0; key < n; key++)
		assert_int_equal(test_put(&map, &test_u64, &key, key * 3), 1);
	for (key = 0; key < n; key++) {
		assert_true(test_get(&map, &test_u64, &key, &val));
		assert_int_equal(val, key * 3);
	}
	for (key = 0; key < n; key++) {
		assert_true(tophash_delete_key(&map, &test_u64, &key));
		assert_false(tophash_delete_key(&map, &test_u64, &key));
		assert_int_equal(map.len, n - key - 1);
		if (map.len == 16) /* the counters go when the map is small again */
			tophash_stats(&map, &stats);
	}
	assert_true(stats.grows >= 14 && stats.shrinks >= 13);
	assert_int_equal(stats.overflow, 0);
	assert_true(stats.bytes_held < 4096);
	tophash_stats(&map, &stats);
	assert_int_equal(stats.grows, 0);
	assert_true(stats.bytes_held <= 256);
	tophash_fini(&map);
}

TEST(null_and_zero_maps_are_empty)
{
	struct tophash map = {0};
	uint64_t key = 1, val = 0;
	struct tophash_stats stats;

	assert_false(test_get(NULL, &test_u64, &key, &val));
	assert_false(test_get(&map, &test_u64, &key, &val));
	assert_false(tophash_delete_key(NULL, &test_u64, &key));
	assert_false(tophash_delete_key(&map, &test_u64, &key));
	tophash_clear(NULL);
	tophash_clear(&map);
	tophash_stats(&map, &stats);
	assert_int_equal(stats.bytes_held, 0);
	assert_int_equal(tophash_shrink(&map), 0);
	tophash_fini(NULL);
	tophash_fini(&map);
}

TEST(floats_are_gos)
{
	const struct tophash_type *type = &kinds[4].type;
	struct tophash map = {0};
	double zero = 0.0, minus = -0.0, nan = __builtin_nan("");
	uint64_t val = 0;

	assert_int_equal(test_put(&map, type, &zero, 1), 1);
	assert_int_equal(test_put(&map, type, &minus, 2), 0);
	assert_true(test_get(&map, type, &zero, &val));
	assert_int_equal(val, 2);
	/* Every NaN is an entry of its own. No lookup finds it, and only clear removes it. */
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(test_put(&map, type, &nan, i), 1);
	assert_int_equal(map.len, 1001);
	assert_false(test_get(&map, type, &nan, &val));
	assert_false(tophash_delete_key(&map, type, &nan));
	assert_true(tophash_delete_key(&map, type, &minus));
	assert_int_equal(map.len, 1000);
	tophash_clear(&map);
	assert_int_equal(map.len, 0);
	tophash_fini(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_reference),
		cmocka_unit_test(up_and_down),
		cmocka_unit_test(null_and_zero_maps_are_empty),
		cmocka_unit_test(floats_are_gos),
	};

	for (unsigned i = 0; i < KEYS; i++)
		snprintf(strings[i], sizeof(strings[i]), "%.*s%u", (int)(i % 15), "key:key:key:key",
			 i);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
