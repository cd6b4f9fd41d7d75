/* Prints a value as a Go programmer would write it. */
#include "base/buf.h"
#include "base/text/text.h"
#include "read/layout/layout.h"

#define DEPTH_MAX 32 /* deeper values are shown as "…" */

struct value_printer {
	struct buf *to;
	const struct value *values;
	size_t n;
};

#define TEXT_EXPONENT 6 /* %v prints a float with an exponent from 10^6 on */

static size_t text_value(const struct value_printer *p, size_t at, unsigned depth);

static void text_type(struct buf *to, const char *type)
{
	if (type)
		text_safe_str(to, type);
}

static void text_string(struct buf *to, const struct value *value)
{
	buf_char(to, '"');
	if (value->bytes && value->bytes_len)
		text_safe_quoted(to, value->bytes, value->bytes_len);
	buf_char(to, '"');
	if (value->cut)
		buf_str(to, "…");
}

static void text_complex(struct buf *to, const struct value *value)
{
	size_t sign;

	buf_char(to, '(');
	text_float(to, value->f, value->bits == 64, TEXT_EXPONENT);
	sign = to->len;
	text_float(to, value->im, value->bits == 64, TEXT_EXPONENT);
	if (to->len > sign && to->data[sign] != '-' && to->data[sign] != '+') {
		to->len = sign;
		buf_char(to, '+');
		text_float(to, value->im, value->bits == 64, TEXT_EXPONENT);
	}
	buf_str(to, "i)");
}

static void text_unread(struct buf *to, const struct value *value)
{
	buf_char(to, '<');
	if (value->bytes && value->bytes_len)
		text_safe(to, value->bytes, value->bytes_len);
	else
		buf_str(to, "unread");
	buf_char(to, '>');
}

/* Appends a composite: main.point{X: 1, Y: 2} or [2]int{1, 2}, or only the braces if it has no
 * type. */
static size_t text_composite(const struct value_printer *p, size_t at, unsigned depth)
{
	const struct value *value = &p->values[at++];

	text_type(p->to, value->type);
	buf_char(p->to, '{');
	for (uint32_t i = 0; i < value->n && at < p->n; i++) {
		const struct value *child = &p->values[at];

		if (i)
			buf_put(p->to, ", ", 2);
		if (value->kind == VALUE_STRUCT && child->name && child->name_len) {
			text_safe(p->to, child->name, child->name_len);
			buf_put(p->to, ": ", 2);
		}
		at = text_value(p, at, depth + 1);
	}
	buf_char(p->to, '}');
	return at;
}

/* Appends an interface as a conversion, such as int(42). A conversion to *T or func() needs
 * parentheses around the type. A composite that already begins with the same type gets no
 * conversion. */
static size_t text_interface(const struct value_printer *p, size_t at, unsigned depth)
{
	const struct value *value = &p->values[at];
	const struct value *child = at + 1 < p->n ? &p->values[at + 1] : NULL;
	const char *type = value->type ? value->type : "";
	size_t next = value_skip(p->values, p->n, at);
	bool same = child && (child->kind == VALUE_STRUCT || child->kind == VALUE_ARRAY) &&
		    child->type && strcmp(child->type, type) == 0;
	bool parens = *type == '*' || *type == '<' || strncmp(type, "func", 4) == 0 ||
		      strncmp(type, "chan", 4) == 0;

	if (!value->n) {
		buf_str(p->to, "nil");
		return next;
	}
	if (!same) {
		buf_str(p->to, parens ? "(" : "");
		text_type(p->to, type);
		buf_str(p->to, parens ? ")(" : "(");
	}
	if (child)
		text_value(p, at + 1, depth + 1);
	if (!same)
		buf_char(p->to, ')');
	return next;
}

static void text_scalar(struct buf *to, const struct value *value)
{
	switch (value->kind) {
	case VALUE_BOOL: buf_str(to, value->u ? "true" : "false"); break;
	case VALUE_INT: buf_i64(to, value->i); break;
	case VALUE_UINT: buf_u64(to, value->u); break;
	case VALUE_FLOAT: text_float(to, value->f, value->bits == 32, TEXT_EXPONENT); break;
	case VALUE_COMPLEX: text_complex(to, value); break;
	case VALUE_STRING: text_string(to, value); break;
	case VALUE_UNREAD: text_unread(to, value); break;
	case VALUE_POINTER:
		if (value->u)
			buf_hex(to, value->u);
		else
			buf_str(to, "nil");
		break;
	default: buf_char(to, '?'); break;
	}
}

/* Appends the value. Returns the index after the value and its children. */
static size_t text_value(const struct value_printer *p, size_t at, unsigned depth)
{
	const struct value *value = &p->values[at];

	if (depth >= DEPTH_MAX) {
		buf_str(p->to, "…");
		return value_skip(p->values, p->n, at);
	}
	switch (value->kind) {
	case VALUE_STRUCT:
	case VALUE_ARRAY: return text_composite(p, at, depth);
	case VALUE_INTERFACE: return text_interface(p, at, depth);
	default: text_scalar(p->to, value); return at + 1;
	}
}

void value_text(struct buf *to, const struct value *values, size_t n)
{
	const struct value_printer p = {.to = to, .values = values, .n = n};

	if (n)
		text_value(&p, 0, 0);
	else
		buf_char(to, '?');
}
