/* Writes completions for shells from the tables of the verbs. They offer verbs, options, the words
 * that an option accepts, files, and process ids.
 *
 * To add a shell:
 *   1. write completion_<shell>.c with a `const struct completion completion_<shell>`;
 *   2. declare it below, add it to the table in completion.c, and the file to meson.build;
 *   3. name its file in the root's meson.build and its folder in tools/install;
 *   4. test it in tests/completion/run.py.
 */
#ifndef CMD_OPTIONS_COMPLETION_H
#define CMD_OPTIONS_COMPLETION_H

#include "cmd/options/options.h"

/* What kind of word is expected at the cursor. */
enum completion_kind {
	COMPLETE_NOTHING, /* a number, a pattern, or another free text */
	COMPLETE_FILE,
	COMPLETE_PROCESS,   /* an id, or the name of a program */
	COMPLETE_PROCESSES, /* several of them, separated by commas */
	COMPLETE_USER,
	COMPLETE_WORDS, /* one of the words of option_value() */
	COMPLETE_LIST,	/* several of them, separated by commas */
};

struct completion {
	const char *shell;
	/* Appends the whole script. */
	void (*write)(const struct verb *verbs, struct buf *to);
};

extern const struct completion completion_bash, completion_fish, completion_zsh;

enum completion_kind completion_kind(const struct option_spec *option);

/* Appends text for use between single quotes. */
void completion_quote(struct buf *to, const char *text);
/* Appends the words that the option accepts, separated by spaces. */
void completion_put_words(struct buf *to, const struct option_spec *option);
/* Appends the names of the verbs, separated by spaces. */
void completion_put_verbs(const struct verb *verbs, struct buf *to);
/* Appends the names of verbs that start a command, separated by spaces. */
void completion_put_starters(const struct verb *verbs, struct buf *to);

#endif
