/* Prints a value as a Go programmer would write it. */
#include "base/buf.h"
#include "base/text/text.h"
#include "read/layout/layout.h"

#define DEPTH_MAX 32 /* deeper values are shown as "…" */

struct walk {
	struct buf *to;
	const struct value *values;
	size_t n;
};

#define TEXT_EXPONENT 6 /* %v prints a float with an exponent from 10^6 on */

static size_t text_value(const struct walk *w, size_t at, unsigned depth);

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
static size_t text_composite(const struct walk *w, size_t at, unsigned depth)
{
	const struct value *value = &w->values[at++];

	text_type(w->to, value->type);
	buf_char(w->to, '{');
	for (uint32_t i = 0; i < value->n && at < w->n; i++) {
		const struct value *child = &w->values[at];

		if (i)
			buf_put(w->to, ", ", 2);
		if (value->kind == VALUE_STRUCT && child->name && child->name_len) {
			text_safe(w->to, child->name, child->name_len);
			buf_put(w->to, ": ", 2);
		}
		at = text_value(w, at, depth + 1);
	}
	buf_char(w->to, '}');
	return at;
}

/* Appends an interface as a conversion, such as int(42). A conversion to *T or func() needs
 * parentheses around the type. A composite that already begins with the same type gets no
 * conversion. */
static size_t text_interface(const struct walk *w, size_t at, unsigned depth)
{
	const struct value *value = &w->values[at];
	const struct value *child = at + 1 < w->n ? &w->values[at + 1] : NULL;
	const char *type = value->type ? value->type : "";
	size_t next = value_skip(w->values, w->n, at);
	bool same = child && (child->kind == VALUE_STRUCT || child->kind == VALUE_ARRAY) &&
		    child->type && strcmp(child->type, type) == 0;
	bool parens = *type == '*' || *type == '<' || strncmp(type, "func", 4) == 0 ||
		      strncmp(type, "chan", 4) == 0;

	if (!value->n) {
		buf_str(w->to, "nil");
		return next;
	}
	if (!same) {
		buf_str(w->to, parens ? "(" : "");
		text_type(w->to, type);
		buf_str(w->to, parens ? ")(" : "(");
	}
	if (child)
		text_value(w, at + 1, depth + 1);
	if (!same)
		buf_char(w->to, ')');
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
static size_t text_value(const struct walk *w, size_t at, unsigned depth)
{
	const struct value *value = &w->values[at];

	if (depth >= DEPTH_MAX) {
		buf_str(w->to, "…");
		return value_skip(w->values, w->n, at);
	}
	switch (value->kind) {
	case VALUE_STRUCT:
	case VALUE_ARRAY: return text_composite(w, at, depth);
	case VALUE_INTERFACE: return text_interface(w, at, depth);
	default: text_scalar(w->to, value); return at + 1;
	}
}

void value_text(struct buf *to, const struct value *values, size_t n)
{
	const struct walk w = {.to = to, .values = values, .n = n};

	if (n)
		text_value(&w, 0, 0);
	else
		buf_char(to, '?');
}
