#include "read/layout/layout.h"
#include "base/buf.h"
#include "read/layout/go_key_priv.h"

#define DEPTH_MAX  16	/* nested structs, arrays, interfaces */
#define VISITS_MAX 4096 /* types visited for one plan */

/* ---- plans ---- */

static void plan_add(struct go_key_plan *plan, uint64_t offset, enum go_key_reference reference)
{
	if (plan->nsteps >= GO_KEY_STEPS || offset > UINT16_MAX) {
		plan->truncated = true;
		return;
	}
	plan->step[plan->nsteps++] =
		(struct go_key_step){.offset = (uint16_t)offset, .reference = (uint16_t)reference};
}

static bool plan_walk(const struct gotypes *types, uint64_t addr, uint64_t offset, unsigned depth,
		      struct go_key_plan *plan);

/* Adds the references in an array to the plan. If the first element has none, the others are
 * skipped, because an array may claim 2^40 of them. */
static bool plan_array(const struct gotypes *types, const struct gotype *array, uint64_t offset,
		       unsigned depth, struct go_key_plan *plan)
{
	uint32_t before = plan->nsteps;
	struct gotype elem;

	if (!gotype_read(types, array->elem, &elem) || !elem.ptr_bytes)
		return true;
	for (uint64_t i = 0; i < array->len && !plan->truncated; i++) {
		if (!plan_walk(types, array->elem, offset + i * elem.size, depth + 1, plan))
			return false;
		if (plan->nsteps == before)
			break;
	}
	return true;
}

/* Adds the references in a value of this type to the plan. plan->visits bounds the breadth, because
 * structs of structs may claim 2^40 fields in all. */
static bool plan_walk(const struct gotypes *types, uint64_t addr, uint64_t offset, unsigned depth,
		      struct go_key_plan *plan)
{
	struct gotype_field field;
	struct gotype type;

	if (++plan->visits > VISITS_MAX) {
		plan->truncated = true;
		return true;
	}
	if (depth > DEPTH_MAX || !gotype_read(types, addr, &type))
		return false;
	switch (type.kind) {
	case GOTYPE_STRING: plan_add(plan, offset, GO_KEY_REF_STRING); break;
	case GOTYPE_INTERFACE:
		plan_add(plan, offset, type.empty_interface ? GO_KEY_REF_EFACE : GO_KEY_REF_IFACE);
		break;
	case GOTYPE_ARRAY: return plan_array(types, &type, offset, depth, plan);
	case GOTYPE_STRUCT:
		if (!type.ptr_bytes)
			break;
		for (uint64_t i = 0; i < type.len && !plan->truncated; i++)
			if (!gotype_field(types, &type, i, &field) ||
			    !plan_walk(types, field.type, offset + field.offset, depth + 1, plan))
				return false;
		break;
	default: break;
	}
	return true;
}

bool go_key_plan(const struct gotypes *types, uint64_t addr, struct go_key_plan *ret)
{
	struct gotype type;

	*ret = (struct go_key_plan){0};
	if (!gotype_read(types, addr, &type) || !plan_walk(types, addr, 0, 0, ret))
		return false;
	ret->size = type.size > UINT32_MAX ? UINT32_MAX : (uint32_t)type.size;
	ret->shape = type.kind == GOTYPE_STRING	     ? GO_KEY_STRING
		     : ret->nsteps || ret->truncated ? GO_KEY_PARTS
						     : GO_KEY_RAW;
	return true;
}

/* ---- decoding ---- */

struct value *value_emit(struct decoder *d, enum value_kind kind)
{
	static struct value sink;
	struct value value = {.kind = kind};

	if (!vec_push(&d->arena->values, value)) {
		d->nomem = true;
		return &sink;
	}
	return &d->arena->values.data[d->arena->values.len - 1];
}

void value_emit_unread(struct decoder *d, const char *why)
{
	struct value *value = value_emit(d, VALUE_UNREAD);

	value->bytes = why;
	value->bytes_len = strlen(why);
}

/* Appends the type's string to the arena's names. That buffer may move. value->type therefore stays
 * NULL until value_set_names(), and name_at holds pairs: the index of a value and the offset of its
 * name. */
void value_name_type(struct decoder *d, size_t index, uint64_t type)
{
	struct buf *names = &d->arena->names;
	size_t at = names->len;

	if (!gotype_name(d->types, type, names))
		return;
	buf_char(names, '\0');
	if (!vec_push(&d->arena->name_at, index) || !vec_push(&d->arena->name_at, at) || names->bad)
		d->nomem = true;
}

/* Returns the length of s without an incomplete UTF-8 sequence at its end, so that a cut falls
 * between runes. Bytes that are no UTF-8 are not cut off. */
static size_t whole_runes(const uint8_t *s, size_t len)
{
	size_t back = 1;
	uint8_t lead;
	size_t need;

	while (back < 4 && back < len && (s[len - back] & 0xc0) == 0x80)
		back++;
	if (!len)
		return 0;
	lead = s[len - back];
	need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	return need > back ? len - back : len;
}

/* Notes that only the first children of a composite were decoded. n is the number of all its
 * children. */
void value_note_cut(struct decoder *d, size_t index, uint64_t n)
{
	d->arena->values.data[index].cut = true;
	d->arena->values.data[index].whole = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static void emit_string(struct decoder *d, const struct go_key_segment *segment)
{
	struct value *value;
	size_t len = segment->len;

	if (segment->want && !segment->len) {
		value_emit_unread(d, "the string's bytes could not be read");
		return;
	}
	value = value_emit(d, VALUE_STRING);
	if (segment->want > segment->len) {
		value->cut = true;
		value->whole = segment->want > UINT32_MAX ? UINT32_MAX : (uint32_t)segment->want;
		len = whole_runes(segment->bytes, len);
	}
	value->bytes = segment->bytes;
	value->bytes_len = len;
}

/* Finds the segment with the bytes of a string of `want` bytes at addr. */
static const struct go_key_segment *find_string(const struct decoder *d, uint64_t addr,
						uint64_t want)
{
	for (size_t i = 1; i < d->memory->n; i++) {
		const struct go_key_segment *s = &d->memory->segments[i];

		if (!s->type && s->addr == addr &&
		    s->want == (want > UINT32_MAX ? UINT32_MAX : want))
			return s;
	}
	return NULL;
}

/* Finds the segment with the value that the interface {tab, data} holds. */
static const struct go_key_segment *find_value(const struct decoder *d, uint64_t tab, uint64_t data)
{
	for (size_t i = 1; i < d->memory->n; i++) {
		const struct go_key_segment *s = &d->memory->segments[i];

		if (s->type && s->addr == data && s->tab == tab)
			return s;
	}
	return NULL;
}

static void decode_string_ref(struct decoder *d, const uint8_t *bytes)
{
	uint64_t addr = word_at(bytes), len = word_at(bytes + 8);
	const struct go_key_segment *segment;

	if (!len) {
		value_emit(d, VALUE_STRING)->bytes = "";
		return;
	}
	segment = d->live ? live_string(d, addr, len) : find_string(d, addr, len);
	if (segment)
		emit_string(d, segment);
	else
		value_emit_unread(d, "the key has more parts than are read");
}

static void decode_interface(struct decoder *d, const struct gotype *of, const uint8_t *bytes,
			     unsigned depth)
{
	uint64_t tab = word_at(bytes), data = word_at(bytes + 8);
	size_t index = d->arena->values.len;
	const struct go_key_segment *segment;
	struct value *value = value_emit(d, VALUE_INTERFACE);
	struct gotype type;

	value->type = "";
	if (!tab)
		return;
	value->n = 1;
	segment = d->live ? live_value(d, of, tab, data) : find_value(d, tab, data);
	if (!segment || !gotype_read(d->types, segment->type, &type)) {
		value_emit_unread(d, segment ? "the interface's type could not be read"
					     : "the key has more parts than are read");
		return;
	}
	value_name_type(d, index, segment->type);
	if (type.direct_iface)
		value_decode(d, segment->type, bytes + 8, 8, depth + 1);
	else
		value_decode(d, segment->type, segment->bytes, segment->len, depth + 1);
}

static void decode_struct(struct decoder *d, const struct gotype *type, const uint8_t *bytes,
			  uint64_t len, unsigned depth)
{
	size_t index = d->arena->values.len;
	uint32_t n = 0;

	value_emit(d, VALUE_STRUCT)->type = "";
	if (type->named)
		value_name_type(d, index, type->addr);
	for (uint64_t i = 0; i < type->len; i++) {
		size_t child = d->arena->values.len;
		struct gotype_field field;

		if (child >= VALUES_MAX)
			break;
		n++;
		if (!gotype_field(d->types, type, i, &field)) {
			value_emit_unread(d, "the field's type could not be read");
			break;
		}
		if (field.offset > len)
			value_emit_unread(d, "the key is longer than the part that is read");
		else
			value_decode(d, field.type, bytes + field.offset, len - field.offset,
				     depth + 1);
		if (d->nomem)
			return;
		d->arena->values.data[child].name = field.name ? field.name : "?";
		d->arena->values.data[child].name_len = field.name ? (uint32_t)field.name_len : 1;
		if (field.offset > len)
			break;
	}
	if (d->nomem)
		return;
	d->arena->values.data[index].n = n;
	if (n < type->len)
		value_note_cut(d, index, type->len);
}

static void decode_array(struct decoder *d, const struct gotype *type, const uint8_t *bytes,
			 uint64_t len, unsigned depth)
{
	size_t index = d->arena->values.len;
	struct gotype elem = {0};
	bool known = gotype_read(d->types, type->elem, &elem);
	uint32_t n = 0;

	value_emit(d, VALUE_ARRAY)->type = "";
	value_name_type(d, index, type->addr);
	for (uint64_t i = 0; i < type->len && !d->nomem; i++) {
		uint64_t offset = i * elem.size;

		if (d->arena->values.len >= VALUES_MAX)
			break;
		n++;
		if (!known || offset > len || elem.size > len - offset) {
			value_emit_unread(d, known ? "the key is longer than the part that is read"
						   : "the elements' type could not be read");
			break;
		}
		value_decode(d, type->elem, bytes + offset, len - offset, depth + 1);
	}
	if (d->nomem)
		return;
	d->arena->values.data[index].n = n;
	if (n < type->len)
		value_note_cut(d, index, type->len);
}

static void decode_int(struct decoder *d, const struct gotype *type, const uint8_t *bytes)
{
	unsigned shift = type->size < 8 ? (unsigned)(64 - type->size * 8) : 0;
	uint64_t word = 0;

	memcpy(&word, bytes, type->size);
	if (type->kind >= GOTYPE_INT && type->kind <= GOTYPE_INT64)
		value_emit(d, VALUE_INT)->i = (int64_t)(word << shift) >> shift;
	else
		value_emit(d, VALUE_UINT)->u = word;
}

static void decode_float(struct decoder *d, const struct gotype *type, const uint8_t *bytes)
{
	bool complex = type->kind == GOTYPE_COMPLEX64 || type->kind == GOTYPE_COMPLEX128;
	bool narrow = type->kind == GOTYPE_FLOAT32 || type->kind == GOTYPE_COMPLEX64;
	struct value *value = value_emit(d, complex ? VALUE_COMPLEX : VALUE_FLOAT);
	double wide[2] = {0};
	float half[2] = {0};

	if (narrow) {
		memcpy(half, bytes, complex ? 8 : 4);
		wide[0] = (double)half[0];
		wide[1] = (double)half[1];
	} else {
		memcpy(wide, bytes, complex ? 16 : 8);
	}
	value->bits = (uint8_t)(type->size * 8);
	value->f = wide[0];
	value->im = complex ? wide[1] : 0;
}

/* Decodes a value whose type refers to no other type. Returns false when the type is not of such a
 * kind. */
static bool decode_plain(struct decoder *d, const struct gotype *type, const uint8_t *bytes)
{
	switch (type->kind) {
	case GOTYPE_BOOL: value_emit(d, VALUE_BOOL)->u = bytes[0] != 0; return true;
	case GOTYPE_INT ... GOTYPE_UINTPTR: decode_int(d, type, bytes); return true;
	case GOTYPE_FLOAT32 ... GOTYPE_COMPLEX128: decode_float(d, type, bytes); return true;
	case GOTYPE_POINTER:
	case GOTYPE_CHAN:
	case GOTYPE_UNSAFE_POINTER: value_emit(d, VALUE_POINTER)->u = word_at(bytes); return true;
	default: return false;
	}
}

bool go_key_is_plain(const struct gotype *type)
{
	return (type->kind >= GOTYPE_BOOL && type->kind <= GOTYPE_COMPLEX128) ||
	       type->kind == GOTYPE_POINTER || type->kind == GOTYPE_CHAN ||
	       type->kind == GOTYPE_UNSAFE_POINTER;
}

void value_decode(struct decoder *d, uint64_t addr, const uint8_t *bytes, uint64_t len,
		  unsigned depth)
{
	struct gotype type;

	if (d->nomem)
		return;
	if (depth > DEPTH_MAX || !gotype_read(d->types, addr, &type)) {
		value_emit_unread(d, "the key's type could not be read");
		return;
	}
	if (type.kind != GOTYPE_STRUCT && type.kind != GOTYPE_ARRAY && type.size > len) {
		value_emit_unread(d, len ? "the key is longer than the part that is read"
					 : "the key's memory could not be read");
		return;
	}
	if (decode_plain(d, &type, bytes))
		return;
	switch (type.kind) {
	case GOTYPE_STRING: decode_string_ref(d, bytes); break;
	case GOTYPE_INTERFACE: decode_interface(d, &type, bytes, depth); break;
	case GOTYPE_STRUCT: decode_struct(d, &type, bytes, len, depth); break;
	case GOTYPE_ARRAY: decode_array(d, &type, bytes, len, depth); break;
	default:
		if (!d->live || !live_decode(d, &type, bytes, depth))
			value_emit_unread(d, "a type that cannot be a key");
	}
}

/* Sets value->type of all values. The buffer with the names has its final address now. */
void value_set_names(struct decoder *d)
{
	struct go_key_arena *arena = d->arena;

	for (size_t i = 0; i + 1 < arena->name_at.len; i += 2) {
		size_t index = arena->name_at.data[i];

		if (index < arena->values.len)
			arena->values.data[index].type =
				arena->names.data + arena->name_at.data[i + 1];
	}
}

/* Forgets the values of the last decode. */
void value_reset(struct go_key_arena *arena)
{
	arena->values.len = 0;
	arena->name_at.len = 0;
	buf_reset(&arena->names);
}

bool go_key_decode(const struct gotypes *types, uint64_t type, const struct go_key_memory *memory,
		   struct go_key_arena *arena)
{
	struct decoder d = {.types = types, .memory = memory, .arena = arena};

	value_reset(arena);
	if (!memory->n)
		value_emit_unread(&d, "the key's memory could not be read");
	else if (memory->is_string)
		emit_string(&d, &memory->segments[0]);
	else if (!memory->plain || memory->segments[0].len < memory->plain->size ||
		 !decode_plain(&d, memory->plain, memory->segments[0].bytes))
		value_decode(&d, type, memory->segments[0].bytes, memory->segments[0].len, 0);
	value_set_names(&d);
	return !d.nomem;
}

void go_key_arena_fini(struct go_key_arena *arena)
{
	vec_fini(&arena->values);
	vec_fini(&arena->name_at);
	buf_fini(&arena->names);
	vec_each(block, &arena->blocks)
		free(*block);
	vec_fini(&arena->blocks);
}
