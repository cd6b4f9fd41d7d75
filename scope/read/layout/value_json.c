/* Prints a value as JSON. */
#include "base/buf.h"
#include "base/text/text.h"
#include "read/layout/layout.h"

#define DEPTH_MAX 32 /* deeper values are shown as null */

struct value_printer {
	struct buf *to;
	const struct value *values;
	size_t n;
};

static size_t json_value(const struct value_printer *p, size_t at, unsigned depth);

/* Appends a member name that no sibling has, because many readers do not accept an object that has
 * a name twice. Blank fields ("_") may occur twice, and a traced program may claim anything. Such a
 * name gets "#index". A name also gets it if it contains a '#', is not UTF-8, or has a NUL (which
 * many readers refuse). A made name therefore never equals a real one. */
static void json_member(const struct value_printer *p, size_t first, size_t at, uint32_t index)
{
	const struct value *field = &p->values[at];
	const char *name = field->name ? field->name : "";

	json_put_name_string(p->to, name, field->name ? strnlen(name, field->name_len) : 0);
	if (value_name_unique(p->values, first, at, p->n, index))
		return;
	p->to->len -= p->to->len ? 1 : 0; /* the closing quote */
	buf_char(p->to, '#');
	buf_u64(p->to, index);
	buf_char(p->to, '"');
}

static size_t json_composite(const struct value_printer *p, size_t at, unsigned depth)
{
	const struct value *value = &p->values[at++];
	bool object = value->kind == VALUE_STRUCT;
	size_t first = at;

	buf_char(p->to, object ? '{' : '[');
	for (uint32_t i = 0; i < value->n && at < p->n; i++) {
		if (i)
			buf_char(p->to, ',');
		if (object) {
			json_member(p, first, at, i);
			buf_char(p->to, ':');
		}
		at = json_value(p, at, depth + 1);
	}
	buf_char(p->to, object ? '}' : ']');
	return at;
}

static size_t json_interface(const struct value_printer *p, size_t at, unsigned depth)
{
	const struct value *value = &p->values[at];
	size_t next = value_skip(p->values, p->n, at);

	if (!value->n) {
		buf_str(p->to, "null");
		return next;
	}
	buf_str(p->to, "{\"type\":");
	json_put_str(p->to, value->type ? value->type : "");
	buf_str(p->to, ",\"value\":");
	if (at + 1 < p->n)
		json_value(p, at + 1, depth + 1);
	else
		buf_str(p->to, "null");
	buf_char(p->to, '}');
	return next;
}

static void json_scalar(struct buf *to, const struct value *value)
{
	switch (value->kind) {
	case VALUE_BOOL: buf_str(to, value->u ? "true" : "false"); break;
	case VALUE_INT:
		json_put_integer(to, value->i < 0 ? 0 - value->u : value->u, value->i < 0);
		break;
	case VALUE_UINT: json_put_integer(to, value->u, false); break;
	case VALUE_FLOAT: json_put_float(to, value->f, value->bits == 32); break;
	case VALUE_COMPLEX:
		buf_char(to, '[');
		json_put_float(to, value->f, value->bits == 64);
		buf_char(to, ',');
		json_put_float(to, value->im, value->bits == 64);
		buf_char(to, ']');
		break;
	case VALUE_POINTER: json_put_address(to, value->u); break;
	case VALUE_STRING:
		json_put_string(to, value->bytes, value->bytes ? value->bytes_len : 0);
		break;
	default: buf_str(to, "null"); break;
	}
}

/* Appends the value. Returns the index after the value and its children. */
static size_t json_value(const struct value_printer *p, size_t at, unsigned depth)
{
	const struct value *value = &p->values[at];

	if (depth >= DEPTH_MAX) {
		buf_str(p->to, "null");
		return value_skip(p->values, p->n, at);
	}
	switch (value->kind) {
	case VALUE_STRUCT:
	case VALUE_ARRAY: return json_composite(p, at, depth);
	case VALUE_INTERFACE: return json_interface(p, at, depth);
	default: json_scalar(p->to, value); return at + 1;
	}
}

void value_json(struct buf *to, const struct value *values, size_t n)
{
	const struct value_printer p = {.to = to, .values = values, .n = n};

	if (n)
		json_value(&p, 0, 0);
	else
		buf_str(to, "null");
}
