/* The options of the verbs, as tables. One description of a verb is used to read its command line,
 * and to write `tophash VERB --help` and --help-all, the option list of its man page, and the
 * completions of the shells.
 *
 *   options.c      reads a command line
 *   value.c        reads one value: a number, a size, a duration, one word of several
 *   help.c         writes --help, and OPTIONS of the man page
 *   completion*.c  write the completions, one file for each shell
 *
 * scope/cmd/<verb>_options.c has the table of a verb, and the checks of its options against each other.
 *
 * To add an option:
 *   1. add a member to the verb's struct in scope/cmd/<verb>_options.h, and a row to the table in
 *      scope/cmd/<verb>_options.c. If few users need the option, set `rare`;
 *   2. say in check() there what it contradicts;
 *   3. run tools/man-options, which writes the row into docs/man/tophash-<verb>.1;
 *   4. add its cases to tests/unit/test_options.c.
 */
#ifndef CMD_OPTIONS_OPTIONS_H
#define CMD_OPTIONS_OPTIONS_H

#include "base/base.h"

enum option_kind {
	OPTION_OPERAND, /* no option: a word of the command line for texts; name is NULL */
	OPTION_FLAG,	/* bool; takes no value */
	OPTION_HELP,	/* bool; the words after it are not read */
	OPTION_STRING,	/* const char *, borrowed from argv */
	OPTION_FILE,	/* the same; a path */
	OPTION_WORD,	/* const char *: one of values */
	OPTION_ENUM,	/* an enum: the index of one of values */
	OPTION_PROCESS, /* const char *: the id of a process, or the name of a program; or parse() */
	OPTION_USER,	/* const char *: the name or number of a user; parse() if it is set */
	OPTION_NUMBER,	/* uint64_t: decimal, or 0x... */
	OPTION_NUMBER32, /* uint32_t: the same */
	OPTION_SIZE,	 /* uint64_t: bytes */
	OPTION_DURATION, /* uint64_t: nanoseconds */
	OPTION_CUSTOM,	 /* parse() reads the value */
};

struct option_spec {
	const char *name; /* without "--" */
	char letter;	  /* 0: none */
	enum option_kind kind;
	const char *argument;	   /* name of the value in texts: "PID"; NULL for a flag */
	const char *implied;	   /* value that is meant when it is left out; NULL: it is
				      required */
	size_t at;		   /* offset of the value in the struct of the verb */
	size_t also;		   /* offset of a bool that is set too; 0: none */
	uint64_t min, max;	   /* for numbers, sizes, durations */
	const char *const *values; /* the accepted words; NULL at the end */
	/* In place of values, if another room has the words. Returns word i, or NULL after the
	 * last. */
	const char *(*value_at)(size_t i);
	bool list;    /* accepts several words, separated by commas */
	bool repeats; /* may be given several times */
	bool rare;    /* --help only names it, so that it fits a screen; --help-all explains it */
	/* OPTION_CUSTOM, and OPTION_PROCESS and OPTION_USER if it is set: reads text into the
	 * struct of the verb. Errors: ERROR_USAGE. */
	struct error *(*parse)(const char *text, void *options);
	/* Why the option cannot be used for another machine: kubectl-tophash refuses it. NULL: it passes
	 * the option on. */
	const char *local;
	const char *group;     /* heading of a group of options that begins here; NULL: none */
	const char *group_man; /* the first paragraph of that group in the man page; or NULL */
	const char *help;      /* for --help: a few words; "{}" stands for the list of values */
	const char *man;       /* for the man page: whole sentences; \\fB...\\fR makes words bold */
};

/* The meaning of words of a command line that are not options. */
enum verb_operands {
	OPERANDS_FILES,	    /* files */
	OPERANDS_ADDRESS,   /* a file, then addresses */
	OPERANDS_VERB,	    /* the name of a verb */
	OPERANDS_PROCESSES, /* pids, and names of programs */
	OPERANDS_COMMAND,   /* none; a command follows "--" */
	OPERANDS_POD,	    /* a pod of Kubernetes */
};

struct verb_spec {
	const char *name;
	const char *program;	     /* whose verb it is; NULL: "tophash" */
	const char *summary;	     /* one line, for lists and for NAME in the man page */
	const char *question;	     /* the user's question that this verb answers */
	const char *const *synopsis; /* the lines of "usage", without the name; NULL at the end */
	const char *about;	     /* the first paragraph of --help */
	const struct option_spec *options; /* a row without name and argument is the last */
	enum verb_operands operands;
	const char *legend;	     /* --help: what the output means; or NULL */
	const char *const *examples; /* command lines; NULL at the end */
	const char *exit_status;     /* --help: what the exit codes mean */
};

/* A verb and the function that runs it. */
struct verb {
	const struct verb_spec *spec;
	int (*run)(int argc, char **argv); /* returns the exit code; argv[0] is the verb */
};

/* The last row of each table. */
#define OPTION_HELP_ROW(type)                                                                   \
	{                                                                                       \
		.name = "help", .letter = 'h', .kind = OPTION_HELP, .at = offsetof(type, help), \
		.help = "this text", .man = "A short help."                                     \
	}
/* The row after it, for verbs with rare options. */
#define OPTION_HELP_ALL_ROW(type)                                                               \
	{                                                                                       \
		.name = "help-all", .kind = OPTION_HELP, .at = offsetof(type, help_all),        \
		.also = offsetof(type, help), .help = "the same, with every option explained",  \
		.man = "A help that explains every option. \\fB--help\\fR explains the common " \
		       "ones, and names the others."                                            \
	}
/* The row of --wide, for verbs that cut lines on a terminal. */
#define OPTION_WIDE_ROW(type)                                                                   \
	{                                                                                       \
		.name = "wide", .kind = OPTION_FLAG, .at = offsetof(type, wide),                \
		.help = "do not cut lines to the width of the terminal",                        \
		.man = "Does not cut lines on a terminal. Without this option they are cut to " \
		       "the width of the terminal. In a file or a pipe nothing is ever cut."    \
	}
/* The row of --format. `heading` begins its group, or is NULL. `others` says for the man page what the
 * words other than "text" mean. */
#define OPTION_FORMAT_ROW(type, heading, words, others)                                        \
	{                                                                                      \
		.group = heading, .name = "format", .argument = "FORMAT", .kind = OPTION_WORD, \
		.at = offsetof(type, format), .values = words,                                 \
		.help = "form of the output: {} (text)",                                       \
		.man = "Chooses text for people (the default), or " others ".",                \
	}
/* The row of -o. `more` is a further sentence of its man page, which begins with a space, or "". */
#define OPTION_OUTPUT_ROW(type, more)                                                              \
	{                                                                                          \
		.name = "output", .letter = 'o', .argument = "FILE", .kind = OPTION_FILE,          \
		.at = offsetof(type, output), .help = "write there instead of to standard output", \
		.man = "Writes there instead of to standard output. A file that tophash makes "    \
		       "can be read by its owner alone (mode 0600). The program itself is "        \
		       "refused. In a folder that everybody may write to (as /tmp), a symbolic "   \
		       "link or a file of another user is refused." more,                          \
		.local = "the file would be on the node: redirect the output (> FILE)"             \
	}

/* The words of --format for verbs that print no events: "text", "json". */
extern const char *const option_formats[];

/* Visits the rows that are options, and skips operands. */
#define options_each(option, verb)                                                             \
	for (const struct option_spec *option = (verb)->options; option->name || option->help; \
	     option++)                                                                         \
		if (option->name)

/* Returns word i of those that the option accepts, or NULL after the last. */
static inline const char *option_value(const struct option_spec *option, size_t i)
{
	if (option->value_at)
		return option->value_at(i);
	return option->values ? option->values[i] : NULL;
}

struct option_words {
	char **words; /* words that are not options, in order; borrowed from argv */
	size_t n;
	bool after_dashes; /* they follow "--" */
};

/* Reads argv[1] and the following words into the struct `options` of the verb, which holds the
 * defaults. With OPERANDS_COMMAND the first word that is no option ends the options. After
 * OPTION_HELP nothing is read, and there are no words. Reorders argv. Errors (ERROR_USAGE): one
 * line. */
struct error *options_parse(const struct verb_spec *verb, int argc, char **argv, void *options,
			    struct option_words *ret_words);

/* Does the same, and calls took() for each option, in order: the option, and its value as text (NULL for a
 * flag). An error of took() ends the reading. */
struct error *options_visit(const struct verb_spec *verb, int argc, char **argv, void *options,
			    struct error *(*took)(void *ctx, const struct option_spec *option,
						  const char *text),
			    void *ctx, struct option_words *ret_words);

/* Appends the text of --help, or of --help-all if `all` is set. It has at most 80 columns. */
void options_help(const struct verb_spec *verb, bool all, struct buf *to);
/* Appends the section OPTIONS of the man page, as source of man(7). */
void options_man(const struct verb_spec *verb, struct buf *to);
/* Appends the completions of all verbs for a shell: "bash", "fish" or "zsh". A NULL spec ends
 * `verbs`. Returns false when the shell is not known. */
bool options_completion(const struct verb *verbs, const char *shell, struct buf *to);
/* Appends the title of an option: "-p, --pid PID", or "--summary[=BY]" if the value may be left
 * out. */
void options_put_title(const struct option_spec *option, struct buf *to);

/* Appends a text in which the words that the option accepts replace "{}". If it accepts any word, "{}"
 * is kept: it may be a part of a Go type. */
void options_put_text(const struct option_spec *option, const char *text, struct buf *to);

/* Reads the value of one option into the struct of its verb. `text` is the value, NULL for a flag.
 * Errors (ERROR_USAGE): one line that shows the value and says which values are accepted. */
struct error *option_read(const struct option_spec *option, const char *text, void *options);

/* Reads a duration: "10" (seconds), "10s", "1.5s", "500ms", "1m30s", "2h". Returns false for other
 * text. A duration that does not fit 64 bits becomes UINT64_MAX. */
bool option_duration(const char *text, uint64_t *ret_ns);
/* Reads a number of bytes: "4096", "64k", "1.5M", "16MB", "16MiB", "1G". k, M and G are powers of
 * 1024 in each spelling. Returns false for other text. A number that does not fit 64 bits becomes
 * UINT64_MAX. */
bool option_size(const char *text, uint64_t *ret);
/* Reads a number. It is decimal (010 is ten), or hexadecimal after 0x. "_" may separate digits. */
bool option_number(const char *text, uint64_t *ret);
/* Reads a decimal number, such as "2" or "0.5", in units of 1 / unit (at most 10^9). Returns false
 * if it is not a number. A value that does not fit 64 bits becomes UINT64_MAX. */
bool option_decimal(const char *text, uint64_t unit, uint64_t *ret);
/* Reads an address, which is hexadecimal, with or without 0x. */
bool option_address(const char *text, uint64_t *ret);

/* Returns the value of the option that `text` was most likely meant to be, or NULL. */
const char *nearest_value(const struct option_spec *option, const char *text);

#endif
