#include "watch/resolve/types.h"
#include "base/buf.h"
#include "read/layout/layout.h"

/* If reflect makes more types than this, all are forgotten and read again. This bounds the
 * memory. */
#define TYPES_MAX (1u << 16)

static bool describe_type(const struct types *t, const struct gotypes *types, uint64_t addr,
			  struct type_info *info)
{
	struct key_test test;
	struct buf name = {0};
	struct gotype map, key;

	*info = (struct type_info){.bias = types->bias, .matches = true};
	info->known = gotype_read(types, addr, &map) && map.kind == GOTYPE_MAP &&
		      gotype_read(types, map.key, &key);
	if (info->known) {
		info->key_type = map.key;
		info->key_kind = key.kind;
		if (go_key_is_plain(&key))
			info->key = key;
		filter_key_test(t->filter, types, map.key, &test);
		info->key_never = test.how == KEY_TEST_NEVER;
		if (gotype_name_whole(types, addr, &name))
			info->matches = filter_type_matches(t->filter, buf_cstr(&name));
		info->shape = filter_type_is_shape(buf_cstr(&name));
		buf_reset(&name);
		gotype_name(types, addr, &name);
	}
	info->name = strdup(buf_cstr(&name));
	buf_fini(&name);
	return info->name != NULL;
}

/* Describes sync.Map, whose keys are interfaces. An event has the type of its key. */
static bool describe_sync_map(const struct types *t, struct type_info *info)
{
	*info = (struct type_info){.name = strdup(GO_SYNC_MAP),
				   .key_kind = GOTYPE_INTERFACE,
				   .known = true,
				   .matches = filter_type_matches(t->filter, GO_SYNC_MAP)};
	return info->name != NULL;
}

static void forget_types(struct types *t)
{
	vec_each(type, &t->list)
		free(type->name);
	t->first_id += t->list.len;
	t->list.len = 0;
	table_fini(&t->index);
}

static struct type_info *find_or_add(struct types *t, const struct gotypes *types,
				     const struct types_module *of, uint64_t addr, pid_t pid)
{
	const struct gopcln_module *data = gopcln_module(types->tab);
	uint64_t link = addr - types->bias;
	bool is_sync = of->sync_map && link == of->sync_map;
	bool in_file = is_sync || (link >= data->types && link < data->etypes);
	uint64_t key = in_file ? table_mix(link ^ (uint64_t)of->number << 56)
			       : table_mix(addr ^ table_mix((uint64_t)pid + 1));
	uint32_t *index = table_find(&t->index, key);
	struct type_info info;

	if (index)
		return &t->list.data[*index];
	if (t->list.len >= TYPES_MAX)
		forget_types(t);
	if (!(is_sync ? describe_sync_map(t, &info) : describe_type(t, types, addr, &info)))
		return NULL;
	if (!vec_push(&t->list, info)) {
		free(info.name);
		return NULL;
	}
	if (table_put(&t->index, key, (uint32_t)t->list.len - 1) < 0)
		return NULL;
	return &t->list.data[t->list.len - 1];
}

struct type_info *types_get(struct types *t, const struct gotypes *types,
			    const struct types_module *of, uint64_t addr, pid_t pid)
{
	struct type_info *info;

	if (t->last < t->list.len && addr == t->last_addr && types->bias == t->last_bias &&
	    pid == t->last_pid)
		return &t->list.data[t->last];
	info = find_or_add(t, types, of, addr, pid);
	if (!info)
		return NULL;
	t->last = (uint32_t)(info - t->list.data);
	t->last_addr = addr;
	t->last_bias = types->bias;
	t->last_pid = pid;
	return info;
}

uint64_t type_id(const struct types *t, const struct type_info *info)
{
	return t->first_id + (uint64_t)(info - t->list.data);
}

void types_fini(struct types *t)
{
	forget_types(t);
	vec_fini(&t->list);
}
