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
	 .help = "a Go program; with two, their differences are shown",
	 .man = "The file of a Go program. When two are given, their differences are shown (see "
		"\\fBTWO BINARIES\\fR)."},
	{.name = "container", .letter = 'c', .argument = "NAME|ID", .kind = OPTION_STRING,
	 .local = "it names a container of this machine, and the pod tells what to read",
	 .at = AT(container),
	 .help = "the program of a running container, in place of a file",
	 .man = "The Go program of a running container, by its name, its id, or the beginning of its id, in "
		"place of a file. With \\fB--pod\\fR it is a container of that pod."},
	{.name = "pod", .argument = "[NS/]NAME", .kind = OPTION_STRING, .at = AT(pod),
	 .local = "it names a container of this machine, and the pod tells what to read",
	 .help = "the program of a Kubernetes pod on this node",
	 .man = "The Go program of a pod of Kubernetes that runs on this node, in place of a file. If it has "
		"several programs, they are listed, and the run ends."},
	{.name = "runtime-socket", .argument = "PATH", .kind = OPTION_FILE, .at = AT(runtime_socket),
	 .local = "it names a socket of this machine, and the pod tells what to read",
	 .help = "the socket of the runtime that knows the container",
	 .man = "The socket of the container runtime that is asked about \\fB--container\\fR and "
		"\\fB--pod\\fR, if it is not where it usually is: the HTTP API of Docker, which podman "
		"has as well, or CRI of containerd and CRI-O."},
	{.name = "type", .argument = "GLOB", .kind = OPTION_CUSTOM, .parse = read_type,
	 .help = "maps of this type, as Go prints it: 'map[string]*'",
	 .man = "Maps of a type, as Go prints it: 'map[string]*main.session'. Generic code "
		"matches if any of its instances does, or if a type of its shape could. In "
		"patterns * and ? are wild, brackets are literal, and \\e quotes."},
	{.name = "site", .argument = "GLOB", .kind = OPTION_CUSTOM, .parse = read_site,
	 .help = "in this function or file:line, also when inlined",
	 .man = "In a function ('main.(*store).*'), or at file:line with or without the folder "
		"('store.go:61'). The functions that the delete is inlined into match too."},
	{.name = "summary", .kind = OPTION_FLAG, .at = AT(summary),
	 .help = "only count the sites, by function",
	 .man = "Prints only the number of sites, by function."},
	{.name = "by", .argument = "WHAT", .kind = OPTION_ENUM, .at = AT(by), .also = AT(summary),
	 .values = tables,
	 .help = "only count the sites, by function, type, variant or package",
	 .man = "Prints only the number of sites: by the function that has the delete, by the map's "
		"type, by variant, or by the package that holds the code. A delete that was "
		"inlined counts for the package that it was inlined into."},
	{.name = "asm", .argument = "SITE", .kind = OPTION_STRING, .at = AT(asm_of),
	 .help = "the instructions of a site and of the runtime function that it calls: an address, "
		 "file:line, or a function",
	 .man = "Shows the instructions of the sites at an address, at file:line, or in a "
		"function. The address (0x...) is that of the call, or the one after it, which "
		"stack traces have. The function is a pattern as for \\fB--site\\fR. At most "
		"eight sites are shown. The instructions of a site begin after the last jump or "
		"call before it, and end with its own call. The instructions that the entry "
		"executes follow; a fast entry is shown beside the generic one. Then come the "
		"functions that they call on the way. Each function is shown with its shortest "
		"path past the removal, and the number of instructions on it. Code for growth, "
		"and paths on which the program ends, are left out. The place of the probe of "
		"tophash-trace is marked, with the reason below. Source lines are shown between "
		"the instructions, with their text if the file is found under the name that the "
		"program has for it. Instructions of x86-64 are in Intel's syntax. On arm64 "
		"trace has no probes, so none are shown."},

	OPTION_FORMAT_ROW(struct sites_options, "How to show it", option_formats,
			  "JSON Lines (see \\fBJSON\\fR)"),
	OPTION_OUTPUT_ROW(struct sites_options, ""),
	OPTION_WIDE_ROW(struct sites_options),

	{.group = "Other",
	 .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .at = AT(quiet),
	 .help = "one line for each site; only errors on standard error",
	 .man = "Prints one line for each site in the text form. Prints only errors on standard "
		"error."},
	{.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .at = AT(verbose),
	 .help = "print more messages",
	 .man = "Prints more messages on standard error: how long the search took."},
	OPTION_HELP_ROW(struct sites_options),
	{0},
};
/* clang-format on */

static const char *const synopsis[] = {
	"[OPTION]... BINARY",
	"[OPTION]... BINARY BINARY",
	"[OPTION]... --asm SITE BINARY",
	"[OPTION]... --pod [NS/]NAME [-c NAME]",
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
	.about = "Shows every place where a Go program removes elements from maps, and the call "
		 "that the compiler chose for it. It reads only the file, stripped or not, for "
		 "x86-64 or arm64. With two binaries it shows which sites are new, are gone, or "
		 "were compiled differently.",
	.options = rows,
	.operands = OPERANDS_FILES,
	.examples = examples,
	.exit_status =
		"Exit status: 0 done; 1 failed; 2 usage; 3 no such file, or not a Go program; "
		"4 not permitted.",
};

/* Takes the program or the programs: files, or that of a container. */
static struct error *take_programs(const struct option_words *words, struct sites_options *ret)
{
	const char *of = ret->pod ? "--pod" : ret->container ? "--container" : NULL;

	if (of && words->n)
		return error_new(ERROR_USAGE, "unexpected \"%s\": %s already names the program",
				 words->words[0], of);
	if (of)
		return NULL;
	if (!words->n)
		return error_new(ERROR_USAGE, "no binary is given: give one, or two to compare "
					      "(try tophash sites --help)");
	if (words->n > 2)
		return error_new(ERROR_USAGE,
				 "unexpected \"%s\": at most two binaries can be given",
				 words->words[2]);
	ret->binary = words->words[0];
	ret->other = words->n > 1 ? words->words[1] : NULL;
	return NULL;
}

static struct error *check(const struct option_words *words, struct sites_options *ret)
{
	try(take_programs(words, ret));
	if (ret->runtime_socket && !ret->container && !ret->pod)
		return error_new(ERROR_USAGE,
				 "--runtime-socket tells who knows a container: use it "
				 "with --container or --pod");
	if (ret->other && (ret->asm_of || ret->summary))
		return error_new(ERROR_USAGE, "%s one binary: give only one",
				 ret->asm_of ? "--asm works on" : "--summary and --by work on");
	if (ret->asm_of && ret->summary)
		return error_new(ERROR_USAGE, "--asm does not go with --summary or --by");
	if (ret->asm_of && (ret->filter.type_glob || ret->filter.site_glob))
		return error_new(ERROR_USAGE,
				 "--asm already names its sites: leave out --type and --site");
	if (ret->asm_of && strcmp(ret->format, "text") != 0)
		return error_new(ERROR_USAGE, "--asm prints text for people: leave out --format "
					      "json");
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
