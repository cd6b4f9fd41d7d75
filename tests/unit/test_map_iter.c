/* Tests of iteration while anything happens to the map. No entry comes twice, no deleted entry
 * comes, and no entry that was there all the time is left out. A value is the number of the entry's
 * insertion. */
#include <tophash/map.h>

#include "test_map.h"

#define ITERS	    4
#define INSERTS_MAX 40000

static bool weak_equal(const uint32_t *key, const uint32_t *other)
{
	return *key == *other;
}

static uint64_t weak_hash(const uint32_t *key)
{
	return *key % 5;
}

TOPHASH_MAP(numbers, uint32_t, uint32_t);
TOPHASH_MAP(doubles, double, uint32_t);
TOPHASH_MAP_WITH(weaks, uint32_t, uint32_t, weak_hash, weak_equal);

/* A key of which an iterator keeps a print. */
struct large {
	uint8_t same[600];
	uint32_t number;
};

static bool large_equal(const struct large *key, const struct large *other)
{
	return key->number == other->number;
}

static uint64_t large_hash(const struct large *key)
{
	return key->number % 5;
}

TOPHASH_MAP_BYTES(larges, struct large, uint32_t);
TOPHASH_MAP_WITH(weak_larges, struct large, uint32_t, large_hash, large_equal);

/* The model: what it knows of each insertion and of each iterator. */
struct model {
	uint32_t keys;
	uint32_t now[KEYS]; /* the insertion that gave the key its value, or 0 */
	uint32_t inserts;
	struct {
		bool alive;
		uint32_t began;		   /* inserts at that time */
		uint32_t was[KEYS];	   /* now[] at that time; 0 when it was deleted since */
		uint8_t came[INSERTS_MAX]; /* how often each insertion was returned */
	} iters[ITERS];
};

static struct model model;

static void model_begin(unsigned i)
{
	model.iters[i].alive = true;
	model.iters[i].began = model.inserts;
	memcpy(model.iters[i].was, model.now, sizeof(model.now));
	memset(model.iters[i].came, 0, sizeof(model.iters[i].came));
}

static void model_gone(uint32_t key)
{
	model.now[key] = 0;
	for (unsigned i = 0; i < ITERS; i++)
		model.iters[i].was[key] = 0;
}

static void model_came(unsigned i, uint32_t key, uint32_t insertion)
{
	assert_true(key < model.keys);
	assert_int_equal(model.now[key], insertion);
	assert_int_equal(model.iters[i].came[insertion]++, 0);
}

static void model_end(unsigned i)
{
	for (uint32_t key = 0; key < model.keys; key++)
		if (model.iters[i].was[key])
			assert_int_equal(model.iters[i].came[model.iters[i].was[key]], 1);
	model.iters[i].alive = false;
}

static void make_number(uint32_t number, void *ret)
{
	memcpy(ret, &number, sizeof(number));
}

static uint32_t number_of_number(const void *key)
{
	uint32_t number;

	memcpy(&number, key, sizeof(number));
	return number;
}

/* Makes the doubles 0, 0.5, -1, 1.5, -2 ... */
static void make_double(uint32_t number, void *ret)
{
	double key = number % 2 ? number / 2.0 : -(number / 2.0);

	memcpy(ret, &key, sizeof(key));
}

static uint32_t number_of_double(const void *key)
{
	double half;

	memcpy(&half, key, sizeof(half));
	return (uint32_t)(half < 0 ? -half * 2 : half * 2);
}

static void make_large(uint32_t number, void *ret)
{
	struct large key = {.number = number};

	memcpy(ret, &key, sizeof(key));
}

static uint32_t number_of_large(const void *key)
{
	return number_of_number((const uint8_t *)key + offsetof(struct large, number));
}

/* A kind of key: how a number of the model becomes a key, and back. */
struct iter_kind {
	const struct tophash_type *type;
	void (*make)(uint32_t number, void *ret);
	uint32_t (*number_of)(const void *key);
	size_t steps; /* of a run */
	uint32_t keys_max;
};

#define KEY_ROOM sizeof(struct large) /* bytes; the largest key of any kind */

static const struct iter_kind kinds[] = {
	{&numbers_type, make_number, number_of_number, 5000, KEYS},
	{&doubles_type, make_double, number_of_double, 2000, KEYS},
	{&weaks_type, make_number, number_of_number, 1000, 100},
	{&larges_type, make_large, number_of_large, 1000, KEYS},
	{&weak_larges_type, make_large, number_of_large, 500, 60},
};

/* An iterator with its kept keys, and the cursor with which TOPHASH_EACH uses one. */
struct walk {
	struct tophash_iter iter;
	struct tophash_cursor cursor;
	_Alignas(16) uint8_t kept[TOPHASH_KEPT(8) * 8]; /* no kind here needs more */
};

struct run {
	const struct iter_kind *kind;
	struct tophash map;
	struct walk walks[ITERS];
	uint64_t random;
	unsigned puts; /* how many of 100 changes are puts */
};

static uint32_t below(struct run *run, uint32_t n)
{
	return (uint32_t)(test_random(&run->random) % n);
}

/* Steps one iterator, or begins it. Every second one is stepped as TOPHASH_EACH does. */
static void step_iter(struct run *run, unsigned i)
{
	const struct iter_kind *kind = run->kind;
	struct walk *walk = &run->walks[i];
	const uint8_t *slot;
	uint32_t insertion;

	if (!model.iters[i].alive) {
		tophash_iter_init(&walk->iter, &run->map, walk->kept);
		tophash_cursor_init(&walk->cursor, &walk->iter, walk->kept);
		model_begin(i);
	}
	if (i % 2)
		slot = tophash_iter_step(&walk->iter, kind->type);
	else
		slot = tophash_cursor_step(&walk->cursor, &walk->iter, walk->kept, kind->type);
	if (!slot) {
		model_end(i);
		return;
	}
	memcpy(&insertion, slot + kind->type->val_offset, sizeof(insertion));
	model_came(i, kind->number_of(slot), insertion);
}

static void put(struct run *run, uint32_t number)
{
	const struct tophash_type *type = run->kind->type;
	bool is_new = model.now[number] == 0;
	_Alignas(16) uint8_t key[KEY_ROOM];
	uint8_t *slot;
	int ret = 0;

	if (is_new)
		model.now[number] = ++model.inserts;
	run->kind->make(number, key);
	slot = tophash_put_slot(&run->map, type, key, &ret);
	assert_non_null(slot);
	assert_int_equal(ret, is_new);
	memcpy(slot + type->val_offset, &model.now[number], sizeof(model.now[number]));
}

static void delete (struct run *run, uint32_t number)
{
	_Alignas(16) uint8_t key[KEY_ROOM];

	run->kind->make(number, key);
	assert_int_equal(tophash_delete_key(&run->map, run->kind->type, key),
			 model.now[number] != 0);
	model_gone(number);
}

static void clear(struct run *run)
{
	tophash_clear(&run->map);
	for (uint32_t number = 0; number < model.keys; number++)
		model_gone(number);
}

static void change(struct run *run)
{
	uint32_t number = below(run, model.keys);
	unsigned what = below(run, 1000);

	if (what == 0)
		clear(run);
	else if (what == 1)
		assert_int_equal(tophash_shrink(&run->map), 0);
	else if (what == 2)
		assert_int_equal(
			tophash_reserve(&run->map, run->kind->type, below(run, model.keys)), 0);
	else if (what < 20)
		tophash_step(&run->map, below(run, 8));
	else if (what % 100 < run->puts && model.inserts + 1 < INSERTS_MAX)
		put(run, number);
	else
		delete (run, number);
}

static void run_random(const struct iter_kind *kind, uint64_t seed, uint32_t keys, unsigned changes)
{
	struct run run = {.kind = kind, .random = seed, .puts = 50};

	memset(&model, 0, sizeof(model));
	model.keys = keys < kind->keys_max ? keys : kind->keys_max;
	for (size_t i = 0; i < kind->steps; i++) {
		if (i % (4 * (size_t)model.keys + 1) == 0)
			run.puts = below(&run, 101);
		step_iter(&run, below(&run, ITERS));
		for (unsigned n = below(&run, changes + 1); n > 0; n--)
			change(&run);
		if (i % 1024 == 0)
			assert_int_equal(tophash_check(&run.map, 3), 0);
	}
	assert_int_equal(tophash_check(&run.map, 3), 0);
	tophash_fini(&run.map);
}

static const char *const evacuations[] = {"", "evacuate=manual", "evacuate=eager"};

TEST(random_changes)
{
	static const uint32_t sizes[] = {1, 14, 20, 60, 300, 3000};
	uint64_t seed = (uint64_t)time(NULL);

	print_message("seed %llu\n", (unsigned long long)seed);
	for (size_t e = 0; e < 3; e++) {
		assert_int_equal(tophash_debug(evacuations[e]), 0);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			for (unsigned changes = 0; changes <= 32; changes = changes * 8 + 1)
				for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
					run_random(&kinds[k], seed++, sizes[i], changes);
		}
	}
	assert_int_equal(tophash_debug(NULL), 0);
}

/* ---- small maps, exhaustively --------------------------------------------------------------------- */

/* Makes a map of n elements at a given step of a move, while it grows or shrinks. */
static bool stand_in_move(struct numbers *m, uint32_t n, bool growing, unsigned step)
{
	uint32_t more = growing ? 0 : n * 4;
	struct tophash_stats stats;

	for (uint32_t key = 1; key <= n + more; key++)
		assert_int_equal(numbers_put(m, key, key), 1);
	numbers_step(m, growing ? 0 : UINT32_MAX);
	for (uint32_t key = n + 1; key <= n + more; key++)
		assert_true(numbers_delete(m, key));
	numbers_stats(m, &stats);
	if (stats.old_buckets == 0)
		return false;
	numbers_step(m, step);
	numbers_stats(m, &stats);
	return stats.old_buckets != 0;
}

/* Iterates over such a map to the end, with so many steps of the move after so many elements. Each
 * element must come exactly once. */
static void walk_through_move(uint32_t n, bool growing, unsigned step, uint32_t after,
			      unsigned steps, bool *ret_stood)
{
	struct numbers m = {0};
	uint8_t came[256] = {0};
	uint32_t i = 0;

	*ret_stood = stand_in_move(&m, n, growing, step);
	if (*ret_stood) {
		TOPHASH_EACH(numbers, it, &m) {
			assert_int_equal(came[it.key]++, 0);
			assert_int_equal(*it.ref, it.val);
			if (++i == after)
				numbers_step(&m, steps);
		}
		assert_int_equal(i, n);
	}
	numbers_fini(&m);
}

TEST(every_place_of_a_move)
{
	size_t walks = 0;
	bool stood;

	assert_int_equal(tophash_debug("evacuate=manual"), 0);
	for (uint32_t n = 14; n <= 110; n += 4) {
		for (unsigned growing = 0; growing < 2; growing++) {
			for (unsigned step = 0; step < 40; step++) {
				walk_through_move(n, growing, step, 1, 1, &stood);
				if (!stood)
					break;
				for (uint32_t after = 1; after <= n; after += n / 16 + 1)
					for (unsigned steps = 1; steps < 12; steps *= 2, walks++)
						walk_through_move(n, growing, step, after, steps,
								  &stood);
			}
		}
	}
	assert_true(walks > 4000);
	assert_int_equal(tophash_debug(NULL), 0);
}

/* ---- other promises ---- */

/* Makes a map of n keys without a chain: a walk never begins with a key in an overflow bucket. Each map has another secret, and
 * some have a home with more keys than lanes. */
static void make_without_chain(struct numbers *m, uint32_t n)
{
	struct tophash_stats stats;
	unsigned left = 1000;

	do {
		assert_true(left-- > 0);
		numbers_fini(m);
		for (uint32_t key = 0; key < n; key++)
			assert_int_equal(numbers_put(m, key, key), 1);
		numbers_stats(m, &stats);
	} while (stats.longest_chain > 1);
	assert_int_equal(stats.old_buckets, 0);
}

/* Counts the keys that come first. Each lane is the first one as often as any other, also one without an entry: after that the
 * next entry comes. A key comes first once in 64 loops over four homes, or more often. */
static void count_firsts(uint32_t n, uint32_t lanes)
{
	struct numbers m = {0};
	uint32_t firsts[64] = {0};

	make_without_chain(&m, n);
	for (unsigned i = 0; i < 200 * lanes; i++) {
		TOPHASH_EACH(numbers, it, &m) {
			firsts[it.key]++;
			break;
		}
	}
	for (uint32_t key = 0; key < n; key++)
		assert_in_range(firsts[key], 100, 200 * lanes);
	numbers_fini(&m);
}

TEST(every_start_comes)
{
	count_firsts(8, 16);
	count_firsts(15, 16);
	count_firsts(20, 32);
	count_firsts(40, 64);
}

TEST(empty_maps_have_no_entries)
{
	struct numbers m = {0};

	TOPHASH_EACH(numbers, it, NULL)
		fail();
	TOPHASH_EACH(numbers, it, &m)
		fail();
	numbers_put(&m, 1, 1);
	numbers_delete(&m, 1);
	TOPHASH_EACH(numbers, it, &m)
		fail();
	numbers_fini(&m);
	TOPHASH_EACH(numbers, it, &m)
		fail();
}

/* A lane whose entry was deleted before it came has no key in the iterator. The bytes there (here
 * 0) must not hide a key that is in the map when a growth makes the iterator look it up. */
TEST(deleted_lanes_hide_nothing)
{
	unsigned asked = 0;

	for (unsigned round = 0; round < 2000; round++) {
		struct numbers m = {0};
		struct numbers_walk_ walk;
		struct numbers_item it;
		bool came = false;
		unsigned n = 0;

		for (uint32_t key = 0; key < 14; key++)
			numbers_put(&m, key, key);
		memset(&walk, 0, sizeof(walk));
		it = numbers_enter_(numbers_begin_(&walk, &m));
		while (numbers_visit_(&it, &walk)) {
			came = came || it.key == 0;
			if (++n == 2)
				for (uint32_t key = 1; key < 14; key += 2)
					if (key != it.key)
						numbers_delete(&m, key);
			for (uint32_t key = 100; n == 3 && key < 130; key++)
				numbers_put(&m, key, key);
		}
		assert_true(came);
		asked += n > 3;
		numbers_fini(&m);
	}
	assert_true(asked > 1000);
}

/* Walks over n keys. After `at` of them, deletes a key that has not come and puts others, so that the map grows. */
static void walk_and_grow(uint32_t n, uint32_t at)
{
	struct numbers m = {0};
	uint32_t came[64] = {0}, steps = 0, gone = n;

	for (uint32_t key = 0; key < n; key++)
		numbers_put(&m, key, key);
	TOPHASH_EACH(numbers, it, &m) {
		if (it.key < n)
			came[it.key]++;
		if (++steps != at)
			continue;
		for (gone = 0; gone < n && came[gone]; gone++)
			;
		if (gone < n)
			assert_true(numbers_delete(&m, gone));
		for (uint32_t key = 100; key < 200; key++)
			numbers_put(&m, key, key);
	}
	for (uint32_t key = 0; key < n; key++)
		assert_int_equal(came[key], key != gone);
	assert_true(steps >= at);
	numbers_fini(&m);
}

TEST(growth_at_each_step)
{
	for (unsigned round = 0; round < 4; round++)
		for (uint32_t n = 1; n <= 64; n++)
			for (uint32_t at = 1; at <= n; at++)
				walk_and_grow(n, at);
}

/* A map that is made anew in the loop has a new seed. It is undefined which of its entries still
 * come, but the walk must not go on in freed memory. */
TEST(made_anew_in_the_loop)
{
	for (unsigned round = 0; round < 100; round++) {
		struct numbers m, other = {0};
		unsigned n = 0;

		assert_int_equal(numbers_init(&m, 100), 0);
		for (uint32_t key = 0; key < 60; key++)
			numbers_put(&m, key, key);
		TOPHASH_EACH(numbers, it, &m) {
			assert_true(it.key < 60 && it.val == it.key);
			if (n++ != 3)
				continue;
			assert_int_equal(numbers_clone(&m, &other), 0);
			numbers_fini(&m);
			if (round % 2)
				assert_int_equal(numbers_init(&m, 100), 0);
			else
				m = other;
		}
		assert_true(round % 2 ? n == 4 : n >= 4 && n <= 64);
		numbers_fini(&m);
		if (round % 2)
			numbers_fini(&other);
	}
}

/* A loop that puts more entries for each entry that it gets still ends, as in Go. */
TEST(growth_in_the_loop_ends)
{
	struct numbers m = {0};
	uint32_t next = 100, n = 0;

	for (uint32_t key = 0; key < 100; key++)
		numbers_put(&m, key, key);
	TOPHASH_EACH(numbers, it, &m) {
		n += it.key < 100;
		for (unsigned i = 0; i < 30 && next < 200000; i++, next++)
			assert_int_equal(numbers_put(&m, next, next), 1);
	}
	assert_int_equal(n, 100);
	assert_int_equal(numbers_check(&m, 3), 0);
	numbers_fini(&m);
}

TEST(nans_come_once)
{
	struct doubles m = {0};
	uint64_t sum = 0;

	for (uint32_t i = 0; i < 500; i++)
		assert_int_equal(doubles_put(&m, __builtin_nan(""), i), 1);
	assert_int_equal(doubles_len(&m), 500);
	assert_int_equal(doubles_get(&m, __builtin_nan("")), 0);
	assert_false(doubles_delete(&m, __builtin_nan("")));
	TOPHASH_EACH(doubles, it, &m) {
		sum += it.val;
		if (it.val % 3 == 0)
			doubles_put(&m, it.val, 0);
	}
	assert_true(sum == 500 * 499 / 2);
	doubles_clear(&m);
	assert_int_equal(doubles_len(&m), 0);
	doubles_fini(&m);
}

static bool is_even(uint32_t key, uint32_t *val, void *ctx)
{
	(*(uint32_t *)ctx)++;
	return key % 2 == 0;
}

TEST(delete_if_takes_what_it_is_told)
{
	struct numbers m = {0};
	uint32_t asked = 0;

	for (uint32_t key = 0; key < 5000; key++)
		numbers_put(&m, key, key);
	assert_int_equal(numbers_delete_if(&m, is_even, &asked), 2500);
	assert_int_equal(asked, 5000);
	for (uint32_t key = 0; key < 5000; key++)
		assert_int_equal(numbers_find(&m, key) != NULL, key % 2);
	assert_int_equal(numbers_delete_if(NULL, is_even, &asked), 0);
	numbers_fini(&m);
}

/* A loop has copies of a key and of a value, and little more. */
TEST(large_keys_need_little_stack)
{
	struct size {
		uint8_t bytes[60000];
	};
	size_t most = sizeof(struct tophash_iter) + (size_t)32 * TOPHASH_KEPT_WHOLE;

	assert_true(TOPHASH_KEPT_BYTES(sizeof(struct size)) + sizeof(struct tophash_iter) < 1024);
	assert_true((size_t)TOPHASH_KEPT_BYTES(TOPHASH_KEPT_WHOLE) + sizeof(struct tophash_iter) <
		    most);
	assert_true(sizeof(struct larges_iter) < sizeof(struct large) + 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes),
		cmocka_unit_test(every_place_of_a_move),
		cmocka_unit_test(every_start_comes),
		cmocka_unit_test(empty_maps_have_no_entries),
		cmocka_unit_test(growth_in_the_loop_ends),
		cmocka_unit_test(deleted_lanes_hide_nothing),
		cmocka_unit_test(growth_at_each_step),
		cmocka_unit_test(made_anew_in_the_loop),
		cmocka_unit_test(nans_come_once),
		cmocka_unit_test(delete_if_takes_what_it_is_told),
		cmocka_unit_test(large_keys_need_little_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
