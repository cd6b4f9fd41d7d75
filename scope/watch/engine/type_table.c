#include "watch/engine/type_table.h"

#include "watch/engine/engine.h"
#include "watch/engine/key_match.h"

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

/* ---- describing ---- */

/* Bounds for files that are made to keep us busy: the largest programs there are have some tens of
 * thousands of types, and few of them need more than ten visits. */
#define TYPES_MAX  (1u << 18)
#define VISITS_MAX (4u << 20) /* of all plans together */
static_assert(TYPES_MAX <= WIRE_TYPES_MAX, "an index must fit its cell");

struct fill {
	struct type_table *table;
	const struct gotypes *types;
	const struct filter *filter;
	struct buf name;
	uint32_t visits;
	bool nomem;
};

/* False, and the table is cut, when the bounds are reached. */
static bool make_plan(struct fill *fill, uint64_t type, struct go_key_plan *ret, bool *ret_known)
{
	if (fill->table->values.len >= TYPES_MAX || fill->visits >= VISITS_MAX) {
		fill->table->cut = true;
		return false;
	}
	*ret_known = go_key_plan(fill->types, type, ret);
	fill->visits += ret->visits;
	return true;
}

static bool push_type(struct fill *fill, uint64_t addr, const struct wire_type *wire)
{
	fill->nomem |=
		!vec_push(&fill->table->addrs, addr) || !vec_push(&fill->table->values, *wire);
	return !fill->nomem;
}

static bool fill_map_type(void *ctx, const struct gotype *type)
{
	struct fill *fill = ctx;
	struct wire_type wire = {.key_type = type->key};
	struct go_key_plan plan;
	bool known;

	if (!make_plan(fill, type->key, &plan, &known))
		return false;
	if (!known)
		return true; /* stays unknown: its keys say so */
	plan_to_wire(&plan, &wire);
	key_match_plan(fill->filter, fill->types, type->key, &wire.plan);
	if (fill->filter->type_glob) {
		buf_reset(&fill->name);
		if (gotype_name_whole(fill->types, type->addr, &fill->name) &&
		    !filter_type_matches(fill->filter, buf_cstr(&fill->name)))
			wire.plan.skip = filter_type_is_shape(buf_cstr(&fill->name))
						 ? WIRE_SKIP_SHAPE
						 : WIRE_SKIP_TYPE;
	}
	return push_type(fill, type->addr, &wire);
}

/* All other types that can be a key: what an interface key may hold, and the key types of maps that
 * reflect will make at run time. */
static bool fill_dynamic_type(void *ctx, const struct gotype *type)
{
	struct fill *fill = ctx;
	struct wire_type wire = {.key_type = type->addr, .direct = type->direct_iface};
	struct go_key_plan plan;
	bool known;

	/* What an interface holds directly needs no reading. */
	if (!type->comparable || type->direct_iface)
		return true;
	if (!make_plan(fill, type->addr, &plan, &known))
		return false;
	if (!known)
		return true;
	plan_to_wire(&plan, &wire);
	key_match_plan(fill->filter, fill->types, type->addr, &wire.plan);
	return push_type(fill, type->addr, &wire);
}

#define KIND(k)	      (1u << GOTYPE_##k)
#define DYNAMIC_KINDS (~(KIND(MAP) | KIND(SLICE) | KIND(FUNC)))

struct error *type_table_init(struct type_table *ret, const struct gotypes *types,
			      const struct filter *filter)
{
	struct fill fill = {.table = ret, .types = types, .filter = filter};

	*ret = (struct type_table){0};
	gotype_scan(types, KIND(MAP), fill_map_type, &fill);
	if (!fill.nomem && !ret->cut)
		gotype_scan(types, DYNAMIC_KINDS, fill_dynamic_type, &fill);
	fill.nomem |= fill.name.bad;
	buf_fini(&fill.name);
	return fill.nomem ? error_nomem() : type_table_arrange(ret);
}

void type_table_fini(struct type_table *table)
{
	vec_fini(&table->addrs);
	vec_fini(&table->values);
	free(table->buckets);
	table->buckets = NULL;
}

/* ---- arranging ---- */

/* Puts one type into its bucket. False when there is no room. */
static bool place(const struct type_table *table, uint64_t addr, uint32_t index)
{
	uint32_t at = wire_type_bucket(addr, table->multiplier, table->mask);
	struct wire_bucket *bucket = &table->buckets[at];
	uint64_t tag = wire_type_tag(addr);

	if (!tag)
		return true; /* no address of a type: it cannot be asked for */
	for (unsigned i = 0; i < WIRE_BUCKET_CELLS; i++) {
		uint64_t other = bucket->cell[i] & ~(WIRE_TYPES_MAX - 1ull);

		if (!bucket->cell[i])
			bucket->cell[i] = tag | index;
		if (!other || other == tag)
			return true;
	}
	return false;
}

/* Returns how many found no room. */
static uint32_t place_all(const struct type_table *table)
{
	uint32_t homeless = 0;

	memset(table->buckets, 0, (table->mask + 1ul) * sizeof(*table->buckets));
	for (uint32_t i = 0; i < table->addrs.len; i++)
		homeless += !place(table, table->addrs.data[i], i);
	return homeless;
}

/* With one type a bucket, one bucket in a million has more than eight: the first multiplier does
 * nearly always. */
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
	table->multiplier = 0x9e3779b97f4a7c15; /* 2^64 / the golden ratio */
	for (unsigned i = 0; place_all(table) && i < ARRANGE_TRIES; i++)
		table->multiplier = table_mix(table->multiplier + i) | 1;
	return NULL;
}
