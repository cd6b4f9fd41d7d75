/* Completions for shells, written from the tables of the verbs. They offer verbs, options, the words
 * that an option takes, files, and process ids.
 *
 * To add a shell:
 *   1. write completion_<shell>.c with a `const struct completion completion_<shell>`;
 *   2. declare it below, add it to the table in completion.c, and the file to meson.build;
 *   3. name its file in the root's meson.build and its folder in tools/install;
 *   4. drive it in tests/completion/run.py.
 */
#ifndef CMD_OPTIONS_COMPLETION_H
#define CMD_OPTIONS_COMPLETION_H

#include "cmd/options/options.h"

/* What stands where the cursor is, as far as a shell can help with it. */
enum completion_kind {
	COMPLETE_NOTHING, /* a number, a pattern, ... */
	COMPLETE_FILE,
	COMPLETE_PID,
	COMPLETE_WORDS, /* option_value() */
	COMPLETE_LIST,	/* the same, with commas between */
};

struct completion {
	const char *shell;
	/* Appends the whole script. */
	void (*write)(const struct verb *verbs, struct buf *to);
};

extern const struct completion completion_bash, completion_fish, completion_zsh;

enum completion_kind completion_kind(const struct option_spec *option);

/* Appends text so that it can stand between single quotes. */
void completion_quote(struct buf *to, const char *text);
/* Appends the words that the option takes, with spaces between. */
void completion_put_words(struct buf *to, const struct option_spec *option);
/* Appends the names of the verbs, with spaces between. */
void completion_put_verbs(const struct verb *verbs, struct buf *to);
/* Appends the names of those that start a command, with spaces between. */
void completion_put_starters(const struct verb *verbs, struct buf *to);

#endif
