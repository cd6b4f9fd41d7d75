#include "watch/engine/type_table.h"
#include "base/buf.h"
#include "read/layout/layout.h"

#include "watch/engine/engine.h"
#include "watch/engine/key_match.h"
#include "base/table.h"

static void plan_to_wire(const struct go_key_plan *plan, struct wire_type *wire)
{
	wire->plan.size = plan->size;
	wire->plan.key_kind = plan->shape == GO_KEY_RAW	     ? WIRE_KEY_RAW
			      : plan->shape == GO_KEY_STRING ? WIRE_KEY_STRING
							     : WIRE_KEY_SEGMENTS;
	wire->plan.nsteps = (uint8_t)plan->nsteps;
	for (uint32_t i = 0; i < plan->nsteps && i < WIRE_STEPS; i++)
		wire->step[i] = (struct wire_step){.offset = plan->step[i].offset,
						   .op = plan->step[i].reference};
}
static_assert(GO_KEY_STEPS == WIRE_STEPS, "a plan must fit the wire");
static_assert((int)GO_KEY_REF_STRING == WIRE_STEP_STRING &&
		      (int)GO_KEY_REF_IFACE == WIRE_STEP_IFACE,
	      "references are the wire's steps");

/* ---- describing types ---- */

/* Bounds for hostile files. The largest programs have tens of thousands of types, and few types
 * need more than ten visits. */
#define TYPES_MAX  (1u << 18)
#define VISITS_MAX (4u << 20) /* of all plans together */
static_assert(TYPES_MAX <= WIRE_TYPES_MAX, "an index must fit its cell");

struct type_table_builder {
	struct type_table *table;
	const struct gotypes *types;
	const struct filter *filter;
	struct buf name;
	VEC(uint64_t) others; /* types that are no maps, but can be keys */
	bool more;	      /* there are more of them */
	uint32_t visits;
	uint64_t sync_map; /* the address that stands for the type sync.Map; 0: none */
	uint64_t any;	   /* address of the type interface {}; 0: not met */
	bool nomem;
};

/* Makes the plan of a type. *ret_known tells whether the type could be read. When a bound is
 * reached, marks the table as cut and returns false. */
static bool make_plan(struct type_table_builder *builder, uint64_t type, struct go_key_plan *ret,
		      bool *ret_known)
{
	if (builder->table->values.len >= TYPES_MAX || builder->visits >= VISITS_MAX) {
		builder->table->cut = true;
		return false;
	}
	*ret_known = go_key_plan(builder->types, type, ret);
	builder->visits += ret->visits;
	return true;
}

static bool push_type(struct type_table_builder *builder, uint64_t addr,
		      const struct wire_type *wire)
{
	builder->nomem |= !vec_push(&builder->table->addrs, addr) ||
			  !vec_push(&builder->table->values, *wire);
	return !builder->nomem;
}

/* Decides --type for the maps of a type. */
static void set_skip(const struct type_table_builder *builder, const char *name,
		     struct wire_plan *plan)
{
	if (builder->filter->type_glob && !filter_type_matches(builder->filter, name))
		plan->skip = filter_type_is_shape(name) ? WIRE_SKIP_SHAPE : WIRE_SKIP_TYPE;
}

/* Notes types that are needed to describe sync.Map. The maps in it have keys of type interface {}. */
static void note_sync(struct type_table_builder *builder, const struct gotype *map,
		      struct wire_type *wire)
{
	struct gotype key;

	if (!gotype_read(builder->types, map->key, &key) || key.kind != GOTYPE_INTERFACE ||
	    !key.empty_interface || key.named)
		return;
	if (!builder->any)
		builder->any = map->key;
	buf_reset(&builder->name);
	if (!gotype_name_whole(builder->types, map->addr, &builder->name) ||
	    strcmp(buf_cstr(&builder->name), GO_SYNC_MAP_INNER))
		return;
	builder->table->sync_inner = map->addr;
	wire->sync_inner = 1;
}

static bool fill_map_type(void *ctx, const struct gotype *type)
{
	struct type_table_builder *builder = ctx;
	struct wire_type wire = {.key_type = type->key - type->addr};
	struct go_key_plan plan;
	bool known;

	if (!make_plan(builder, type->key, &plan, &known))
		return false;
	if (!known)
		return true; /* it stays unknown, and its keys say so */
	plan_to_wire(&plan, &wire);
	key_match_plan(builder->filter, builder->types, type->key, &wire.plan);
	buf_reset(&builder->name);
	if (builder->filter->type_glob &&
	    gotype_name_whole(builder->types, type->addr, &builder->name))
		set_skip(builder, buf_cstr(&builder->name), &wire.plan);
	note_sync(builder, type, &wire);
	return push_type(builder, type->addr, &wire);
}

/* Notes a type that can be a key, if an interface does not hold such a value itself: nothing has to be
 * read then. */
static bool note_other(struct type_table_builder *builder, const struct gotype *type)
{
	if (!type->comparable || type->direct_iface)
		return true;
	if (builder->others.len >= TYPES_MAX) {
		builder->more = true;
		return true; /* a map may follow */
	}
	builder->nomem |= !vec_push(&builder->others, type->addr);
	return !builder->nomem;
}

static bool on_type(void *ctx, const struct gotype *type)
{
	return type->kind == GOTYPE_MAP ? fill_map_type(ctx, type) : note_other(ctx, type);
}

/* Describes a type that is no map, but can be a key. An interface key may hold it, and reflect may
 * make a map with such keys at run time. */
static bool fill_other(struct type_table_builder *builder, uint64_t addr)
{
	struct wire_type wire = {0}; /* it describes itself */
	struct go_key_plan plan;
	bool known;

	if (!make_plan(builder, addr, &plan, &known))
		return false;
	if (!known)
		return true;
	plan_to_wire(&plan, &wire);
	key_match_plan(builder->filter, builder->types, addr, &wire.plan);
	return push_type(builder, addr, &wire);
}

/* Describes all types that are no maps. Those that are come first, because there may be too many. */
static void fill_others(struct type_table_builder *builder)
{
	vec_each(addr, &builder->others)
		if (builder->nomem || builder->table->cut || !fill_other(builder, *addr))
			return;
}

/* Describes sync.Map as a map type at an address that no type has. Every sync.Map has keys of type
 * interface {}. The maps in it, or its hash trie, refer to a map type with such keys. */
static void fill_sync_map(struct type_table_builder *builder)
{
	struct wire_type wire = {.key_type = builder->any - builder->sync_map};
	struct go_key_plan plan;
	bool known = false;

	if (!builder->any || !make_plan(builder, builder->any, &plan, &known) || !known)
		return;
	plan_to_wire(&plan, &wire);
	key_match_plan(builder->filter, builder->types, builder->any, &wire.plan);
	set_skip(builder, GO_SYNC_MAP, &wire.plan);
	push_type(builder, builder->sync_map, &wire);
}

#define KIND(k) (1u << GOTYPE_##k)
#define KINDS	(~(KIND(SLICE) | KIND(FUNC))) /* of maps and keys */

struct error *type_table_init(struct type_table *ret, const struct gotypes *types,
			      const struct filter *filter, uint64_t sync_map)
{
	struct type_table_builder builder = {
		.table = ret, .types = types, .filter = filter, .sync_map = sync_map};

	*ret = (struct type_table){0};
	gotype_scan(types, KINDS, on_type, &builder);
	if (sync_map && !builder.nomem && !ret->cut)
		fill_sync_map(&builder);
	fill_others(&builder);
	ret->cut |= builder.more;
	vec_fini(&builder.others);
	image_trim(types->image);
	builder.nomem |= builder.name.bad;
	buf_fini(&builder.name);
	return builder.nomem ? error_nomem() : type_table_arrange(ret);
}

void type_table_fini(struct type_table *table)
{
	vec_fini(&table->addrs);
	vec_fini(&table->values);
	free(table->buckets);
	table->buckets = NULL;
}

/* ---- arranging the buckets ---- */

/* Puts one type into its bucket. Returns false when there is no room. */
static bool place(const struct type_table *table, uint64_t addr, uint32_t index)
{
	uint32_t at = wire_type_bucket(addr, table->multiplier, table->mask);
	struct wire_bucket *bucket = &table->buckets[at];
	uint64_t tag = wire_type_tag(addr);

	if (!tag)
		return true; /* no type has such an address, so nobody asks for it */
	for (unsigned i = 0; i < WIRE_BUCKET_CELLS; i++) {
		uint64_t other = bucket->cell[i] & ~(WIRE_TYPES_MAX - 1ull);

		if (!bucket->cell[i])
			bucket->cell[i] = tag | index;
		if (!other || other == tag)
			return true;
	}
	return false;
}

/* Places all types. Returns how many found no room. */
static uint32_t place_all(const struct type_table *table)
{
	uint32_t homeless = 0;

	memset(table->buckets, 0, (table->mask + 1ul) * sizeof(*table->buckets));
	for (uint32_t i = 0; i < table->addrs.len; i++)
		homeless += !place(table, table->addrs.data[i], i);
	return homeless;
}

/* With one type for each bucket, one bucket in a million would have more than eight types. The
 * first multiplier nearly always works. */
#define ARRANGE_TRIES 16

struct error *type_table_arrange(struct type_table *table)
{
	size_t buckets = 1;

	while (buckets < table->addrs.len)
		buckets *= 2;
	free(table->buckets);
	table->buckets = malloc(buckets * sizeof(*table->buckets));
	if (!table->buckets)
		return error_nomem();
	table->mask = (uint32_t)buckets - 1;
	table->multiplier = 0x9e3779b97f4a7c15; /* 2^64 / golden ratio */
	for (unsigned i = 0; place_all(table) && i < ARRANGE_TRIES; i++)
		table->multiplier = table_mix(table->multiplier + i) | 1;
	return NULL;
}
