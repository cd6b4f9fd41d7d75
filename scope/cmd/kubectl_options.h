/* The command line of kubectl-tophash. It has its own options, those that every kubectl has, and the
 * options of the verb that runs on the node. The last are checked by the table of that verb, and passed on.
 */
#ifndef CMD_KUBECTL_OPTIONS_H
#define CMD_KUBECTL_OPTIONS_H

#include "cmd/options/options.h"
#include "kube/kube.h"

enum { KUBECTL_ARGS_MAX = 64 };

struct kubectl_options {
	const struct verb_spec *remote; /* the verb that runs on the node */
	const char *pod;		/* its name, without "pod/" */
	const char *namespace, *container, *image, *pod_namespace;
	uint64_t start_ns;    /* how long our pod may take to start */
	uint64_t deadline_ns; /* how long it may exist */
	bool quiet, verbose, help, help_all, all;
	struct kubectl kubectl;
	char *owned[KUBECTL_ARGS_MAX]; /* the flags of kubectl, and the options of the verb */
	size_t n_owned;
	const char *args[KUBECTL_ARGS_MAX]; /* the options of the verb: "--key=user:42" */
	size_t n_args;
	bool ignored;	    /* takes the value of a flag that is only passed on */
	const char *unread; /* the same for a value */
};

/* The verbs of the plugin. */
extern const struct verb_spec kubectl_clean_verb;
/* Returns verb i that can run on a node ("trace"), as the plugin offers it; NULL after the last. */
const struct verb_spec *kubectl_verb_at(size_t i);

/* Reads the command line of a verb that runs on a node. Errors (ERROR_USAGE): one line. */
struct error *kubectl_options_parse(const struct verb_spec *verb, int argc, char **argv,
				    struct kubectl_options *ret);
/* Reads the command line of `clean`. */
struct error *kubectl_clean_parse(int argc, char **argv, struct kubectl_options *ret);
void kubectl_options_fini(struct kubectl_options *options);
CLEANUP_VALUE(struct kubectl_options, kubectl_options_fini)

/* Fills `ret` (of KUBE_WORDS_MAX) with the words of tophash on the node: tether, the verb, the target, the
 * options. They borrow from `options` and `target`. `name` is made for them. */
void kubectl_remote_words(const struct kubectl_options *options, const struct kube_target *target,
			  struct buf *name, const char **ret);

#endif
