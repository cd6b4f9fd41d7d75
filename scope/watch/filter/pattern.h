/* The parsed --key pattern, for the files of this room. */
#ifndef WATCH_FILTER_PATTERN_H
#define WATCH_FILTER_PATTERN_H

#include "watch/filter/filter.h"
#include "base/buf_type.h"

#include <jansson.h>

struct filter_key {
	char *text;	  /* as given */
	json_t *json;	  /* a string, object or array; NULL for a bare word */
	struct buf bytes; /* of {"bytes":"hex"} */
	bool is_bytes;
	bool prefix;
};

/* The pattern of one value: JSON or a bare word. A bare word is possible only for the key itself,
 * and for the value of an interface key. */
struct key_pattern {
	const json_t *json; /* NULL if it is a word */
	const char *word;
};

/* The bytes that a string is compared with. */
struct pattern_text {
	const char *p;
	size_t len; /* bytes */
	bool hex;   /* p has two hexadecimal digits for each byte */
};

/* A number. It may be both integer and float: 42 is compared with either. */
struct pattern_number {
	uint64_t magnitude;
	double f;
	bool is_integer, is_float;
	bool negative; /* of an integer; false for 0 */
};

struct key_pattern pattern_of(const struct filter_key *key);

/* Read the pattern as one kind of value. They return false if the pattern is not of that kind. */
bool pattern_as_text(const struct key_pattern *want, struct pattern_text *ret);
bool pattern_as_number(const struct key_pattern *want, struct pattern_number *ret);
bool pattern_as_address(const struct key_pattern *want, uint64_t *ret); /* 0x..., perhaps quoted */
bool pattern_as_bool(const struct key_pattern *want, bool *ret);

/* Returns true if the text, which has n bytes or more, begins with these n bytes. */
bool pattern_text_begins(const struct pattern_text *text, const char *bytes, size_t n);
bool pattern_integer_fits(const struct pattern_number *number, bool is_signed, unsigned bits);
/* Converts to float32. Returns false if no float32 is near: 1e300 does not become infinity, 1e-60
 * does not become 0. */
bool pattern_float_narrow(double f, float *ret);

#endif
