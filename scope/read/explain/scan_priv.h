/* Common functions of the search for addresses, inside explain/.
 */
#ifndef READ_EXPLAIN_SCAN_PRIV_H
#define READ_EXPLAIN_SCAN_PRIV_H

#include "read/explain/scan.h"

#include <string.h>

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Returns the value of a hexadecimal digit, or -1 for any other character. */
static inline int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Tells whether c is part of a word. A number beside such a character is not a word of its own. */
static inline bool is_word(char c)
{
	return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || (c & 0x80);
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Reads the hexadecimal digits at p. Returns their number (1 to 16), or 0 when there are none, or
 * too many, or they are part of a word. */
static inline size_t hex_digits(const char *p, const char *end, uint64_t *ret)
{
	uint64_t value = 0;
	size_t n = 0;

	for (; p + n < end && hex_value(p[n]) >= 0; n++)
		value = value << 4 | (uint64_t)hex_value(p[n]);
	if (n < 1 || n > 16 || (p + n < end && is_word(p[n])))
		return 0;
	*ret = value;
	return n;
}

/* Returns the length of an escape for a tab at p: \t and \u0009 in JSON, with more backslashes in JSON
 * within JSON, #011 in rsyslog. Returns 0 when there is none. */
size_t scan_tab(const char *p, const char *end);
/* Finds the next piece of the line and sets state->at and state->end to its bounds. Returns false
 * at the end of the line. */
bool scan_next_piece(struct scan_state *state, const char *line, size_t len);

/* Tells whether two prefixes of lines come from one source. Their words must be equal, except words
 * that begin with a digit, such as times. */
bool scan_same_source(const char *a, size_t a_len, const char *b, size_t b_len);

/* Keeps the name of a frame whose place should come in one of the next SCAN_LINES_AHEAD lines.
 * `prefix` is the text before the frame in its line. A name that is too long is not kept. */
void scan_wait(struct scan_state *state, const char *name, size_t len, const char *prefix,
	       size_t prefix_len);
/* Takes the name that belongs to a place after this prefix, as state->name. Returns false if there
 * is none. The name remains valid until the next line. */
bool scan_take(struct scan_state *state, const char *prefix, size_t prefix_len);

#endif
