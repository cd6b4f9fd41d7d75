/* A walk over all entries of a map. */
#include "entry.h"

static int visit_slots(const struct tophash *map, const uint8_t *tags, uint8_t *slots, unsigned n,
		       entry_fn *fn, void *ctx)
{
	int ret = 0;

	for (unsigned i = 0; ret == 0 && i < n; i++)
		if (tags[i])
			ret = fn(map, slots + (size_t)i * map->type->slot_size, ctx);
	return ret;
}

static int visit_chain(const struct tophash *map, const struct link *link, entry_fn *fn, void *ctx)
{
	const struct pool *pool = &map->core->pool;
	int ret = 0;

	for (; ret == 0 && link->number; link = pool_link(pool, link->number))
		ret = visit_slots(map, link->tags, pool_slots(pool, link->number), OVERFLOW_SLOTS,
				  fn, ctx);
	return ret;
}

int entry_visit(const struct tophash *map, entry_fn *fn, void *ctx)
{
	const struct tophash_core *core = map->core;
	int ret = 0;

	if (!core)
		return visit_slots(map, small_word(map), map->slots, (unsigned)small_slots(map), fn,
				   ctx);
	for (size_t i = 0; ret == 0 && i < home_count(core); i++) {
		if (home_released(core, i))
			continue;
		ret = visit_slots(map, store_word(&core->store, i), store_slots(&core->store, i),
				  TOPHASH_SLOTS, fn, ctx);
		if (ret == 0)
			ret = visit_chain(map, store_link(&core->store, i), fn, ctx);
	}
	for (unsigned i = 0; ret == 0 && i < 2; i++)
		ret = visit_chain(map, &core->rest_chains[i], fn, ctx);
	return ret;
}
