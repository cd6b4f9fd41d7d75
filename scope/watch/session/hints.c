/* Reports filters that can match nothing in this program. That is no error, because plugins and
 * package reflect may add types and functions that the file does not have. */
#include "watch/session/session_priv.h"
#include "base/frame.h"
#include "base/path.h"
#include "base/buf.h"

#include "base/text/text.h"
#include "read/site/site.h"

/* Words of the program. The user may have meant one of them. */
struct candidates {
	VEC(const char *) words; /* owned strings; a NULL follows once the list is complete */
	VEC(const char *) shown; /* owned strings: the text to show for each word */
	bool nomem;
};

/* words of one kind that are kept at most */
#define WORDS_MAX 100000

static void candidates_fini(struct candidates *c)
{
	vec_each(word, &c->words)
		free((char *)*word);
	vec_each(shown, &c->shown)
		free((char *)*shown);
	vec_fini(&c->words);
	vec_fini(&c->shown);
}

static void add_candidate(struct candidates *c, const char *word, size_t len, const char *shown)
{
	char *copy = NULL, *name = NULL;

	if (!len || c->nomem || c->words.len >= WORDS_MAX)
		return;
	copy = strndup(word, len);
	name = strdup(shown);
	if (copy && name && vec_reserve(&c->words, c->words.len + 1) &&
	    vec_reserve(&c->shown, c->shown.len + 1)) {
		c->words.data[c->words.len++] = copy;
		c->shown.data[c->shown.len++] = name;
		return;
	}
	free(copy);
	free(name);
	c->nomem = true;
}

/* Appends the pattern without its backslashes. With `bare`, also leaves out the wildcards at its
 * ends. */
static void put_pattern(struct buf *to, const char *glob, bool bare)
{
	size_t len = strlen(glob);

	for (size_t i = 0; i < len; i++) {
		if (glob[i] == '\\' && glob[i + 1])
			i++;
		else if (bare && glob[i] == '*' && (!to->len || i + 1 == len))
			continue;
		buf_char(to, glob[i]);
	}
}

/* Returns the text to show for the word that is nearest to the text, or NULL. The word with the
 * fewest mistakes is chosen. If every word has too many, a word with the same beginning is
 * taken. */
static const char *nearest_shown(struct candidates *c, const char *text, size_t len)
{
	unsigned best = nearest_limit(len) + 1;
	const char *found = NULL, *shown = NULL;

	for (size_t i = 0; i < c->words.len; i++) {
		const char *word = c->words.data[i];
		unsigned mistakes = nearest_distance(text, len, word, strlen(word), best - 1);

		if (mistakes < best) {
			best = mistakes;
			shown = c->shown.data[i];
		}
	}
	if (shown || c->nomem || !vec_push(&c->words, NULL))
		return shown;
	found = nearest_word(text, len, c->words.data);
	for (size_t i = 0; found && i < c->shown.len; i++)
		if (c->words.data[i] == found)
			return c->shown.data[i];
	return NULL;
}

/* Reports that nothing matches, and names the nearest candidate if there is one. */
static void tell_nothing(struct session *session, const char *option, const char *glob,
			 const char *what, struct candidates *c)
{
	cleanup_buf struct buf given = {0}, bare = {0};
	const char *near;

	put_pattern(&given, glob, false);
	put_pattern(&bare, glob, true);
	near = nearest_shown(c, buf_cstr(&bare), bare.len);
	session_notice(session, SESSION_INFO, "%s %s: matches no %s in %s%s%s%s", option,
		       buf_cstr(&given), what, image_name(session->image),
		       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* ---- --type and --key ---- */

struct type_scan {
	struct session *session;
	const struct gotypes *types;
	struct candidates names;
	struct buf name;
	bool matches;	 /* a map type matches --type */
	bool key_equals; /* and keys of such a map could equal --key */
};

static bool on_map_type(void *ctx, const struct gotype *type)
{
	const struct filter *filter = ((struct type_scan *)ctx)->session->options.filter;
	struct type_scan *scan = ctx;
	struct key_test test;

	buf_reset(&scan->name);
	if (!gotype_name_whole(scan->types, type->addr, &scan->name)) {
		scan->matches = scan->key_equals = true; /* it may match anything */
		return false;
	}
	if (!filter_type_matches(filter, buf_cstr(&scan->name))) {
		add_candidate(&scan->names, buf_cstr(&scan->name), scan->name.len,
			      buf_cstr(&scan->name));
		return true;
	}
	scan->matches = true;
	filter_key_test(filter, scan->types, type->key, &test);
	scan->key_equals |= test.how != KEY_TEST_NEVER;
	return !scan->key_equals;
}

/* Adds sync.Map, which is no map type of the file. Its keys may be anything. */
static void scan_sync_map(struct type_scan *scan)
{
	const struct filter *filter = scan->session->options.filter;
	bool matches = filter_type_matches(filter, GO_SYNC_MAP);

	if (!scan->session->placements.sync_map)
		return;
	if (!matches)
		add_candidate(&scan->names, GO_SYNC_MAP, strlen(GO_SYNC_MAP), GO_SYNC_MAP);
	scan->matches |= matches;
	scan->key_equals |= matches;
}

static void hint_types(struct session *session)
{
	const struct filter *filter = session->options.filter;
	struct gotypes types = {.tab = session->tab, .image = session->image};
	struct type_scan scan = {.session = session, .types = &types};

	if (!filter->type_glob && !filter->key)
		return;
	gotype_scan(&types, 1u << GOTYPE_MAP, on_map_type, &scan);
	scan_sync_map(&scan);
	if (!scan.matches && filter->type_glob)
		tell_nothing(session, "--type", filter->type_glob, "map type", &scan.names);
	else if (!scan.key_equals && filter->key)
		session_notice(
			session, SESSION_INFO, "%s %s: no map%s in %s has keys that could equal it",
			filter_key_option(filter->key), filter_key_text(filter->key),
			filter->type_glob ? " of that type" : "", image_name(session->image));
	buf_fini(&scan.name);
	candidates_fini(&scan.names);
}

/* ---- --site ---- */

/* Adds the words for a frame: the function, its name without the path and without the package, its
 * file, and its line. */
static void add_place(struct candidates *c, const struct frame *frame)
{
	const char *base = path_base(frame->file);
	const char *func = path_base(frame->func);
	const char *last = strrchr(frame->func, '.');
	struct buf place = {0};

	text_place_raw(&place, frame);
	add_candidate(c, frame->func, strlen(frame->func), frame->func);
	add_candidate(c, func, strlen(func), frame->func);
	if (last)
		add_candidate(c, last + 1, strlen(last + 1), frame->func);
	add_candidate(c, buf_cstr(&place), place.len, buf_cstr(&place));
	add_candidate(c, base, strlen(base), buf_cstr(&place));
	buf_fini(&place);
}

static bool row_matches(const struct filter *filter, const struct site_row *row)
{
	return filter_site_matches(filter, row->frames, row->frames_n);
}

static struct error *hint_site(struct session *session)
{
	const struct filter *filter = session->options.filter;
	struct candidates names = {0};
	bool matches = false;
	struct sites sites;

	if (!filter->site_glob)
		return NULL;
	try(site_find(session->image, session->tab, &sites));
	vec_each(row, &sites.list)
		matches |= row_matches(filter, row);
	if (!matches) {
		vec_each(row, &sites.list)
			for (size_t i = 0; i < row->frames_n; i++)
				add_place(&names, &row->frames[i]);
		tell_nothing(session, "--site", filter->site_glob, "function or line with a delete",
			     &names);
	}
	candidates_fini(&names);
	site_fini(&sites);
	return NULL;
}

void hint_filters(struct session *session)
{
	hint_types(session);
	/* A file in which no sites can be found may still be traced. */
	error_free(hint_site(session));
}
