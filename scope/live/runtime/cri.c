/* CRI, which containerd, CRI-O and cri-dockerd offer to the kubelet: gRPC. The running containers and the pods that are ready
 * are asked for. A pod is a container of its own, which holds the namespaces.
 */
#include "live/runtime/cri.pb-c.h"
#include "live/runtime/grpc.h"
#include "live/runtime/runtime_priv.h"

enum { VERSION, PODS, CONTAINERS, CALLS };
enum { STATE_READY = 0, STATE_RUNNING = 1 };

static size_t pack_list(int state, uint8_t *to, size_t size)
{
	Cri__State of = CRI__STATE__INIT;
	Cri__Filter filter = CRI__FILTER__INIT;
	Cri__ListRequest request = CRI__LIST_REQUEST__INIT;

	of.state = state;
	filter.state = &of;
	request.filter = &filter;
	if (cri__list_request__get_packed_size(&request) > size)
		return 0;
	return cri__list_request__pack(&request, to);
}

/* ---- the answers ---- */

struct answers {
	Cri__Version *version;
	Cri__Pods *pods;
	Cri__Containers *containers;
};

static void answers_fini(struct answers *answers)
{
	if (answers->version)
		cri__version__free_unpacked(answers->version, NULL);
	if (answers->pods)
		cri__pods__free_unpacked(answers->pods, NULL);
	if (answers->containers)
		cri__containers__free_unpacked(answers->containers, NULL);
}
CLEANUP_VALUE(struct answers, answers_fini)

static const Cri__Pod *find_pod(const Cri__Pods *pods, const char *id)
{
	for (size_t i = 0; i < pods->n_items; i++)
		if (!strcmp(pods->items[i]->id, id))
			return pods->items[i];
	return NULL;
}

static void take_pod(const Cri__Pod *pod, struct runtime_container *to)
{
	if (!pod || !pod->metadata)
		return;
	to->pod = pod->metadata->name;
	to->namespace = pod->metadata->namespace_;
}

static void put_container(const struct answers *from, const Cri__Container *at, struct buf *to)
{
	struct runtime_container container = {
		.runtime = from->version->runtime_name,
		.id = at->id,
		.part = at->metadata ? at->metadata->name : NULL,
	};

	/* The kubelet gives the id of the image in place of its name. */
	if (at->image)
		container.image = *at->image->user_specified_image ? at->image->user_specified_image
								   : at->image->image;
	take_pod(find_pod(from->pods, at->pod_sandbox_id), &container);
	answer_put(to, &container);
}

static void put_pod(const struct answers *from, const Cri__Pod *at, struct buf *to)
{
	struct runtime_container container = {
		.runtime = from->version->runtime_name,
		.id = at->id,
		.sandbox = true,
	};

	take_pod(at, &container);
	answer_put(to, &container);
}

struct error *cri_parse(const struct buf *version, const struct buf *pods,
			const struct buf *containers, struct buf *to)
{
	cleanup(answers_fini) struct answers from = {
		cri__version__unpack(NULL, version->len, (const uint8_t *)version->data),
		cri__pods__unpack(NULL, pods->len, (const uint8_t *)pods->data),
		cri__containers__unpack(NULL, containers->len, (const uint8_t *)containers->data),
	};

	if (!from.version || !from.pods || !from.containers)
		return error_new(ERROR_FAILED, "its answer is no message of CRI");
	if (from.pods->n_items + from.containers->n_containers > RUNTIME_CONTAINERS_MAX)
		return error_new(ERROR_FAILED, "it tells of more than %d containers",
				 RUNTIME_CONTAINERS_MAX);
	for (size_t i = 0; i < from.pods->n_items; i++)
		put_pod(&from, from.pods->items[i], to);
	for (size_t i = 0; i < from.containers->n_containers; i++)
		put_container(&from, from.containers->containers[i], to);
	return NULL;
}

/* ---- asking ---- */

struct error *cri_ask(int fd, struct buf *to)
{
	/* The second one is that of containerd before 1.6 and CRI-O before 1.20. */
	static const char *const services[] = {"runtime.v1.RuntimeService",
					       "runtime.v1alpha2.RuntimeService"};
	uint8_t pods[16], containers[16];
	struct grpc_call calls[CALLS] = {
		[VERSION] = {.method = "Version"},
		[PODS] = {.method = "ListPodSandbox",
			  .request = pods,
			  .request_len = pack_list(STATE_READY, pods, sizeof(pods))},
		[CONTAINERS] = {.method = "ListContainers",
				.request = containers,
				.request_len =
					pack_list(STATE_RUNNING, containers, sizeof(containers))},
	};
	cleanup(grpc_close) struct grpc *grpc = NULL;
	bool offered = false;

	try(grpc_open(fd, &grpc));
	for (size_t i = 0; !offered && i < ARRAY_SIZE(services); i++) {
		try(grpc_do(grpc, services[i], calls, CALLS));
		offered = calls[CONTAINERS].status != GRPC_UNIMPLEMENTED;
	}
	if (!offered)
		return NULL; /* a containerd without CRI, as Docker has it */
	for (size_t i = 0; i < CALLS; i++)
		if (calls[i].status != GRPC_OK)
			return error_new(ERROR_FAILED, "it answers %s with gRPC status %d",
					 calls[i].method, calls[i].status);
	/* The replies are freed by the end of the child. */
	return cri_parse(&calls[VERSION].reply, &calls[PODS].reply, &calls[CONTAINERS].reply, to);
}
