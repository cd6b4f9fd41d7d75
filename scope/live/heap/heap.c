#include "live/heap/heap_priv.h"

#include <stdlib.h>

/* Allocates what the mark needs, for all objects. */
static struct error *prepare(struct heap *heap)
{
	size_t words = heap->facts.objects / 64 + 1;

	heap->marked = calloc(words, sizeof(*heap->marked));
	heap->scanned = calloc(words, sizeof(*heap->scanned));
	heap->queue = calloc(heap->spans.len + 1, sizeof(*heap->queue));
	heap->buffer = malloc(PIECE_MAX + WORD);
	if (heap->fields.bits != HEAP_BITS_SPAN)
		heap->bitmap = malloc(sizeof(*heap->bitmap));
	if (!heap->marked || !heap->scanned || !heap->queue || !heap->buffer ||
	    (heap->fields.bits != HEAP_BITS_SPAN && !heap->bitmap))
		return error_nomem();
	return heap->options.keep_parents ? heap_parents_new(heap) : NULL;
}

/* Finds the variables of the runtime in its code, or takes those that were found before. */
static struct error *find_globals(struct heap *heap, const struct heap *like)
{
	const struct gotype_module *main = &heap->options.modules[0];

	if (like) {
		heap->globals = like->globals;
		return NULL;
	}
	try(heap_globals_find(main->image, main->tab, &heap->globals));
	heap->globals.mheap += main->bias;
	heap->globals.allgs += main->bias;
	heap->globals.finalizers += heap->globals.finalizers ? main->bias : 0;
	heap->globals.cleanups += heap->globals.cleanups ? main->bias : 0;
	for (size_t i = 0; i < ARRAY_SIZE(heap->globals.pools); i++)
		heap->globals.pools[i] += heap->globals.pools[i] ? main->bias : 0;
	return NULL;
}

static void widen(struct heap_range *range, uint64_t from, uint64_t to)
{
	range->from = from < range->from ? from : range->from;
	range->to = to > range->to ? to : range->to;
}

static void find_ranges(struct heap *heap)
{
	heap->types = heap->text = (struct heap_range){.from = UINT64_MAX};
	for (size_t i = 0; i < heap->options.modules_n; i++) {
		const struct gotype_module *at = &heap->options.modules[i];
		const struct gopcln_module *module = gopcln_module(at->tab);

		widen(&heap->types, module->types + at->bias, module->etypes + at->bias);
		widen(&heap->text, module->text + at->bias, module->etext + at->bias);
	}
}

static struct error *fill(struct heap *heap, const struct heap *like)
{
	const struct gotype_module *main = &heap->options.modules[0];

	try(heap_fields_of(main->tab, &heap->fields));
	try(find_globals(heap, like));
	find_ranges(heap);
	try(heap_cache_new(heap->options.memory, &heap->cache));
	try(heap_read_spans(heap));
	return prepare(heap);
}

struct error *heap_open(const struct heap_options *options, struct heap **ret)
{
	return heap_open_like(NULL, options, ret);
}

struct error *heap_open_like(const struct heap *like, const struct heap_options *options,
			     struct heap **ret)
{
	struct heap *heap = calloc(1, sizeof(*heap));
	struct error *err;

	if (!heap)
		return error_nomem();
	heap->options = *options;
	err = fill(heap, like);
	if (err)
		heap_close(heap);
	else
		*ret = heap;
	return err;
}

void heap_close(struct heap *heap)
{
	if (!heap)
		return;
	heap_cache_free(heap->cache);
	vec_fini(&heap->spans);
	vec_fini(&heap->stacks_at);
	table_fini(&heap->arenas_at);
	vec_each(arena, &heap->arenas)
		free(*arena);
	vec_fini(&heap->arenas);
	heap_masks_fini(heap);
	free(heap->marked);
	free(heap->scanned);
	free(heap->queue);
	heap_held_free(heap);
	free(heap->buffer);
	free(heap->bitmap);
	heap_parents_free(heap);
	vec_fini(&heap->candidates);
	vec_fini(&heap->aside);
	vec_fini(&heap->globals_at);
	error_free(heap->failed);
	free(heap);
}

const struct gotype_module *heap_module_of(void *ctx, uint64_t addr)
{
	const struct heap_options *options = ctx;

	for (size_t i = 0; i < options->modules_n; i++) {
		const struct gotype_module *at = &options->modules[i];
		const struct gopcln_module *module = gopcln_module(at->tab);

		if (addr - at->bias >= module->types && addr - at->bias < module->etypes)
			return at;
	}
	return NULL;
}

bool heap_read(const struct heap *heap, uint64_t addr, void *to, size_t size)
{
	return heap_cache_read(heap->cache, addr, to, size);
}

void heap_forget(struct heap *heap)
{
	heap_cache_forget(heap->cache);
}

const struct heap_options *heap_options_of(const struct heap *heap)
{
	return &heap->options;
}

void heap_facts(const struct heap *heap, struct heap_facts *ret)
{
	*ret = heap->facts;
}

const struct heap_candidate *heap_candidates(const struct heap *heap, size_t *ret_n)
{
	*ret_n = heap->candidates.len;
	return heap->candidates.data;
}

uint64_t heap_type_of(const struct heap *heap, uint64_t addr)
{
	const struct heap_span *span = heap_span_of(heap, addr);
	uint64_t type = 0, base, size;

	if (!span || span->noscan || heap->fields.bits != HEAP_BITS_SPAN ||
	    !heap_object_of(heap, addr, &base, &size))
		return 0;
	if (span->type)
		return addr == base ? span->type : 0;
	if (span->elem > SMALL_MAX && addr == base + WORD)
		heap_read(heap, base, &type, sizeof(type));
	return type;
}
