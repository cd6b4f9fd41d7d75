/* Makes a map's core, sets the members that the fast path reads, and applies TOPHASH_DEBUG at program start. */
#include "core.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "debug.h"
#include "describe.h"
#include "hooks.h"
#include "mem.h"
#include "pool.h"
#include "seed.h"
#include "store.h"

/* Returns the length that the deletes of a map must leave for it to shrink to half its buckets; one with a single bucket
 * becomes small. A NaN key keeps a map from being small. */
static size_t shrink_at_of(const struct tophash *map)
{
	const struct tophash_core *core = map->core;

	if (map->keep_room || core->floor >= (core->bits ? core->bits : 1))
		return 0;
	if (core->bits == 0)
		return core->nan ? 0 : SMALL_AGAIN;
	return (size_t)((uint64_t)room_of(core->bits) * SHRINK_PERCENT / 100);
}

/* Returns the length that the deletes of a small map must leave for its block to be shortened. */
static size_t small_shrink_at(const struct tophash *map)
{
	size_t size = TOPHASH_WORD_SIZE + small_slots(map) * map->type->slot_size;

	return size <= SMALL_KEPT || map->keep_room || map->reserved ? 0 : small_slots(map) / 4;
}

void fast_path_update(struct tophash *map)
{
	struct tophash_core *core = map->core;

	if (!core) {
		map->shift = 32;
		map->tags = small_word(map);
		map->shrink_at = small_shrink_at(map);
		/* The delete of the last element comes to the slow path where it has something to do. */
		if (map->shrink_at || map->had_core)
			map->shrink_at++;
	} else {
		bool direct = core->move == MOVE_NONE && !core->store.pieces;

		map->shift = (uint8_t)(32u - core->bits);
		map->tags = direct ? core->store.tags : NULL;
		map->slots = core->store.slots;
		map->grow_at = room_of(core->bits);
		/* The put at that length forgets the floor. */
		if (core->floor && map->grow_at > room_of(core->floor) / 2)
			map->grow_at = room_of(core->floor) / 2;
		map->shrink_at = shrink_at_of(map) + 1;
	}
	map->write_tags = !map->writing && has_fast_writes(map) ? map->tags : NULL;
}

/* Returns how many old buckets one put or delete moves. */
static unsigned share_of(const struct tophash_type *type)
{
	size_t n = SHARE_BYTES / ((size_t)type->slot_size * TOPHASH_SLOTS);

	return n > SHARE_MAX ? SHARE_MAX : n > 0 ? (unsigned)n : 1;
}

unsigned bits_for(size_t n)
{
	unsigned ret = 0;

	while (ret <= BUCKET_BITS_MAX && room_of(ret) < n)
		ret++;
	return ret;
}

/* Returns the number from which a map counts its moves. Each map gets a different one. Otherwise an
 * iterator could take a map that was made anew at the same address for the map that it began
 * with. Random seeds differ as well; those of TOPHASH_DEBUG=seed=N do not. */
static uint32_t first_move(const struct tophash *map)
{
	static uint32_t last;

	if (!debug.seeded)
		return (uint32_t)map->seed;
	return __atomic_add_fetch(&last, 0x9e3779b9u, __ATOMIC_RELAXED);
}

void map_begin(struct tophash *map)
{
	if (!map->mult)
		seed_renew(map);
	map->moves += first_move(map);
}

void seed_refresh(struct tophash *map)
{
	if (!map->core && !map->had_core)
		return;
	map->had_core = false;
	seed_renew(map);
	fast_path_update(map);
}

int core_begin(struct tophash *map, unsigned bits)
{
	struct tophash_core *core = mem_alloc(map, sizeof(*core));
	int err;

	if (!core)
		return -ENOMEM;
	map->core = core;
	err = store_init(map, (size_t)1 << bits);
	if (err) {
		map->core = NULL;
		mem_free(map, core, sizeof(*core));
		return err;
	}
	core->bits = (uint8_t)bits;
	core->share = (uint8_t)share_of(map->type);
	pool_init(&core->pool, map->type->slot_size);
	return 0;
}

int core_new(struct tophash *map, const struct tophash_type *type, size_t n)
{
	unsigned bits = bits_for(n);
	int err;

	if (bits > BUCKET_BITS_MAX)
		return -EOVERFLOW;
	map->type = type;
	err = core_begin(map, bits);
	if (err)
		return err;
	map->core->floor = (uint8_t)bits;
	map_begin(map);
	fast_path_update(map);
	return 0;
}

void core_fini(struct tophash *map)
{
	pool_fini(map);
	store_fini(map);
	mem_free(map, map->core, sizeof(*map->core));
	map->core = NULL;
}

/* Applies TOPHASH_DEBUG when a program with this library starts. It is here because every program that uses a
 * map links this file. In a child of fork() the seeds must differ from those of the parent;
 * pthread_atfork() may lack the memory for that, and they are the same then. */
__attribute__((constructor)) static void library_init(void)
{
	const char *options = secure_getenv("TOPHASH_DEBUG");

	note_keep();
	pthread_atfork(NULL, NULL, random_forget);
	if (options && tophash_debug(options) != 0)
		fprintf(stderr,
			"tophash: TOPHASH_DEBUG=%s: not understood; options are evacuate=shared|manual|eager, "
			"seed=N, trace=0|1, check=0..3, apart by commas\n",
			options);
	debug.stamped = debug.check != 0;
}
