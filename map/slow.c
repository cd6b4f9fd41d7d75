/* The slow path: what get, put and delete do when the home bucket alone does not tell. */
#include "internal.h"

static void count_reason(const struct tophash *map, enum tophash_reason reason)
{
	map->core->stats.slow[reason]++;
}

/* A map with hooks, or with a type of its own, is on the slow path always. */
static bool is_custom(const struct tophash *map, const struct tophash_type *type)
{
	return type->kind == TOPHASH_KIND_CUSTOM || map->core->store.pieces || has_element_hooks(map);
}

static enum tophash_reason reason_of(const struct tophash *map, const struct tophash_type *type)
{
	if (map->core->move != MOVE_NONE)
		return TOPHASH_SLOW_MOVING;
	return is_custom(map, type) ? TOPHASH_SLOW_CUSTOM : TOPHASH_SLOW_CHAIN;
}

static bool find(const struct tophash *map, const struct tophash_type *type,
		 const struct tophash_key *key, uint64_t hash, struct place *ret)
{
	const struct tophash_core *core = map->core;
	struct route route = route_of(map, hash);
	struct chain chain = chain_of(core, route.bucket);

	if (chain_find(core, type, &chain, key, hash, ret))
		return true;
	for (unsigned i = 0; route.rest && i < 2; i++) {
		chain = (struct chain){.head = (uint32_t *)&core->rest[i]};
		if (chain_find(core, type, &chain, key, hash, ret))
			return true;
	}
	return false;
}

/* The key and its hash for get and delete; false when it cannot be in the map. */
static bool key_for_search(const struct tophash *map, const struct tophash_type *type,
			   const void *raw, uint64_t *hash, struct tophash_key *ret)
{
	if (!map || !map->core || map->len == 0)
		return false;
	*ret = tophash_key(type, raw);
	if (tophash_key_is_nan(type, ret))
		return false;
	if (type->kind == TOPHASH_KIND_CUSTOM)
		*hash = tophash_hash(type, ret, map->seed, map->mult);
	return true;
}

void *tophash_get_slow(const struct tophash *map, const struct tophash_type *type, const void *raw,
		       uint64_t hash)
{
	struct tophash_key key;
	struct place place;

	if (!key_for_search(map, type, raw, &hash, &key))
		return NULL;
	return find(map, type, &key, hash, &place) ? place.slot : NULL;
}

/* Memory, a seed, and room for n elements. */
static int first(struct tophash *map, const struct tophash_type *type, size_t n)
{
	struct tophash_core *core = mem_alloc(map, sizeof(*core));
	unsigned bits = 0;
	int err;

	if (!core)
		return -ENOMEM;
	while (bits <= BUCKET_BITS_MAX && room_of(bits) < n)
		bits++;
	map->core = core;
	err = bits > BUCKET_BITS_MAX ? -EOVERFLOW : store_init(map, type, (size_t)1 << bits);
	if (err) {
		map->core = NULL;
		mem_free(map, core, sizeof(*core));
		return err;
	}
	core->bits = (uint8_t)bits;
	core->armed = bits == 0;
	pool_init(&core->pool, type);
	if (!map->mult)
		seed_renew(map);
	core_publish(map);
	return 0;
}

/* A NaN is made a different one from each other: so it has a hash, and a place, of its own. */
static const void *nan_key(struct tophash *map, const struct tophash_type *type, void *copy)
{
	uint32_t count = ++map->core->nan;

	if (type->key_size == 4) {
		uint32_t bits = 0x7fc00000u | (count & 0x3fffffu);

		memcpy(copy, &bits, sizeof(bits));
	} else {
		uint64_t bits = UINT64_C(0x7ff8000000000000) | count;

		memcpy(copy, &bits, sizeof(bits));
	}
	return copy;
}

/* Growing, when it is due; without memory the map goes on as it is, as long as there is room. */
static void grow_when_due(struct tophash *map, const struct tophash_type *type)
{
	struct tophash_core *core = map->core;

	if (map->len < map->grow_at || core->move != MOVE_NONE)
		return;
	count_reason(map, TOPHASH_SLOW_GROW);
	if (!core->armed) {
		core->armed = true;
		core_publish(map);
		return;
	}
	if (move_grow(map) != 0) {
		/* Not to be tried at every put. */
		core->stats.put_off++;
		map->grow_at += map->grow_at / 16 + 1;
		return;
	}
	move_step(map, type, 1);
}

static uint8_t *insert(struct tophash *map, const struct tophash_type *type, const void *raw,
		       uint64_t hash)
{
	struct chain chain = chain_of(map->core, route_of(map, hash).bucket);
	uint8_t *slot = chain_add(map, type, &chain, tophash_tag(hash));

	if (!slot)
		return NULL;
	barrier(map, type, slot, TOPHASH_WRITE_NEW);
	tophash_fill_key(type, slot, raw, hash);
	map->len++;
	return slot;
}

/* The key is there: its value is about to be replaced. */
static uint8_t *replace(struct tophash *map, const struct tophash_type *type, const void *raw,
			uint8_t *slot)
{
	const struct tophash_hooks *hooks = map->hooks;

	barrier(map, type, slot, TOPHASH_WRITE_REPLACE);
	if (type->kind == TOPHASH_KIND_FLOAT)
		memcpy(slot, raw, type->key_size);
	if (hooks && hooks->drop_key) {
		_Alignas(16) uint8_t key[64];
		void *copy = type->key_size <= sizeof(key) ? memcpy(key, raw, type->key_size) :
							     (void *)(uintptr_t)raw;

		hooks->drop_key(copy, hooks->ctx);
	}
	if (hooks && hooks->drop_val && type->val_size)
		hooks->drop_val(slot + type->val_offset, hooks->ctx);
	return slot;
}

static void *put(struct tophash *map, const struct tophash_type *type, const void *raw,
		 uint64_t hash, int *ret)
{
	struct tophash_key key = tophash_key(type, raw);
	bool is_new = !map->core, is_nan = tophash_key_is_nan(type, &key);
	struct tophash_key_copy copy;
	struct place place;
	uint8_t *slot;
	int err;

	if (is_new) {
		err = first(map, type, 0);
		if (err) {
			*ret = err;
			return NULL;
		}
		count_reason(map, TOPHASH_SLOW_FIRST);
	} else {
		count_reason(map, reason_of(map, type));
		move_step(map, type, 1);
	}
	if (is_nan) {
		raw = nan_key(map, type, &copy);
		key = tophash_key(type, raw);
	}
	if (is_new || is_nan || type->kind == TOPHASH_KIND_CUSTOM)
		hash = tophash_hash(type, &key, map->seed, map->mult);
	if (!is_nan && find(map, type, &key, hash, &place)) {
		*ret = 0;
		return replace(map, type, raw, place.slot);
	}
	grow_when_due(map, type);
	slot = insert(map, type, raw, hash);
	*ret = slot ? 1 : -ENOMEM;
	return slot;
}

void *tophash_put_slow(struct tophash *map, const struct tophash_type *type, const void *raw,
		       uint64_t hash, int *ret)
{
	void *slot;

	if (!map) {
		*ret = -EINVAL;
		return NULL;
	}
	tophash_begin_write(map);
	slot = put(map, type, raw, hash, ret);
	tophash_end_write(map);
	return slot;
}

void drop_entry(const struct tophash *map, const struct tophash_type *type, uint8_t *slot)
{
	const struct tophash_hooks *hooks = map->hooks;

	if (hooks && hooks->drop_key)
		hooks->drop_key(slot, hooks->ctx);
	if (hooks && hooks->drop_val && type->val_size)
		hooks->drop_val(slot + type->val_offset, hooks->ctx);
	if (hooks && hooks->barrier) {
		/* A collector must not see what has left the map. */
		barrier(map, type, slot, TOPHASH_WRITE_CLEAR);
		memset(slot, 0, type->slot_size);
	}
}

bool tophash_delete_slow(struct tophash *map, const struct tophash_type *type, const void *raw,
			 uint64_t hash)
{
	struct tophash_key key;
	struct place place;

	if (!key_for_search(map, type, raw, &hash, &key))
		return false;
	tophash_begin_write(map);
	count_reason(map, reason_of(map, type));
	move_step(map, type, 1);
	if (!find(map, type, &key, hash, &place)) {
		tophash_end_write(map);
		return false;
	}
	drop_entry(map, type, place.slot);
	chain_remove(map, &place);
	map->len--;
	tophash_end_write(map);
	if (map->len <= map->shrink_at)
		tophash_deleted(map, type);
	return true;
}

void tophash_deleted(struct tophash *map, const struct tophash_type *type)
{
	struct tophash_core *core = map->core;

	if (map->len == 0) {
		/* Nothing is where the old seed put it: from here on another one counts. */
		move_forget(map);
		seed_renew(map);
		map->moves++;
	}
	if (core->move == MOVE_NONE && core->armed && core->bits > 0 && map->len <= map->shrink_at) {
		move_shrink(map);
		move_step(map, type, 1);
	}
}

int tophash_init(struct tophash *map, const struct tophash_type *type, size_t hint)
{
	struct tophash fresh = {0};
	int err = hint ? first(&fresh, type, hint) : 0;

	if (err == 0)
		*map = fresh;
	return err;
}

int tophash_reserve(struct tophash *map, const struct tophash_type *type, size_t n)
{
	struct tophash_core *core = map->core;
	int err;

	if (!core)
		return n ? first(map, type, n) : 0;
	if (n > room_of(BUCKET_BITS_MAX))
		return -EOVERFLOW;
	tophash_begin_write(map);
	move_step(map, type, SIZE_MAX);
	for (;;) {
		err = core->move != MOVE_NONE ? -ENOMEM : 0;
		if (err || n <= room_of(core->bits))
			break;
		err = move_grow(map);
		if (err)
			break;
		core->armed = false;
		move_step(map, type, SIZE_MAX);
	}
	tophash_end_write(map);
	return err;
}
