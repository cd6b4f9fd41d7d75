#include "base/frame.h"
#include "base/path.h"
#include "base/buf.h"
#include "base/text/text.h"
#include "watch/filter/pattern.h"
#include "watch/filter/shape.h"
#include "read/layout/layout.h"

#include <math.h>

/* A decoded key. A part that could not be read agrees with every pattern. Only the kept bytes of a
 * part that was cut are compared. The event shows that parts are missing, and a delete that the
 * user asked for is never left out because of them. */

struct tokens {
	const struct value *values;
	size_t n;
};

static bool value_matches(const struct key_pattern *want, const struct tokens *in, size_t at,
			  unsigned depth);

static bool integer_matches(const struct key_pattern *want, const struct value *v)
{
	bool negative = v->kind == VALUE_INT && v->i < 0;
	struct pattern_number n;

	return pattern_as_number(want, &n) && n.is_integer && n.negative == negative &&
	       n.magnitude == (negative ? 0 - v->u : v->u);
}

static bool float_equal(double want, double f, bool narrow)
{
	float near;

	if (isnan(want))
		return isnan(f);
	return narrow ? pattern_float_narrow(want, &near) && near == (float)f : want == f;
}

static bool float_matches(const struct key_pattern *want, double f, bool narrow)
{
	struct pattern_number n;

	return pattern_as_number(want, &n) && n.is_float && float_equal(n.f, f, narrow);
}

static bool complex_matches(const struct key_pattern *want, const struct value *v)
{
	struct key_pattern re = {.json = json_array_get(want->json, 0)};
	struct key_pattern im = {.json = json_array_get(want->json, 1)};

	return json_array_size(want->json) == 2 && float_matches(&re, v->f, v->bits == 64) &&
	       float_matches(&im, v->im, v->bits == 64);
}

static bool string_matches(const struct key_pattern *want, const struct value *v)
{
	struct pattern_text text;

	if (!pattern_as_text(want, &text) || text.len < v->bytes_len)
		return false;
	if (v->cut ? text.len == v->bytes_len || (v->whole && text.len != v->whole)
		   : text.len != v->bytes_len)
		return false;
	return pattern_text_begins(&text, v->bytes, v->bytes_len);
}

/* Returns the member of a struct's JSON for a field. Its name is the one that value_json()
 * writes. */
static const json_t *field_of(const json_t *want, const struct tokens *in, size_t first, size_t at,
			      uint32_t index)
{
	const struct value *field = &in->values[at];
	const json_t *member;
	struct buf name = {0};

	buf_put(&name, field->name, strnlen(field->name, field->name_len));
	if (!value_name_unique(in->values, first, at, in->n, index))
		buf_printf(&name, "#%u", index);
	member = json_object_get(want, buf_cstr(&name));
	buf_fini(&name);
	return member;
}

static bool children_match(const struct key_pattern *want, const struct tokens *in, size_t at,
			   unsigned depth)
{
	const struct value *v = &in->values[at];
	bool is_struct = v->kind == VALUE_STRUCT;
	size_t size = is_struct ? json_object_size(want->json) : json_array_size(want->json);
	size_t first = at + 1, child = first;

	if (is_struct ? !json_is_object(want->json) : !json_is_array(want->json))
		return false;
	if (size != v->n && (!v->cut || size != v->whole))
		return false;
	for (uint32_t i = 0; i < v->n && child < in->n; i++) {
		const struct value *c = &in->values[child];
		struct key_pattern member = {0};

		if (!is_struct)
			member.json = json_array_get(want->json, i);
		else if (c->name)
			member.json = field_of(want->json, in, first, child, i);
		else if (c->kind != VALUE_UNREAD)
			return false;
		if (!member.json ? !is_struct || c->name
				 : !value_matches(&member, in, child, depth + 1))
			return false;
		child = value_skip(in->values, in->n, child);
	}
	return true;
}

/* Compares an interface with {"type":...,"value":...}, or with the value alone if its type does not
 * matter. */
static bool interface_matches(const struct key_pattern *want, const struct tokens *in, size_t at,
			      unsigned depth)
{
	const struct value *v = &in->values[at];
	const json_t *type = json_object_get(want->json, "type");
	struct key_pattern value = {.json = json_object_get(want->json, "value")};
	bool unknown = !v->type || !*v->type;

	if (!v->n)
		return want->json ? json_is_null(want->json) : !strcmp(want->word, "null");
	if (at + 1 >= in->n)
		return false;
	if (json_is_string(type) && value.json) {
		if ((unknown || !strcmp(v->type, json_string_value(type))) &&
		    value_matches(&value, in, at + 1, depth + 1))
			return true;
		/* The pattern may also mean a struct that has these two fields. */
		return in->values[at + 1].kind == VALUE_STRUCT &&
		       value_matches(want, in, at + 1, depth + 1);
	}
	return value_matches(want, in, at + 1, depth + 1);
}

static bool value_matches(const struct key_pattern *want, const struct tokens *in, size_t at,
			  unsigned depth)
{
	const struct value *v;
	uint64_t addr;
	bool value;

	if (at >= in->n || depth > 32)
		return false;
	v = &in->values[at];
	switch (v->kind) {
	case VALUE_BOOL: return pattern_as_bool(want, &value) && value == (v->u != 0);
	case VALUE_INT:
	case VALUE_UINT: return integer_matches(want, v);
	case VALUE_FLOAT: return float_matches(want, v->f, v->bits == 32);
	case VALUE_COMPLEX: return complex_matches(want, v);
	case VALUE_POINTER: return pattern_as_address(want, &addr) && addr == v->u;
	case VALUE_STRING: return string_matches(want, v);
	case VALUE_STRUCT:
	case VALUE_ARRAY: return children_match(want, in, at, depth);
	case VALUE_INTERFACE: return interface_matches(want, in, at, depth);
	case VALUE_UNREAD: return true;
	}
	return false;
}

/* Compares the prefix with a string, or with an interface that holds one. */
static bool prefix_matches(const char *prefix, const struct value *v, size_t n)
{
	size_t len = strlen(prefix);
	size_t seen;

	if (n > 1 && v->kind == VALUE_INTERFACE && v->n)
		v++;
	if (v->kind != VALUE_STRING)
		return v->kind == VALUE_UNREAD;
	seen = v->bytes_len < len ? v->bytes_len : len;
	if (seen && memcmp(v->bytes, prefix, seen) != 0)
		return false;
	return seen == len || (v->cut && (!v->whole || v->whole >= len));
}

bool filter_key_matches(const struct filter_key *key, const struct value *values, size_t n)
{
	struct key_pattern want = pattern_of(key);

	if (!n) /* nothing of the key could be read */
		return true;
	if (key->prefix)
		return prefix_matches(key->text, values, n);
	return value_matches(&want, &(struct tokens){values, n}, 0, 0);
}

bool filter_type_matches(const struct filter *filter, const char *type)
{
	const char *glob = filter->type_glob;

	return !glob || glob_matches(glob, type) ||
	       (shape_is_in(type) && shape_could_match(glob, type));
}

bool filter_type_is_shape(const char *type)
{
	return shape_is_in(type);
}

static bool frame_matches(const char *glob, const struct frame *frame)
{
	struct buf place = {0};
	bool matches;

	if (glob_matches(glob, frame->func))
		return true;
	buf_printf(&place, "%s:%u", frame->file, frame->line);
	matches = glob_matches(glob, buf_cstr(&place));
	buf_reset(&place);
	buf_printf(&place, "%s:%u", path_base(frame->file), frame->line);
	matches = matches || glob_matches(glob, buf_cstr(&place));
	buf_fini(&place);
	return matches;
}

/* Compares the frames of one call, which share one pc. The last of them is the function that is not
 * inlined. It may be hidden, because it is a wrapper made by the compiler. The next frame is then
 * its caller, which is not compared. */
bool filter_site_matches(const struct filter *filter, const struct frame *stack, size_t n)
{
	if (!filter->site_glob)
		return true;
	for (size_t i = 0; i < n && stack[i].pc == stack[0].pc; i++) {
		if (frame_matches(filter->site_glob, &stack[i]))
			return true;
		if (!stack[i].inlined)
			break;
	}
	return false;
}
