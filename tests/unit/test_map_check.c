/* Tests of tophash_check(). They break maps on purpose, one invariant at a time, and repair
 * them. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tophash/fast.h"

#include "../../map/chain.h"
#include "../../map/move.h"

#include "test_map.h"

/* Fills maps of one seed. They have buckets with chains and buckets without. */
static void fill(struct tophash *map, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t state = i, key = test_random(&state);

		assert_int_equal(test_put(map, &test_u64, &key, i), 1);
	}
	assert_int_equal(tophash_check(map, 3), 0);
}

static void finish_move(struct tophash *map)
{
	tophash_step(map, UINT32_MAX);
	assert_int_equal(map->core->move, MOVE_NONE);
}

static size_t overflow_buckets(const struct tophash_core *core, const struct link *link)
{
	size_t ret = 0;

	for (; link->number; link = pool_link(&core->pool, link->number))
		ret++;
	return ret;
}

/* Finds the first bucket with that many overflow buckets; with 0, one that has a free lane. */
static struct chain bucket_with(const struct tophash *map, size_t overflow)
{
	const struct tophash_core *core = map->core;

	for (size_t i = 0; i < (size_t)1 << core->bits; i++) {
		struct chain chain = chain_of(core, i);

		if (overflow_buckets(core, chain.link) == overflow &&
		    (overflow ||
		     (tophash_match_empty(chain.word) && tophash_match_used(chain.word))))
			return chain;
	}
	fail_msg("no bucket with %zu overflow buckets", overflow);
	return (struct chain){0};
}

/* Sets a value at a place. Expects that this level finds it and that the level below does not.
 * Restores the value. */
#define BREAK(map, level, broken, place, value)                             \
	do {                                                                \
		__typeof__(place) kept_ = (place);                          \
		assert_true(kept_ != (__typeof__(place))(value));           \
		(place) = (value);                                          \
		assert_int_equal(tophash_check(map, level), broken);        \
		if ((level) > 1)                                            \
			assert_int_equal(tophash_check(map, (level)-1), 0); \
		(place) = kept_;                                            \
		assert_int_equal(tophash_check(map, 3), 0);                 \
	} while (0)

TEST(what_the_fast_path_reads)
{
	struct tophash map = {0};

	assert_int_equal(tophash_check(NULL, 3), 0);
	assert_int_equal(tophash_check(&map, 3), 0);
	BREAK(&map, 1, TOPHASH_BROKEN_LEN, map.len, 1);
	fill(&map, 2000);
	finish_move(&map);
	BREAK(&map, 1, TOPHASH_BROKEN_LEN, map.len, map.len + 1);
	BREAK(&map, 1, TOPHASH_BROKEN_LEN, map.len, map.len - 1);
	BREAK(&map, 1, TOPHASH_BROKEN_FAST, map.shift, map.shift + 1);
	BREAK(&map, 1, TOPHASH_BROKEN_FAST, map.slots, map.slots + 16);
	BREAK(&map, 1, TOPHASH_BROKEN_FAST, map.tags, map.tags + 16);
	BREAK(&map, 1, TOPHASH_BROKEN_FAST, map.write_tags, NULL);
	BREAK(&map, 1, TOPHASH_BROKEN_FAST, map.shrink_at, map.shrink_at + 1);
	BREAK(&map, 1, TOPHASH_BROKEN_FAST, map.grow_at, map.grow_at - 1);
	BREAK(&map, 1, 0, map.grow_at, map.grow_at + 1); /* put off */
	BREAK(&map, 1, TOPHASH_BROKEN_FAST, map.core->home_moved, true);
	tophash_fini(&map);
}

TEST(filters_and_chains)
{
	struct tophash map = {0};
	struct chain chain, plain;
	struct link *next;

	fill(&map, 13 * 256);
	plain = bucket_with(&map, 0);
	BREAK(&map, 1, TOPHASH_BROKEN_FILTER, plain.word[TOPHASH_OVERFLOW], 1);
	BREAK(&map, 1, TOPHASH_BROKEN_CHAIN, plain.link->tags[0], 1);
	BREAK(&map, 1, TOPHASH_BROKEN_CHAIN, plain.link->number, 1);
	chain = bucket_with(&map, 1);
	BREAK(&map, 1, TOPHASH_BROKEN_FILTER, chain.word[TOPHASH_OVERFLOW], 0);
	BREAK(&map, 1, TOPHASH_BROKEN_CHAIN, chain.word[3], 0);
	BREAK(&map, 1, TOPHASH_BROKEN_CHAIN, chain.link->number, UINT32_MAX);
	BREAK(&map, 1, TOPHASH_BROKEN_CHAIN, chain.link->number, 0);
	BREAK(&map, 1, TOPHASH_BROKEN_CHAIN, *(uint32_t *)(void *)chain.link->tags, 0);
	chain = bucket_with(&map, 2);
	next = pool_link(&map.core->pool, chain.link->number);
	BREAK(&map, 1, TOPHASH_BROKEN_CHAIN, next->tags[2], 0);
	BREAK(&map, 1, TOPHASH_BROKEN_POOL, next->number, chain.link->number);
	tophash_fini(&map);
}

TEST(overflow_buckets_that_are_lost)
{
	struct tophash map = {0};
	struct chain chain;
	struct pool *pool;
	struct chunk *chunk;
	struct link link;
	uint8_t filter;

	fill(&map, 13 * 256);
	pool = &map.core->pool;
	chunk = &pool->chunks[pool->len - 1];
	BREAK(&map, 1, TOPHASH_BROKEN_POOL, pool->used, pool->used + 1);
	BREAK(&map, 1, TOPHASH_BROKEN_POOL, pool->spare, pool->spare + 1);
	BREAK(&map, 1, TOPHASH_BROKEN_POOL, chunk->used, (uint16_t)(chunk->used + 1));
	BREAK(&map, 1, TOPHASH_BROKEN_POOL, chunk->free, UINT16_MAX);
	if (chunk->free)
		BREAK(&map, 1, TOPHASH_BROKEN_POOL,
		      ((struct link *)(void *)chunk->mem)[chunk->free - 1].number, chunk->free);
	chain = bucket_with(&map, 1);
	link = *chain.link;
	filter = chain.word[TOPHASH_OVERFLOW];
	*chain.link = (struct link){0};
	chain.word[TOPHASH_OVERFLOW] = 0;
	assert_int_equal(tophash_check(&map, 3), TOPHASH_BROKEN_POOL);
	*chain.link = link;
	chain.word[TOPHASH_OVERFLOW] = filter;
	tophash_fini(&map);
}

/* While a map moves, there are no entries between the old buckets and the new ones. */
TEST(buckets_that_must_be_empty)
{
	struct tophash map = {0};
	struct tophash_core *core;
	uint64_t n = 13 * 256 + 1, key;

	fill(&map, n);
	core = map.core;
	assert_int_equal(core->move, MOVE_GROW);
	BREAK(&map, 1, TOPHASH_BROKEN_FREE, store_word(&core->store, core->cursor)[4], 1);
	BREAK(&map, 1, TOPHASH_BROKEN_FREE, store_link(&core->store, 2 * core->cursor - 1)->number,
	      1);
	BREAK(&map, 1, TOPHASH_BROKEN_FAST, map.tags, core->store.tags);
	finish_move(&map);
	while (core->move == MOVE_NONE) {
		uint64_t state_of_key = --n;

		key = test_random(&state_of_key);
		assert_true(tophash_delete_key(&map, &test_u64, &key));
	}
	assert_int_equal(core->move, MOVE_SHRINK);
	BREAK(&map, 1, TOPHASH_BROKEN_FREE, store_word(&core->store, core->cursor)[4], 1);
	BREAK(&map, 1, TOPHASH_BROKEN_FREE, store_link(&core->store, 2 * core->cursor - 1)->number,
	      1);
	tophash_fini(&map);
}

static unsigned a_lane(tophash_mask mask)
{
	assert_true(mask != 0);
	return tophash_lane(mask);
}

TEST(entries_out_of_place)
{
	struct tophash map = {0};
	struct chain chain, other;
	unsigned from, to;

	fill(&map, 2000);
	finish_move(&map);
	chain = bucket_with(&map, 0);
	from = a_lane(tophash_match_used(chain.word));
	to = a_lane(tophash_match_empty(chain.word));
	BREAK(&map, 2, TOPHASH_BROKEN_TAG, chain.word[from], (uint8_t)(chain.word[from] ^ 2));

	/* The same key in two slots. */
	memcpy(chain.slots + 16 * to, chain.slots + 16 * from, 16);
	chain.word[to] = chain.word[from];
	map.len++;
	assert_int_equal(tophash_check(&map, 3), TOPHASH_BROKEN_TWICE);
	assert_int_equal(tophash_check(&map, 2), 0);
	chain.word[to] = 0;
	map.len--;

	/* A key in the wrong bucket. */
	other = chain_of(map.core, ((size_t)1 << map.core->bits) - 1);
	if (other.word == chain.word || !tophash_match_empty(other.word))
		other = chain_of(map.core, ((size_t)1 << map.core->bits) - 2);
	to = a_lane(tophash_match_empty(other.word));
	memcpy(other.slots + 16 * to, chain.slots + 16 * from, 16);
	other.word[to] = chain.word[from];
	chain.word[from] = 0;
	assert_int_equal(tophash_check(&map, 2), TOPHASH_BROKEN_PLACE);
	assert_int_equal(tophash_check(&map, 1), 0);
	tophash_fini(&map);
}

static enum tophash_fault reported;

static void note_fault(enum tophash_fault fault, const struct tophash *map)
{
	reported = fault;
}

/* With check=N, a slow write reports the damage that it leaves. Without a handler the program
 * ends. */
TEST(faults_are_not_survived_in_silence)
{
	struct tophash map = {0};
	int status = 0, said = dup(STDERR_FILENO), silence;
	pid_t child;

	child = fork();
	if (child == 0) {
		tophash_report_fault(TOPHASH_FAULT_BROKEN, &map);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_null(tophash_set_fault(note_fault));
	assert_int_equal(tophash_debug("seed=1,check=1"), 0);
	fill(&map, 100);
	assert_int_equal(reported, 0);
	map.len++;
	map.writing = 1;
	tophash_step(&map, 1); /* it does not move, so nothing is written */
	assert_int_equal(reported, 0);
	map.writing = 0;
	silence = open("/dev/null", O_WRONLY); /* for its messages */
	assert_true(said >= 0 && silence >= 0 && dup2(silence, STDERR_FILENO) >= 0);
	assert_int_equal(tophash_reserve(&map, &test_u64, 1000), 0);
	assert_true(dup2(said, STDERR_FILENO) >= 0);
	close(silence);
	close(said);
	assert_int_equal(reported, TOPHASH_FAULT_BROKEN);
	map.len--;
	map.writing = 1;
	assert_int_equal(tophash_reserve(&map, &test_u64, 4000), 0);
	assert_int_equal(reported, TOPHASH_FAULT_CONCURRENT_WRITE);
	assert_ptr_equal(tophash_set_fault(NULL), note_fault);
	tophash_fini(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_fast_path_reads),
		cmocka_unit_test(filters_and_chains),
		cmocka_unit_test(overflow_buckets_that_are_lost),
		cmocka_unit_test(buckets_that_must_be_empty),
		cmocka_unit_test(entries_out_of_place),
		cmocka_unit_test(faults_are_not_survived_in_silence),
	};

	if (tophash_debug("seed=1") != 0)
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
