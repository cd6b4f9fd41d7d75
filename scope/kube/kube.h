/* kube: a pod of our own on the node of another pod. Everything is asked of the cluster by the kubectl of
 * the user, which knows his contexts, credentials, proxies and plugins for authentication.
 *
 *   kubectl.c    runs kubectl: one call with a bounded reply, or a connection with three pipes
 *   refusal.c    what kubectl said when it failed, as one line
 *   target.c     reads the pod that is to be traced
 *   state.c      reads how our own pod is getting on
 *   manifest.c   writes our own pod
 *
 * What comes from the cluster is hostile: replies are bounded, names are checked, texts are made safe
 * where they are printed.
 */
#ifndef KUBE_KUBE_H
#define KUBE_KUBE_H

#include "base/base.h"
#include "base/buf.h"

#include <sys/types.h>

enum {
	KUBE_NAME_SIZE = 254, /* the longest name of Kubernetes, and NUL */
	KUBE_WORDS_MAX = 128, /* of a command line of kubectl */
	KUBE_FLAGS_MAX = 16,
	KUBE_REPLY_MAX = 8 << 20, /* bytes that a call may print */
};

/* ---- kubectl ---- */

struct kubectl {
	const char *program;
	const char *flags[KUBE_FLAGS_MAX]; /* of each call: --context=prod; borrowed */
	size_t n_flags;
	int interrupt; /* a call ends when this descriptor becomes readable; -1: never */
	/* Puts kubectl into a process group of its own, which Ctrl-C does not reach. Such a kubectl cannot
	 * ask for a password on the terminal. */
	bool apart;
};

struct kube_reply {
	struct buf out, err;
	int code;	  /* the exit code; 128 and more: a signal */
	bool interrupted; /* kubectl was ended because of kubectl.interrupt */
};

/* Runs kubectl with these words, after the flags. NULL ends the words. `input` is its standard input;
 * NULL: none. Errors (ERROR_FAILED): kubectl cannot be run, did not end in time, printed too much.
 * That it failed is no error: see `code`. */
struct error *kubectl_call(const struct kubectl *kubectl, const char *const *words,
			   const char *input, unsigned patience_ms, struct kube_reply *ret);
void kube_reply_fini(struct kube_reply *reply);
CLEANUP_VALUE(struct kube_reply, kube_reply_fini)

/* A running kubectl. */
struct kubectl_running {
	pid_t pid;	  /* 0: none */
	int in, out, err; /* our ends of its standard descriptors; -1: closed */
};

/* Starts kubectl, which ends when this process does. Errors (ERROR_FAILED). */
struct error *kubectl_start(const struct kubectl *kubectl, const char *const *words,
			    struct kubectl_running *ret);
/* Ends it if it still runs, and closes the descriptors. */
void kubectl_end(struct kubectl_running *running);

/* Makes an error of a call that failed. `what` failed. ERROR_PERMISSION: the cluster forbids it;
 * ERROR_TARGET: something is not there; else ERROR_FAILED. */
struct error *kube_refusal(const struct kube_reply *reply, const char *what);
/* Tells whether the cluster said that an object of this resource ("pods") is not there. */
bool kube_is_absent(const struct kube_reply *reply, const char *resource);

/* ---- pods ---- */

/* The container that is to be traced. */
struct kube_target {
	char name[KUBE_NAME_SIZE], namespace[KUBE_NAME_SIZE], node[KUBE_NAME_SIZE];
	char container[KUBE_NAME_SIZE];
};

/* Reads a pod as `kubectl get -o json` prints it. `container`: the container of the user; NULL: the only
 * one, or the one that the pod's annotation names. Errors: ERROR_TARGET (it does not run, there is no
 * such container), ERROR_USAGE (there are several containers), ERROR_FAILED (that is no pod). */
struct error *kube_target_read(const char *json, size_t len, const char *container,
			       struct kube_target *ret);

/* Whether a text may be a name of Kubernetes: at most 253 of a-z, 0-9, '-' and '.'. */
bool kube_is_name(const char *name);

enum kube_phase {
	KUBE_WAITING, /* it has not started yet */
	KUBE_STUCK,   /* it will not start: the reason says why */
	KUBE_RUNS,
	KUBE_ENDED,
};

/* How a pod of ours is getting on. */
struct kube_state {
	enum kube_phase phase;
	char reason[512]; /* as far as it is known: "ErrImagePull: no such host" */
	int code;	  /* KUBE_ENDED: the exit code; -1: not known */
};

/* Reads a pod of ours. Errors (ERROR_FAILED): that is no pod. */
struct error *kube_state_read(const char *json, size_t len, struct kube_state *ret);

/* A pod of ours that is left. */
struct kube_leftover {
	char name[KUBE_NAME_SIZE];
	bool ended;
};
/* Reads a list of pods. Errors (ERROR_FAILED): the text is no list of pods. */
struct error *kube_leftovers_read(const char *json, size_t len, struct kube_leftover *ret,
				  size_t max, size_t *ret_n);

/* The labels of our pods. */
#define KUBE_LABELS    "app.kubernetes.io/name=tophash,app.kubernetes.io/managed-by=kubectl-tophash"
#define KUBE_CONTAINER "tophash" /* the only container of our pods */

struct kube_pod {
	const char *name, *namespace, *image;
	uint64_t deadline_s;	 /* the cluster ends it after this time */
	const char *const *args; /* of tophash; NULL at the end */
	const struct kube_target *target;
};

/* Appends the pod as JSON. Errors (ERROR_USAGE): a word is not UTF-8. */
struct error *kube_manifest(const struct kube_pod *pod, struct buf *to);

#endif
