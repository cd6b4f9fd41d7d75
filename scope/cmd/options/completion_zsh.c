/* Completions for zsh. The file is named _tophash, in a folder of $fpath. */
#include "cmd/options/completion.h"
#include "base/buf.h"

static const char head[] =
	"#compdef tophash\n"
	"# Completions of tophash for zsh, written by: tophash help --completion zsh\n"
	"\n"
	"_tophash_verbs() {\n"
	"	local -a verbs=(\n";

/* Process ids do not go through _describe. Listing them may be interrupted, and zsh 5.9 then frees
 * twice what _describe has kept (freecdsets in its module zsh/computil). */
static const char body[] =
	"	)\n"
	"	_describe -t verbs verb verbs\n"
	"}\n"
	"\n"
	"_tophash_processes() {\n"
	"	local -a pids lines expl\n"
	"	local -aU names\n"
	"	local pid name\n"
	"	tophash help --pids 2>/dev/null | while IFS=$'\\t' read -r pid name; do\n"
	"		pids+=($pid)\n"
	"		names+=($name)\n"
	"		lines+=(\"$pid -- $name\")\n"
	"	done\n"
	"	[[ $1 != list ]] || compset -P '*,'\n"
	"	_wanted processes expl 'process id' compadd -l -d lines -a pids\n"
	"	_wanted names expl 'name of a program' compadd -a names\n"
	"}\n"
	"\n"
	"# What stands after -- is a command line of its own.\n"
	"_tophash_command() {\n"
	"	local i=${words[(i)--]}\n"
	"	((i < CURRENT)) || return 1\n"
	"	words=(\"${(@)words[i + 1, -1]}\")\n"
	"	((CURRENT -= i))\n"
	"	_normal\n"
	"}\n"
	"\n"
	"_tophash() {\n"
	"	local curcontext=$curcontext state line ret=1\n"
	"	typeset -A opt_args\n"
	"	_arguments -C \\\n"
	"		'(- *)'{-h,--help}'[a short help]' \\\n"
	"		'(- *)'{-V,--version}'[the version]' \\\n"
	"		'1:verb:_tophash_verbs' \\\n"
	"		'*::argument:->arguments' && ret=0\n"
	"	[[ $state == arguments ]] || return ret\n"
	"	case $words[1] in\n";

static const char tail[] = "	esac\n"
			   "	return ret\n"
			   "}\n"
			   "\n"
			   "_tophash \"$@\"\n";

/* Appends text in single quotes, for a place where ":" and brackets are special. */
static void put_safe(struct buf *to, const char *text)
{
	cleanup_buf struct buf escaped = {0};

	for (; *text; text++) {
		if (strchr(":[]\\", *text))
			buf_char(&escaped, '\\');
		buf_char(&escaped, *text);
	}
	completion_quote(to, buf_cstr(&escaped));
}

static void put_explanation(struct buf *to, const struct option_spec *option)
{
	cleanup_buf struct buf text = {0};

	options_put_text(option, option->help, &text);
	buf_char(to, '[');
	put_safe(to, buf_cstr(&text));
	buf_char(to, ']');
}

static void put_action(struct buf *to, const struct option_spec *option)
{
	buf_printf(to, "%s:%s:", option->implied ? ":" : "", option->argument);
	switch (completion_kind(option)) {
	case COMPLETE_NOTHING: buf_char(to, ' '); break;
	case COMPLETE_FILE: buf_str(to, "_files"); break;
	case COMPLETE_PROCESS: buf_str(to, "_tophash_processes"); break;
	case COMPLETE_PROCESSES: buf_str(to, "{_tophash_processes list}"); break;
	case COMPLETE_USER: buf_str(to, option->list ? "_sequence _users" : "_users"); break;
	case COMPLETE_WORDS:
		buf_char(to, '(');
		completion_put_words(to, option);
		buf_char(to, ')');
		break;
	case COMPLETE_LIST:
		buf_str(to, "_sequence compadd - ");
		completion_put_words(to, option);
		break;
	}
}

/* Appends an option: "'(-p --pid)'{-p+,--pid=}'[a running process]:PID:_pids'". "+" and "=" say
 * that the value may be in the same word. "=-" says that it must be. */
static void put_option(struct buf *to, const struct option_spec *option)
{
	const char *equals = option->implied ? "=-" : option->argument ? "=" : "";

	buf_str(to, "			");
	if (option->letter && option->repeats)
		buf_printf(to, "'*'{-%c%s,--%s%s}'", option->letter, option->argument ? "+" : "",
			   option->name, equals);
	else if (option->letter)
		buf_printf(to, "'(%s-%c --%s)'{-%c%s,--%s%s}'",
			   option->kind == OPTION_HELP ? "- * " : "", option->letter, option->name,
			   option->letter, option->argument ? "+" : "", option->name, equals);
	else
		buf_printf(to, "'%s--%s%s", option->repeats ? "*" : "", option->name, equals);
	put_explanation(to, option);
	if (option->argument)
		put_action(to, option);
	buf_str(to, "' \\\n");
}

static const char *operands(const struct verb_spec *verb)
{
	switch (verb->operands) {
	case OPERANDS_FILES: return "'*:file:_files'";
	case OPERANDS_ADDRESS: return "'1:file:_files' '*:address: '";
	case OPERANDS_VERB: return "'1:verb:_tophash_verbs'";
	case OPERANDS_PROCESSES: return "'*:process:_tophash_processes'";
	case OPERANDS_POD:
	case OPERANDS_COMMAND: break;
	}
	return "";
}

static void put_verb(struct buf *to, const struct verb_spec *verb)
{
	bool command = verb->operands == OPERANDS_COMMAND;

	buf_printf(to, "	%s)\n		%s_arguments -s -S \\\n", verb->name,
		   command ? "_tophash_command || " : "");
	options_each(option, verb)
		put_option(to, option);
	buf_printf(to, "			%s && ret=0\n		;;\n", operands(verb));
}

static void write_zsh(const struct verb *verbs, struct buf *to)
{
	buf_str(to, head);
	for (const struct verb *verb = verbs; verb->spec; verb++) {
		buf_printf(to, "		'%s:", verb->spec->name);
		put_safe(to, verb->spec->summary);
		buf_str(to, "'\n");
	}
	buf_str(to, body);
	for (const struct verb *verb = verbs; verb->spec; verb++)
		put_verb(to, verb->spec);
	buf_str(to, tail);
}

const struct completion completion_zsh = {.shell = "zsh", .write = write_zsh};
