#include "cmd/sites_options.h"

#include <getopt.h>

const char *sites_help(void)
{
	return "usage: tophash sites [OPTION]... BINARY\n"
	       "       tophash sites [OPTION]... BINARY BINARY\n"
	       "       tophash sites [OPTION]... --asm SITE BINARY\n\n"
	       "Shows every place where a Go program takes elements out of maps, and what the\n"
	       "compiler made of it; from the file alone, stripped or not, x86-64 or arm64.\n"
	       "With two binaries: which sites came, went, or were compiled otherwise.\n\n"
	       "What to show:\n"
	       "      --type GLOB        maps of this type, as Go prints it: 'map[string]*'\n"
	       "      --site GLOB        in this function or file:line, also when inlined\n"
	       "      --summary          only how many, by function\n"
	       "      --by WHAT          only how many, by function, type, variant or package\n"
	       "      --asm SITE         the instructions of a site and of the runtime function\n"
	       "                         that it calls: an address, file:line, or a function\n\n"
	       "How to show it:\n"
	       "      --format FORMAT    text (default) or json (one object a line)\n"
	       "  -o, --output FILE      write there instead of to standard output\n"
	       "  -q, --quiet            text: one line a site\n"
	       "  -h, --help             this text\n\n"
	       "Examples:\n"
	       "  tophash sites /usr/bin/etcd\n"
	       "  tophash sites --by package /usr/bin/etcd\n"
	       "  tophash sites --type 'map[string]*' --format json ./server\n"
	       "  tophash sites ./server.old ./server\n"
	       "  tophash sites --asm store.go:61 ./server\n\n"
	       "Exit status: 0 done; 1 failed; 2 usage; 3 no such file, or not a Go program.\n"
	       "See tophash-sites(1).\n";
}

enum { OPT_TYPE = 256, OPT_SITE, OPT_SUMMARY, OPT_BY, OPT_ASM, OPT_FORMAT };

static const struct option long_options[] = {
	{"type", required_argument, NULL, OPT_TYPE},
	{"site", required_argument, NULL, OPT_SITE},
	{"summary", no_argument, NULL, OPT_SUMMARY},
	{"by", required_argument, NULL, OPT_BY},
	{"asm", required_argument, NULL, OPT_ASM},
	{"format", required_argument, NULL, OPT_FORMAT},
	{"output", required_argument, NULL, 'o'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static struct error *parse_by(const char *text, struct sites_options *ret)
{
	static const char *const names[] = {
		[SITE_BY_FUNCTION] = "function",
		[SITE_BY_TYPE] = "type",
		[SITE_BY_VARIANT] = "variant",
		[SITE_BY_PACKAGE] = "package",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(text, names[i])) {
			ret->summary = true;
			ret->by = (enum site_by)i;
			return NULL;
		}
	}
	return error_new(ERROR_USAGE, "--by %s: not one of function, type, variant, package", text);
}

static struct error *parse_one(int option, const char *text, struct sites_options *ret)
{
	switch (option) {
	case OPT_TYPE: return filter_set_glob("--type", text, &ret->filter.type_glob);
	case OPT_SITE: return filter_set_glob("--site", text, &ret->filter.site_glob);
	case OPT_SUMMARY: ret->summary = true; return NULL;
	case OPT_BY: return parse_by(text, ret);
	case OPT_ASM: ret->asm_of = text; return NULL;
	case OPT_FORMAT: ret->format = text; return NULL;
	case 'o': ret->output = text; return NULL;
	case 'q': ret->quiet = true; return NULL;
	default: return NULL;
	}
}

/* An option that takes a value does so once: of two, one would be lost in silence. */
static struct error *check_once(int option, uint32_t *given)
{
	for (size_t i = 0; long_options[i].name; i++) {
		if (long_options[i].val != option || long_options[i].has_arg == no_argument)
			continue;
		if (*given & 1u << i)
			return error_new(ERROR_USAGE, "--%s can be given once only",
					 long_options[i].name);
		*given |= 1u << i;
	}
	return NULL;
}

static struct error *usage_error(char **argv, int option)
{
	const char *given = argv[optind - 1];

	if (option == ':')
		return error_new(ERROR_USAGE, "option %s needs a value", given);
	if (optopt && optopt < 256 && !strchr("oqh", optopt))
		return error_new(ERROR_USAGE, "unknown option -%c (try tophash sites --help)",
				 optopt);
	return error_new(ERROR_USAGE, "unknown or ambiguous option %s (try tophash sites --help)",
			 given);
}

static struct error *check(int words, char **argv, struct sites_options *ret)
{
	if (!words)
		return error_new(ERROR_USAGE, "no binary: give one, or two to compare "
					      "(try tophash sites --help)");
	if (words > 2)
		return error_new(ERROR_USAGE,
				 "\"%s\": what is it? At most two binaries can be given", argv[2]);
	ret->binary = argv[0];
	ret->other = words > 1 ? argv[1] : NULL;
	if (ret->other && (ret->asm_of || ret->summary))
		return error_new(ERROR_USAGE, "%s looks at one binary: give one only",
				 ret->asm_of ? "--asm" : "--summary, --by");
	if (ret->asm_of && ret->summary)
		return error_new(ERROR_USAGE, "--asm and --summary, --by contradict each other");
	if (ret->asm_of && (ret->filter.type_glob || ret->filter.site_glob))
		return error_new(ERROR_USAGE,
				 "--asm names its sites itself: --type and --site do not "
				 "go with it");
	if (strcmp(ret->format, "text") != 0 && strcmp(ret->format, "json") != 0)
		return error_new(ERROR_USAGE, "--format %s: not one of text, json", ret->format);
	if (ret->asm_of && strcmp(ret->format, "text") != 0)
		return error_new(ERROR_USAGE, "--asm is for people: it has no --format json");
	return NULL;
}

struct error *sites_options_parse(int argc, char **argv, struct sites_options *ret)
{
	uint32_t given = 0;
	int option;

	*ret = (struct sites_options){.format = "text", .by = SITE_BY_FUNCTION};
	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":o:qh", long_options, NULL)) != -1) {
		if (option == 'h') {
			ret->help = true;
			return NULL;
		}
		if (option == '?' || option == ':')
			return usage_error(argv, option);
		try(check_once(option, &given));
		try(parse_one(option, optarg, ret));
	}
	return check(argc - optind, argv + optind, ret);
}

void sites_options_fini(struct sites_options *options)
{
	filter_fini(&options->filter);
}
