/* kubectl-tophash: a plugin of kubectl, which finds it by its name. `kubectl tophash trace pod/NAME` runs
 * `tophash trace` on the node of a pod. */
#include "cmd/kubectl.h"
#include "cmd/cmd.h"
#include "base/text/text.h"
#include "base/buf.h"

#include <signal.h>

#include "version.h"

const char *const cmd_program = "kubectl tophash";

static int print_help(const struct verb_spec *verb, bool all)
{
	cleanup_buf struct buf text = {0};

	options_help(verb, all, &text);
	return text.bad ? cmd_fail(error_nomem()) : cmd_print(buf_cstr(&text));
}

static void put_usage(struct buf *to)
{
	const struct verb_spec *verb;

	buf_str(to,
		"usage: kubectl tophash VERB [OPTION]...\n"
		"       kubectl tophash VERB --help\n\n"
		"Runs tophash on the node of a pod, in a pod of its own that is removed afterwards.\n\n"
		"Verbs:\n");
	for (size_t i = 0; (verb = kubectl_verb_at(i)); i++)
		buf_printf(to, "  %-6s %s\n", verb->name, verb->summary);
	buf_printf(to, "  %-6s %s\n", kubectl_clean_verb.name, kubectl_clean_verb.summary);
	buf_str(to, "\nExamples:\n"
		    "  kubectl tophash trace pod/shop-7d4b -n prod --key user:42\n"
		    "  kubectl tophash clean\n");
}

static int no_verb(const char *name)
{
	const struct verb_spec *verb;
	const char *names[8], *near;
	size_t n = 0;

	for (; n < ARRAY_SIZE(names) - 2 && (verb = kubectl_verb_at(n)); n++)
		names[n] = verb->name;
	names[n++] = kubectl_clean_verb.name;
	names[n] = NULL;
	near = nearest_word(name, strlen(name), names);
	if (near)
		cmd_say("no verb \"%.80s\": did you mean %s?", name, near);
	else
		cmd_say("no verb \"%.80s\": try kubectl tophash --help", name);
	return ERROR_USAGE;
}

static int clean(int argc, char **argv)
{
	cleanup(kubectl_options_fini) struct kubectl_options options = {0};
	struct error *err = kubectl_clean_parse(argc, argv, &options);

	if (err)
		return cmd_fail(err);
	return options.help ? print_help(&kubectl_clean_verb, false) : kubectl_clean(&options);
}

static int remote(const struct verb_spec *verb, int argc, char **argv)
{
	cleanup(kubectl_options_fini) struct kubectl_options options = {0};
	struct error *err = kubectl_options_parse(verb, argc, argv, &options);

	if (err)
		return cmd_fail(err);
	if (options.help || options.help_all)
		return print_help(verb, options.help_all);
	return kubectl_run(&options);
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	const struct verb_spec *verb;
	cleanup_buf struct buf text = {0};

	if (!cmd_open_standard_files())
		return ERROR_FAILED;
	signal(SIGCHLD, SIG_DFL);
	for (size_t i = 0; (verb = kubectl_verb_at(i)); i++)
		if (!strcmp(word, verb->name))
			return remote(verb, argc - 1, argv + 1);
	if (!strcmp(word, kubectl_clean_verb.name))
		return clean(argc - 1, argv + 1);
	if (!strcmp(word, "__complete"))
		return kubectl_complete(argc - 2, argv + 2);
	if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		return cmd_print("kubectl-tophash " TOPHASH_VERSION "\n");
	if (*word && strcmp(word, "--help") != 0 && strcmp(word, "-h") != 0)
		return no_verb(word);
	put_usage(&text);
	if (*word)
		return cmd_print(buf_cstr(&text));
	cmd_say("no verb: try kubectl tophash --help");
	return ERROR_USAGE;
}
