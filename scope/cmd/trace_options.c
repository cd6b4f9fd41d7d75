#include "cmd/trace_options.h"
#include "base/confine.h"
#include "show/sink/sink.h"
#include "watch/engine/engine.h"

#define AT(member) offsetof(struct trace_options, member)

static struct error *read_key(const char *text, void *options, bool prefix)
{
	struct filter *filter = &((struct trace_options *)options)->filter;

	if (filter->key)
		return error_new(ERROR_USAGE, "only one of --key and --key-prefix can be given");
	return filter_set_key(filter, text, prefix);
}

static struct error *read_whole_key(const char *text, void *options)
{
	return read_key(text, options, false);
}

static struct error *read_key_prefix(const char *text, void *options)
{
	return read_key(text, options, true);
}

static struct error *read_type(const char *text, void *options)
{
	struct trace_options *o = options;

	return filter_set_glob("--type", text, &o->filter.type_glob);
}

static struct error *read_site(const char *text, void *options)
{
	struct trace_options *o = options;

	return filter_set_glob("--site", text, &o->filter.site_glob);
}

/* Reads "2%", "2", "0.5%", "2%,stop". */
static struct error *read_max_overhead(const char *text, void *options)
{
	struct trace_options *o = options;
	size_t len = strcspn(text, ",");
	const char *rest = text + len;
	char number[32] = "";
	uint64_t millionths;

	if (len && text[len - 1] == '%')
		len--;
	if (len && len < sizeof(number))
		memcpy(number, text, len);
	if (!option_decimal(number, 1000000, &millionths) || (*rest && strcmp(rest, ",stop") != 0))
		return error_new(ERROR_USAGE,
				 "--max-overhead %.40s: not a part of a CPU; write 2%%, 0.5%% or "
				 "2%%,stop",
				 text);
	if (millionths < 10000 || millionths > 100000000000)
		return error_new(ERROR_USAGE,
				 "--max-overhead %.40s: not from 0.01%% to 100000%% of a CPU",
				 text);
	o->max_overhead = (double)millionths / 1e6;
	o->max_overhead_stop = *rest;
	return NULL;
}

static const char *const follows[] = {
	[SESSION_FOLLOW_SAME] = "same",
	[SESSION_FOLLOW_NONE] = "none",
	[SESSION_FOLLOW_ALL] = "all",
	[SESSION_FOLLOW_EXACT] = "exact",
	NULL,
};

static const char *const untils[] = {
	[TRACE_UNTIL_LAST] = "last",
	[TRACE_UNTIL_COMMAND] = "command",
	NULL,
};

static const char *const samples[] = {
	[ENGINE_SAMPLE_GOROUTINE] = "goroutine",
	[ENGINE_SAMPLE_KEY] = "key",
	NULL,
};

static const char *engine_name_at(size_t i)
{
	const struct engine_ops *engine = engine_at(i);

	return engine ? engine->name : NULL;
}

static const char *const tables[] = {
	[AGGR_BY_SITE] = "site",
	[AGGR_BY_MAP] = "map",
	[AGGR_BY_TYPE] = "type",
	[AGGR_BY_KEY] = "key",
	[AGGR_BY_CONTAINER] = "container",
	[AGGR_BY_POD] = "pod",
	NULL,
};

static struct error *read_processes(const char *text, void *options)
{
	return choice_add(&((struct trace_options *)options)->chosen, CHOICE_PROCESS, text);
}

static struct error *read_uid(const char *text, void *options)
{
	return choice_users_add(&((struct trace_options *)options)->users, text);
}

/* Why options cannot be used for a pod. */
#define NOT_OF_POD "it names processes of this machine, and the pod tells what to trace"
#define NO_COMMAND "it is about a command, and a pod is traced as it runs"

/* clang-format off */
static const struct option_spec rows[] = {
	{.group = "What to trace",
	 .name = "pid", .letter = 'p', .argument = "PID|NAME", .kind = OPTION_PROCESS,
	 .local = NOT_OF_POD,
	 .parse = read_processes, .list = true, .repeats = true,
	 .help = "running processes, by id or by the name of the program",
	 .man = "A running process, by its id or by the name of its program: the name of its file, or "
		"the one that the kernel shows. If several processes with Go code have the name, "
		"tophash lists them and ends. Several processes are separated by commas, or the "
		"option is given several times; see \\fBSEVERAL PROCESSES\\fR. A process is "
		"traced with all its Go modules: its program, plugins and libraries "
		"(-buildmode=c-shared). It may be a process that is not Go and has a Go library, or that "
		"may load one: tophash then waits for it. A plugin that it loads later is watched some milliseconds later, and a gap tells the "
		"time before."},
	{.name = "uid", .argument = "USER", .kind = OPTION_USER, .parse = read_uid, .list = true,
	 .local = NOT_OF_POD,
	 .repeats = true,
	 .rare = true, .help = "every Go process of a user, also later ones",
	 .man = "Every process with Go code of a user: those that run, those that the user starts "
		"later, and those that become the user's (su, sudo, setuid). A user is a name or a "
		"number, and several are separated by commas. Only the effective user counts. See "
		"\\fBGROUPS\\fR."},
	{.name = "wait", .argument = "NAME", .kind = OPTION_PROCESS, .at = AT(wait),
	 .local = NOT_OF_POD,
	 .rare = true, .help = "the first Go process of this name, now or later",
	 .man = "Waits for the first process with Go code that has this name, as with \\fB-p\\fR. If one "
		"runs already, it is traced at once. tophash sees a process when it executes its "
		"program. If its main function begins before the probes stand, what it removed until "
		"then is not seen, and a gap tells this (exit status 5); \\fB-b\\fR and a command see everything. Nothing is "
		"polled meanwhile. Ctrl-C ends the wait, and so does \\fB--duration\\fR, which counts "
		"from the beginning of the wait (exit status 6)."},
	{.name = "binary", .letter = 'b', .argument = "FILE", .kind = OPTION_FILE, .at = AT(binary),
	 .local = "it names a file of this machine, and the pod tells what to trace",
	 .help = "every process of a binary, also those started later",
	 .man = "Every process of a binary: those that run, and those that start later. If the file is "
		"a program, the plugins of its processes are watched, too. If it is a plugin or a "
		"library, that file alone is watched, in every process that has loaded it. If a process "
		"ends within milliseconds of its start, tophash may not learn how it ended."},
	{.name = "cgroup", .argument = "PATH", .kind = OPTION_FILE, .at = AT(cgroup),
	 .local = "it names a control group of this machine, and the pod tells what to trace",
	 .help = "every Go process of a control group, also later ones",
	 .man = "Every process with Go code in a control group and those below it: those that run, and "
		"those that start there or come there later. They may be of several programs. The "
		"path is that of the directory (/sys/fs/cgroup/system.slice/shop.service), or the "
		"one in /proc/PID/cgroup (/system.slice/shop.service). See \\fBGROUPS\\fR."},
	{.name = "container", .letter = 'c', .argument = "NAME|ID", .kind = OPTION_STRING,
	 .local = NOT_OF_POD,
	 .at = AT(container),
	 .help = "every Go process of a container, also later ones",
	 .man = "Every process with Go code in a running container of Docker, podman, containerd or "
		"CRI-O: by its name, its id, or the beginning of its id. The control groups of the "
		"processes tell the id, and the files of the runtime the name. The runtime itself "
		"is asked only if its files do not tell it. With "
		"\\fB--pod\\fR it is a container of that pod. See \\fBGROUPS\\fR."},
	{.name = "pod", .argument = "[NS/]NAME", .kind = OPTION_STRING, .at = AT(pod),
	 .local = NOT_OF_POD,
	 .help = "every Go process of a Kubernetes pod on this node",
	 .man = "Every process with Go code in a pod of Kubernetes that runs on this node, in all its "
		"containers, or in that of \\fB-c\\fR. Give the namespace if several have a pod of that "
		"name. Use \\fB--container\\fR for a container alone."},
	{.name = "runtime-socket", .argument = "PATH", .kind = OPTION_FILE, .at = AT(runtime_socket),
	 .local = NOT_OF_POD,
	 .rare = true, .help = "the socket of the runtime that knows the container",
	 .man = "The socket of the container runtime that is asked about \\fB--container\\fR and "
		"\\fB--pod\\fR, if it is not where it usually is: the HTTP API of Docker, which podman "
		"has as well, or CRI of containerd and CRI-O."},
	{.argument = "-- COMMAND [ARG]...", .kind = OPTION_OPERAND,
	 .help = "starts it and traces it from its first instruction",
	 .man = "Starts the command and traces it from its first instruction. Its output is "
		"untouched. Its exit status is in the exit record and on standard error. If tracing "
		"ends before the command does, the command continues. A command that is not a Go "
		"program itself is a wrapper: env, nice, timeout, taskset, setpriv, sudo, a shell, "
		"a script. It may also load a Go library itself. See \\fBCOMMANDS\\fR."},
	{.name = "user", .letter = 'u', .argument = "USER", .kind = OPTION_USER,
	 .local = NO_COMMAND,
	 .at = AT(user),
	 .help = "the command runs as this user, a name or a number",
	 .man = "Starts the command as a user, with the groups of that user and without any "
		"capability. HOME, SHELL, USER and LOGNAME are set. A user is a name or a number, and "
		"so is a group after a colon (www-data:adm), which replaces the user's main group. "
		"If no user has the number, a group must be given. Without this option the command runs as the user of tophash, which is "
		"mostly root."},
	{.name = "follow", .argument = "WHICH", .kind = OPTION_ENUM, .at = AT(follow),
	 .local = "a pod is traced with all its processes",
	 .also = AT(follow_given), .values = follows, .rare = true,
	 .help = "children that are traced: {} (same)",
	 .man = "Which children are traced, too, with \\fB-p\\fR and a command, and their children. same "
		"(the default) means those that execute the same file: a daemon that starts itself "
		"again, workers, a graceful restart. all means every Go program "
		"that is started: go test ./..., make, a script. exact, for \\fB-p\\fR, means same, and nothing is missed if "
		"other processes execute the file: their deletes then take longer. none means none. See \\fBCHILDREN\\fR."},
	{.name = "until", .argument = "END", .kind = OPTION_ENUM, .at = AT(until),
	 .local = NO_COMMAND,
	 .values = untils, .rare = true,
	 .help = "end with which process: {} (last)",
	 .man = "Ends the trace when the last traced process has ended (last, the default), or when the "
		"command has (command)."},
	{.name = "exit-status", .kind = OPTION_FLAG, .at = AT(exit_status), .rare = true,
	 .local = NO_COMMAND,
	 .help = "end with the exit status of the command",
	 .man = "Ends with the exit status of the command, or with 128 and the number of the signal "
		"that ended it. If the trace ends before the command does, tophash waits for the "
		"command; one more signal ends the wait. The exit status that tophash would have (see "
		"\\fBEXIT STATUS\\fR) is in the end record, and on standard error unless it is 0. "
		"Errors before the command runs keep their status (2, 3, 4)."},

	{.group = "What to show", .group_man = "An event is shown when it passes every filter.",
	 .name = "key", .letter = 'k', .argument = "KEY", .kind = OPTION_CUSTOM,
	 .parse = read_whole_key,
	 .help = "deletes of this key (a word, or JSON), and clears",
	 .man = "Deletes of this key. A bare word is a string for string keys, a number for number "
		"keys (decimal, or 0x... for integers; NaN, +Inf, -Inf), true or false for "
		"boolean keys, and an address (0x...) for pointers. JSON is understood as events "
		"show keys: '\"42\"' is the string only, '{\"ID\":7,\"Name\":\"x\"}' a struct, "
		"'{\"type\":\"int\",\"value\":42}' (or just 42) an interface, and "
		"'{\"bytes\":\"fffe\"}' a string that is not UTF-8. Write a number in "
		"quotes only if events show it in quotes: beyond 2^53, NaN, +Inf and -Inf. "
		"Strings are up to 256 bytes long. tophash may have read only a part of a key in "
		"an interface, struct or array (the event then has key_cut or key_error). Such a "
		"key is shown if that part and the length of the whole agree. Clears of maps "
		"that could hold the key are shown too, because they may have removed it."},
	{.name = "key-prefix", .argument = "TEXT", .kind = OPTION_CUSTOM, .parse = read_key_prefix,
	 .rare = true, .help = "deletes of string keys with this beginning, and clears",
	 .man = "Deletes of string keys that begin with this text, also of strings in interface "
		"keys. Clears are shown as with \\fB--key\\fR."},
	{.name = "type", .argument = "GLOB", .kind = OPTION_CUSTOM, .parse = read_type,
	 .help = "maps of this type, as Go prints it: 'map[string]*'",
	 .man = "Maps of a type, as Go prints it: 'map[string]*main.session'. In patterns * and ? are "
		"wild, brackets are literal, and \\e quotes. In generic code the runtime may "
		"know only the shape of the type (map[go.shape.string]go.shape.*uint8). Such a "
		"map is shown when a type of that shape could match. A message at the end tells "
		"how many removals had another shape. A map whose type cannot be read is shown, "
		"with an empty map_type (reflect made the type, and the process has ended)."},
	{.name = "map", .argument = "ADDR", .kind = OPTION_NUMBER, .at = AT(filter.map),
	 .local = "a pod may have several processes",
	 .min = 1, .max = UINT64_MAX, .rare = true,
	 .help = "one map (with -p or a command)",
	 .man = "One map of one process. \\fIADDR\\fR is a number such as 0xc000012340."},
	{.name = "site", .argument = "GLOB", .kind = OPTION_CUSTOM, .parse = read_site,
	 .help = "removed by this function or file:line",
	 .man = "Shows removals by a function ('main.(*store).*'), or at file:line with or without the "
		"folder ('store.go:61'). If that function is inlined, the functions that it is "
		"inlined into match too."},
	{.name = "goid", .argument = "N", .kind = OPTION_NUMBER, .at = AT(filter.goid),
	 .min = 1, .max = UINT64_MAX, .rare = true,
	 .help = "removed by this goroutine",
	 .man = "Shows removals by one goroutine, and the few whose goroutine could not be read "
		"(goid)."},
	{.name = "misses", .kind = OPTION_FLAG, .at = AT(misses), .rare = true,
	 .help = "also deletes that removed nothing",
	 .man = "Also deletes that removed nothing: absent keys, empty and nil maps, and deletes that "
		"panicked (these have \"panicked\"). Costs several microseconds for every delete."},
	{.name = "no-sync-map", .kind = OPTION_FLAG, .at = AT(no_sync_map), .rare = true,
	 .help = "no deletes from sync.Map",
	 .man = "Leaves sync.Map alone, at no cost. Without this option, a call of its methods Delete, "
		"LoadAndDelete, CompareAndDelete and Clear is an event with map_type sync.Map. Up "
		"to Go 1.23 a sync.Map has two maps inside. Their deletes and clears "
		"(map[interface {}]*sync.entry) are shown only with this option."},
	{.name = "limit", .argument = "N", .kind = OPTION_NUMBER, .at = AT(limit),
	 .min = 1, .max = UINT64_MAX,
	 .help = "stop after N events",
	 .man = "Stops after N events. Hits between the last event and the end count as filtered, "
		"even if there is no filter."},
	{.name = "duration", .argument = "TIME", .kind = OPTION_DURATION, .at = AT(duration_ns),
	 .min = 1000000, .max = 87600ull * 3600 * 1000000000,
	 .help = "stop after TIME: 10, 10s, 1m30s, 500ms, 2h",
	 .man = "Stops after a time, from 1ms to ten years."},

	OPTION_FORMAT_ROW(struct trace_options, "How to show it", sink_names,
			  "JSON Lines (see \\fBEVENTS\\fR)"),
	OPTION_OUTPUT_ROW(struct trace_options, " The file is emptied when the probes are placed, not before."),
	{.name = "summary", .argument = "BY", .kind = OPTION_ENUM, .at = AT(summary_by),
	 .also = AT(summary), .values = tables, .implied = "site",
	 .help = "only a table, by {} (site)",
	 .man = "Prints only a table at the end, and no line for each event. The table is by site "
		"if no \\fIBY\\fR is given. A container is shown with its pod (prod/shop-7d4b/api), and a "
		"pod with its namespace. Long keys that are cut (see \\fB--key-bytes\\fR) count "
		"as different keys if their lengths differ. If standard error is a terminal, a "
		"status line there shows the number of hits until the end (not with \\fB-q\\fR). "
		"A run that prints its events into a file has this line, too."},
	{.name = "holders", .kind = OPTION_FLAG, .at = AT(holders),
	 .help = "what holds each map: looked up in the heap",
	 .man = "Shows what holds the map of each event: the shortest way from a global variable or a stack to the map, with the "
		"names of fields, as \\fBtophash maps --holders\\fR does. It also does what \\fB--exact-types\\fR "
		"does. It is used for events, and with \\fB--summary=map\\fR. See \\fBLOOKS INTO THE HEAP\\fR."},
	{.name = "exact-types", .kind = OPTION_FLAG, .at = AT(exact_types), .rare = true,
	 .help = "look types up in the heap that generic code hides",
	 .man = "Finds the exact type of a map if the runtime tells only its shape (generic code), or nothing. It is looked up in the "
		"heap. \\fB--type\\fR then decides by the exact type, as soon as it is known. See "
		"\\fBLOOKS INTO THE HEAP\\fR."},
	{.name = "look-every", .argument = "TIME", .kind = OPTION_DURATION, .at = AT(look_every_ns),
	 .also = AT(look_every_given), .min = 1000000, .max = 87600ull * 3600 * 1000000000, .rare = true,
	 .help = "look at the heap again after TIME (10s)",
	 .man = "With \\fB--holders\\fR and \\fB--exact-types\\fR: a process with events is looked at again after this time, "
		"and the events then show what holds their maps by now. The default is 10s. It takes longer if looks would take more "
		"than 2% of a CPU on average."},
	{.name = "stack", .argument = "N", .kind = OPTION_NUMBER32, .at = AT(stack_max),
	 .also = AT(show_stack), .min = 1, .max = ENGINE_STACK_MAX,
	 .help = "keep N frames (64; at most 512); text shows them",
	 .man = "Keeps at most N frames of each stack. The default is 64, and N may be up to 512. If "
		"this option is given, the text form shows the stack of each event."},
	{.name = "key-bytes", .argument = "N", .kind = OPTION_NUMBER32, .at = AT(key_bytes),
	 .min = 1, .max = ENGINE_KEY_BYTES_MAX, .rare = true,
	 .help = "keep N bytes of each string (64; at most 256)",
	 .man = "Keeps at most N bytes of each string in a key. The default is 64, and N may be up to "
		"256."},
	OPTION_WIDE_ROW(struct trace_options),

	{.group = "Other",
	 .name = "buffer", .argument = "SIZE", .kind = OPTION_SIZE, .at = AT(buffer_size),
	 .min = 64 << 10, .max = 1 << 30, .rare = true,
	 .help = "size of the ring buffer (16M)",
	 .man = "Sets the size of the ring buffer between kernel and tophash, from 64K to 1G. The "
		"default is 16M. If events are lost in bursts, a larger buffer helps."},
	{.name = "max-overhead", .argument = "PERCENT[,stop]", .kind = OPTION_CUSTOM,
	 .parse = read_max_overhead,
	 .help = "keep the cost of tracing below 2%, 0.5%, or 2%,stop",
	 .man = "Keeps the cost of tracing for the program below a percentage of one CPU, from 0.01% "
		"to 100000%. The cost is measured during the trace. If it is too high, tophash "
		"first shows only a sample of the events (see \\fB--sample-by\\fR), and adapts the "
		"size of the sample. Hits outside the sample are counted as sampled, and all "
		"counts at the end remain exact. Events that \\fB--key\\fR, \\fB--key-prefix\\fR, "
		"\\fB--map\\fR or \\fB--goid\\fR selects are never sampled. About half of the "
		"cost of a hit is the trap into the kernel, which a sample does not save. If the "
		"traps alone cost too much, the probes are removed for a time and placed again. "
		"Each such time is a gap, and the exit status is 5. The end record tells in "
		"which part of the time the program was watched. With ,stop tracing ends instead "
		"(exit status 5). The limit holds on the average of a few seconds. Until the cost "
		"was measured (a few tenths of a second), and where the kernel does not tell it "
		"(CAP_SYS_ADMIN is needed), 1.5 microseconds for each hit are assumed."},
	{.name = "sample-by", .argument = "WHAT", .kind = OPTION_ENUM, .at = AT(sample_by),
	 .also = AT(sample_by_given), .values = samples, .rare = true,
	 .help = "what --max-overhead samples: {}",
	 .man = "What \\fB--max-overhead\\fR samples. With goroutine (the default), all removals by a "
		"goroutine are shown, or none. With key, all removals of a key are shown, or none, "
		"and every clear is shown. Use key if a few goroutines do most of the deletes. A "
		"random number that is drawn for each run decides which goroutines or keys are in "
		"the sample."},
	{.name = "engine", .argument = "NAME", .kind = OPTION_WORD, .at = AT(engine),
	 .value_at = engine_name_at, .rare = true,
	 .help = "the engine that makes the events: {}",
	 .man = "The engine that makes the events: {}. The first in the list is the default."},
	{.name = "dry-run", .kind = OPTION_FLAG, .at = AT(dry_run),
	 .local = "it shows the probes of one file, and a pod may have several",
	 .help = "show the places of the probes, and why; attach nothing",
	 .man = "Shows where each probe would go and why, and where each filter is applied. "
		"Attaches nothing, and starts no command. Needs no privilege, except for a "
		"process of another user (\\fB-p\\fR)."},
	{.name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .at = AT(quiet),
	 .help = "only errors on standard error",
	 .man = "Prints only errors on standard error."},
	{.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .at = AT(verbose), .rare = true,
	 .help = "print more messages",
	 .man = "Prints more messages on standard error."},
	OPTION_HELP_ROW(struct trace_options),
	OPTION_HELP_ALL_ROW(struct trace_options),
	{0},
};
/* clang-format on */

static const char *const synopsis[] = {
	"[OPTION]... -p PID|NAME[,...]",
	"[OPTION]... -b BINARY",
	"[OPTION]... --cgroup PATH|--container NAME|--pod [NS/]NAME",
	"[OPTION]... -- COMMAND [ARG]...",
	NULL,
};

static const char legend[] =
	"Columns:\n  07:06:40 g37 map[string]int \"user:42\" 812→811 sweep store.go:61 < "
	"expire\n  Time of day; goroutine; type of the map; key (or a clear); length of the map\n  "
	"before and after (or: miss, panic); function and line; after \"<\" its caller.\n  In "
	"tables, GOS (GOROUTINES) is the number of goroutines; 64+: 64 or more.\n";

static const char *const examples[] = {
	"tophash trace -p 4711 --key user:42",
	"tophash trace -p 4711 --type 'map[string]*main.session' --summary",
	"tophash trace --format json -o events.json -- ./server -port 8080",
	NULL,
};

const struct verb_spec trace_verb = {
	.name = "trace",
	.summary = "show every element that leaves a map of a running Go program",
	.question = "Who removes entries from the maps of a running program?",
	.synopsis = synopsis,
	.about = "Shows every element that leaves a hash map of a running, unmodified Go program: "
		 "which key, which map, and which line of source removed it.",
	.options = rows,
	.operands = OPERANDS_COMMAND,
	.legend = legend,
	.examples = examples,
	.exit_status = "Exit status: 0 done; 1 failed; 2 usage; 3 no target; 4 not permitted; "
		       "5 lost; 6 waited in vain.",
};

/* Returns the option that names a group of processes, or NULL. */
static const char *group_option(const struct trace_options *options)
{
	return options->pod		 ? "--pod"
	       : options->container	 ? "--container"
	       : options->cgroup	 ? "--cgroup"
	       : options->users.list.len ? "--uid"
					 : NULL;
}

/* Returns the option that stands for processes that start later, too, or NULL. */
static const char *later_option(const struct trace_options *options)
{
	return options->binary ? "-b" : group_option(options);
}

static struct error *check_targets(const struct trace_options *options)
{
	int targets = (options->chosen.n > 0) + (options->wait != NULL) +
		      (options->binary != NULL) + (options->cgroup != NULL) +
		      (options->container || options->pod) + (options->users.list.len > 0) +
		      (options->command != NULL);

	if (!targets)
		return error_new(ERROR_USAGE, "nothing to trace: give -p PID, -b BINARY, "
					      "--container NAME or -- COMMAND (try tophash trace "
					      "--help)");
	if (targets > 1)
		return error_new(ERROR_USAGE, "only one of -p, --uid, --wait, -b, --cgroup, "
					      "--container and -- COMMAND can be given");
	return NULL;
}

/* Refuses options about looks into the heap that would do nothing. */
static struct error *check_looks(const struct trace_options *options)
{
	enum aggr_by by = options->summary_by;

	if (options->look_every_given && !options->holders && !options->exact_types)
		return error_new(ERROR_USAGE, "--look-every tells how often the heap is looked at: "
					      "use it with --holders or --exact-types");
	if (options->holders && options->summary && by != AGGR_BY_MAP)
		return error_new(ERROR_USAGE,
				 "--holders tells what holds a map: with --summary, use it with "
				 "--summary=map%s",
				 by == AGGR_BY_TYPE || by == AGGR_BY_KEY
					 ? "; --exact-types finds the types alone"
					 : "");
	if (options->exact_types && options->summary && by != AGGR_BY_MAP && by != AGGR_BY_TYPE &&
	    by != AGGR_BY_KEY && !options->filter.type_glob)
		return error_new(ERROR_USAGE,
				 "--exact-types does nothing for a table without types: "
				 "give --summary=type, or --type");
	return NULL;
}

static struct error *check(const struct trace_options *options)
{
	const char *later = later_option(options);

	try(check_targets(options));
	if (options->runtime_socket && !options->container && !options->pod)
		return error_new(ERROR_USAGE,
				 "--runtime-socket tells who knows a container: use it "
				 "with --container or --pod");
	if (options->user && !options->command)
		return error_new(ERROR_USAGE,
				 "--user tells who runs a command: use it with -- COMMAND");
	if (options->follow_given && later)
		return error_new(ERROR_USAGE,
				 "--follow is about children: use it with -p or -- COMMAND; "
				 "%s traces every process of %s",
				 later,
				 options->binary	   ? "the file"
				 : options->users.list.len ? "the user"
							   : "the group");
	if (options->follow == SESSION_FOLLOW_ALL && options->wait)
		return error_new(
			ERROR_USAGE,
			"--follow=all is about what runs or is started now: use it with -p "
			"or -- COMMAND, not with --wait");
	if (options->until == TRACE_UNTIL_COMMAND && !options->command)
		return error_new(ERROR_USAGE,
				 "--until=command is about a command: use it with -- COMMAND");
	if (options->exit_status && !options->command)
		return error_new(ERROR_USAGE,
				 "--exit-status is that of a command: use it with -- COMMAND");
	if (options->filter.map && later)
		return error_new(ERROR_USAGE,
				 "--map names a map of one process: use it with -p or "
				 "-- COMMAND, not with %s",
				 later);
	try(check_looks(options));
	if (options->dry_run && group_option(options))
		return error_new(ERROR_USAGE, "--dry-run shows the probes of one file: use it with "
					      "-p, -b or -- COMMAND");
	if (options->sample_by_given && options->max_overhead <= 0)
		return error_new(ERROR_USAGE, "--sample-by tells what --max-overhead samples: give "
					      "both");
	return NULL;
}

static struct error *unexpected(const struct trace_options *options, const char *word)
{
	uint64_t number;

	if (options->chosen.n || options->wait || later_option(options))
		return error_new(ERROR_USAGE, "unexpected \"%s\": %s already tells what to trace",
				 word,
				 options->chosen.n ? "-p"
				 : options->wait   ? "--wait"
						   : later_option(options));
	if (option_number(word, &number))
		return error_new(ERROR_USAGE, "unexpected \"%s\": a process id goes after -p",
				 word);
	return error_new(ERROR_USAGE,
			 "unexpected \"%s\": a command goes after --, a process id after -p", word);
}

struct error *trace_options_parse(int argc, char **argv, struct trace_options *ret)
{
	struct option_words words;

	*ret = (struct trace_options){.format = "text",
				      .key_bytes = 64,
				      .stack_max = 64,
				      .buffer_size = 16 << 20,
				      .look_every_ns = 10000000000};
	try(options_parse(&trace_verb, argc, argv, ret, &words));
	if (ret->help)
		return NULL;
	if (words.n && !words.after_dashes)
		return unexpected(ret, words.words[0]);
	if (words.after_dashes && !words.n)
		return error_new(ERROR_USAGE, "no command after --");
	ret->command = words.n ? words.words : NULL;
	return check(ret);
}

void trace_options_fini(struct trace_options *options)
{
	filter_fini(&options->filter);
	choice_users_fini(&options->users);
}

/* ---- the session ---- */

/* Tells whether no single events are needed. The exact type is found for each event. */
static bool counts_only(const struct trace_options *options)
{
	return options->summary && !options->limit && !options->exact_types &&
	       (options->summary_by == AGGR_BY_SITE || options->summary_by == AGGR_BY_TYPE);
}

/* Returns what may be sampled. The properties that a filter names are not sampled. */
static enum engine_sample sample_of(const struct trace_options *options)
{
	const struct filter *filter = &options->filter;

	if (filter->key || filter->map || filter->goid)
		return ENGINE_SAMPLE_NONE;
	return options->sample_by;
}

struct session_options trace_session_options(const struct trace_options *options)
{
	return (struct session_options){
		.binary = options->binary,
		.command = options->command,
		.user = options->user,
		.tell_status = options->exit_status,
		.follow = options->follow,
		.until_command = options->until == TRACE_UNTIL_COMMAND,
		.look_only = options->dry_run,
		.engine = engine_find(options->engine),
		.filter = &options->filter,
		.stack_max = options->stack_max,
		.key_bytes = options->key_bytes,
		.buffer_size = options->buffer_size,
		.misses = options->misses,
		.no_sync_map = options->no_sync_map,
		.count = counts_only(options),
		.look = options->holders       ? SESSION_LOOK_HOLDERS
			: options->exact_types ? SESSION_LOOK_TYPES
					       : SESSION_LOOK_NONE,
		.look_every_ns = options->look_every_ns,
		.limit = options->limit,
		.duration_ns = options->duration_ns,
		.max_overhead = options->max_overhead,
		.max_overhead_stop = options->max_overhead_stop,
		.sample = sample_of(options),
	};
}

struct error *trace_check_caller(const struct trace_options *options)
{
	/* With --uid, the kernel decides about each process before it gets probes of its own. */
	if (!confine_is_for_caller() || !later_option(options) || options->users.list.len ||
	    options->dry_run)
		return NULL;
	return error_new(ERROR_PERMISSION,
			 "this tophash has capabilities that you lack, and %s would show processes "
			 "of other users: use -p or --, or run it as root",
			 later_option(options));
}
