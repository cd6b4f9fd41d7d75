/* kubectl tophash clean. */
#include "cmd/kubectl.h"
#include "cmd/cmd.h"
#include "base/text/text.h"
#include "base/buf.h"

#include <signal.h>

#define CALL_MS	      120000
#define LEFTOVERS_MAX 1000

static struct error *list(const struct kubectl_options *options, struct kube_leftover *ret,
			  size_t *ret_n)
{
	static const char labels[] = "--selector=" KUBE_LABELS;
	const char *words[] = {"get", "pods", "--output=json", labels, NULL, NULL};
	cleanup(kube_reply_fini) struct kube_reply reply = {0};
	cleanup_buf struct buf namespace = {0};

	buf_printf(&namespace, "--namespace=%s", options->pod_namespace);
	words[4] = buf_cstr(&namespace);
	try(kubectl_call(&options->kubectl, words, NULL, CALL_MS, &reply));
	if (reply.code)
		return kube_refusal(&reply, options->pod_namespace);
	return kube_leftovers_read(reply.out.data, reply.out.len, ret, LEFTOVERS_MAX, ret_n);
}

static struct error *clean(const struct kubectl_options *options)
{
	cleanup_free struct kube_leftover *found = calloc(LEFTOVERS_MAX, sizeof(*found));
	cleanup_buf struct buf text = {0};
	size_t n = 0, kept = 0;

	if (!found)
		return error_nomem();
	try(list(options, found, &n));
	for (size_t i = 0; i < n; i++) {
		if (!found[i].ended && !options->all) {
			kept++;
			continue;
		}
		try(kubectl_remove(&options->kubectl, options->pod_namespace, found[i].name));
		buf_printf(&text, "%s\n", found[i].name);
	}
	if (kept) {
		cleanup_buf struct buf pods = {0};

		text_counted(&pods, kept, "pod");
		cmd_say("%s that may be in use: not removed (--all removes them)", buf_cstr(&pods));
	}
	if (text.len)
		cmd_print(buf_cstr(&text));
	return NULL;
}

int kubectl_clean(const struct kubectl_options *options)
{
	struct error *err;

	signal(SIGPIPE, SIG_IGN);
	err = clean(options);
	return err ? cmd_fail(err) : EXIT_DONE;
}
