#include "watch/filter/filter.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <jansson.h>
#include <math.h>

struct filter_key {
	char *text;   /* as given */
	json_t *json; /* a string, object or array; NULL: a bare word (numbers, true, null are too) */
	struct buf bytes; /* of {"bytes":"hex"} */
	bool is_bytes;
	bool prefix;
};

/* ---- texts ---- */

/* What one value is compared with: JSON, or (at the top, and in an interface there) a bare word. */
struct want {
	const json_t *json; /* NULL: the word */
	const char *word;
};

/* The bytes that a string is compared with; hex: two digits a byte. */
struct text {
	const char *p;
	size_t len; /* bytes */
	bool hex;
};

/* {"bytes":"hex"}: how events show a string that is not UTF-8. */
static bool json_bytes(const json_t *json, struct text *ret)
{
	const json_t *bytes = json_object_get(json, "bytes");
	size_t digits;

	if (!json_is_string(bytes) || json_object_size(json) != 1)
		return false;
	digits = json_string_length(bytes);
	*ret = (struct text){json_string_value(bytes), digits / 2, true};
	return digits % 2 == 0 && strspn(ret->p, "0123456789abcdefABCDEF") == digits;
}

static bool want_text(const struct want *want, struct text *ret)
{
	if (!want->json)
		*ret = (struct text){want->word, strlen(want->word), false};
	else if (json_is_string(want->json))
		*ret = (struct text){json_string_value(want->json), json_string_length(want->json),
				     false};
	else
		return json_bytes(want->json, ret);
	return true;
}

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);
}

static char text_byte(const struct text *text, size_t i)
{
	return text->hex ? (char)(hex_digit(text->p[2 * i]) << 4 | hex_digit(text->p[2 * i + 1]))
			 : text->p[i];
}

/* Does the text begin with these bytes? (It is as long.) */
static bool text_begins(const struct text *text, const char *bytes, size_t n)
{
	if (!text->hex)
		return !n || !memcmp(text->p, bytes, n);
	for (size_t i = 0; i < n; i++)
		if (text_byte(text, i) != bytes[i])
			return false;
	return true;
}

/* ---- numbers ---- */

/* A number may be both: 42 is asked of integers and of floats. */
struct number {
	uint64_t magnitude;
	double f;
	bool is_integer, is_float;
	bool negative; /* integers; never for 0 */
};

/* Past it events show numbers as strings: readers with doubles only would change them. */
#define EXACT_MAX (1ull << 53)

/* Decimal (010 is ten) or 0x, all of it. Text, not JSON's number: it may lie past 2^63. */
static bool parse_integer(const char *text, struct number *ret)
{
	const char *digits = text + (*text == '-');
	uint64_t magnitude;
	char *end;

	if (!isdigit((unsigned char)*digits))
		return false;
	errno = 0;
	magnitude = strtoull(digits, &end, strncmp(digits, "0x", 2) == 0 ? 16 : 10);
	if (errno || *end)
		return false;
	ret->magnitude = magnitude;
	ret->negative = magnitude && *text == '-';
	return true;
}

/* Decimal, or one of the three that events show between quotes. strtod() alone takes more: leading
 * space, "infinity", hexadecimal; and gives an infinity for what is too large. */
static bool parse_float(const char *text, double *ret)
{
	const char *digits = text + (*text == '-');
	char *end;

	if (!strcmp(text, "NaN") || !strcmp(text, "+Inf") || !strcmp(text, "-Inf")) {
		*ret = *text == 'N' ? (double)NAN : *text == '+' ? HUGE_VAL : -HUGE_VAL;
		return true;
	}
	if ((!isdigit((unsigned char)*digits) && *digits != '.') ||
	    text[strspn(text, "0123456789.eE+-")])
		return false;
	*ret = strtod(text, &end);
	return !*end && !isinf(*ret);
}

static bool parse_number(const char *text, struct number *ret)
{
	ret->is_integer = parse_integer(text, ret);
	ret->is_float = parse_float(text, &ret->f);
	return ret->is_integer || ret->is_float;
}

/* A JSON string is a number only where events show one so. */
static bool parse_quoted_number(const json_t *json, struct number *ret)
{
	const char *text = json_string_value(json);

	if (strlen(text) != json_string_length(json) || !parse_number(text, ret))
		return false;
	ret->is_integer &= ret->magnitude > EXACT_MAX && !strchr(text, 'x');
	ret->is_float &= !(fabs(ret->f) <= (double)EXACT_MAX); /* NaN too */
	return ret->is_integer || ret->is_float;
}

/* The one place where a filter becomes a number, for the kernel program and for user space. */
static bool want_number(const struct want *want, struct number *ret)
{
	*ret = (struct number){0};
	if (!want->json)
		return parse_number(want->word, ret);
	if (json_is_string(want->json))
		return parse_quoted_number(want->json, ret);
	if (json_is_integer(want->json)) {
		json_int_t i = json_integer_value(want->json);

		ret->magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
		ret->negative = i < 0;
		ret->is_integer = true;
	}
	ret->f = json_number_value(want->json);
	ret->is_float = json_is_number(want->json);
	return ret->is_float;
}

/* 0x..., bare or between quotes. */
static bool want_address(const struct want *want, uint64_t *ret)
{
	const char *text = want->json ? json_string_value(want->json) : want->word;
	struct number number;

	if (!text || strncmp(text, "0x", 2) != 0 || !parse_integer(text, &number) ||
	    (want->json && strlen(text) != json_string_length(want->json)))
		return false;
	*ret = number.magnitude;
	return true;
}

static bool want_bool(const struct want *want, bool *ret)
{
	*ret = want->json ? json_is_true(want->json) : !strcmp(want->word, "true");
	return want->json ? json_is_boolean(want->json) : *ret || !strcmp(want->word, "false");
}

static bool integer_fits(const struct number *number, bool is_signed, unsigned bits)
{
	uint64_t max = ~0ull >> (64 - bits);

	if (is_signed)
		return number->magnitude <= max / 2 + number->negative;
	return !number->negative && number->magnitude <= max;
}

/* As float32; false when there is none near it: 1e300 is no infinity, 1e-60 no zero. */
static bool float_narrow(double f, float *ret)
{
	*ret = (float)f;
	return isinf(*ret) ? isinf(f) : *ret != 0 || f == 0;
}

static bool float_equal(double want, double f, bool narrow)
{
	float near;

	if (isnan(want))
		return isnan(f);
	return narrow ? float_narrow(want, &near) && near == (float)f : want == f;
}

/* ---- setting ---- */

static struct want key_want(const struct filter_key *key)
{
	return (struct want){key->json, key->text};
}

/* Only strings are bounded: the kernel program compares them. */
static struct error *check_length(const struct filter_key *key)
{
	size_t len;
	bool prefix;

	if (!filter_key_string(key, &len, &prefix) || len <= WIRE_FILTER_MAX)
		return NULL;
	return error_new(ERROR_USAGE, "%s: longer than %d bytes%s",
			 prefix ? "--key-prefix" : "--key", WIRE_FILTER_MAX,
			 prefix ? "" : "; use --key-prefix");
}

/* Numbers, true, false and null stay words: what they mean depends on the key. */
static struct error *read_json(struct filter_key *key)
{
	json_error_t why;
	struct text bytes;

	key->json = json_loads(key->text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
			       &why);
	if (!key->json && *key->text && strchr("{[\"", *key->text))
		return error_new(ERROR_USAGE,
				 "--key %s: not JSON (%s); write a string key as a bare word or in "
				 "double quotes",
				 key->text, why.text);
	if (!json_is_string(key->json) && !json_is_object(key->json) && !json_is_array(key->json)) {
		json_decref(key->json);
		key->json = NULL;
	}
	if (json_bytes(key->json, &bytes)) {
		key->is_bytes = true;
		for (size_t i = 0; i < bytes.len; i++)
			buf_char(&key->bytes, text_byte(&bytes, i));
	}
	return key->bytes.bad ? error_nomem() : NULL;
}

struct error *filter_set_key(struct filter *filter, const char *text, bool prefix)
{
	struct filter_key *key = calloc(1, sizeof(*key));

	if (!key)
		return error_nomem();
	filter->key = key;
	key->prefix = prefix;
	key->text = strdup(text);
	if (!key->text)
		return error_nomem();
	if (!prefix)
		try(read_json(key));
	return check_length(key);
}

struct error *filter_set_glob(const char *option, const char *text, char **to)
{
	size_t len = strlen(text);
	struct buf escaped = {0};

	if (*to)
		return error_new(ERROR_USAGE, "%s can be given once only", option);
	if (!len || len > 1024)
		return error_new(ERROR_USAGE, "%s: the pattern is %s", option,
				 len ? "longer than 1024 bytes" : "empty");
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\' && i + 1 == len) {
			buf_fini(&escaped);
			return error_new(ERROR_USAGE, "%s %s: the pattern ends in a lone backslash",
					 option, text);
		}
		if (text[i] == '[')
			buf_char(&escaped, '\\');
		if (text[i] == '\\')
			buf_char(&escaped, text[i++]);
		buf_char(&escaped, text[i]);
	}
	buf_char(&escaped, '\0');
	if (escaped.bad) {
		buf_fini(&escaped);
		return error_nomem();
	}
	*to = escaped.data;
	return NULL;
}

void filter_fini(struct filter *filter)
{
	free(filter->type_glob);
	free(filter->site_glob);
	filter->type_glob = filter->site_glob = NULL;
	if (filter->key) {
		json_decref(filter->key->json);
		buf_fini(&filter->key->bytes);
		free(filter->key->text);
		free(filter->key);
		filter->key = NULL;
	}
}

const char *filter_key_string(const struct filter_key *key, size_t *ret_len, bool *ret_prefix)
{
	struct want want = key_want(key);
	struct text text;

	*ret_prefix = key->prefix;
	if (key->is_bytes) {
		*ret_len = key->bytes.len;
		return key->bytes.len ? key->bytes.data : "";
	}
	if (!want_text(&want, &text))
		return NULL;
	*ret_len = text.len;
	return text.p;
}

/* ---- what the kernel program compares ---- */

static void plan_word(struct wire_plan *plan, uint64_t want, uint64_t mask)
{
	plan->match = WIRE_MATCH_WORD;
	plan->want = want & mask;
	plan->mask = mask;
}

static void plan_integer(const struct want *want, const struct gotype *type, struct wire_plan *plan)
{
	bool is_signed = type->kind >= GOTYPE_INT && type->kind <= GOTYPE_INT64;
	unsigned bits = (unsigned)type->size * 8;
	struct number n;

	if (bits && bits <= 64 && want_number(want, &n) && n.is_integer &&
	    integer_fits(&n, is_signed, bits))
		plan_word(plan, n.negative ? 0 - n.magnitude : n.magnitude, ~0ull >> (64 - bits));
}

static void plan_address(const struct want *want, struct wire_plan *plan)
{
	uint64_t addr;

	if (want_address(want, &addr))
		plan_word(plan, addr, ~0ull);
}

/* -0 and +0 are one key in Go: for zero the sign bit is not compared. There are many NaNs, and a
 * word cannot stand for them all. */
static void plan_float(const struct want *want, const struct gotype *type, struct wire_plan *plan)
{
	struct number n;
	uint64_t bits = 0;
	float narrow;

	if (!want_number(want, &n) || !n.is_float)
		return;
	if (isnan(n.f)) {
		plan->match = WIRE_MATCH_USER;
	} else if (type->size != 4) {
		memcpy(&bits, &n.f, sizeof(n.f));
		plan_word(plan, bits, n.f == 0 ? ~0ull >> 1 : ~0ull);
	} else if (float_narrow(n.f, &narrow)) {
		memcpy(&bits, &narrow, sizeof(narrow));
		plan_word(plan, bits, n.f == 0 ? 0x7fffffff : 0xffffffff);
	}
}

static void plan_bool(const struct want *want, struct wire_plan *plan)
{
	bool value;

	if (want_bool(want, &value))
		plan_word(plan, value, 0xff);
}

static void plan_scalar(const struct want *want, const struct gotype *type, struct wire_plan *plan)
{
	switch (type->kind) {
	case GOTYPE_BOOL: plan_bool(want, plan); break;
	case GOTYPE_INT ... GOTYPE_UINTPTR: plan_integer(want, type, plan); break;
	case GOTYPE_FLOAT32:
	case GOTYPE_FLOAT64: plan_float(want, type, plan); break;
	default: plan_address(want, plan); break;
	}
}

void filter_plan(const struct filter *filter, const struct gotypes *types, uint64_t key_type,
		 struct wire_plan *plan)
{
	enum wire_match never = WIRE_MATCH_NEVER, user = WIRE_MATCH_USER;
	const json_t *json;
	struct gotype type;
	struct want want;
	bool prefix;
	size_t len;

	plan->match = WIRE_MATCH_ANY;
	if (!filter->key)
		return;
	plan->match = WIRE_MATCH_USER;
	if (!gotype_read(types, key_type, &type))
		return;
	want = key_want(filter->key);
	json = want.json;
	plan->match = WIRE_MATCH_NEVER;
	switch (type.kind) {
	case GOTYPE_STRING:
		if (filter_key_string(filter->key, &len, &prefix))
			plan->match = WIRE_MATCH_STRING;
		break;
	case GOTYPE_BOOL ... GOTYPE_FLOAT64:
	case GOTYPE_POINTER:
	case GOTYPE_CHAN:
	case GOTYPE_UNSAFE_POINTER:
		if (!filter->key->prefix)
			plan_scalar(&want, &type, plan);
		break;
	case GOTYPE_STRUCT: plan->match = json_is_object(json) ? user : never; break;
	case GOTYPE_ARRAY:
	case GOTYPE_COMPLEX64:
	case GOTYPE_COMPLEX128: plan->match = json_is_array(json) ? user : never; break;
	case GOTYPE_INTERFACE: plan->match = WIRE_MATCH_USER; break; /* it may hold anything */
	default: plan->match = filter->key->prefix ? never : user; break;
	}
}

/* ---- what user space compares ---- */

/* What could not be read agrees with everything, and of what was cut the part that is there is
 * compared: the event shows both. A delete that was asked for is never left out for it. */

struct tokens {
	const struct value *values;
	size_t n;
};

static bool value_matches(const struct want *want, const struct tokens *in, size_t at,
			  unsigned depth);

static bool integer_matches(const struct want *want, const struct value *v)
{
	bool negative = v->kind == VALUE_INT && v->i < 0;
	struct number n;

	return want_number(want, &n) && n.is_integer && n.negative == negative &&
	       n.magnitude == (negative ? 0 - v->u : v->u);
}

static bool float_matches(const struct want *want, double f, bool narrow)
{
	struct number n;

	return want_number(want, &n) && n.is_float && float_equal(n.f, f, narrow);
}

static bool complex_matches(const struct want *want, const struct value *v)
{
	struct want re = {.json = json_array_get(want->json, 0)};
	struct want im = {.json = json_array_get(want->json, 1)};

	return json_array_size(want->json) == 2 && float_matches(&re, v->f, v->bits == 64) &&
	       float_matches(&im, v->im, v->bits == 64);
}

static bool string_matches(const struct want *want, const struct value *v)
{
	struct text text;

	if (!want_text(want, &text) || text.len < v->bytes_len)
		return false;
	if (v->cut ? text.len == v->bytes_len || (v->whole && text.len != v->whole)
		   : text.len != v->bytes_len)
		return false;
	return text_begins(&text, v->bytes, v->bytes_len);
}

/* The member of a struct's JSON that stands for a field, as value_json() names it. */
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

static bool children_match(const struct want *want, const struct tokens *in, size_t at,
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
		struct want member = {0};

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

/* {"type":...,"value":...}, or just the value: of whatever type. */
static bool interface_matches(const struct want *want, const struct tokens *in, size_t at,
			      unsigned depth)
{
	const struct value *v = &in->values[at];
	const json_t *type = json_object_get(want->json, "type");
	struct want value = {.json = json_object_get(want->json, "value")};
	bool unknown = !v->type || !*v->type;

	if (!v->n)
		return want->json ? json_is_null(want->json) : !strcmp(want->word, "null");
	if (at + 1 >= in->n)
		return false;
	if (json_is_string(type) && value.json) {
		if ((unknown || !strcmp(v->type, json_string_value(type))) &&
		    value_matches(&value, in, at + 1, depth + 1))
			return true;
		/* Or a struct that happens to have these two fields. */
		return in->values[at + 1].kind == VALUE_STRUCT &&
		       value_matches(want, in, at + 1, depth + 1);
	}
	return value_matches(want, in, at + 1, depth + 1);
}

static bool value_matches(const struct want *want, const struct tokens *in, size_t at,
			  unsigned depth)
{
	const struct value *v;
	uint64_t addr;
	bool value;

	if (at >= in->n || depth > 32)
		return false;
	v = &in->values[at];
	switch (v->kind) {
	case VALUE_BOOL: return want_bool(want, &value) && value == (v->u != 0);
	case VALUE_INT:
	case VALUE_UINT: return integer_matches(want, v);
	case VALUE_FLOAT: return float_matches(want, v->f, v->bits == 32);
	case VALUE_COMPLEX: return complex_matches(want, v);
	case VALUE_POINTER: return want_address(want, &addr) && addr == v->u;
	case VALUE_STRING: return string_matches(want, v);
	case VALUE_STRUCT:
	case VALUE_ARRAY: return children_match(want, in, at, depth);
	case VALUE_INTERFACE: return interface_matches(want, in, at, depth);
	case VALUE_UNREAD: return true;
	}
	return false;
}

/* A string, or an interface that holds one. */
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
	struct want want = key_want(key);

	if (!n) /* nothing of it could be read */
		return true;
	if (key->prefix)
		return prefix_matches(key->text, values, n);
	return value_matches(&want, &(struct tokens){values, n}, 0, 0);
}

bool filter_type_matches(const struct filter *filter, const char *type)
{
	return !filter->type_glob || fnmatch(filter->type_glob, type, 0) == 0;
}

static bool frame_matches(const char *glob, const struct event_frame *frame)
{
	const char *base = strrchr(frame->file, '/');
	struct buf place = {0};
	bool matches;

	if (fnmatch(glob, frame->func, 0) == 0)
		return true;
	buf_printf(&place, "%s:%u", frame->file, frame->line);
	matches = fnmatch(glob, buf_cstr(&place), 0) == 0;
	buf_reset(&place);
	buf_printf(&place, "%s:%u", base ? base + 1 : frame->file, frame->line);
	matches = matches || fnmatch(glob, buf_cstr(&place), 0) == 0;
	buf_fini(&place);
	return matches;
}

/* The frames of one call have one pc: where the function that is not inlined is hidden (a wrapper
 * of the compiler's), its caller is no site. */
bool filter_site_matches(const struct filter *filter, const struct event_frame *stack, size_t n)
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

/* The kinds of key that filter_plan() leaves to user space. */
static const char *late_kinds(const struct filter_key *key)
{
	struct want want = key_want(key);
	struct number n;

	if (key->prefix)
		return "interface";
	if (json_is_object(key->json))
		return "struct and interface";
	if (json_is_array(key->json))
		return "complex, array and interface";
	return want_number(&want, &n) && isnan(n.f) ? "float and interface" : "interface";
}

void filter_explain(const struct filter *filter, struct buf *to)
{
	if (filter->map)
		buf_str(to, "filter --map: in the kernel program\n");
	if (filter->goid)
		buf_str(to, "filter --goid: in the kernel program\n");
	if (filter->type_glob)
		buf_str(to, "filter --type: in the kernel program; after it for map types that "
			    "reflect makes at run time\n");
	if (filter->key)
		buf_printf(to,
			   "filter --key%s: in the kernel program; after it for %s keys, and for "
			   "map types that reflect makes at run time\n",
			   filter->key->prefix ? "-prefix" : "", late_kinds(filter->key));
	if (filter->site_glob)
		buf_str(to, "filter --site: after the kernel program\n");
}
