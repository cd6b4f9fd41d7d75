/* Maps in each state: of each size and shape, and in the middle of a move. Run it with
 * TOPHASH_DEBUG=evacuate=manual. A move then goes no further than the program moves it.
 */
#include "chain.h"
#include "move.h"
#include "truth.h"

TOPHASH_MAP(numbers, uint64_t, uint64_t);

static uint64_t same_hash(const int *key)
{
	(void)key;
	return 7;
}

static bool same(const int *a, const int *b)
{
	return *a == *b;
}

TOPHASH_MAP_WITH(crowd, int, int, same_hash, same);

/* It is so large that a piece has one bucket, and a gap before the slots. */
struct weight {
	int n;
	char fill[2996];
};

TOPHASH_MAP(heavy, int, struct weight);

static size_t pieces_held;

static void *piece_alloc(size_t size, void *ctx)
{
	(void)ctx;
	pieces_held += size;
	return malloc(size);
}

static void piece_free(void *p, size_t size, void *ctx)
{
	(void)ctx;
	pieces_held -= size;
	free(p);
}

static const struct tophash_hooks hooks = {
	.size = sizeof(hooks), .alloc = piece_alloc, .free = piece_free};

static struct numbers nothing, one, small, full, block, mapped, in_pieces;
static struct numbers grow_0, grow_1, grow_7, grow_mapped, grow_pieces;
static struct numbers shrink_0, shrink_1, shrink_5, shrink_mapped, shrink_pieces;
static struct heavy heavy;
static struct crowd chain, grow_rest, shrink_rest;

static void say(const char *name, const struct tophash *map, uint64_t from, uint64_t to)
{
	truth_head(name, map);
	for (uint64_t key = from; key < to; key++) {
		uint64_t val = key * key;

		truth_entry(&key, sizeof(key), &val, sizeof(val), "%" PRIu64 "\t%" PRIu64, key,
			    val);
	}
}

static void say_crowd(const char *name, const struct tophash *map, int from, int to)
{
	truth_head(name, map);
	for (int key = from; key < to; key++) {
		int val = -key;

		truth_entry(&key, sizeof(key), &val, sizeof(val), "%d\t%d", key, val);
	}
}

static void put(struct numbers *map, uint64_t from, uint64_t to)
{
	for (uint64_t key = from; key < to; key++)
		if (numbers_put(map, key, key * key) != 1)
			abort();
}

static bool moves(const struct tophash *map)
{
	struct tophash_stats stats;

	tophash_stats(map, &stats);
	return stats.old_buckets != 0;
}

static void finish(struct tophash *map)
{
	while (moves(map))
		tophash_step(map, 1000);
}

/* Puts until there are n elements, and finishes each move. Then puts until the next move begins,
 * and does some steps of it. */
static uint64_t grow(struct numbers *map, uint64_t n, unsigned steps)
{
	for (uint64_t key = 0; key < n; key++) {
		put(map, key, key + 1);
		finish(&map->map);
	}
	while (!moves(&map->map)) {
		put(map, n, n + 1);
		n++;
	}
	numbers_step(map, steps);
	put(map, n, n + 3); /* both in the part that was moved, and in the other part */
	return n + 3;
}

/* Deletes from the lowest key on until the map begins to shrink. Returns the lowest remaining
 * key. */
static uint64_t shrink(struct numbers *map, uint64_t n, unsigned steps)
{
	uint64_t key = 0;

	for (uint64_t i = 0; i < n; i++) {
		put(map, i, i + 1);
		finish(&map->map);
	}
	while (!moves(&map->map))
		numbers_delete(map, key++);
	numbers_step(map, steps);
	numbers_delete(map, key++);
	return key;
}

static bool half_way(const struct crowd *map)
{
	return map->map.core->home_moved;
}

/* Moves until the home of a bucket has moved and its chain has not. */
static void step_half(struct crowd *map)
{
	do
		crowd_step(map, 1);
	while (!half_way(map));
}

static void crowds(void)
{
	for (int i = 0; i < 60; i++) {
		crowd_put(&chain, i, -i);
		finish(&chain.map);
		crowd_put(&grow_rest, i, -i);
	}
	say_crowd("chain", &chain.map, 0, 60);
	step_half(&grow_rest);
	say_crowd("grow_rest", &grow_rest.map, 0, 60);
	for (int i = 0; i < 300; i++) {
		crowd_put(&shrink_rest, i, -i);
		finish(&shrink_rest.map);
	}
	for (int i = 0; i < 300 && !moves(&shrink_rest.map); i++) {
		crowd_delete(&shrink_rest, i);
		if (moves(&shrink_rest.map)) {
			step_half(&shrink_rest);
			say_crowd("shrink_rest", &shrink_rest.map, i + 1, 300);
		}
	}
}

static void resting(void)
{
	struct weight weight;

	put(&one, 0, 1);
	put(&small, 0, 5);
	put(&full, 0, TOPHASH_SLOTS);
	for (uint64_t key = 0; key < 5000; key++) {
		put(&block, key, key + 1);
		finish(&block.map);
	}
	numbers_set_hooks(&in_pieces, &hooks);
	for (uint64_t key = 0; key < 14000; key++) {
		put(&mapped, key, key + 1);
		finish(&mapped.map);
		put(&in_pieces, key, key + 1);
		finish(&in_pieces.map);
	}
	heavy_set_hooks(&heavy, &hooks);
	memset(weight.fill, 'h', sizeof(weight.fill));
	for (int key = 0; key < 150; key++) {
		weight.n = -key;
		heavy_put(&heavy, key, weight);
		finish(&heavy.map);
	}
	say("nothing", &nothing.map, 0, 0);
	say("one", &one.map, 0, 1);
	say("small", &small.map, 0, 5);
	say("full", &full.map, 0, TOPHASH_SLOTS);
	say("block", &block.map, 0, 5000);
	say("mapped", &mapped.map, 0, 14000);
	say("in_pieces", &in_pieces.map, 0, 14000);
	truth_head("heavy", &heavy.map);
	for (int key = 0; key < 150; key++) {
		weight.n = -key;
		truth_entry(&key, sizeof(key), &weight, sizeof(weight),
			    "%d\t{n = %d, fill = \"%.2996s\"}", key, -key, weight.fill);
	}
}

static void growing(void)
{
	say("grow_0", &grow_0.map, 0, grow(&grow_0, 100, 0));
	say("grow_1", &grow_1.map, 0, grow(&grow_1, 500, 1));
	say("grow_7", &grow_7.map, 0, grow(&grow_7, 3000, 7));
	say("grow_mapped", &grow_mapped.map, 0, grow(&grow_mapped, 8000, 400));
	numbers_set_hooks(&grow_pieces, &hooks);
	say("grow_pieces", &grow_pieces.map, 0, grow(&grow_pieces, 8000, 400));
}

static void shrinking(void)
{
	say("shrink_0", &shrink_0.map, shrink(&shrink_0, 100, 0), 100);
	say("shrink_1", &shrink_1.map, shrink(&shrink_1, 500, 1), 500);
	say("shrink_5", &shrink_5.map, shrink(&shrink_5, 3000, 5), 3000);
	say("shrink_mapped", &shrink_mapped.map, shrink(&shrink_mapped, 12000, 450), 12000);
	numbers_set_hooks(&shrink_pieces, &hooks);
	say("shrink_pieces", &shrink_pieces.map, shrink(&shrink_pieces, 12000, 450), 12000);
}

int main(int argc, char **argv)
{
	truth = argc > 1 ? fopen(argv[1], "w") : stdout;
	if (!truth)
		return 1;
	resting();
	growing();
	shrinking();
	crowds();
	truth_done();
	return 0;
}
