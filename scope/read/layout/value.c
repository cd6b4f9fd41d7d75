/* Rendering of decoded values. The token list and every byte in it come from a traced program: a
 * list may lie about its children, nest without end, or carry any bytes. Nothing is rejected; what
 * does not fit the list is shown as missing, and no token past the end is looked at. */
#include "read/layout/layout.h"

#include <math.h>
#include <stdio.h>

#define DEPTH_MAX	32	     /* deeper values are shown as "…" (JSON: null) */
#define EXACT_MAX	(1ull << 53) /* integers up to here survive readers with doubles only */
#define DIGITS_MAX	17	     /* enough to tell any two float64 apart */
#define FIELDS_COMPARED 64	     /* fields after that get a name that needs no comparing */

struct walk {
	struct buf *to;
	const struct value *values;
	size_t n;
};

struct rune_range {
	uint32_t first, last;
};

/* What strconv.IsPrint refuses: controls, format characters (they can reorder or hide text),
 * separators but the ASCII space, surrogates, private use. Unassigned code points are left out
 * on purpose: which ones are unassigned changes with every Unicode release. */
static const struct rune_range unprintable[] = {
	{0x0, 0x1f},	     {0x7f, 0xa0},	 {0xad, 0xad},	     {0x600, 0x605},
	{0x61c, 0x61c},	     {0x6dd, 0x6dd},	 {0x70f, 0x70f},     {0x890, 0x891},
	{0x8e2, 0x8e2},	     {0x1680, 0x1680},	 {0x180e, 0x180e},   {0x2000, 0x200f},
	{0x2028, 0x202f},    {0x205f, 0x206f},	 {0x3000, 0x3000},   {0xd800, 0xf8ff},
	{0xfdd0, 0xfdef},    {0xfeff, 0xfeff},	 {0xfff0, 0xfffb},   {0xfffe, 0xffff},
	{0x110bd, 0x110bd},  {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},
	{0x1d173, 0x1d17a},  {0x1fffe, 0x1ffff}, {0x2fffe, 0x2ffff}, {0x323b0, 0xe00ff},
	{0xe01f0, 0x10ffff},
};

/* Runes that take two columns, in ranges that are rather too wide than too narrow: a line that is
 * a column short is better than one that wraps. */
static const struct rune_range wide[] = {
	{0x1100, 0x115f},   {0x231a, 0x232a},	{0x23e9, 0x23f3},   {0x25fd, 0x25fe},
	{0x2614, 0x27bf},   {0x2b1b, 0x2b55},	{0x2e80, 0x303e},   {0x3041, 0xa4c6},
	{0xa960, 0xa97c},   {0xac00, 0xd7a3},	{0xf900, 0xfaff},   {0xfe0f, 0xfe19},
	{0xfe30, 0xfe6f},   {0xff01, 0xff60},	{0xffe0, 0xffe6},   {0x16fe0, 0x18d08},
	{0x1aff0, 0x1b2fb}, {0x1f004, 0x1faff}, {0x20000, 0x3fffd},
};

static bool rune_in(const struct rune_range *ranges, size_t n, uint32_t rune)
{
	size_t low = 0;

	while (low < n) {
		size_t mid = low + (n - low) / 2;

		if (rune < ranges[mid].first)
			n = mid;
		else if (rune > ranges[mid].last)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

static bool rune_printable(uint32_t rune)
{
	if (rune < 0x7f)
		return rune >= ' ';
	return !rune_in(unprintable, ARRAY_SIZE(unprintable), rune);
}

/* The rune at p (at least one byte is there). Returns its length, 0 when it is not UTF-8. */
static size_t rune_decode(const char *text, size_t left, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *p = (const uint8_t *)text;
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t rune = p[0];

	if (len > left || p[0] >= 0xf5)
		return 0;
	if (len > 1)
		rune &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		rune = rune << 6 | (p[i] & 0x3f);
	}
	if (rune < least[len] || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
		return 0;
	*ret = rune;
	return len;
}

static bool utf8_valid(const char *bytes, size_t len)
{
	uint32_t rune;

	for (size_t at = 0, step; at < len; at += step) {
		step = rune_decode(bytes + at, len - at, &rune);
		if (!step)
			return false;
	}
	return true;
}

static void put_hex(struct buf *to, uint32_t value, unsigned digits)
{
	while (digits--)
		buf_char(to, "0123456789abcdef"[value >> (4 * digits) & 15]);
}

/* --- Text --- */

static void escape_rune(struct buf *to, uint32_t rune)
{
	static const char letters[] = "abtnvfr"; /* from 0x07 on */

	buf_char(to, '\\');
	if (rune >= 0x07 && rune <= 0x0d) {
		buf_char(to, letters[rune - 0x07]);
	} else if (rune < ' ' || rune == 0x7f) {
		buf_char(to, 'x');
		put_hex(to, rune, 2);
	} else {
		buf_char(to, rune < 0x10000 ? 'u' : 'U');
		put_hex(to, rune, rune < 0x10000 ? 4 : 8);
	}
}

/* How many bytes at the front need no escape. Backslash and quote only do between quotes. */
static size_t plain_run(const char *bytes, size_t len, bool quoted)
{
	uint32_t rune;
	size_t at = 0;
	size_t step;

	while (at < len) {
		unsigned char c = (unsigned char)bytes[at];

		if (c < 0x80 ? c < ' ' || c == 0x7f
			     : !(step = rune_decode(bytes + at, len - at, &rune)))
			break;
		if (c < 0x80) {
			if (quoted && (c == '"' || c == '\\'))
				break;
			at++;
			continue;
		}
		if (!rune_printable(rune))
			break;
		at += step;
	}
	return at;
}

static void text_escaped(struct buf *to, const char *bytes, size_t len, bool quoted)
{
	size_t at = 0;

	for (;;) {
		size_t run = plain_run(bytes + at, len - at, quoted);
		uint32_t rune = 0;
		size_t step;

		buf_put(to, bytes + at, run);
		at += run;
		if (at == len)
			return;
		step = rune_decode(bytes + at, len - at, &rune);
		if (!step) {
			buf_put(to, "\\x", 2);
			put_hex(to, (unsigned char)bytes[at], 2);
			step = 1;
		} else if (rune == '"' || rune == '\\') {
			buf_char(to, '\\');
			buf_char(to, (char)rune);
		} else {
			escape_rune(to, rune);
		}
		at += step;
	}
}

void text_safe(struct buf *to, const char *bytes, size_t len)
{
	if (len)
		text_escaped(to, bytes, len, false);
}

size_t text_fit(const char *text, size_t len, size_t columns, size_t *ret_columns)
{
	size_t used = 0;
	size_t at = 0;

	while (at < len) {
		uint32_t rune = (unsigned char)text[at];
		size_t step = rune < 0x80 ? 1 : rune_decode(text + at, len - at, &rune);
		size_t takes = rune < 0x1100 || !rune_in(wide, ARRAY_SIZE(wide), rune) ? 1 : 2;

		if (used + takes > columns)
			break;
		used += takes;
		at += step ? step : 1;
	}
	*ret_columns = used;
	return at;
}

/* --- Numbers --- */

/* A positive finite number as d.ddd × 10^exponent, in the fewest digits that read back as it. */
struct decimal {
	char digits[DIGITS_MAX + 1];
	size_t n;
	int exponent;
};

static void decimal_of(double f, bool narrow, struct decimal *ret)
{
	/* All decimals of 6 (15) digits survive float32 (float64), so fewer need not be tried,
	 * except among the subnormals, which have less precision. */
	bool subnormal = f < (narrow ? 0x1p-126 : 0x1p-1022);
	int precision = subnormal ? 1 : narrow ? 6 : 15;
	char text[48];
	const char *p;

	for (;; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision - 1, f);
		if (precision >= DIGITS_MAX)
			break;
		if (narrow ? strtof(text, NULL) == (float)f : strtod(text, NULL) == f)
			break;
	}
	ret->n = 0;
	for (p = text; *p && *p != 'e'; p++)
		if (*p >= '0' && *p <= '9' && ret->n < DIGITS_MAX)
			ret->digits[ret->n++] = *p;
	while (ret->n > 1 && ret->digits[ret->n - 1] == '0')
		ret->n--;
	ret->exponent = *p ? (int)strtol(p + 1, NULL, 10) : 0;
}

static void put_exponential(struct buf *to, const struct decimal *d)
{
	unsigned magnitude = (unsigned)abs(d->exponent);

	buf_char(to, d->digits[0]);
	if (d->n > 1) {
		buf_char(to, '.');
		buf_put(to, d->digits + 1, d->n - 1);
	}
	buf_char(to, 'e');
	buf_char(to, d->exponent < 0 ? '-' : '+');
	if (magnitude < 10)
		buf_char(to, '0');
	buf_u64(to, magnitude);
}

static void put_plain(struct buf *to, const struct decimal *d)
{
	size_t whole = d->exponent < 0 ? 0 : (size_t)d->exponent + 1;
	size_t have = whole < d->n ? whole : d->n;

	if (!whole) {
		buf_str(to, "0.");
		buf_pad(to, '0', (size_t)-d->exponent - 1);
	}
	buf_put(to, d->digits, have);
	buf_pad(to, '0', whole - have);
	if (whole && d->n > whole)
		buf_char(to, '.');
	buf_put(to, d->digits + have, d->n - have);
}

/* As Go's %g with the exponent shown from 10^limit on; "NaN", "+Inf" and "-Inf" included. */
static void put_float(struct buf *to, double f, bool narrow, int limit)
{
	struct decimal d;

	if (isnan(f) || isinf(f)) {
		buf_str(to, isnan(f) ? "NaN" : f > 0 ? "+Inf" : "-Inf");
		return;
	}
	if (signbit(f))
		buf_char(to, '-');
	if (f == 0) {
		buf_char(to, '0');
		return;
	}
	decimal_of(fabs(f), narrow, &d);
	if (d.exponent < -4 || d.exponent >= limit)
		put_exponential(to, &d);
	else
		put_plain(to, &d);
}

/* --- The token list --- */

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
	uint64_t pending = 1; /* values still to be passed; n * 2^32 fits */

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

const char *value_error(const struct value *values, size_t n, size_t *ret_len)
{
	for (size_t i = 0; i < n; i++) {
		if (values[i].kind != VALUE_UNREAD)
			continue;
		*ret_len = values[i].bytes ? values[i].bytes_len : 0;
		return values[i].bytes ? values[i].bytes : "";
	}
	return NULL;
}

/* --- A value as text --- */

#define TEXT_EXPONENT 6 /* %v of a float turns to an exponent from 10^6 on */

static size_t text_value(const struct walk *w, size_t at, unsigned depth);

static void text_type(struct buf *to, const char *type)
{
	if (type)
		text_safe(to, type, strlen(type));
}

static void text_string(struct buf *to, const struct value *value)
{
	buf_char(to, '"');
	if (value->bytes && value->bytes_len)
		text_escaped(to, value->bytes, value->bytes_len, true);
	buf_char(to, '"');
	if (value->cut)
		buf_str(to, "…");
}

static void text_complex(struct buf *to, const struct value *value)
{
	size_t sign;

	buf_char(to, '(');
	put_float(to, value->f, value->bits == 64, TEXT_EXPONENT);
	sign = to->len;
	put_float(to, value->im, value->bits == 64, TEXT_EXPONENT);
	if (to->len > sign && to->data[sign] != '-' && to->data[sign] != '+') {
		to->len = sign;
		buf_char(to, '+');
		put_float(to, value->im, value->bits == 64, TEXT_EXPONENT);
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

/* main.point{X: 1, Y: 2} or [2]int{1, 2}; without its type just the braces. */
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

/* int(42). A conversion to *T or func() needs parentheses around the type; a composite that
 * already begins with the very type is shown without a conversion. */
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
	case VALUE_FLOAT: put_float(to, value->f, value->bits == 32, TEXT_EXPONENT); break;
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

/* Returns the index behind the value and its children. */
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

/* --- A value as JSON --- */

#define JSON_EXPONENT 21 /* as encoding/json */

static size_t json_value(const struct walk *w, size_t at, unsigned depth);

/* A rune that a JSON string must escape, or that would act on a terminal the line is shown on. */
static bool json_escapes(uint32_t rune)
{
	return rune < ' ' || rune == '"' || rune == '\\' || (rune >= 0x7f && rune < 0xa0) ||
	       rune == 0x2028 || rune == 0x2029;
}

static void json_escape(struct buf *to, uint32_t rune)
{
	static const char letters[] = "btn_fr"; /* from 0x08 on */

	buf_char(to, '\\');
	if (rune == '"' || rune == '\\') {
		buf_char(to, (char)rune);
	} else if (rune >= 0x08 && rune <= 0x0d && rune != 0x0b) {
		buf_char(to, letters[rune - 0x08]);
	} else {
		buf_char(to, 'u');
		put_hex(to, rune, 4);
	}
}

void value_json_string(struct buf *to, const char *bytes, size_t len)
{
	size_t start = 0; /* of the run not yet copied */
	size_t at = 0;

	buf_char(to, '"');
	while (at < len) {
		uint32_t rune = (unsigned char)bytes[at];
		size_t step = rune < 0x80 ? 1 : rune_decode(bytes + at, len - at, &rune);

		if (step && !json_escapes(rune)) {
			at += step;
			continue;
		}
		buf_put(to, bytes + start, at - start);
		json_escape(to, step ? rune : 0xfffd);
		at += step ? step : 1;
		start = at;
	}
	if (at > start)
		buf_put(to, bytes + start, at - start);
	buf_char(to, '"');
}

static void json_cstr(struct buf *to, const char *s)
{
	value_json_string(to, s ? s : "", s ? strlen(s) : 0);
}

/* Integers past 2^53 and what JSON has no number for go between quotes. */
static void json_integer(struct buf *to, uint64_t magnitude, bool negative)
{
	const char *quote = magnitude > EXACT_MAX ? "\"" : "";

	buf_str(to, quote);
	if (negative)
		buf_char(to, '-');
	buf_u64(to, magnitude);
	buf_str(to, quote);
}

static void json_float(struct buf *to, double f, bool narrow)
{
	bool quote = !(fabs(f) <= (double)EXACT_MAX); /* NaN too */

	if (quote)
		buf_char(to, '"');
	put_float(to, f, narrow, JSON_EXPONENT);
	if (f == 0 && signbit(f))
		buf_str(to, ".0"); /* "-0" would be read as the integer 0 by many */
	if (quote)
		buf_char(to, '"');
}

static void json_bytes(struct buf *to, const char *bytes, size_t len)
{
	if (!bytes)
		len = 0;
	if (utf8_valid(bytes, len)) {
		value_json_string(to, bytes, len);
		return;
	}
	buf_str(to, "{\"bytes\":\"");
	for (size_t i = 0; i < len; i++)
		put_hex(to, (unsigned char)bytes[i], 2);
	buf_str(to, "\"}");
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
	    memchr(field->name, '#', len) || !utf8_valid(field->name, len))
		return false;
	for (size_t i = first; i < at; i = value_skip(values, n, i))
		if (name_equal(&values[i], field))
			return false;
	return true;
}

/* A member name that no sibling has: an object with a name twice cannot be read back. Blank fields
 * ("_") may come twice, and a traced program may claim anything: such a name gets "#index". A name
 * that has a '#' of its own or is not printed as it is (not UTF-8, a NUL, which many readers
 * refuse) gets it always, so a made name never meets a real one. */
static void json_member(const struct walk *w, size_t first, size_t at, uint32_t index)
{
	const struct value *field = &w->values[at];
	const char *name = field->name ? field->name : "";

	value_json_string(w->to, name, field->name ? strnlen(name, field->name_len) : 0);
	if (value_name_unique(w->values, first, at, w->n, index))
		return;
	w->to->len -= w->to->len ? 1 : 0; /* the closing quote */
	buf_char(w->to, '#');
	buf_u64(w->to, index);
	buf_char(w->to, '"');
}

static size_t json_composite(const struct walk *w, size_t at, unsigned depth)
{
	const struct value *value = &w->values[at++];
	bool object = value->kind == VALUE_STRUCT;
	size_t first = at;

	buf_char(w->to, object ? '{' : '[');
	for (uint32_t i = 0; i < value->n && at < w->n; i++) {
		if (i)
			buf_char(w->to, ',');
		if (object) {
			json_member(w, first, at, i);
			buf_char(w->to, ':');
		}
		at = json_value(w, at, depth + 1);
	}
	buf_char(w->to, object ? '}' : ']');
	return at;
}

static size_t json_interface(const struct walk *w, size_t at, unsigned depth)
{
	const struct value *value = &w->values[at];
	size_t next = value_skip(w->values, w->n, at);

	if (!value->n) {
		buf_str(w->to, "null");
		return next;
	}
	buf_str(w->to, "{\"type\":");
	json_cstr(w->to, value->type);
	buf_str(w->to, ",\"value\":");
	if (at + 1 < w->n)
		json_value(w, at + 1, depth + 1);
	else
		buf_str(w->to, "null");
	buf_char(w->to, '}');
	return next;
}

static void json_scalar(struct buf *to, const struct value *value)
{
	switch (value->kind) {
	case VALUE_BOOL: buf_str(to, value->u ? "true" : "false"); break;
	case VALUE_INT:
		json_integer(to, value->i < 0 ? 0 - value->u : value->u, value->i < 0);
		break;
	case VALUE_UINT: json_integer(to, value->u, false); break;
	case VALUE_FLOAT: json_float(to, value->f, value->bits == 32); break;
	case VALUE_COMPLEX:
		buf_char(to, '[');
		json_float(to, value->f, value->bits == 64);
		buf_char(to, ',');
		json_float(to, value->im, value->bits == 64);
		buf_char(to, ']');
		break;
	case VALUE_POINTER:
		buf_char(to, '"');
		buf_hex(to, value->u);
		buf_char(to, '"');
		break;
	case VALUE_STRING: json_bytes(to, value->bytes, value->bytes_len); break;
	default: buf_str(to, "null"); break;
	}
}

/* Returns the index behind the value and its children. */
static size_t json_value(const struct walk *w, size_t at, unsigned depth)
{
	const struct value *value = &w->values[at];

	if (depth >= DEPTH_MAX) {
		buf_str(w->to, "null");
		return value_skip(w->values, w->n, at);
	}
	switch (value->kind) {
	case VALUE_STRUCT:
	case VALUE_ARRAY: return json_composite(w, at, depth);
	case VALUE_INTERFACE: return json_interface(w, at, depth);
	default: json_scalar(w->to, value); return at + 1;
	}
}

void value_json(struct buf *to, const struct value *values, size_t n)
{
	const struct walk w = {.to = to, .values = values, .n = n};

	if (n)
		json_value(&w, 0, 0);
	else
		buf_str(to, "null");
}
