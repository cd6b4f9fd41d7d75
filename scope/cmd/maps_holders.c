#include "cmd/maps_holders.h"
#include "base/buf.h"

#include <stdlib.h>

static struct error *check_heap(const struct heap *heap)
{
	return heap_has_parents(heap)
		       ? NULL
		       : error_new(
				 ERROR_TARGET,
				 "more than %d objects of its heap have pointers: what holds them cannot be kept; "
				 "leave out --holders, --by holder and --who-holds",
				 HEAP_PARENTS_MAX);
}

static struct error *find(const struct gomap_list *maps, struct holders *holders)
{
	VEC(uint64_t) addrs = {0};
	struct error *err = NULL;

	vec_each(map, &maps->list)
		if (!err && !vec_push(&addrs, map->addr))
			err = error_nomem();
	if (!err)
		err = holders_find(holders, addrs.data, addrs.len);
	vec_fini(&addrs);
	return err;
}

struct error *maps_ways_find(struct heap *heap, const struct gomap_list *maps, bool with_maps,
			     struct maps_ways *ret)
{
	try(holders_new(heap, maps, &ret->holders));
	try(check_heap(heap));
	return with_maps ? find(maps, ret->holders) : NULL;
}

void maps_ways_fini(struct maps_ways *ways)
{
	holders_free(ways->holders);
	ways->holders = NULL;
	vec_each(text, &ways->texts)
		free(*text);
	vec_fini(&ways->texts);
	table_fini(&ways->texts_at);
}

/* Returns the text of a way, or NULL if memory is out. */
static const char *text_of(struct maps_ways *ways, const struct holder_hop *hop)
{
	uint32_t *found = table_find(&ways->texts_at, (uintptr_t)hop);
	cleanup(buf_fini) struct buf text = {0};
	char *copy;

	if (found)
		return ways->texts.data[*found];
	held_by_text(&text, hop, 0);
	copy = text.bad ? NULL : strdup(buf_cstr(&text));
	if (!copy || !vec_push(&ways->texts, copy)) {
		free(copy);
		return NULL;
	}
	return table_put(&ways->texts_at, (uintptr_t)hop, (uint32_t)ways->texts.len - 1) < 0 ? NULL
											     : copy;
}

struct error *maps_ways_take(struct maps_ways *ways, bool with_text, struct map_row *row)
{
	struct holder holder = holders_of(ways->holders, row->map);

	row->held_by = holder.hop;
	row->goid = holder.goid;
	ways->cut += holder.cut;
	if (!with_text || !holder.hop)
		return NULL;
	row->holder = text_of(ways, holder.hop);
	return row->holder ? NULL : error_nomem();
}

static bool add_way(struct maps_held *held, struct holder holder, uint64_t alike)
{
	struct held_way way = {.holder = holder.object ? holder.object : holder.slot,
			       .slot = holder.slot,
			       .held_by = holder.hop,
			       .goid = holder.goid,
			       .alike = alike};

	return vec_push(&held->ways, way);
}

/* Tells of an address in no object. */
static struct error *take_place(struct maps_ways *ways, uint64_t addr, struct maps_held *ret)
{
	struct holder holder;

	ret->report.why_not = holders_place_name(ways->holders, addr, &holder);
	if (!ret->report.why_not && !add_way(ret, holder, 0))
		return error_nomem();
	return NULL;
}

static struct error *take_paths(struct maps_ways *ways, const struct holder_paths *paths,
				uint64_t addr, uint64_t max, struct maps_held *ret)
{
	cleanup(buf_fini) struct buf field = {0};

	ret->report.object = paths->object;
	ret->report.size = paths->size;
	ret->report.type = paths->type_name;
	ret->report.pointers = paths->pointers;
	ret->report.ways = paths->list.len;
	ret->left_out = paths->left_out;
	ret->cut = paths->cut;
	holders_field(ways->holders, paths->type, addr - paths->object, &field);
	if (field.len < sizeof(ret->field))
		memcpy(ret->field, buf_cstr(&field), field.len + 1);
	for (size_t i = 0; i < paths->list.len && i < max; i++) {
		const struct holder_path *path = &paths->list.data[i];
		struct holder holder = {.hop = path->hop,
					.goid = path->goid,
					.object = path->object,
					.slot = path->slot};

		if (!add_way(ret, holder, path->alike))
			return error_nomem();
	}
	return NULL;
}

struct error *maps_ways_of(struct maps_ways *ways, uint64_t addr, uint64_t max,
			   struct maps_held *ret)
{
	cleanup(holder_paths_fini) struct holder_paths paths = {0};

	ret->report.addr = addr;
	try(holders_paths(ways->holders, addr, &paths));
	if (paths.size)
		try(take_paths(ways, &paths, addr, max ? max : 1, ret));
	else
		try(take_place(ways, addr, ret));
	ret->report.field = ret->field[0] ? ret->field : NULL;
	ret->report.rows = ret->ways.data;
	ret->report.rows_n = ret->ways.len;
	return NULL;
}
