/* The input is type data, in an otherwise valid executable, followed by the heap of a process. */
#include "fuzz.h"
#include "base/buf.h"

#define HEAP_BASE 0xc000000000ull

struct heap {
	const uint8_t *data;
	size_t size;
};

static size_t read_heap(void *ctx, uint64_t addr, void *to, size_t size)
{
	const struct heap *heap = ctx;
	uint64_t at = addr - HEAP_BASE;

	if (addr < HEAP_BASE || at > heap->size || size > heap->size - at)
		return 0;
	memcpy(to, heap->data + at, size);
	return size;
}

static void use_type(const struct gotypes *types, uint64_t addr)
{
	struct gotype_field field;
	struct buf name = {0};
	struct gotype type;

	gotype_name(types, addr, &name);
	if (gotype_read(types, addr, &type)) {
		for (uint64_t i = 0; i < 16 && gotype_field(types, &type, i, &field); i++)
			gotype_name(types, field.type, &name);
	}
	buf_fini(&name);
}

static bool use_found(void *ctx, const struct gotype *type)
{
	use_type(ctx, type->addr);
	return true;
}

static void use_types(const struct gofake *fake, struct heap *heap)
{
	cleanup(image_close) struct image *image = fuzz_open(fake->file.data, fake->file.len);
	cleanup(gopcln_close) struct gopcln *tab = NULL;
	struct gotypes types = {.image = image, .bias = 0x1000, .memory = {heap, read_heap}};
	struct error *err = image ? gopcln_open(image, &tab) : NULL;

	if (err || !image) {
		error_free(err);
		return;
	}
	types.tab = tab;
	for (uint64_t addr = fake->types; addr < fake->etypes; addr += 8)
		use_type(&types, addr + types.bias);
	for (uint64_t at = 0; at < heap->size && at < 512; at += 8)
		use_type(&types, HEAP_BASE + at);
	gotype_scan(&types, UINT32_MAX, use_found, &types);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gofake fake;
	struct heap heap;
	size_t used;

	if (size == 0)
		return 0;
	if (fuzz_build(data[0], &fake)) {
		used = fuzz_overlay(&fake, fake.types, fake.etypes, data + 1, size - 1);
		heap = (struct heap){data + 1 + used, size - 1 - used};
		use_types(&fake, &heap);
	}
	gofake_fini(&fake);
	return 0;
}
