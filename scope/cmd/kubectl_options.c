#include "cmd/kubectl_options.h"
#include "base/buf.h"
#include "cmd/sites_options.h"
#include "cmd/trace_options.h"

#include <stdio.h>

#include "version.h"

#define AT(member) offsetof(struct kubectl_options, member)
#define SECONDS	   1000000000ull

#define ROW_OF_KUBECTL(flag, word, text, seldom)                                         \
	{                                                                                \
		.name = flag, .argument = word, .kind = OPTION_STRING, .at = AT(unread), \
		.help = text, .rare = seldom                                             \
	}
#define ROW_POD_NAMESPACE                                                                   \
	{                                                                                   \
		.name = "pod-namespace", .argument = "NS", .kind = OPTION_STRING,           \
		.at = AT(pod_namespace), .help = "where the pods of tophash are (tophash)", \
	}

/* clang-format off */
#define ROWS_OF_KUBECTL \
	ROW_OF_KUBECTL("context", "NAME", "the context of kubectl's configuration", false), \
	ROW_OF_KUBECTL("kubeconfig", "FILE", "the configuration of kubectl", false), \
	ROW_OF_KUBECTL("cluster", "NAME", "the cluster in kubectl's configuration", true), \
	ROW_OF_KUBECTL("as", "USER", "the user to impersonate", true), \
	ROW_OF_KUBECTL("as-group", "GROUP", "the group to impersonate", true)
/* clang-format on */

/* The options that are no option of the verb. The first OF_KUBECTL are those of kubectl. */
enum { OF_KUBECTL = 5 };
/* clang-format off */
static const struct option_spec own[] = {
	ROWS_OF_KUBECTL,
	{.group = "Which pod",
	 .argument = "[pod/]NAME", .kind = OPTION_OPERAND, .help = "a pod that runs"},
	{.name = "namespace", .letter = 'n', .argument = "NS", .kind = OPTION_STRING,
	 .at = AT(namespace), .help = "its namespace (that of kubectl's context)"},
	{.name = "container", .letter = 'c', .argument = "NAME", .kind = OPTION_STRING,
	 .at = AT(container), .help = "its container, if there are several"},
	{.group = "The pod that traces",
	 .name = "image", .argument = "IMAGE", .kind = OPTION_STRING, .at = AT(image),
	 .help = "the image of tophash (TOPHASH_IMAGE, or localhost/tophash:" TOPHASH_VERSION ")"},
	ROW_POD_NAMESPACE,
	{.name = "start-timeout", .argument = "TIME", .kind = OPTION_DURATION, .at = AT(start_ns), .rare = true,
	 .min = SECONDS, .max = 3600 * SECONDS, .help = "how long it may take to start (1m)"},
	{.name = "deadline", .argument = "TIME", .kind = OPTION_DURATION, .at = AT(deadline_ns), .rare = true,
	 .min = 10 * SECONDS, .max = 366ull * 86400 * SECONDS,
	 .help = "the cluster ends it after TIME (12h)"},
};
static const struct option_spec clean_rows[] = {
	ROWS_OF_KUBECTL,
	{.name = "all", .kind = OPTION_FLAG, .at = AT(all),
	 .help = "also pods that run or wait; somebody may be tracing with them"},
	ROW_POD_NAMESPACE,
	OPTION_HELP_ROW(struct kubectl_options),
	{0},
};
/* clang-format on */

static const char *const clean_synopsis[] = {"[--all] [OPTION]...", NULL};
static const char *const clean_examples[] = {"kubectl tophash clean", NULL};

const struct verb_spec kubectl_clean_verb = {
	.name = "clean",
	.program = "kubectl tophash",
	.summary = "remove pods that are left over",
	.synopsis = clean_synopsis,
	.about =
		"Removes the pods of tophash that have ended and are still there, because the connection "
		"to the cluster was lost.",
	.options = clean_rows,
	.examples = clean_examples,
	.exit_status = "Exit status: 0 done; 1 failed; 2 usage; 4 not permitted.",
};

/* ---- the verbs that run on a node ---- */

/* Checks the words of a verb, as the node will read them. Copies what the plugin must know, too. */
static struct error *check_trace(int argc, char **argv, struct kubectl_options *options)
{
	struct trace_options trace;
	struct error *err = trace_options_parse(argc, argv, &trace);

	if (!err) {
		options->quiet = trace.quiet;
		options->verbose = trace.verbose;
	}
	if (!err && trace.duration_ns > options->deadline_ns)
		err = error_new(ERROR_USAGE,
				"--duration is longer than the pod may exist: give a longer "
				"--deadline");
	trace_options_fini(&trace);
	return err;
}

static struct error *check_sites(int argc, char **argv, struct kubectl_options *options)
{
	cleanup(sites_options_fini) struct sites_options sites = {0};

	try(sites_options_parse(argc, argv, &sites));
	options->quiet = sites.quiet;
	options->verbose = sites.verbose;
	return NULL;
}

static const char *const trace_examples[] = {
	"kubectl tophash trace pod/shop-7d4b -n prod --key user:42",
	"kubectl tophash trace shop-7d4b -c shop --summary --duration 10",
	NULL,
};
static const char *const sites_examples[] = {
	"kubectl tophash sites pod/shop-7d4b -n prod --by package", NULL};

/* A verb of tophash that can run on a node. */
static const struct remote {
	const struct verb_spec *spec;
	struct error *(*check)(int argc, char **argv, struct kubectl_options *options);
	const char *const *examples;
} remotes[] = {
	{&trace_verb, check_trace, trace_examples},
	{&sites_verb, check_sites, sites_examples},
};

static const char *const synopsis[] = {"[pod/]NAME [-n NS] [-c CONTAINER] [OPTION]...", NULL};

/* The table of a verb: our own rows, those of the verb, and the row that ends it. */
enum { ROWS_MAX = ARRAY_SIZE(own) + 64 + 1 };

static bool is_own(const struct option_spec *option)
{
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (own[i].name && (!strcmp(own[i].name, option->name) ||
				    (option->letter && own[i].letter == option->letter)))
			return true;
	return false;
}

/* Returns a row whose value is not read here. The node reads it. */
static struct option_spec passed_on(const struct option_spec *option)
{
	struct option_spec row = *option;

	row.also = 0;
	row.parse = NULL;
	if (row.kind == OPTION_HELP) {
		row.at = strcmp(row.name, "help") == 0 ? AT(help) : AT(help_all);
	} else if (row.kind == OPTION_FLAG) {
		row.at = AT(ignored);
	} else {
		row.kind = OPTION_STRING;
		row.at = AT(unread);
	}
	return row;
}

/* Appends the rows of a verb that are, or are not, of --help. Returns how many rows there are. */
static size_t add_rows(const struct verb_spec *verb, bool help, bool refused,
		       struct option_spec *to, size_t n)
{
	const char *group = NULL;

	for (const struct option_spec *option = verb->options; option->help; option++) {
		if (option->group)
			group = option->group;
		if (!option->name || is_own(option) || (option->local && !refused) ||
		    (option->kind == OPTION_HELP) != help || n == ROWS_MAX - 1)
			continue;
		to[n] = passed_on(option);
		to[n++].group = help ? NULL : group;
		group = NULL;
	}
	return n;
}

/* Makes the table of a verb. Options that the plugin refuses are in it only if `refused`, with their
 * reasons. */
static void make_rows(const struct verb_spec *verb, bool refused, struct option_spec *ret)
{
	size_t n = 0, of_kubectl;

	for (size_t i = OF_KUBECTL; i < ARRAY_SIZE(own); i++)
		ret[n++] = own[i];
	n = add_rows(verb, false, refused, ret, n);
	of_kubectl = n;
	for (size_t i = 0; i < OF_KUBECTL && n < ROWS_MAX - 1; i++)
		ret[n++] = own[i];
	ret[of_kubectl].group = "Of kubectl";
	n = add_rows(verb, true, refused, ret, n);
	ret[n] = (struct option_spec){0};
}

static struct verb_spec offered(const struct remote *remote, const struct option_spec *rows)
{
	struct verb_spec verb = *remote->spec;

	verb.program = "kubectl tophash";
	verb.synopsis = synopsis;
	verb.options = rows;
	verb.operands = OPERANDS_POD;
	verb.examples = remote->examples;
	return verb;
}

const struct verb_spec *kubectl_verb_at(size_t i)
{
	static struct option_spec rows[ARRAY_SIZE(remotes)][ROWS_MAX];
	static struct verb_spec verbs[ARRAY_SIZE(remotes)];

	if (i >= ARRAY_SIZE(remotes))
		return NULL;
	make_rows(remotes[i].spec, false, rows[i]);
	verbs[i] = offered(&remotes[i], rows[i]);
	return &verbs[i];
}

/* ---- the command line ---- */

/* Returns what a verb of kubectl_verb_at() is on the node. */
static const struct remote *remote_of(const struct verb_spec *verb)
{
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(remotes) && strcmp(remotes[i].spec->name, verb->name) != 0)
		i++;
	return &remotes[i];
}

static bool is_of_kubectl(const struct option_spec *option)
{
	for (size_t i = 0; i < OF_KUBECTL; i++)
		if (!strcmp(own[i].name, option->name))
			return true;
	return false;
}

/* Keeps "--name=value" for kubectl or for the node. */
static struct error *keep(struct kubectl_options *options, const struct option_spec *option,
			  const char *text)
{
	cleanup_buf struct buf word = {0};
	char *copy;

	buf_printf(&word, "--%s", option->name);
	if (text)
		buf_char(&word, '=');
	buf_str(&word, text ? text : "");
	if (options->n_owned == KUBECTL_ARGS_MAX)
		return error_new(ERROR_USAGE, "more than %d options", KUBECTL_ARGS_MAX);
	copy = word.bad ? NULL : strdup(buf_cstr(&word));
	if (!copy)
		return error_nomem();
	options->owned[options->n_owned++] = copy;
	if (is_of_kubectl(option) && options->kubectl.n_flags < KUBE_FLAGS_MAX)
		options->kubectl.flags[options->kubectl.n_flags++] = copy;
	else
		options->args[options->n_args++] = copy;
	return NULL;
}

static struct error *took(void *ctx, const struct option_spec *option, const char *text)
{
	if (option->kind == OPTION_HELP)
		return NULL;
	if (option->local)
		return error_new(ERROR_USAGE, "--%s cannot be used for a pod: %s", option->name,
				 option->local);
	if (is_of_kubectl(option) || option->at == AT(ignored) || option->at == AT(unread))
		return keep(ctx, option, text);
	return NULL;
}

/* Reads the operand: "pod/NAME" or "NAME". */
static struct error *read_pod(const struct option_words *words, struct kubectl_options *options)
{
	const char *word = words->n ? words->words[0] : NULL;

	if (!word)
		return error_new(ERROR_USAGE,
				 "no pod: give pod/NAME (try kubectl tophash %s --help)",
				 options->remote->name);
	if (words->after_dashes)
		return error_new(ERROR_USAGE,
				 "-- COMMAND cannot be used for a pod, which is traced as it runs");
	if (words->n > 1)
		return error_new(ERROR_USAGE, "unexpected \"%.80s\": one pod is traced",
				 words->words[1]);
	if (!strncmp(word, "pod/", 4) || !strncmp(word, "pods/", 5) || !strncmp(word, "po/", 3))
		word = strchr(word, '/') + 1;
	if (strchr(word, '/'))
		return error_new(ERROR_USAGE, "\"%.80s\" is no pod: give pod/NAME", word);
	if (!kube_is_name(word))
		return error_new(ERROR_USAGE, "\"%.80s\" is no name of a pod", word);
	options->pod = word;
	return NULL;
}

static struct error *check_names(const struct kubectl_options *options)
{
	const char *const names[][2] = {{"--namespace", options->namespace},
					{"--container", options->container},
					{"--pod-namespace", options->pod_namespace}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i][1] && !kube_is_name(names[i][1]))
			return error_new(ERROR_USAGE, "%s \"%.80s\": not a name", names[i][0],
					 names[i][1]);
	if (!*options->image)
		return error_new(ERROR_USAGE, "--image is empty");
	return NULL;
}

static void set_defaults(struct kubectl_options *ret)
{
	const char *image = getenv("TOPHASH_IMAGE"), *program = getenv("KUBECTL");

	*ret = (struct kubectl_options){
		.image = image && *image ? image : "localhost/tophash:" TOPHASH_VERSION,
		.pod_namespace = "tophash",
		.start_ns = 60 * SECONDS,
		.deadline_ns = 12ull * 3600 * SECONDS,
		.kubectl = {.program = program && *program ? program : "kubectl", .interrupt = -1},
	};
}

void kubectl_remote_words(const struct kubectl_options *options, const struct kube_target *target,
			  struct buf *name, const char **ret)
{
	size_t n = 0;

	buf_printf(name, "%s/%s", target->namespace, target->name);
	ret[n++] = "tether";
	ret[n++] = "--";
	ret[n++] = options->remote->name;
	ret[n++] = "--pod";
	ret[n++] = buf_cstr(name);
	ret[n++] = "--container";
	ret[n++] = target->container;
	for (size_t i = 0; i < options->n_args; i++)
		ret[n++] = options->args[i];
	ret[n] = NULL;
}

/* Lets the table of the verb check what the node will read. The target is not known yet. */
static struct error *check_remote(const struct remote *remote, struct kubectl_options *options)
{
	char *argv[KUBE_WORDS_MAX];
	int n = 0;

	argv[n++] = (char *)remote->spec->name;
	argv[n++] = (char *)"--pod=namespace/pod";
	for (size_t i = 0; i < options->n_args; i++)
		argv[n++] = (char *)options->args[i];
	argv[n] = NULL;
	return remote->check(n, argv, options);
}

struct error *kubectl_options_parse(const struct verb_spec *verb, int argc, char **argv,
				    struct kubectl_options *ret)
{
	const struct remote *remote = remote_of(verb);
	struct option_spec rows[ROWS_MAX];
	struct option_words words;
	struct verb_spec spec;

	make_rows(remote->spec, true, rows);
	spec = offered(remote, rows);
	set_defaults(ret);
	ret->remote = remote->spec;
	try(options_visit(&spec, argc, argv, ret, took, ret, &words));
	if (ret->help || ret->help_all)
		return NULL;
	try(read_pod(&words, ret));
	try(check_names(ret));
	return check_remote(remote, ret);
}

struct error *kubectl_clean_parse(int argc, char **argv, struct kubectl_options *ret)
{
	struct option_words words;

	set_defaults(ret);
	try(options_visit(&kubectl_clean_verb, argc, argv, ret, took, ret, &words));
	if (ret->help)
		return NULL;
	if (words.n)
		return error_new(ERROR_USAGE, "unexpected \"%.80s\": clean takes no pod",
				 words.words[0]);
	return check_names(ret);
}

void kubectl_options_fini(struct kubectl_options *options)
{
	for (size_t i = 0; i < options->n_owned; i++)
		free(options->owned[i]);
	options->n_owned = 0;
}
