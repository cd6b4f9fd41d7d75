/* The group of processes that trace watches, if its options name one.
 *
 * To add a way to name a group: an option of trace_options.h, and a function here that fills a struct
 * session_group.
 */
#ifndef CMD_TRACE_GROUP_H
#define CMD_TRACE_GROUP_H

#include "cmd/trace_options.h"
#include "live/container/container.h"

struct cgroup;

struct trace_group {
	struct session_group of; /* of.name is NULL if the options name no group */
	struct cgroup *cgroup;
	struct engine_cgroup_v1 v1;
	struct engine_users users;
	gid_t gid; /* of the caller */
	struct container_found found;
	const char *name; /* borrowed from found, or own */
	char *own;
};

/* Finds the group. `choice` has the processes of -p, and is borrowed. The caller frees *ret with
 * trace_group_fini(), also after an error. *ret must not be moved. Errors: as cgroup_open(). */
struct error *trace_group_open(const struct trace_options *options, const struct choice *choice,
			       struct trace_group *ret);
void trace_group_fini(struct trace_group *group);

#endif
