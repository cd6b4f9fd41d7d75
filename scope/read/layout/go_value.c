/* Values in a running process: the parts that a key plan would list are read when the decoder comes to them. */
#include "read/layout/go_key_priv.h"
#include "base/buf.h"

#include <stdlib.h>

#define BLOCK	   (64u << 10) /* bytes of the arena */
#define BYTES_MAX  (64u << 10) /* that are read of one part */
#define BLOCKS_MAX 64	       /* of one value */

/* Returns room for what is read, which lives until the next decode. Returns NULL when a value has too much, or memory is
 * out. */
static char *room(struct decoder *d, size_t size)
{
	struct go_key_arena *arena = d->arena;
	char *block;

	if (arena->blocks.len && arena->used + size <= BLOCK) {
		arena->used += size;
		return arena->blocks.data[arena->blocks.len - 1] + arena->used - size;
	}
	if (arena->blocks.len >= BLOCKS_MAX)
		return NULL;
	block = malloc(BLOCK);
	if (!block || !vec_push(&arena->blocks, block)) {
		free(block);
		d->nomem = true;
		return NULL;
	}
	arena->used = size;
	return block;
}

/* Reads a part of a value, at most BYTES_MAX of it. */
static const struct go_key_segment *read_part(struct decoder *d, uint64_t addr, uint64_t size,
					      uint64_t limit)
{
	struct go_key_segment *segment = &d->segment;
	const struct memory *memory = &d->types->memory;
	char *to;

	limit = limit < BYTES_MAX ? limit : BYTES_MAX;
	*segment = (struct go_key_segment){.addr = addr, .want = size};
	segment->len = size < limit ? size : limit;
	to = room(d, segment->len);
	if (!to || !memory->read)
		return NULL;
	segment->len = segment->len ? memory->read(memory->ctx, addr, to, segment->len) : 0;
	segment->bytes = to;
	return segment;
}

const struct go_key_segment *live_string(struct decoder *d, uint64_t addr, uint64_t want)
{
	return read_part(d, addr, want, d->live->text);
}

const struct go_key_segment *live_value(struct decoder *d, const struct gotype *of, uint64_t tab,
					uint64_t data)
{
	enum { ITAB_TYPE = 8 };
	const struct go_key_segment *segment;
	uint64_t addr = tab;
	struct gotype type;

	if ((!of->empty_interface &&
	     !memory_read(&d->types->memory, tab + ITAB_TYPE, &addr, sizeof(addr))) ||
	    !gotype_read(d->types, addr, &type))
		return NULL;
	segment = type.direct_iface ? read_part(d, data, 0, 0)
				    : read_part(d, data, type.size, BYTES_MAX);
	d->segment.type = addr;
	return segment;
}

static void decode_slice(struct decoder *d, const struct gotype *type, const uint8_t *bytes,
			 unsigned depth)
{
	uint64_t addr = word_at(bytes), len = word_at(bytes + 8), n, count = 0;
	size_t index = d->arena->values.len;
	const struct go_key_segment *segment = NULL;
	struct gotype elem;

	if (!addr) {
		value_emit(d, VALUE_INTERFACE)->type = ""; /* nil */
		return;
	}
	n = len < d->live->elems ? len : d->live->elems;
	if (gotype_read(d->types, type->elem, &elem) && elem.size <= BYTES_MAX) {
		n = elem.size && n > BYTES_MAX / elem.size ? BYTES_MAX / elem.size : n;
		segment = read_part(d, addr, n * elem.size, BYTES_MAX);
	}
	if (!segment || segment->len < segment->want) {
		value_emit_unread(d, "the slice's elements could not be read");
		return;
	}
	bytes = segment->bytes;
	value_emit(d, VALUE_ARRAY)->type = "";
	value_name_type(d, index, type->addr);
	for (; count < n && d->arena->values.len < VALUES_MAX && !d->nomem; count++)
		value_decode(d, type->elem, bytes + count * elem.size, elem.size, depth + 1);
	if (d->nomem)
		return;
	d->arena->values.data[index].n = (uint32_t)count;
	if (count < len)
		value_note_cut(d, index, len);
}

bool live_decode(struct decoder *d, const struct gotype *type, const uint8_t *bytes, unsigned depth)
{
	switch (type->kind) {
	case GOTYPE_SLICE: decode_slice(d, type, bytes, depth); return true;
	case GOTYPE_MAP:
	case GOTYPE_FUNC: value_emit(d, VALUE_POINTER)->u = word_at(bytes); return true;
	default: return false;
	}
}

static void forget_blocks(struct go_key_arena *arena)
{
	while (arena->blocks.len > 1)
		free(arena->blocks.data[--arena->blocks.len]);
	arena->used = 0;
}

bool go_value_decode(const struct gotypes *types, uint64_t type, uint64_t addr,
		     const struct go_value_limits *limits, struct go_key_arena *arena)
{
	struct decoder d = {.types = types, .live = limits, .arena = arena};
	const struct go_key_segment *segment;
	struct gotype of;

	value_reset(arena);
	forget_blocks(arena);
	if (!gotype_read(types, type, &of)) {
		value_emit_unread(&d, "the value's type could not be read");
		return !d.nomem;
	}
	segment = read_part(&d, addr, of.size, BYTES_MAX);
	if (!segment || segment->len < (of.size < BYTES_MAX ? of.size : BYTES_MAX))
		value_emit_unread(&d, "the value's memory could not be read");
	else
		value_decode(&d, type, segment->bytes, segment->len, 0);
	value_set_names(&d);
	return !d.nomem;
}
