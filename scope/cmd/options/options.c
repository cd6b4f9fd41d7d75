#include "cmd/options/options.h"
#include "base/text/text.h"
#include "base/buf.h"

#include <ctype.h>

#define OPTIONS_MAX 64

/* The state of reading a command line. */
struct parser {
	const struct verb_spec *verb;
	int argc, i; /* argv[i] is the current word */
	char **argv;
	void *options;
	uint64_t given; /* one bit for each row of the table */
	int words;	/* operands so far; they are moved to argv[1] and after it */
	bool done;	/* OPTION_HELP was read, or the options have ended */
	struct error *(*took)(void *ctx, const struct option_spec *option, const char *text);
	void *took_ctx;
};

static const char *program_of(const struct verb_spec *verb)
{
	return verb->program ? verb->program : "tophash";
}

static struct error *usage(const struct parser *parser, const char *text, const char *what)
{
	return error_new(ERROR_USAGE, "%s %s (try %s %s --help)", text, what,
			 program_of(parser->verb), parser->verb->name);
}

static bool takes_value(const struct option_spec *option)
{
	return option->kind != OPTION_FLAG && option->kind != OPTION_HELP;
}

static bool is_given(const struct parser *parser, const struct option_spec *option)
{
	return parser->given >> (option - parser->verb->options) & 1;
}

/* Takes an option. An option with a value may be given only once, unless it `repeats`,
 * because one of two values would be lost silently. */
static struct error *take(struct parser *parser, const struct option_spec *option, const char *text)
{
	if (takes_value(option) && !option->repeats && is_given(parser, option))
		return error_new(ERROR_USAGE, "--%s can be given only once", option->name);
	parser->given |= 1ull << (option - parser->verb->options);
	if (option->also)
		*((bool *)((char *)parser->options + option->also)) = true;
	parser->done |= option->kind == OPTION_HELP;
	if (parser->took)
		try(parser->took(parser->took_ctx, option, text));
	return option_read(option, text, parser->options);
}

/* ---- unknown options ---- */

static const struct option_spec *find_letter(const struct verb_spec *verb, char letter)
{
	options_each(option, verb)
		if (option->letter == letter)
			return option;
	return NULL;
}

/* Returns the long name that was most likely meant, or NULL. */
static const char *nearest_name(const struct verb_spec *verb, const char *name, size_t len)
{
	const char *names[OPTIONS_MAX + 1];
	size_t n = 0;

	options_each(option, verb)
		names[n++] = option->name;
	names[n] = NULL;
	return nearest_word(name, len, names);
}

static struct error *no_such_option(const struct parser *parser, const char *name, size_t len)
{
	const char *near = nearest_name(parser->verb, name, len);
	cleanup_buf struct buf text = {0};

	buf_printf(&text, "--%.*s", (int)(len < 256 ? len : 256), name);
	if (near)
		return error_new(ERROR_USAGE, "unknown option %s: did you mean --%s?",
				 buf_cstr(&text), near);
	return usage(parser, "unknown option", buf_cstr(&text));
}

static struct error *no_such_letter(const struct parser *parser, char letter)
{
	char title[] = {'-', letter, '\0'}, other = (char)(letter ^ 0x20);

	if (isalpha((unsigned char)letter) && find_letter(parser->verb, other))
		return error_new(ERROR_USAGE, "unknown option %s: did you mean -%c?", title, other);
	return usage(parser, "unknown option", title);
}

static struct error *ambiguous(const struct parser *parser, const char *name, size_t len)
{
	cleanup_buf struct buf list = {0};

	options_each(option, parser->verb)
		if (!strncmp(option->name, name, len))
			buf_printf(&list, "%s--%s", list.len ? ", " : "", option->name);
	return error_new(ERROR_USAGE, "option --%.*s is ambiguous: %s", (int)len, name,
			 buf_cstr(&list));
}

/* ---- options ---- */

/* Finds the option with this name, or the only one whose name begins with it. */
static struct error *find_long(const struct parser *parser, const char *name, size_t len,
			       const struct option_spec **ret)
{
	const struct option_spec *found = NULL;
	size_t n = 0;

	options_each(option, parser->verb) {
		if (!len || strncmp(option->name, name, len) != 0)
			continue;
		found = option;
		if (!option->name[len]) {
			n = 1;
			break;
		}
		n++;
	}
	if (!n)
		return no_such_option(parser, name, len);
	if (n > 1)
		return ambiguous(parser, name, len);
	*ret = found;
	return NULL;
}

/* Takes an option whose value is the next word. `title` is the option as it was given. */
static struct error *take_next(struct parser *parser, const struct option_spec *option,
			       const char *title)
{
	if (parser->i + 1 >= parser->argc)
		return error_new(ERROR_USAGE, "option %s needs a value", title);
	return take(parser, option, parser->argv[++parser->i]);
}

/* Takes an option whose value may be left out. Such a value follows "=". The user may have written
 * it as the next word. That word is taken as the value if words have no other meaning, and is
 * refused if it could be a file. */
static struct error *take_optional(struct parser *parser, const struct option_spec *option)
{
	const char *next = parser->i + 1 < parser->argc ? parser->argv[parser->i + 1] : "-";
	bool alone = parser->verb->operands == OPERANDS_COMMAND;

	if (*next == '-' || !option_value(option, 0))
		return take(parser, option, option->implied);
	if (alone && nearest_value(option, next))
		return take_next(parser, option, NULL);
	for (size_t i = 0; option_value(option, i); i++)
		if (!strcmp(option_value(option, i), next))
			return error_new(ERROR_USAGE,
					 "\"%s\" after --%s: write --%s=%s, or ./%s for a file of "
					 "that name",
					 next, option->name, option->name, next, next);
	return take(parser, option, option->implied);
}

static struct error *read_long(struct parser *parser)
{
	const char *word = parser->argv[parser->i], *name = word + 2;
	size_t len = strcspn(name, "=");
	const char *value = name[len] ? name + len + 1 : NULL;
	const struct option_spec *option = NULL;

	try(find_long(parser, name, len, &option));
	if (value && !takes_value(option))
		return error_new(ERROR_USAGE, "option --%s takes no value", option->name);
	if (value || !takes_value(option))
		return take(parser, option, value);
	if (option->implied)
		return take_optional(parser, option);
	return take_next(parser, option, word);
}

/* Checks for "-pid". It is a typing error for "--pid", not -p with the value "id". */
static struct error *check_dashes(const struct parser *parser, const char *word)
{
	size_t len = strcspn(word + 1, "=");

	options_each(option, parser->verb) {
		if (len < 2 || strlen(option->name) != len ||
		    strncmp(option->name, word + 1, len) != 0)
			continue;
		return error_new(ERROR_USAGE, "unknown option -%s: did you mean --%s?",
				 option->name, option->name);
	}
	return NULL;
}

/* Reads letters, such as "-qv", "-p4711" or "-qp 4711". */
static struct error *read_letters(struct parser *parser)
{
	const char *at = parser->argv[parser->i] + 1;

	try(check_dashes(parser, at - 1));
	for (; *at && !parser->done; at++) {
		const struct option_spec *option = find_letter(parser->verb, *at);
		char title[] = {'-', *at, '\0'};

		if (!option)
			return no_such_letter(parser, *at);
		if (takes_value(option))
			return at[1] ? take(parser, option, at + 1)
				     : take_next(parser, option, title);
		try(take(parser, option, NULL));
	}
	return NULL;
}

/* ---- the command line ---- */

static struct error *read_words(struct parser *parser, struct option_words *ret)
{
	bool stops = parser->verb->operands == OPERANDS_COMMAND;

	for (; parser->i < parser->argc && !parser->done; parser->i++) {
		char *word = parser->argv[parser->i];

		if (!strcmp(word, "--")) {
			ret->after_dashes = true;
			parser->i++;
			break;
		}
		if (word[0] != '-' || !word[1]) {
			if (stops)
				break;
			parser->argv[1 + parser->words++] = word;
		} else if (word[1] == '-') {
			try(read_long(parser));
		} else {
			try(read_letters(parser));
		}
	}
	if (parser->done)
		return NULL;
	ret->words = parser->argv + 1;
	if (stops)
		ret->words = parser->argv + parser->i;
	while (!stops && parser->i < parser->argc)
		parser->argv[1 + parser->words++] = parser->argv[parser->i++];
	ret->n = stops ? (size_t)(parser->argc - parser->i) : (size_t)parser->words;
	return NULL;
}

struct error *options_visit(const struct verb_spec *verb, int argc, char **argv, void *options,
			    struct error *(*took)(void *ctx, const struct option_spec *option,
						  const char *text),
			    void *ctx, struct option_words *ret_words)
{
	struct parser parser = {.verb = verb,
				.argc = argc,
				.i = argc > 0 ? 1 : 0, /* the name may be missing */
				.argv = argv,
				.options = options,
				.took = took,
				.took_ctx = ctx};
	const struct option_spec *quiet = find_letter(verb, 'q'), *verbose = find_letter(verb, 'v');

	*ret_words = (struct option_words){0};
	try(read_words(&parser, ret_words));
	if (!parser.done && quiet && verbose && is_given(&parser, quiet) &&
	    is_given(&parser, verbose))
		return error_new(ERROR_USAGE, "-q and -v contradict each other");
	return NULL;
}

struct error *options_parse(const struct verb_spec *verb, int argc, char **argv, void *options,
			    struct option_words *ret_words)
{
	return options_visit(verb, argc, argv, options, NULL, NULL, ret_words);
}
