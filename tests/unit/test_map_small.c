/* Compares small maps with a model, for each kind of key and of hooks, also during loops. Checks
 * the memory that they take. */
#include "test_map.h"

#include <tophash/map.h>

#define NUMBERS 24 /* keys: enough to leave small maps, and to return to them */

TOPHASH_MAP(numbers, uint64_t, uint64_t);
TOPHASH_MAP(halves, double, int);

struct heap {
	size_t held, largest;
	uint64_t state;
	unsigned one_in; /* one in this many fails; 0: none */
	size_t drops;
	bool written; /* the barrier was called */
};

static void *heap_alloc(size_t size, void *ctx)
{
	struct heap *heap = ctx;

	if (heap->one_in && test_random(&heap->state) % heap->one_in == 0)
		return NULL;
	heap->held += size;
	heap->largest = size > heap->largest ? size : heap->largest;
	return memset(malloc(size), 0xa5, size);
}

static void heap_free(void *p, size_t size, void *ctx)
{
	((struct heap *)ctx)->held -= size;
	memset(p, 0x5a, size);
	free(p);
}

static void drop(void *p, void *ctx)
{
	((struct heap *)ctx)->drops++;
}

static void barrier(void *slot, size_t size, enum tophash_write why, void *ctx)
{
	const uint8_t *at = slot;

	if (why == TOPHASH_WRITE_NEW || why == TOPHASH_WRITE_MOVE)
		for (size_t i = 0; i < size; i++)
			assert_int_equal(at[i], 0);
	((struct heap *)ctx)->written = true;
}

static uint64_t no_hash(const void *key)
{
	(void)key;
	return 1;
}

static bool same_number(const void *key, const void *other)
{
	return memcmp(key, other, 8) == 0;
}

static void make_text(uint32_t number, void *ret)
{
	static char texts[NUMBERS][8];
	const char *text = texts[number];

	snprintf(texts[number], sizeof(texts[number]), "key%u", number);
	memcpy(ret, &text, sizeof(text));
}

static void make_byte(uint32_t number, void *ret)
{
	*(uint8_t *)ret = (uint8_t)number;
}

static const struct kind kinds[] = {
	{"u64",
	 {.kind = TOPHASH_KIND_INT, .key_size = 8, .val_size = 8, .val_offset = 8, .slot_size = 16},
	 test_make_u64},
	{"byte",
	 {.kind = TOPHASH_KIND_INT, .key_size = 1, .val_size = 8, .val_offset = 1, .slot_size = 9},
	 make_byte},
	{"text",
	 {.kind = TOPHASH_KIND_CSTR,
	  .key_size = 8,
	  .val_size = 8,
	  .val_offset = 16,
	  .hash_offset = 8,
	  .slot_size = 24},
	 make_text},
	{"large",
	 {.kind = TOPHASH_KIND_INT,
	  .key_size = 8,
	  .val_size = 8,
	  .val_offset = 8,
	  .slot_size = 400},
	 test_make_u64},
	{"custom",
	 {.kind = TOPHASH_KIND_CUSTOM,
	  .key_size = 8,
	  .val_size = 8,
	  .val_offset = 8,
	  .slot_size = 16,
	  .hash = no_hash,
	  .equal = same_number},
	 test_make_u64},
};

/* A map, and an array with its expected elements. */
struct pair {
	struct tophash map;
	const struct kind *kind;
	struct heap heap;
	struct tophash_hooks hooks;
	uint64_t random;
	uint64_t want[NUMBERS]; /* 0: absent */
	size_t len;
};

static void put_some(struct pair *pair, uint32_t number)
{
	_Alignas(16) uint8_t key[16];
	uint64_t val = test_random(&pair->random) | 1;
	int ret;

	pair->kind->make(number, key);
	ret = test_put(&pair->map, &pair->kind->type, key, val);
	if (ret < 0) {
		assert_true(ret == -ENOMEM && pair->heap.one_in);
		return;
	}
	assert_int_equal(ret, !pair->want[number]);
	pair->len += !pair->want[number];
	pair->want[number] = val;
}

static void take_some(struct pair *pair, uint32_t number)
{
	_Alignas(16) uint8_t key[16];

	pair->kind->make(number, key);
	assert_int_equal(tophash_delete_key(&pair->map, &pair->kind->type, key),
			 pair->want[number] != 0);
	pair->len -= pair->want[number] != 0;
	pair->want[number] = 0;
}

static void hold(const struct pair *pair)
{
	_Alignas(16) uint8_t key[16];
	uint64_t val;

	assert_int_equal(tophash_check(&pair->map, 3), 0);
	assert_int_equal(pair->map.len, pair->len);
	for (uint32_t number = 0; number < NUMBERS; number++) {
		pair->kind->make(number, key);
		assert_int_equal(test_get(&pair->map, &pair->kind->type, key, &val),
				 pair->want[number] != 0);
		if (pair->want[number])
			assert_int_equal(val, pair->want[number]);
	}
}

/* Does a random operation. With `low`, few elements remain. */
static void change(struct pair *pair, bool low)
{
	uint32_t number = (uint32_t)(test_random(&pair->random) % NUMBERS);
	uint64_t what = test_random(&pair->random) % 100;

	if (what < (low ? 30 : 65)) {
		put_some(pair, number);
	} else if (what < 96) {
		take_some(pair, number);
	} else if (what == 96) {
		tophash_clear(&pair->map);
		memset(pair->want, 0, sizeof(pair->want));
		pair->len = 0;
	} else if (what == 97) {
		tophash_shrink(&pair->map);
	} else if (what == 98) {
		tophash_reserve(&pair->map, &pair->kind->type, number);
	} else {
		tophash_keep_room(&pair->map, number % 4 == 0);
	}
}

static uint32_t number_of(const struct pair *pair, const uint8_t *slot)
{
	_Alignas(16) uint8_t key[16];

	for (uint32_t number = 0; number < NUMBERS; number++) {
		pair->kind->make(number, key);
		if (memcmp(key, slot, pair->kind->type.key_size) == 0)
			return number;
	}
	fail_msg("%s: a key that was never put", pair->kind->name);
	return 0;
}

/* Loops over a map that changes during the loop. An element that is there all the time comes once.
 * No element comes twice, unless it was put again. Each element that comes is in the map. */
static void go_through(struct pair *pair, bool low)
{
	bool stayed[NUMBERS], put_again[NUMBERS] = {false};
	unsigned came[NUMBERS] = {0};
	struct tophash_iter iter;
	_Alignas(16) uint8_t kept[TOPHASH_KEPT(8) * 16];
	uint8_t *slot;

	for (uint32_t i = 0; i < NUMBERS; i++)
		stayed[i] = pair->want[i] != 0;
	tophash_iter_init(&iter, &pair->map, kept);
	while ((slot = tophash_iter_step(&iter, &pair->kind->type))) {
		uint32_t number = number_of(pair, slot);
		uint64_t before[NUMBERS];

		assert_true(pair->want[number] != 0);
		came[number]++;
		if (test_random(&pair->random) % 3)
			continue;
		memcpy(before, pair->want, sizeof(before));
		change(pair, low);
		for (uint32_t i = 0; i < NUMBERS; i++) {
			stayed[i] &= pair->want[i] != 0;
			put_again[i] |= !before[i] && pair->want[i];
		}
	}
	for (uint32_t i = 0; i < NUMBERS; i++) {
		assert_true(!stayed[i] || came[i] == 1);
		assert_true(came[i] <= 1 || put_again[i]);
	}
}

static void run_pair(const struct kind *kind, bool allocator, bool drops, bool barriers,
		     unsigned one_in, uint64_t seed)
{
	struct pair pair = {
		.kind = kind, .random = seed, .heap = {.state = seed, .one_in = one_in}};

	pair.hooks = (struct tophash_hooks){.size = sizeof(pair.hooks),
					    .ctx = &pair.heap,
					    .alloc = allocator ? heap_alloc : NULL,
					    .free = allocator ? heap_free : NULL,
					    .drop_key = drops ? drop : NULL,
					    .barrier = barriers ? barrier : NULL};
	if (allocator || drops)
		assert_int_equal(tophash_set_hooks(&pair.map, &pair.hooks), 0);
	for (unsigned i = 0; i < 3000; i++) {
		bool low = i / 150 % 2;

		change(&pair, low);
		if (i % 5 == 0)
			go_through(&pair, low);
		hold(&pair);
	}
	tophash_fini(&pair.map);
	assert_int_equal(pair.heap.held, 0);
	assert_true(!barriers || pair.heap.written);
}

TEST(against_a_model)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		for (uint64_t seed = 1; seed <= 4; seed++) {
			run_pair(&kinds[i], false, false, false, 0, seed);
			run_pair(&kinds[i], true, false, false, seed % 2 ? 3 : 0, seed);
			run_pair(&kinds[i], false, true, false, 0, seed);
			run_pair(&kinds[i], true, true, true, seed % 2 ? 0 : 4, seed);
		}
}

/* A map of n pairs of u64 takes one block of 1, 3, 8 or 15 slots and a tag word. */
TEST(bytes)
{
	struct heap heap = {0};
	struct tophash_hooks hooks = {
		.size = sizeof(hooks), .ctx = &heap, .alloc = heap_alloc, .free = heap_free};

	for (size_t n = 1; n <= 16; n++) {
		struct numbers m = {0};
		struct tophash_stats stats;
		size_t slots = n <= 1 ? 1 : n <= 3 ? 3 : n <= 8 ? 8 : 15;

		assert_int_equal(numbers_set_hooks(&m, &hooks), 0);
		for (uint64_t key = 0; key < n; key++)
			assert_int_equal(numbers_put(&m, key, key), 1);
		numbers_stats(&m, &stats);
		assert_int_equal(stats.bytes_held, heap.held);
		if (n < 16)
			assert_int_equal(heap.held, 16 + slots * 16);
		assert_int_equal(stats.slow[TOPHASH_SLOW_FIRST], 1);
		assert_int_equal(stats.buckets, n < 16 ? 1 : 2);
		numbers_fini(&m);
		assert_int_equal(heap.held, 0);
	}
}

static size_t held(const struct numbers *m)
{
	struct tophash_stats stats;

	numbers_stats(m, &stats);
	return stats.bytes_held;
}

/* Deletes lead back to one block, and only shrink() makes it shorter. With keep_room the memory is
 * kept. */
TEST(small_again)
{
	struct numbers m = {0};
	size_t full;

	for (uint64_t key = 0; key < 16; key++)
		numbers_put(&m, key, key);
	full = held(&m);
	assert_true(full > 256);
	numbers_keep_room(&m, true);
	for (uint64_t key = 0; key < 14; key++)
		numbers_delete(&m, key);
	assert_int_equal(held(&m), full);
	numbers_keep_room(&m, false);
	numbers_delete(&m, 14);
	numbers_delete(&m, 15);
	assert_true(held(&m) <= 256);
	numbers_put(&m, 1, 2);
	assert_int_equal(numbers_shrink(&m), 0);
	assert_int_equal(held(&m), 32);
	assert_int_equal(numbers_get(&m, 1), 2);
	assert_int_equal(numbers_check(&m, 3), 0);
	numbers_fini(&m);
}

/* Requested room is available at once, and is kept. */
TEST(reserved)
{
	struct numbers m = {0};

	assert_int_equal(numbers_init(&m, 5), 0);
	assert_int_equal(held(&m), 16 + 8 * 16);
	assert_int_equal(numbers_reserve(&m, 12), 0);
	assert_int_equal(held(&m), 256);
	numbers_put(&m, 1, 1);
	numbers_delete(&m, 1);
	assert_int_equal(held(&m), 256);
	numbers_put(&m, 1, 1);
	assert_int_equal(numbers_reserve(&m, 100), 0);
	assert_int_equal(numbers_get(&m, 1), 1);
	assert_true(held(&m) > 1600);
	numbers_fini(&m);
}

/* The count of the NaNs, which is in the core, is not lost. */
TEST(nan_stays_apart)
{
	struct halves m = {0};
	size_t n = 0;

	for (int i = 0; i < 30; i++) {
		assert_int_equal(halves_put(&m, __builtin_nan(""), i), 1);
		assert_int_equal(halves_put(&m, i, i), 1);
		halves_delete(&m, i);
		if (i % 5 == 0)
			assert_int_equal(halves_shrink(&m), 0);
	}
	TOPHASH_EACH(halves, it, &m)
		n++;
	assert_int_equal(n, 30);
	assert_int_equal(halves_check(&m, 3), 0);
	halves_fini(&m);
}

/* Each element is sometimes the first. */
TEST(order_is_random)
{
	struct numbers m = {0};
	unsigned first[8] = {0};

	for (uint64_t key = 0; key < 8; key++)
		numbers_put(&m, key, key);
	for (unsigned i = 0; i < 2000; i++)
		TOPHASH_EACH(numbers, it, &m) {
			first[it.key]++;
			break;
		}
	for (unsigned key = 0; key < 8; key++)
		assert_true(first[key] > 0);
	numbers_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_a_model), cmocka_unit_test(bytes),
		cmocka_unit_test(small_again),	   cmocka_unit_test(reserved),
		cmocka_unit_test(nan_stays_apart), cmocka_unit_test(order_is_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
