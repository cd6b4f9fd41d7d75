#include "live/holders/holders_priv.h"
#include "base/buf.h"

enum {
	CLASSIC_BUCKETS = 16, /* runtime/map.go: hmap */
	CLASSIC_OLD = 24,
	CLASSIC_EXTRA = 40,
	EXTRA_NEXT_OVERFLOW = 16, /* mapextra */
	SWISS_DIRECTORY = 16,	  /* internal/runtime/maps: Map */
	SWISS_DIRECTORY_LEN = 24,
	CHANNEL_BUFFER = 16, /* runtime/chan.go: hchan */
	ARRAYS_MAX = 8,
};

/* `type` is that of the hop; 0: none is known. */
static void add_hop(struct holders *holders, struct step *step, enum holder_kind kind,
		    uint64_t type, const char *name)
{
	if (step->n < STEP_HOPS)
		step->hops[step->n++] =
			(struct holder_hop){.kind = kind,
					    .type = holders_type_name(holders, type),
					    .name = name,
					    .package = holders_type_package(holders, type)};
}

/* Goes on to the element of an array, of one in another one, in which an offset lies. Returns whether there was one. */
static bool enter_arrays(struct holders *holders, uint64_t *type, uint64_t *offset)
{
	struct gotype array;
	bool any = false;

	for (unsigned depth = 0; depth < ARRAYS_MAX; depth++) {
		if (!gotype_read(&holders->types, *type, &array) || array.kind != GOTYPE_ARRAY ||
		    !array.len || !(array.size / array.len))
			break;
		*offset %= array.size / array.len;
		*type = array.elem;
		any = true;
	}
	return any;
}

/* Follows the word at an offset in a value of a type. Adds a hop if it is in a field, and one if that is in an
 * array. */
static void step_value(struct holders *holders, uint64_t type, uint64_t offset,
		       const struct edge *edge, struct step *ret)
{
	cleanup(buf_fini) struct buf path = {0};
	bool interface, in_array = enter_arrays(holders, &type, &offset);
	struct leaf leaf = holders_leaf(holders, type, offset, &path);

	ret->to = holders_follow(holders, &leaf, edge, &interface);
	if (path.len && leaf.type)
		add_hop(holders, ret, HOLDER_FIELD, type, holders_string(holders, buf_cstr(&path)));
	if (in_array && leaf.type)
		add_hop(holders, ret, HOLDER_ELEMENT, type, NULL);
	if (ret->n)
		ret->hops[0].interface = interface;
	else
		ret->to_interface = interface;
}

/* Adds the hop of what contains the value. */
static void step_container(struct holders *holders, struct step *step, enum holder_kind kind,
			   uint64_t type)
{
	bool first = !step->n;

	add_hop(holders, step, kind, type, NULL);
	if (first)
		step->hops[0].interface = step->to_interface;
}

static void step_values(struct holders *holders, const struct place *from, const struct edge *edge,
			struct step *ret)
{
	uint64_t offset = edge->slot - from->origin;
	struct gotype type;

	if (!gotype_read(&holders->types, from->type, &type) || !type.size)
		return;
	step_value(holders, from->type, offset % type.size, edge, ret);
	if (from->slice || offset >= type.size)
		step_container(holders, ret, HOLDER_ELEMENT, from->type);
	else if (!ret->n)
		step_container(holders, ret, HOLDER_POINTER, from->type);
}

/* Follows a word of a map's header. No hop shows what a map is made of. */
static void step_map(struct holders *holders, const struct place *from, const struct edge *edge,
		     struct step *ret)
{
	uint64_t offset = edge->slot - edge->object, n = 0;

	ret->to = (struct place){PLACE_PARTS, .type = from->type, .origin = edge->word};
	if (holders->maps->layout == GO_MAPS_CLASSIC) {
		if (offset == CLASSIC_EXTRA)
			ret->to.kind = PLACE_EXTRA;
		else if (offset != CLASSIC_BUCKETS && offset != CLASSIC_OLD)
			ret->to.kind = PLACE_NONE;
	} else if (offset != SWISS_DIRECTORY) {
		ret->to.kind = PLACE_NONE;
	} else if (!heap_read(holders->heap, edge->object + SWISS_DIRECTORY_LEN, &n, sizeof(n)) ||
		   n) {
		ret->to.kind = PLACE_DIRECTORY;
	}
}

static void step_parts(struct holders *holders, const struct place *from, const struct edge *edge,
		       struct step *ret)
{
	struct gomap_slot slot;

	if (!gomap_slot_of(holders->maps, from->type, edge->slot - from->origin, &slot)) {
		step_container(holders, ret, HOLDER_MAP, from->type);
		return;
	}
	if (slot.kind == GOMAP_SLOT_LINK) {
		ret->to = *from;
		ret->to.origin = edge->word;
		return;
	}
	if (slot.type)
		step_value(holders, slot.type, slot.offset, edge, ret);
	else
		ret->to = (struct place){PLACE_VALUES, .type = slot.target, .origin = edge->word,
					 .count = 1};
	step_container(holders, ret, slot.kind == GOMAP_SLOT_KEY ? HOLDER_KEY : HOLDER_VALUE,
		       from->type);
}

/* Follows a word of a part of a map that leads to another part. */
static void step_inside(const struct place *from, const struct edge *edge, struct step *ret)
{
	ret->to = *from;
	ret->to.origin = edge->word;
	if (from->kind == PLACE_DIRECTORY)
		ret->to.kind = PLACE_TABLE;
	else if (from->kind == PLACE_TABLE ||
		 (from->kind == PLACE_EXTRA && edge->slot - edge->object == EXTRA_NEXT_OVERFLOW))
		ret->to.kind = PLACE_PARTS;
	else if (from->kind == PLACE_EXTRA)
		ret->to.kind = PLACE_OVERFLOW;
}

/* A slice's header has 24 bytes, and the array that it leads to is a further object. */
static void step_overflow(struct holders *holders, const struct place *from,
			  const struct edge *edge, struct step *ret)
{
	uint64_t words[3];

	ret->to = *from;
	ret->to.origin = edge->word;
	if (from->count || edge->slot != edge->object ||
	    !heap_read(holders->heap, edge->object, words, sizeof(words)) || words[1] > words[2])
		ret->to.kind = PLACE_PARTS;
	ret->to.count = 1; /* what follows is the array */
}

static void step_channel(struct holders *holders, const struct place *from, const struct edge *edge,
			 struct step *ret)
{
	if (edge->slot - edge->object == CHANNEL_BUFFER)
		ret->to = (struct place){PLACE_BUFFER, .type = from->type, .origin = edge->word};
	else
		step_container(holders, ret, HOLDER_WAITING, from->type);
}

static void step_buffer(struct holders *holders, const struct place *from, const struct edge *edge,
			struct step *ret)
{
	struct gotype channel, elem;

	if (gotype_read(&holders->types, from->type, &channel) &&
	    gotype_read(&holders->types, channel.elem, &elem) && elem.size)
		step_value(holders, elem.addr, (edge->slot - from->origin) % elem.size, edge, ret);
	step_container(holders, ret, HOLDER_CHANNEL, from->type);
}

static void step_closure(struct holders *holders, const struct edge *edge, struct step *ret)
{
	uint64_t pc;

	step_container(holders, ret, HOLDER_CAPTURE, 0);
	if (heap_read(holders->heap, edge->object, &pc, sizeof(pc)))
		ret->hops[0].name = holders_function(holders, pc, true);
}

/* Tells whether a slot lies in the values of a place. */
static bool has_slot(struct holders *holders, const struct place *place, uint64_t slot)
{
	struct gotype type;

	return slot >= place->origin && gotype_read(&holders->types, place->type, &type) &&
	       type.size && (slot - place->origin) / type.size < place->count;
}

/* Follows a word of which only the word before it may tell what it leads to. */
static void step_untyped(struct holders *holders, const struct place *from, const struct edge *edge,
			 struct step *ret)
{
	ret->to = holders_interface(holders, edge);
	ret->to_interface = ret->to.kind != PLACE_NONE;
	step_container(holders, ret, from->kind == PLACE_POOL ? HOLDER_POOL : HOLDER_UNKNOWN, 0);
}

void holders_step(struct holders *holders, const struct place *known, const struct edge *edge,
		  struct step *ret)
{
	struct place from = *known;

	*ret = (struct step){0};
	if (from.kind == PLACE_NONE ||
	    (from.kind == PLACE_VALUES && !has_slot(holders, &from, edge->slot)))
		from = holders_identify(holders, edge->object, edge->slot);
	switch (from.kind) {
	case PLACE_VALUES:
		if (has_slot(holders, &from, edge->slot))
			step_values(holders, &from, edge, ret);
		break;
	case PLACE_MAP: step_map(holders, &from, edge, ret); return;
	case PLACE_PARTS: step_parts(holders, &from, edge, ret); break;
	case PLACE_DIRECTORY:
	case PLACE_TABLE:
	case PLACE_EXTRA: step_inside(&from, edge, ret); return;
	case PLACE_OVERFLOW: step_overflow(holders, &from, edge, ret); return;
	case PLACE_CHANNEL: step_channel(holders, &from, edge, ret); break;
	case PLACE_BUFFER: step_buffer(holders, &from, edge, ret); break;
	case PLACE_CLOSURE: step_closure(holders, edge, ret); break;
	case PLACE_POOL:
	case PLACE_NONE: break;
	}
	if (!ret->n && ret->to.kind == PLACE_NONE)
		step_untyped(holders, &from, edge, ret);
}
