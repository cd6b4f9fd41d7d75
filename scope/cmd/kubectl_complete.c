/* What a shell may complete. kubectl runs `kubectl_complete-tophash WORD...`, the last word being the one
 * under the cursor, and reads a candidate a line, and then ":" and a number that says what else the shell
 * may offer. */
#include "cmd/kubectl.h"
#include "base/buf.h"
#include "cmd/cmd.h"

#include <signal.h>
#include <stdio.h>

#define CALL_MS	 5000
#define NO_FILES 4 /* of kubectl's numbers: no names of files */

/* Appends a candidate if the word is its beginning. */
static void offer(struct buf *to, const char *word, const char *candidate, const char *text)
{
	if (strncmp(candidate, word, strlen(word)) == 0)
		buf_printf(to, text ? "%s\t%s\n" : "%s\n", candidate, text);
}

static void offer_verbs(struct buf *to, const char *word)
{
	const struct verb_spec *verb;

	for (size_t i = 0; (verb = kubectl_verb_at(i)); i++)
		offer(to, word, verb->name, verb->summary);
	offer(to, word, kubectl_clean_verb.name, kubectl_clean_verb.summary);
}

static const struct verb_spec *find_verb(const char *name)
{
	const struct verb_spec *verb = NULL;

	for (size_t i = 0; (verb = kubectl_verb_at(i)) && strcmp(verb->name, name) != 0; i++)
		;
	return verb ? verb : !strcmp(name, kubectl_clean_verb.name) ? &kubectl_clean_verb : NULL;
}

/* Offers the values of an option. `before` is "--format=", or "" if the value is a word of its own. */
static void offer_values(struct buf *to, const struct option_spec *option, const char *before,
			 const char *word)
{
	for (size_t i = 0; option_value(option, i); i++) {
		char candidate[128];

		snprintf(candidate, sizeof(candidate), "%s%s", before, option_value(option, i));
		offer(to, word, candidate, NULL);
	}
}

static void offer_options(struct buf *to, const struct verb_spec *verb, const char *word)
{
	size_t len = strcspn(word, "=");

	options_each(option, verb) {
		char name[64];
		int n = snprintf(name, sizeof(name), "--%s=", option->name);

		if (!word[len]) {
			name[n - 1] = '\0';
			offer(to, word, name, option->argument ? NULL : option->help);
		} else if (len + 1 == (size_t)n && !strncmp(word, name, len + 1)) {
			offer_values(to, option, name, word);
		}
	}
}

/* Returns the option whose value follows this word, or NULL. */
static const struct option_spec *awaited(const struct verb_spec *verb, const char *word)
{
	if (word[0] != '-' || !word[1])
		return NULL;
	options_each(option, verb) {
		bool named = !strcmp(word + 2, option->name) && word[1] == '-';
		bool lettered = option->letter && word[1] == option->letter && !word[2];

		if ((named || lettered) && option->argument && !option->implied)
			return option;
	}
	return NULL;
}

/* Offers the names of pods, as the command line so far chooses cluster and namespace. */
static void offer_pods(struct buf *to, int argc, char **argv, const char *word)
{
	struct kubectl kubectl = {.program = getenv("KUBECTL"), .interrupt = -1};
	const char *words[] = {"get", "pods", "--output=name", NULL, NULL, NULL};
	cleanup(kube_reply_fini) struct kube_reply reply = {0};
	bool bare = strncmp(word, "pod/", 4) != 0;
	char *rest = NULL;

	if (!kubectl.program || !*kubectl.program)
		kubectl.program = "kubectl";
	for (int i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], "-n") || !strcmp(argv[i], "--namespace")) {
			words[3] = "--namespace";
			words[4] = argv[i + 1];
		}
	error_free(kubectl_call(&kubectl, words, NULL, CALL_MS, &reply));
	buf_char(&reply.out, '\0');
	for (char *line = reply.out.data ? strtok_r(reply.out.data, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		if (!strncmp(line, "pod/", 4) && kube_is_name(line + 4))
			offer(to, word, bare && *word ? line + 4 : line, NULL);
}

int kubectl_complete(int argc, char **argv)
{
	const char *word = argc > 0 ? argv[argc - 1] : "";
	const struct verb_spec *verb = argc > 1 ? find_verb(argv[0]) : NULL;
	const struct option_spec *option = verb ? awaited(verb, argv[argc - 2]) : NULL;
	cleanup_buf struct buf text = {0};

	signal(SIGPIPE, SIG_IGN);
	if (argc <= 1)
		offer_verbs(&text, word);
	else if (option)
		offer_values(&text, option, "", word);
	else if (verb && *word == '-')
		offer_options(&text, verb, word);
	else if (verb && verb != &kubectl_clean_verb)
		offer_pods(&text, argc - 1, argv, word);
	buf_printf(&text, ":%d\n", NO_FILES);
	return text.bad ? cmd_fail(error_nomem()) : cmd_print(buf_cstr(&text));
}
