/* Parses command lines that are written as one text. */
#ifndef UNIT_OPTIONS_PARSE_H
#define UNIT_OPTIONS_PARSE_H

#include "test.h"
#include "cmd/trace_options.h"

#define ARGS_MAX 16

/* argv as the C runtime gives it; the words are separated by one space each. */
struct line {
	char text[512];
	char *argv[ARGS_MAX];
	int argc;
};

static inline void split(const char *words, struct line *line)
{
	static char verb[] = "verb";
	char *rest = line->text, *word;

	*line = (struct line){.argc = 1, .argv = {verb}};
	assert_true(strlen(words) < sizeof(line->text));
	memcpy(line->text, words, strlen(words) + 1);
	while (*words && (word = strsep(&rest, " "))) {
		assert_true(line->argc < ARGS_MAX - 1);
		line->argv[line->argc++] = word;
	}
}

static inline struct error *parse(const char *words, struct line *line, struct trace_options *ret)
{
	split(words, line);
	return trace_options_parse(line->argc, line->argv, ret);
}

static inline struct trace_options parse_ok(const char *words, struct line *line)
{
	struct trace_options options;
	struct error *err = parse(words, line, &options);

	if (err)
		fail_msg("\"%s\": %s", words, err->text);
	return options;
}

#endif
