/* All that leads to one object. The mark keeps one way for each object. For one object, all pointers of live objects and
 * roots are read once more, and each holder that they are in has its own way. */
#include "live/holders/holders_priv.h"

#include <stdlib.h>

enum {
	POINTERS_MAX = 1 << 16, /* to the object that are kept */
	COST_UNKNOWN = 4,	/* of a hop without a name, in hops */
	COST_STACK = 16,
	COST_HOPS_MAX = 1000,
};

/* A pointer to the object. */
struct pointer {
	struct heap_source source;
	uint64_t slot, word;
};

struct search {
	struct holders *holders;
	uint64_t object, size;
	VEC(struct pointer) pointers;
	uint64_t n;   /* of all pointers */
	uint64_t cut; /* of these: the way of the object that has it is not known */
	bool failed;
};

static void on_pointer(void *ctx, const struct heap_source *source, uint64_t slot, uint64_t word)
{
	struct search *search = ctx;
	struct pointer pointer = {*source, slot ? slot : source->addr, word};

	if (word - search->object >= search->size || source->addr == search->object)
		return;
	search->n++;
	if (search->pointers.len < POINTERS_MAX)
		search->failed |= !vec_push(&search->pointers, pointer);
}

/* Adds the ways of the objects with the pointers. */
static struct error *find_holders(struct search *search)
{
	VEC(uint64_t) addrs = {0};
	struct error *err = NULL;

	vec_each(pointer, &search->pointers)
		if (pointer->source.kind == HEAP_SOURCE_OBJECT &&
		    !vec_push(&addrs, pointer->source.addr))
			err = error_nomem();
	if (!err)
		err = holders_find(search->holders, addrs.data, addrs.len);
	vec_fini(&addrs);
	return err;
}

/* Notes for each node whether its way leads through an object. Parents stand on the way before their children, but not in
 * the list; a walk ends at a node that is noted. */
static bool passes(struct holders *holders, struct node *node, uint64_t object)
{
	struct node *at = node;
	enum node_passes result;

	while (at->passes == PASSES_UNKNOWN && at->addr != object && at->parent)
		at = &holders->nodes.data[at->parent - 1];
	result = at->passes != PASSES_UNKNOWN ? at->passes
		 : at->addr == object	      ? PASSES_YES
					      : PASSES_NO;
	for (at = node; at->passes == PASSES_UNKNOWN; at = &holders->nodes.data[at->parent - 1]) {
		at->passes = result;
		if (at->addr == object || !at->parent)
			break;
	}
	return result == PASSES_YES;
}

static unsigned cost_of(const struct holder_hop *hop)
{
	unsigned cost = 0;

	for (unsigned n = 0; hop && n < COST_HOPS_MAX; hop = hop->next, n++) {
		cost += hop->kind == HOLDER_UNKNOWN || hop->kind == HOLDER_MAP ? COST_UNKNOWN : 1;
		cost += hop->kind == HOLDER_STACK ? COST_STACK : 0;
	}
	return cost;
}

/* Makes the way of a pointer. Returns false if it leads through the object itself. */
static bool make_path(struct search *search, const struct pointer *pointer, struct holder_path *ret)
{
	struct holders *holders = search->holders;
	struct edge edge = {pointer->source.addr, pointer->slot, pointer->word};
	struct node *holder = NULL;
	struct step step;

	*ret = (struct holder_path){.slot = pointer->slot};
	if (pointer->source.kind == HEAP_SOURCE_OBJECT) {
		holder = holders_node(holders, pointer->source.addr);
		ret->object = pointer->source.addr;
		if (!holder) {
			ret->hop = holders_unknown(holders).hop;
			search->cut += ret->hop != NULL;
			return ret->hop;
		}
		if (!holder->done || passes(holders, holder, search->object))
			return false;
		search->cut += holder->cut;
		holders_step(holders, &holder->place, &edge, &step);
		ret->goid = holder->goid;
	} else {
		holders_step_root(holders, &pointer->source, &edge, &step, &ret->goid);
	}
	ret->hop = holders_hops(holders, &step, holder ? holder->hop : NULL);
	ret->cost = cost_of(ret->hop);
	if (step.to.kind == PLACE_VALUES && step.to.origin == search->object)
		ret->type = step.to.type;
	return true;
}

static int by_hop(const void *a_, const void *b_)
{
	const struct holder_path *a = a_, *b = b_;

	if (a->hop != b->hop)
		return (uintptr_t)a->hop < (uintptr_t)b->hop ? -1 : 1;
	return (a->slot > b->slot) - (a->slot < b->slot);
}

static int by_cost(const void *a_, const void *b_)
{
	const struct holder_path *a = a_, *b = b_;

	if (a->cost != b->cost)
		return a->cost < b->cost ? -1 : 1;
	return (a->slot > b->slot) - (a->slot < b->slot);
}

/* Keeps one path of those that are alike, and orders them. */
static void order_paths(struct holder_paths *paths)
{
	struct holder_path *list = paths->list.data;
	size_t kept = 0;

	if (!paths->list.len)
		return;
	qsort(list, paths->list.len, sizeof(*list), by_hop);
	for (size_t i = 0; i < paths->list.len; i++) {
		if (kept && list[kept - 1].hop == list[i].hop)
			list[kept - 1].alike++;
		else
			list[kept++] = list[i];
	}
	paths->list.len = kept;
	qsort(list, kept, sizeof(*list), by_cost);
}

/* Finds the type of the object: what is known of it by itself, or by what leads to it. */
static uint64_t type_of(struct search *search, const struct holder_paths *paths)
{
	struct place place = holders_identify(search->holders, search->object, search->object);

	if (place.type)
		return place.type;
	vec_each(path, &paths->list)
		if (path->type)
			return path->type;
	return 0;
}

static struct error *make_paths(struct search *search, struct holder_paths *ret)
{
	struct holder_path path;

	try(find_holders(search));
	vec_each(pointer, &search->pointers)
		if (make_path(search, pointer, &path) && !vec_push(&ret->list, path))
			return error_nomem();
	order_paths(ret);
	ret->pointers = search->n;
	ret->left_out = search->n - search->pointers.len;
	ret->cut = search->cut;
	ret->type = type_of(search, ret);
	ret->type_name = ret->type ? holders_type_name(search->holders, ret->type) : NULL;
	return search->holders->failed ? error_nomem() : NULL;
}

struct error *holders_paths(struct holders *holders, uint64_t addr, struct holder_paths *ret)
{
	struct search search = {.holders = holders};
	struct error *err;

	*ret = (struct holder_paths){0};
	if (!heap_object_of(holders->heap, addr, &search.object, &search.size) ||
	    !heap_is_live(holders->heap, addr, 1))
		return NULL;
	ret->object = search.object;
	ret->size = search.size;
	err = heap_each_source(holders->heap, on_pointer, &search);
	if (!err && search.failed)
		err = error_nomem();
	if (!err)
		err = make_paths(&search, ret);
	vec_fini(&search.pointers);
	return err;
}

void holder_paths_fini(struct holder_paths *paths)
{
	vec_fini(&paths->list);
}

/* Tells why nothing holds an address that is in no live object, no variable and no stack. */
static const char *why_not(const struct holders *holders, uint64_t addr)
{
	const struct heap_options *options = holders->options;

	if (heap_span_of(holders->heap, addr))
		return "it is in the heap, but in no live object";
	for (size_t i = 0; i < options->modules_n; i++)
		if (image_at(options->modules[i].image, addr - options->modules[i].bias, 1))
			return "it is in the program's file (code, constants, variables that are not of Go), which is never freed";
	return "it is in no object of the heap, no global variable and no stack";
}

/* Makes the step from a word of a root. Memory that is no object has no other way. */
const char *holders_place_name(struct holders *holders, uint64_t addr, struct holder *ret)
{
	struct heap_source source = {HEAP_SOURCE_GLOBAL, addr};
	struct edge edge = {0, addr, 0};
	struct heap_stack stack;
	struct step step;

	*ret = (struct holder){.slot = addr};
	if (heap_stack_of(holders->heap, addr, &stack))
		source.kind = HEAP_SOURCE_STACK;
	else if (holders_data_module(holders, addr) == holders->options->modules_n)
		return why_not(holders, addr);
	holders_step_root(holders, &source, &edge, &step, &ret->goid);
	ret->hop = holders_hops(holders, &step, NULL);
	return NULL;
}
