#include "kube/json.h"
#include "kube/kube.h"

/* The pod:
 *
 *   restartPolicy Never, activeDeadlineSeconds: it ends, whatever happens to us
 *   stdinOnce: its standard input is closed when our connection ends, and tophash tether then ends
 *   nodeName: no scheduler may choose another node; the tolerations let it stay on each
 *   privileged, hostPID: uprobes, BPF, and the processes of the node
 *   /sys: the kernel's BTF and control groups; /run: sockets and states of the container runtime
 *   no token of the cluster, because tophash asks the cluster nothing
 */
static const char format[] = "{s:s, s:s,"
			     " s:{s:s, s:s, s:{s:s, s:s}, s:{s:s}},"
			     " s:{s:s, s:b, s:s, s:I, s:i, s:b, s:b, s:{s:s, s:s}, s:[{s:s}],"
			     "    s:[{s:s, s:s, s:s, s:O, s:b, s:b, s:{s:b, s:b},"
			     "        s:{s:{s:s, s:s}, s:{s:s}},"
			     "        s:[{s:s, s:s, s:b}, {s:s, s:s, s:b}]}],"
			     "    s:[{s:s, s:{s:s, s:s}}, {s:s, s:{s:s, s:s}}]}}";

static json_t *pack(const struct kube_pod *pod, const char *target, json_t *args)
{
	return json_pack(format,
			 /* */ "apiVersion", "v1", "kind", "Pod",
			 /* */ "metadata", "name", pod->name, "namespace", pod->namespace, "labels",
			 "app.kubernetes.io/name", "tophash", "app.kubernetes.io/managed-by",
			 "kubectl-tophash", "annotations", "tophash-target", target,
			 /* */ "spec", "nodeName", pod->target->node, "hostPID", 1, "restartPolicy",
			 "Never", "activeDeadlineSeconds", (json_int_t)pod->deadline_s,
			 "terminationGracePeriodSeconds", 15, "automountServiceAccountToken", 0,
			 "enableServiceLinks", 0, "nodeSelector", "kubernetes.io/os", "linux",
			 "kubernetes.io/arch", "amd64", "tolerations", "operator", "Exists",
			 /* */ "containers", "name", KUBE_CONTAINER, "image", pod->image,
			 "imagePullPolicy", "IfNotPresent", "args", args, "stdin", 1, "stdinOnce",
			 1, "securityContext", "privileged", 1, "readOnlyRootFilesystem", 1,
			 "resources", "requests", "cpu", "10m", "memory", "32Mi", "limits",
			 "memory", "1Gi", "volumeMounts", "name", "sys", "mountPath", "/sys",
			 "readOnly", 1, "name", "run", "mountPath", "/run", "readOnly", 1,
			 /* */ "volumes", "name", "sys", "hostPath", "path", "/sys", "type",
			 "Directory", "name", "run", "hostPath", "path", "/run", "type",
			 "Directory");
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
