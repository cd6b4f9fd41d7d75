/* Compares the map with a plain array, for every kind of key. It needs only libc, and runs on every
 * machine.
 *
 *     driver SEED OPS [KIND...]    KIND: a name from driver_kinds.c, or match; none: all of them
 *
 * It does random puts, deletes and look-ups, batches, clones, clears, shrinks, reserves, and loops
 * that change their map. It does them with malloc, with an allocator that sometimes fails, with
 * drop and barrier hooks, and with moves that are shared, manual and eager. Sometimes it calls
 * tophash_check(3) and compares everything. It prints the number of operations, and exits with 1 at
 * the first difference.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver_kinds.h"

#define FEW 20 /* numbers: a bucket has 15 slots */

struct heap {
	size_t held;	      /* bytes outstanding */
	uint64_t failed;      /* number of failures */
	unsigned one_in;      /* one in this many fails; 0: none */
	size_t keys, vals;    /* dropped */
	uint8_t key[KEY_MAX]; /* the last that was dropped */
	size_t barriers;
};

/* The array that the map is compared with. */
struct model {
	uint64_t val[KEYS];
	uint32_t birth[KEYS];	     /* the number of its insertion; 0: not there */
	uint8_t held[KEYS][KEY_MAX]; /* the bytes of the key that is in the map */
	size_t len, nans;
	uint32_t births;
	size_t keys, vals; /* that must have been dropped */
};

struct run {
	const struct kind *kind;
	uint64_t seed, random, ops;
	struct tophash map;
	struct tophash_hooks hooks;
	struct heap heap;
	struct model model;
	uint32_t few;	   /* only numbers below this one are put */
	unsigned puts;	   /* in 100 */
	unsigned evacuate; /* 0 shared, 1 manual, 2 eager */
	bool drops;
	uint64_t emptied, left,
		back; /* how often the map became empty, left its one block, and was small again */
	uint64_t nans_put;
};

/* In driver_kernel.c, if that is linked: some of the map's calls of the kernel fail. */
extern uint64_t kernel_refused __attribute__((weak));

static bool has_refused(void)
{
	return &kernel_refused && kernel_refused;
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint32_t below(struct run *run, uint32_t n)
{
	return (uint32_t)((next_random(&run->random) >> 32) * n >> 32);
}

_Noreturn static void differs(const struct run *run, const char *what, int line)
{
	printf("FAIL %s seed %" PRIu64 " operation %" PRIu64 ": %s (driver.c:%d)\n",
	       run->kind->name, run->seed, run->ops, what, line);
	exit(1);
}

#define EXPECT(run, condition)                              \
	do {                                                \
		if (!(condition))                           \
			differs(run, #condition, __LINE__); \
	} while (0)

/* Gives the map the driver's seed. Then a run can be repeated. */
static void set_debug(struct run *run)
{
	static const char *const evacuate[] = {"shared", "manual", "eager"};
	char options[64];

	snprintf(options, sizeof(options), "seed=%" PRIu32 ",evacuate=%s", below(run, UINT32_MAX),
		 evacuate[run->evacuate]);
	EXPECT(run, tophash_debug(options) == 0);
}

/* ---- memory and hooks ---------------------------------------------------------------------------- */

#define HEAD 16

static struct run *current; /* its random numbers decide which allocations fail */

static void *heap_alloc(size_t size, void *ctx)
{
	struct heap *heap = ctx;
	uint8_t *p;

	if (heap->one_in && below(current, heap->one_in) == 0) {
		heap->failed++;
		return NULL;
	}
	p = malloc(size + HEAD);
	if (!p)
		abort();
	memcpy(p, &size, sizeof(size));
	memset(p + HEAD, 0xa5, size);
	heap->held += size;
	return p + HEAD;
}

static void heap_free(void *p, size_t size, void *ctx)
{
	uint8_t *head = (uint8_t *)p - HEAD;
	struct heap *heap = ctx;
	size_t asked;

	memcpy(&asked, head, sizeof(asked));
	EXPECT(current, asked == size);
	memset(p, 0x5a, size);
	heap->held -= size;
	free(head);
}

static void count_key(void *key, void *ctx)
{
	struct heap *heap = ctx;

	heap->keys++;
	memcpy(heap->key, key, current->kind->type->key_size);
}

static void count_val(void *val, void *ctx)
{
	(void)val;
	((struct heap *)ctx)->vals++;
}

static void count_barrier(void *slot, size_t size, enum tophash_write why, void *ctx)
{
	EXPECT(current, slot && size > 0 && why <= TOPHASH_WRITE_CLEAR);
	((struct heap *)ctx)->barriers++;
}

static bool is_set(const struct run *run)
{
	return run->kind->type->val_size == 0;
}

/* Counts the keys and values that must have been dropped according to the model. */
static void model_drop(struct run *run, size_t keys, size_t vals)
{
	run->model.keys += keys;
	run->model.vals += is_set(run) ? 0 : vals;
}

static bool is_string(const struct run *run)
{
	uint32_t kind = run->kind->type->kind;

	return kind == TOPHASH_KIND_CSTR || kind == TOPHASH_KIND_STR;
}

/* Notes the i-th key that was given to a put that has not failed. Returns how many keys the put drops: the given one, if an
 * equal one is there. It is not dropped if it is the one that the map holds: a string at the same address, or a key with a
 * hash of the user that has the same bytes. Bytes of padding may get lost. Therefore such a key may be dropped (*ret_more). */
static size_t model_give(struct run *run, uint32_t number, size_t i, size_t *ret_more)
{
	bool by_functions = tophash_by_functions(run->kind->type);
	uint8_t *held = run->model.held[number];
	bool is_same = memcmp(held, kinds_given[i], run->kind->type->key_size) == 0;

	if (run->model.birth[number] == 0) {
		memcpy(held, kinds_given[i], run->kind->type->key_size);
		return 0;
	}
	if (is_same && by_functions)
		(*ret_more)++;
	return !is_same || (!is_string(run) && !by_functions);
}

/* Compares the keys that puts have dropped since `before` with those that they must drop, and counts them. */
static void model_drop_given(struct run *run, size_t before, size_t must, size_t more, size_t vals)
{
	size_t dropped = run->heap.keys - before;

	EXPECT(run, !run->drops || (dropped >= must && dropped <= must + more));
	model_drop(run, dropped, vals);
}

/* Checks that the last key that was dropped is this object. */
static void check_dropped(const struct run *run, const uint8_t *key)
{
	if (run->drops && is_string(run))
		EXPECT(run, memcmp(run->heap.key, key, run->kind->type->key_size) == 0);
}

static void check_drops(const struct run *run)
{
	if (!run->drops)
		return;
	EXPECT(run, run->heap.keys == run->model.keys);
	EXPECT(run, run->heap.vals == run->model.vals);
}

/* ---- the model ----------------------------------------------------------------------------------- */

static void model_put(struct run *run, uint32_t number, uint64_t val)
{
	struct model *model = &run->model;

	if (model->birth[number] == 0) {
		model->birth[number] = ++model->births;
		model->len++;
	}
	model->val[number] = run->kind->val_of(val);
}

static bool model_remove(struct run *run, uint32_t number)
{
	struct model *model = &run->model;

	if (model->birth[number] == 0)
		return false;
	model_drop(run, 1, 1);
	model->birth[number] = 0;
	model->len--;
	return true;
}

static void model_clear(struct run *run)
{
	struct model *model = &run->model;

	model_drop(run, model->len + model->nans, model->len + model->nans);
	memset(model->birth, 0, sizeof(model->birth));
	model->len = model->nans = 0;
}

static void check_len(const struct run *run)
{
	EXPECT(run, tophash_len(&run->map) == run->model.len + run->model.nans);
}

static void check_key(const struct run *run, const struct tophash *map, uint32_t number)
{
	const struct model *model = &run->model;
	uint64_t val = 1;
	bool there = run->kind->get(map, number, &val);

	EXPECT(run, there == (model->birth[number] != 0));
	EXPECT(run, val == (there ? model->val[number] : 0));
}

struct seen {
	struct run *run;
	size_t n, nans;
	uint32_t birth[KEYS]; /* the latest insertion */
};

static bool see_still(void *ctx, uint32_t number, uint64_t val)
{
	struct seen *seen = ctx;
	const struct model *model = &seen->run->model;

	seen->n++;
	if (number == NUMBER_NAN) {
		seen->nans++;
		return true;
	}
	EXPECT(seen->run, number < seen->run->kind->keys);
	EXPECT(seen->run, seen->birth[number] == 0 && model->birth[number] != 0);
	EXPECT(seen->run, val == model->val[number]);
	seen->birth[number] = model->birth[number];
	return true;
}

/* Checks that a loop shows all entries. */
static void check_loop(struct run *run, struct tophash *map)
{
	static struct seen seen;

	memset(&seen, 0, sizeof(seen));
	seen.run = run;
	run->kind->each(map, see_still, &seen);
	EXPECT(run, seen.nans == run->model.nans);
	EXPECT(run, seen.n == run->model.nans + run->model.len);
}

static void check_all(struct run *run, struct tophash *map)
{
	for (uint32_t number = 0; number < run->kind->keys; number++)
		check_key(run, map, number);
	check_loop(run, map);
	EXPECT(run, tophash_check(map, 3) == 0);
}

/* ---- operations ---------------------------------------------------------------------------------- */

static uint32_t some_number(struct run *run)
{
	return below(run, run->few);
}

/* Checks that an operation failed only because there was no memory, and that it changed nothing. */
static void expect_failure(const struct run *run, int err, uint64_t failed_before)
{
	EXPECT(run, err == -ENOMEM);
	EXPECT(run, run->heap.failed > failed_before || has_refused());
	check_len(run);
}

static void do_put(struct run *run)
{
	uint32_t number = some_number(run);
	uint64_t val = next_random(&run->random), failed = run->heap.failed;
	size_t dropped = run->heap.keys, must, more = 0;
	int ret = run->kind->put(&run->map, number, val);

	if (ret < 0) {
		expect_failure(run, ret, failed);
		check_key(run, &run->map, number);
		return;
	}
	EXPECT(run, ret == (run->model.birth[number] == 0));
	must = model_give(run, number, 0, &more);
	model_drop_given(run, dropped, must, more, ret == 0);
	if (must)
		check_dropped(run, kinds_given[0]);
	model_put(run, number, val);
}

static void do_put_nan(struct run *run)
{
	uint64_t failed = run->heap.failed;
	int ret;

	if (!run->kind->put_nan || run->model.nans > 3000)
		return;
	ret = run->kind->put_nan(&run->map, run->random);
	if (ret < 0) {
		expect_failure(run, ret, failed);
		return;
	}
	EXPECT(run, ret == 1);
	run->model.nans++;
	run->nans_put++;
}

static void do_slot(struct run *run)
{
	uint32_t number = some_number(run);
	bool is_new = run->model.birth[number] == 0;
	uint64_t val = next_random(&run->random), old = 1, failed = run->heap.failed;
	size_t dropped = run->heap.keys, must, more = 0;

	if (!run->kind->slot(&run->map, number, val, &old)) {
		expect_failure(run, -ENOMEM, failed);
		return;
	}
	EXPECT(run, old == (is_new ? 0 : run->model.val[number]));
	must = model_give(run, number, 0, &more);
	model_drop_given(run, dropped, must, more, 0);
	model_put(run, number, val);
}

static void do_remove(struct run *run)
{
	uint32_t number = some_number(run);
	bool was = run->kind->remove(&run->map, number);

	EXPECT(run, was == model_remove(run, number));
	if (was)
		check_dropped(run, run->model.held[number]);
}

static size_t some_numbers(struct run *run, uint32_t *ret)
{
	size_t n = below(run, BATCH + 1);

	for (size_t i = 0; i < n; i++)
		ret[i] = some_number(run);
	return n;
}

static void do_put_many(struct run *run)
{
	uint32_t numbers[BATCH] = {0};
	uint64_t vals[BATCH], failed = run->heap.failed;
	size_t n = some_numbers(run, numbers), done = n + 1, dropped = run->heap.keys;
	size_t replaced = 0, must = 0, more = 0;
	int err;

	for (size_t i = 0; i < n; i++)
		vals[i] = next_random(&run->random);
	err = run->kind->put_many(&run->map, numbers, vals, n, &done);
	EXPECT(run, done <= n && (done == n) == (err == 0));
	for (size_t i = 0; i < done; i++) {
		replaced += run->model.birth[numbers[i]] != 0;
		must += model_give(run, numbers[i], i, &more);
		model_put(run, numbers[i], vals[i]);
	}
	model_drop_given(run, dropped, must, more, replaced);
	if (err)
		expect_failure(run, err, failed);
}

static void do_get_many(struct run *run)
{
	uint32_t numbers[BATCH] = {0};
	uint64_t vals[BATCH];
	bool found[BATCH];
	size_t n = some_numbers(run, numbers), want = 0;
	size_t got = run->kind->get_many(&run->map, numbers, n, vals, found);

	for (size_t i = 0; i < n; i++) {
		bool there = run->model.birth[numbers[i]] != 0;

		EXPECT(run, found[i] == there);
		EXPECT(run, vals[i] == (there ? run->model.val[numbers[i]] : 0));
		want += there;
	}
	EXPECT(run, got == want);
}

static void do_remove_many(struct run *run)
{
	uint32_t numbers[BATCH] = {0};
	size_t n = some_numbers(run, numbers), want = 0;
	size_t got = run->kind->remove_many(&run->map, numbers, n);

	for (size_t i = 0; i < n; i++)
		want += model_remove(run, numbers[i]);
	EXPECT(run, got == want);
}

static void do_remove_odd(struct run *run)
{
	size_t want = 0, got = run->kind->remove_odd(&run->map);

	for (uint32_t number = 1; number < run->kind->keys; number += 2)
		want += model_remove(run, number);
	EXPECT(run, got == want);
}

static void do_clone(struct run *run)
{
	struct tophash copy;
	uint64_t failed = run->heap.failed;
	int err = tophash_clone(&run->map, &copy);

	if (run->drops) {
		EXPECT(run, err == -EINVAL);
		return;
	}
	if (err) {
		expect_failure(run, err, failed);
		return;
	}
	check_all(run, &copy);
	tophash_fini(&copy);
}

static void do_clear(struct run *run)
{
	tophash_clear(&run->map);
	model_clear(run);
}

static void do_reserve(struct run *run)
{
	uint64_t failed = run->heap.failed;
	int err = tophash_reserve(&run->map, run->kind->type, below(run, 2 * run->kind->keys + 1));

	if (err)
		expect_failure(run, err, failed);
}

static void do_shrink(struct run *run)
{
	uint64_t failed = run->heap.failed;
	int err = tophash_shrink(&run->map);

	if (err)
		expect_failure(run, err, failed);
}

/* Does one of the slow operations. Each is so rare that it takes no more time than all others. */
static void do_rare(struct run *run)
{
	switch (below(run, 8)) {
	case 0: do_clear(run); break;
	case 1: do_reserve(run); break;
	case 2: do_shrink(run); break;
	case 3: do_clone(run); break;
	case 4: do_remove_odd(run); break;
	case 5:
		run->evacuate = below(run, 3);
		set_debug(run);
		break;
	default: check_all(run, &run->map);
	}
}

static void change(struct run *run, uint32_t what)
{
	if (what < 4)
		do_put_many(run);
	else if (what < 8)
		do_remove_many(run);
	else if (what < 12)
		do_get_many(run);
	else if (what < 20)
		tophash_step(&run->map, below(run, run->evacuate == 1 ? 64 : 4));
	else if (what < 24)
		do_put_nan(run);
	else if (what < 300)
		check_key(run, &run->map, some_number(run));
	else if (what % 100 >= run->puts)
		do_remove(run);
	else if (what < 500)
		do_slot(run);
	else
		do_put(run);
}

static void do_change(struct run *run)
{
	bool was_empty = run->map.len == 0, had_core = run->map.core != NULL;

	run->ops++;
	change(run, below(run, 1000));
	run->emptied += !was_empty && run->map.len == 0;
	run->left += !had_core && run->map.core && run->map.len;
	run->back += had_core && !run->map.core && run->map.len;
}

/* ---- loops that change the map ------------------------------------------------------------------- */

struct walk {
	struct run *run;
	unsigned changes; /* after each entry, at most */
	uint64_t limit;	  /* ends the loop */
	size_t nans;
	uint32_t came[KEYS]; /* for each number, the latest insertion that the loop has shown */
};

static bool walk_see(void *ctx, uint32_t number, uint64_t val)
{
	struct walk *walk = ctx;
	struct run *run = walk->run;

	if (number == NUMBER_NAN) {
		walk->nans++;
	} else {
		EXPECT(run, number < run->kind->keys);
		EXPECT(run, run->model.birth[number] != 0);
		EXPECT(run, val == run->model.val[number]);
		EXPECT(run, walk->came[number] != run->model.birth[number]);
		walk->came[number] = run->model.birth[number];
	}
	for (unsigned n = below(run, walk->changes + 1); n > 0; n--)
		do_change(run);
	if (walk->changes && below(run, run->kind->keys * 4) == 0)
		do_rare(run);
	return run->ops < walk->limit;
}

/* Runs a loop that changes the map. No entry may be shown twice, or if it is not in the map. Each
 * entry that was in the map all the time must be shown. */
static void do_walk(struct run *run)
{
	static struct walk walk;
	static uint32_t was[KEYS];
	uint32_t began = run->model.births;
	uint64_t nans = run->model.nans, nans_put = run->nans_put;

	set_debug(run);
	memset(&walk, 0, sizeof(walk));
	memcpy(was, run->model.birth, sizeof(was));
	walk.run = run;
	walk.changes = 1u << below(run, 6);
	walk.limit = run->ops + 20 * (uint64_t)run->kind->keys;
	run->kind->each(&run->map, walk_see, &walk);
	if (run->ops >= walk.limit)
		return;
	for (uint32_t number = 0; number < run->kind->keys; number++) {
		uint32_t birth = run->model.birth[number];

		if (birth && birth <= began && birth == was[number])
			EXPECT(run, walk.came[number] == birth);
	}
	EXPECT(run, walk.nans <= nans + (run->nans_put - nans_put));
}

/* ---- a round: one map's life --------------------------------------------------------------------- */

static void round_begin(struct run *run)
{
	static const unsigned odds[] = {0, 2, 5, 30, 300};
	unsigned mode = below(run, 6);

	run->evacuate = below(run, 3);
	set_debug(run);
	memset(&run->model, 0, sizeof(run->model));
	run->heap = (struct heap){0};
	run->map = (struct tophash){0};
	run->hooks = (struct tophash_hooks){.size = sizeof(run->hooks), .ctx = &run->heap};
	run->drops = mode >= 4;
	if (mode == 0 && below(run, 2))
		EXPECT(run, tophash_init(&run->map, run->kind->type, below(run, KEYS)) == 0 ||
				    has_refused());
	if (mode >= 2 && mode != 5) {
		run->hooks.alloc = heap_alloc;
		run->hooks.free = heap_free;
		run->heap.one_in = odds[below(run, 5)];
	}
	if (run->drops) {
		run->hooks.drop_key = count_key;
		run->hooks.drop_val = count_val;
	}
	if (mode == 3 || mode == 4)
		run->hooks.barrier = count_barrier;
	if (mode >= 2)
		EXPECT(run, tophash_set_hooks(&run->map, &run->hooks) == 0);
}

static void round_end(struct run *run)
{
	check_all(run, &run->map);
	check_drops(run);
	tophash_fini(&run->map);
	model_clear(run);
	check_drops(run);
	check_len(run);
	EXPECT(run, run->heap.held == 0);
}

/* Sets how many numbers the next operations have, and how many of these are puts. dwell: there are so few that the map
 * dwells on one bucket, becomes empty, and leaves the bucket. Numbers beyond them leave. Returns the number of operations. */
static uint32_t pace_begin(struct run *run, bool dwell)
{
	uint32_t keys = run->kind->keys;

	run->puts = below(run, 101);
	run->few = !dwell	   ? keys
		   : keys < FEW	   ? 1 + below(run, keys)
		   : below(run, 2) ? FEW
				   : 1 + below(run, FEW);
	if (!dwell)
		return below(run, 4 * keys) + 1;
	if (run->model.nans)
		do_clear(run);
	for (uint32_t number = run->few; number < keys; number++)
		EXPECT(run, run->kind->remove(&run->map, number) == model_remove(run, number));
	return below(run, 64 * FEW) + 1;
}

static void round_run(struct run *run, uint64_t ops, bool dwell)
{
	uint64_t end = run->ops + ops;

	round_begin(run);
	while (run->ops < end) {
		uint64_t pace = run->ops;

		pace += pace_begin(run, dwell || below(run, 3) == 0);
		while (run->ops < pace && run->ops < end) {
			do_change(run);
			check_len(run);
			if (below(run, 4 * run->few + 64) == 0)
				do_rare(run);
			if (below(run, 4 * run->few + 64) == 0)
				do_walk(run);
			if (run->few <= FEW && below(run, 64) == 0)
				run->puts = below(run, 2) ? 95 : 5;
		}
		check_drops(run);
	}
	round_end(run);
}

/* Returns whether the map became empty, left its one block, and was small again. */
static bool run_kind(const struct kind *kind, uint64_t seed, uint64_t ops)
{
	static struct run run;
	uint64_t each = ops < 20 * (uint64_t)kind->keys ? ops / 2 + 1 : 10 * (uint64_t)kind->keys;

	memset(&run, 0, sizeof(run));
	run.kind = kind;
	run.seed = run.random = seed;
	current = &run;
	while (run.ops < ops) {
		round_run(&run, each, false);
		round_run(&run, each / 4, true);
	}
	printf("ok %s: %" PRIu64 " operations; empty %" PRIu64 " times, past one bucket %" PRIu64
	       ", small again %" PRIu64 "\n",
	       kind->name, run.ops, run.emptied, run.left, run.back);
	return run.emptied && run.left && run.back;
}

/* ---- the search of a tag word -------------------------------------------------------------------- */

static tophash_mask mask_of(const uint8_t *word, uint8_t tag)
{
	tophash_mask ret = 0;

	for (unsigned i = 0; i < TOPHASH_SLOTS; i++)
		if (word[i] == tag)
			ret |= tophash_lane_bit(i);
	return ret;
}

/* Checks a mask. Its bits are lanes, from the lowest on. */
static bool has_lanes(tophash_mask mask, const uint8_t *word, uint8_t tag)
{
	for (unsigned i = 0; i < TOPHASH_SLOTS; i++) {
		if (word[i] != tag)
			continue;
		if (!mask || tophash_lane(mask) != i)
			return false;
		mask &= mask - 1;
	}
	return mask == 0;
}

/* Checks the zeros of four words and of the first word against a loop over bytes. */
static bool has_zeros(const uint8_t *words)
{
	uint64_t zeros = 0;

	for (unsigned i = 0; i < 4 * TOPHASH_WORD_SIZE; i++)
		zeros |= (uint64_t)(words[i] == 0) << i;
	return tophash_zeros_of_four(words) == zeros && tophash_zeros(words) == (zeros & 0xffff);
}

static void run_match(uint64_t seed, uint64_t ops)
{
	static const struct kind match = {.name = "match"};
	struct run run = {.kind = &match, .seed = seed, .random = seed};
	uint8_t word[4 * TOPHASH_WORD_SIZE] = {0};

	for (; run.ops < ops; run.ops++) {
		uint64_t hash = next_random(&run.random) >> 32;
		uint8_t tag;

		/* Words that were used before follow the new one. There are only few different
		 * bytes. Thus there are matches, and runs of matches. */
		memmove(word + TOPHASH_WORD_SIZE, word, 3 * TOPHASH_WORD_SIZE);
		for (unsigned i = 0; i < TOPHASH_WORD_SIZE; i++)
			word[i] =
				(uint8_t)(run.ops % 2 ? below(&run, 4) : next_random(&run.random));
		if (run.ops % 4 == 1)
			hash = hash << 8 | below(&run, 4);
		/* 0 is a free slot, and 1 is a lane that has no slot. */
		tag = (uint8_t)hash > 1 ? (uint8_t)hash : 2;
		EXPECT(&run, has_zeros(word));
		EXPECT(&run, tophash_tag(hash) == tag);
		EXPECT(&run, tophash_match(word, hash) == mask_of(word, tag));
		EXPECT(&run, has_lanes(tophash_match(word, hash), word, tag));
		EXPECT(&run, tophash_match_empty(word) == mask_of(word, 0));
		EXPECT(&run, has_lanes(tophash_match_empty(word), word, 0));
		EXPECT(&run,
		       (tophash_match_used(word) ^ tophash_match_empty(word)) == TOPHASH_MASK_ALL);
		EXPECT(&run, tophash_may_overflow(word, hash) ==
				     ((word[TOPHASH_OVERFLOW] & tophash_class_bit(tag)) != 0));
	}
	printf("ok match: %" PRIu64 " operations\n", run.ops);
}

/* Checks that a size beyond the address space is an error, not a crash. */
static void check_limits(void)
{
	for (size_t i = 0; i < kinds_len; i++) {
		struct run run = {.kind = &kinds[i]};

		for (size_t n = SIZE_MAX / 2; n > SIZE_MAX / 16; n = n / 4 * 3) {
			int err = tophash_init(&run.map, kinds[i].type, n);

			EXPECT(&run, err == -EOVERFLOW || err == -ENOMEM);
			EXPECT(&run, !run.map.core);
		}
	}
}

static bool is_asked(const char *name, int argc, char **argv)
{
	for (int i = 3; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc <= 3;
}

int main(int argc, char **argv)
{
	uint64_t seed, ops;
	int ran = 0, dwelt = 0;

	if (argc < 3) {
		fputs("usage: driver SEED OPS [KIND...]\n", stderr);
		return 2;
	}
	seed = strtoull(argv[1], NULL, 0);
	ops = strtoull(argv[2], NULL, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	kinds_init();
	check_limits();
	if (is_asked("match", argc, argv)) {
		run_match(seed, ops);
		ran++;
	}
	for (size_t i = 0; i < kinds_len; i++) {
		if (!is_asked(kinds[i].name, argc, argv))
			continue;
		dwelt += run_kind(&kinds[i], seed, ops);
		ran++;
	}
	if (ran == 0) {
		fprintf(stderr, "driver: no such kind\n");
		return 2;
	}
	/* Chance leaves a kind out, but not most of them. */
	if (ran > 10 && ops >= 50000 && dwelt < ran / 2) {
		printf("FAIL: only %d kinds had a small map that grew and shrank\n", dwelt);
		return 1;
	}
	return 0;
}
