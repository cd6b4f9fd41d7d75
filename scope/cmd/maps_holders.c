#include "cmd/maps_holders.h"
#include "base/buf.h"

#include <stdlib.h>

enum { PACKAGE_HOPS = 64 }; /* that are looked at for a package */

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
	table_fini(&ways->packages_at);
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

/* ---- packages ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Appends the path of the package of a function or a global variable: "example.com/shop.(*store).put". Dots of its last part are
 * escaped ("gopkg.in/yaml%2ev3.Marshal"). Appends nothing if it has none. */
static void put_package(const char *symbol, struct buf *to)
{
	size_t end = strcspn(symbol, "[:");
	const char *slash = memrchr(symbol, '/', end), *from = slash ? slash : symbol;
	const char *dot = memchr(from, '.', end - (size_t)(from - symbol));

	for (const char *at = symbol; dot && at < dot; at++) {
		int high = at[0] == '%' && dot - at > 2 ? hex_digit(at[1]) : -1;
		int low = high >= 0 ? hex_digit(at[2]) : -1;

		buf_char(to, low >= 0 ? (char)(high << 4 | low) : *at);
		at += low >= 0 ? 2 : 0;
	}
}

/* Returns the package of a symbol, which is kept, or NULL. */
static const char *symbol_package(struct maps_ways *ways, const char *symbol)
{
	uint32_t *found = table_find(&ways->packages_at, (uintptr_t)symbol);
	cleanup(buf_fini) struct buf text = {0};
	char *copy;

	if (found)
		return ways->texts.data[*found];
	put_package(symbol, &text);
	copy = text.len && !text.bad ? strdup(buf_cstr(&text)) : NULL;
	if (!copy || !vec_push(&ways->texts, copy) ||
	    table_put(&ways->packages_at, (uintptr_t)symbol, (uint32_t)ways->texts.len - 1) < 0)
		return NULL;
	return copy;
}

/* Finds the package of what holds a map: of the nearest hop that has one. */
static const char *way_package(struct maps_ways *ways, const struct holder_hop *hop)
{
	for (unsigned n = 0; hop && n < PACKAGE_HOPS; hop = hop->next, n++) {
		const char *symbol = hop->kind == HOLDER_GLOBAL && !hop->name ? hop->users[0]
				     : hop->kind == HOLDER_GLOBAL || hop->kind == HOLDER_STACK ||
						     hop->kind == HOLDER_CAPTURE
					     ? hop->name
					     : NULL;
		const char *package = hop->package;

		if (!package && symbol)
			package = symbol_package(ways, symbol);
		if (package)
			return package;
	}
	return NULL;
}

struct error *maps_ways_take(struct maps_ways *ways, enum map_grouping by, struct map_row *row)
{
	struct holder holder = holders_of(ways->holders, row->map);

	row->held_by = holder.hop;
	row->goid = holder.goid;
	ways->cut += holder.cut;
	if (by == MAPS_OF_PACKAGE && !row->package)
		row->package = way_package(ways, holder.hop);
	if (by != MAPS_OF_HOLDER || !holder.hop)
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
