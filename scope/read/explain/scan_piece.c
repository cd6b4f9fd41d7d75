/* Pieces of a line. A log may put several lines of a traceback into one line: in a string of JSON,
 * with escapes for tabs and ends of lines, or with only a blank or another separator between
 * them. */
#include "read/explain/scan_priv.h"

/* Returns the length of the backslashes at p and the letter of an escape after them. Returns 0 if
 * there is no escape for one of the letters. `code` has the last two digits of \u00XX, which means
 * the same. */
static size_t escape(const char *p, const char *end, const char *letters, const char *code)
{
	size_t n = 0;

	while (p + n < end && p[n] == '\\')
		n++;
	if (!n || p + n >= end)
		return 0;
	if (p[n] && strchr(letters, p[n]))
		return n + 1;
	return end - (p + n) >= 5 && !memcmp(p + n, "u00", 3) && !strncasecmp(p + n + 3, code, 2)
		       ? n + 5
		       : 0;
}

size_t scan_tab(const char *p, const char *end)
{
	if (end - p >= 4 && !memcmp(p, "#011", 4))
		return 4;
	return escape(p, end, "t", "09");
}

/* Returns the length of a terminal's control sequence at p, such as a colour. Returns 0 if there is
 * none. */
static size_t control(const char *p, const char *end)
{
	size_t n = 2;

	if (end - p < 3 || p[0] != '\x1b' || p[1] != '[')
		return 0;
	while (p + n < end && n < 32 &&
	       (is_digit(p[n]) || p[n] == ';' || p[n] == ':' || p[n] == '?'))
		n++;
	return p + n < end && (p[n] | 32) >= 'a' && (p[n] | 32) <= 'z' ? n + 1 : 0;
}

/* Returns the length of a mark at p that ends a piece: a quote, an escape for the end of a line (\n,
 * \r, #012), or a colour of the terminal. Returns 0 when there is none. */
static size_t mark(const char *p, const char *end)
{
	size_t n;

	if (*p == '"')
		return 1;
	if (end - p >= 4 && !memcmp(p, "#012", 4))
		return 4;
	if (*p == '\x1b')
		return control(p, end);
	n = escape(p, end, "nr\"", "0a");
	return n ? n : escape(p, end, "", "0d");
}

#define BETWEEN_MAX 12 /* bytes between a frame's arguments and the path of its file */

/* Tells whether a path begins shortly after p. */
static bool path_comes(const char *p, const char *end)
{
	for (unsigned i = 0; i < BETWEEN_MAX && p + i < end; i++) {
		if (p[i] == '/')
			return true;
		if (p[i] == '(' || p[i] == ')')
			return false;
	}
	return false;
}

/* Finds the end of a frame's first line whose last byte, or last word, begins at p: ")", or
 * "goroutine 7" of "created by". Its path follows. Returns NULL when there is none. */
static const char *name_end(const char *p, const char *end)
{
	static const char word[] = "goroutine ";
	size_t n = *p == ')' ? 1 : sizeof(word) - 1;

	if ((size_t)(end - p) <= n || (*p != ')' && memcmp(p, word, n) != 0))
		return NULL;
	while (*p != ')' && p + n < end && is_digit(p[n]))
		n++;
	return path_comes(p + n, end) ? p + n : NULL;
}

/* Finds the end of a frame's place, whose "+0x1d" begins at p. Returns NULL when there is none. */
static const char *place_end(const char *begin, const char *p, const char *end)
{
	size_t n = 3;

	if (p == begin || p[-1] != ' ' || end - p < 5 || memcmp(p, "+0x", 3) != 0)
		return NULL;
	while (p + n < end && hex_value(p[n]) >= 0)
		n++;
	if (n == 3 || end - (p + n) < 4 || (p[n] == ' ' && p[n + 3] == '=')) /* " fp=0x..." */
		return NULL;
	return p + n;
}

/* Bytes at which a piece may end. */
static const bool is_stop[256] = {
	['"'] = true, ['\\'] = true, ['#'] = true, ['\x1b'] = true,
	[')'] = true, ['+'] = true,  ['g'] = true,
};

/* Finds the end of the piece in which p is. Returns p when it does not end here. */
static const char *piece_end(const char *begin, const char *p, const char *end)
{
	const char *found = NULL;

	if (*p == ')' || *p == 'g')
		found = name_end(p, end);
	else if (*p == '+')
		found = place_end(begin, p, end);
	return found ? found : p;
}

bool scan_next_piece(struct scan_state *state, const char *line, size_t len)
{
	const char *end = line + len, *p = line + state->end, *begin;
	size_t skip;

	while (p < end && (skip = mark(p, end)))
		p += skip;
	for (begin = p; p < end; p++) {
		const char *stop;

		if (!is_stop[(unsigned char)*p])
			continue;
		stop = piece_end(begin, p, end);
		if (stop > p || mark(p, end)) {
			p = stop;
			break;
		}
	}
	state->at = (size_t)(begin - line);
	state->end = (size_t)(p - line);
	state->words = state->stack = false;
	return state->at < len;
}
