#include "cmd/trace_options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

const char *trace_help(void)
{
	return "usage: tophash trace [OPTION]... -p PID\n"
	       "       tophash trace [OPTION]... -b BINARY\n"
	       "       tophash trace [OPTION]... -- COMMAND [ARG]...\n\n"
	       "Shows every element that leaves a hash map of a running, unmodified Go program:\n"
	       "which key, which map, and which line of source removed it.\n\n"
	       "What to trace:\n"
	       "  -p, --pid PID          a running process\n"
	       "  -b, --binary FILE      every process of a binary, also those started later\n"
	       "  -- COMMAND [ARG]...    starts it and traces it from its first instruction\n\n"
	       "What to show:\n"
	       "  -k, --key KEY          deletes of this key (a word, or JSON), and clears\n"
	       "      --key-prefix TEXT  deletes of string keys that begin so, and clears\n"
	       "      --type GLOB        maps of this type, as Go prints it: 'map[string]*'\n"
	       "      --map ADDR         one map (with -p or a command)\n"
	       "      --site GLOB        removed by this function or file:line\n"
	       "      --goid N           removed by this goroutine\n"
	       "      --misses           also deletes that removed nothing\n"
	       "      --limit N          stop after N events\n"
	       "      --duration TIME    stop after TIME: 10, 10s, 500ms, 2m\n\n"
	       "How to show it:\n"
	       "      --format FORMAT    text (default) or json (one object a line)\n"
	       "  -o, --output FILE      write there instead of to standard output\n"
	       "      --summary[=BY]     only a table at the end: site (default), map, type, key\n"
	       "      --stack N          keep N frames (64; at most 512); text shows them\n"
	       "      --key-bytes N      keep N bytes of each string (64; at most 256)\n\n"
	       "Other:\n"
	       "      --buffer SIZE      of the ring buffer (16M)\n"
	       "      --dry-run          show each probe, where and why; attach nothing\n"
	       "  -q, --quiet            no messages on standard error but errors\n"
	       "  -v, --verbose          say more\n"
	       "  -h, --help             this text\n\n"
	       "Examples:\n"
	       "  tophash trace -p 4711 --key user:42\n"
	       "  tophash trace -p 4711 --type 'map[string]*main.session' --summary\n"
	       "  tophash trace --format json -o events.json -- ./server -port 8080\n\n"
	       "Exit status: 0 done; 1 failed; 2 usage; 3 no such target or not traceable;\n"
	       "4 not permitted; 5 done, but events were lost. See tophash-trace(1).\n";
}

enum {
	OPT_KEY_PREFIX = 256,
	OPT_TYPE,
	OPT_MAP,
	OPT_SITE,
	OPT_GOID,
	OPT_MISSES,
	OPT_LIMIT,
	OPT_DURATION,
	OPT_FORMAT,
	OPT_SUMMARY,
	OPT_STACK,
	OPT_KEY_BYTES,
	OPT_BUFFER,
	OPT_DRY_RUN,
};

static const struct option long_options[] = {
	{"pid", required_argument, NULL, 'p'},
	{"binary", required_argument, NULL, 'b'},
	{"key", required_argument, NULL, 'k'},
	{"key-prefix", required_argument, NULL, OPT_KEY_PREFIX},
	{"type", required_argument, NULL, OPT_TYPE},
	{"map", required_argument, NULL, OPT_MAP},
	{"site", required_argument, NULL, OPT_SITE},
	{"goid", required_argument, NULL, OPT_GOID},
	{"misses", no_argument, NULL, OPT_MISSES},
	{"limit", required_argument, NULL, OPT_LIMIT},
	{"duration", required_argument, NULL, OPT_DURATION},
	{"format", required_argument, NULL, OPT_FORMAT},
	{"output", required_argument, NULL, 'o'},
	{"summary", optional_argument, NULL, OPT_SUMMARY},
	{"stack", required_argument, NULL, OPT_STACK},
	{"key-bytes", required_argument, NULL, OPT_KEY_BYTES},
	{"buffer", required_argument, NULL, OPT_BUFFER},
	{"dry-run", no_argument, NULL, OPT_DRY_RUN},
	{"quiet", no_argument, NULL, 'q'},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static struct error *parse_number(const char *option, const char *text, uint64_t min, uint64_t max,
				  uint64_t *ret)
{
	bool hex = text[0] == '0' && (text[1] | 32) == 'x';
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, hex ? 16 : 10); /* 010 is ten */
	if (errno || !isdigit((unsigned char)*text) || *end || *ret < min || *ret > max)
		return error_new(ERROR_USAGE, "%s %s: not a number from %llu to %llu", option, text,
				 (unsigned long long)min, (unsigned long long)max);
	return NULL;
}

static struct error *parse_duration(const char *text, uint64_t *ret)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {
		{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"m", 60e9}, {"h", 3600e9},
	};
	char *end;
	double value = strtod(text, &end);

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		double ns = value * units[i].ns;

		if (end != text && !strcmp(end, units[i].unit) && ns >= 1e6 && ns < 1e18) {
			*ret = (uint64_t)ns;
			return NULL;
		}
	}
	return error_new(ERROR_USAGE, "--duration %s: not a time; write 10, 10s, 500ms or 2m",
			 text);
}

static struct error *parse_size(const char *text, uint64_t *ret)
{
	static const struct {
		const char *unit;
		unsigned shift;
	} units[] = {
		{"", 0}, {"K", 10}, {"KiB", 10}, {"M", 20}, {"MiB", 20}, {"G", 30}, {"GiB", 30},
	};
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (end == text || errno || *text == '-' || strcmp(end, units[i].unit) != 0 ||
		    value > UINT64_MAX >> units[i].shift)
			continue;
		*ret = (uint64_t)value << units[i].shift;
		if (*ret >= 64 << 10 && *ret <= 1ull << 30)
			return NULL;
	}
	return error_new(ERROR_USAGE, "--buffer %s: not a size from 64K to 1G", text);
}

static struct error *parse_summary(const char *text, struct trace_options *ret)
{
	static const char *const names[] = {
		[AGGR_BY_SITE] = "site",
		[AGGR_BY_MAP] = "map",
		[AGGR_BY_TYPE] = "type",
		[AGGR_BY_KEY] = "key",
	};

	ret->summary = true;
	ret->summary_by = AGGR_BY_SITE;
	for (size_t i = 0; text && i < ARRAY_SIZE(names); i++) {
		if (!strcmp(text, names[i])) {
			ret->summary_by = (enum aggr_by)i;
			return NULL;
		}
	}
	return text ? error_new(ERROR_USAGE, "--summary=%s: not one of site, map, type, key", text)
		    : NULL;
}

static struct error *parse_key(int option, const char *text, struct trace_options *ret)
{
	if (ret->filter.key)
		return error_new(ERROR_USAGE, "only one of --key and --key-prefix can be given");
	return filter_set_key(&ret->filter, text, option == OPT_KEY_PREFIX);
}

static struct error *parse_small(const char *option, const char *text, uint64_t max, uint32_t *ret)
{
	uint64_t value = 0;
	struct error *err = parse_number(option, text, 1, max, &value);

	*ret = (uint32_t)value;
	return err;
}

static struct error *parse_one(int option, const char *text, struct trace_options *ret)
{
	uint64_t number = 0;

	switch (option) {
	case 'p':
		try(parse_number("-p", text, 1, INT32_MAX, &number));
		ret->pid = (pid_t)number;
		return NULL;
	case 'b': ret->binary = text; return NULL;
	case 'k':
	case OPT_KEY_PREFIX: return parse_key(option, text, ret);
	case OPT_TYPE: return filter_set_glob("--type", text, &ret->filter.type_glob);
	case OPT_SITE: return filter_set_glob("--site", text, &ret->filter.site_glob);
	case OPT_MAP: return parse_number("--map", text, 1, UINT64_MAX, &ret->filter.map);
	case OPT_GOID: return parse_number("--goid", text, 1, UINT64_MAX, &ret->filter.goid);
	case OPT_MISSES: ret->misses = true; return NULL;
	case OPT_LIMIT: return parse_number("--limit", text, 1, UINT64_MAX, &ret->limit);
	case OPT_DURATION: return parse_duration(text, &ret->duration_ns);
	case OPT_FORMAT: ret->format = text; return NULL;
	case 'o': ret->output = text; return NULL;
	case OPT_SUMMARY: return parse_summary(text, ret);
	case OPT_STACK:
		ret->show_stack = true;
		return parse_small("--stack", text, ENGINE_STACK_MAX, &ret->stack_max);
	case OPT_KEY_BYTES:
		return parse_small("--key-bytes", text, ENGINE_KEY_BYTES_MAX, &ret->key_bytes);
	case OPT_BUFFER: return parse_size(text, &ret->buffer_size);
	case OPT_DRY_RUN: ret->dry_run = true; return NULL;
	case 'q': ret->quiet = true; return NULL;
	case 'v': ret->verbose = true; return NULL;
	default: return NULL;
	}
}

static struct error *check(const struct trace_options *options)
{
	int targets = (options->pid != 0) + (options->binary != NULL) + (options->command != NULL);

	if (!targets)
		return error_new(ERROR_USAGE, "nothing to trace: give -p PID, -b BINARY or "
					      "-- COMMAND (try tophash trace --help)");
	if (targets > 1)
		return error_new(ERROR_USAGE, "only one of -p, -b and -- COMMAND can be given");
	if (options->filter.map && options->binary)
		return error_new(ERROR_USAGE, "--map names a map of one process: use it with -p or "
					      "-- COMMAND, not with -b");
	if (options->quiet && options->verbose)
		return error_new(ERROR_USAGE, "-q and -v contradict each other");
	if (strcmp(options->format, "text") != 0 && strcmp(options->format, "json") != 0)
		return error_new(ERROR_USAGE, "--format %s: not one of text, json",
				 options->format);
	return NULL;
}

static struct error *usage_error(char **argv, int option)
{
	const char *given = argv[optind - 1];

	if (option == ':')
		return error_new(ERROR_USAGE, "option %s needs a value", given);
	/* A letter that is none of ours. (One of ours: --quiet=1. `given` may be the word before.) */
	if (optopt && optopt < 256 && !strchr("pbkoqvh", optopt))
		return error_new(ERROR_USAGE, "unknown option -%c (try tophash trace --help)",
				 optopt);
	return error_new(ERROR_USAGE, "unknown or ambiguous option %s (try tophash trace --help)",
			 given);
}

/* An option that takes a value does so once: of two, one would be lost in silence. given: a bit for
 * each of long_options. */
static struct error *check_once(int option, uint32_t *given)
{
	static_assert(ARRAY_SIZE(long_options) <= 32, "a bit for each");

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

struct error *trace_options_parse(int argc, char **argv, struct trace_options *ret)
{
	uint32_t given = 0;
	int option;

	*ret = (struct trace_options){
		.format = "text", .key_bytes = 64, .stack_max = 64, .buffer_size = 16 << 20};
	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:p:b:k:o:qvh", long_options, NULL)) != -1) {
		if (option == 'h') {
			ret->help = true;
			return NULL;
		}
		if (option == '?' || option == ':')
			return usage_error(argv, option);
		try(check_once(option, &given));
		try(parse_one(option, optarg, ret));
	}
	if (optind < argc) {
		if (strcmp(argv[optind - 1], "--") != 0)
			return error_new(
				ERROR_USAGE,
				"\"%s\": what is it? A command goes after --, a process id "
				"after -p",
				argv[optind]);
		ret->command = argv + optind;
	} else if (optind > 1 && !strcmp(argv[optind - 1], "--")) {
		return error_new(ERROR_USAGE, "no command after --");
	}
	return check(ret);
}

void trace_options_fini(struct trace_options *options)
{
	filter_fini(&options->filter);
}
