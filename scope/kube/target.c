#include "kube/json.h"
#include "base/buf.h"
#include "kube/kube.h"

#include <stdio.h>

#define CONTAINERS_MAX 256 /* that are looked at */

/* The lists of containers, and those of how they are. */
static const char *const lists[][2] = {
	{"spec.containers", "status.containerStatuses"},
	{"spec.initContainers", "status.initContainerStatuses"},
	{"spec.ephemeralContainers", "status.ephemeralContainerStatuses"},
};

/* Returns container i of a list, or NULL. */
static const json_t *container_at(const json_t *pod, const char *list, size_t i)
{
	const json_t *array = kube_json_at(pod, list);

	return i < CONTAINERS_MAX ? json_array_get(array, i) : NULL;
}

/* Tells whether a container runs, as long as the pod does. Most init containers run before the others. */
static bool is_lasting(const json_t *container, size_t list)
{
	return list != 1 || !strcmp(kube_json_text(container, "restartPolicy"), "Always");
}

static const json_t *status_of(const json_t *pod, const char *list, const char *name)
{
	const json_t *status;

	for (size_t i = 0; (status = container_at(pod, list, i)); i++)
		if (!strcmp(kube_json_text(status, "name"), name))
			return status;
	return NULL;
}

/* ---- which container ---- */

/* Appends the names, and returns how many there are. */
static size_t put_names(const json_t *pod, struct buf *to)
{
	const json_t *container;
	size_t n = 0;

	for (size_t list = 0; list < ARRAY_SIZE(lists); list++) {
		for (size_t i = 0; (container = container_at(pod, lists[list][0], i)); i++) {
			if (!is_lasting(container, list))
				continue;
			if (to->len < 1000)
				buf_printf(to, "%s%.100s", n ? ", " : "",
					   kube_json_text(container, "name"));
			n++;
		}
	}
	return n;
}

/* Finds a container by its name. Returns the index of its list, or -1. */
static int find(const json_t *pod, const char *name)
{
	const json_t *container;

	for (size_t list = 0; list < ARRAY_SIZE(lists); list++)
		for (size_t i = 0; (container = container_at(pod, lists[list][0], i)); i++)
			if (!strcmp(kube_json_text(container, "name"), name))
				return (int)list;
	return -1;
}

/* Chooses the container that the user did not name. */
static struct error *choose(const json_t *pod, const char **ret)
{
	const json_t *marked = json_object_get(kube_json_at(pod, "metadata.annotations"),
					       "kubectl.kubernetes.io/default-container");
	cleanup_buf struct buf names = {0};
	size_t n = put_names(pod, &names);

	if (json_is_string(marked) && find(pod, json_string_value(marked)) >= 0) {
		*ret = json_string_value(marked);
		return NULL;
	}
	if (!n)
		return error_new(ERROR_TARGET, "pod %.253s has no containers",
				 kube_json_text(pod, "metadata.name"));
	if (n > 1)
		return error_new(ERROR_USAGE,
				 "pod %.253s has several containers: name one with -c: %s",
				 kube_json_text(pod, "metadata.name"), buf_cstr(&names));
	*ret = kube_json_text(container_at(pod, lists[0][0], 0), "name");
	return NULL;
}

/* Returns why a container does not run, as far as it is known. */
static const char *why_not(const json_t *status)
{
	static const char *const paths[] = {"state.waiting.reason", "state.terminated.reason"};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (*kube_json_text(status, paths[i]))
			return kube_json_text(status, paths[i]);
	return "it has not started yet";
}

static struct error *check_container(const json_t *pod, const char *name)
{
	const char *of = kube_json_text(pod, "metadata.name");
	int list = find(pod, name);
	const json_t *status;

	if (list < 0) {
		cleanup_buf struct buf names = {0};

		put_names(pod, &names);
		return error_new(ERROR_TARGET, "pod %.253s has no container %.253s, but %s", of,
				 name, buf_cstr(&names));
	}
	status = status_of(pod, lists[list][1], name);
	if (!kube_json_at(status, "state.running"))
		return error_new(ERROR_TARGET,
				 "container %.253s of pod %.253s does not run: %.100s", name, of,
				 why_not(status));
	return NULL;
}

/* ---- the pod ---- */

static struct error *check_pod(const json_t *pod)
{
	const char *name = kube_json_text(pod, "metadata.name");
	const char *phase = kube_json_text(pod, "status.phase");

	if (!kube_is_name(name) || !kube_is_name(kube_json_text(pod, "metadata.namespace")))
		return error_new(ERROR_FAILED, "the cluster describes a pod without a proper name");
	if (!strcmp(kube_json_text(pod, "spec.os.name"), "windows"))
		return error_new(ERROR_TARGET, "pod %s is a Windows pod: tophash is for Linux",
				 name);
	if (!*kube_json_text(pod, "spec.nodeName"))
		return error_new(ERROR_TARGET, "pod %s is on no node yet: wait until it runs",
				 name);
	if (!kube_is_name(kube_json_text(pod, "spec.nodeName")))
		return error_new(ERROR_FAILED, "the node of pod %s has no proper name", name);
	if (strcmp(phase, "Running") != 0)
		return error_new(ERROR_TARGET, "pod %s does not run: %.60s%s%.300s", name, phase,
				 *kube_json_text(pod, "status.message") ? ": " : "",
				 kube_json_text(pod, "status.message"));
	return NULL;
}

static void copy_name(char to[KUBE_NAME_SIZE], const char *name)
{
	snprintf(to, KUBE_NAME_SIZE, "%s", name);
}

struct error *kube_target_read(const char *json, size_t len, const char *container,
			       struct kube_target *ret)
{
	cleanup(json_free) json_t *pod = NULL;

	try(kube_json_read(json, len, "Pod", &pod));
	try(check_pod(pod));
	if (!container)
		try(choose(pod, &container));
	if (!kube_is_name(container))
		return error_new(ERROR_TARGET, "\"%.80s\" is no name of a container", container);
	try(check_container(pod, container));
	copy_name(ret->name, kube_json_text(pod, "metadata.name"));
	copy_name(ret->namespace, kube_json_text(pod, "metadata.namespace"));
	copy_name(ret->node, kube_json_text(pod, "spec.nodeName"));
	copy_name(ret->container, container);
	return NULL;
}
