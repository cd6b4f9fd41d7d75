#include "cmd/sites_options.h"

#define AT(member) offsetof(struct sites_options, member)

static struct error *read_type(const char *text, void *options)
{
	struct sites_options *o = options;

	return filter_set_glob("--type", text, &o->filter.type_glob);
}

static struct error *read_site(const char *text, void *options)
{
	struct sites_options *o = options;

	return filter_set_glob("--site", text, &o->filter.site_glob);
}

static const char *const formats[] = {"text", "json", NULL};
static const char *const tables[] = {
	[SITE_BY_FUNCTION] = "function",
	[SITE_BY_TYPE] = "type",
	[SITE_BY_VARIANT] = "variant",
	[SITE_BY_PACKAGE] = "package",
	NULL,
};

/* clang-format off */
static const struct option_spec rows[] = {
	{.group = "What to show",
	 .argument = "BINARY", .kind = OPTION_OPERAND,
	 .help = "a Go program; of two, the differences are shown",
	 .man = "The file of a Go program. When two are given, their differences are shown (see "
		"\\fBTWO BINARIES\\fR)."},
	{.name = "type", .argument = "GLOB", .kind = OPTION_CUSTOM, .parse = read_type,
	 .help = "maps of this type, as Go prints it: 'map[string]*'",
	 .man = "Maps of a type, as Go prints it: 'map[string]*main.session'. Generic code matches "
		"when any of its instances does, or a type of its shape could. In patterns * and ? "
		"are wild, brackets are literal, and \\e quotes."},
	{.name = "site", .argument = "GLOB", .kind = OPTION_CUSTOM, .parse = read_site,
	 .help = "in this function or file:line, also when inlined",
	 .man = "In a function ('main.(*store).*'), or at file:line with or without the folder "
		"('store.go:61'). The functions that the delete is inlined into match too."},
	{.name = "summary", .kind = OPTION_FLAG, .at = AT(summary),
	 .help = "only how many, by function",
	 .man = "Prints only the number of sites, by function."},
	{.name = "by", .argument = "WHAT", .kind = OPTION_ENUM, .at = AT(by), .also = AT(summary),
	 .values = tables,
	 .help = "only how many, by function, type, variant or package",
	 .man = "Prints only the number of sites: by the function that has the delete, by the map's "
		"type, by variant, or by the package that holds the code. A delete that was "
		"inlined counts for the package that it was inlined into."},
	{.name = "asm", .argument = "SITE", .kind = OPTION_STRING, .at = AT(asm_of),
	 .help = "the instructions of a site and of the runtime function that it calls: an address, "
		 "file:line, or a function",
	 .man = "The instructions of the sites at an address, at file:line, or in a function. The "
		"address (0x...) is that of the call, or the one behind it, as stack traces have it. "
		"The function is a pattern as for \\fB--site\\fR. At most eight sites are shown. The "
		"instructions of a site begin behind the last jump or call before it, and end with its "
		"own call. Then come the instructions that the entry executes, with the fast entry "
		"beside the generic one, and those that they call on the way: on each the shortest "
		"path, by instructions, past the place where the element is removed, with their "
		"number. Growth and the ways on which the program ends are left out. The place of "
		"tophash-trace's probe is marked, with the reason below. Source lines stand in "
		"between, with their text where the file is found under the name that the program has "
		"for it. Instructions of x86-64 are in Intel's syntax. On arm64 trace has no probes, "
		"and none are shown."},

	{.group = "How to show it",
	 .name = "format", .argument = "FORMAT", .kind = OPTION_WORD, .at = AT(format),
	 .values = formats,
	 .help = "text (default) or json (one object a line)",
	 .man = "Text for people, or JSON Lines (see \\fBJSON\\fR)."},
	{.name = "output", .letter = 'o', .argument = "FILE", .kind = OPTION_FILE, .at = AT(output),
	 .help = "write there instead of to standard output",
	 .man = OPTION_OUTPUT_MAN},
	{.name = "wide", .kind = OPTION_FLAG, .at = AT(wide),
	 .help = "cut no line to the width of the terminal",
	 .man = "Cuts nothing on a terminal either. Without it, lines there are as long as the "
		"terminal is wide. Elsewhere nothing is ever cut."},

	{.group = "Other",
	 .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .at = AT(quiet),
	 .help = "one line a site; no messages but errors",
	 .man = "One line a site in the text form. No messages on standard error but errors."},
	{.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .at = AT(verbose),
	 .help = "say more",
	 .man = "Says more, on standard error: how long the search took."},
	OPTION_HELP_ROW(struct sites_options),
	{0},
};
/* clang-format on */

static const char *const synopsis[] = {
	"[OPTION]... BINARY",
	"[OPTION]... BINARY BINARY",
	"[OPTION]... --asm SITE BINARY",
	NULL,
};

static const char *const examples[] = {
	"tophash sites /usr/bin/etcd",
	"tophash sites --by package /usr/bin/etcd",
	"tophash sites --type 'map[string]*' --format json ./server",
	"tophash sites ./server.old ./server",
	"tophash sites --asm store.go:61 ./server",
	NULL,
};

const struct verb_spec sites_verb = {
	.name = "sites",
	.summary = "show where a Go binary deletes from maps, and by which calls",
	.question = "Where does a program delete from maps?",
	.synopsis = synopsis,
	.about =
		"Shows every place where a Go program takes elements out of maps, and what the "
		"compiler made of it. It reads the file alone, stripped or not, x86-64 or arm64. With "
		"two binaries it shows which sites came, went, or were compiled otherwise.",
	.options = rows,
	.operands = OPERANDS_FILES,
	.examples = examples,
	.exit_status =
		"Exit status: 0 done; 1 failed; 2 usage; 3 no such file, or not a Go program; "
		"4 not permitted.",
};

static struct error *check(const struct option_words *words, struct sites_options *ret)
{
	if (!words->n)
		return error_new(ERROR_USAGE, "no binary: give one, or two to compare "
					      "(try tophash sites --help)");
	if (words->n > 2)
		return error_new(ERROR_USAGE,
				 "\"%s\": what is it? At most two binaries can be given",
				 words->words[2]);
	ret->binary = words->words[0];
	ret->other = words->n > 1 ? words->words[1] : NULL;
	if (ret->other && (ret->asm_of || ret->summary))
		return error_new(ERROR_USAGE, "%s looks at one binary: give one only",
				 ret->asm_of ? "--asm" : "--summary, --by");
	if (ret->asm_of && ret->summary)
		return error_new(ERROR_USAGE, "--asm and --summary, --by contradict each other");
	if (ret->asm_of && (ret->filter.type_glob || ret->filter.site_glob))
		return error_new(ERROR_USAGE,
				 "--asm names its sites itself: --type and --site do not "
				 "go with it");
	if (ret->asm_of && strcmp(ret->format, "text") != 0)
		return error_new(ERROR_USAGE, "--asm is for people: it has no --format json");
	return NULL;
}

struct error *sites_options_parse(int argc, char **argv, struct sites_options *ret)
{
	struct option_words words;

	*ret = (struct sites_options){.format = "text", .by = SITE_BY_FUNCTION};
	try(options_parse(&sites_verb, argc, argv, ret, &words));
	return ret->help ? NULL : check(&words, ret);
}

void sites_options_fini(struct sites_options *options)
{
	filter_fini(&options->filter);
}
