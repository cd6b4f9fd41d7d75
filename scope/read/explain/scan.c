#include "read/explain/scan.h"

#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* -1: none */
static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Part of a word: a number beside one of these is a piece of something else. */
static bool is_word(char c)
{
	return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || (c & 0x80);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The hexadecimal digits at p: how many (1 to 16, else 0). */
static size_t hex_digits(const char *p, const char *end, uint64_t *ret)
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

/* ---- a line that is an address ---- */

static size_t scan_bare(const char *line, size_t len, struct scan_hit *ret)
{
	const char *p = line, *end = line + len;
	size_t n, prefix;

	while (p < end && is_blank(*p))
		p++;
	while (end > p && is_blank(end[-1]))
		end--;
	prefix = end - p > 2 && p[0] == '0' && (p[1] | 32) == 'x' ? 2 : 0;
	n = hex_digits(p + prefix, end, &ret->value);
	if (!n || p + prefix + n != end)
		return 0;
	ret->at = (size_t)(p - line);
	ret->len = prefix + n;
	ret->kind = SCAN_PLAIN;
	return 1;
}

/* perf script's frames: blank, address, symbol, the file in brackets. The innermost of a sample
 * that is not the kernel's is where the program was, the others are where calls return to. */
static size_t scan_perf(struct scan_state *state, const char *line, size_t len,
			struct scan_hit *ret)
{
	const char *p = line, *end = line + len, *dso = NULL, *plus;
	uint64_t value;
	size_t n;

	while (p < end && is_blank(*p))
		p++;
	n = hex_digits(p, end, &value);
	if (p > line && n >= 4 && p + n < end && p[n] == ' ' && end[-1] == ')')
		dso = memrchr(p + n, '(', (size_t)(end - p) - n);
	if (!dso) {
		state->perf = false;
		return 0;
	}
	*ret = (struct scan_hit){
		.at = (size_t)(p - line),
		.len = n,
		.value = value,
		.kind = SCAN_PERF,
		.returns = state->perf,
		.dso = (size_t)(dso + 1 - line),
		.dso_len = (size_t)(end - 1 - (dso + 1)),
		.offset = UINT64_MAX,
	};
	plus = memrchr(p + n, '+', (size_t)(dso - p) - n);
	if (plus && dso - plus > 4 && plus[1] == '0' && plus[2] == 'x' &&
	    hex_digits(plus + 3, dso, &value))
		ret->offset = value;
	state->perf = state->perf || !(ret->value >> 63);
	return 1;
}

/* ---- Go tracebacks (Go: runtime/traceback.go, traceback2, printcreatedby1) ---- */

/* The first line of a frame: "name(arguments)", or "created by name", "created by name in goroutine
 * 7". The name, or NULL. */
static const char *frame_name(const char *line, size_t len, char next, size_t *ret_len)
{
	static const char created[] = "created by ";
	const char *end = line + len, *paren, *space;

	if (next && next != '\t')
		return NULL;
	if (len > sizeof(created) - 1 && !memcmp(line, created, sizeof(created) - 1)) {
		line += sizeof(created) - 1;
		space = memmem(line, (size_t)(end - line), " in goroutine ", 14);
		*ret_len = (size_t)((space ? space : end) - line);
		return line;
	}
	if (!len || end[-1] != ')' || is_blank(*line))
		return NULL;
	paren = memrchr(line, '(', len);
	if (!paren || paren == line || memchr(line, ' ', (size_t)(paren - line)))
		return NULL;
	*ret_len = (size_t)(paren - line);
	if (!memchr(line, '.', *ret_len) && !(*ret_len == 5 && !memcmp(line, "panic", 5)))
		return NULL;
	return line;
}

/* The second line: "\tfile:line +0x1d", perhaps with " fp=0x... sp=0x... pc=0x..." behind it. */
static bool frame_place(const struct scan_state *state, const char *line, size_t len,
			struct scan_hit *ret)
{
	const char *end = line + len, *plus = memmem(line, len, " +0x", 4), *p;
	uint64_t number = 0, scale = 1;
	size_t n;

	if (!state->func_len || !len || *line != '\t' || !plus)
		return false;
	for (p = plus; p > line && is_digit(p[-1]) && plus - p < 9; p--, scale *= 10)
		number += (uint64_t)(p[-1] - '0') * scale;
	n = hex_digits(plus + 4, end, &ret->value);
	if (p == plus || p[-1] != ':' || p - 2 <= line || !n || ret->value > INT32_MAX)
		return false;
	*ret = (struct scan_hit){
		.at = (size_t)(plus + 1 - line),
		.len = n + 3,
		.value = ret->value,
		.kind = SCAN_OFFSET,
		.func = state->func,
		.func_len = state->func_len,
		.file = 1,
		.file_len = (size_t)(p - 1 - (line + 1)),
		.line = (uint32_t)number,
	};
	return true;
}

/* ---- anywhere ---- */

/* A line of a profile's text names a stack by what its calls return to, "1 @ 0x43a2f6 0x44c8b2"
 * (Go: runtime/pprof/pprof.go, printCountProfile, writeHeapInternal). */
static size_t scan_words(const char *line, size_t len, size_t from, struct scan_hit ret[])
{
	const char *p = line + from, *end = line + len;
	bool stack = false;
	size_t n = 0, digits;

	while (n < SCAN_HITS_MAX && p < end && (p = memchr(p, '0', (size_t)(end - p)))) {
		const char *at = p++;
		uint64_t value;

		if (end - at < 3 || (at[1] | 32) != 'x' ||
		    (at > line && (is_word(at[-1]) || at[-1] == '+' || at[-1] == '-')))
			continue;
		stack = stack || (at - line >= 3 && !memcmp(at - 3, " @ ", 3));
		digits = hex_digits(at + 2, end, &value);
		if (!digits)
			continue;
		ret[n++] = (struct scan_hit){
			.at = (size_t)(at - line),
			.len = digits + 2,
			.value = value,
			.kind = stack ? SCAN_RETURN : SCAN_PLAIN,
		};
		p = at + 2 + digits;
	}
	return n;
}

/* The fp, sp and pc of a frame: the pc is one more way to say what the offset says. */
static size_t scan_frame(const struct scan_state *state, const char *line, size_t len,
			 struct scan_hit ret[])
{
	struct scan_hit offset, words[SCAN_HITS_MAX];
	size_t n, words_n;

	if (!frame_place(state, line, len, &offset))
		return 0;
	ret[0] = offset;
	n = 1;
	words_n = scan_words(line, len, 0, words);
	for (size_t i = 0; i < words_n && n < SCAN_HITS_MAX; i++) {
		if (words[i].at < offset.at + offset.len + 4 ||
		    memcmp(line + words[i].at - 4, " pc=", 4) != 0)
			continue;
		ret[n] = offset;
		ret[n].kind = SCAN_FRAME;
		ret[n].at = words[i].at;
		ret[n].len = words[i].len;
		ret[n++].value = words[i].value;
	}
	return n;
}

size_t scan_line(struct scan_state *state, const char *line, size_t len, char next,
		 struct scan_hit ret[SCAN_HITS_MAX])
{
	size_t n, func_len = 0;
	const char *func;

	if (len && line[len - 1] == '\r')
		len--;
	n = scan_perf(state, line, len, ret);
	if (!n)
		n = scan_bare(line, len, ret);
	if (!n)
		n = scan_frame(state, line, len, ret);
	if (n) {
		state->func_len = 0;
		return n;
	}
	func = frame_name(line, len, next, &func_len);
	state->func_len = func && func_len < sizeof(state->func) ? func_len : 0;
	if (state->func_len)
		memcpy(state->func, func, func_len);
	return func ? 0 : scan_words(line, len, 0, ret);
}

size_t scan_line_more(const char *line, size_t len, const struct scan_hit *last,
		      struct scan_hit ret[SCAN_HITS_MAX])
{
	enum scan_kind kind = last->kind;
	size_t n;

	if (kind != SCAN_PLAIN && kind != SCAN_RETURN)
		return 0;
	n = scan_words(line, len, last->at + last->len, ret);
	for (size_t i = 0; i < n && kind == SCAN_RETURN; i++)
		ret[i].kind = kind;
	return n;
}
