#include "live/holders/holders_priv.h"

#include <stdlib.h>

enum { WAY_FIRST = 256 }; /* objects of a way that are followed before all others are there */

struct error *holders_new(struct heap *heap, const struct gomap_list *maps, struct holders **ret)
{
	struct holders *holders = calloc(1, sizeof(*holders));

	if (!holders)
		return error_nomem();
	holders->heap = heap;
	holders->maps = maps;
	holders->most = HOLDERS_MAX;
	holders->options = heap_options_of(heap);
	holders->types = (struct gotypes){.module = holders->options->modules[0],
					  .memory = holders->options->memory,
					  .find = heap_module_of,
					  .find_ctx = (void *)holders->options};
	*ret = holders;
	return NULL;
}

void holders_limit(struct holders *holders, uint32_t most)
{
	holders->most = most < HOLDERS_MAX ? most : HOLDERS_MAX;
}

void holders_free(struct holders *holders)
{
	if (!holders)
		return;
	table_fini(&holders->nodes_at);
	vec_fini(&holders->nodes);
	vec_fini(&holders->unfinished);
	table_fini(&holders->words_at);
	vec_fini(&holders->words);
	holders_names_fini(holders);
	holders_roots_fini(holders);
	free(holders);
}

struct node *holders_node(const struct holders *holders, uint64_t object)
{
	uint32_t *found = table_find(&holders->nodes_at, object);

	return found ? &holders->nodes.data[*found] : NULL;
}

/* ---- the objects on the ways ---- */

/* Returns the begin of the object that an address lies in. The header of a map on a stack is its own object. */
static uint64_t object_of(const struct holders *holders, uint64_t addr)
{
	uint64_t object, size;

	return heap_object_of(holders->heap, addr, &object, &size) ? object : addr;
}

static struct heap_source source_of(const struct holders *holders, uint64_t object)
{
	struct heap_stack stack;

	if (heap_stack_of(holders->heap, object, &stack))
		return (struct heap_source){HEAP_SOURCE_STACK, object};
	return heap_source_of(holders->heap, object);
}

static bool is_live_object(const struct holders *holders, uint64_t object)
{
	return heap_span_of(holders->heap, object) && heap_is_live(holders->heap, object, 1);
}

/* Adds an object and what leads to it, at most so many objects, up to an object that is there. `child` is the index + 1 of the node
 * that it leads to, or 0. The mark never came from an object back to it, so that this ends; a bound makes certain. A way
 * that reaches a bound is noted in holders->unfinished. */
static void add_way(struct holders *holders, uint32_t child, uint64_t addr, uint32_t most)
{
	while (most-- && holders->nodes.len < holders->most && !holders->failed) {
		uint64_t object = object_of(holders, addr);
		uint32_t *found = table_find(&holders->nodes_at, object);
		uint32_t at = found ? *found : (uint32_t)holders->nodes.len;
		struct node node = {.addr = object, .source = source_of(holders, object)};

		/* A live object has a source, unless too many roots are known. */
		node.cut = node.source.kind == HEAP_SOURCE_NONE && is_live_object(holders, object);
		if (child)
			holders->nodes.data[child - 1].parent = at + 1;
		if (found)
			return;
		holders->failed |= !vec_push(&holders->nodes, node) ||
				   table_put(&holders->nodes_at, object, at) < 0;
		if (node.source.kind != HEAP_SOURCE_OBJECT)
			return;
		child = at + 1;
		addr = node.source.addr;
	}
	if (child)
		holders->failed |= !vec_push(&holders->unfinished, child);
}

/* Adds the ways of objects. Long ones are followed when all others are there, because they may take all the room. */
static void add_ways(struct holders *holders, const uint64_t addrs[], size_t n)
{
	size_t long_ones;

	for (size_t i = 0; i < n; i++)
		add_way(holders, 0, addrs[i], WAY_FIRST);
	long_ones = holders->unfinished.len;
	for (size_t i = 0; i < long_ones; i++) {
		uint32_t child = holders->unfinished.data[i];

		add_way(holders, child, holders->nodes.data[child - 1].source.addr, HOLDERS_MAX);
	}
	for (size_t i = long_ones; i < holders->unfinished.len; i++)
		holders->nodes.data[holders->unfinished.data[i] - 1].cut = true;
	holders->unfinished.len = 0;
	holders->full = holders->nodes.len >= holders->most;
}

/* ---- the words that lead to them ---- */

static void on_pointer(void *ctx, const struct heap_source *source, uint64_t slot, uint64_t word)
{
	struct holders *holders = ctx;
	uint64_t object, size;
	struct node *node;

	if (!heap_object_of(holders->heap, word, &object, &size))
		return;
	node = holders_node(holders, object);
	if (!node || node->slot || node->source.kind != source->kind ||
	    node->source.addr != source->addr)
		return;
	node->slot = slot;
	node->word = word;
}

static int by_addr(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Finds the words that lead to the nodes from `first` on, in each object once. */
static void find_words(struct holders *holders, size_t first)
{
	VEC(uint64_t) sources = {0};
	uint64_t last = 0;

	for (size_t i = first; i < holders->nodes.len; i++) {
		struct node *node = &holders->nodes.data[i];

		if (node->source.kind == HEAP_SOURCE_GLOBAL ||
		    node->source.kind == HEAP_SOURCE_STACK ||
		    node->source.kind == HEAP_SOURCE_QUEUE) {
			node->slot = node->source.addr;
			if (!heap_read(holders->heap, node->slot, &node->word, sizeof(node->word)))
				node->word = node->addr;
		} else if (node->source.addr) {
			holders->failed |= !vec_push(&sources, node->source.addr);
		}
	}
	if (sources.len)
		qsort(sources.data, sources.len, sizeof(*sources.data), by_addr);
	vec_each(source, &sources) {
		if (*source != last)
			heap_each_pointer(holders->heap, *source, on_pointer, holders);
		last = *source;
	}
	vec_fini(&sources);
}

/* ---- steps ---- */

/* Makes the hops of a step, and the node's place. */
static void take_step(struct holders *holders, struct node *node, const struct step *step,
		      const struct holder_hop *next)
{
	node->hop = holders_hops(holders, step, next);
	node->place = step->to;
	node->done = true;
}

static void make_step(struct holders *holders, struct node *node)
{
	const struct node *parent = node->parent ? &holders->nodes.data[node->parent - 1] : NULL;
	struct edge edge = {node->source.addr, node->slot, node->word};
	struct step step = {.n = 1, .hops[0].kind = HOLDER_UNKNOWN};

	if (!parent && node->cut)
		step.hops[0].kind = HOLDER_CUT;
	else if (!parent)
		holders_step_root(holders, &node->source, &edge, &step, &node->goid);
	else if (node->slot)
		holders_step(holders, &parent->place, &edge, &step);
	if (parent) {
		node->goid = parent->goid;
		node->cut = parent->cut;
	}
	take_step(holders, node, &step, parent ? parent->hop : NULL);
}

/* Makes the steps of a node's way that have not been made, from the root on. */
static void make_steps(struct holders *holders, uint32_t at)
{
	VEC(uint32_t) way = {0};
	bool more = true;

	while (more && !holders->nodes.data[at].done && way.len < HOLDERS_MAX) {
		holders->failed |= !vec_push(&way, at);
		more = holders->nodes.data[at].parent && !holders->failed;
		at = more ? holders->nodes.data[at].parent - 1 : at;
	}
	for (size_t i = way.len; i--;)
		make_step(holders, &holders->nodes.data[way.data[i]]);
	vec_fini(&way);
}

struct error *holders_find(struct holders *holders, const uint64_t addrs[], size_t n)
{
	size_t first = holders->nodes.len;

	add_ways(holders, addrs, n);
	find_words(holders, first);
	for (size_t i = first; i < holders->nodes.len && !holders->failed; i++)
		make_steps(holders, (uint32_t)i);
	return holders->failed ? error_nomem() : NULL;
}

struct holder holders_unknown(const struct holders *holders)
{
	static const struct holder_hop cut = {.kind = HOLDER_CUT};

	return (struct holder){.hop = holders->full ? &cut : NULL, .cut = holders->full};
}

struct holder holders_of(const struct holders *holders, uint64_t addr)
{
	const struct node *node = holders_node(holders, object_of(holders, addr));

	if (!node)
		return holders_unknown(holders);
	return (struct holder){.hop = node->hop,
			       .goid = node->goid,
			       .object = node->parent ? node->source.addr : 0,
			       .slot = node->slot,
			       .cut = node->cut};
}
