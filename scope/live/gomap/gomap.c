#include "live/gomap/gomap_priv.h"

#include <stdlib.h>

static const struct gomap_ops *const layouts[] = {
	[GO_MAPS_CLASSIC] = &gomap_classic,
	[GO_MAPS_SWISS] = &gomap_swiss,
};

enum {
	TRIES = 10,	    /* of a map that changes while it is read */
	RETRIES_MAX = 3000, /* of all maps */
};

struct search {
	const struct gomap_ops *ops;
	uint64_t steps;
	struct heap *heap;
	unsigned retries;
	struct gomap_reader reader;
	struct typing *typing;
	struct gomap_list *list;
	VEC(struct gomap) stack; /* headers in stacks */
	struct candidates candidates;
	bool failed;
};

const struct gomap_ops *gomap_ops_of(enum go_maps maps)
{
	return layouts[maps];
}

uint8_t gomap_header_mask(enum go_maps maps)
{
	return layouts[maps]->mask;
}

static void on_interface(void *ctx, uint64_t type, uint64_t data)
{
	typing_add_interface(((struct search *)ctx)->typing, type, data);
}

static void on_object(void *ctx, uint64_t addr, uint64_t type, uint64_t size)
{
	typing_add_object(((struct search *)ctx)->typing, addr, type, size);
}

static void on_function(void *ctx, uint64_t addr, uint64_t func)
{
	typing_add_closure(((struct search *)ctx)->typing, addr, func);
}

static void on_stack(void *ctx, uint64_t first, const uint64_t *words, size_t n)
{
	struct search *search = ctx;

	for (size_t i = 0; i + HEAP_STACK_OVERLAP < n; i++) {
		struct gomap map = {.addr = first + i * WORD, .on_stack = true, .by_stack = true};

		if (!search->ops->may_be(words + i))
			continue;
		memcpy(map.words, words + i, sizeof(map.words));
		search->failed |= !vec_push(&search->stack, map);
	}
}

/* Reads a map again that makes no sense: the program may have changed it since its header was read. */
static enum gomap_verdict read_again(struct search *search, struct gomap *map)
{
	struct gomap again = {
		.addr = map->addr,
		.on_stack = map->on_stack,
		.by_stack = map->by_stack,
		.by_pool = map->by_pool,
	};

	search->retries++;
	heap_forget(search->heap);
	if (!heap_read(search->heap, again.addr, again.words, sizeof(again.words)))
		return GOMAP_NO;
	*map = again;
	return search->ops->read(&search->reader, map);
}

static bool is_final(enum gomap_verdict verdict)
{
	return verdict != GOMAP_NO && verdict != GOMAP_TORN;
}

/* Adds an object if it is a map, or may be one. If it never was at rest, its tables tell whether it is a map. */
static struct error *add(struct search *search, struct gomap map)
{
	struct gomap first = map;
	enum gomap_verdict verdict = search->ops->read(&search->reader, &map);

	for (unsigned i = 0; !is_final(verdict) && i < TRIES && search->retries < RETRIES_MAX &&
			     search->ops->may_be(first.words);
	     i++)
		verdict = read_again(search, &map);
	search->list->unsettled += !is_final(verdict) && search->retries >= RETRIES_MAX &&
				   search->ops->may_be(first.words);
	map.never_filled = verdict == GOMAP_EMPTY;
	map.changing = verdict == GOMAP_TORN;
	map.weak = verdict == GOMAP_WEAK || (verdict == GOMAP_TORN && !map.tables);
	search->list->refused += verdict == GOMAP_NO;
	if (verdict != GOMAP_NO && !vec_push(&search->list->list, map))
		return error_nomem();
	return NULL;
}

static int by_addr(const void *a, const void *b)
{
	const struct gomap *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

static struct error *add_all(struct search *search)
{
	size_t n;
	const struct heap_candidate *candidates = heap_candidates(search->reader.heap, &n);

	for (size_t i = 0; i < n; i++) {
		struct gomap map = {.addr = candidates[i].addr,
				    .by_stack = candidates[i].by_stack,
				    .by_pool = candidates[i].by_pool};

		memcpy(map.words, candidates[i].words, sizeof(map.words));
		try(add(search, map));
	}
	vec_each(map, &search->stack)
		try(add(search, *map));
	if (search->list->list.len)
		qsort(search->list->list.data, search->list->list.len,
		      sizeof(*search->list->list.data), by_addr);
	return NULL;
}

/* Measures a map again whose type was found after that. If its parts are not of this type, the type was wrong. */
static void measure_again(struct search *search, struct gomap *map)
{
	struct gomap again = {.addr = map->addr,
			      .type = map->type,
			      .on_stack = map->on_stack,
			      .by_stack = map->by_stack,
			      .by_pool = map->by_pool,
			      .changing = map->changing};

	memcpy(again.words, map->words, sizeof(again.words));
	if (search->ops->read(&search->reader, &again) != GOMAP_NO) {
		*map = again;
	} else {
		map->type = 0;
		search->list->types_dropped++;
	}
}

/* Drops maps that were never filled and that no typed value leads to. */
static void settle(struct search *search)
{
	size_t kept = 0;

	vec_each(map, &search->list->list) {
		bool weak = map->weak;

		if (!map->never_filled && map->typed_late)
			measure_again(search, map);
		if ((map->never_filled || weak) && !map->type) {
			search->list->empty += map->never_filled;
			search->list->refused += weak;
			continue;
		}
		if (!map->type && !map->changing)
			candidates_find(&search->candidates, &search->reader, search->ops, map);
		search->list->list.data[kept++] = *map;
	}
	search->list->list.len = kept;
}

static struct error *find(struct search *search, struct heap *heap)
{
	struct heap_hooks hooks = {
		.ctx = search,
		.on_interface = on_interface,
		.on_stack = on_stack,
		.on_object = on_object,
		.on_function = on_function,
	};

	try(heap_mark(heap, &hooks));
	if (search->failed)
		return error_nomem();
	try(add_all(search));
	try(typing_run(search->typing, search->list));
	settle(search);
	return NULL;
}

struct error *gomap_plan_new(struct heap *heap, enum go_maps maps, struct gomap_plan **ret)
{
	const struct heap_options *options = heap_options_of(heap);
	cleanup(gomap_plan_free) struct gomap_plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return error_nomem();
	plan->maps = maps;
	plan->steps = GOMAP_STEPS_MAX;
	plan->code = calloc(options->modules_n, sizeof(*plan->code));
	if (!plan->code)
		return error_nomem();
	plan->modules_n = options->modules_n;
	try(described_new(options->modules_n, &plan->described));
	try(map_types_find(heap, maps, &plan->types));
	try(arrays_find(heap, &plan->types, layouts[maps]->allocated, &plan->arrays));
	for (size_t i = 0; i < options->modules_n; i++)
		try(code_types_open(options->modules[i].image, options->modules[i].tab,
				    &plan->code[i]));
	*ret = take_ptr(plan);
	return NULL;
}

void gomap_plan_limit(struct gomap_plan *plan, uint64_t steps)
{
	plan->steps = steps;
}

void gomap_plan_describe(struct gomap_plan *plan, gomap_describe *describe, void *ctx)
{
	described_set(plan->described, describe, ctx);
}

void gomap_plan_free(struct gomap_plan *plan)
{
	if (!plan)
		return;
	map_types_fini(&plan->types);
	table_fini(&plan->arrays);
	described_free(plan->described);
	for (size_t i = 0; i < plan->modules_n; i++)
		code_types_free(plan->code[i]);
	free(plan->code);
	free(plan);
}

struct error *gomap_find(struct heap *heap, const struct gomap_plan *plan, struct gomap_list *ret)
{
	struct search search = {.ops = layouts[plan->maps],
				.heap = heap,
				.reader = {.heap = heap,
					   .types = &plan->types,
					   .allocated = layouts[plan->maps]->allocated,
					   .steps = &search.steps},
				.steps = plan->steps,
				.candidates = candidates_of(plan->steps),
				.list = ret};
	struct error *err;

	ret->types = &plan->types;
	ret->layout = plan->maps;
	err = typing_new(&search.reader, plan, search.ops, &search.typing);

	if (!err)
		err = find(&search, heap);
	ret->maps_left = !search.steps;
	ret->candidates_left = search.candidates.given_up;
	typing_free(search.typing);
	vec_fini(&search.stack);
	candidates_fini(&search.candidates);
	return err;
}

void gomap_list_fini(struct gomap_list *list)
{
	vec_fini(&list->list);
	vec_fini(&list->values);
}
