#include "probe/probe.h"

#include <errno.h>
#include <fnmatch.h>
#include <jansson.h>
#include <math.h>

struct filter_key {
	char *text;    /* as given */
	json_t *json;  /* NULL: a bare word that is no JSON */
	bool prefix;
};

struct error *filter_set_key(struct filter *filter, const char *text, bool prefix)
{
	struct filter_key *key = calloc(1, sizeof(*key));
	json_error_t why;

	if (!key)
		return error_nomem();
	filter->key = key;
	key->prefix = prefix;
	key->text = strdup(text);
	if (!key->text)
		return error_nomem();
	if (!prefix)
		key->json = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
	if (!prefix && !key->json && *text && strchr("{[\"", *text))
		return error_new(ERROR_USAGE,
				 "--key %s: not JSON (%s); write a string key as a bare word or in "
				 "double quotes", text, why.text);
	if ((json_is_string(key->json) ? json_string_length(key->json) : strlen(text)) >
	    WIRE_FILTER_MAX)
		return error_new(ERROR_USAGE, "--key: longer than %d bytes; use --key-prefix",
				 WIRE_FILTER_MAX);
	return NULL;
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
		free(filter->key->text);
		free(filter->key);
		filter->key = NULL;
	}
}

const char *filter_key_string(const struct filter_key *key, size_t *ret_len, bool *ret_prefix)
{
	*ret_prefix = key->prefix;
	if (json_is_string(key->json)) {
		*ret_len = json_string_length(key->json);
		return json_string_value(key->json);
	}
	if (json_is_object(key->json) || json_is_array(key->json))
		return NULL;
	*ret_len = strlen(key->text);
	return key->text;
}

/* The filter as an integer; false when it is none. Text, not JSON's number: it may lie past 2^63. */
static bool key_integer(const struct filter_key *key, uint64_t *ret, bool *ret_negative)
{
	const char *text = json_is_string(key->json) ? json_string_value(key->json) : key->text;
	char *end;

	*ret_negative = text[0] == '-';
	if (!text[0] || strchr(" \t\n+", text[0]) || key->prefix)
		return false;
	errno = 0;
	if (*ret_negative)
		*ret = (uint64_t)strtoll(text, &end, 10);
	else
		*ret = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
	return !errno && !*end;
}

static bool key_float(const struct filter_key *key, double *ret)
{
	const char *text = json_is_string(key->json) ? json_string_value(key->json) : key->text;
	char *end;

	if (!text[0] || key->prefix)
		return false;
	*ret = strtod(text, &end);
	return !*end;
}

static bool fits(uint64_t value, bool negative, bool is_signed, unsigned bits)
{
	if (negative)
		return is_signed && (int64_t)value >= (int64_t)(~0ull << (bits - 1));
	return is_signed ? value <= ~0ull >> (65 - bits) : value <= ~0ull >> (64 - bits);
}

static uint64_t low_bits(unsigned bits)
{
	return ~0ull >> (64 - bits);
}

static void plan_word(struct wire_plan *plan, uint64_t want, uint64_t mask)
{
	plan->match = WIRE_MATCH_WORD;
	plan->want = want & mask;
	plan->mask = mask;
}

static void plan_integer(const struct filter_key *key, const struct gotype *type,
			 struct wire_plan *plan)
{
	bool is_signed = type->kind >= GOTYPE_INT && type->kind <= GOTYPE_INT64;
	unsigned bits = (unsigned)type->size * 8;
	uint64_t value;
	bool negative;

	if (bits && bits <= 64 && key_integer(key, &value, &negative) &&
	    fits(value, negative, is_signed, bits))
		plan_word(plan, value, low_bits(bits));
}

/* -0 and +0 are one key in Go: for zero the sign bit is not compared. */
static void plan_float(const struct filter_key *key, const struct gotype *type,
		       struct wire_plan *plan)
{
	double value;
	uint64_t want = 0;

	if (!key_float(key, &value))
		return;
	if (type->size == 4) {
		float narrow = (float)value;

		memcpy(&want, &narrow, sizeof(narrow));
		plan_word(plan, want, value == 0 ? 0x7fffffff : 0xffffffff);
	} else {
		memcpy(&want, &value, sizeof(value));
		plan_word(plan, want, value == 0 ? ~0ull >> 1 : ~0ull);
	}
}

static void plan_bool(const struct filter_key *key, struct wire_plan *plan)
{
	if (!strcmp(key->text, "true") || !strcmp(key->text, "false"))
		plan_word(plan, key->text[0] == 't', 0xff);
}

void filter_plan(const struct filter *filter, const struct gotypes *types, uint64_t key_type,
		 struct wire_plan *plan)
{
	struct gotype type;
	bool prefix;
	size_t len;

	plan->match = WIRE_MATCH_ANY;
	if (!filter->key)
		return;
	plan->match = WIRE_MATCH_NEVER;
	if (!gotype_read(types, key_type, &type)) {
		plan->match = WIRE_MATCH_USER;
		return;
	}
	switch (type.kind) {
	case GOTYPE_STRING:
		if (filter_key_string(filter->key, &len, &prefix))
			plan->match = WIRE_MATCH_STRING;
		break;
	case GOTYPE_BOOL: plan_bool(filter->key, plan); break;
	case GOTYPE_INT ... GOTYPE_UINTPTR:
	case GOTYPE_POINTER:
	case GOTYPE_CHAN:
	case GOTYPE_UNSAFE_POINTER: plan_integer(filter->key, &type, plan); break;
	case GOTYPE_FLOAT32:
	case GOTYPE_FLOAT64: plan_float(filter->key, &type, plan); break;
	case GOTYPE_INTERFACE: plan->match = WIRE_MATCH_USER; break; /* it may hold a string */
	default: plan->match = filter->key->prefix ? WIRE_MATCH_NEVER : WIRE_MATCH_USER; break;
	}
}

/* ---- in user space: structs, arrays, interfaces ---- */

static bool json_matches(const struct filter_key *key, const json_t *want,
			 const struct value *values, size_t n, size_t at, unsigned depth);

static bool number_matches(const json_t *want, const struct value *v)
{
	if (v->kind == VALUE_FLOAT) {
		double f = json_is_string(want) ? strtod(json_string_value(want), NULL)
						: json_number_value(want);

		return v->bits == 32 ? (float)f == (float)v->f : f == v->f;
	}
	if (json_is_string(want)) { /* past 2^53 numbers are strings in our JSON */
		char *end;
		bool negative = json_string_value(want)[0] == '-';
		uint64_t u = negative
				     ? (uint64_t)strtoll(json_string_value(want), &end, 10)
				     : strtoull(json_string_value(want), &end, 0);

		return !*end && u == v->u && negative == (v->kind == VALUE_INT && v->i < 0);
	}
	return json_is_integer(want) && json_integer_value(want) == v->i &&
	       (v->kind == VALUE_INT || v->i >= 0);
}

static bool string_matches(const json_t *want, const struct value *v)
{
	return json_is_string(want) && !v->cut && json_string_length(want) == v->bytes_len &&
	       !memcmp(json_string_value(want), v->bytes, v->bytes_len);
}

static bool children_match(const struct filter_key *key, const json_t *want,
			   const struct value *values, size_t n, size_t at, unsigned depth)
{
	const struct value *v = &values[at];
	bool is_struct = v->kind == VALUE_STRUCT;
	size_t child = at + 1;

	if (is_struct ? !json_is_object(want) || json_object_size(want) != v->n
		      : !json_is_array(want) || json_array_size(want) != v->n)
		return false;
	for (uint32_t i = 0; i < v->n && child < n; i++) {
		char name[256];
		const json_t *member;

		if (is_struct) {
			if (values[child].name_len >= sizeof(name) || !values[child].name)
				return false;
			memcpy(name, values[child].name, values[child].name_len);
			name[values[child].name_len] = '\0';
			member = json_object_get(want, name);
		} else {
			member = json_array_get(want, i);
		}
		if (!member || !json_matches(key, member, values, n, child, depth + 1))
			return false;
		child = value_skip(values, n, child);
	}
	return true;
}

static bool interface_matches(const struct filter_key *key, const json_t *want,
			      const struct value *values, size_t n, size_t at, unsigned depth)
{
	const struct value *v = &values[at];
	const json_t *type = json_object_get(want, "type");
	const json_t *value = json_object_get(want, "value");

	if (!v->n)
		return json_is_null(want);
	if (type && value && json_is_string(type))
		return v->type && !strcmp(v->type, json_string_value(type)) &&
		       json_matches(key, value, values, n, at + 1, depth + 1);
	return json_matches(key, want, values, n, at + 1, depth + 1);
}

static bool json_matches(const struct filter_key *key, const json_t *want,
			 const struct value *values, size_t n, size_t at, unsigned depth)
{
	const struct value *v;

	if (at >= n || depth > 32)
		return false;
	v = &values[at];
	switch (v->kind) {
	case VALUE_BOOL: return json_is_boolean(want) && json_is_true(want) == (v->u != 0);
	case VALUE_INT:
	case VALUE_UINT:
	case VALUE_FLOAT: return number_matches(want, v);
	case VALUE_POINTER:
		return json_is_string(want) && strtoull(json_string_value(want), NULL, 16) == v->u;
	case VALUE_STRING: return string_matches(want, v);
	case VALUE_COMPLEX:
		return json_array_size(want) == 2 &&
		       json_number_value(json_array_get(want, 0)) == v->f &&
		       json_number_value(json_array_get(want, 1)) == v->im;
	case VALUE_STRUCT:
	case VALUE_ARRAY: return children_match(key, want, values, n, at, depth);
	case VALUE_INTERFACE: return interface_matches(key, want, values, n, at, depth);
	case VALUE_UNREAD: return false;
	}
	return false;
}

/* A bare word that is no JSON stands for the string of the same letters. */
bool filter_key_matches(const struct filter_key *key, const struct value *values, size_t n)
{
	json_t *word = NULL;
	bool matches;

	if (key->prefix) {
		const struct value *v = n && values[0].kind == VALUE_INTERFACE ? values + 1 : values;
		size_t len = strlen(key->text);

		return n && v < values + n && v->kind == VALUE_STRING && v->bytes_len >= len &&
		       !memcmp(v->bytes, key->text, len);
	}
	if (!key->json)
		word = json_string(key->text);
	matches = json_matches(key, key->json ? key->json : word, values, n, 0, 0);
	if (!matches && key->json && !json_is_object(key->json) && !json_is_array(key->json) &&
	    !json_is_string(key->json)) {
		word = json_string(key->text); /* 42 also means the string "42" */
		matches = json_matches(key, word, values, n, 0, 0);
	}
	json_decref(word);
	return matches;
}

bool filter_type_matches(const struct filter *filter, const char *type)
{
	return !filter->type_glob || fnmatch(filter->type_glob, type, 0) == 0;
}

bool filter_site_matches(const struct filter *filter, const struct event_frame *frame)
{
	struct buf place = {0};
	const char *base = strrchr(frame->file, '/');
	bool matches;

	if (!filter->site_glob)
		return true;
	if (fnmatch(filter->site_glob, frame->func, 0) == 0)
		return true;
	buf_printf(&place, "%s:%u", frame->file, frame->line);
	matches = fnmatch(filter->site_glob, buf_cstr(&place), 0) == 0;
	buf_reset(&place);
	buf_printf(&place, "%s:%u", base ? base + 1 : frame->file, frame->line);
	matches = matches || fnmatch(filter->site_glob, buf_cstr(&place), 0) == 0;
	buf_fini(&place);
	return matches;
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
		buf_printf(to, "filter --key%s: in the kernel program for string, number, boolean "
			       "and pointer keys; after it for complex, struct, array and interface "
			       "keys\n", filter->key->prefix ? "-prefix" : "");
	if (filter->site_glob)
		buf_str(to, "filter --site: after the kernel program\n");
}
