/* What debug information tells about global variables. It is asked for when nothing else tells the type of a map. Descriptors that
 * were made for it lie at addresses that no process has: bit 63 is set, and bit 62 is not. */
#include "live/gomap/gomap_priv.h"
#include "base/buf.h"

#include <stdlib.h>

#define MADE_BEGIN (1ull << 63)
#define MADE_EACH  (1ull << 40) /* between two modules */

struct one {
	bool asked;
	struct gomap_described told;
};

struct described {
	struct memory memory; /* of the process */
	gomap_describe *describe;
	void *ctx;
	size_t n;
	struct one *list;
};

struct error *described_new(size_t modules, struct described **ret)
{
	cleanup(described_free) struct described *described = calloc(1, sizeof(*described));

	if (!described)
		return error_nomem();
	described->list = calloc(modules, sizeof(*described->list));
	if (!described->list)
		return error_nomem();
	described->n = modules;
	*ret = take_ptr(described);
	return NULL;
}

void described_free(struct described *described)
{
	if (!described)
		return;
	for (size_t i = 0; i < described->n; i++) {
		vec_fini(&described->list[i].told.variables);
		buf_fini(&described->list[i].told.types);
		buf_fini(&described->list[i].told.fields);
	}
	free(described->list);
	free(described);
}

void described_set(struct described *described, gomap_describe *describe, void *ctx)
{
	described->describe = describe;
	described->ctx = ctx;
}

void described_ask(struct described *described)
{
	for (size_t i = 0; i < described->n && described->describe; i++) {
		struct one *one = &described->list[i];

		if (!one->asked)
			described->describe(described->ctx, i, MADE_BEGIN + i * MADE_EACH,
					    &one->told);
		one->asked = true;
	}
}

const struct gomap_described *described_of(const struct described *described, size_t module)
{
	return &described->list[module].told;
}

static size_t copy(const struct buf *from, uint64_t offset, void *to, size_t size)
{
	size_t n = offset < from->len ? from->len - offset : 0;

	n = n < size ? n : size;
	if (n)
		memcpy(to, from->data + offset, n);
	return n;
}

static size_t read_made(const struct described *described, uint64_t addr, void *to, size_t size)
{
	uint64_t module = (addr - MADE_BEGIN) / MADE_EACH, offset = (addr - MADE_BEGIN) % MADE_EACH;
	const struct gomap_described *told;

	if (module >= described->n)
		return 0;
	told = &described->list[module].told;
	return offset < GOTYPE_MADE_FIELDS
		       ? copy(&told->types, offset, to, size)
		       : copy(&told->fields, offset - GOTYPE_MADE_FIELDS, to, size);
}

static size_t read_any(void *ctx, uint64_t addr, void *to, size_t size)
{
	const struct described *described = ctx;

	if (addr >> 62 == MADE_BEGIN >> 62)
		return read_made(described, addr, to, size);
	return described->memory.read
		       ? described->memory.read(described->memory.ctx, addr, to, size)
		       : 0;
}

struct memory described_memory(struct described *described, const struct memory *memory)
{
	described->memory = *memory;
	return (struct memory){.ctx = described, .read = read_any};
}
