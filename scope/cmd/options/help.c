/* Writes --help, --help-all and the list of options in the man page, from the table of a verb. */
#include "cmd/options/options.h"
#include "base/buf.h"

#include <ctype.h>

#define WIDTH	  79 /* a terminal of 80 columns wraps after the last one */
#define INDENT	  25 /* the column in which explanations of --help begin */
#define MAN_WIDTH 78

/* ---- words into lines ---- */

/* Appends text in lines of at most `width` columns, each after `indent` spaces. `column` is where
 * the first line begins. Newlines in the text are kept. */
static void put_wrapped(struct buf *to, const char *text, size_t column, size_t indent,
			size_t width)
{
	bool first = true; /* the next word is the first in its line */

	while (*text) {
		size_t len = strcspn(text, " \n");

		if (!first && column + 1 + len > width) {
			buf_char(to, '\n');
			column = 0;
			first = true;
		}
		if (column < indent) {
			buf_pad(to, ' ', indent - column);
			column = indent;
		}
		if (!first)
			buf_char(to, ' ');
		buf_put(to, text, len);
		column += len + !first;
		first = false;
		text += len;
		if (*text == '\n') {
			buf_char(to, '\n');
			column = 0;
			first = true;
		}
		text += *text != '\0';
	}
	buf_char(to, '\n');
}

/* ---- --help ---- */

void options_put_title(const struct option_spec *option, struct buf *to)
{
	if (!option->name) {
		buf_str(to, option->argument);
		return;
	}
	if (option->letter)
		buf_printf(to, "-%c, ", option->letter);
	buf_printf(to, "--%s", option->name);
	if (option->implied)
		buf_printf(to, "[=%s]", option->argument);
	else if (option->argument)
		buf_printf(to, " %s", option->argument);
}

void options_put_text(const struct option_spec *option, const char *text, struct buf *to)
{
	const char *hole = strstr(text, "{}");

	if (!hole || !option_value(option, 0)) {
		buf_str(to, text);
		return;
	}
	buf_put(to, text, (size_t)(hole - text));
	for (size_t i = 0; option_value(option, i); i++)
		buf_printf(to, "%s%s", i ? ", " : "", option_value(option, i));
	buf_str(to, hole + 2);
}

static void put_option(struct buf *to, const struct option_spec *option)
{
	cleanup_buf struct buf text = {0};
	size_t begin = to->len, column;

	options_put_text(option, option->help, &text);
	buf_str(to, option->name && !option->letter ? "      " : "  ");
	options_put_title(option, to);
	column = to->len - begin;
	if (column + 2 > INDENT) {
		buf_char(to, '\n');
		column = 0;
	}
	put_wrapped(to, buf_cstr(&text), column, INDENT, WIDTH);
}

/* Appends the names of the rare options from a row to the end of its group. */
static void put_rare(struct buf *to, const struct option_spec *option)
{
	cleanup_buf struct buf names = {0};

	do {
		if (option->rare)
			buf_printf(&names, "%s--%s", names.len ? ", " : "", option->name);
		option++;
	} while (option->help && !option->group);
	if (!names.len)
		return;
	buf_str(to, "  More: ");
	put_wrapped(to, buf_cstr(&names), strlen("  More: "), strlen("  More: "), WIDTH);
}

static void put_options(struct buf *to, const struct option_spec *option, bool all)
{
	const struct option_spec *first = option; /* of the group */

	for (; option->help; option++) {
		if (option->group) {
			first = option;
			buf_printf(to, "\n%s:\n", option->group);
		}
		if (all || !option->rare)
			put_option(to, option);
		if (!all && (!option[1].help || option[1].group))
			put_rare(to, first);
	}
}

void options_help(const struct verb_spec *verb, bool all, struct buf *to)
{
	const char *program = verb->program ? verb->program : "tophash";

	for (size_t i = 0; verb->synopsis[i]; i++)
		buf_printf(to, "%s %s %s %s\n", i ? "      " : "usage:", program, verb->name,
			   verb->synopsis[i]);
	buf_char(to, '\n');
	put_wrapped(to, verb->about, 0, 0, WIDTH);
	put_options(to, verb->options, all);
	if (verb->legend)
		buf_printf(to, "\n%s", verb->legend);
	buf_str(to, "\nExamples:\n");
	for (size_t i = 0; verb->examples[i]; i++)
		buf_printf(to, "  %s\n", verb->examples[i]);
	buf_char(to, '\n');
	put_wrapped(to, verb->exit_status, 0, 0, WIDTH);
	if (verb->program)
		buf_str(to, "See kubectl-tophash(1).\n");
	else
		buf_printf(to, "See tophash-%s(1).\n", verb->name);
}

/* ---- the man page ---- */

/* Appends text as source of man(7). In bold, or before a word, a hyphen becomes a minus sign. */
static void put_roff(struct buf *to, const char *text)
{
	bool bold = false;

	for (size_t i = 0; text[i]; i++) {
		if (text[i] == '\\' && text[i + 1] == 'f')
			bold = text[i + 2] == 'B';
		if (text[i] == '-' && (bold || !i || !isalnum((unsigned char)text[i - 1])))
			buf_char(to, '\\');
		buf_char(to, text[i]);
	}
}

/* Tells whether a sentence ends with this word. The next one then begins with a capital or in
 * another font. */
static bool ends_sentence(const char *word, size_t len)
{
	const char *next = word + len + (word[len] == ' ');

	while (len && strchr("\")", word[len - 1]))
		len--;
	return len && strchr(".?!", word[len - 1]) &&
	       (!*next || *next == '\\' || isupper((unsigned char)*next));
}

/* Appends sentences, each on its own line. Long ones take several lines. */
static void put_sentences(struct buf *to, const char *text)
{
	cleanup_buf struct buf roff = {0};
	size_t column = 0;

	put_roff(&roff, text);
	for (const char *word = buf_cstr(&roff); *word; word += *word == ' ') {
		size_t len = strcspn(word, " ");
		bool breaks = column + 1 + len > MAN_WIDTH;

		if (column)
			buf_char(to, breaks ? '\n' : ' ');
		if ((!column || breaks) && (*word == '.' || *word == '\''))
			buf_str(to, "\\&");
		buf_put(to, word, len);
		column = breaks ? len : column + len + (column != 0);
		if (ends_sentence(word, len)) {
			buf_char(to, '\n');
			column = 0;
		}
		word += len;
	}
	if (column)
		buf_char(to, '\n');
}

/* Appends the name of a value. Words in capitals are placeholders, and are set in italics. */
static void put_argument(struct buf *to, const char *text)
{
	while (*text) {
		size_t len = 0;

		while (isupper((unsigned char)text[len]))
			len++;
		if (len) {
			buf_printf(to, "\\fI%.*s\\fR", (int)len, text);
			text += len;
		} else {
			buf_str(to, *text == '-' ? "\\-" : (char[]){*text, '\0'});
			text++;
		}
	}
}

static void put_value(struct buf *to, const struct option_spec *option)
{
	bool words = option->kind == OPTION_WORD || option->kind == OPTION_ENUM;

	for (size_t i = 0; words && option_value(option, i); i++)
		buf_printf(to, "%s%s", i ? "|" : "", option_value(option, i));
	if (!words)
		put_argument(to, option->argument);
}

static void put_man_title(struct buf *to, const struct option_spec *option)
{
	cleanup_buf struct buf title = {0};

	if (option->letter)
		buf_printf(&title, "\\fB-%c\\fR, ", option->letter);
	if (option->name)
		buf_printf(&title, "\\fB--%s\\fR", option->name);
	put_roff(to, buf_cstr(&title));
	if (option->argument) {
		buf_str(to, option->implied ? "[=" : option->name ? " " : "");
		put_value(to, option);
		buf_str(to, option->implied ? "]" : "");
	}
	buf_char(to, '\n');
}

static bool has_kind(const struct verb_spec *verb, enum option_kind kind)
{
	options_each(option, verb)
		if (option->kind == kind)
			return true;
	return false;
}

/* Appends how values are written, once for all options that take one. */
static void put_kinds(struct buf *to, const struct verb_spec *verb)
{
	static const char time[] =
		"A \\fITIME\\fR is a number of seconds (10, 1.5), or numbers with units, the "
		"largest first: 10s, 1m30s, 500ms, 2h, 1d. Units are d, h, m, s, ms, us, ns, or "
		"their names (2 hours).";
	static const char size[] =
		"A \\fISIZE\\fR is a number of bytes (65536), or one with a unit: 64k, 1.5M, 16MB, "
		"16MiB, 1G. All units are powers of 1024, in small letters or capitals: 1k = 1kB = "
		"1KiB = 1024 bytes, 1MB = 1MiB = 1048576 bytes.";
	static const char number[] =
		"A number \\fIN\\fR is decimal, where 010 is ten, or hexadecimal (0x1f). There may "
		"be a _ between digits: 1_000_000.";

	buf_str(to, ".SS Values\n");
	put_sentences(to, "A long option may be shortened if no other option begins with the same "
			  "letters. An option that takes a value can be given only once.");
	if (has_kind(verb, OPTION_NUMBER) || has_kind(verb, OPTION_NUMBER32)) {
		buf_str(to, ".PP\n");
		put_sentences(to, number);
	}
	if (has_kind(verb, OPTION_DURATION)) {
		buf_str(to, ".PP\n");
		put_sentences(to, time);
	}
	if (has_kind(verb, OPTION_SIZE)) {
		buf_str(to, ".PP\n");
		put_sentences(to, size);
	}
}

void options_man(const struct verb_spec *verb, struct buf *to)
{
	buf_str(to, ".SH OPTIONS\n");
	for (const struct option_spec *option = verb->options; option->help; option++) {
		cleanup_buf struct buf text = {0};

		if (option->group) {
			buf_printf(to, ".SS %s\n", option->group);
			if (option->group_man)
				put_sentences(to, option->group_man);
		}
		buf_str(to, ".TP\n");
		put_man_title(to, option);
		options_put_text(option, option->man ? option->man : option->help, &text);
		put_sentences(to, buf_cstr(&text));
	}
	put_kinds(to, verb);
}
