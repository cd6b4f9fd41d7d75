#include "cmd/doctor_options.h"

#define AT(member) offsetof(struct doctor_options, member)

/* clang-format off */
static const struct option_spec rows[] = {
	{.group = "What to look at",
	 .argument = "FILE", .kind = OPTION_OPERAND,
	 .help = "a program or library, too: can it be traced, has it debug information?",
	 .man = "A program, a plugin or a library as well: whether it can be traced, and what "
		"is known of its functions."},
	{.name = "pid", .letter = 'p', .argument = "PID|NAME", .kind = OPTION_PROCESS,
	 .at = AT(process),
	 .help = "a running process, too",
	 .man = "A running process as well, by its id or by the name of its program, if only one "
		"process has it: whether it may be looked at and can be traced, and "
		"what is unusual about it."},

	OPTION_FORMAT_ROW(struct doctor_options, "How to show it", option_formats,
			  "JSON Lines (see \\fBJSON\\fR)"),
	OPTION_OUTPUT_ROW(struct doctor_options, ""),
	OPTION_WIDE_ROW(struct doctor_options),

	OPTION_HELP_ROW(struct doctor_options),
	{0},
};
/* clang-format on */

static const char *const synopsis[] = {"[OPTION]... [-p PID|NAME] [FILE]", NULL};

static const char legend[] =
	"States:\n"
	"  ok       works\n"
	"  limited  trace works, but something is missing; the line below says what\n"
	"  fails    trace does not work; the line below is the message of trace\n";

static const char *const examples[] = {
	"tophash doctor",
	"tophash doctor -p 4711",
	"tophash doctor ./server",
	"tophash doctor --format json | jq 'select(.state != \"ok\")'",
	NULL,
};

const struct verb_spec doctor_verb = {
	.name = "doctor",
	.summary = "tell what will work on this machine, and why not",
	.question = "Will trace work here, and if not, why?",
	.synopsis = synopsis,
	.about = "Tells what will work here before anything is attached: the kernel, the rights of "
		 "the caller, the settings of the machine; with a process or a file also what will "
		 "work with it. Nothing is attached to a program.",
	.options = rows,
	.operands = OPERANDS_FILES,
	.legend = legend,
	.examples = examples,
	.exit_status = "Exit status: 0 trace will work; otherwise the code with which trace\n"
		       "would end: 1 failed; 3 no such target, or it cannot be traced;\n"
		       "4 no permission, or the kernel lacks something. 2: wrong usage.",
};

struct error *doctor_options_parse(int argc, char **argv, struct doctor_options *ret)
{
	struct option_words words;

	*ret = (struct doctor_options){.format = "text"};
	try(options_parse(&doctor_verb, argc, argv, ret, &words));
	if (words.n > 1)
		return error_new(ERROR_USAGE, "\"%.80s\": only one FILE can be given",
				 words.words[1]);
	ret->file = words.n ? words.words[0] : NULL;
	return NULL;
}
