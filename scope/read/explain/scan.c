#include "read/explain/scan_priv.h"

/* Tells whether U+00A0 is before p. */
static bool is_hard_space(const char *begin, const char *p)
{
	return p - begin >= 2 && !memcmp(p - 2, "\xc2\xa0", 2);
}

/* Tells whether the byte at p continues a word that begins before it. The letter of an escape (such
 * as the t of \\t) begins no word. */
static bool is_part(const char *begin, const char *p)
{
	if (p == begin || !is_word(p[-1]) || is_hard_space(begin, p))
		return false;
	return !(p - begin >= 2 && p[-2] == '\\' && strchr("tnr", p[-1])) &&
	       !(p - begin >= 4 && (!memcmp(p - 4, "#011", 4) || !memcmp(p - 4, "#012", 4))) &&
	       !(p - begin >= 6 &&
		 (!memcmp(p - 6, "\\u0009", 6) || !strncasecmp(p - 6, "\\u000a", 6)));
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

/* Reads a frame of perf script: blanks, address, symbol, the file in parentheses. In a stack, the
 * innermost frame outside the kernel is where the program was. The others are return addresses. */
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

/* Finds the place of a frame in a text: "file:line +0x1d". Returns the position of " +0x", or
 * NULL. */
static const char *find_place(const char *text, size_t len)
{
	const char *plus = memmem(text, len, " +0x", 4), *p;

	for (p = plus; p && p > text && is_digit(p[-1]); p--)
		;
	return p && p < plus && p > text && p[-1] == ':' ? plus : NULL;
}

/* Tells whether the text between the parentheses can be the arguments in a traceback: hexadecimal
 * numbers with commas and braces, "_", "...", or nothing. */
static bool are_arguments(const char *p, const char *end)
{
	if (p < end && *p != '{' && *p != '_' && *p != '.' && end - p < 3)
		return false;
	for (; p < end; p++) {
		if (p[0] == '0' && end - p > 2 && p[1] == 'x') {
			for (p += 2; p + 1 < end && hex_value(p[1]) >= 0;)
				p++;
			continue;
		}
		if (!strchr(", {}?_.", *p))
			return false;
	}
	return true;
}

/* Tells whether p[-1] belongs to a prefix of a log line, and not to a name. */
static bool ends_prefix(const char *begin, const char *p)
{
	return is_blank(p[-1]) || is_hard_space(begin, p) || strchr("'|>=,;\\#+", p[-1]) ||
	       (p[-1] == ':' && p[0] != '.') || (p[-1] == ']' && p[0] != '.' && p[0] != '(');
}

#define SUFFIX_MAX 64 /* bytes that a log may append to a line */

/* Finds the name in "name(arguments)". Something may come after it. */
static const char *call_name(const char *piece, const char *end, size_t *ret_len,
			     const char **ret_begin)
{
	const char *close = memrchr(piece, ')', (size_t)(end - piece)), *paren, *name;

	if (!close || end - close > SUFFIX_MAX)
		return NULL;
	paren = memrchr(piece, '(', (size_t)(close - piece));
	if (!paren || paren == piece)
		return NULL;
	for (name = paren; name > piece && !ends_prefix(piece, name); name--)
		;
	if (name > piece && name[-1] == '\\' && *name == 't')
		name++;
	else if (name > piece && name[-1] == '\\' && !strncmp(name, "u0009", 5))
		name += 5;
	else if (name > piece && name[-1] == '#' && !strncmp(name, "011", 3))
		name += 3;
	*ret_len = (size_t)(paren - name);
	*ret_begin = name;
	if (!memchr(name, '.', *ret_len) && !(*ret_len == 5 && !memcmp(name, "panic", 5)))
		return NULL;
	return (name > piece || close + 1 < end) && !are_arguments(paren + 1, close) ? NULL : name;
}

/* Finds the name in the first line of a frame: "name(arguments)", "created by name", or "created by
 * name in goroutine 7". A prefix may come before it; *ret_begin is its end. Returns NULL when the
 * piece is no such line. */
static const char *frame_name(const char *piece, const char *end, size_t *ret_len,
			      const char **ret_begin)
{
	static const char created[] = "created by ";
	const char *name = memmem(piece, (size_t)(end - piece), created, sizeof(created) - 1);
	const char *space;

	*ret_begin = name;
	if (name && !is_part(piece, name)) {
		name += sizeof(created) - 1;
		while (end > name && is_blank(end[-1]))
			end--;
		space = memchr(name, ' ', (size_t)(end - name));
		if (space && (end - space < 14 || memcmp(space, " in goroutine ", 14) != 0))
			return NULL;
		*ret_len = (size_t)((space ? space : end) - name);
		return memchr(name, '.', *ret_len) ? name : NULL;
	}
	return call_name(piece, end, ret_len, ret_begin);
}

/* The place of a frame is searched up to this many bytes after the piece, in the same line. */
#define PLACE_NEAR 4096

/* Finds the beginning of the file's path that ends at `end`. It is after the last tab or escape for
 * a tab. If a log has removed the tab, it is after the last blank. *ret_prefix is the length of the
 * prefix before that tab or blank. */
static const char *path_begin(const char *piece, const char *end, size_t *ret_prefix)
{
	const char *begin = NULL, *blank = piece;

	for (const char *p = piece; p < end; p++) {
		size_t n = *p == '\t' ? 1 : scan_tab(p, end);

		if (n) {
			*ret_prefix = (size_t)(p - piece);
			begin = p + n;
		}
		if (is_blank(*p))
			blank = p + 1;
	}
	if (!begin)
		*ret_prefix = (size_t)(blank - piece);
	return begin ? begin : blank;
}

/* Tells whether the place of a frame with this prefix is in the next lines. The next frame with the
 * same prefix ends the search. */
static bool place_comes(const struct scan_text *text, const char *prefix, size_t prefix_len)
{
	const char *line = text->next, *end = text->next + text->next_len;

	for (unsigned i = 0; i < SCAN_LINES_AHEAD && line < end; i++) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *stop = newline ? newline : end, *begin = NULL;
		const char *place = find_place(line, (size_t)(stop - line));
		size_t len = 0;

		if (place && i == 0)
			return true;
		if (place)
			path_begin(line, place, &len);
		else if (frame_name(line, stop, &len, &begin))
			len = (size_t)(begin - line);
		if ((place || begin) && scan_same_source(prefix, prefix_len, line, len))
			return place != NULL;
		line = stop + 1;
	}
	return false;
}

/* Finds the name in the next piece as frame_name() does. A name counts only if its place follows,
 * in the same line or in one of the next. If the next line is not known yet, the name alone is
 * enough. */
static const char *piece_name(struct scan_state *state, const struct scan_text *text,
			      size_t *ret_len)
{
	size_t rest = text->len - state->end;
	const char *piece = text->line + state->at, *end = text->line + state->end, *begin;
	const char *name = frame_name(piece, end, ret_len, &begin);

	if (!name)
		return NULL;
	state->name_begin = (size_t)(begin - text->line);
	if (!text->next || (begin == piece && text->next_len && *text->next == '\t') ||
	    find_place(end, rest < PLACE_NEAR ? rest : PLACE_NEAR))
		return name;
	if (state->reversed && state->place_line + 1 == state->lines)
		return name;
	return place_comes(text, text->line, state->name_begin) ? name : NULL;
}

/* Finds the name that belongs to a place with this prefix if the newest line comes first: it is in the
 * next line. */
static const char *name_after(const struct scan_text *text, size_t prefix, size_t *ret_len)
{
	const char *newline, *end, *begin, *name;

	*ret_len = 0;
	if (!text->next)
		return NULL;
	newline = memchr(text->next, '\n', text->next_len);
	end = newline ? newline : text->next + text->next_len;
	name = frame_name(text->next, end, ret_len, &begin);
	if (name && scan_same_source(text->line, prefix, text->next, (size_t)(begin - text->next)))
		return name;
	*ret_len = 0;
	return NULL;
}

/* Reads the second line of a frame: "\\tfile:line +0x1d", perhaps followed by " fp=0x... sp=0x...
 * pc=0x...". */
static bool frame_place(struct scan_state *state, const struct scan_text *text,
			struct scan_hit *ret)
{
	const char *piece = text->line + state->at, *end = text->line + state->end;
	const char *plus = find_place(piece, state->end - state->at), *p, *path, *after;
	uint64_t number = 0, scale = 1;
	size_t n, prefix, after_len;
	bool named;

	if (!plus)
		return false;
	for (p = plus; p > piece && is_digit(p[-1]) && plus - p < 9; p--, scale *= 10)
		number += (uint64_t)(p[-1] - '0') * scale;
	n = hex_digits(plus + 4, end, &ret->value);
	if (p[-1] != ':' || !n || ret->value > INT32_MAX)
		return false;
	path = path_begin(piece, p - 1, &prefix);
	if (path == p - 1)
		return false;
	after = name_after(text, state->at + prefix, &after_len);
	named = state->name_len || scan_take(state, text->line, state->at + prefix);
	if (!named && !after)
		return false;
	state->reversed = after && (state->reversed || !named);
	state->place_line = state->lines;
	*ret = (struct scan_hit){
		.at = (size_t)(plus + 1 - text->line),
		.len = n + 3,
		.value = ret->value,
		.kind = SCAN_OFFSET,
		.func = state->reversed ? after : state->name,
		.func_len = state->reversed ? after_len : state->name_len,
		.other = state->reversed ? state->name : NULL,
		.other_len = state->reversed ? state->name_len : 0,
		.file = (size_t)(path - text->line),
		.file_len = (size_t)(p - 1 - path),
		.line = (uint32_t)number,
	};
	return true;
}

/* ---- anywhere ---- */

/* Reads a number at p that is "0x" and digits, and that is a word of its own. The length of the hit
 * is 0 when there is none. */
static struct scan_hit number_at(const char *line, const char *p, const char *end)
{
	struct scan_hit hit = {.at = (size_t)(p - line)};
	size_t digits;

	if (end - p < 3 || (p[1] | 32) != 'x' ||
	    (p > line && (is_part(line, p) || p[-1] == '+' || p[-1] == '-')))
		return hit;
	digits = hex_digits(p + 2, end, &hit.value);
	hit.len = digits ? digits + 2 : 0;
	return hit;
}

#define IP_DIGITS 4 /* a number with fewer digits is no address of a program */

/* Reads the digits after "ip " or "ip:" at p. The kernel prints the address of a signal this way
 * (arch/x86/mm/fault.c, show_signal_msg; arch/x86/kernel/traps.c, show_signal). The length of the
 * hit is 0 when there is none. */
static struct scan_hit ip_at(const char *line, const char *p, const char *end)
{
	struct scan_hit hit = {.at = 0};
	const char *digits = p + 3;

	if (end - p < 3 + IP_DIGITS || (p[2] != ' ' && p[2] != ':') ||
	    (is_part(line, p) && (p[-1] != 'r' || is_part(line, p - 1))))
		return hit;
	hit.at = (size_t)(digits - line);
	hit.len = hex_digits(digits, end, &hit.value);
	if (hit.len < IP_DIGITS)
		hit.len = 0;
	return hit;
}

/* Finds at most `max` words in the piece from state->at on, and moves state->at. A line in the text
 * of a profile gives a stack by its return addresses, "1 @ 0x43a2f6 0x44c8b2" (Go:
 * runtime/pprof/pprof.go, printCountProfile, writeHeapInternal). */
static size_t scan_words(struct scan_state *state, const char *line, struct scan_hit ret[],
			 size_t max)
{
	const char *p = line + state->at, *end = line + state->end;
	const char *ip = memmem(p, (size_t)(end - p), "ip", 2);
	size_t n = 0;

	while (n < max && p < end) {
		const char *zero = memchr(p, '0', (size_t)(end - p));
		bool is_ip = ip && (!zero || ip < zero);
		const char *at = is_ip ? ip : zero;
		struct scan_hit hit;

		if (!at)
			break;
		hit = is_ip ? ip_at(line, at, end) : number_at(line, at, end);
		if (!is_ip)
			state->stack =
				state->stack || (at - line >= 3 && end - at >= 3 &&
						 (at[1] | 32) == 'x' && !memcmp(at - 3, " @ ", 3));
		hit.kind = state->stack ? SCAN_RETURN : SCAN_PLAIN;
		p = hit.len ? line + hit.at + hit.len : at + 1;
		if (hit.len)
			ret[n++] = hit;
		if (ip && ip < p)
			ip = memmem(p, (size_t)(end - p), "ip", 2);
	}
	state->at = n < max ? state->end : (size_t)(p - line);
	return n;
}

/* The most hits in the place of a frame: the offset, and some words "pc=0x...". */
#define PLACE_HITS 4

/* Takes the place of the frame whose name was read before: its offset and its pc. Both lead to the
 * same address. Returns the number of hits, or 0 when the piece is no place. */
static size_t scan_place(struct scan_state *state, const struct scan_text *text,
			 struct scan_hit ret[PLACE_HITS])
{
	struct scan_hit word;
	size_t n = 1;

	if (!frame_place(state, text, &ret[0]))
		return 0;
	state->at = ret[0].at + ret[0].len;
	while (n < PLACE_HITS && scan_words(state, text->line, &word, 1)) {
		if (word.at < ret[0].at + ret[0].len + 4 ||
		    memcmp(text->line + word.at - 4, " pc=", 4) != 0)
			continue;
		ret[n] = ret[0];
		ret[n].kind = SCAN_FRAME;
		ret[n].at = word.at;
		ret[n].len = word.len;
		ret[n++].value = word.value;
	}
	state->name_len = 0;
	return n;
}

size_t scan_line_more(struct scan_state *state, const struct scan_text *text,
		      struct scan_hit ret[SCAN_HITS_MAX])
{
	size_t n = 0, found, len;
	const char *name;

	while (n + PLACE_HITS <= SCAN_HITS_MAX) {
		if (state->at == state->end && !scan_next_piece(state, text->line, text->len)) {
			if (state->name_len)
				scan_wait(state, state->name, state->name_len, text->line,
					  state->name_begin);
			state->name_len = 0;
			return n;
		}
		found = state->words ? 0 : scan_place(state, text, ret + n);
		name = found || state->words ? NULL : piece_name(state, text, &len);
		if (name) {
			state->name = name;
			state->name_len = len;
		}
		if (found || name) {
			state->at = state->end;
		} else {
			state->words = true;
			found = scan_words(state, text->line, ret + n, SCAN_HITS_MAX - n);
		}
		n += found;
	}
	return n;
}

size_t scan_line(struct scan_state *state, const struct scan_text *text,
		 struct scan_hit ret[SCAN_HITS_MAX])
{
	bool cr = text->len && text->line[text->len - 1] == '\r';
	size_t n = scan_perf(state, text->line, text->len - cr, ret);

	state->at = state->end = 0;
	state->words = state->stack = false;
	state->name_len = 0;
	state->taken = NULL;
	state->lines++;
	if (!n)
		n = scan_bare(text->line, text->len, ret);
	if (!n)
		return scan_line_more(state, text, ret);
	state->at = state->end = text->len;
	return n;
}
