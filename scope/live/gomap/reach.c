/* Most types of a program lead to no map. Objects of these types need not be searched. */
#include "live/gomap/gomap_priv.h"

enum { LEADS = 1, LEADS_NOT = 2, DEPTH_MAX = 200, FIELDS_MAX = 4096 };

struct walk {
	struct reach *reach;
	struct table seen; /* types of this walk */
	VEC(uint64_t) order;
};

static bool leads(struct walk *walk, uint64_t addr, unsigned depth);

static bool fields_lead(struct walk *walk, const struct gotype *type, unsigned depth)
{
	struct gotype_field field;

	for (uint64_t i = 0; i < type->len && i < FIELDS_MAX; i++)
		if (gotype_field(&walk->reach->types, type, i, &field) &&
		    leads(walk, field.type, depth + 1))
			return true;
	return false;
}

/* Searches the types that a type is made of. A depth that is too great counts as leading to a map. */
static bool leads(struct walk *walk, uint64_t addr, unsigned depth)
{
	uint32_t *known = table_find(&walk->reach->known, addr);
	struct gotype type;

	if (known)
		return *known == LEADS;
	if (depth > DEPTH_MAX)
		return true;
	if (table_find(&walk->seen, addr) || !gotype_read(&walk->reach->types, addr, &type))
		return false;
	if (table_put(&walk->seen, addr, 1) < 0 || !vec_push(&walk->order, addr)) {
		walk->reach->failed = true;
		return true;
	}
	switch (type.kind) {
	case GOTYPE_MAP: return true;
	case GOTYPE_STRUCT: return type.ptr_bytes && fields_lead(walk, &type, depth);
	case GOTYPE_ARRAY:
	case GOTYPE_CHAN:
	case GOTYPE_POINTER:
	case GOTYPE_SLICE: return leads(walk, type.elem, depth + 1);
	default: return false;
	}
}

bool reach_leads(struct reach *reach, uint64_t type)
{
	uint32_t *known = table_find(&reach->known, type);
	struct walk walk = {.reach = reach};
	bool found;

	if (known)
		return *known == LEADS;
	found = leads(&walk, type, 0);
	/* If nothing was found, none of the types leads to a map. Otherwise only the first is known. */
	if (found)
		reach->failed |= table_put(&reach->known, type, LEADS) < 0;
	else
		vec_each(addr, &walk.order)
			reach->failed |= table_put(&reach->known, *addr, LEADS_NOT) < 0;
	table_fini(&walk.seen);
	vec_fini(&walk.order);
	return found;
}

void reach_fini(struct reach *reach)
{
	table_fini(&reach->known);
}
