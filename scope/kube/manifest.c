#include "kube/json.h"
#include "base/buf.h"
#include "kube/kube.h"

/* What the pod sees of the node, and only reads. */
static const struct {
	const char *name, *path, *type;
} hosts[] = {
	{"sys", "/sys", "Directory"}, /* the kernel's BTF, control groups */
	{"run", "/run", "Directory"}, /* states and sockets of the container runtime */
	{"log", "/var/log/containers", "DirectoryOrCreate"}, /* names of containers */
};

static json_t *mounts(void)
{
	json_t *array = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		json_array_append_new(array, json_pack("{s:s, s:s, s:b}", "name", hosts[i].name,
						       "mountPath", hosts[i].path, "readOnly", 1));
	return array;
}

static json_t *volumes(void)
{
	json_t *array = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		json_array_append_new(array, json_pack("{s:s, s:{s:s, s:s}}", "name", hosts[i].name,
						       "hostPath", "path", hosts[i].path, "type",
						       hosts[i].type));
	return array;
}

/* stdinOnce: standard input is closed when our connection ends, and tophash tether then ends.
 * privileged: uprobes and BPF. */
static json_t *container(const struct kube_pod *pod, json_t *args)
{
	return json_pack("{s:s, s:s, s:s, s:O, s:b, s:b, s:o, s:o, s:o}", "name", KUBE_CONTAINER,
			 "image", pod->image, "imagePullPolicy", "IfNotPresent", "args", args,
			 "stdin", 1, "stdinOnce", 1, "securityContext",
			 json_pack("{s:b, s:b}", "privileged", 1, "readOnlyRootFilesystem", 1),
			 "resources",
			 json_pack("{s:{s:s, s:s}, s:{s:s}}", "requests", "cpu", "10m", "memory",
				   "32Mi", "limits", "memory", "1Gi"),
			 "volumeMounts", mounts());
}

/* restartPolicy, activeDeadlineSeconds: it ends, whatever happens to us. nodeName: no scheduler may choose
 * another node, and the tolerations let it stay on each. hostPID: the processes of the node. No token of the
 * cluster, because tophash asks the cluster nothing. */
static json_t *spec(const struct kube_pod *pod, json_t *args)
{
	return json_pack(
		"{s:s, s:b, s:s, s:I, s:i, s:b, s:b, s:o, s:[{s:s}], s:[o], s:o}", "nodeName",
		pod->target->node, "hostPID", 1, "restartPolicy", "Never", "activeDeadlineSeconds",
		(json_int_t)pod->deadline_s, "terminationGracePeriodSeconds", 15,
		"automountServiceAccountToken", 0, "enableServiceLinks", 0, "nodeSelector",
		json_pack("{s:s, s:s}", "kubernetes.io/os", "linux", "kubernetes.io/arch", "amd64"),
		"tolerations", "operator", "Exists", "containers", container(pod, args), "volumes",
		volumes());
}

static json_t *pack(const struct kube_pod *pod, const char *target, json_t *args)
{
	json_t *metadata = json_pack(
		"{s:s, s:s, s:{s:s, s:s}, s:{s:s}}", "name", pod->name, "namespace", pod->namespace,
		"labels", "app.kubernetes.io/name", "tophash", "app.kubernetes.io/managed-by",
		"kubectl-tophash", "annotations", "tophash-target", target);

	return json_pack("{s:s, s:s, s:o, s:o}", "apiVersion", "v1", "kind", "Pod", "metadata",
			 metadata, "spec", spec(pod, args));
}

struct error *kube_manifest(const struct kube_pod *pod, struct buf *to)
{
	cleanup(json_free) json_t *args = json_array(), *json = NULL;
	cleanup_buf struct buf target = {0};
	cleanup_free char *text = NULL;

	for (size_t i = 0; pod->args[i]; i++)
		if (json_array_append_new(args, json_string(pod->args[i])) < 0)
			return error_new(ERROR_USAGE,
					 "\"%.80s\" is not UTF-8, and cannot be sent to the node",
					 pod->args[i]);
	buf_printf(&target, "%s/%s/%s", pod->target->namespace, pod->target->name,
		   pod->target->container);
	json = pack(pod, buf_cstr(&target), args);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (!text)
		return error_new(ERROR_USAGE, "--image \"%.80s\" is not UTF-8", pod->image);
	buf_str(to, text);
	return NULL;
}
