#include "cmd/ps_options.h"
#include "live/choice/choice.h"

#define AT(member) offsetof(struct ps_options, member)

static struct error *read_user(const char *text, void *options)
{
	struct ps_options *o = options;

	try(choice_user(text, &o->uid));
	o->of_user = true;
	return NULL;
}

/* clang-format off */
static const struct option_spec rows[] = {
	{.group = "What to show",
	 .argument = "PID|NAME", .kind = OPTION_OPERAND,
	 .help = "only these; a name is that of the program's file",
	 .man = "Only these processes. A name is that of the program's file, without its folder, or the "
		"name that the kernel shows. In names * and ? are wild."},
	{.name = "uid", .argument = "USER", .kind = OPTION_USER, .parse = read_user,
	 .help = "only processes of this user, a name or a number",
	 .man = "Only processes whose effective user is this one, a name or a number."},

	OPTION_FORMAT_ROW(struct ps_options, "How to show it", option_formats,
			  "JSON Lines (see \\fBJSON\\fR)"),
	OPTION_OUTPUT_ROW(struct ps_options, ""),
	OPTION_WIDE_ROW(struct ps_options),

	{.group = "Other",
	 .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .at = AT(quiet),
	 .help = "only errors on standard error",
	 .man = "Prints only errors on standard error."},
	OPTION_HELP_ROW(struct ps_options),
	{0},
};
/* clang-format on */

static const char *const synopsis[] = {"[OPTION]... [PID|NAME]...", NULL};

static const char legend[] =
	"Columns:\n"
	"  GO and MAPS are the release that built the program, and the layout of its\n"
	"  maps. CONTAINER is the runtime, and the name of the container or digits of its id.\n"
	"  NOTES has what is unusual: why trace cannot watch the process, that its\n"
	"  program is stripped, and which plugins and libraries written in Go it has.\n";

static const char *const examples[] = {
	"tophash ps",
	"tophash ps 'shop*'",
	"tophash ps --uid www-data --format json",
	NULL,
};

const struct verb_spec ps_verb = {
	.name = "ps",
	.summary = "list the processes that have Go code",
	.question = "Which Go programs run here, and can they be traced?",
	.synopsis = synopsis,
	.about = "Lists the processes that have Go code: Go programs, and programs in other\n"
		 "languages that use a library written in Go. Attaches to nothing.",
	.options = rows,
	.operands = OPERANDS_PROCESSES,
	.legend = legend,
	.examples = examples,
	.exit_status = "Exit status: 0 done, also when there is none; 1 failed; 2 usage;\n"
		       "4 /proc cannot be used.",
};

struct error *ps_options_parse(int argc, char **argv, struct ps_options *ret)
{
	struct option_words words;

	*ret = (struct ps_options){.format = "text"};
	try(options_parse(&ps_verb, argc, argv, ret, &words));
	ret->wanted = words.words;
	ret->wanted_n = words.n;
	return NULL;
}
