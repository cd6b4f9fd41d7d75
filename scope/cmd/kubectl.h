/* What the files of kubectl-tophash share.
 */
#ifndef CMD_KUBECTL_H
#define CMD_KUBECTL_H

#include "cmd/kubectl_options.h"
#include "base/loop.h"

/* A run of a verb on a node. */
struct kubectl_run {
	const struct kubectl_options *options;
	struct kubectl kubectl; /* in a process group of its own, and interrupted by signals */
	struct kube_target target;
	struct loop *loop;
	char name[64];	  /* of our pod */
	int interrupts;	  /* signals so far */
	void *connection; /* of kubectl_attach.c; NULL: none */
	struct kubectl_running attach;
};

/* How the connection to our pod ended. */
enum kubectl_end {
	KUBECTL_END_WHOLE,	/* the node said so, and all output is there */
	KUBECTL_END_CUT,	/* the node said so, but output is missing */
	KUBECTL_END_LOST,	/* nobody said anything */
	KUBECTL_END_FORBIDDEN,	/* the cluster does not allow it, and a message said so */
	KUBECTL_END_INTERRUPTED /* by a second signal */
};

/* Connects to our pod and passes its output on, until the connection ends. *ret_code is the exit code of
 * tophash on the node, if it said so. Errors: kubectl cannot be run, output cannot be written. */
struct error *kubectl_attach(struct kubectl_run *run, enum kubectl_end *ret, int *ret_code);

/* Counts a signal. The first ends the verb on the node, which sends its totals. The second ends the
 * connection. `ctx` is the run. */
struct error *kubectl_on_signal(void *ctx, int signal);

/* Runs a verb on the node of a pod. Returns the exit code. */
int kubectl_run(const struct kubectl_options *options);
/* Removes pods that are left over. Returns the exit code. */
int kubectl_clean(const struct kubectl_options *options);
/* Prints what a shell may complete, as kubectl asks for it. Returns the exit code. */
int kubectl_complete(int argc, char **argv);

/* Removes our pod. Errors: the cluster does not do it. */
struct error *kubectl_remove(const struct kubectl *kubectl, const char *namespace,
			     const char *name);

#endif
