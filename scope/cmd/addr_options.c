#include "cmd/addr_options.h"
#include "read/explain/explain.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

const char *addr_help(void)
{
	return "usage: tophash addr [OPTION]... BINARY [PC]...\n"
	       "       tophash addr [OPTION]... -p PID [PC]...\n\n"
	       "Explains addresses: function, file:line, inlined calls; from the Go runtime's own\n"
	       "table, ELF symbols and debug information, side by side where they differ. Without\n"
	       "PCs they are taken out of standard input: a list, a crash report, a log.\n\n"
	       "Whose addresses:\n"
	       "  BINARY                 an executable or library: addresses as in the file\n"
	       "  -p, --pid PID          a running process: addresses as in the run, in any file\n"
	       "      --bias ADDR        what addresses of BINARY are too high by\n"
	       "      --return[=WHEN]    they are return addresses, what stands before is meant:\n"
	       "                         yes, no, auto (in the stacks of a text; the default)\n\n"
	       "From where:\n"
	       "      --source LIST      gopclntab, symbols, dwarf (commas between), or all; the\n"
	       "                         default asks dwarf only of what is no Go code\n\n"
	       "How to show it:\n"
	       "  -a, --annotate         leave the text of standard input as it is, and add\n"
	       "                         function and file:line to every address in it\n"
	       "      --format FORMAT    text (default) or json (one object a line)\n"
	       "  -o, --output FILE      write there instead of to standard output\n"
	       "  -v, --verbose          show what each source says, also where they agree\n"
	       "  -q, --quiet            no last line with the totals\n"
	       "  -h, --help             this text\n\n"
	       "Examples:\n"
	       "  tophash addr ./server 0x4a1b2d\n"
	       "  tophash addr -p 4711 7f3a12b4c1d0\n"
	       "  tophash addr --annotate ./server < crash.txt\n"
	       "  perf script | tophash addr --annotate -p 4711\n"
	       "  tophash addr --source all --format json ./server < pcs.txt\n\n"
	       "Exit status: 0 done; 1 failed; 2 usage; 3 no such target, or not an ELF file;\n"
	       "4 not permitted. See tophash-addr(1).\n";
}

enum { OPT_BIAS = 256, OPT_RETURN, OPT_SOURCE, OPT_FORMAT };

static const struct option long_options[] = {
	{"pid", required_argument, NULL, 'p'},
	{"bias", required_argument, NULL, OPT_BIAS},
	{"return", optional_argument, NULL, OPT_RETURN},
	{"source", required_argument, NULL, OPT_SOURCE},
	{"annotate", no_argument, NULL, 'a'},
	{"format", required_argument, NULL, OPT_FORMAT},
	{"output", required_argument, NULL, 'o'},
	{"quiet", no_argument, NULL, 'q'},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static bool parse_hex(const char *text, uint64_t *ret)
{
	const char *digits = text[0] == '0' && (text[1] | 32) == 'x' ? text + 2 : text;
	char *end;

	errno = 0;
	*ret = strtoull(digits, &end, 16);
	return isxdigit((unsigned char)*digits) && !*end && !errno;
}

struct error *addr_options_pc(const char *text, uint64_t *ret)
{
	if (parse_hex(text, ret))
		return NULL;
	return error_new(ERROR_USAGE, "%s: not an address; write it in hexadecimal, as 0x4a1b2d",
			 text);
}

static struct error *parse_pid(const char *text, pid_t *ret)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || value < 1 || value > INT32_MAX)
		return error_new(ERROR_USAGE, "-p %s: not a number from 1 to 2147483647", text);
	*ret = (pid_t)value;
	return NULL;
}

static struct error *parse_bias(const char *text, struct addr_options *ret)
{
	if (!parse_hex(text, &ret->bias))
		return error_new(ERROR_USAGE,
				 "--bias %s: not an address; write it in hexadecimal, "
				 "as 0x555555554000",
				 text);
	ret->bias_given = true;
	return NULL;
}

static struct error *parse_return(const char *text, enum addr_return *ret)
{
	if (!text || !strcmp(text, "yes"))
		*ret = ADDR_RETURN_YES;
	else if (!strcmp(text, "no"))
		*ret = ADDR_RETURN_NO;
	else if (!strcmp(text, "auto"))
		*ret = ADDR_RETURN_AUTO;
	else
		return error_new(ERROR_USAGE, "--return=%s: not one of yes, no, auto", text);
	return NULL;
}

static struct error *parse_source(const char *text, struct addr_options *ret)
{
	ret->sources = ret->fallback = 0;
	while (*text) {
		size_t len = strcspn(text, ","), i;

		for (i = 0; i < EXPLAIN_SOURCES; i++) {
			const char *name = explain_source_name((enum explain_source)i);

			if (strlen(name) == len && !strncmp(text, name, len))
				break;
		}
		if (i < EXPLAIN_SOURCES)
			ret->sources |= EXPLAIN_BIT(i);
		else if (len == 3 && !strncmp(text, "all", 3))
			ret->sources |= EXPLAIN_ALL;
		else
			return error_new(ERROR_USAGE,
					 "--source %.*s: not one of gopclntab, "
					 "symbols, dwarf, all",
					 (int)len, text);
		text += len + (text[len] == ',');
	}
	return ret->sources ? NULL
			    : error_new(ERROR_USAGE, "--source names no source: give "
						     "gopclntab, symbols, dwarf or all");
}

static struct error *parse_one(int option, const char *text, struct addr_options *ret)
{
	switch (option) {
	case 'p': return parse_pid(text, &ret->pid);
	case OPT_BIAS: return parse_bias(text, ret);
	case OPT_RETURN: return parse_return(text, &ret->returns);
	case OPT_SOURCE: return parse_source(text, ret);
	case OPT_FORMAT: ret->format = text; return NULL;
	case 'o': ret->output = text; return NULL;
	case 'a': ret->annotate = true; return NULL;
	case 'q': ret->quiet = true; return NULL;
	case 'v': ret->verbose = true; return NULL;
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
	if (optopt && optopt < 256 && !strchr("poaqvh", optopt))
		return error_new(ERROR_USAGE, "unknown option -%c (try tophash addr --help)",
				 optopt);
	return error_new(ERROR_USAGE, "unknown or ambiguous option %s (try tophash addr --help)",
			 given);
}

static struct error *check(const struct addr_options *options)
{
	uint64_t value;

	if (!options->binary && !options->pid)
		return error_new(ERROR_USAGE, "whose addresses? Give BINARY or -p PID "
					      "(try tophash addr --help)");
	if (options->pid && options->bias_given)
		return error_new(ERROR_USAGE, "--bias goes with a BINARY: with -p it is known");
	if (options->annotate && options->pc_n)
		return error_new(ERROR_USAGE,
				 "--annotate takes its text from standard input, not "
				 "\"%s\"",
				 options->pcs[0]);
	if (strcmp(options->format, "text") != 0 && strcmp(options->format, "json") != 0)
		return error_new(ERROR_USAGE, "--format %s: not one of text, json",
				 options->format);
	if (options->annotate && strcmp(options->format, "json") == 0)
		return error_new(ERROR_USAGE, "--annotate gives the text back: it has no json "
					      "form");
	for (size_t i = 0; i < options->pc_n; i++)
		try(addr_options_pc(options->pcs[i], &value));
	return NULL;
}

struct error *addr_options_parse(int argc, char **argv, struct addr_options *ret)
{
	uint32_t given = 0;
	int option;

	*ret = (struct addr_options){
		.format = "text",
		.sources = EXPLAIN_BIT(EXPLAIN_GOPCLNTAB) | EXPLAIN_BIT(EXPLAIN_SYMBOLS),
		.fallback = EXPLAIN_BIT(EXPLAIN_DWARF),
	};
	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":p:o:aqvh", long_options, NULL)) != -1) {
		if (option == 'h') {
			ret->help = true;
			return NULL;
		}
		if (option == '?' || option == ':')
			return usage_error(argv, option);
		try(check_once(option, &given));
		try(parse_one(option, optarg, ret));
	}
	if (!ret->pid && optind < argc)
		ret->binary = argv[optind++];
	ret->pcs = argv + optind;
	ret->pc_n = (size_t)(argc - optind);
	return check(ret);
}
