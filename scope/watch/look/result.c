/* One look: process -> its Go modules -> mark -> maps -> types and holders. All of it is in the thread that looks. */
#include "watch/look/look_priv.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "live/gomap/gomap.h"
#include "live/holders/holders.h"
#include "live/process/process.h"
#include "read/layout/layout.h"
#include "show/report/report.h"
#include "watch/filter/filter.h"

enum {
	TYPES_MAX = 1 << 16,
};
#define WAYS_BYTES_MAX (32ull << 20) /* of all texts of a result */

struct looker {
	bool holders;
	const atomic_bool *stop;
	struct knowns knowns;
};

/* The memory of a process, until the thread is to end. */
struct stoppable {
	struct memory memory;
	const atomic_bool *stop;
};

static size_t read_until_stop(void *ctx, uint64_t addr, void *to, size_t size)
{
	const struct stoppable *from = ctx;

	if (atomic_load_explicit(from->stop, memory_order_relaxed))
		return 0;
	return from->memory.read(from->memory.ctx, addr, to, size);
}

void look_result_free(struct look_result *result)
{
	if (!result)
		return;
	vec_each(type, &result->types)
		free(*type);
	vec_each(way, &result->ways) {
		free(way->text);
		free(way->json);
	}
	vec_fini(&result->types);
	vec_fini(&result->ways);
	vec_fini(&result->maps);
	table_fini(&result->at);
	free(result->why);
	free(result);
}

struct error *looker_new(bool holders, const atomic_bool *stop, struct looker **ret)
{
	struct looker *looker = calloc(1, sizeof(*looker));
	struct error *err = looker ? knowns_new(&looker->knowns) : error_nomem();

	if (err) {
		free(looker);
		return err;
	}
	looker->holders = holders;
	looker->stop = stop;
	*ret = looker;
	return NULL;
}

void looker_free(struct looker *looker)
{
	if (!looker)
		return;
	knowns_fini(&looker->knowns);
	free(looker);
}

/* ---- the result ---- */

/* What is needed to make a result. */
struct making {
	struct look_result *result;
	struct known *known;
	struct heap *heap;
	const struct gomap_list *maps;
	struct holders *holders; /* NULL: they are not asked for */
	VEC(uint64_t) seeds; /* of the maps, when all else had been read; 0: it could not be read */
	bool same_cycle;     /* no memory was freed during the look */
	struct table types_at; /* type -> index in types, or LOOK_NONE */
	struct table ways_at;  /* hop and goroutine -> index in ways */
	uint64_t ways_bytes;
	struct gotypes types;
};

/* Finds the number of a type. It is LOOK_NONE if the type has no name, or is only a shape, too. */
static struct error *type_number(struct making *making, uint64_t type, uint32_t *ret)
{
	uint32_t *known = type ? table_find(&making->types_at, type) : NULL;
	cleanup(buf_fini) struct buf name = {0};
	char *copy = NULL;

	*ret = known ? *known : LOOK_NONE;
	if (!type || known)
		return NULL;
	if (making->result->types.len < TYPES_MAX && gotype_name(&making->types, type, &name) &&
	    !filter_type_is_shape(buf_cstr(&name))) {
		copy = strdup(buf_cstr(&name));
		if (!copy || !vec_push(&making->result->types, copy)) {
			free(copy);
			return error_nomem();
		}
		*ret = (uint32_t)making->result->types.len - 1;
	}
	return table_put(&making->types_at, type, *ret) < 0 ? error_nomem() : NULL;
}

static struct error *add_way(struct making *making, const struct holder *holder)
{
	cleanup(buf_fini) struct buf text = {0}, json = {0};
	struct look_way way = {0};

	held_by_text(&text, holder->hop, holder->goid);
	held_by_json(&json, holder->hop, holder->goid);
	if (text.bad || json.bad)
		return error_nomem();
	way.text = strdup(buf_cstr(&text));
	way.json = strdup(buf_cstr(&json));
	if (!way.text || !way.json || !vec_push(&making->result->ways, way)) {
		free(way.text);
		free(way.json);
		return error_nomem();
	}
	making->ways_bytes += text.len + json.len;
	return NULL;
}

/* Finds the number of the way that holds a map. */
static struct error *way_number(struct making *making, uint64_t map, uint32_t *ret)
{
	struct holder holder = {0};
	uint64_t key;
	uint32_t *known;

	*ret = LOOK_NONE;
	if (making->holders)
		holder = holders_of(making->holders, map);
	if (!holder.hop)
		return NULL;
	key = table_mix((uintptr_t)holder.hop ^ table_mix(holder.goid + 1));
	known = table_find(&making->ways_at, key);
	if (known) {
		*ret = *known;
		return NULL;
	}
	if (making->ways_bytes >= WAYS_BYTES_MAX)
		return NULL;
	try(add_way(making, &holder));
	*ret = (uint32_t)making->result->ways.len - 1;
	return table_put(&making->ways_at, key, *ret) < 0 ? error_nomem() : NULL;
}

/* Reads the seeds of all maps, in their order. One that cannot be read is 0: no event has it then. */
static struct error *read_seeds(struct making *making)
{
	const struct layout_ops *layout = layout_get(making->known->maps);

	heap_forget(making->heap);
	vec_each(map, &making->maps->list) {
		uint64_t header[GO_MAP_HEADER_WORDS] = {0};

		if (!heap_read(making->heap, map->addr, header, sizeof(header)))
			header[1] = 0;
		if (!vec_push(&making->seeds, layout->seed(header)))
			return error_nomem();
	}
	return NULL;
}

/* Tells whether the map with this seed had the address before the look began, and has it now. What was read in between is
 * then about this map. */
static bool is_sure(const struct making *making, const struct gomap *map, uint64_t seed)
{
	const struct known *known = making->known;
	const uint32_t *at = table_find(&known->before_at, map->addr);

	if (at && known->before.data[*at] == seed && !known->clones)
		return true;
	/* A stale word of a stack does not keep its object from being freed. */
	return making->same_cycle && !map->by_stack && !map->on_stack;
}

static struct error *add_map(struct making *making, const struct gomap *map, uint64_t seed)
{
	struct look_result *result = making->result;
	struct look_seen seen = {.seed = seed, .by_stack = map->by_stack || map->on_stack};
	struct heap_facts facts;

	if (map->changing || !seed)
		return NULL;
	heap_facts(making->heap, &facts);
	seen.cycles = facts.cycles;
	seen.sure = is_sure(making, map, seen.seed);
	try(type_number(making, map->type, &seen.type));
	try(way_number(making, map->addr, &seen.way));
	if (!vec_push(&result->maps, seen) ||
	    table_put(&result->at, map->addr, (uint32_t)result->maps.len - 1) < 0)
		return error_nomem();
	return NULL;
}

/* Keeps the seeds for the next look. */
static struct error *keep_seeds(struct known *known, const struct look_result *result)
{
	table_fini(&known->before_at);
	known->before.len = 0;
	vec_each(seen, &result->maps)
		if (!vec_push(&known->before, seen->seed))
			return error_nomem();
	return table_clone(&result->at, &known->before_at) < 0 ? error_nomem() : NULL;
}

/* Tells whether no cycle of the collector has ended since the look began. */
static bool is_same_cycle(const struct making *making, const struct memory *memory)
{
	struct heap_facts facts;
	uint32_t now;

	heap_facts(making->heap, &facts);
	return heap_cycles_at(memory, making->result->cycles_at, &now) && now == facts.cycles;
}

static struct error *make(struct making *making, const struct memory *memory)
{
	const struct gomap_list *maps = making->maps;

	making->result->cycles_at = heap_cycles_addr(making->heap);
	making->result->clones = making->known->clones;
	try(read_seeds(making));
	/* After the seeds: if the number is the same now, it was the same all the time. */
	making->same_cycle = is_same_cycle(making, memory);
	for (size_t i = 0; i < maps->list.len; i++)
		try(add_map(making, &maps->list.data[i], making->seeds.data[i]));
	return keep_seeds(making->known, making->result);
}

static struct error *find_holders(struct heap *heap, const struct gomap_list *maps,
				  struct look_result *result, struct holders **ret)
{
	VEC(uint64_t) addrs = {0};
	struct error *err;

	result->no_holders = !heap_has_parents(heap);
	if (result->no_holders)
		return NULL; /* the heap is too large for it: the types are found all the same */
	err = holders_new(heap, maps, ret);
	vec_each(map, &maps->list)
		if (!err && !vec_push(&addrs, map->addr))
			err = error_nomem();
	if (!err)
		err = holders_find(*ret, addrs.data, addrs.len);
	vec_fini(&addrs);
	return err;
}

static struct error *look_at(struct looker *looker, struct known *known, struct look_result *result)
{
	struct stoppable stoppable = {target_memory(known->target), looker->stop};
	struct heap_options options = {
		.memory = {&stoppable, read_until_stop},
		.modules = known->modules.data,
		.modules_n = known->modules.len,
		.header_size = GOMAP_HEADER_SIZE,
		.header_mask = gomap_header_mask(known->maps),
		.keep_parents = looker->holders,
	};
	cleanup(gomap_list_fini) struct gomap_list maps = {0};
	cleanup(heap_close) struct heap *heap = NULL;
	cleanup(holders_free) struct holders *holders = NULL;
	struct making making = {.result = result, .known = known, .maps = &maps};
	struct error *err;

	try(heap_open(&options, &heap));
	if (!known->plan)
		try(gomap_plan_new(heap, known->maps, &known->plan));
	try(gomap_find(heap, known->plan, &maps));
	if (looker->holders)
		try(find_holders(heap, &maps, result, &holders));
	making.heap = heap;
	making.holders = holders;
	making.types = (struct gotypes){.module = known->modules.data[0],
					.memory = options.memory,
					.find = heap_module_of,
					.find_ctx = &options};
	err = make(&making, &options.memory);
	table_fini(&making.types_at);
	table_fini(&making.ways_at);
	vec_fini(&making.seeds);
	return err;
}

/* Checks that what was read is of one program. */
static struct error *check(const struct looker *looker, struct known *known)
{
	uint64_t image;

	if (atomic_load(looker->stop))
		return error_new(ERROR_FAILED, "the trace has ended");
	return target_image_id(known->target, &image) && image == known->image
		       ? NULL
		       : error_new(ERROR_TARGET, "it has ended, or executes another program");
}

static struct error *look(struct looker *looker, pid_t pid, struct look_result *result)
{
	cleanup(known_free) struct known *known = NULL;

	try(knowns_take(&looker->knowns, pid, &known));
	known->looked_ns = result->time_ns;
	try(look_at(looker, known, result));
	try(check(looker, known));
	knowns_put(&looker->knowns, take_ptr(known));
	return NULL;
}

struct look_result *looker_look(struct looker *looker, pid_t pid)
{
	cleanup(look_result_free) struct look_result *result = calloc(1, sizeof(*result));
	uint64_t begun_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	struct error *err;

	if (!result)
		return NULL;
	result->pid = pid;
	result->time_ns = now_ns();
	err = look(looker, pid, result);
	result->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begun_ns;
	if (err)
		result->why = strdup(err->text);
	if (err && !result->why) {
		error_free(err);
		return NULL;
	}
	error_free(err);
	return take_ptr(result);
}
