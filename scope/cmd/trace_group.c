#include "cmd/trace_group.h"
#include "live/cgroup/cgroup.h"

#include <stdio.h>

static struct error *each_of_cgroup(void *ctx, bool (*found)(void *found_ctx, pid_t pid),
				    void *found_ctx)
{
	return cgroup_each(((struct trace_group *)ctx)->cgroup, found, found_ctx);
}

static bool cgroup_is_over(void *ctx)
{
	return cgroup_is_removed(((struct trace_group *)ctx)->cgroup);
}

struct error *trace_group_open(const struct trace_options *options, struct trace_group *ret)
{
	*ret = (struct trace_group){0};
	if (!options->cgroup)
		return NULL;
	try(cgroup_open(options->cgroup, &ret->cgroup));
	if (asprintf(&ret->name, "control group %s", cgroup_path(ret->cgroup)) < 0) {
		ret->name = NULL;
		return error_nomem();
	}
	ret->v1 =
		(struct engine_cgroup_v1){cgroup_hierarchy(ret->cgroup), cgroup_path(ret->cgroup)};
	ret->of = (struct session_group){
		.name = ret->name,
		.each = each_of_cgroup,
		.is_over = cgroup_is_over,
		.cgroup = cgroup_v2(ret->cgroup),
		.cgroup_v1 = ret->v1.hierarchy ? &ret->v1 : NULL,
		.ctx = ret,
	};
	return NULL;
}

void trace_group_fini(struct trace_group *group)
{
	cgroup_free(group->cgroup);
	free(group->name);
}
