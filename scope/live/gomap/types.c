/* The map types of a process (internal/abi: MapType). After the 48 bytes of every type:
 *
 *                  48 Key   56 Elem   64 Bucket or Group   72 Hasher
 *     classic      80 KeySize u8   81 ValueSize u8   82 BucketSize u16   84 Flags u32 (1 indirect key, 2 indirect elem)
 *     1.24 to 1.26 80 GroupSize   88 SlotSize   96 ElemOff   104 Flags u32 (4 indirect key, 8 indirect elem)
 *     1.27         80 GroupSize   88 KeysOff   96 KeyStride   104 ElemsOff   112 ElemStride   120 ElemOff   128 Flags u32
 */
#include "live/gomap/gomap_priv.h"
#include "base/buf.h"

#include <stdlib.h>

enum { TYPE_BYTES = 136, PART_BEGIN = 8 };

struct finder {
	struct map_types *types;
	struct heap *heap;
	enum go_maps maps;
	unsigned minor;
	struct gotypes named; /* to read names with */
	bool failed;
};

/* The names of shapes are those that the compiler makes (cmd/compile/internal/noder/reader.go: shapify). */
static bool is_shape(const struct gotypes *types, uint64_t type)
{
	cleanup(buf_fini) struct buf name = {0};

	return gotype_name(types, type, &name) && strstr(buf_cstr(&name), "go.shape.");
}

static uint64_t word(const uint8_t *bytes, size_t offset)
{
	uint64_t value;

	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

static void take_classic(const uint8_t *bytes, struct map_type *ret)
{
	ret->keys = PART_BEGIN;
	ret->key_stride = bytes[80];
	ret->elems = PART_BEGIN + SLOTS * ret->key_stride;
	ret->elem_stride = bytes[81];
	ret->key_indirect = bytes[84] & 1;
	ret->elem_indirect = bytes[84] & 2;
}

static void take_swiss(const uint8_t *bytes, unsigned minor, struct map_type *ret)
{
	uint8_t flags = minor >= 27 ? bytes[128] : bytes[104];

	if (minor >= 27) {
		ret->keys = word(bytes, 88);
		ret->key_stride = word(bytes, 96);
		ret->elems = word(bytes, 104);
		ret->elem_stride = word(bytes, 112);
	} else {
		ret->keys = PART_BEGIN;
		ret->key_stride = ret->elem_stride = word(bytes, 88);
		ret->elems = PART_BEGIN + word(bytes, 96);
	}
	ret->key_indirect = flags & 4;
	ret->elem_indirect = flags & 8;
}

/* Checks that the slots lie in the part. */
static bool is_sane(const struct map_type *type)
{
	return type->part_size >= PART_BEGIN && type->part_size < 1 << 16 &&
	       type->keys < type->part_size && type->key_stride < type->part_size &&
	       type->elem_stride < type->part_size && type->elems <= type->part_size;
}

static bool read_type(const struct finder *finder, uint64_t addr, struct map_type *ret)
{
	uint8_t bytes[TYPE_BYTES];
	uint64_t part[2];

	*ret = (struct map_type){.addr = addr};
	if (!heap_read(finder->heap, addr, bytes, sizeof(bytes)))
		return false;
	ret->key = word(bytes, 48);
	ret->elem = word(bytes, 56);
	ret->part = word(bytes, 64);
	if (!heap_read(finder->heap, ret->part, part, sizeof(part)))
		return false;
	ret->part_size = part[0];
	ret->part_noscan = !part[1];
	if (finder->maps == GO_MAPS_CLASSIC)
		take_classic(bytes, ret);
	else
		take_swiss(bytes, finder->minor, ret);
	return is_sane(ret);
}

static bool on_type(void *ctx, const struct gotype *type)
{
	struct finder *finder = ctx;
	struct map_types *types = finder->types;
	struct map_type found;
	uint32_t *first, at = (uint32_t)types->list.len;

	if (!read_type(finder, type->addr, &found))
		return true;
	found.part_known = heap_pointers_in(finder->heap, found.part, &found.part_pointers);
	found.shape = is_shape(&finder->named, type->addr);
	first = table_find(&types->by_part, found.part);
	if (first) {
		found.next = types->list.data[*first].next;
		types->list.data[*first].next = at + 1;
	}
	finder->failed = !vec_push(&types->list, found) ||
			 table_put(&types->by_addr, found.addr, at) < 0 ||
			 (!first && table_put(&types->by_part, found.part, at) < 0);
	return !finder->failed;
}

const struct map_type *map_types_only(const struct map_types *types, uint64_t part)
{
	const struct map_type *at = map_types_of(types, part), *only = NULL;

	for (; at; at = at->next ? &types->list.data[at->next - 1] : NULL) {
		if (at->shape)
			continue;
		if (only)
			return NULL;
		only = at;
	}
	return only;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Collects the sizes of all parts. */
static struct error *collect_sizes(struct map_types *types)
{
	size_t kept = 0;

	vec_each(type, &types->list)
		if (!vec_push(&types->sizes, type->part_size))
			return error_nomem();
	if (types->sizes.len)
		qsort(types->sizes.data, types->sizes.len, sizeof(*types->sizes.data), by_size);
	vec_each(size, &types->sizes)
		if (*size && (!kept || types->sizes.data[kept - 1] != *size))
			types->sizes.data[kept++] = *size;
	types->sizes.len = kept;
	return NULL;
}

struct error *map_types_find(struct heap *heap, enum go_maps maps, struct map_types *ret)
{
	const struct heap_options *options = heap_options_of(heap);
	struct finder finder = {.types = ret,
				.heap = heap,
				.maps = maps,
				.minor = gopcln_minor(options->modules[0].tab)};

	for (size_t i = 0; i < options->modules_n && !finder.failed; i++) {
		struct gotypes types = {.module = options->modules[i], .memory = options->memory};

		finder.named = types;
		gotype_scan(&types, 1u << GOTYPE_MAP, on_type, &finder);
	}
	return finder.failed ? error_nomem() : collect_sizes(ret);
}

void map_types_fini(struct map_types *types)
{
	vec_fini(&types->list);
	vec_fini(&types->sizes);
	table_fini(&types->by_part);
	table_fini(&types->by_addr);
}

const struct map_type *map_types_of(const struct map_types *types, uint64_t part)
{
	uint32_t *found = part ? table_find(&types->by_part, part) : NULL;

	return found ? &types->list.data[*found] : NULL;
}

const struct map_type *map_types_at(const struct map_types *types, uint64_t addr)
{
	uint32_t *found = addr ? table_find(&types->by_addr, addr) : NULL;

	return found ? &types->list.data[*found] : NULL;
}
