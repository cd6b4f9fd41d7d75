/* The pointers of a type, as a mask with a bit for each word. Types mostly have it as data (abi.Type.GCData). Large
 * ones have a program that makes it (to Go 1.23) or get it when it is needed (since 1.24). For those it is
 * made here, from their fields. */
#include "live/heap/heap_priv.h"
#include "base/reader.h"

#include <stdlib.h>

enum {
	TYPE_BYTES = 48,
	KIND_GC_PROGRAM = 64, /* to 1.23 */
	TFLAG_ON_DEMAND = 16, /* since 1.24 */
	DEPTH_MAX = 32,
};
#define WORDS_MAX     (1ull << 24) /* of a type: 128 MiB */
#define ALL_WORDS_MAX (1ull << 31) /* of all types: masks of 256 MiB */

struct builder {
	struct gotypes types;
	struct heap_mask *mask;
	uint64_t steps; /* that are left */
};

static void put_word(struct builder *builder, uint64_t offset)
{
	uint64_t word = offset / WORD;

	if (word < builder->mask->words)
		builder->mask->bits[word / 8] |= (uint8_t)(1 << word % 8);
}

static bool put_type(struct builder *builder, uint64_t addr, uint64_t offset, unsigned depth);

static bool put_fields(struct builder *builder, const struct gotype *type, uint64_t offset,
		       unsigned depth)
{
	struct gotype_field field;

	for (uint64_t i = 0; i < type->len; i++)
		if (!gotype_field(&builder->types, type, i, &field) || field.offset > type->size ||
		    !put_type(builder, field.type, offset + field.offset, depth + 1))
			return false;
	return true;
}

static bool put_elements(struct builder *builder, const struct gotype *type, uint64_t offset,
			 unsigned depth)
{
	uint64_t size = type->len ? type->size / type->len : 0;

	for (uint64_t i = 0; size && i < type->len; i++)
		if (!put_type(builder, type->elem, offset + i * size, depth + 1))
			return false;
	return true;
}

/* Sets the bits of a value of a type at an offset (cmd/compile/internal/reflectdata: dgcptrmask). The first word
 * of an interface points to no object of the heap. */
static bool put_type(struct builder *builder, uint64_t addr, uint64_t offset, unsigned depth)
{
	struct gotype type;

	if (depth > DEPTH_MAX || !builder->steps-- || !gotype_read(&builder->types, addr, &type))
		return false;
	if (!type.ptr_bytes)
		return true;
	switch (type.kind) {
	case GOTYPE_STRUCT: return put_fields(builder, &type, offset, depth);
	case GOTYPE_ARRAY: return put_elements(builder, &type, offset, depth);
	case GOTYPE_INTERFACE: put_word(builder, offset + WORD); return true;
	default: put_word(builder, offset); return true;
	}
}

static bool build(struct heap *heap, struct heap_mask *mask)
{
	struct builder builder = {.types = {.module = heap->options.modules[0],
					    .memory = heap->options.memory,
					    .find = heap_module_of,
					    .find_ctx = &heap->options},
				  .mask = mask,
				  .steps = mask->words * 4 + 64};

	return put_type(&builder, mask->addr, 0, 0);
}

/* Reads the mask of a type. Leaves bits NULL if the type makes no sense. */
static void read_mask(struct heap *heap, struct heap_mask *mask)
{
	uint8_t type[TYPE_BYTES];
	struct reader r = reader_over(type, sizeof(type));
	unsigned minor = gopcln_minor(heap->options.modules[0].tab);
	uint64_t pointers, data;
	uint8_t flags, kind;
	bool made_late;
	size_t bytes;

	if (!heap_read(heap, mask->addr, type, sizeof(type)))
		return;
	mask->size = reader_u64(&r);
	pointers = reader_u64(&r);
	flags = type[20];
	kind = type[23];
	memcpy(&data, type + 32, sizeof(data));
	mask->words = pointers / WORD;
	if (pointers % WORD || pointers > mask->size || mask->words > WORDS_MAX || !mask->size ||
	    mask->size % WORD)
		return;
	heap->mask_words += mask->words;
	if (heap->mask_words > ALL_WORDS_MAX)
		return;
	bytes = (mask->words + 7) / 8 + 1;
	mask->bits = calloc(1, bytes);
	if (!mask->bits) {
		heap->failed = heap->failed ? heap->failed : error_nomem();
		return;
	}
	made_late = minor <= 23 ? kind & KIND_GC_PROGRAM : flags & TFLAG_ON_DEMAND;
	if (made_late ? build(heap, mask) : heap_read(heap, data, mask->bits, bytes - 1))
		return;
	free(mask->bits);
	mask->bits = NULL;
}

const struct heap_mask *heap_mask_of(struct heap *heap, uint64_t type)
{
	const uint32_t *found = table_find(&heap->masks_at, type);
	size_t at = found ? *found : heap->masks.len;

	if (!found) {
		struct heap_mask mask = {.addr = type};

		read_mask(heap, &mask);
		if (!vec_push(&heap->masks, mask) ||
		    table_put(&heap->masks_at, type, (uint32_t)at) < 0) {
			heap->failed = heap->failed ? heap->failed : error_nomem();
			return NULL;
		}
	}
	return heap->masks.data[at].bits ? &heap->masks.data[at] : NULL;
}

void heap_masks_fini(struct heap *heap)
{
	vec_each(mask, &heap->masks)
		free(mask->bits);
	vec_fini(&heap->masks);
	table_fini(&heap->masks_at);
}
