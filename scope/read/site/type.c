/* Finds the map type of a site. */
#include "read/site/site_priv.h"
#include "base/buf.h"

#define PARTS_MAX 256 /* parts of a key that are searched for floats and interfaces */

/* Tells whether a key of this type may be unequal to itself (NaN), because it has a float or an
 * interface. Returns false if the budget ends before one is found. */
static bool is_float(const struct gotypes *types, uint64_t addr, unsigned *budget)
{
	struct gotype_field field;
	struct gotype type;

	if (!*budget || !gotype_read(types, addr, &type))
		return false;
	--*budget;
	switch (type.kind) {
	case GOTYPE_FLOAT32:
	case GOTYPE_FLOAT64:
	case GOTYPE_COMPLEX64:
	case GOTYPE_COMPLEX128:
	case GOTYPE_INTERFACE: return true;
	case GOTYPE_ARRAY: return is_float(types, type.elem, budget);
	case GOTYPE_STRUCT:
		/* Fields that cannot be read use up the budget too, because a file can claim 2^40
		 * of them. */
		for (uint64_t i = 0; i < type.len && i < PARTS_MAX && *budget; i++)
			if (gotype_field(types, &type, i, &field) &&
			    is_float(types, field.type, budget))
				return true;
		return false;
	default: return false;
	}
}

static char *type_name(const struct gotypes *types, uint64_t addr,
		       bool (*read)(const struct gotypes *types, uint64_t addr, struct buf *to))
{
	struct buf name = {0};
	char *copy = NULL;

	if (read(types, addr, &name) && !name.bad)
		copy = strdup(buf_cstr(&name));
	buf_fini(&name);
	return copy;
}

void site_type_free(struct site_type *type)
{
	if (type) {
		free((char *)type->name);
		free((char *)type->whole_name);
		free((char *)type->key);
	}
	free(type);
}

static struct error *type_read(struct site_search *search, uint64_t addr, struct site_type **ret)
{
	cleanup(site_type_free) struct site_type *made = NULL;
	const struct gotypes *types = &search->types;
	struct gotype type, key, elem;
	unsigned budget = PARTS_MAX;

	*ret = NULL;
	if (!gotype_read(types, addr, &type) || type.kind != GOTYPE_MAP ||
	    !gotype_read(types, type.key, &key) || !gotype_read(types, type.elem, &elem))
		return NULL;
	made = calloc(1, sizeof(*made));
	if (!made)
		return error_nomem();
	made->addr = addr;
	made->name = type_name(types, addr, gotype_name);
	made->whole_name = type_name(types, addr, gotype_name_whole);
	made->key = type_name(types, type.key, gotype_name);
	made->key_size = key.size;
	made->elem_size = elem.size;
	made->key_kind = key.kind;
	made->key_float = is_float(types, type.key, &budget);
	if (made->name && made->whole_name && made->key)
		*ret = take_ptr(made);
	return NULL;
}

static struct error *type_add(struct site_search *search, uint64_t addr, struct site_type *type)
{
	if (!vec_push(&search->found->types, type)) {
		site_type_free(type);
		return error_nomem();
	}
	if (table_put(&search->type_index, addr, (uint32_t)search->found->types.len - 1) < 0)
		return error_nomem();
	return NULL;
}

struct error *site_type_sync(struct site_search *search, const struct site_type **ret)
{
	const uint64_t none = UINT64_MAX; /* no type has this address */
	uint32_t *known = table_find(&search->type_index, none);
	struct site_type *made;

	if (known) {
		*ret = search->found->types.data[*known];
		return NULL;
	}
	made = calloc(1, sizeof(*made));
	if (!made)
		return error_nomem();
	*made = (struct site_type){.name = strdup(GO_SYNC_MAP),
				   .whole_name = strdup(GO_SYNC_MAP),
				   .key = strdup(GO_SYNC_MAP_KEY),
				   .key_size = 16,
				   .elem_size = 16,
				   .key_kind = GOTYPE_INTERFACE,
				   .key_float = true};
	if (!made->name || !made->whole_name || !made->key) {
		site_type_free(made);
		return error_nomem();
	}
	*ret = made;
	return type_add(search, none, made);
}

struct error *site_type_get(struct site_search *search, uint64_t addr, const struct site_type **ret)
{
	uint32_t *known = table_find(&search->type_index, addr);
	struct site_type *type;

	if (known) {
		*ret = search->found->types.data[*known];
		return NULL;
	}
	try(type_read(search, addr, &type));
	*ret = type;
	return type ? type_add(search, addr, type) : NULL;
}

bool site_value_address(const struct site_search *search, const struct code_value *value,
			uint64_t *ret)
{
	uint64_t addr = value->base;

	if (value->root != CODE_CONSTANT)
		return false;
	for (unsigned i = 0; i < value->loads; i++)
		if (!image_u64(search->image, addr + (uint64_t)(int64_t)value->offsets[i], &addr))
			return false;
	*ret = addr + (uint64_t)(int64_t)value->add;
	return true;
}

struct code_value site_value_join(const struct code_value *outer, const struct code_value *inner)
{
	struct code_value joined = *outer;
	/* The offset at the point where `outer` ends and `inner` begins. */
	int64_t add = (int64_t)outer->add + (inner->loads ? inner->offsets[0] : inner->add);

	if (outer->root == CODE_UNKNOWN || outer->loads + inner->loads > CODE_LOADS_MAX ||
	    add != (int32_t)add)
		return (struct code_value){0};
	joined.add = inner->loads ? inner->add : (int32_t)add;
	for (unsigned i = 0; i < inner->loads; i++)
		joined.offsets[joined.loads++] = i ? inner->offsets[i] : (int32_t)add;
	return joined;
}
