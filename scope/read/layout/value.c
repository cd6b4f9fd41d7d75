/* Walks the list of tokens that a decoded value is. The list and every byte in it come from a
 * traced program. A list may lie about its children, may be nested without end, and may hold any
 * bytes. No list is rejected: a child that is not in the list is shown as missing, and no token
 * after the end is read. */
#include "base/text/text.h"
#include "read/layout/layout.h"

#define FIELDS_COMPARED 64 /* fields after these get a name that needs no comparison */

static uint64_t value_children(const struct value *value)
{
	switch (value->kind) {
	case VALUE_STRUCT:
	case VALUE_ARRAY:
	case VALUE_INTERFACE: return value->n;
	default: return 0;
	}
}

size_t value_skip(const struct value *values, size_t n, size_t at)
{
	uint64_t pending = 1; /* values still to be skipped; n * 2^32 fits */

	for (; pending && at < n; at++)
		pending += value_children(&values[at]) - 1;
	return at < n ? at : n;
}

bool value_is_cut(const struct value *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (values[i].cut)
			return true;
	return false;
}

const char *value_error(const struct value *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (values[i].kind == VALUE_UNREAD)
			return values[i].bytes ? values[i].bytes : "";
	return NULL;
}

static bool name_equal(const struct value *a, const struct value *b)
{
	return a->name && b->name && a->name_len == b->name_len &&
	       memcmp(a->name, b->name, a->name_len) == 0;
}

bool value_name_unique(const struct value *values, size_t first, size_t at, size_t n,
		       uint32_t index)
{
	const struct value *field = &values[at];
	size_t len = field->name ? strnlen(field->name, field->name_len) : 0;

	if (!len || len != field->name_len || index >= FIELDS_COMPARED ||
	    memchr(field->name, '#', len) || !rune_all_valid(field->name, len))
		return false;
	for (size_t i = first; i < at; i = value_skip(values, n, i))
		if (name_equal(&values[i], field))
			return false;
	return true;
}
