/* What a garbage collector is told: every write to a slot that may hold a pointer to one of its objects is
 * announced, just before it; and no slot holds an object that is in the map no more.
 *
 * Objects lie in an arena, so that a word of the map's memory is known to be a pointer by its value. The
 * allocator keeps a shadow of each block. Whenever the map calls a hook, and after each operation, blocks
 * and shadows are compared: a pointer that came or went must lie in the bytes announced last.
 */
#include "test_map.h"

#define OBJECTS 4096
#define BLOCKS 256

struct object {
	char text[16];
	unsigned in_map; /* how many slots should have it */
	unsigned seen;
};

struct block {
	uint8_t *mem, *shadow;
	size_t size;
};

struct watch {
	struct block blocks[BLOCKS];
	const uint8_t *from, *to; /* announced, and not yet written */
	size_t calls[4];	  /* of the barrier, by reason */
	size_t wide;		  /* of them of more than a slot */
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

/* Compares a block with its shadow. */
static void settle_block(const struct watch *watch, struct block *block)
{
	if (memcmp(block->mem, block->shadow, block->size) == 0)
		return;
	for (size_t at = 0; at + sizeof(void *) <= block->size; at += sizeof(void *)) {
		const uint8_t *word = block->mem + at;

		if (memcmp(word, block->shadow + at, sizeof(void *)) == 0)
			continue;
		if (object_at(word) || object_at(block->shadow + at))
			assert_true(word >= watch->from && word + sizeof(void *) <= watch->to);
	}
	memcpy(block->shadow, block->mem, block->size);
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
	watch->blocks[i] = (struct block){calloc(1, size), calloc(1, size), size};
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
		assert_null(object_at(watch->blocks[i].mem + at));
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
		for (size_t at = 0; at < size; at++)
			assert_int_equal(from[at], 0);
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

/* After an operation: every object is in as many slots as it should be. */
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
		assert_int_equal(arena[i].seen, arena[i].in_map);
}

static struct tophash_hooks hooks_of(struct watch *watch)
{
	return (struct tophash_hooks){.size = sizeof(struct tophash_hooks),
				      .ctx = watch,
				      .alloc = watch_alloc,
				      .free = watch_free,
				      .barrier = watch_barrier};
}

/* ---- one map, under everything that may happen to it -------------------------------------------------- */

#define KEYS_HERE 1500

/* As large as the largest kind of key: the functions are inlined for all of them. */
struct key {
	struct object *object;
	void *unused;
};

/* Key i is object i; of those behind KEYS_HERE any may be a value. */
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
	{.kind = TOPHASH_KIND_INT, .key_size = 8, .val_size = 432, .val_offset = 8, .slot_size = 440},
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

	assert_int_equal(tophash_delete_key(&world->map, world->type, &key), world->vals[i] != NULL);
	if (world->vals[i])
		world_forget(world, i);
}

static void world_forget_all(struct world *world)
{
	for (unsigned i = 0; i < KEYS_HERE; i++)
		if (world->vals[i])
			world_forget(world, i);
}

/* Each entry that comes, changes or goes has its call, each that is moved has two: for where it goes and
 * for where it was. */
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

/* 200 puts or deletes, then something rarer. */
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
		if (i % 8 == 0)
			inspect(&world->watch);
	}
	inspect(&world->watch);
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
	for (unsigned turn = 0; turn < 48; turn++)
		world_turn(&world, &random, turn);
	if (!one_in) {
		assert_true(world.watch.calls[TOPHASH_WRITE_MOVE] > 1000);
		assert_true(world.watch.wide > 0);
	}
	/* Its own calls are not counted. */
	world_clone(&world);
	tophash_fini(&world.map);
	world_forget_all(&world);
	inspect(&world.watch);
	for (unsigned i = 0; i < BLOCKS; i++)
		assert_null(world.watch.blocks[i].mem);
	tophash_debug(NULL);
}

static void every_write_is_announced(void **state)
{
	static const char *const options[] = {"seed=1,check=3", "seed=2,evacuate=manual",
					      "seed=3,evacuate=eager"};

	(void)state;
	for (unsigned i = 0; i < sizeof(types) / sizeof(*types); i++)
		for (unsigned k = 0; k < sizeof(options) / sizeof(*options); k++)
			run_world(&types[i], options[k], 0);
}

static void announced_without_memory(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(types) / sizeof(*types); i++)
		run_world(&types[i], "seed=4,check=2", 3);
}

/* A drop hook may set off a collection: it runs before the barrier, never between it and the write. */
static void drops_come_before_the_barrier(void **state)
{
	static struct watch watch;
	struct tophash_hooks hooks = hooks_of(&watch);
	struct tophash map = {0};

	(void)state;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_write_is_announced),
		cmocka_unit_test(announced_without_memory),
		cmocka_unit_test(drops_come_before_the_barrier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
