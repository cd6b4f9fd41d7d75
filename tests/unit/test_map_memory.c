/* Tests of the memory that the map takes and gives back: failing allocators, hooks that count,
 * bounded work. */
#include <tophash/map.h>

#include "test_map.h"

struct heap {
	size_t held;	/* bytes outstanding */
	size_t largest; /* of one allocation */
	uint64_t state;
	unsigned one_in;   /* one of so many fails; 0: none */
	size_t keys, vals; /* dropped */
};

static void *heap_alloc(size_t size, void *ctx)
{
	struct heap *heap = ctx;
	size_t *p;

	if (heap->one_in && test_random(&heap->state) % heap->one_in == 0)
		return NULL;
	p = malloc(size + 16);
	assert_non_null(p);
	*p = size;
	heap->held += size;
	heap->largest = size > heap->largest ? size : heap->largest;
	return p + 2;
}

static void heap_free(void *p, size_t size, void *ctx)
{
	struct heap *heap = ctx;

	assert_int_equal(((size_t *)p)[-2], size);
	heap->held -= size;
	free((size_t *)p - 2);
}

static void count_key(void *key, void *ctx)
{
	((struct heap *)ctx)->keys++;
}

static void count_val(void *val, void *ctx)
{
	((struct heap *)ctx)->vals++;
}

static struct tophash_hooks hooks_of(struct heap *heap)
{
	return (struct tophash_hooks){.size = sizeof(struct tophash_hooks),
				      .ctx = heap,
				      .alloc = heap_alloc,
				      .free = heap_free};
}

static size_t held(const struct tophash *map)
{
	struct tophash_stats stats;

	tophash_stats(map, &stats);
	return stats.bytes_held;
}

/* A put that fails leaves the map unchanged, a delete never fails, and nothing leaks. */
TEST(failing_allocator)
{
	static uint64_t want[KEYS];
	size_t failures = 0;

	for (unsigned one_in = 2; one_in <= 64; one_in *= 2) {
		struct heap heap = {.state = one_in, .one_in = one_in};
		struct tophash_hooks hooks = hooks_of(&heap);
		struct tophash map = {0};
		uint64_t random = one_in, key, val = 0;

		memset(want, 0, sizeof(want));
		assert_int_equal(tophash_set_hooks(&map, &hooks), 0);
		for (unsigned i = 0; i < 200000; i++) {
			uint64_t x = test_random(&random);
			uint32_t number = (uint32_t)(x >> 32) % KEYS;
			size_t len = map.len;

			test_make_u64(number, &key);
			if (x % 100 < (i / 20000 % 2 ? 30 : 70)) {
				int ret = test_put(&map, &test_u64, &key, x | 1);

				if (ret < 0) {
					assert_int_equal(ret, -ENOMEM);
					assert_int_equal(map.len, len);
					failures++;
				} else {
					assert_int_equal(ret, want[number] == 0);
					want[number] = x | 1;
				}
			} else {
				assert_int_equal(tophash_delete_key(&map, &test_u64, &key),
						 want[number] != 0);
				want[number] = 0;
			}
		}
		for (uint32_t i = 0; i < KEYS; i++) {
			test_make_u64(i, &key);
			assert_int_equal(test_get(&map, &test_u64, &key, &val), want[i] != 0);
			if (want[i])
				assert_int_equal(val, want[i]);
		}
		tophash_fini(&map);
		assert_int_equal(heap.held, 0);
	}
	assert_true(failures > 0);
}

TEST(pieces_are_small_and_come_back)
{
	struct heap heap = {0};
	struct tophash_hooks hooks = hooks_of(&heap);
	struct tophash map = {0};
	size_t full;

	tophash_set_hooks(&map, &hooks);
	for (uint64_t key = 0; key < 300000; key++)
		test_put(&map, &test_u64, &key, key);
	assert_true(heap.largest <= 64 << 10);
	full = heap.held;
	for (uint64_t key = 0; key < 290000; key++)
		assert_true(tophash_delete_key(&map, &test_u64, &key));
	assert_true(heap.held < full / 10);
	tophash_fini(&map);
	assert_int_equal(heap.held, 0);
}

/* Returns the most that one delete gives back while all entries are deleted. */
static size_t most_given_back(struct heap *heap, struct tophash *map,
			      const struct tophash_type *type, uint64_t n)
{
	uint64_t key[2] = {0}; /* as large as the largest key of this type */
	size_t most = 0;

	for (; key[0] < n; key[0]++) {
		size_t before = heap->held;

		assert_true(tophash_delete_key(map, type, key));
		if (before > heap->held && before - heap->held > most)
			most = before - heap->held;
	}
	return most;
}

/* The end of a shrink, and of a growth for which there is no memory, are postponed, but not
 * forever. */
TEST(what_was_put_off_is_done_by_shrink)
{
	struct heap heap = {0};
	struct tophash_hooks hooks = hooks_of(&heap);
	struct tophash map = {0}, fresh = {0};
	struct tophash_stats stats, before;
	uint64_t key;

	tophash_set_hooks(&map, &hooks);
	for (key = 0; key < 700; key++)
		assert_int_equal(test_put(&map, &test_u64, &key, key), 1);
	heap.one_in = 1; /* always */
	tophash_stats(&map, &stats);
	do {
		before = stats;
		key--;
		assert_true(tophash_delete_key(&map, &test_u64, &key));
		tophash_stats(&map, &stats);
	} while (stats.shrinks == 0 || stats.old_buckets);
	/* Compares with the delete before. Earlier steps may have been put off for another reason:
	 * a merged bucket could have overflowed. */
	assert_int_equal(stats.put_off, before.put_off + 1);
	heap.one_in = 0;
	while (map.len < map.grow_at)
		assert_int_equal(test_put(&map, &test_u64, &(uint64_t){key++}, 1), 1);
	heap.one_in = 1;
	assert_int_equal(tophash_shrink(&map), -ENOMEM);
	heap.one_in = 0;
	assert_int_equal(tophash_clone(&map, &fresh), 0);
	assert_true(held(&map) > held(&fresh) + held(&fresh) / 2);
	assert_int_equal(tophash_shrink(&map), 0);
	assert_true(held(&map) < held(&fresh) + held(&fresh) / 4);
	assert_int_equal(tophash_check(&map, 3), 0);
	tophash_fini(&map);
	tophash_fini(&fresh);
	assert_int_equal(heap.held, 0);
}

/* A growth without memory is not tried again at every put. */
TEST(growth_is_put_off_for_a_while)
{
	struct heap heap = {0};
	struct tophash_hooks hooks = hooks_of(&heap);
	struct tophash map = {0};
	struct tophash_stats stats;
	uint64_t key = 0, new = 0;

	tophash_set_hooks(&map, &hooks);
	while (map.len < 13 * 64)
		assert_int_equal(test_put(&map, &test_u64, &(uint64_t){key++}, 1), 1);
	heap.one_in = 1;
	for (unsigned i = 0; i < 1000; i++, key++)
		new += test_put(&map, &test_u64, &key, 1) == 1;
	tophash_stats(&map, &stats);
	assert_true(new > 13 * 64 / 16);
	assert_true(stats.put_off > 0 && stats.put_off < 10);
	heap.one_in = 0;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(test_put(&map, &test_u64, &(uint64_t){key++}, 1), 1);
	tophash_stats(&map, &stats);
	assert_true(stats.buckets == 128);
	tophash_fini(&map);
	assert_int_equal(heap.held, 0);
}

/* In the middle of a shrink, pieces have been given back. They must not be read, dropped, copied or
 * cleared. */
TEST(holes_of_a_shrink_are_left_alone)
{
	for (unsigned how = 0; how < 3; how++) {
		struct heap heap = {0};
		struct tophash_hooks hooks = hooks_of(&heap), drops = hooks;
		struct tophash map = {0}, copy = {0};
		struct tophash_stats stats;
		uint64_t key, n = 200000;

		drops.drop_key = count_key;
		tophash_set_hooks(&map, how ? &drops : &hooks);
		for (key = 0; key < n; key++)
			test_put(&map, &test_u64, &key, key);
		while (map.len >= map.shrink_at) {
			n--;
			assert_true(tophash_delete_key(&map, &test_u64, &n));
		}
		do {
			n--;
			assert_true(tophash_delete_key(&map, &test_u64, &n));
			tophash_stats(&map, &stats);
		} while (stats.evacuated * 4 < stats.old_buckets * 3);
		assert_true(stats.old_buckets > 0);
		assert_int_equal(tophash_check(&map, 3), 0);
		heap.keys = 0;
		if (how == 0) {
			assert_int_equal(tophash_clone(&map, &copy), 0);
			assert_int_equal(copy.len, n);
			assert_int_equal(tophash_check(&copy, 3), 0);
			tophash_fini(&copy);
		}
		if (how == 1) {
			tophash_keep_room(&map, true);
			tophash_clear(&map);
			assert_int_equal(tophash_check(&map, 3), 0);
			assert_int_equal(heap.keys, n);
		}
		tophash_fini(&map);
		assert_int_equal(heap.keys, how ? n : 0);
		assert_int_equal(heap.held, 0);
	}
}

/* Buckets larger than a piece are given back one by one, not all at the end. */
TEST(large_buckets_come_back_one_by_one)
{
	static const struct tophash_type type = {.kind = TOPHASH_KIND_INT,
						 .key_size = 8,
						 .val_size = 8184,
						 .val_offset = 8,
						 .slot_size = 8192};
	struct heap heap = {0};
	struct tophash_hooks hooks = hooks_of(&heap);
	struct tophash map = {0};
	int ret;

	tophash_set_hooks(&map, &hooks);
	for (uint64_t key = 0; key < 1000; key++)
		assert_non_null(tophash_put_slot(&map, &type, &key, &ret));
	assert_true(most_given_back(&heap, &map, &type, 1000) < 6 * TOPHASH_SLOTS * 8192);
	tophash_fini(&map);
	assert_int_equal(heap.held, 0);
}

/* Huge pages concern only mappings of the kernel. With an allocator nothing changes. */
TEST(huge_pages_are_nothing_to_an_allocator)
{
	size_t most[2];

	for (unsigned huge = 0; huge < 2; huge++) {
		struct heap heap = {0};
		struct tophash_hooks hooks = hooks_of(&heap);
		struct tophash map = {0};

		tophash_set_hooks(&map, &hooks);
		tophash_huge_pages(&map, huge);
		for (uint64_t key = 0; key < 300000; key++)
			test_put(&map, &test_u64, &key, key);
		most[huge] = most_given_back(&heap, &map, &test_u64, 300000);
		tophash_fini(&map);
		assert_int_equal(heap.held, 0);
	}
	assert_true(most[1] < 4 * (64 << 10) && most[1] <= 2 * most[0]);
}

TEST(drops_run_once)
{
	struct heap heap = {0};
	struct tophash_hooks hooks = hooks_of(&heap);
	struct tophash map = {0};

	hooks.drop_key = count_key;
	hooks.drop_val = count_val;
	tophash_set_hooks(&map, &hooks);
	for (uint64_t key = 0; key < 5000; key++)
		test_put(&map, &test_u64, &key, key);
	assert_int_equal(heap.keys + heap.vals, 0);
	for (uint64_t key = 0; key < 1000; key++)
		test_put(&map, &test_u64, &key, key);
	assert_int_equal(heap.keys, 1000);
	assert_int_equal(heap.vals, 1000);
	for (uint64_t key = 0; key < 3000; key++)
		tophash_delete_key(&map, &test_u64, &key);
	assert_int_equal(heap.keys, 4000);
	tophash_clear(&map);
	assert_int_equal(heap.keys, 6000);
	assert_int_equal(heap.vals, 6000);
	tophash_fini(&map);
	assert_int_equal(heap.keys, 6000);
	assert_int_equal(heap.held, 0);
}

static void free_text(void *key, void *ctx)
{
	char *text;

	memcpy(&text, key, sizeof(text));
	free(text);
	++*(unsigned *)ctx;
}

TOPHASH_MAP(owned, char *, int);
TOPHASH_MAP(slices, struct tophash_str, int);

/* A put of the key that the map holds, as a loop shows it, drops nothing. */
TEST(a_key_that_stays_is_not_dropped)
{
	unsigned drops = 0;
	struct tophash_hooks hooks = {.size = sizeof(hooks), .ctx = &drops, .drop_key = free_text};
	struct owned m = {0};
	struct slices s = {0};

	assert_int_equal(owned_set_hooks(&m, &hooks), 0);
	assert_int_equal(slices_set_hooks(&s, &hooks), 0);
	assert_int_equal(owned_put(&m, strdup("ada"), 36), 1);
	assert_int_equal(slices_put(&s, (struct tophash_str){strdup("ada"), 3}, 36), 1);
	TOPHASH_EACH(owned, it, &m) {
		assert_int_equal(owned_put(&m, it.key, it.val + 1), 0);
		++*owned_slot(&m, it.key);
	}
	TOPHASH_EACH(slices, it, &s)
		assert_int_equal(slices_put(&s, it.key, it.val + 2), 0);
	assert_int_equal(drops, 0);
	assert_int_equal(owned_get(&m, "ada"), 38);
	assert_int_equal(slices_get(&s, (struct tophash_str){"ada", 3}), 38);
	assert_int_equal(owned_put(&m, strdup("ada"), 1), 0);
	assert_int_equal(drops, 1);
	owned_fini(&m);
	slices_fini(&s);
	assert_int_equal(drops, 3);
}

static void scattered(uint64_t number, uint64_t *ret)
{
	*ret = test_random(&number);
}

static void put_scattered(struct tophash *map, uint64_t n)
{
	uint64_t key;

	for (uint64_t i = 0; i < n; i++) {
		scattered(i, &key);
		test_put(map, &test_u64, &key, i);
	}
}

/* Entries are deleted one by one, down to a tenth. The map then holds at most 2.2 times the bytes
 * of a fresh map of that length. After shrink it holds the same as a fresh one, except for chance
 * in the overflow. */
TEST(memory_after_deletes)
{
	static const uint64_t sizes[] = {1000, 3000, 12345, 70000, 100000, 140000, 300000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct tophash map = {0}, fresh = {0};
		uint64_t n = sizes[i], key;

		put_scattered(&map, n);
		for (uint64_t j = n / 10; j < n; j++) {
			scattered(j, &key);
			assert_true(tophash_delete_key(&map, &test_u64, &key));
		}
		put_scattered(&fresh, n / 10);
		tophash_step(&fresh, UINT32_MAX);
		assert_true((double)held(&map) <= 2.2 * (double)held(&fresh));
		assert_int_equal(tophash_shrink(&map), 0);
		assert_true(held(&map) <= held(&fresh) + held(&fresh) / 8 + 1024);
		tophash_fini(&map);
		tophash_fini(&fresh);
	}
}

static uint64_t moved(const struct tophash *map)
{
	struct tophash_stats stats;

	tophash_stats(map, &stats);
	return stats.moved;
}

/* No put or delete moves more than the homes of two buckets. A move ends before the next one must
 * begin. */
TEST(moving_is_bounded)
{
	struct tophash map = {0};
	uint64_t before = 0, after, most = 0;

	for (uint64_t key = 0; key < 8000; key++) {
		test_put(&map, &test_u64, &key, key);
		after = moved(&map);
		most = after - before > most ? after - before : most;
		before = after;
	}
	for (uint64_t key = 0; key < 8000; key++) {
		tophash_delete_key(&map, &test_u64, &key);
		after = moved(&map); /* the counter begins anew with a small map */
		most = after > before && after - before > most ? after - before : most;
		before = after;
	}
	assert_true(most > TOPHASH_SLOTS && most <= TOPHASH_MOVES_MAX);
	tophash_fini(&map);
}

static struct tophash_stats put_next(struct tophash *map, uint64_t *next)
{
	struct tophash_stats ret;
	uint64_t key;

	scattered((*next)++, &key);
	test_put(map, &test_u64, &key, *next);
	tophash_stats(map, &ret);
	return ret;
}

/* A put that ends a move that had waited for long, and begins the next one, has moved its share. */
TEST(put_moves_one_share)
{
	struct tophash map = {0};
	struct tophash_stats stats = {0};
	uint64_t next = 0, grew;

	while (stats.buckets < 64 || stats.old_buckets)
		stats = put_next(&map, &next);
	assert_int_equal(tophash_debug("evacuate=manual"), 0);
	while (map.len <= 13 * 64 * 2)
		stats = put_next(&map, &next);
	assert_int_equal(stats.old_buckets, 64);
	while (stats.evacuated + 1 < stats.old_buckets) {
		tophash_step(&map, 1);
		tophash_stats(&map, &stats);
	}
	assert_int_equal(tophash_debug(NULL), 0);
	for (grew = stats.grows; stats.grows == grew;)
		stats = put_next(&map, &next);
	assert_int_equal(stats.old_buckets, 128);
	assert_int_equal(stats.evacuated, 0);
	tophash_fini(&map);
}

/* Goes back and forth over every threshold, without thrashing. */
TEST(room_is_kept_when_told)
{
	struct tophash map = {0};
	struct tophash_stats stats;
	size_t full;
	uint64_t key;

	tophash_keep_room(NULL, true);
	tophash_keep_room(&map, true);
	for (unsigned round = 0; round < 3; round++) {
		put_scattered(&map, 5000);
		tophash_step(&map, UINT32_MAX);
		full = map.grow_at;
		for (uint64_t i = 0; i < 5000; i++) {
			scattered(i, &key);
			assert_true(tophash_delete_key(&map, &test_u64, &key));
		}
		assert_int_equal(map.grow_at, full);
		tophash_clear(&map);
		assert_int_equal(map.grow_at, full);
	}
	tophash_stats(&map, &stats);
	assert_int_equal(stats.shrinks, 0);
	/* From the next delete on it shrinks again. */
	tophash_keep_room(&map, false);
	key = 1;
	test_put(&map, &test_u64, &key, 1);
	assert_true(tophash_delete_key(&map, &test_u64, &key));
	tophash_stats(&map, &stats);
	assert_true(stats.shrinks > 0);
	tophash_fini(&map);
}

static size_t overflow(const struct tophash *map)
{
	struct tophash_stats stats;

	tophash_stats(map, &stats);
	return stats.overflow;
}

/* Replacing all elements of a map leaves no more chains than there were: a map does not age. */
TEST(churn_leaves_no_chains)
{
	struct tophash map = {0};
	uint64_t next = 0, key;
	size_t fresh, moved_once;

	for (; next < 12 * 1024; next++) {
		scattered(next, &key);
		test_put(&map, &test_u64, &key, next);
	}
	tophash_step(&map, UINT32_MAX);
	fresh = overflow(&map);
	moved_once = moved(&map);
	for (uint64_t first = 0; first < 100000; first++, next++) {
		scattered(first, &key);
		assert_true(tophash_delete_key(&map, &test_u64, &key));
		scattered(next, &key);
		assert_int_equal(test_put(&map, &test_u64, &key, next), 1);
	}
	assert_true(fresh > 100 && overflow(&map) < fresh + fresh / 2);
	assert_true(moved(&map) - moved_once < 100000 / 4);
	assert_int_equal(tophash_check(&map, 3), 0);
	tophash_fini(&map);
}

TEST(moving_has_hysteresis)
{
	struct tophash map = {0};
	uint64_t key, ops = 0;

	for (uint64_t n = 8; n < 2000; n++) {
		for (key = map.len; key < n; key++, ops++)
			test_put(&map, &test_u64, &key, key);
		for (unsigned i = 0; i < 20; i++, ops += 8) {
			for (key = n - 4; key < n; key++)
				tophash_delete_key(&map, &test_u64, &key);
			for (key = n - 4; key < n; key++)
				test_put(&map, &test_u64, &key, key);
		}
	}
	assert_true(moved(&map) < ops / 10);
	tophash_fini(&map);
}

TEST(reserved_room_is_kept_until_used)
{
	struct tophash map;
	uint64_t key;
	size_t room;

	assert_int_equal(tophash_init(&map, &test_u64, 10000), 0);
	room = held(&map);
	for (key = 0; key < 100; key++)
		test_put(&map, &test_u64, &key, key);
	for (key = 0; key < 90; key++)
		tophash_delete_key(&map, &test_u64, &key);
	assert_int_equal(held(&map), room);
	for (key = 0; key < 10000; key++)
		test_put(&map, &test_u64, &key, key);
	for (key = 0; key < 9990; key++)
		tophash_delete_key(&map, &test_u64, &key);
	assert_true(held(&map) < room / 10);
	tophash_fini(&map);
	assert_int_equal(tophash_init(&map, &test_u64, SIZE_MAX), -EOVERFLOW);
}

static uint64_t grows(const struct tophash *map)
{
	struct tophash_stats stats;

	tophash_stats(map, &stats);
	return stats.grows;
}

/* Room that a map has stays, and puts up to that length neither grow nor move it. */
TEST(reserve_makes_room)
{
	for (uint64_t had = 0; had < 3000; had = had * 2 + 1) {
		struct tophash map = {0};
		struct tophash_stats stats;
		uint64_t key, val;

		for (key = 0; key < had; key++)
			assert_int_equal(test_put(&map, &test_u64, &key, key), 1);
		assert_int_equal(tophash_reserve(&map, &test_u64, 0), 0);
		assert_int_equal(tophash_reserve(&map, &test_u64, 10000), 0);
		tophash_stats(&map, &stats);
		assert_true(stats.slots >= 10000);
		assert_int_equal(stats.old_buckets, 0);
		for (; key < 10000; key++)
			assert_int_equal(test_put(&map, &test_u64, &key, key), 1);
		assert_int_equal(grows(&map), stats.grows);
		assert_int_equal(moved(&map), stats.moved);
		while (key-- > 0) {
			assert_true(test_get(&map, &test_u64, &key, &val));
			assert_int_equal(val, key);
		}
		assert_int_equal(tophash_reserve(&map, &test_u64, SIZE_MAX), -EOVERFLOW);
		assert_int_equal(tophash_check(&map, 3), 0);
		tophash_fini(&map);
	}
}

/* The same holds for room that was there when it was asked for. Asking for little does not keep
 * much. */
TEST(reserved_room_need_not_be_new)
{
	struct tophash map = {0};
	uint64_t key, before;
	size_t room;

	for (key = 0; key < 10000; key++)
		test_put(&map, &test_u64, &key, key);
	for (key = 4000; key < 10000; key++)
		tophash_delete_key(&map, &test_u64, &key);
	assert_int_equal(tophash_reserve(&map, &test_u64, 10000), 0);
	before = grows(&map);
	for (key = 100; key < 4000; key++)
		tophash_delete_key(&map, &test_u64, &key);
	for (key = 100; key < 10000; key++)
		test_put(&map, &test_u64, &key, key);
	assert_int_equal(grows(&map), before);
	for (key = 0; key < 9990; key++)
		tophash_delete_key(&map, &test_u64, &key);
	assert_true(held(&map) < 4096);

	/* An emptied map keeps it as well, but not an overflow bucket that is left from deletes. */
	assert_int_equal(tophash_shrink(&map), 0);
	assert_int_equal(tophash_reserve(&map, &test_u64, 10000), 0);
	room = held(&map);
	tophash_clear(&map);
	tophash_clear(&map);
	assert_int_equal(held(&map), room);
	/* After use and deletes, only the room that somewhat more entries need is kept. */
	for (key = 0; key < 10000; key++)
		test_put(&map, &test_u64, &key, key);
	for (; key > 100; key--) {
		assert_true(tophash_delete_key(&map, &test_u64, &(uint64_t){key - 1}));
		assert_int_equal(tophash_reserve(&map, &test_u64, map.len + 10), 0);
	}
	assert_true(held(&map) < 8192);
	assert_int_equal(tophash_check(&map, 3), 0);
	tophash_fini(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failing_allocator),
		cmocka_unit_test(pieces_are_small_and_come_back),
		cmocka_unit_test(what_was_put_off_is_done_by_shrink),
		cmocka_unit_test(growth_is_put_off_for_a_while),
		cmocka_unit_test(holes_of_a_shrink_are_left_alone),
		cmocka_unit_test(large_buckets_come_back_one_by_one),
		cmocka_unit_test(huge_pages_are_nothing_to_an_allocator),
		cmocka_unit_test(drops_run_once),
		cmocka_unit_test(a_key_that_stays_is_not_dropped),
		cmocka_unit_test(memory_after_deletes),
		cmocka_unit_test(moving_is_bounded),
		cmocka_unit_test(put_moves_one_share),
		cmocka_unit_test(room_is_kept_when_told),
		cmocka_unit_test(churn_leaves_no_chains),
		cmocka_unit_test(moving_has_hysteresis),
		cmocka_unit_test(reserved_room_is_kept_until_used),
		cmocka_unit_test(reserve_makes_room),
		cmocka_unit_test(reserved_room_need_not_be_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
