/* kubectl tophash trace: finds the node of the pod, makes a pod of ours there, connects to it, and removes
 * it, however the run ends. The name of our pod is chosen here. It can therefore be removed even if the
 * answer to its creation never came. */
#include "cmd/kubectl.h"
#include "cmd/cmd.h"
#include "base/clock.h"
#include "base/buf.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>

#define FIRST_MS  120000 /* of the first call, which may ask for a password */
#define CALL_MS	  30000
#define REMOVE_MS 15000
#define SECOND	  1000000000ull

/* ---- the target ---- */

/* Appends names of pods that begin with the name that was given. */
static void put_similar(const struct kubectl *kubectl, const struct kubectl_options *options,
			const char *namespace, struct buf *to)
{
	const char *words[] = {"get", "pods", "--output=name", namespace, NULL};
	cleanup(kube_reply_fini) struct kube_reply reply = {0};
	size_t len = strlen(options->pod), n = 0;
	char *rest = NULL;

	error_free(kubectl_call(kubectl, words, NULL, CALL_MS, &reply));
	buf_char(&reply.out, '\0');
	for (char *line = reply.out.data ? strtok_r(reply.out.data, "\n", &rest) : NULL;
	     line && n < 5; line = strtok_r(NULL, "\n", &rest)) {
		const char *name = strncmp(line, "pod/", 4) == 0 ? line + 4 : line;

		if (!strncmp(name, options->pod, len) && kube_is_name(name))
			buf_printf(to, "%s%s", n++ ? ", " : "", name);
	}
}

/* The cluster has no such pod. Names the pods that may have been meant. */
static struct error *absent(const struct kubectl *kubectl, const struct kubectl_options *options,
			    const char *namespace, const struct kube_reply *reply)
{
	cleanup_buf struct buf similar = {0};

	put_similar(kubectl, options, namespace, &similar);
	if (!similar.len)
		return kube_refusal(reply, options->pod);
	return error_new(ERROR_TARGET, "no pod has the name %s: did you mean %s?", options->pod,
			 buf_cstr(&similar));
}

static struct error *find_target(struct kubectl_run *run)
{
	const struct kubectl_options *options = run->options;
	const char *words[] = {"get", "pod", options->pod, "--output=json", NULL, NULL};
	cleanup(kube_reply_fini) struct kube_reply reply = {0};
	cleanup_buf struct buf namespace = {0};

	buf_printf(&namespace, "--namespace=%s", options->namespace ? options->namespace : "");
	if (options->namespace)
		words[4] = buf_cstr(&namespace);
	try(kubectl_call(&options->kubectl, words, NULL, FIRST_MS, &reply));
	if (kube_is_absent(&reply, "pods"))
		return absent(&options->kubectl, options, words[4], &reply);
	if (reply.code)
		return kube_refusal(&reply, options->pod);
	return kube_target_read(reply.out.data, reply.out.len, options->container, &run->target);
}

/* ---- our pod ---- */

static struct error *choose_name(struct kubectl_run *run)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return error_errno(ERROR_FAILED, errno, "getrandom");
	snprintf(run->name, sizeof(run->name), "tophash-%012llx",
		 (unsigned long long)(number & 0xffffffffffffull));
	return NULL;
}

/* Whether a call was ended by a signal. There is then nothing more to do. */
static bool was_interrupted(struct kubectl_run *run, const struct kube_reply *reply)
{
	if (!reply->interrupted)
		return false;
	while (loop_take_signal(run->loop))
		run->interrupts++;
	return true;
}

/* Makes the pod. The request is written here, because kubectl would otherwise read the description of the whole
 * API first, and would check the pod by that instead of asking the cluster to be strict. */
static struct error *create(struct kubectl_run *run)
{
	const char *words[] = {"create", "--filename=-", "--raw", NULL, NULL};
	cleanup(kube_reply_fini) struct kube_reply reply = {0};
	cleanup_buf struct buf json = {0}, path = {0}, target = {0};
	const char *args[KUBE_WORDS_MAX];
	struct kube_pod pod = {.name = run->name,
			       .namespace = run->options->pod_namespace,
			       .image = run->options->image,
			       .deadline_s = run->options->deadline_ns / SECOND,
			       .args = args,
			       .target = &run->target};

	kubectl_remote_words(run->options, &run->target, &target, args);
	try(kube_manifest(&pod, &json));
	buf_printf(&path, "/api/v1/namespaces/%s/pods?fieldValidation=Strict",
		   run->options->pod_namespace);
	words[3] = buf_cstr(&path);
	try(kubectl_call(&run->kubectl, words, buf_cstr(&json), CALL_MS, &reply));
	if (was_interrupted(run, &reply) || !reply.code)
		return NULL;
	if (kube_is_absent(&reply, "namespaces"))
		return error_new(
			ERROR_TARGET,
			"the cluster has no namespace %s for the pods of tophash: kubectl apply -k "
			"deploy/kubernetes/base makes it, or give --pod-namespace NS",
			run->options->pod_namespace);
	return kube_refusal(&reply, "cannot make a pod");
}

static struct error *look_at(struct kubectl_run *run, struct kube_state *ret)
{
	const char *words[] = {"get", "pod", run->name, "--output=json", NULL, NULL};
	cleanup(kube_reply_fini) struct kube_reply reply = {0};
	cleanup_buf struct buf namespace = {0};

	buf_printf(&namespace, "--namespace=%s", run->options->pod_namespace);
	words[4] = buf_cstr(&namespace);
	*ret = (struct kube_state){.phase = KUBE_WAITING, .code = -1};
	try(kubectl_call(&run->kubectl, words, NULL, CALL_MS, &reply));
	if (was_interrupted(run, &reply))
		return NULL;
	if (reply.code)
		return kube_refusal(&reply, "the pod of tophash");
	return kube_state_read(reply.out.data, reply.out.len, ret);
}

/* Waits until it runs, or a signal comes. Errors: it will not run. */
static struct error *wait_until_it_runs(struct kubectl_run *run)
{
	uint64_t end = now_ns() + run->options->start_ns;
	unsigned pause_ms = 200;
	struct kube_state state;

	while (!run->interrupts) {
		struct pollfd signals = {.fd = loop_signal_fd(run->loop), .events = POLLIN};

		try(look_at(run, &state));
		if (state.phase == KUBE_RUNS || run->interrupts)
			return NULL;
		if (state.phase != KUBE_WAITING)
			return error_new(ERROR_FAILED, "the pod on node %s %s: %s",
					 run->target.node,
					 state.phase == KUBE_ENDED ? "has ended" : "does not start",
					 *state.reason ? state.reason : "no reason is known");
		if (now_ns() > end)
			return error_new(ERROR_FAILED,
					 "the pod on node %s did not start in %llu s%s%s "
					 "(--start-timeout)",
					 run->target.node,
					 (unsigned long long)(run->options->start_ns / SECOND),
					 *state.reason ? ": " : "", state.reason);
		if (poll(&signals, 1, (int)pause_ms) > 0)
			while (loop_take_signal(run->loop))
				run->interrupts++;
		pause_ms = pause_ms < 1000 ? pause_ms * 2 : 1000;
	}
	return NULL;
}

struct error *kubectl_remove(const struct kubectl *kubectl, const char *namespace, const char *name)
{
	const char *words[] = {"delete",       "pod",	name, "--ignore-not-found",
			       "--wait=false", "--now", NULL, NULL};
	cleanup(kube_reply_fini) struct kube_reply reply = {0};
	struct kubectl uninterrupted = *kubectl;
	cleanup_buf struct buf in = {0};

	buf_printf(&in, "--namespace=%s", namespace);
	words[6] = buf_cstr(&in);
	uninterrupted.interrupt = -1;
	uninterrupted.apart = true;
	try(kubectl_call(&uninterrupted, words, NULL, REMOVE_MS, &reply));
	return reply.code ? kube_refusal(&reply, name) : NULL;
}

static void remove_pod(struct kubectl_run *run)
{
	struct error *err = kubectl_remove(&run->kubectl, run->options->pod_namespace, run->name);

	if (!err)
		return;
	cmd_say("the pod %s was not removed (%s); it ends by itself, and kubectl tophash clean removes it",
		run->name, err->text);
	error_free(err);
}

/* ---- the run ---- */

/* The connection ended without a word from the node. Says why, as far as the cluster knows it. */
static int lost(struct kubectl_run *run)
{
	struct kube_state state = {0};
	struct error *err = look_at(run, &state);

	if (!err && state.phase == KUBE_ENDED && *state.reason)
		cmd_say("the connection to the pod was lost, and the pod has ended (%s); events may be missing",
			state.reason);
	else
		cmd_say("the connection to the pod was lost; events may be missing");
	error_free(err);
	return ERROR_FAILED;
}

static struct error *connect_to(struct kubectl_run *run, int *ret_code)
{
	enum kubectl_end end;

	try(kubectl_attach(run, &end, ret_code));
	switch (end) {
	case KUBECTL_END_WHOLE: break;
	case KUBECTL_END_CUT:
		cmd_say("a part of the output was lost on the way");
		*ret_code = *ret_code ? *ret_code : EXIT_LOST;
		break;
	case KUBECTL_END_LOST: *ret_code = lost(run); break;
	case KUBECTL_END_FORBIDDEN: *ret_code = ERROR_PERMISSION; break;
	case KUBECTL_END_INTERRUPTED:
		cmd_say("ended at once: totals and events may be missing");
		*ret_code = EXIT_LOST;
		break;
	}
	return NULL;
}

static struct error *catch_signals(struct kubectl_run *run)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

	try(loop_new(&run->loop));
	try(loop_catch(run->loop, signals, ARRAY_SIZE(signals), kubectl_on_signal, run));
	run->kubectl.interrupt = loop_signal_fd(run->loop);
	run->kubectl.apart = true;
	return NULL;
}

static struct error *with_pod(struct kubectl_run *run, int *ret_code)
{
	if (!run->options->quiet)
		cmd_say("starting on node %s, for container %s of pod %s/%s", run->target.node,
			run->target.container, run->target.namespace, run->target.name);
	try(create(run));
	if (run->options->verbose)
		cmd_say("pod %s in namespace %s, image %s", run->name, run->options->pod_namespace,
			run->options->image);
	try(wait_until_it_runs(run));
	if (!run->interrupts)
		return connect_to(run, ret_code);
	cmd_say("interrupted before anything was traced");
	return NULL;
}

int kubectl_run(const struct kubectl_options *options)
{
	struct kubectl_run run = {.options = options, .kubectl = options->kubectl};
	int code = EXIT_DONE;
	struct error *err;

	signal(SIGPIPE, SIG_IGN);
	err = find_target(&run);
	if (!err)
		err = choose_name(&run);
	if (!err)
		err = catch_signals(&run);
	if (!err) {
		err = with_pod(&run, &code);
		remove_pod(&run);
	}
	loop_free(run.loop);
	return err ? cmd_fail(err) : code;
}
