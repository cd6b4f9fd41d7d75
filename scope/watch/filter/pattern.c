#include "base/buf.h"
#include "base/text/text.h"
#include "watch/filter/pattern.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>

/* ---- texts ---- */

/* Reads {"bytes":"hex"}, the form in which events show a string that is not UTF-8. */
static bool pattern_json_bytes(const json_t *json, struct pattern_text *ret)
{
	const json_t *bytes = json_object_get(json, "bytes");
	size_t digits;

	if (!json_is_string(bytes) || json_object_size(json) != 1)
		return false;
	digits = json_string_length(bytes);
	*ret = (struct pattern_text){json_string_value(bytes), digits / 2, true};
	return digits % 2 == 0 && strspn(ret->p, "0123456789abcdefABCDEF") == digits;
}

bool pattern_as_text(const struct key_pattern *want, struct pattern_text *ret)
{
	if (!want->json)
		*ret = (struct pattern_text){want->word, strlen(want->word), false};
	else if (json_is_string(want->json))
		*ret = (struct pattern_text){json_string_value(want->json),
					     json_string_length(want->json), false};
	else
		return pattern_json_bytes(want->json, ret);
	return true;
}

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);
}

static char pattern_text_byte(const struct pattern_text *text, size_t i)
{
	return text->hex ? (char)(hex_digit(text->p[2 * i]) << 4 | hex_digit(text->p[2 * i + 1]))
			 : text->p[i];
}

bool pattern_text_begins(const struct pattern_text *text, const char *bytes, size_t n)
{
	if (!text->hex)
		return !n || !memcmp(text->p, bytes, n);
	for (size_t i = 0; i < n; i++)
		if (pattern_text_byte(text, i) != bytes[i])
			return false;
	return true;
}

/* ---- numbers ---- */

/* Events show larger numbers as strings, because readers that only have doubles would change
 * them. */
#define EXACT_MAX (1ull << 53)

/* Reads a decimal integer (010 is ten) or 0x and hexadecimal digits, up to the end of the text. It
 * reads the text, because a number in JSON ends at 2^63. */
static bool parse_integer(const char *text, struct pattern_number *ret)
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

/* Reads a decimal number, or one of the three names that events show in quotes. strtod() alone
 * would also accept leading space, "infinity" and hexadecimal, and would turn a number that is too
 * large into infinity. */
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

static bool parse_number(const char *text, struct pattern_number *ret)
{
	ret->is_integer = parse_integer(text, ret);
	ret->is_float = parse_float(text, &ret->f);
	return ret->is_integer || ret->is_float;
}

/* Reads a number from a JSON string. Returns false if events would show that number without
 * quotes. */
static bool parse_quoted_number(const json_t *json, struct pattern_number *ret)
{
	const char *text = json_string_value(json);

	if (strlen(text) != json_string_length(json) || !parse_number(text, ret))
		return false;
	ret->is_integer &= ret->magnitude > EXACT_MAX && !strchr(text, 'x');
	ret->is_float &= !(fabs(ret->f) <= (double)EXACT_MAX); /* also for NaN */
	return ret->is_integer || ret->is_float;
}

bool pattern_as_number(const struct key_pattern *want, struct pattern_number *ret)
{
	*ret = (struct pattern_number){0};
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

bool pattern_as_address(const struct key_pattern *want, uint64_t *ret)
{
	const char *text = want->json ? json_string_value(want->json) : want->word;
	struct pattern_number number;

	if (!text || strncmp(text, "0x", 2) != 0 || !parse_integer(text, &number) ||
	    (want->json && strlen(text) != json_string_length(want->json)))
		return false;
	*ret = number.magnitude;
	return true;
}

bool pattern_as_bool(const struct key_pattern *want, bool *ret)
{
	*ret = want->json ? json_is_true(want->json) : !strcmp(want->word, "true");
	return want->json ? json_is_boolean(want->json) : *ret || !strcmp(want->word, "false");
}

bool pattern_integer_fits(const struct pattern_number *number, bool is_signed, unsigned bits)
{
	uint64_t max = ~0ull >> (64 - bits);

	if (is_signed)
		return number->magnitude <= max / 2 + number->negative;
	return !number->negative && number->magnitude <= max;
}

bool pattern_float_narrow(double f, float *ret)
{
	*ret = (float)f;
	return isinf(*ret) ? isinf(f) : *ret != 0 || f == 0;
}

/* ---- setting ---- */

struct key_pattern pattern_of(const struct filter_key *key)
{
	return (struct key_pattern){key->json, key->text};
}

/* Checks the length of a string pattern. Other patterns have no limit, because only strings are
 * compared by engines. */
static struct error *check_length(const struct filter_key *key)
{
	size_t len;
	bool prefix;

	if (!filter_key_string(key, &len, &prefix) || len <= FILTER_TEXT_MAX)
		return NULL;
	return error_new(ERROR_USAGE, "%s: longer than %d bytes%s",
			 prefix ? "--key-prefix" : "--key", FILTER_TEXT_MAX,
			 prefix ? "" : "; use --key-prefix");
}

/* Parses strings, objects and arrays. Numbers, true, false and null stay words, because their
 * meaning depends on the type of the key. */
static struct error *read_json(struct filter_key *key)
{
	json_error_t why;
	struct pattern_text bytes;

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
	if (pattern_json_bytes(key->json, &bytes)) {
		key->is_bytes = true;
		for (size_t i = 0; i < bytes.len; i++)
			buf_char(&key->bytes, pattern_text_byte(&bytes, i));
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
	if (*to)
		return error_new(ERROR_USAGE, "%s can be given only once", option);
	return glob_new(option, text, to);
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

const char *filter_key_option(const struct filter_key *key)
{
	return key->prefix ? "--key-prefix" : "--key";
}

const char *filter_key_text(const struct filter_key *key)
{
	return key->text;
}

const char *filter_key_string(const struct filter_key *key, size_t *ret_len, bool *ret_prefix)
{
	struct key_pattern want = pattern_of(key);
	struct pattern_text text;

	*ret_prefix = key->prefix;
	if (key->is_bytes) {
		*ret_len = key->bytes.len;
		return key->bytes.len ? key->bytes.data : "";
	}
	if (!pattern_as_text(&want, &text))
		return NULL;
	*ret_len = text.len;
	return text.p;
}
