/* The options of the verbs, as tables. One description of a verb makes the reading of its command
 * line, `tophash VERB --help`, the option list of its man page, and the completions of the shells.
 *
 *   options.c      reads a command line
 *   value.c        reads one value: a number, a size, a duration, one word of several
 *   help.c         writes --help, and OPTIONS of the man page
 *   completion*.c  write the completions, a file a shell
 *
 * scope/cmd/<verb>_options.c has the table of a verb, and the checks of its options against each other.
 *
 * To add an option:
 *   1. add a member to the verb's struct in scope/cmd/<verb>_options.h, and a row to the table in
 *      scope/cmd/<verb>_options.c;
 *   2. say in check() there what it contradicts;
 *   3. run tools/man-options, which writes the row into docs/man/tophash-<verb>.1;
 *   4. add its cases to tests/unit/test_options.c.
 */
#ifndef CMD_OPTIONS_OPTIONS_H
#define CMD_OPTIONS_OPTIONS_H

#include "base/base.h"
#include "base/text/text.h"

enum option_kind {
	OPTION_OPERAND, /* no option: a word of the command line that texts explain; name is NULL */
	OPTION_FLAG,	/* bool; takes no value */
	OPTION_HELP,	/* bool; nothing is read after it */
	OPTION_STRING,	/* const char *, borrowed from argv */
	OPTION_FILE,	/* the same; a path */
	OPTION_WORD,	/* const char *: one of values */
	OPTION_ENUM,	/* an enum: the index of one of values */
	OPTION_PID,	/* pid_t */
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
	const char *argument;	   /* the name of the value in texts: "PID"; NULL for a flag */
	const char *implied;	   /* the value may be left out, and this is meant; else NULL */
	size_t at;		   /* where the value goes: an offset in the struct of the verb */
	size_t also;		   /* the offset of a bool that is set too; 0: none */
	uint64_t min, max;	   /* of numbers, sizes, durations */
	const char *const *values; /* the words that it takes; NULL at the end */
	/* Instead of values, where another room has the words: the word i, NULL after the last. */
	const char *(*value_at)(size_t i);
	bool list; /* it takes several of them, with commas between */
	/* OPTION_CUSTOM: reads text into the struct of the verb. Errors: ERROR_USAGE. */
	struct error *(*parse)(const char *text, void *options);
	const char *group;     /* begins a group of options with this heading; NULL: none */
	const char *group_man; /* the first paragraph of that group in the man page; or NULL */
	const char *help;      /* --help: a few words; "{}" stands for the list of values */
	const char *man;       /* the man page: whole sentences. \fB...\fR makes words bold. */
};

/* The meaning of the words of a command line that are no options. */
enum verb_operands {
	OPERANDS_FILES,	  /* files */
	OPERANDS_ADDRESS, /* a file, then addresses */
	OPERANDS_VERB,	  /* the name of a verb */
	OPERANDS_COMMAND, /* none; a command stands after "--" */
};

struct verb_spec {
	const char *name;
	const char *summary;	     /* one line, for lists and for NAME in the man page */
	const char *question;	     /* what a user asks that this verb answers */
	const char *const *synopsis; /* the lines of "usage", after the name; NULL at the end */
	const char *about;	     /* the first paragraph of --help */
	const struct option_spec *options; /* a row without name and argument ends them */
	enum verb_operands operands;
	const char *legend;	     /* --help: what the output means; or NULL */
	const char *const *examples; /* command lines; NULL at the end */
	const char *exit_status;     /* --help: what the exit codes mean */
};

/* A verb, and what runs it. */
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
/* The text of every man page about -o. */
#define OPTION_OUTPUT_MAN                                                               \
	"Writes there instead of to standard output. A file that tophash makes can be " \
	"read by its owner alone (mode 0600). The program itself is refused. In a "     \
	"folder that everybody may write to (as /tmp), a symbolic link or a file of "   \
	"another user is refused."

/* Goes through the rows that are options, not operands. */
#define options_each(option, verb)                                                             \
	for (const struct option_spec *option = (verb)->options; option->name || option->help; \
	     option++)                                                                         \
		if (option->name)

/* Returns the word i that the option takes, or NULL after the last. */
static inline const char *option_value(const struct option_spec *option, size_t i)
{
	if (option->value_at)
		return option->value_at(i);
	return option->values ? option->values[i] : NULL;
}

struct option_words {
	char **words; /* those that are no options, in their order; borrowed from argv */
	size_t n;
	bool after_dashes; /* they stand after "--" */
};

/* Reads argv[1] and what follows into the struct `options` of the verb, which holds the defaults.
 * With OPERANDS_COMMAND the first word that is no option ends the options. After OPTION_HELP
 * nothing is read, and there are no words. Reorders argv.
 * Errors (ERROR_USAGE): one line. */
struct error *options_parse(const struct verb_spec *verb, int argc, char **argv, void *options,
			    struct option_words *ret_words);

/* Appends the text of --help: at most 80 columns. */
void options_help(const struct verb_spec *verb, struct buf *to);
/* Appends the section OPTIONS of the man page, as source of man(7). */
void options_man(const struct verb_spec *verb, struct buf *to);
/* Appends the completions of all verbs (a NULL spec ends them) for a shell: "bash", "fish", "zsh".
 * Returns false when the shell is not known. */
bool options_completion(const struct verb *verbs, const char *shell, struct buf *to);
/* Appends "-p, --pid PID", or "--summary[=BY]" when the value may be left out. */
void options_put_title(const struct option_spec *option, struct buf *to);

/* Appends text, with the words that the option takes in place of "{}". */
void options_put_text(const struct option_spec *option, const char *text, struct buf *to);

/* Reads the value of one option into the struct of its verb. text: the value; NULL for a flag. Errors
 * (ERROR_USAGE): one line that shows the value and tells which values are understood. */
struct error *option_read(const struct option_spec *option, const char *text, void *options);

/* Reads an amount of time: "10" (seconds), "10s", "1.5s", "500ms", "1m30s", "2h". False when it is
 * none. What 64 bits do not hold is UINT64_MAX. */
bool option_duration(const char *text, uint64_t *ret_ns);
/* Reads a number of bytes: "4096", "64k", "1.5M", "16MB", "16MiB", "1G"; k, M and G are powers of
 * 1024, whatever follows. False when it is none. What 64 bits do not hold is UINT64_MAX. */
bool option_size(const char *text, uint64_t *ret);
/* Reads a number: decimal, where 010 is ten, or 0x...; "_" may stand between digits. */
bool option_number(const char *text, uint64_t *ret);
/* Reads an address: hexadecimal, with or without 0x. */
bool option_address(const char *text, uint64_t *ret);

/* Returns the value of the option that `text` is most likely meant to be, or NULL. */
const char *nearest_value(const struct option_spec *option, const char *text);

#endif
