/* Type descriptors (Go: internal/abi/type.go since 1.21, reflect/type.go and runtime/type.go
 * before).
 *
 * abi.Type, 48 bytes, the same in every release since 1.18:
 *
 *      0 Size u64    8 PtrBytes u64   16 Hash u32   20 TFlag u8   21 Align u8   22 FieldAlign u8
 *     23 Kind u8    24 Equal ptr      32 GCData ptr               40 Str i32    44 PtrToThis i32
 *
 *     TFlag   1 uncommon  2 extra star  4 named  8 regular memory
 *            16 unrolled bitmap (1.22), GC mask on demand (1.24)   32 direct interface (1.26)
 *     Kind   low 5 bits the kind; 32 direct interface (to 1.25); 64 GC program (to 1.23)
 *
 * and after it, by kind:
 *
 *     array      48 Elem  56 Slice  64 Len        pointer, slice  48 Elem
 *     chan       48 Elem  56 Dir i64              interface       48 PkgPath  56 Methods slice
 *     map        48 Key   56 Elem   64 Bucket or Group  72 Hasher  ...
 *     struct     48 PkgPath  56 Fields slice of {name ptr, type ptr, offset u64}
 *                (1.18: offset << 1 | embedded; since 1.19 a bit in the name tells embedded)
 *
 * After that comes abi.UncommonType, if TFlag says so: PkgPath i32 (an offset as Str, of a name that is the path
 * of the type's package, or 0), methods. Types with a name and types with methods have it.
 *
 * Str is an offset from moduledata.types to a name: flags u8 (1 exported, 2 tag follows, 4 package
 * path follows, 8 embedded), uvarint length, bytes. Types that reflect makes at run time live on
 * the heap and have a negative Str, an id in a table of the process.
 */
#include "base/base.h"
#include "base/memory.h"
#include "base/reader.h"
#include "base/buf.h"
#include "read/gofile/gofile.h"

enum {
	TYPE_SIZE = 48,
	TYPE_SIZE_MAX = TYPE_SIZE + 32, /* with the longest part after it that is read here */
	FIELD_SIZE = 24,

	TFLAG_UNCOMMON = 1,
	TFLAG_EXTRA_STAR = 2,
	TFLAG_NAMED = 4,
	TFLAG_DIRECT_IFACE = 32,
	KIND_MASK = 31,
	KIND_DIRECT_IFACE = 32,

	NAME_DEPTH_MAX = 16,	  /* levels of a name that is built */
	NAME_WHOLE_MAX = 1 << 20, /* bytes of a name; unnamed structs spell out their fields */
	FIELDS_MAX = 65536,	  /* a struct that claims more is corrupt */
	NAME_LOOKED_AT = 256,	  /* bytes of a name that are checked to recognise a descriptor */
};

/* The bytes of a descriptor, as in memory. */
struct raw {
	uint8_t bytes[TYPE_SIZE_MAX];
	/* A copy of the module that it is in, because find() lends a module only until its next
	 * call. Its pointers are link-time addresses of that module. If it is on the heap, image is
	 * NULL, and its pointers are run-time addresses. */
	struct gotype_module in;
};

struct name {
	const char *text; /* borrowed from the image */
	uint64_t len;
	uint8_t flags;
};

/* ---- reading memory ---- */

/* Returns the module whose file has `size` bytes at addr, and those bytes in *ret_at; NULL when no
 * module has them. */
static const struct gotype_module *module_at(const struct gotypes *types, uint64_t addr,
					     size_t size, const void **ret_at)
{
	const struct gotype_module *module = &types->module;

	*ret_at = image_at(module->image, addr - module->bias, size);
	if (*ret_at || !types->find)
		return *ret_at ? module : NULL;
	module = types->find(types->find_ctx, addr);
	*ret_at = module ? image_at(module->image, addr - module->bias, size) : NULL;
	return *ret_at ? module : NULL;
}

static bool load(const struct gotypes *types, uint64_t addr, void *to, size_t size,
		 struct gotype_module *ret_in)
{
	const void *at;
	const struct gotype_module *module = module_at(types, addr, size, &at);

	*ret_in = module ? *module : (struct gotype_module){0};
	if (at)
		memcpy(to, at, size);
	return at || memory_read(&types->memory, addr, to, size);
}

static uint64_t bytes_u64(const uint8_t *bytes, size_t offset)
{
	uint64_t value;

	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

static uint64_t raw_u64(const struct raw *raw, size_t offset)
{
	return bytes_u64(raw->bytes, offset);
}

static uint32_t raw_u32(const struct raw *raw, size_t offset)
{
	uint32_t value;

	memcpy(&value, raw->bytes + offset, sizeof(value));
	return value;
}

/* Returns a pointer in the descriptor as a run-time address. */
static uint64_t raw_ptr(const struct raw *raw, size_t offset)
{
	uint64_t value = raw_u64(raw, offset);

	return value ? value + raw->in.bias : 0;
}

/* Returns how many bytes of a descriptor of this kind are read. */
static size_t kind_size(unsigned kind)
{
	switch (kind) {
	case GOTYPE_POINTER:
	case GOTYPE_SLICE: return TYPE_SIZE + 8;
	case GOTYPE_CHAN: return TYPE_SIZE + 16;
	case GOTYPE_ARRAY:
	case GOTYPE_INTERFACE:
	case GOTYPE_STRUCT: return TYPE_SIZE + 24;
	case GOTYPE_MAP: return TYPE_SIZE + 32;
	default: return TYPE_SIZE;
	}
}

static bool load_raw(const struct gotypes *types, uint64_t addr, struct raw *ret)
{
	struct gotype_module in;
	size_t size;

	if (addr == 0 || addr % 8 != 0 || !load(types, addr, ret->bytes, TYPE_SIZE, &ret->in))
		return false;
	size = kind_size(ret->bytes[23] & KIND_MASK);
	return size == TYPE_SIZE ||
	       load(types, addr + TYPE_SIZE, ret->bytes + TYPE_SIZE, size - TYPE_SIZE, &in);
}

/* ---- descriptors ---- */

/* Returns the size of a kind whose size is fixed, or 0 for other kinds. */
static uint64_t fixed_size(unsigned kind)
{
	static const uint8_t sizes[] = {
		[GOTYPE_BOOL] = 1,	  [GOTYPE_INT] = 8,	[GOTYPE_INT8] = 1,
		[GOTYPE_INT16] = 2,	  [GOTYPE_INT32] = 4,	[GOTYPE_INT64] = 8,
		[GOTYPE_UINT] = 8,	  [GOTYPE_UINT8] = 1,	[GOTYPE_UINT16] = 2,
		[GOTYPE_UINT32] = 4,	  [GOTYPE_UINT64] = 8,	[GOTYPE_UINTPTR] = 8,
		[GOTYPE_FLOAT32] = 4,	  [GOTYPE_FLOAT64] = 8, [GOTYPE_COMPLEX64] = 8,
		[GOTYPE_COMPLEX128] = 16, [GOTYPE_CHAN] = 8,	[GOTYPE_FUNC] = 8,
		[GOTYPE_INTERFACE] = 16,  [GOTYPE_MAP] = 8,	[GOTYPE_POINTER] = 8,
		[GOTYPE_SLICE] = 24,	  [GOTYPE_STRING] = 16, [GOTYPE_UNSAFE_POINTER] = 8,
	};

	return kind < ARRAY_SIZE(sizes) ? sizes[kind] : 0;
}

static bool is_align(unsigned align)
{
	return align && align <= 64 && (align & (align - 1)) == 0;
}

/* Tells whether the bytes of a descriptor have the properties that every real one has. */
static bool bytes_sane(const uint8_t *bytes)
{
	unsigned kind = bytes[23] & KIND_MASK;
	uint64_t size = bytes_u64(bytes, 0), fixed = fixed_size(kind);

	return kind >= GOTYPE_BOOL && kind <= GOTYPE_UNSAFE_POINTER && size < (uint64_t)1 << 47 &&
	       (fixed == 0 || fixed == size) && bytes_u64(bytes, 8) <= size &&
	       is_align(bytes[21]) && is_align(bytes[22]) && !(size & (bytes[21] - 1ul));
}

static bool raw_sane(const struct raw *raw)
{
	return bytes_sane(raw->bytes);
}

static void raw_kind_part(const struct raw *raw, struct gotype *ret)
{
	switch (ret->kind) {
	case GOTYPE_ARRAY:
		ret->len = raw_u64(raw, 64);
		ret->elem = raw_ptr(raw, 48);
		break;
	case GOTYPE_CHAN:
	case GOTYPE_POINTER:
	case GOTYPE_SLICE: ret->elem = raw_ptr(raw, 48); break;
	case GOTYPE_MAP:
		ret->key = raw_ptr(raw, 48);
		ret->elem = raw_ptr(raw, 56);
		break;
	case GOTYPE_STRUCT:
		ret->fields = raw_ptr(raw, 56);
		ret->len = raw_u64(raw, 64);
		break;
	case GOTYPE_INTERFACE: ret->empty_interface = raw_u64(raw, 64) == 0; break;
	default: break;
	}
}

static void raw_read(const struct gotypes *types, uint64_t addr, const struct raw *raw,
		     struct gotype *ret)
{
	uint8_t tflag = raw->bytes[20], kind = raw->bytes[23];

	*ret = (struct gotype){
		.addr = addr,
		.size = raw_u64(raw, 0),
		.ptr_bytes = raw_u64(raw, 8),
		.hash = raw_u32(raw, 16),
		.kind = (enum gotype_kind)(kind & KIND_MASK),
		.named = tflag & TFLAG_NAMED,
		.direct_iface = gopcln_minor(raw->in.image ? raw->in.tab : types->tab) >= 26
					? tflag & TFLAG_DIRECT_IFACE
					: kind & KIND_DIRECT_IFACE,
		.comparable = raw_u64(raw, 24) != 0,
	};
	raw_kind_part(raw, ret);
}

bool gotype_read(const struct gotypes *types, uint64_t addr, struct gotype *ret)
{
	struct raw raw = {0};

	if (!load_raw(types, addr, &raw) || !raw_sane(&raw))
		return false;
	raw_read(types, addr, &raw, ret);
	return true;
}

/* ---- names ---- */

/* Reads the name at a run-time address. */
static bool name_at(const struct gotypes *types, uint64_t addr, struct name *ret)
{
	const void *at;
	const struct gotype_module *module = module_at(types, addr, 1, &at);
	uint64_t rest = 0;
	struct reader r;

	if (!module)
		return false;
	at = image_rest(module->image, addr - module->bias, &rest);
	r = reader_over(at, rest);
	ret->flags = reader_u8(&r);
	ret->len = reader_uvarint(&r, 32);
	ret->text = reader_bytes(&r, ret->len);
	return !r.bad && ret->flags < 16;
}

/* Reads the name at an offset from the types of a module. Returns false when it is empty. */
static bool name_off(const struct gotypes *types, const struct gotype_module *in, int32_t offset,
		     struct name *ret)
{
	const struct gopcln_module *module = gopcln_module(in->tab);

	return offset > 0 && (uint64_t)offset < module->etypes - module->types &&
	       name_at(types, module->types + (uint64_t)offset + in->bias, ret) && ret->len;
}

/* Reads the name of a descriptor in the image. Returns false when the image has no name for it. */
static bool raw_name(const struct gotypes *types, const struct raw *raw, struct name *ret)
{
	if (!name_off(types, &raw->in, (int32_t)raw_u32(raw, 40), ret))
		return false;
	if (raw->bytes[20] & TFLAG_EXTRA_STAR) {
		if (ret->text[0] != '*' || ret->len == 1)
			return false;
		ret->text++;
		ret->len--;
	}
	return true;
}

static bool append_name(const struct gotypes *types, uint64_t addr, unsigned depth, size_t limit,
			struct buf *to);

/* Appends the start of a chan type. Returns true when it opened a parenthesis, because "chan
 * (<-chan int)" differs from "chan<- chan int". */
static bool append_chan(const struct gotypes *types, const struct raw *raw,
			const struct gotype *type, struct buf *to)
{
	uint64_t dir = raw_u64(raw, 56); /* 1 receive, 2 send, 3 both */
	struct raw elem = {0};
	bool open;

	buf_str(to, dir == 1 ? "<-chan " : dir == 2 ? "chan<- " : "chan ");
	open = dir == 3 && load_raw(types, type->elem, &elem) &&
	       (elem.bytes[23] & KIND_MASK) == GOTYPE_CHAN && raw_u64(&elem, 56) == 1;
	if (open)
		buf_char(to, '(');
	return open;
}

/* Appends a name that is built from the names of the parts. Types that reflect made need this. */
static bool append_built(const struct gotypes *types, const struct raw *raw,
			 const struct gotype *type, unsigned depth, size_t limit, struct buf *to)
{
	bool open = false;

	switch (type->kind) {
	case GOTYPE_MAP:
		buf_str(to, "map[");
		if (!append_name(types, type->key, depth, limit, to))
			return false;
		buf_char(to, ']');
		break;
	case GOTYPE_POINTER: buf_char(to, '*'); break;
	case GOTYPE_SLICE: buf_str(to, "[]"); break;
	case GOTYPE_ARRAY:
		buf_char(to, '[');
		buf_u64(to, type->len);
		buf_char(to, ']');
		break;
	case GOTYPE_CHAN: open = append_chan(types, raw, type, to); break;
	case GOTYPE_STRUCT: buf_str(to, "struct {...}"); return true;
	case GOTYPE_FUNC: buf_str(to, "func(...)"); return true;
	default: return false;
	}
	if (!append_name(types, type->elem, depth, limit, to))
		return false;
	if (open)
		buf_char(to, ')');
	return true;
}

/* Appends the name of the type at addr until to->len reaches limit. When it returns false, a part
 * may have been appended. The depth bounds the recursion. The limit bounds its breadth, because
 * every level appends before it goes deeper. */
static bool append_name(const struct gotypes *types, uint64_t addr, unsigned depth, size_t limit,
			struct buf *to)
{
	struct raw raw = {0};
	struct gotype type;
	struct name name;

	if (depth == NAME_DEPTH_MAX || to->len > limit || !load_raw(types, addr, &raw) ||
	    !raw_sane(&raw))
		return false;
	if (raw.in.image && raw_name(types, &raw, &name)) {
		size_t room = limit + 1 - to->len; /* one byte too many, to tell that it was cut */

		buf_put(to, name.text, name.len < room ? name.len : room);
		return to->len <= limit;
	}
	raw_read(types, addr, &raw, &type);
	return append_built(types, &raw, &type, depth + 1, limit, to);
}

/* Cuts the name that begins at `start` to at most `max` bytes, between two runes, and marks the
 * cut. */
static void cut_name(struct buf *to, size_t start, size_t max)
{
	size_t len = max;

	while (len && (to->data[start + len] & 0xc0) == 0x80)
		len--;
	to->len = start + len;
	buf_str(to, GOTYPE_NAME_CUT);
}

static bool name_up_to(const struct gotypes *types, uint64_t addr, size_t max, struct buf *to)
{
	size_t start = to->len;
	bool whole = append_name(types, addr, 0, start + max, to);

	if (!whole && !to->bad && to->len - start > max) {
		cut_name(to, start, max);
		whole = true;
	}
	if (whole && !to->bad)
		return true;
	to->len = start;
	return false;
}

bool gotype_name(const struct gotypes *types, uint64_t addr, struct buf *to)
{
	return name_up_to(types, addr, GOTYPE_NAME_MAX, to);
}

bool gotype_name_whole(const struct gotypes *types, uint64_t addr, struct buf *to)
{
	return name_up_to(types, addr, NAME_WHOLE_MAX, to);
}

/* ---- packages ---- */

/* Tells whether a name is printable. Only its beginning is checked, because a hostile file may have
 * a million descriptors that share a name of a megabyte. */
static bool name_printable(const struct name *name)
{
	for (uint64_t i = 0; i < name->len && i < NAME_LOOKED_AT; i++) {
		if ((uint8_t)name->text[i] < ' ' || name->text[i] == 0x7f)
			return false;
	}
	return true;
}

/* Returns the size of a whole descriptor, without the uncommon part. The map types' members are in
 * internal/abi/map.go. */
static uint64_t descriptor_size(const struct gotype_module *in, unsigned kind)
{
	unsigned minor = gopcln_minor(in->tab);

	switch (kind) {
	case GOTYPE_FUNC: return TYPE_SIZE + 8;
	case GOTYPE_STRUCT:
	case GOTYPE_INTERFACE: return TYPE_SIZE + 32;
	case GOTYPE_MAP: return minor >= 27 ? 136 : minor >= 24 ? 112 : 88;
	default: return kind_size(kind);
	}
}

bool gotype_own_package(const struct gotypes *types, uint64_t addr, struct buf *to)
{
	struct raw raw = {0};
	struct gotype_module in;
	struct name path;
	int32_t offset;

	if (!load_raw(types, addr, &raw) || !raw_sane(&raw) || !raw.in.image ||
	    !(raw.bytes[20] & TFLAG_UNCOMMON) || !(raw.bytes[20] & TFLAG_NAMED) ||
	    !load(types, addr + descriptor_size(&raw.in, raw.bytes[23] & KIND_MASK), &offset,
		  sizeof(offset), &in) ||
	    !name_off(types, &raw.in, offset, &path) || path.len > GOTYPE_NAME_MAX ||
	    !name_printable(&path))
		return false;
	buf_put(to, path.text, path.len);
	return true;
}

/* ---- fields ---- */

bool gotype_field(const struct gotypes *types, const struct gotype *type, uint64_t index,
		  struct gotype_field *ret)
{
	struct raw field = {0};
	struct name name = {0};

	if (type->kind != GOTYPE_STRUCT || index >= type->len || type->len > FIELDS_MAX ||
	    !load(types, type->fields + index * FIELD_SIZE, field.bytes, FIELD_SIZE, &field.in))
		return false;
	*ret = (struct gotype_field){
		.type = raw_ptr(&field, 8),
		.offset = raw_u64(&field, 16),
	};
	/* Without a version, minor 18 is only a lower bound. 1.19 is assumed, which was used
	 * more. */
	if (gopcln_minor(types->tab) == 18 && gopcln_version(types->tab)[0])
		ret->offset >>= 1;
	if (name_at(types, raw_ptr(&field, 0), &name)) {
		ret->name = name.text;
		ret->name_len = name.len;
	}
	return ret->offset <= type->size;
}

/* ---- scan ---- */

/* Tells whether a run-time address lies in a segment. Zero-filled parts count: since Go 1.27 the
 * GCData of a large type points into .noptrbss, where the program will build its mask. */
static bool in_image(const struct gotypes *types, uint64_t addr)
{
	const struct image_segment *segments;
	size_t count = image_segments(types->image, &segments);

	for (size_t i = 0; i < count; i++) {
		if (addr - types->bias - segments[i].addr < segments[i].mem_size)
			return true;
	}
	return false;
}

/* Tells whether TFlag and Kind have only bits that the release uses. */
static bool flags_possible(const struct gotypes *types, const uint8_t *bytes)
{
	unsigned minor = gopcln_minor(types->tab);
	uint8_t tflag_mask = minor >= 26 ? 0x3f : minor >= 20 ? 0x1f : 0x0f;
	uint8_t kind_mask = minor >= 26 ? KIND_MASK : KIND_MASK | 0x60;

	return !(bytes[20] & ~tflag_mask) && !(bytes[23] & ~kind_mask);
}

/* Tells whether a map type makes sense: its key can be compared, its bucket or group is a struct,
 * and it has a hasher. */
static bool map_possible(const struct gotypes *types, const struct raw *raw,
			 const struct gotype *map)
{
	struct gotype key, elem, bucket;

	return gotype_read(types, map->key, &key) && gotype_read(types, map->elem, &elem) &&
	       gotype_read(types, raw_ptr(raw, 64), &bucket) && key.comparable &&
	       bucket.kind == GOTYPE_STRUCT && in_image(types, raw_ptr(raw, 72));
}

/* Reads the descriptor at addr in the image, whose bytes are sane. Returns false for data that only looks
 * like a descriptor. */
static bool descriptor_at(const struct gotypes *types, uint64_t addr, struct gotype *ret)
{
	struct gotypes image_only = *types;
	struct raw raw = {0};
	struct gotype elem;
	struct name name;

	image_only.memory = (struct memory){0};
	types = &image_only;
	if (!load_raw(types, addr, &raw) || !raw_name(types, &raw, &name) || !name_printable(&name))
		return false;
	if (raw_u64(&raw, 8) && !in_image(types, raw_ptr(&raw, 32)))
		return false;
	if (raw_u64(&raw, 24) && !in_image(types, raw_ptr(&raw, 24)))
		return false;
	raw_read(types, addr, &raw, ret);
	if (!ret->named && ret->kind == GOTYPE_MAP && strncmp(name.text, "map[", 4) != 0)
		return false;
	if (ret->kind == GOTYPE_MAP)
		return map_possible(types, &raw, ret);
	return !ret->elem || gotype_read(types, ret->elem, &elem);
}

void gotype_scan(const struct gotypes *types, uint32_t kinds,
		 bool (*found)(void *ctx, const struct gotype *type), void *ctx)
{
	const struct gopcln_module *module = gopcln_module(types->tab);
	uint64_t size = module->etypes - module->types;
	const uint8_t *bytes = image_at(types->image, module->types, size);
	uint64_t at = -module->types & 7;

	for (; bytes && at + TYPE_SIZE <= size; at += 8) {
		struct gotype type;

		if (!(kinds >> (bytes[at + 23] & KIND_MASK) & 1) || !bytes_sane(bytes + at) ||
		    !flags_possible(types, bytes + at) ||
		    !descriptor_at(types, module->types + at + types->bias, &type))
			continue;
		if (!found(ctx, &type))
			break;
	}
	image_trim(types->image);
}
