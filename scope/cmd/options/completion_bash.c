/* Completions for bash. The script does not need bash-completion. */
#include "cmd/options/completion.h"
#include "base/buf.h"

/* Bash treats "=" as a word of its own, unless COMP_WORDBREAKS was changed. */
static const char head[] =
	"# Completions of tophash for bash, written by: tophash help --completion bash\n"
	"\n"
	"_tophash_words() {\n"
	"	mapfile -t COMPREPLY < <(compgen -W \"$1\" -P \"$3\" -- \"$2\")\n"
	"}\n"
	"\n"
	"_tophash_files() {\n"
	"	compopt -o filenames 2>/dev/null\n"
	"	mapfile -t COMPREPLY < <(compgen -f -- \"$1\")\n"
	"}\n"
	"\n"
	"# Several words with commas between: the last one is completed.\n"
	"_tophash_list() {\n"
	"	local before=\n"
	"	[[ $2 != *,* ]] || before=${2%,*},\n"
	"	_tophash_words \"$1\" \"${2##*,}\" \"$before\"\n"
	"}\n"
	"\n"
	"# The ids of processes, and the names of their programs. A name may have any characters.\n"
	"_tophash_processes() {\n"
	"	local pid name word before= IFS=$'\\t'\n"
	"	[[ $2 != list || $1 != *,* ]] || before=${1%,*},\n"
	"	while read -r pid name; do\n"
	"		for word in \"$pid\" \"$name\"; do\n"
	"			[[ $word != \"${1#\"$before\"}\"* ]] || COMPREPLY+=(\"$before$(printf %q \"$word\")\")\n"
	"		done\n"
	"	done < <(tophash help --pids 2>/dev/null)\n"
	"}\n"
	"\n"
	"# What stands after -- is a command line of its own; $1: where it begins.\n"
	"_tophash_command() {\n"
	"	if declare -F _command_offset >/dev/null; then\n"
	"		_command_offset \"$1\"\n"
	"	elif ((COMP_CWORD == $1)) && [[ $2 != */* ]]; then\n"
	"		mapfile -t COMPREPLY < <(compgen -c -- \"$2\")\n"
	"	else\n"
	"		_tophash_files \"$2\"\n"
	"	fi\n"
	"}\n"
	"\n";

/* `pre` is the part of the word before the completed value: "--format=", if "=" does not split
 * words. */
static const char body[] =
	"_tophash() {\n"
	"	local cur=${COMP_WORDS[COMP_CWORD]} option= pre= i\n"
	"	local verb=${COMP_WORDS[1]}\n"
	"	COMPREPLY=()\n"
	"	if ((COMP_CWORD == 1)); then\n"
	"		_tophash_words \"$_tophash_verbs --help --version\" \"$cur\"\n"
	"		return\n"
	"	fi\n"
	"	if [[ \" $_tophash_starters \" == *\" $verb \"* ]]; then\n"
	"		for ((i = 2; i < COMP_CWORD; i++)); do\n"
	"			[[ ${COMP_WORDS[i]} != -- ]] || { _tophash_command $((i + 1)) \"$cur\"; return; }\n"
	"		done\n"
	"	fi\n"
	"	if [[ $cur == = ]]; then\n"
	"		option=${COMP_WORDS[COMP_CWORD - 1]}= cur=\n"
	"	elif [[ $cur == --*=* ]]; then\n"
	"		option=${cur%%=*}= pre=${cur%%=*}= cur=${cur#*=}\n"
	"	elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then\n"
	"		option=${COMP_WORDS[COMP_CWORD - 2]}=\n"
	"	else\n"
	"		option=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"	fi\n"
	"	case $verb in\n";

static const char tail[] = "	esac\n"
			   "	if [[ -n $pre ]]; then\n"
			   "		COMPREPLY=(\"${COMPREPLY[@]/#/$pre}\")\n"
			   "	fi\n"
			   "}\n"
			   "\n"
			   "complete -F _tophash tophash\n";

/* Appends the pattern of `case` for the words that the value of an option can follow: "-p" (a
 * letter), "--pid" and "--pid=". If a value is optional and the next word could be a file, the
 * value only follows "=". */
static void put_pattern(struct buf *to, const struct verb_spec *verb,
			const struct option_spec *option)
{
	bool word_follows = !option->implied || verb->operands == OPERANDS_COMMAND;

	if (option->letter)
		buf_printf(to, "-%c | ", option->letter);
	if (word_follows)
		buf_printf(to, "--%s | ", option->name);
	buf_printf(to, "--%s=", option->name);
}

static void put_value(struct buf *to, const struct verb_spec *verb,
		      const struct option_spec *option)
{
	buf_str(to, "		");
	put_pattern(to, verb, option);
	buf_str(to, ") ");
	switch (completion_kind(option)) {
	case COMPLETE_NOTHING: buf_str(to, ":"); break;
	case COMPLETE_FILE: buf_str(to, "_tophash_files \"$cur\""); break;
	case COMPLETE_PROCESS: buf_str(to, "_tophash_processes \"$cur\""); break;
	case COMPLETE_PROCESSES: buf_str(to, "_tophash_processes \"$cur\" list"); break;
	case COMPLETE_USER:
		buf_str(to, option->list ? "_tophash_list \"$(compgen -u)\" \"$cur\""
					 : "_tophash_words \"$(compgen -u)\" \"$cur\"");
		break;
	case COMPLETE_WORDS:
	case COMPLETE_LIST:
		buf_str(to, option->list ? "_tophash_list \"" : "_tophash_words \"");
		completion_put_words(to, option);
		buf_str(to, "\" \"$cur\"");
		break;
	}
	buf_str(to, " ;;\n");
}

static const char *operands(const struct verb_spec *verb)
{
	switch (verb->operands) {
	case OPERANDS_FILES:
	case OPERANDS_ADDRESS: return "_tophash_files \"$cur\"";
	case OPERANDS_VERB: return "_tophash_words \"$_tophash_verbs\" \"$cur\"";
	case OPERANDS_PROCESSES: return "_tophash_processes \"$cur\"";
	case OPERANDS_POD:
	case OPERANDS_COMMAND: break;
	}
	return ":";
}

static void put_option_names(struct buf *to, const struct verb_spec *verb)
{
	options_each(option, verb) {
		if (option->letter)
			buf_printf(to, "-%c ", option->letter);
		buf_printf(to, "--%s ", option->name);
	}
	buf_str(to, "--");
}

/* Appends an arm of `case $verb`: values of options, then options, then other words. */
static void put_verb(struct buf *to, const struct verb_spec *verb)
{
	buf_printf(to, "	%s)\n", verb->name);
	options_each(option, verb)
		if (option->implied)
			buf_printf(to, "		[[ $option:$cur != --%s:-* ]] || option=\n",
				   option->name);
	buf_str(to, "		case $option in\n");
	options_each(option, verb)
		if (option->argument)
			put_value(to, verb, option);
	buf_str(to, "		*)\n"
		    "			if [[ $cur == -* ]]; then\n"
		    "				_tophash_words \"");
	put_option_names(to, verb);
	buf_printf(to,
		   "\" \"$cur\"\n"
		   "			else\n"
		   "				%s\n"
		   "			fi\n"
		   "			;;\n"
		   "		esac\n"
		   "		;;\n",
		   operands(verb));
}

static void write_bash(const struct verb *verbs, struct buf *to)
{
	buf_str(to, head);
	buf_str(to, "_tophash_verbs='");
	completion_put_verbs(verbs, to);
	buf_str(to, "'\n"
		    "# Those that start a command, which stands after --.\n"
		    "_tophash_starters='");
	completion_put_starters(verbs, to);
	buf_str(to, "'\n\n");
	buf_str(to, body);
	for (const struct verb *verb = verbs; verb->spec; verb++)
		put_verb(to, verb->spec);
	buf_str(to, tail);
}

const struct completion completion_bash = {.shell = "bash", .write = write_bash};
