/* The frames of a traceback whose place has not been read yet. In a log other lines may be between
 * the two lines of a frame: those of other programs, of other pods, or of the same container's
 * other stream. A place belongs to the last name that was seen after the same prefix. */
#include "read/explain/scan_priv.h"

/* ---- prefixes ---- */

static bool ends_word(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '"' || c == '\'' || c == ',' ||
	       c == '=' || c == '\x1b';
}

static bool is_letter(char c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

/* Skips a terminal's colour at p, "\x1b[36m". Returns the position after it. */
static const char *skip_color(const char *p, const char *end)
{
	if (end - p < 2 || p[0] != '\x1b' || p[1] != '[')
		return p + 1;
	for (p += 2; p < end && !is_letter(*p); p++)
		;
	return p < end ? p + 1 : end;
}

/* Tells whether a word begins with a digit, perhaps in brackets, as times and numbers of lines do. */
static bool is_number(const char *word, const char *end)
{
	while (word < end && strchr("[(<{:", *word))
		word++;
	return word < end && is_digit(*word);
}

/* Tells whether a word is a member of journald's JSON that differs in each line, as "__CURSOR". */
static bool is_cursor(const char *word, const char *end)
{
	return end - word > 2 && word[0] == '_' && word[1] == '_';
}

/* Skips the value of a member of JSON, whose name ends at p: '": "..."'. Returns what follows it. */
static const char *skip_value(const char *p, const char *end)
{
	for (unsigned quotes = 0; p < end && quotes < 3; p++)
		quotes += *p == '"';
	return p;
}

/* Finds the next word that is the same in every line of one source. Returns its length, or 0 at the
 * end. */
static size_t next_word(const char **p, const char *end)
{
	const char *word, *at = *p;

	for (;;) {
		while (at < end && ends_word(*at))
			at = *at == '\x1b' ? skip_color(at, end) : at + 1;
		for (word = at; at < end && !ends_word(*at); at++)
			;
		if (is_cursor(word, at) && at < end && *at == '"')
			at = skip_value(at, end);
		else if (!is_number(word, at))
			break;
	}
	*p = word;
	return (size_t)(at - word);
}

bool scan_same_source(const char *a, size_t a_len, const char *b, size_t b_len)
{
	const char *a_end = a + a_len, *b_end = b + b_len;

	for (;;) {
		size_t n = next_word(&a, a_end);

		if (next_word(&b, b_end) != n || memcmp(a, b, n) != 0)
			return false;
		if (!n)
			return true;
		a += n;
		b += n;
	}
}

/* ---- names that wait ---- */

void scan_wait(struct scan_state *state, const char *name, size_t len, const char *prefix,
	       size_t prefix_len)
{
	struct scan_waiting *to = &state->waiting[state->turn];

	for (unsigned i = 0; i < SCAN_WAITING_MAX; i++) {
		struct scan_waiting *at = &state->waiting[i];

		if (at->len && scan_same_source(at->prefix, at->prefix_len, prefix, prefix_len))
			at->len = 0; /* its place has not been found */
	}
	/* The hits of this line may still refer to the name that was taken last. */
	if (to == state->taken) {
		state->turn = (state->turn + 1) % SCAN_WAITING_MAX;
		to = &state->waiting[state->turn];
	}
	if (len > sizeof(to->name) || prefix_len > sizeof(to->prefix))
		return;
	memcpy(to->name, name, len);
	memcpy(to->prefix, prefix, prefix_len);
	to->len = len;
	to->prefix_len = prefix_len;
	to->line = state->lines;
	state->turn = (state->turn + 1) % SCAN_WAITING_MAX;
}

/* Finds the latest name, at most `lines` before, that comes from one source with the prefix. With
 * prefix NULL, any source counts. */
static struct scan_waiting *newest(struct scan_state *state, uint64_t lines, const char *prefix,
				   size_t prefix_len)
{
	struct scan_waiting *found = NULL;

	for (unsigned i = 0; i < SCAN_WAITING_MAX; i++) {
		struct scan_waiting *at = &state->waiting[i];

		if (at->len && state->lines - at->line <= lines &&
		    (!found || at->line > found->line) &&
		    (!prefix || scan_same_source(at->prefix, at->prefix_len, prefix, prefix_len)))
			found = at;
	}
	return found;
}

bool scan_take(struct scan_state *state, const char *prefix, size_t prefix_len)
{
	struct scan_waiting *found = newest(state, SCAN_LINES_AHEAD, prefix, prefix_len);

	if (!found) /* a prefix may be different in each line */
		found = newest(state, 1, NULL, 0);
	if (!found)
		return false;
	state->name = found->name;
	state->name_len = found->len;
	state->taken = found;
	found->len = 0;
	return true;
}
