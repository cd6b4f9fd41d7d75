/* The life of a map: its seed, its end, clearing, copying, counting. */
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "internal.h"

static tophash_fault_fn *fault_fn;

/* The output function of splitmix64. */
static uint64_t scramble(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* The calling thread's; 0: not drawn yet. */
static __thread uint64_t random_state;

void random_forget(void)
{
	random_state = 0;
}

uint64_t random_u64(void)
{
	uint64_t state = random_state;

	if (debug.seeded)
		return scramble(debug.seed + UINT64_C(0x9e3779b97f4a7c15));
	if (state == 0 && getrandom(&state, sizeof(state), GRND_NONBLOCK) != sizeof(state)) {
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		state = (uint64_t)now.tv_nsec << 20 ^ (uint64_t)now.tv_sec ^
			(uint64_t)(uintptr_t)&now;
	}
	random_state = state + UINT64_C(0x9e3779b97f4a7c15);
	return scramble(random_state);
}

/* Each byte of the multiplier has four ones: no multiplier is weak for want of them. */
static uint64_t mult_of(uint64_t random)
{
	uint64_t ret = 0, bits = 0;
	unsigned n = 0;

	while (n < 8) {
		if (bits == 0)
			bits = scramble(random += UINT64_C(0x9e3779b97f4a7c15));
		if (__builtin_popcount(bits & 0xff) == 4 && (n > 0 || (bits & 1))) {
			ret |= (bits & 0xff) << 8 * n;
			n++;
		}
		bits >>= 8;
	}
	return ret;
}

void seed_renew(struct tophash *map)
{
	map->seed = random_u64();
	map->mult = mult_of(random_u64());
}

tophash_fault_fn *tophash_set_fault(tophash_fault_fn *fn)
{
	tophash_fault_fn *ret = fault_fn;

	fault_fn = fn;
	return ret;
}

void tophash_report_fault(enum tophash_fault fault, const struct tophash *map)
{
	if (!fault_fn)
		abort();
	fault_fn(fault, map);
}

int tophash_set_hooks(struct tophash *map, const struct tophash_hooks *hooks)
{
	if (map->core)
		return -EBUSY;
	if (hooks && (hooks->size < sizeof(*hooks) || !hooks->alloc != !hooks->free))
		return -EINVAL;
	map->hooks = hooks;
	return 0;
}

static unsigned share_of(const struct tophash_type *type)
{
	size_t n = SHARE_BYTES / ((size_t)type->slot_size * TOPHASH_SLOTS);

	return n > SHARE_MAX ? SHARE_MAX : n > 0 ? (unsigned)n : 1;
}

/* The buckets that n elements want. */
static unsigned bits_for(size_t n)
{
	unsigned ret = 0;

	while (ret <= BUCKET_BITS_MAX && room_of(ret) < n)
		ret++;
	return ret;
}

/* Where a map begins to count its moves: each elsewhere, so that a walk does not take a map that was made anew in
 * the same place for the one it has begun with. */
static uint32_t first_move(void)
{
	static uint32_t last;

	return __atomic_add_fetch(&last, 0x9e3779b9u, __ATOMIC_RELAXED);
}

int core_new(struct tophash *map, const struct tophash_type *type, size_t n)
{
	struct tophash_core *core;
	unsigned bits = bits_for(n);
	int err;

	if (bits > BUCKET_BITS_MAX)
		return -EOVERFLOW;
	core = mem_alloc(map, sizeof(*core));
	if (!core)
		return -ENOMEM;
	map->type = type;
	map->core = core;
	err = store_init(map, (size_t)1 << bits);
	if (err) {
		map->core = NULL;
		mem_free(map, core, sizeof(*core));
		return err;
	}
	map->moves += first_move();
	core->bits = (uint8_t)bits;
	core->floor = (uint8_t)bits;
	core->share = (uint8_t)share_of(type);
	pool_init(&core->pool, type->slot_size);
	if (!map->mult)
		seed_renew(map);
	core_publish(map);
	return 0;
}

int tophash_init(struct tophash *map, const struct tophash_type *type, size_t hint)
{
	struct tophash fresh = {.type = type};
	int err = hint ? core_new(&fresh, type, hint) : 0;

	*map = fresh; /* empty, and legal for fini, where there was no memory */
	return err;
}

/* Grows a map to 2^bits buckets at once. */
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

	if (!map->core)
		return n ? core_new(map, type, n) : 0;
	if (bits > BUCKET_BITS_MAX)
		return -EOVERFLOW;
	begin_write(map);
	err = grow_to(map, n);
	if (err == 0 && bits > map->core->floor && map->len < n / 2) {
		map->core->floor = (uint8_t)bits;
		core_publish(map);
	}
	end_write(map);
	return err;
}

size_t homes(const struct tophash_core *core)
{
	return (size_t)1 << (core->bits + (core->move == MOVE_GROW));
}

bool is_hole(const struct tophash_core *core, size_t bucket)
{
	return core->move == MOVE_SHRINK && bucket >= ((size_t)1 << core->bits) / 2 &&
	       bucket < 2 * core->cursor;
}

/* What is done with each entry; not 0: stop. */
typedef int visit_fn(const struct tophash *map, uint8_t *slot, void *ctx);

static int visit_slots(const struct tophash *map, const uint8_t *tags, uint8_t *slots, unsigned n,
		       visit_fn *fn, void *ctx)
{
	int ret = 0;

	for (unsigned i = 0; ret == 0 && i < n; i++)
		if (tags[i])
			ret = fn(map, slots + (size_t)i * map->type->slot_size, ctx);
	return ret;
}

static int visit_chain(const struct tophash *map, const struct link *link, visit_fn *fn, void *ctx)
{
	const struct pool *pool = &map->core->pool;
	int ret = 0;

	for (; ret == 0 && link->number; link = pool_link(pool, link->number))
		ret = visit_slots(map, link->tags, pool_slots(pool, link->number), OVERFLOW_SLOTS,
				  fn, ctx);
	return ret;
}

static int visit_all(const struct tophash *map, visit_fn *fn, void *ctx)
{
	const struct tophash_core *core = map->core;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < homes(core); i++) {
		if (is_hole(core, i))
			continue;
		ret = visit_slots(map, store_word(&core->store, i), store_slots(&core->store, i),
				  TOPHASH_SLOTS, fn, ctx);
		if (ret == 0)
			ret = visit_chain(map, store_link(&core->store, i), fn, ctx);
	}
	for (unsigned i = 0; ret == 0 && i < 2; i++)
		ret = visit_chain(map, &core->rest[i], fn, ctx);
	return ret;
}

static int visit_drop(const struct tophash *map, uint8_t *slot, void *ctx)
{
	(void)ctx;
	drop_entry(map, slot);
	return 0;
}

static void drop_all(const struct tophash *map)
{
	if (has_element_hooks(map))
		visit_all(map, visit_drop, NULL);
}

void tophash_fini(struct tophash *map)
{
	struct tophash_core *core;

	if (!map)
		return;
	core = map->core;
	if (core) {
		begin_write(map);
		drop_all(map);
		pool_fini(map);
		store_fini(map);
		mem_free(map, core, sizeof(*core));
	}
	*map = (struct tophash){.hooks = map->hooks,
				.type = map->type,
				.keep_room = map->keep_room,
				.huge_pages = map->huge_pages,
				.moves = map->moves + 1};
}

void tophash_clear(struct tophash *map)
{
	struct tophash_core *core;

	if (!map || !map->core)
		return;
	TOPHASH_PROBE2(clear, map, map->len);
	core = map->core;
	/* Room that was not used goes: a map once large does not stay so for ever. */
	if (map->len <= map->shrink_at && core->bits > 0 && !core->floor && !map->keep_room) {
		tophash_fini(map);
		return;
	}
	begin_write(map);
	drop_all(map);
	for (size_t i = 0; i < homes(core); i++) {
		if (is_hole(core, i))
			continue;
		memset(store_word(&core->store, i), 0, TOPHASH_WORD_SIZE);
		*store_link(&core->store, i) = (struct link){0};
	}
	pool_fini(map);
	map->len = 0;
	map->moves++;
	move_forget(map);
	seed_renew(map);
	core_publish(map);
	end_write(map);
}

/* Whether the block of a small map is longer than its buckets: at the end of a shrink there was no memory
 * for a shorter one. */
static bool has_more_than_buckets(const struct tophash_core *core)
{
	return core->store.buckets > (size_t)1 << core->bits;
}

static void trim_again(struct tophash *map)
{
	struct tophash_core *core = map->core;

	if (!has_more_than_buckets(core))
		return;
	map->moves++;
	store_trim(map, (size_t)1 << core->bits);
	core_publish(map);
}

int tophash_shrink(struct tophash *map)
{
	struct tophash_core *core = map ? map->core : NULL;
	int err = 0;

	if (!core)
		return 0;
	if (map->len == 0) {
		tophash_fini(map);
		return 0;
	}
	begin_write(map);
	core->floor = 0;
	move_step(map, SIZE_MAX);
	core_publish(map);
	while (core->move == MOVE_NONE && core->bits > 0 && map->len <= room_of(core->bits - 1u)) {
		move_shrink(map);
		move_step(map, SIZE_MAX);
	}
	if (core->move == MOVE_NONE)
		trim_again(map);
	if (core->move != MOVE_NONE || has_more_than_buckets(core))
		err = -ENOMEM;
	pool_trim(map);
	end_write(map);
	return err;
}

void tophash_keep_room(struct tophash *map, bool keep)
{
	if (!map)
		return;
	map->keep_room = keep;
	if (map->core)
		core_publish(map);
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
	begin_write(map);
	move_step(map, buckets);
	end_write(map);
}

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

	for (size_t i = 0; i < homes(core); i++) {
		n = is_hole(core, i) ? 0 : 1 + chain_len(core, store_link(&core->store, i));
		ret = n > ret ? n : ret;
	}
	n = 1 + chain_len(core, &core->rest[0]) + chain_len(core, &core->rest[1]);
	return n > ret ? n : ret;
}

void tophash_stats(const struct tophash *map, struct tophash_stats *ret)
{
	const struct tophash_core *core = map ? map->core : NULL;

	*ret = (struct tophash_stats){0};
	if (!core)
		return;
	*ret = core->stats;
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

/* All of a map into another one, which has its hooks and no memory yet. */
static int copy_all(const struct tophash *map, struct tophash *to)
{
	int err = core_new(to, map->type, map->len);

	if (err)
		return err;
	to->core->floor = 0;
	core_publish(to);
	err = visit_all(map, visit_copy, to);
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
