/* Tests what threads may do with one map, and that forbidden uses are detected.
 *
 *     threads readers     eight threads read a map that does not move, is in the middle of a move, or is empty.
 *                         ThreadSanitizer reports nothing
 *     threads mixed       the same with a writer, which ThreadSanitizer must report
 *     threads writers     a second writer in the middle of the first one's put, delete and growth. The fault
 *                         handler is called each time
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tophash/map.h>

#define READERS 8
#define KEYS	5000

TOPHASH_MAP(numbers, uint64_t, uint64_t);
TOPHASH_MAP(names, const char *, uint64_t);

static void expect(bool condition, const char *what)
{
	if (condition)
		return;
	printf("FAIL %s\n", what);
	exit(1);
}

/* ---- readers ------------------------------------------------------------------------------------- */

struct shared {
	struct numbers numbers;
	struct names names;
	uint64_t keys;
};

static char texts[KEYS][8];

static void *read_all(void *arg)
{
	const struct shared *shared = arg;
	uint64_t keys[64], vals[64], sum = 0, n = 0;
	struct tophash_stats stats;

	for (uint64_t key = 0; key < KEYS; key++) {
		bool there = key < shared->keys;

		expect(numbers_get(&shared->numbers, key) == (there ? key + 1 : 0), "a number");
		expect(names_get(&shared->names, texts[key]) == (there ? key + 1 : 0), "a name");
	}
	TOPHASH_EACH(numbers, it, &shared->numbers) {
		sum += it.key;
		n++;
	}
	expect(n == shared->keys && sum == n * (n ? n - 1 : 0) / 2, "a loop over numbers");
	TOPHASH_EACH(names, it, &shared->names)
		n--;
	expect(n == 0, "a loop over names");
	for (unsigned i = 0; i < 64; i++)
		keys[i] = i;
	n = numbers_get_many(&shared->numbers, keys, 64, vals, NULL);
	expect(n == (shared->keys < 64 ? shared->keys : 64), "many");
	numbers_stats(&shared->numbers, &stats);
	expect(stats.len == shared->keys && numbers_check(&shared->numbers, 3) == 0, "the check");
	return NULL;
}

/* Makes maps with the keys 0..keys, at some step of a growth, or of a shrinkage from more keys. */
static void make_shared(struct shared *shared, uint64_t keys, uint64_t from, unsigned steps)
{
	memset(shared, 0, sizeof(*shared));
	shared->keys = keys;
	for (uint64_t key = 0; key < from; key++) {
		numbers_put(&shared->numbers, key, key + 1);
		names_put(&shared->names, texts[key], key + 1);
		if (key + 10 < from || from > keys) {
			numbers_step(&shared->numbers, UINT32_MAX);
			names_step(&shared->names, UINT32_MAX);
		}
	}
	for (uint64_t key = keys; key < from; key++) {
		numbers_delete(&shared->numbers, key);
		names_delete(&shared->names, texts[key]);
	}
	numbers_step(&shared->numbers, steps);
	names_step(&shared->names, steps);
}

static bool is_moving(const struct shared *shared)
{
	struct tophash_stats stats;

	numbers_stats(&shared->numbers, &stats);
	return stats.old_buckets != 0 && stats.evacuated < stats.old_buckets;
}

static void run_readers(struct shared *shared, void *(*other)(void *))
{
	pthread_t threads[READERS];

	for (unsigned i = 0; i < READERS; i++)
		if (pthread_create(&threads[i], NULL, i == 0 && other ? other : read_all, shared) !=
		    0)
			abort();
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	numbers_fini(&shared->numbers);
	names_fini(&shared->names);
}

static int readers(void)
{
	struct shared shared;
	unsigned moving = 0;

	make_shared(&shared, 0, 0, 0);
	run_readers(&shared, NULL);
	make_shared(&shared, KEYS, KEYS, UINT32_MAX);
	run_readers(&shared, NULL);
	expect(tophash_debug("evacuate=manual") == 0, "tophash_debug");
	for (unsigned steps = 0; steps < 5; steps++) {
		make_shared(&shared, 420, 420, steps);
		moving += is_moving(&shared);
		run_readers(&shared, NULL);
		make_shared(&shared, 400, 2000, steps);
		moving += is_moving(&shared);
		run_readers(&shared, NULL);
	}
	printf("%u of 10 in the middle of a move\n", moving);
	expect(moving == 10, "maps that stand in a move");
	return 0;
}

static void *write_some(void *arg)
{
	struct shared *shared = arg;

	for (uint64_t key = 0; key < KEYS; key++)
		numbers_put(&shared->numbers, key, key + 1);
	return NULL;
}

static int mixed(void)
{
	struct shared shared;

	make_shared(&shared, KEYS, KEYS, UINT32_MAX);
	run_readers(&shared, write_some);
	return 0;
}

/* ---- writers ------------------------------------------------------------------------------------- */

/* The first writer waits in a function that its map calls, until the second one has been
 * detected. */
static sem_t inside, caught;
static bool waits;
static unsigned faults;

static void wait_inside(void)
{
	if (!waits)
		return;
	waits = false;
	sem_post(&inside);
	sem_wait(&caught);
}

static uint64_t slow_hash(const uint64_t *key)
{
	return *key;
}

static bool slow_equal(const uint64_t *key, const uint64_t *other)
{
	wait_inside();
	return *key == *other;
}

TOPHASH_MAP_WITH(slow, uint64_t, uint64_t, slow_hash, slow_equal);

static void *slow_alloc(size_t size, void *ctx)
{
	(void)ctx;
	wait_inside();
	return malloc(size);
}

static void slow_free(void *p, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	free(p);
}

/* Does not return to the write, because two writers would break the map. */
static void on_fault(enum tophash_fault fault, const struct tophash *map)
{
	(void)map;
	expect(fault == TOPHASH_FAULT_CONCURRENT_WRITE, "the kind of fault");
	faults++;
	sem_post(&caught);
	pthread_exit(NULL);
}

/* The functions without types call the equality within the write. The typed ones compare the key before
 * they write. */
static void *put_slow(void *map)
{
	const uint64_t key = 1, val = 2;

	tophash_put(&((struct slow *)map)->map, &key, &val);
	return NULL;
}

static void *delete_slow(void *map)
{
	const uint64_t key = 1;

	tophash_delete(&((struct slow *)map)->map, &key);
	return NULL;
}

static void *clear_slow(void *map)
{
	slow_clear(map);
	return NULL;
}

/* Puts more numbers than a bucket has room for, and the map grows. */
static void *put_numbers(void *map)
{
	for (uint64_t key = 0; key < 30; key++)
		numbers_put(map, key, key);
	return NULL;
}

static void *put_number(void *map)
{
	numbers_put(map, 5, 5);
	return NULL;
}

static void *delete_number(void *map)
{
	numbers_delete(map, 5);
	return NULL;
}

static void collide(void *map, void *(*first)(void *), void *(*second)(void *), const char *what)
{
	unsigned before = faults;
	pthread_t threads[2];

	waits = true;
	if (pthread_create(&threads[0], NULL, first, map) != 0)
		abort();
	sem_wait(&inside);
	if (pthread_create(&threads[1], NULL, second, map) != 0)
		abort();
	pthread_join(threads[1], NULL);
	if (faults == before)
		sem_post(&caught);
	pthread_join(threads[0], NULL);
	printf("%s: %s\n", what, faults == before ? "not noticed" : "noticed");
	expect(faults == before + 1, what);
}

static void collide_in_growth(void *(*second)(void *), const char *what)
{
	const struct tophash_hooks hooks = {
		.size = sizeof(hooks), .alloc = slow_alloc, .free = slow_free};
	struct numbers m = {0};

	expect(numbers_set_hooks(&m, &hooks) == 0, "set_hooks");
	for (uint64_t key = 0; key < 14; key++)
		numbers_put(&m, key, key);
	collide(&m, put_numbers, second, what);
	expect(numbers_len(&m) == 30 && numbers_check(&m, 3) == 0, "the first writer's map");
	numbers_fini(&m);
}

static int writers(void)
{
	struct slow m = {0};

	sem_init(&inside, 0, 0);
	sem_init(&caught, 0, 0);
	expect(tophash_set_fault(on_fault) == NULL, "no handler before");
	slow_put(&m, 1, 1);
	collide(&m, put_slow, put_slow, "two puts");
	collide(&m, put_slow, delete_slow, "a put and a delete");
	collide(&m, put_slow, clear_slow, "a put and clear");
	collide(&m, delete_slow, put_slow, "a delete and a put");
	expect(slow_len(&m) == 0 && slow_check(&m, 3) == 0, "the first writer's map");
	slow_fini(&m);
	collide_in_growth(put_number, "growth and a fast put");
	collide_in_growth(delete_number, "growth and a fast delete");
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	for (unsigned i = 0; i < KEYS; i++)
		snprintf(texts[i], sizeof(texts[i]), "%u", i);
	if (strcmp(what, "readers") == 0)
		return readers();
	if (strcmp(what, "mixed") == 0)
		return mixed();
	if (strcmp(what, "writers") == 0)
		return writers();
	fputs("usage: threads readers|mixed|writers\n", stderr);
	return 2;
}
