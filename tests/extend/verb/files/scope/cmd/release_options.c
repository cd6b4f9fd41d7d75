#include "cmd/cmd.h"
#include "cmd/release_options.h"

#define AT(member) offsetof(struct release_options, member)

/* clang-format off */
static const struct option_spec rows[] = {
	{.group = "What to read",
	 .argument = "BINARY", .kind = OPTION_OPERAND,
	 .help = "a Go program",
	 .man = "The file of a Go program."},
	{.group = "Other",
	 .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .at = AT(quiet),
	 .help = "the release alone",
	 .man = "Prints the release alone, without the file."},
	OPTION_HELP_ROW(struct release_options),
	{0},
};
/* clang-format on */

static const char *const synopsis[] = {"[OPTION]... BINARY", NULL};
static const char *const examples[] = {"tophash release /usr/bin/etcd", NULL};

const struct verb_spec release_verb = {
	.name = "release",
	.summary = "show which Go release made a binary",
	.question = "Which Go made this program?",
	.synopsis = synopsis,
	.about = "Shows the release of Go that a program was built with. It reads the file alone.",
	.options = rows,
	.operands = OPERANDS_FILES,
	.examples = examples,
	.exit_status = "Exit status: 0 done; 1 failed; 2 usage; 3 no such file, or no Go program.",
};

struct error *release_options_parse(int argc, char **argv, struct release_options *ret)
{
	struct option_words words;

	*ret = (struct release_options){0};
	try(options_parse(&release_verb, argc, argv, ret, &words));
	if (ret->help)
		return NULL;
	if (words.n != 1)
		return error_new(ERROR_USAGE, "give one binary (try tophash release --help)");
	ret->binary = words.words[0];
	return NULL;
}
