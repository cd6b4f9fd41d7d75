/* Completions for fish. */
#include "cmd/options/completion.h"
#include "base/buf.h"

static const char head[] =
	"# Completions of tophash for fish, written by: tophash help --completion fish\n"
	"\n"
	"# Is this the verb? What stands after -- is a command line of its own.\n"
	"function __tophash_verb\n"
	"	set -l words (commandline -opc)\n"
	"	test (count $words) -ge 2; and test $words[2] = $argv[1]; and not contains -- -- $words\n"
	"end\n"
	"\n"
	"function __tophash_no_verb\n"
	"	test (count (commandline -opc)) -eq 1\n"
	"end\n"
	"\n"
	"function __tophash_after_dashes\n"
	"	set -l words (commandline -opc)\n"
	"	test (count $words) -ge 3; and contains -- $words[2] $__tophash_starters; and contains -- -- $words\n"
	"end\n"
	"\n"
	"function __tophash_command\n"
	"	set -l words (commandline -opc)\n"
	"	set -l i (contains -i -- -- $words); or return\n"
	"	set -e words[1..$i]\n"
	"	complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))\n"
	"end\n"
	"\n"
	"# Several words with commas between: the last one is completed. Prints those before it.\n"
	"function __tophash_before\n"
	"	set -l given (string replace -r '^--[a-z-]+=' '' -- (commandline -ct))\n"
	"	string match -r '^.*,' -- $given; or echo\n"
	"end\n"
	"\n"
	"function __tophash_list\n"
	"	set -l before (__tophash_before)\n"
	"	printf '%s\\n' $before$argv\n"
	"end\n"
	"\n"
	"function __tophash_users\n"
	"	set -l before (__tophash_before)\n"
	"	string replace -r '^' -- \"$before\" (__fish_complete_users)\n"
	"end\n"
	"\n"
	"# The ids of processes, and the names of their programs.\n"
	"function __tophash_processes\n"
	"	set -l before ''\n"
	"	test \"$argv[1]\" = list; and set before (__tophash_before)\n"
	"	tophash help --pids 2>/dev/null | while read -l -d \\t pid name\n"
	"		printf '%s%s\\t%s\\n' \"$before\" $pid $name \"$before\" $name 'process '$pid\n"
	"	end\n"
	"end\n"
	"\n"
	"complete -c tophash -f\n"
	"complete -c tophash -n __tophash_no_verb -s h -l help -d 'a short help'\n"
	"complete -c tophash -n __tophash_no_verb -s V -l version -d 'the version'\n"
	"complete -c tophash -n __tophash_after_dashes -x -a '(__tophash_command)'\n";

static void put_value(struct buf *to, const struct option_spec *option)
{
	switch (completion_kind(option)) {
	case COMPLETE_NOTHING: buf_str(to, " -x"); break;
	case COMPLETE_FILE: buf_str(to, " -r -F"); break;
	case COMPLETE_PROCESS: buf_str(to, " -x -a '(__tophash_processes)'"); break;
	case COMPLETE_PROCESSES: buf_str(to, " -x -a '(__tophash_processes list)'"); break;
	case COMPLETE_USER:
		buf_str(to, option->list ? " -x -a '(__tophash_users)'"
					 : " -x -a '(__fish_complete_users)'");
		break;
	case COMPLETE_WORDS:
		buf_printf(to, " %s -a '", option->implied ? "-f" : "-x");
		completion_put_words(to, option);
		buf_char(to, '\'');
		break;
	case COMPLETE_LIST:
		buf_str(to, " -x -a '(__tophash_list ");
		completion_put_words(to, option);
		buf_str(to, ")'");
		break;
	}
}

static void put_option(struct buf *to, const struct verb_spec *verb,
		       const struct option_spec *option)
{
	cleanup_buf struct buf text = {0};

	options_put_text(option, option->help, &text);
	buf_printf(to, "complete -c tophash -n '__tophash_verb %s'", verb->name);
	if (option->letter)
		buf_printf(to, " -s %c", option->letter);
	buf_printf(to, " -l %s", option->name);
	if (option->argument)
		put_value(to, option);
	buf_str(to, " -d '");
	completion_quote(to, buf_cstr(&text));
	buf_str(to, "'\n");
}

static void put_verb(struct buf *to, const struct verb *verbs, const struct verb_spec *verb)
{
	buf_printf(to, "\ncomplete -c tophash -n __tophash_no_verb -a %s -d '", verb->name);
	completion_quote(to, verb->summary);
	buf_str(to, "'\n");
	options_each(option, verb)
		put_option(to, verb, option);
	if (verb->operands == OPERANDS_FILES || verb->operands == OPERANDS_ADDRESS)
		buf_printf(to, "complete -c tophash -n '__tophash_verb %s' -F\n", verb->name);
	if (verb->operands == OPERANDS_PROCESSES)
		buf_printf(
			to,
			"complete -c tophash -n '__tophash_verb %s' -a '(__tophash_processes)'\n",
			verb->name);
	if (verb->operands == OPERANDS_VERB) {
		buf_printf(to, "complete -c tophash -n '__tophash_verb %s' -a '", verb->name);
		completion_put_verbs(verbs, to);
		buf_str(to, "'\n");
	}
}

static void write_fish(const struct verb *verbs, struct buf *to)
{
	buf_str(to, head);
	buf_str(to, "set -g __tophash_starters ");
	completion_put_starters(verbs, to);
	buf_char(to, '\n');
	for (const struct verb *verb = verbs; verb->spec; verb++)
		put_verb(to, verbs, verb->spec);
}

const struct completion completion_fish = {.shell = "fish", .write = write_fish};
