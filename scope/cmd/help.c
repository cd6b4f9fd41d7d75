/* tophash help: lists the verbs, or opens the manual of one.
 *
 * These are for the build and the installation, and are in no manual:
 *   tophash help --man VERB           the part of its man page that describes its options
 *   tophash help --completion SHELL   the completions for bash, zsh or fish
 */
#include "cmd/cmd.h"
#include "base/buf.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "version.h"

struct help_options {
	bool help;
};

static const struct option_spec rows[] = {
	{.group = "Options",
	 .argument = "VERB",
	 .kind = OPTION_OPERAND,
	 .help = "opens the manual of this verb; without it, lists the verbs",
	 .man = "Opens the man page of this verb. If it is not installed, prints the text of "
		"\\fB--help\\fR with every option explained. Without \\fIVERB\\fR the verbs are listed."},
	OPTION_HELP_ROW(struct help_options),
	{0},
};

static const char *const synopsis[] = {"[VERB]", NULL};
static const char *const examples[] = {"tophash help", "tophash help trace", NULL};

const struct verb_spec help_verb = {
	.name = "help",
	.summary = "list the verbs, or open the manual of one",
	.question = "How does a verb work?",
	.synopsis = synopsis,
	.about = "Lists the verbs of tophash, or opens the man page of one.",
	.options = rows,
	.operands = OPERANDS_VERB,
	.examples = examples,
	.exit_status = "Exit status: 0 done; 1 failed; 2 usage.",
};

static const struct verb_spec *find_verb(const char *name)
{
	for (const struct verb *verb = verbs; verb->spec; verb++)
		if (!strcmp(verb->spec->name, name))
			return verb->spec;
	return NULL;
}

/* ---- the list of verbs ---- */

static int print_help(const struct verb_spec *verb, bool all)
{
	cleanup_buf struct buf text = {0};

	options_help(verb, all, &text);
	return text.bad ? cmd_fail(error_nomem()) : cmd_print(buf_cstr(&text));
}

int cmd_print_help(const struct verb_spec *verb)
{
	return print_help(verb, false);
}

int cmd_print_help_all(const struct verb_spec *verb)
{
	return print_help(verb, true);
}

static void put_verbs(struct buf *to)
{
	buf_str(to, "usage: tophash VERB [OPTION]...\n"
		    "       tophash VERB --help\n\n"
		    "Makes sure that no element leaves a hash map unseen.\n\nVerbs:\n");
	for (const struct verb *verb = verbs; verb->spec; verb++)
		buf_printf(to, "  %-6s %s\n", verb->spec->name, verb->spec->summary);
	buf_str(to, "\nOther:\n"
		    "  help VERB       opens the manual of a verb\n"
		    "  -h, --help      this text\n"
		    "  -V, --version   the version\n\n"
		    "Examples:\n"
		    "  tophash trace -p 4711                 every removal in process 4711\n"
		    "  tophash trace -p 4711 --key user:42   who removed user:42?\n"
		    "  tophash trace -- ./server             from its first instruction\n"
		    "  tophash sites ./server                where it deletes, and how\n"
		    "  tophash addr ./server 0x4a1b2d        what is at this address?\n");
}

int cmd_print_verbs(void)
{
	cleanup_buf struct buf text = {0};

	put_verbs(&text);
	return cmd_print(buf_cstr(&text));
}

int cmd_print_overview(void)
{
	cleanup_buf struct buf text = {0};

	if (isatty(STDERR_FILENO)) {
		buf_str(&text,
			"tophash " TOPHASH_VERSION ": no element leaves a hash map unseen\n\n");
		for (const struct verb *verb = verbs; verb->spec; verb++)
			buf_printf(&text, "  %-57s tophash %s\n", verb->spec->question,
				   verb->spec->name);
		buf_str(&text,
			"\nExamples:\n"
			"  Who removed user:42 from a map of process 4711?\n"
			"      tophash trace -p 4711 --key user:42\n"
			"  Which lines of ./server delete from maps?\n"
			"      tophash sites ./server\n\n"
			"tophash VERB --help shows the options of a verb, tophash help VERB its "
			"manual.\n");
	} else {
		put_verbs(&text);
	}
	fputs(buf_cstr(&text), stderr);
	return ERROR_USAGE;
}

/* ---- the manual ---- */

/* Returns true when `man` has the page. Asks `man` for the page's path, without output. */
static bool has_page(const char *page)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		execlp("man", "man", "-w", "1", page, NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static int open_manual(const struct verb_spec *verb)
{
	char page[64];

	snprintf(page, sizeof(page), "tophash-%s", verb->name);
	signal(SIGCHLD, SIG_DFL);
	if (has_page(page)) {
		fflush(stdout);
		execlp("man", "man", "1", page, NULL);
	}
	return cmd_print_help_all(verb);
}

static int print_man(const char *name)
{
	const struct verb_spec *verb = find_verb(name);
	cleanup_buf struct buf text = {0};

	if (!verb)
		return cmd_no_verb(name);
	options_man(verb, &text);
	return text.bad ? cmd_fail(error_nomem()) : cmd_print(buf_cstr(&text));
}

static int print_completion(const char *shell)
{
	cleanup_buf struct buf text = {0};

	if (!options_completion(verbs, shell, &text))
		return cmd_fail(error_new(ERROR_USAGE,
					  "--completion %.80s: not one of bash, fish, zsh", shell));
	return text.bad ? cmd_fail(error_nomem()) : cmd_print(buf_cstr(&text));
}

int cmd_help(int argc, char **argv)
{
	struct help_options given = {0};
	struct option_words words;
	struct error *err;

	if (argc == 2 && !strcmp(argv[1], "--pids"))
		return cmd_print_pids();
	if (argc == 3 && !strcmp(argv[1], "--man"))
		return print_man(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "--completion"))
		return print_completion(argv[2]);
	err = options_parse(&help_verb, argc, argv, &given, &words);
	if (err)
		return cmd_fail(err);
	if (given.help)
		return cmd_print_help(&help_verb);
	if (!words.n)
		return cmd_print_verbs();
	if (words.n > 1)
		return cmd_fail(error_new(ERROR_USAGE,
					  "unexpected \"%.80s\": tophash help takes one verb",
					  words.words[1]));
	if (!find_verb(words.words[0]))
		return cmd_no_verb(words.words[0]);
	return open_manual(find_verb(words.words[0]));
}
