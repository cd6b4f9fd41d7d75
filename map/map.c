/* The life of a map: its beginning and end, room, clearing, copying, statistics. */
#include <errno.h>
#include <string.h>

#include "tophash/fast.h"

#include "core.h"
#include "entry.h"
#include "mem.h"
#include "move.h"
#include "seed.h"
#include "small.h"
#include "write.h"

int tophash_set_hooks(struct tophash *map, const struct tophash_hooks *hooks)
{
	if (has_memory(map))
		return -EBUSY;
	if (hooks && (hooks->size < sizeof(*hooks) || !hooks->alloc != !hooks->free))
		return -EINVAL;
	map->hooks = hooks;
	return 0;
}

int tophash_init(struct tophash *map, const struct tophash_type *type, size_t hint)
{
	struct tophash fresh = {.type = type};
	int err = hint ? map_new(&fresh, type, hint) : 0;

	check_made(&fresh);
	*map = fresh; /* on error an empty map that fini accepts */
	return err;
}

/* Grows a map at once until it has room for n elements. Returns 0, -ENOMEM or -EOVERFLOW. */
static int grow_to(struct tophash *map, size_t n)
{
	struct tophash_core *core = map->core;
	int err = 0;

	move_step(map, SIZE_MAX);
	while (core->move == MOVE_NONE && n > room_of(core->bits)) {
		err = move_grow(map);
		if (err)
			return err;
		move_step(map, SIZE_MAX);
	}
	return core->move != MOVE_NONE ? -ENOMEM : 0;
}

int tophash_reserve(struct tophash *map, const struct tophash_type *type, size_t n)
{
	unsigned bits = bits_for(n);
	int err;

	if (!has_memory(map)) {
		err = n ? map_new(map, type, n) : 0;
		check_made(map);
		return err;
	}
	if (bits > BUCKET_BITS_MAX)
		return -EOVERFLOW;
	write_begin(map, "reserve");
	err = is_small(map) ? small_reserve(map, n) : 0;
	if (err == 0 && map->core)
		err = grow_to(map, n);
	if (err == 0 && map->core && bits > map->core->floor && map->len < n / 2) {
		map->core->floor = (uint8_t)bits;
		fast_path_update(map);
	}
	write_end(map, "reserve");
	return err;
}

static int visit_drop(const struct tophash *map, uint8_t *slot, void *ctx)
{
	(void)ctx;
	entry_drop(map, slot);
	return 0;
}

static void drop_all(const struct tophash *map)
{
	if (has_element_hooks(map))
		entry_visit(map, visit_drop, NULL);
}

/* Makes a map empty that has no memory any more. Hooks, type and settings stay. It is zeroed in two parts, because for all
 * of it gcc takes "rep stos", which is slower than the rest of this function. */
static void forget_memory(struct tophash *map)
{
	struct tophash kept;

	kept.hooks = map->hooks;
	kept.type = map->type;
	kept.moves = map->moves;
	kept.keep_room = map->keep_room;
	kept.huge_pages = map->huge_pages;
	memset(map, 0, offsetof(struct tophash, write_tags));
	memset(&map->write_tags, 0, sizeof(*map) - offsetof(struct tophash, write_tags));
	map->hooks = kept.hooks;
	map->type = kept.type;
	map->moves = kept.moves + 1;
	map->keep_room = kept.keep_room;
	map->huge_pages = kept.huge_pages;
}

void tophash_fini(struct tophash *map)
{
	if (!map)
		return;
	if (has_memory(map)) {
		write_begin(map, "fini");
		drop_all(map);
		if (map->core)
			core_fini(map);
		else
			small_fini(map);
		map->core = NULL;
		map->slots = NULL;
		map->len = 0;
		write_end(map, "fini");
	}
	forget_memory(map);
}

/* Forgets the entries of a map that has a core. */
static void forget_all(struct tophash *map)
{
	struct tophash_core *core = map->core;

	for (size_t i = 0; i < home_count(core); i++) {
		if (home_released(core, i))
			continue;
		memset(store_word(&core->store, i), 0, TOPHASH_WORD_SIZE);
		*store_link(&core->store, i) = (struct link){0};
	}
	pool_fini(map);
	core->nan = 0;
	move_forget(map);
}

void tophash_clear(struct tophash *map)
{
	struct tophash_core *core;

	if (!map || !has_memory(map))
		return;
	TOPHASH_PROBE2(clear, map, map->len);
	core = map->core;
	/* Room that was hardly used is given back, so that a map that was large once does not stay large. */
	if (core && map->len < map->shrink_at && core->bits > 0 && !core->floor &&
	    !map->keep_room) {
		tophash_fini(map);
		return;
	}
	write_begin(map, "clear");
	drop_all(map);
	map->len = 0;
	if (core)
		forget_all(map);
	else
		small_clear(map);
	map->moves++;
	seed_refresh(map);
	fast_path_update(map);
	write_end(map, "clear");
}

/* Returns whether a small map's block is longer than its buckets need: there was no memory for a shorter
 * block at the end of a shrink. */
static bool has_more_than_buckets(const struct tophash_core *core)
{
	return core->store.buckets > (size_t)1 << core->bits;
}

/* Tries once more to give back what a shrink left behind. */
static void trim_again(struct tophash *map)
{
	struct tophash_core *core = map->core;

	if (!has_more_than_buckets(core))
		return;
	map->moves++;
	store_trim(map, (size_t)1 << core->bits);
	fast_path_update(map);
}

/* Gives back all memory that the elements of a map with a core do not need. Returns 0 or -ENOMEM. */
static int core_shrink(struct tophash *map)
{
	struct tophash_core *core = map->core;
	int err = 0;

	core->floor = 0;
	move_step(map, SIZE_MAX);
	fast_path_update(map);
	while (core->move == MOVE_NONE && core->bits > 0 && map->len <= room_of(core->bits - 1u)) {
		move_shrink(map);
		move_step(map, SIZE_MAX);
	}
	if (core->move == MOVE_NONE)
		trim_again(map);
	if (core->move != MOVE_NONE || has_more_than_buckets(core))
		err = -ENOMEM;
	pool_trim(map);
	if (!err && core->bits == 0 && map->len <= TOPHASH_SLOTS && !core->nan &&
	    !small_of_core(map))
		err = -ENOMEM;
	return err;
}

int tophash_shrink(struct tophash *map)
{
	int err;

	if (!map || !has_memory(map))
		return 0;
	if (map->len == 0) {
		tophash_fini(map);
		return 0;
	}
	write_begin(map, "shrink");
	err = map->core ? core_shrink(map) : small_shrink(map);
	write_end(map, "shrink");
	return err;
}

void tophash_keep_room(struct tophash *map, bool keep)
{
	if (!map)
		return;
	map->keep_room = keep;
	if (has_memory(map))
		fast_path_update(map);
}

void tophash_huge_pages(struct tophash *map, bool use)
{
	if (!map)
		return;
	map->huge_pages = use;
	if (map->core)
		store_huge(map, use);
}

void tophash_step(struct tophash *map, unsigned buckets)
{
	if (!map || !map->core || map->core->move == MOVE_NONE)
		return;
	write_begin(map, "step");
	move_step(map, buckets);
	write_end(map, "step");
}

/* Returns the length of a chain in overflow buckets. */
static size_t chain_len(const struct tophash_core *core, const struct link *link)
{
	size_t ret = 0;

	for (; link->number; link = pool_link(&core->pool, link->number))
		ret++;
	return ret;
}

static size_t longest_chain(const struct tophash_core *core)
{
	size_t ret = 0, n;

	for (size_t i = 0; i < home_count(core); i++) {
		n = home_released(core, i) ? 0 : 1 + chain_len(core, store_link(&core->store, i));
		ret = n > ret ? n : ret;
	}
	n = 1 + chain_len(core, &core->rest_chains[0]) + chain_len(core, &core->rest_chains[1]);
	return n > ret ? n : ret;
}

static void small_stats(const struct tophash *map, struct tophash_stats *ret)
{
	ret->slow[TOPHASH_SLOW_FIRST] = map->first_put;
	ret->len = map->len;
	ret->buckets = ret->longest_chain = 1;
	ret->slots = small_slots(map);
	ret->bytes_live = map->len * map->type->slot_size;
	ret->bytes_held = TOPHASH_WORD_SIZE + ret->slots * map->type->slot_size;
}

void tophash_stats(const struct tophash *map, struct tophash_stats *ret)
{
	const struct tophash_core *core = map ? map->core : NULL;

	*ret = (struct tophash_stats){0};
	if (map && is_small(map))
		small_stats(map, ret);
	if (!core)
		return;
	*ret = core->stats;
	ret->slow[TOPHASH_SLOW_FIRST] = map->first_put;
	ret->len = map->len;
	ret->buckets = (size_t)1 << core->bits;
	if (core->move == MOVE_GROW) {
		ret->old_buckets = ret->buckets;
		ret->evacuated = ret->buckets - core->cursor;
		ret->buckets *= 2;
	} else if (core->move == MOVE_SHRINK) {
		ret->old_buckets = ret->buckets;
		ret->evacuated = 2 * core->cursor;
		ret->buckets /= 2;
	}
	ret->slots = ret->buckets * TOPHASH_SLOTS;
	ret->overflow = core->pool.used;
	ret->bytes_held = sizeof(*core) + store_bytes(core) + pool_bytes(map);
	ret->bytes_live = map->len * map->type->slot_size;
	ret->longest_chain = longest_chain(core);
}

static int visit_copy(const struct tophash *map, uint8_t *slot, void *ctx)
{
	const struct tophash_type *type = map->type;
	struct tophash *to = ctx;
	int ret = 0;
	uint8_t *copy = tophash_put_slot(to, type, slot, &ret);

	if (!copy)
		return ret;
	memcpy(copy + type->val_offset, slot + type->val_offset, type->val_size);
	return 0;
}

/* Copies all entries of a map into another, which has the same hooks and no memory yet. */
static int copy_all(const struct tophash *map, struct tophash *to)
{
	int err = map_new(to, map->type, map->len);

	if (err)
		return err;
	if (to->core) {
		to->core->floor = 0;
		fast_path_update(to);
	}
	check_made(to);
	err = entry_visit(map, visit_copy, to);
	if (err)
		tophash_fini(to);
	return err;
}

int tophash_clone(const struct tophash *map, struct tophash *ret)
{
	struct tophash copy = {0};
	int err = 0;

	if (map && map->hooks && (map->hooks->drop_key || map->hooks->drop_val)) {
		err = -EINVAL;
	} else if (map) {
		copy.hooks = map->hooks;
		copy.type = map->type;
		err = map->len ? copy_all(map, &copy) : 0;
	}
	*ret = copy; /* empty on error */
	return err;
}
