#include "cmd/tether_options.h"
#include "cmd/cmd.h"

#define AT(member) offsetof(struct tether_options, member)

/* clang-format off */
static const struct option_spec rows[] = {
	{.group = "Options",
	 .argument = "-- VERB [ARG]...", .kind = OPTION_OPERAND,
	 .help = "the verb to run, with its options",
	 .man = "The verb to run, with its options. help and tether are refused."},
	{.name = "patience", .argument = "TIME", .kind = OPTION_DURATION, .at = AT(patience_ns),
	 .min = 100000000, .max = 3600ull * 1000000000,
	 .help = "end when nothing was heard for TIME (30s)",
	 .man = "Ends the verb when nothing has come on standard input for this time, from 100ms to "
		"1h. The default is 30s."},
	OPTION_HELP_ROW(struct tether_options),
	{0},
};
/* clang-format on */

static const char *const synopsis[] = {"[OPTION]... -- VERB [ARG]...", NULL};
static const char *const examples[] = {
	"(echo g; sleep 60; echo s; cat) | tophash tether -- trace -p 4711", NULL};

const struct verb_spec tether_verb = {
	.name = "tether",
	.summary = "run a verb for somebody at the other end of a connection",
	.question = "How does a verb end when its reader is gone?",
	.synopsis = synopsis,
	.about =
		"Runs a verb for somebody at the other end of a connection, and ends it when he is "
		"gone. This is what kubectl-tophash(1) runs on a node.",
	.options = rows,
	.operands = OPERANDS_COMMAND,
	.examples = examples,
	.exit_status = "Exit status: that of the verb; 1 nobody was there, or the verb had to be "
		       "killed; 2 usage.",
};

static bool is_verb(const char *name)
{
	for (const struct verb *verb = verbs; verb->spec; verb++)
		if (!strcmp(verb->spec->name, name))
			return verb->spec != &tether_verb && verb->spec != &help_verb;
	return false;
}

struct error *tether_options_parse(int argc, char **argv, struct tether_options *ret)
{
	struct option_words words;

	*ret = (struct tether_options){.patience_ns = 30ull * 1000000000};
	try(options_parse(&tether_verb, argc, argv, ret, &words));
	if (ret->help)
		return NULL;
	if (!words.n)
		return error_new(ERROR_USAGE,
				 "nothing to run: give -- VERB (try tophash tether --help)");
	if (!is_verb(words.words[0]))
		return error_new(ERROR_USAGE,
				 "tether cannot run \"%.80s\": it runs the verbs of tophash",
				 words.words[0]);
	ret->command = words.words;
	ret->n = (int)words.n;
	return NULL;
}
