#include "live/gomap/gomap_priv.h"

enum {
	UNREAD_MAX = 4096, /* after so many parts that cannot be read, the rest is left out */
};

bool walk_show(struct gomap_walk *walk, const struct map_part *part)
{
	if (!walk->ended && !walk->visitor->on_part(walk->visitor->ctx, part))
		walk->ended = true;
	return !walk->ended;
}

void walk_array(struct gomap_walk *walk, const struct map_array *array)
{
	if (walk->visitor->on_array && !walk->ended)
		walk->visitor->on_array(walk->visitor->ctx, array);
}

static bool unread(struct gomap_walk *walk, struct map_part *part, const char *fault)
{
	for (unsigned i = 0; i < SLOTS; i++)
		part->slots[i] = MAP_SLOT_BAD;
	part->fault = fault;
	if (++walk->unread >= UNREAD_MAX)
		part->fault = "too much cannot be read: the rest is left out";
	walk_show(walk, part);
	walk->ended |= walk->unread >= UNREAD_MAX;
	return false;
}

bool walk_part(struct gomap_walk *walk, struct map_part *part)
{
	if (!gomap_step(walk->reader)) {
		unread(walk, part, "the map is too large: the rest is left out");
		walk->ended = true;
		return false;
	}
	if (!heap_read(walk->reader->heap, part->addr, part->bytes, sizeof(part->bytes)))
		return unread(walk, part, "it cannot be read");
	walk->decode(part);
	return walk_show(walk, part);
}
