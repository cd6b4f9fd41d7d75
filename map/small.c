/* Small maps: one block of up to 15 slots, without a core. A block has 1, 3, 8 or 15 slots. If
 * slots are very small, the first block already has more. */
#include "small.h"

#include <errno.h>
#include <string.h>

#include "core.h"
#include "hooks.h"
#include "mem.h"
#include "pool.h"
#include "seed.h"
#include "store.h"

#define BLOCK_MIN 40 /* bytes that malloc gives at least, or nearly so */

static size_t small_size(const struct tophash_type *type, size_t slots)
{
	return TOPHASH_WORD_SIZE + slots * type->slot_size;
}

/* The sizes of blocks in slots. */
static const uint8_t small_sizes[] = {1, 3, 8, TOPHASH_SLOTS};

/* Returns the slots of the shortest block for n elements. */
static unsigned slots_for(const struct tophash_type *type, size_t n)
{
	unsigned i = 0;

	while (small_sizes[i] < TOPHASH_SLOTS &&
	       (small_sizes[i] < n || small_size(type, small_sizes[i + 1]) <= BLOCK_MIN))
		i++;
	return small_sizes[i];
}

/* Writes the tag word of a block without elements. */
static void small_word_clear(uint8_t *word, unsigned slots)
{
	static const uint8_t tags[2 * TOPHASH_SLOTS] = {[TOPHASH_SLOTS... 2 * TOPHASH_SLOTS - 1] =
								TOPHASH_NO_SLOT};

	memcpy(word, tags + TOPHASH_SLOTS - slots, TOPHASH_SLOTS);
	word[TOPHASH_OVERFLOW] = 0;
}

/* Returns the slots of a new block, or NULL. */
static uint8_t *small_block(const struct tophash *map, unsigned slots)
{
	size_t size = small_size(map->type, slots);
	uint8_t *word = has_barrier(map) ? mem_alloc(map, size) : mem_take(map, size);

	if (!word)
		return NULL;
	small_word_clear(word, slots);
	return word + TOPHASH_WORD_SIZE;
}

static void small_free(const struct tophash *map, uint8_t *slots, size_t n)
{
	mem_free(map, slots - TOPHASH_WORD_SIZE, small_size(map->type, n));
}

/* Moves the entries of a bucket to the first slots of a new block. */
static void small_pack(const struct tophash *map, uint8_t *to, const uint8_t *word, uint8_t *slots,
		       size_t n)
{
	size_t slot_size = map->type->slot_size;
	uint8_t *to_word = to - TOPHASH_WORD_SIZE;

	for (size_t i = 0; i < n; i++) {
		if (!word[i])
			continue;
		*to_word++ = word[i];
		slot_move(map, to, slots + i * slot_size);
		to += slot_size;
	}
}

/* Makes the map use a block. */
static void small_use(struct tophash *map, uint8_t *slots, unsigned n)
{
	map->slots = slots;
	map->grow_at = n;
	map->reserved = false;
	map->moves++;
	fast_path_update(map);
}

/* Keeps the block of a map for n future elements, until it grows or is shrunk. */
static void small_keep(struct tophash *map, size_t n)
{
	map->reserved = n > map->len;
	fast_path_update(map);
}

int map_new(struct tophash *map, const struct tophash_type *type, size_t n)
{
	unsigned cap;
	uint8_t *slots;

	if (n > TOPHASH_SLOTS)
		return core_new(map, type, n);
	cap = slots_for(type, n);
	map->type = type;
	slots = small_block(map, cap);
	if (!slots)
		return -ENOMEM;
	map_begin(map);
	map->slots = slots;
	map->grow_at = cap;
	map->reserved = n > 0;
	map->moves++;
	fast_path_update(map);
	return 0;
}

/* Gives a small map another block. Returns 0 or -ENOMEM. */
static int small_resize(struct tophash *map, unsigned slots)
{
	uint8_t *old = map->slots, *block;
	size_t n = small_slots(map);

	if (slots == n)
		return 0;
	block = small_block(map, slots);
	if (!block)
		return -ENOMEM;
	small_pack(map, block, small_word(map), old, n);
	small_free(map, old, n);
	small_use(map, block, slots);
	return 0;
}

int core_of_small(struct tophash *map)
{
	uint8_t *word = small_word(map), *slots = map->slots, *to;
	size_t n = small_slots(map);
	int err = core_begin(map, 0);

	if (err)
		return err;
	to = store_slots(&map->core->store, 0);
	for (size_t i = 0; i < n; i++) {
		if (!word[i])
			continue;
		store_word(&map->core->store, 0)[i] = word[i];
		slot_move(map, to + i * map->type->slot_size, slots + i * map->type->slot_size);
	}
	small_free(map, slots, n);
	map->moves++;
	fast_path_update(map);
	return 0;
}

bool small_of_core(struct tophash *map)
{
	struct tophash_core *core = map->core;
	unsigned slots = slots_for(map->type, map->len);
	uint8_t *block = small_block(map, slots);

	if (!block) {
		core->stats.put_off++;
		return false;
	}
	small_pack(map, block, store_word(&core->store, 0), store_slots(&core->store, 0),
		   TOPHASH_SLOTS);
	core_fini(map);
	map->had_core = true;
	small_use(map, block, slots);
	return true;
}

int small_grow(struct tophash *map)
{
	size_t n = small_slots(map);

	return n < TOPHASH_SLOTS ? small_resize(map, slots_for(map->type, n + 1))
				 : core_of_small(map);
}

int small_reserve(struct tophash *map, size_t n)
{
	int err;

	if (n > TOPHASH_SLOTS)
		return core_of_small(map);
	err = n > small_slots(map) ? small_resize(map, slots_for(map->type, n)) : 0;
	if (err == 0)
		small_keep(map, n);
	return err;
}

void small_shorten(struct tophash *map)
{
	small_resize(map, slots_for(map->type, map->len + 1));
}

int small_shrink(struct tophash *map)
{
	return small_resize(map, slots_for(map->type, map->len));
}

void small_clear(struct tophash *map)
{
	small_word_clear(small_word(map), (unsigned)small_slots(map));
}

void small_fini(struct tophash *map)
{
	small_free(map, map->slots, small_slots(map));
}
