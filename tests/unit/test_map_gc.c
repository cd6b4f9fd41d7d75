/* Tests what a garbage collector is told. Just before every write to a slot that may hold a pointer
 * to one of its objects, the write is announced. No slot holds an object that is no longer in the
 * map.
 *
 * Objects are in an arena. Therefore the value of a word in the map's memory tells whether it is a
 * pointer. The allocator keeps a shadow of each block. Whenever the map calls a hook, and after
 * each operation, blocks are compared with their shadows. A pointer that appeared or disappeared
 * must be in the bytes that were announced last.
 */
#include "test_map.h"

#define OBJECTS 4096
#define BLOCKS	256

struct object {
	char text[16];
	unsigned in_map; /* how many slots should have it */
	unsigned seen;
	bool marked;
};

struct block {
	uint8_t *mem, *shadow;
	size_t size;
	size_t unread; /* bytes from its start that a marking collector has not read yet */
};

struct watch {
	struct block blocks[BLOCKS];
	const uint8_t *from, *to; /* announced, and not yet written */
	size_t calls[4];	  /* of the barrier, by reason */
	size_t wide;		  /* those of more than a slot */
	size_t slot_size;
	size_t drops;
	uint64_t state;
	unsigned one_in; /* allocations that fail */
};

static struct object arena[OBJECTS];

static struct object *object_at(const uint8_t *word)
{
	uintptr_t at;

	memcpy(&at, word, sizeof(at));
	if (at < (uintptr_t)arena || at >= (uintptr_t)(arena + OBJECTS))
		return NULL;
	return arena + (at - (uintptr_t)arena) / sizeof(*arena);
}

static void settle_words(const struct watch *watch, const uint8_t *mem, const uint8_t *shadow,
			 size_t size)
{
	for (size_t at = 0; at + sizeof(void *) <= size; at += sizeof(void *)) {
		const uint8_t *word = mem + at;

		if (memcmp(word, shadow + at, sizeof(void *)) == 0)
			continue;
		if (object_at(word) || object_at(shadow + at))
			assert_true(word >= watch->from && word + sizeof(void *) <= watch->to);
	}
}

/* Compares a block with its shadow, in large steps first. */
static void settle_block(const struct watch *watch, struct block *block)
{
	for (size_t at = 0, n; at < block->size; at += n) {
		n = block->size - at < 1024 ? block->size - at : 1024;
		if (memcmp(block->mem + at, block->shadow + at, n) == 0)
			continue;
		settle_words(watch, block->mem + at, block->shadow + at, n);
		memcpy(block->shadow + at, block->mem + at, n);
	}
}

static void settle(struct watch *watch)
{
	for (size_t i = 0; i < BLOCKS; i++)
		if (watch->blocks[i].mem)
			settle_block(watch, &watch->blocks[i]);
	watch->from = watch->to = NULL;
}

static void *watch_alloc(size_t size, void *ctx)
{
	struct watch *watch = ctx;
	size_t i = 0;

	settle(watch);
	if (watch->one_in && test_random(&watch->state) % watch->one_in == 0)
		return NULL;
	while (watch->blocks[i].mem)
		assert_true(++i < BLOCKS);
	watch->blocks[i] = (struct block){calloc(1, size), calloc(1, size), size, 0};
	assert_non_null(watch->blocks[i].mem);
	assert_non_null(watch->blocks[i].shadow);
	return watch->blocks[i].mem;
}

static void watch_free(void *p, size_t size, void *ctx)
{
	struct watch *watch = ctx;
	size_t i = 0;

	settle(watch);
	while (watch->blocks[i].mem != p)
		assert_true(++i < BLOCKS);
	assert_int_equal(watch->blocks[i].size, size);
	for (size_t at = 0; at + sizeof(void *) <= size; at += sizeof(void *))
		if (object_at(watch->blocks[i].mem + at))
			fail_msg("%zu of %zu bytes given back hold a pointer", at, size);
	free(watch->blocks[i].mem);
	free(watch->blocks[i].shadow);
	watch->blocks[i] = (struct block){0};
}

static void watch_barrier(void *slot, size_t size, enum tophash_write why, void *ctx)
{
	struct watch *watch = ctx;
	const uint8_t *from = slot;
	size_t i = 0;

	settle(watch);
	while (!watch->blocks[i].mem || from < watch->blocks[i].mem ||
	       from + size > watch->blocks[i].mem + watch->blocks[i].size)
		assert_true(++i < BLOCKS);
	if (why == TOPHASH_WRITE_NEW || why == TOPHASH_WRITE_MOVE)
		assert_true(from[0] == 0 && memcmp(from, from + 1, size - 1) == 0);
	watch->from = from;
	watch->to = from + size;
	watch->calls[why]++;
	watch->wide += size > watch->slot_size;
}

static void watch_drop(void *entry, void *ctx)
{
	struct watch *watch = ctx;

	(void)entry;
	settle(watch);
	watch->drops++;
}

/* Checks, after an operation, that every object is in as many slots as it should be. */
static void inspect(struct watch *watch)
{
	settle(watch);
	for (size_t i = 0; i < OBJECTS; i++)
		arena[i].seen = 0;
	for (size_t i = 0; i < BLOCKS; i++) {
		const struct block *block = &watch->blocks[i];

		for (size_t at = 0; block->mem && at + sizeof(void *) <= block->size;
		     at += sizeof(void *)) {
			struct object *object = object_at(block->mem + at);

			if (object)
				object->seen++;
		}
	}
	for (size_t i = 0; i < OBJECTS; i++)
		if (arena[i].seen != arena[i].in_map)
			fail_msg("object %zu is in %u slots, not %u", i, arena[i].seen,
				 arena[i].in_map);
}

static struct tophash_hooks hooks_of(struct watch *watch)
{
	return (struct tophash_hooks){.size = sizeof(struct tophash_hooks),
				      .ctx = watch,
				      .alloc = watch_alloc,
				      .free = watch_free,
				      .barrier = watch_barrier};
}

/* ---- one map, under everything that may happen to it ---- */

#define KEYS_HERE 1500

/* As large as the largest kind of key, because the functions are inlined for all kinds. */
struct key {
	struct object *object;
	void *unused;
};

/* Key i is object i. Any of the objects after KEYS_HERE may be a value. */
struct world {
	struct watch watch;
	struct tophash map;
	const struct tophash_type *type;
	struct object *vals[KEYS_HERE]; /* NULL: the key is not there */
	size_t len, puts, replaces, deletes;
};

static const struct tophash_type types[] = {
	{.kind = TOPHASH_KIND_INT, .key_size = 8, .val_size = 8, .val_offset = 8, .slot_size = 16},
	{.kind = TOPHASH_KIND_CSTR,
	 .key_size = 8,
	 .val_size = 8,
	 .val_offset = 16,
	 .hash_offset = 8,
	 .slot_size = 24},
	{.kind = TOPHASH_KIND_INT,
	 .key_size = 8,
	 .val_size = 432,
	 .val_offset = 8,
	 .slot_size = 440},
};

static void world_put(struct world *world, unsigned i, struct object *val)
{
	struct key key = {.object = &arena[i]};
	int ret = 0;
	uint8_t *slot = tophash_put_slot(&world->map, world->type, &key, &ret);

	if (!slot) {
		assert_int_equal(ret, -ENOMEM);
		return;
	}
	memcpy(slot + world->type->val_offset, &val, sizeof(val));
	assert_int_equal(ret, world->vals[i] == NULL);
	if (world->vals[i])
		world->vals[i]->in_map--;
	else
		arena[i].in_map++;
	world->puts += ret == 1;
	world->replaces += ret == 0;
	world->len += ret == 1;
	world->vals[i] = val;
	val->in_map++;
}

static void world_forget(struct world *world, unsigned i)
{
	arena[i].in_map--;
	world->vals[i]->in_map--;
	world->vals[i] = NULL;
	world->len--;
	world->deletes++;
}

static void world_delete(struct world *world, unsigned i)
{
	struct key key = {.object = &arena[i]};

	assert_int_equal(tophash_delete_key(&world->map, world->type, &key),
			 world->vals[i] != NULL);
	if (world->vals[i])
		world_forget(world, i);
}

static void world_forget_all(struct world *world)
{
	for (unsigned i = 0; i < KEYS_HERE; i++)
		if (world->vals[i])
			world_forget(world, i);
}

/* Checks the calls. Each entry that is added, changed or removed has one call. Each entry that is
 * moved has two: for its new place and for its old one. */
static void world_count(const struct world *world)
{
	const size_t *calls = world->watch.calls;

	assert_int_equal(world->len, world->map.len);
	assert_int_equal(calls[TOPHASH_WRITE_NEW], world->puts);
	assert_int_equal(calls[TOPHASH_WRITE_REPLACE], world->replaces);
	assert_int_equal(calls[TOPHASH_WRITE_CLEAR], world->deletes + calls[TOPHASH_WRITE_MOVE]);
}

static void world_clone(struct world *world)
{
	struct tophash copy = {0};
	unsigned is_copied = 0;

	if (tophash_clone(&world->map, &copy) == 0)
		is_copied = 1;
	for (unsigned i = 0; is_copied && i < KEYS_HERE; i++) {
		if (!world->vals[i])
			continue;
		arena[i].in_map++;
		world->vals[i]->in_map++;
	}
	inspect(&world->watch);
	tophash_fini(&copy);
	for (unsigned i = 0; is_copied && i < KEYS_HERE; i++) {
		if (!world->vals[i])
			continue;
		arena[i].in_map--;
		world->vals[i]->in_map--;
	}
}

/* Makes 200 puts or deletes, then an operation that is rarer. */
static void world_turn(struct world *world, uint64_t *random, unsigned turn)
{
	unsigned share = turn / 8 % 2 ? 10 : 90; /* grows for eight turns, then shrinks */

	for (unsigned i = 0; i < 200; i++) {
		uint64_t x = test_random(random);
		unsigned key = (unsigned)(x >> 32) % KEYS_HERE;

		if (x % 100 < share)
			world_put(world, key, &arena[KEYS_HERE + (x >> 8) % (OBJECTS - KEYS_HERE)]);
		else
			world_delete(world, key);
		tophash_step(&world->map, x % 7 == 0);
		if (i % 16 == 0)
			inspect(&world->watch);
	}
	inspect(&world->watch);
	assert_int_equal(tophash_check(&world->map, 3), 0);
	if (!world->watch.one_in)
		world_count(world);
	if (turn % 8 == 5)
		tophash_reserve(&world->map, world->type, world->len * 3);
	if (turn % 8 == 6)
		tophash_shrink(&world->map);
	if (turn % 32 == 27) {
		tophash_clear(&world->map);
		world_forget_all(world);
	}
	inspect(&world->watch);
}

static void run_world(const struct tophash_type *type, const char *options, unsigned one_in)
{
	static struct world world;
	struct tophash_hooks hooks = hooks_of(&world.watch);
	uint64_t random = 7;

	memset(&world, 0, sizeof(world));
	world.type = type;
	world.watch.slot_size = type->slot_size;
	world.watch.one_in = one_in;
	for (unsigned i = 0; i < OBJECTS; i++) {
		snprintf(arena[i].text, sizeof(arena[i].text), "%u", i);
		arena[i].in_map = 0;
	}
	assert_int_equal(tophash_debug(options), 0);
	assert_int_equal(tophash_set_hooks(&world.map, &hooks), 0);
	for (unsigned turn = 0; turn < 32; turn++)
		world_turn(&world, &random, turn);
	if (!one_in) {
		assert_true(world.watch.calls[TOPHASH_WRITE_MOVE] > 1000);
		assert_true(world.watch.wide > 0);
	}
	/* The clone's own calls are not counted. */
	world_clone(&world);
	tophash_fini(&world.map);
	world_forget_all(&world);
	inspect(&world.watch);
	for (unsigned i = 0; i < BLOCKS; i++)
		assert_null(world.watch.blocks[i].mem);
	tophash_debug(NULL);
}

TEST(every_write_is_announced)
{
	static const char *const options[] = {"seed=1", "seed=2,evacuate=manual",
					      "seed=3,evacuate=eager"};

	for (unsigned i = 0; i < sizeof(types) / sizeof(*types); i++)
		for (unsigned k = 0; k < sizeof(options) / sizeof(*options); k++)
			run_world(&types[i], options[k], 0);
}

TEST(announced_without_memory)
{
	for (unsigned i = 0; i < sizeof(types) / sizeof(*types); i++)
		run_world(&types[i], "seed=4", 3);
}

/* A drop hook may start a collection. It runs before the barrier, never between the barrier and the
 * write.
 */
TEST(drops_come_before_the_barrier)
{
	static struct watch watch;
	struct tophash_hooks hooks = hooks_of(&watch);
	struct tophash map = {0};

	hooks.drop_key = hooks.drop_val = watch_drop;
	watch.slot_size = 16;
	tophash_set_hooks(&map, &hooks);
	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < 300; i++) {
			void *key = &arena[i];

			test_put(&map, &types[0], &key, (uintptr_t)&arena[i + 1000 + turn]);
			settle(&watch);
		}
	}
	assert_int_equal(watch.drops, 600);
	for (unsigned i = 0; i < 200; i++) {
		void *key = &arena[i];

		tophash_delete_key(&map, &types[0], &key);
		settle(&watch);
	}
	tophash_fini(&map);
	assert_int_equal(watch.drops, 1200);
}

/* ---- a collector that marks from a snapshot ----
 *
 * While the program runs, it marks the objects that were there when it began: the registers at once, the
 * map's memory little by little, from the end. The barrier marks an object before it leaves a slot. New
 * objects are marked from the start, and new memory is not read. */

#define HELD 4096

struct snapshot {
	struct watch watch; /* first: the hooks' ctx */
	bool marking;
	unsigned deaf;		   /* bits of enum tophash_write: calls that it ignores */
	struct object *held[HELD]; /* objects that the program has read in the meantime */
	size_t held_len;
};

static void mark_range(const uint8_t *from, size_t size)
{
	for (size_t at = 0; at + sizeof(void *) <= size; at += sizeof(void *)) {
		struct object *object = object_at(from + at);

		if (object)
			object->marked = true;
	}
}

static void snapshot_barrier(void *slot, size_t size, enum tophash_write why, void *ctx)
{
	struct snapshot *snapshot = ctx;

	watch_barrier(slot, size, why, &snapshot->watch);
	if (snapshot->marking && !(snapshot->deaf >> why & 1))
		mark_range(slot, size);
}

static void snapshot_begin(struct snapshot *snapshot)
{
	for (size_t i = 0; i < OBJECTS; i++)
		arena[i].marked = false;
	for (size_t i = 0; i < BLOCKS; i++)
		snapshot->watch.blocks[i].unread = snapshot->watch.blocks[i].size / 8 * 8;
	snapshot->held_len = 0;
	snapshot->marking = true;
}

/* Reads the next part. Returns false when all was read. */
static bool snapshot_go_on(struct snapshot *snapshot)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		struct block *block = &snapshot->watch.blocks[i];
		size_t n = block->unread < 128 ? block->unread : 128;

		if (n == 0)
			continue;
		block->unread -= n;
		mark_range(block->mem + block->unread, n);
		return true;
	}
	snapshot->marking = false;
	return false;
}

/* Changes the map once, after reading the old value. */
static void snapshot_change(struct snapshot *snapshot, struct world *world, uint64_t x,
			    unsigned share)
{
	unsigned key = (unsigned)(x >> 32) % KEYS_HERE;
	struct object *val = &arena[KEYS_HERE + (x >> 8) % (OBJECTS - KEYS_HERE)];

	if (world->vals[key] && snapshot->held_len < HELD)
		snapshot->held[snapshot->held_len++] = world->vals[key];
	if (x % 100 >= share) {
		world_delete(world, key);
		return;
	}
	/* An object from elsewhere, such as one that the program has just made. */
	if (val->in_map)
		return;
	val->marked = true;
	if (!world->vals[key])
		arena[key].marked = true;
	world_put(world, key, val);
}

/* Counts the objects that the program can still reach and the collector would free. */
static size_t snapshot_lost(const struct snapshot *snapshot)
{
	size_t ret = 0;

	for (size_t i = 0; i < OBJECTS; i++)
		ret += arena[i].in_map && !arena[i].marked;
	for (size_t i = 0; i < snapshot->held_len; i++)
		ret += !snapshot->held[i]->in_map && !snapshot->held[i]->marked;
	return ret;
}

static size_t run_snapshot(unsigned deaf)
{
	static struct snapshot snapshot;
	static struct world world;
	struct tophash_hooks hooks = hooks_of(&snapshot.watch);
	uint64_t random = 5;
	size_t lost = 0;

	memset(&snapshot, 0, sizeof(snapshot));
	memset(&world, 0, sizeof(world));
	for (unsigned i = 0; i < OBJECTS; i++)
		arena[i].in_map = 0;
	hooks.barrier = snapshot_barrier;
	snapshot.watch.slot_size = 16;
	snapshot.deaf = deaf;
	world.type = &types[0];
	tophash_debug("seed=6");
	tophash_set_hooks(&world.map, &hooks);
	for (unsigned round = 0; round < 24; round++) {
		snapshot_begin(&snapshot);
		while (snapshot_go_on(&snapshot))
			for (unsigned i = 0; i < 4; i++)
				snapshot_change(&snapshot, &world, test_random(&random),
						round % 8 < 4 ? 80 : 20);
		for (unsigned i = 0; round == 0 && i < KEYS_HERE; i++)
			snapshot_change(&snapshot, &world, (uint64_t)i << 32 | i << 8, 100);
		lost += snapshot_lost(&snapshot);
	}
	tophash_fini(&world.map);
	tophash_debug(NULL);
	return lost;
}

/* Such a collector needs the barrier for deletes and replaces, but not for new entries and moves:
 * the value that they write was somewhere else when it began. */
TEST(snapshots_need_the_barrier_of_deletes)
{
	assert_int_equal(run_snapshot(0), 0);
	assert_int_equal(run_snapshot(1 << TOPHASH_WRITE_NEW | 1 << TOPHASH_WRITE_MOVE), 0);
	assert_true(run_snapshot(1 << TOPHASH_WRITE_CLEAR) > 0);
	assert_true(run_snapshot(1 << TOPHASH_WRITE_REPLACE) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_write_is_announced),
		cmocka_unit_test(announced_without_memory),
		cmocka_unit_test(drops_come_before_the_barrier),
		cmocka_unit_test(snapshots_need_the_barrier_of_deletes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
