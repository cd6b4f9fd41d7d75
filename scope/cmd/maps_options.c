#include "cmd/maps_options.h"
#include "base/text/text.h"

#include <stdlib.h>

enum { VALUE_BYTES = 256, VALUE_BYTES_MAX = 65536, MAX_STOP_NS = 100000000 };

#define AT(member) offsetof(struct maps_options, member)

static const char *const orders[] = {
	[MAPS_BY_WASTE] = "waste", [MAPS_BY_BYTES] = "bytes",
	[MAPS_BY_LEN] = "len",	   [MAPS_BY_CAPACITY] = "capacity",
	[MAPS_BY_TYPE] = "type",   [MAPS_BY_MAP] = "map",
	[MAPS_BY_MAPS] = "maps",   NULL,
};

/* Returns word i of --by. */
static const char *grouping(size_t i)
{
	const struct map_grouping_words *words = map_grouping_find((enum map_grouping)i);

	return words ? words->word : NULL;
}

static struct error *parse_to(const char *text, void *to)
{
	struct maps_options *options = to;

	return export_read(text, &options->export, &options->to);
}

static struct error *read_key(const char *text, void *options)
{
	return filter_set_key(&((struct maps_options *)options)->filter, text, false);
}

/* clang-format off */
static const struct option_spec rows[] = {
	{.group = "What to read",
	 .name = "pid", .letter = 'p', .argument = "PID|NAME", .kind = OPTION_PROCESS,
	 .at = AT(process),
	 .help = "the process, by its id or the name of its program",
	 .man = "The process: its id, or the name of its program if only one process has it. It is read "
		"while it runs. It is never changed, and is stopped only by \\fB--stop\\fR."},
	{.name = "stop", .kind = OPTION_FLAG, .at = AT(stop),
	 .help = "hold the process while it is copied: exact, some ms",
	 .man = "Holds the process while its heap is copied, so that the result is exact (see "
		"\\fBStopping\\fR)."},
	{.name = "max-stop", .argument = "TIME", .kind = OPTION_DURATION, .at = AT(max_stop_ns), .rare = true,
	 .min = 1000000, .max = 3600ull * 1000000000,
	 .help = "let it go after TIME at the latest (100ms)",
	 .man = "Lets the process go after this time at the latest, and gives up: from 1ms to 1h. The "
		"default is 100ms. If it is expected to take longer, it is not stopped at all."},
	{.name = "core", .argument = "FILE", .kind = OPTION_STRING, .at = AT(core),
	 .help = "a core file, with the program's BINARY if it has moved",
	 .man = "A core file instead of a process: of gcore(1), or of the kernel. The program may be named after "
		"it (see \\fBCore files\\fR)."},

	{.name = "every", .argument = "TIME", .kind = OPTION_DURATION, .at = AT(every), .min = 10000000,
	 .max = 86400000000000,
	 .help = "a new list each TIME; what has changed is marked",
	 .man = "Makes a new list each period, until the process ends, SIGINT (Ctrl-C) or SIGTERM comes, or as "
		"\\fB--count\\fR and \\fB--duration\\fR say. Each begins with a line that has its time, its totals, and how "
		"long it took to read the process. From the second list on, maps that have changed are marked."},
	{.name = "count", .argument = "N", .kind = OPTION_NUMBER, .at = AT(count), .min = 1, .max = UINT64_MAX, .rare = true,
	 .help = "end after N lists of --every"},
	{.name = "duration", .argument = "TIME", .kind = OPTION_DURATION, .at = AT(duration), .min = 1,
	 .max = UINT64_MAX, .rare = true,
	 .help = "end --every or --watch after this time"},
	{.name = "diff", .kind = OPTION_FLAG, .at = AT(diff),
	 .help = "compare lists of --save",
	 .man = "Reads no process. Compares the first and the last of two or more files that \\fB--save\\fR "
		"wrote, and shows the sums of all of them. Maps are the same if their address and their type "
		"are. Lists of different processes, or of a program that was started again, are compared by "
		"type. The order is that of the largest changes. The options of \\fIWhat to show\\fR apply."},

	{.group = "What to show",
	 .name = "type", .argument = "GLOB", .kind = OPTION_STRING, .at = AT(type),
	 .help = "only maps of this type: 'map[string]*'",
	 .man = "Only maps whose type matches the shell pattern, such as 'map[string]*'. Maps of unknown "
		"type do not match."},
	{.name = "min-bytes", .argument = "SIZE", .kind = OPTION_SIZE, .at = AT(min_bytes),
	 .max = UINT64_MAX,
	 .help = "only maps that hold at least so many bytes",
	 .man = "Only maps that hold at least so many bytes, such as 4096 or 64k. With \\fB--diff\\fR, maps and "
		"groups that did before or do now."},
	{.name = "by", .argument = "WHAT", .kind = OPTION_ENUM, .at = AT(by), .also = AT(grouped),
	 .value_at = grouping,
	 .help = "groups with sums, by {}",
	 .man = "One line for all maps that have the same type, the same package or the same holder, with sums. The package is "
		"that of the first named part of the type: of the type itself, of its element, or of its key. If "
		"no part is named, as in map[string]int, it is that of what holds the map: of the nearest hop of \\fB--holders\\fR "
		"with a named type, a variable or a function. With \\fB--diff\\fR, which knows no holders, it is ?. The holder is the way that \\fB--holders\\fR shows. "
		"The mark tells the maps of sync.Map, sync.Pool and the runtime from the program's own (see \\fBMarks\\fR). "
		"The options above choose the maps that are added up."},
	{.name = "top", .argument = "N", .kind = OPTION_NUMBER, .at = AT(top), .min = 1,
	 .max = UINT64_MAX,
	 .help = "only the first N",
	 .man = "Only the first N maps or groups of the order."},
	{.name = "sort", .argument = "COLUMN", .kind = OPTION_ENUM, .at = AT(order), .values = orders,
	 .help = "order: {} (waste)",
	 .man = "The order: waste (the default), bytes, len, capacity and, with \\fB--by\\fR, maps (their number) "
		"begin with the largest; type (with \\fB--by\\fR what the maps have in common) and map (the address) "
		"with the smallest."},
	{.name = "holders", .kind = OPTION_FLAG, .at = AT(holders),
	 .help = "what holds each map",
	 .man = "Shows what holds each map: the shortest way from the map to a global variable, or else to a "
		"stack (see \\fBHOLDERS\\fR). This takes some more time, and 4 bytes for each object."},

	{.group = "Instead of maps",
	 .name = "who-holds", .argument = "ADDR", .kind = OPTION_NUMBER, .at = AT(who), .min = 1,
	 .max = UINT64_MAX,
	 .help = "what keeps the object at this address alive",
	 .man = "Shows what the object is that the address lies in, and what keeps it alive, instead of the maps (see "
		"\\fBWho holds an object\\fR). The address may be in the middle of the object."},
	{.name = "all-paths", .argument = "N", .kind = OPTION_NUMBER, .at = AT(paths), .min = 1,
	 .max = 65536, .rare = true,
	 .help = "at most N ways to it (1)",
	 .man = "At most N ways to this object instead of the best one. Ways that have the same hops are one."},
	{.name = "map", .argument = "ADDR", .kind = OPTION_NUMBER, .at = AT(map), .min = 1,
	 .max = UINT64_MAX,
	 .help = "one map in full: its state, and a drawing",
	 .man = "Shows one map in full: its state, how full its buckets or groups are, and a drawing of "
		"them (see \\fBONE MAP\\fR). \\fIADDR\\fR is a number such as 0xc000012340, as the "
		"list and \\fBtophash-trace\\fR(1) show it."},
	{.name = "watch", .argument = "ADDR", .kind = OPTION_NUMBER, .at = AT(watch), .min = 1,
	 .max = UINT64_MAX, .rare = true,
	 .help = "follow one map: each step of its growth, and a drawing",
	 .man = "Follows one map while the process runs, by probes on the functions of the runtime that move its "
		"elements: shows each step as a line, and a drawing after it (see \\fBWatching a map\\fR). It ends with the process, "
		"with SIGINT (Ctrl-C) or SIGTERM, or as \\fB--limit\\fR and \\fB--duration\\fR say."},
	{.name = "limit", .argument = "N", .kind = OPTION_NUMBER, .at = AT(limit), .min = 1, .max = UINT64_MAX, .rare = true,
	 .help = "end --watch after N steps"},
	{.name = "entries", .argument = "N", .kind = OPTION_NUMBER, .at = AT(entries), .min = 1,
	 .max = UINT64_MAX,
	 .help = "with --map: the first N entries as Go values",
	 .man = "With \\fB--map\\fR: shows the first N entries in the map's own order, the keys and "
		"elements as Go values, and where each entry is."},
	{.name = "key", .letter = 'k', .argument = "KEY", .kind = OPTION_CUSTOM, .parse = read_key,
	 .help = "with --map: look up one key (a word, or JSON)",
	 .man = "With \\fB--map\\fR: shows only the entry with this key, and where it is, or says that "
		"the key is not in the map. It is looked up by its hash, as the program does, if that can be had (see "
		"\\fBLookups\\fR), and otherwise all entries are compared. The key is written as for "
		"\\fBtophash-trace\\fR(1)."},
	{.name = "value-bytes", .argument = "N", .kind = OPTION_NUMBER32, .at = AT(text_max), .min = 1,
	 .max = VALUE_BYTES_MAX, .rare = true,
	 .help = "keep N bytes of each string (256; at most 65536)",
	 .man = "Keeps at most N bytes of each string in keys and elements. The default is 256, and N "
		"may be up to 65536. Of a slice 64 elements are kept."},

	OPTION_FORMAT_ROW(struct maps_options, "How to show it", option_formats,
			  "JSON Lines (see \\fBJSON\\fR)"),
	OPTION_OUTPUT_ROW(struct maps_options, ""),
	{.name = "save", .argument = "FILE", .kind = OPTION_FILE, .at = AT(save),
	 .help = "keep the list in a file for --diff; print none",
	 .man = "Writes all maps into a file for \\fB--diff\\fR and prints no list. The file is made as that of "
		"\\fB-o\\fR is. Its old contents are replaced when all has been read. If that fails, or is ended "
		"before, a file that was not there before is not there afterwards either.",
	 .local = "the file would be on the node"},
	{.name = "to", .argument = "FORMAT:FILE", .kind = OPTION_CUSTOM, .parse = parse_to,
	 .help = "a file for another program: pprof:FILE; print none",
	 .man = "Writes a file for another program and prints no list. The format is pprof (see \\fBEXPORTS\\fR). "
		"The file is made as that of \\fB--save\\fR is. The options of \\fIWhat to show\\fR choose the maps "
		"that are in it.",
	 .local = "the file would be on the node"},
	OPTION_WIDE_ROW(struct maps_options),

	{.group = "Other",
	 .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .at = AT(quiet),
	 .help = "only errors on standard error",
	 .man = "Prints only errors on standard error."},
	OPTION_HELP_ROW(struct maps_options),
	OPTION_HELP_ALL_ROW(struct maps_options),
	{0},
};
/* clang-format on */

static const char *const synopsis[] = {
	"-p PID|NAME [OPTION]...", "-p PID|NAME --map ADDR [--entries N | --key KEY]",
	"--core FILE [OPTION]... [BINARY]", "--diff FILE FILE... [OPTION]...", NULL};

static const char legend[] =
	"Columns:\n"
	"  BYTES    what the map holds: its header, buckets or groups, tables\n"
	"  WASTE    how much of that a new map with the same elements would not hold\n"
	"  LEN      elements; CAPACITY is the number of slots for them, LOAD the percentage\n"
	"  TYPE     ? means that nothing tells it\n";

static const char *const examples[] = {
	"tophash maps -p shop --every 1s --top 5",
	"tophash maps -p shop --save b.maps; tophash maps --diff a.maps b.maps",
	"tophash maps -p shop --to pprof:maps.pb.gz; go tool pprof -top maps.pb.gz",
	"tophash maps -p 4711 --who-holds 0xc00012f590 --all-paths 5",
	"tophash maps -p 4711 --map 0xc000012340 --entries 20",
	NULL,
};

const struct verb_spec maps_verb = {
	.name = "maps",
	.summary = "list the live maps of a process",
	.question = "Which maps does it have, and how full are they?",
	.synopsis = synopsis,
	.about = "Lists every live map of a Go program or a core file: its elements, its memory, "
		 "and how much of that is empty. Go maps never give memory back.",
	.options = rows,
	.operands = OPERANDS_FILES,
	.legend = legend,
	.examples = examples,
	.exit_status =
		"Exit status: 0 done; 1 failed; 2 usage; 3 the target or a file\n"
		"cannot be used; 4 no permission; 5 the core is cut, and maps may be missing.",
};

/* What --save would leave out: a list is compared as a whole. */
static bool chooses(const struct maps_options *options)
{
	return (options->ways && !options->to) || options->type || options->min_bytes ||
	       options->top || options->grouped || options->order != MAPS_BY_WASTE;
}

/* Checks the options that choose what is shown. */
static struct error *check(const struct maps_options *options)
{
	if (options->to && (options->grouped || options->who))
		return error_new(ERROR_USAGE, options->who
						      ? "--to writes maps: leave out --who-holds"
						      : "--to has no groups: leave out --by");
	if (options->paths && !options->who)
		return error_new(ERROR_USAGE, "--all-paths: ways to what? Add --who-holds ADDR");
	if (options->who && (options->grouped || options->holders || options->type ||
			     options->top || options->min_bytes || options->order))
		return error_new(ERROR_USAGE,
				 "--who-holds shows one object: leave out %s, which chooses maps",
				 options->grouped     ? "--by"
				 : options->holders   ? "--holders"
				 : options->type      ? "--type"
				 : options->top	      ? "--top"
				 : options->min_bytes ? "--min-bytes"
						      : "--sort");
	if (options->grouped && options->holders)
		return error_new(ERROR_USAGE,
				 "--holders shows maps, and --by groups of them: use --by holder");
	if (options->grouped && options->order == MAPS_BY_MAP)
		return error_new(ERROR_USAGE,
				 "--sort map: a group has no address: sort by maps, their number");
	if (!options->grouped && options->order == MAPS_BY_MAPS)
		return error_new(ERROR_USAGE,
				 "--sort maps: only groups have a number of maps: add --by");
	if (options->save && chooses(options))
		return error_new(
			ERROR_USAGE,
			"--save keeps all maps: leave out what chooses them, and use it with --diff");
	if (options->every && options->who)
		return error_new(ERROR_USAGE,
				 "--every lists maps again and again: leave out --who-holds");
	if (options->every && (options->core || options->save || options->to))
		return error_new(ERROR_USAGE,
				 "--every lists a process again and again: leave out %s",
				 options->core	 ? "--core"
				 : options->save ? "--save"
						 : "--to");
	if (options->count && !options->every)
		return error_new(ERROR_USAGE, "--count ends --every: add --every");
	if (options->duration && !options->every && !options->watch)
		return error_new(ERROR_USAGE,
				 "--duration ends --every or --watch: add one of them");
	if (options->save && options->to)
		return error_new(ERROR_USAGE,
				 "--save and --to: one file is written at a time: leave one out");
	if ((options->save || options->to) && options->output)
		return error_new(ERROR_USAGE, "%s prints no list: leave out -o",
				 options->save ? "--save" : "--to");
	return NULL;
}

static struct error *check_diff(const struct maps_options *options)
{
	if (options->process || options->core || options->save || options->to)
		return error_new(ERROR_USAGE, "--diff reads files and no process: leave out %s",
				 options->process ? "-p"
				 : options->core  ? "--core"
				 : options->save  ? "--save"
						  : "--to");
	if (options->every || options->stop || options->max_stop_ns)
		return error_new(ERROR_USAGE, "--diff reads files: leave out %s",
				 options->every	 ? "--every"
				 : options->stop ? "--stop"
						 : "--max-stop");
	if (options->files_n < 2)
		return error_new(ERROR_USAGE,
				 "--diff compares two files or more of --save: name them after it");
	if (options->ways)
		return error_new(
			ERROR_USAGE,
			"--diff: files of --save do not tell what holds maps: leave out --holders, "
			"--by holder and --who-holds");
	return check(options);
}

/* Checks the options of the list and those of one map against each other. */
static struct error *check_one(const struct maps_options *options)
{
	if (!options->map && (options->entries || options->filter.key || options->text_max))
		return error_new(ERROR_USAGE, "%s is for one map: name it with --map ADDR",
				 options->entries      ? "--entries"
				 : options->filter.key ? "--key"
						       : "--value-bytes");
	if (options->map &&
	    (options->top || options->type || options->min_bytes || options->order ||
	     options->grouped || options->holders || options->save || options->to || options->who ||
	     options->diff || options->every))
		return error_new(
			ERROR_USAGE,
			"--map shows one map: leave out --type, --min-bytes, --by, --top, --sort, "
			"--holders, --who-holds, --save, --diff, --every and --to");
	if (options->entries && options->filter.key)
		return error_new(
			ERROR_USAGE,
			"--key shows one entry, and --entries the first ones: leave one out");
	return NULL;
}

/* Checks the options of --watch against all others. */
static struct error *check_watch(const struct maps_options *options)
{
	const char *other = options->core	 ? "--core"
			    : options->stop	 ? "--stop"
			    : options->every	 ? "--every"
			    : options->diff	 ? "--diff"
			    : options->map	 ? "--map"
			    : options->who	 ? "--who-holds"
			    : options->save	 ? "--save"
			    : options->to	 ? "--to"
			    : options->type	 ? "--type"
			    : options->min_bytes ? "--min-bytes"
			    : options->top	 ? "--top"
			    : options->grouped	 ? "--by"
			    : options->order	 ? "--sort"
			    : options->holders	 ? "--holders"
						 : NULL;

	if (options->limit && !options->watch)
		return error_new(ERROR_USAGE, "--limit ends --watch: add it");
	if (!options->watch || !other)
		return NULL;
	if (options->core)
		return error_new(ERROR_USAGE, "--watch and --core: in a core nothing moves");
	if (options->stop)
		return error_new(ERROR_USAGE,
				 "--watch and --stop: the process must run to be watched");
	return error_new(ERROR_USAGE, "--watch follows one map of a process: leave out %s", other);
}

bool maps_by_package(const struct maps_options *options)
{
	return options->grouped && options->by == MAPS_OF_PACKAGE;
}

const char *maps_file(const struct maps_options *options)
{
	return options->save ? options->save : options->to ? options->to : options->output;
}

void maps_options_fini(struct maps_options *options)
{
	filter_fini(&options->filter);
	free(options->pattern);
}

/* Checks the words that are no options: the BINARY of a core is the only one. */
static struct error *check_words(const struct maps_options *options,
				 const struct option_words *words)
{
	if (words->n > 1 && options->core)
		return error_new(
			ERROR_USAGE,
			"\"%.80s\": --core takes one BINARY, which is \"%.80s\": leave out the rest",
			words->words[1], words->words[0]);
	if (words->n && !options->core && options->process)
		return error_new(
			ERROR_USAGE,
			"\"%.80s\": one process is read at a time, which -p names: leave it out",
			words->words[0]);
	if (words->n && !options->core)
		return error_new(
			ERROR_USAGE,
			"\"%.80s\": name the process with -p, a core file with --core, or two lists "
			"with --diff",
			words->words[0]);
	return NULL;
}

struct error *maps_options_parse(int argc, char **argv, struct maps_options *ret)
{
	struct option_words words;

	*ret = (struct maps_options){.format = "text"};
	try(options_parse(&maps_verb, argc, argv, ret, &words));
	if (ret->help)
		return NULL;
	try(check_watch(ret));
	try(check_one(ret));
	ret->ways = ret->holders || ret->who || (ret->grouped && ret->by == MAPS_OF_HOLDER);
	if (ret->type)
		try(glob_new("--type", ret->type, &ret->pattern));
	ret->files = words.words;
	ret->files_n = words.n;
	if (ret->diff)
		return check_diff(ret);
	try(check_words(ret, &words));
	ret->binary = words.n ? words.words[0] : NULL;
	if (ret->process && ret->core)
		return error_new(ERROR_USAGE,
				 "-p and --core: one of them is read at a time: leave one out");
	if (ret->stop && ret->map)
		return error_new(
			ERROR_USAGE,
			"--stop and --map: the entries are read while it runs: leave out --stop");
	if (ret->stop && ret->every)
		return error_new(
			ERROR_USAGE,
			"--stop and --every: a program is stopped for one list: leave one out");
	if (ret->stop && ret->core)
		return error_new(ERROR_USAGE,
				 "--stop and --core: a core stands still: leave out --stop");
	if (ret->max_stop_ns && !ret->stop)
		return error_new(ERROR_USAGE, "--max-stop is the limit of --stop: add --stop");
	if (!ret->process && !ret->core)
		return error_new(ERROR_USAGE,
				 "no process: name one with -p (tophash ps lists them)");
	try(check(ret));
	ret->map = ret->watch ? ret->watch : ret->map;
	ret->holders |= ret->to != NULL; /* they are the stacks */
	ret->ways |= ret->holders || maps_by_package(ret);
	ret->max_stop_ns = ret->max_stop_ns ? ret->max_stop_ns : MAX_STOP_NS;
	ret->text_max = ret->text_max ? ret->text_max : VALUE_BYTES;
	return NULL;
}
