/* The entries of a map, wherever they are: found, visited, dropped. */
#ifndef TOPHASH_ENTRY_H
#define TOPHASH_ENTRY_H

#include "chain.h"
#include "hooks.h"
#include "move.h"

/* Called for each entry. ctx belongs to the caller. A value other than 0 ends the walk. */
typedef int entry_fn(const struct tophash *map, uint8_t *slot, void *ctx);

/* Calls fn for each entry of a map that has memory. Returns 0, or the value that ended the walk. fn must
 * not change the map. */
int entry_visit(const struct tophash *map, entry_fn *fn, void *ctx);

/* Finds a key in its bucket, in the bucket's chain, and in the rests of a move. */
static inline bool entry_find(const struct tophash *map, const struct tophash_key *key,
			      uint64_t hash, struct place *ret)
{
	const struct tophash_core *core = map->core;
	struct route route = route_of(map, hash);
	struct chain chain = chain_at(map, route.bucket);

	if (chain_find(map, &chain, key, hash, ret))
		return true;
	for (unsigned i = 0; route.has_rest && i < 2; i++) {
		chain = (struct chain){.link = (struct link *)&core->rest_chains[i]};
		if (chain_find(map, &chain, key, hash, ret))
			return true;
	}
	return false;
}

/* Calls the drop hooks for an entry that leaves, and clears its slot if there is a barrier. */
static inline void entry_drop(const struct tophash *map, uint8_t *slot)
{
	const struct tophash_hooks *hooks = map->hooks;
	const struct tophash_type *type = map->type;

	if (hooks && hooks->drop_key)
		hooks->drop_key(slot, hooks->ctx);
	if (hooks && hooks->drop_val && type->val_size)
		hooks->drop_val(slot + type->val_offset, hooks->ctx);
	slot_vacate(map, slot);
}

#endif
