#include "kube/json.h"
#include "kube/kube.h"

#include <stdio.h>

/* The container will not start: these reasons do not pass by themselves soon. */
static const char *const stuck[] = {
	"ErrImagePull",
	"ImagePullBackOff",
	"InvalidImageName",
	"ErrImageNeverPull",
	"RegistryUnavailable",
	"ImageInspectError",
	"CreateContainerConfigError",
	"CreateContainerError",
	"RunContainerError",
	"CrashLoopBackOff",
	"SignatureValidationFailed",
};

static void set_reason(struct kube_state *state, const char *reason, const char *message)
{
	snprintf(state->reason, sizeof(state->reason), "%.100s%s%.400s", reason,
		 *reason && *message ? ": " : "", message);
}

/* Reads why the container waits. */
static void read_waiting(const json_t *waiting, struct kube_state *state)
{
	const char *reason = kube_json_text(waiting, "reason");

	set_reason(state, reason, kube_json_text(waiting, "message"));
	for (size_t i = 0; i < ARRAY_SIZE(stuck); i++)
		if (!strcmp(reason, stuck[i]))
			state->phase = KUBE_STUCK;
}

/* Reads what the scheduler said, if it did. */
static void read_conditions(const json_t *pod, struct kube_state *state)
{
	const json_t *conditions = kube_json_at(pod, "status.conditions");

	for (size_t i = 0; i < json_array_size(conditions); i++) {
		const json_t *condition = json_array_get(conditions, i);

		if (!strcmp(kube_json_text(condition, "type"), "PodScheduled") &&
		    !strcmp(kube_json_text(condition, "status"), "False"))
			set_reason(state, kube_json_text(condition, "reason"),
				   kube_json_text(condition, "message"));
	}
}

static void read_ended(const json_t *pod, const json_t *terminated, struct kube_state *state)
{
	const json_t *code = kube_json_at(terminated, "exitCode");

	state->phase = KUBE_ENDED;
	state->code = json_is_integer(code) ? (int)(json_integer_value(code) & 255) : -1;
	if (*kube_json_text(pod, "status.reason"))
		set_reason(state, kube_json_text(pod, "status.reason"),
			   kube_json_text(pod, "status.message"));
	else
		set_reason(state, kube_json_text(terminated, "reason"),
			   kube_json_text(terminated, "message"));
}

struct error *kube_state_read(const char *json, size_t len, struct kube_state *ret)
{
	cleanup(json_free) json_t *pod = NULL;
	const json_t *container, *terminated;
	const char *phase;

	try(kube_json_read(json, len, "Pod", &pod));
	*ret = (struct kube_state){.phase = KUBE_WAITING, .code = -1};
	container = json_array_get(kube_json_at(pod, "status.containerStatuses"), 0);
	terminated = kube_json_at(container, "state.terminated");
	phase = kube_json_text(pod, "status.phase");
	if (json_is_object(terminated) || !strcmp(phase, "Failed") || !strcmp(phase, "Succeeded"))
		read_ended(pod, terminated, ret);
	else if (json_is_object(kube_json_at(container, "state.running")))
		ret->phase = KUBE_RUNS;
	else if (json_is_object(kube_json_at(container, "state.waiting")))
		read_waiting(kube_json_at(container, "state.waiting"), ret);
	else
		read_conditions(pod, ret);
	return NULL;
}

struct error *kube_leftovers_read(const char *json, size_t len, struct kube_leftover *ret,
				  size_t max, size_t *ret_n)
{
	cleanup(json_free) json_t *list = NULL;
	const json_t *items;
	size_t n = 0;

	try(kube_json_read(json, len, "List", &list));
	items = kube_json_at(list, "items");
	for (size_t i = 0; i < json_array_size(items) && n < max; i++) {
		const json_t *pod = json_array_get(items, i);
		const char *name = kube_json_text(pod, "metadata.name");
		const char *phase = kube_json_text(pod, "status.phase");

		if (!kube_is_name(name))
			continue;
		snprintf(ret[n].name, sizeof(ret[n].name), "%s", name);
		ret[n++].ended = !strcmp(phase, "Succeeded") || !strcmp(phase, "Failed");
	}
	*ret_n = n;
	return NULL;
}
