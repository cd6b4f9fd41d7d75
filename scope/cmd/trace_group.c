#include "cmd/trace_group.h"
#include "base/confine.h"
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

/* A container ends with its first process, and its group may stay for a time. */
static bool container_is_over(void *ctx)
{
	return !cgroup_has_process(((struct trace_group *)ctx)->cgroup);
}

static char *name_of(const struct cgroup *cgroup)
{
	char *name;

	return asprintf(&name, "control group %s", cgroup_path(cgroup)) < 0 ? NULL : name;
}

/* Opens the control group of a container or a pod. It may have ended since it was found. */
static struct error *open_container(const struct trace_options *options, struct trace_group *ret)
{
	const struct container_query query = {options->pod, options->container,
					      options->runtime_socket};
	struct error *err;

	try(container_find(&query, &ret->found));
	ret->name = ret->found.name;
	err = cgroup_open(ret->found.path, &ret->cgroup);
	if (!err || err->code != ERROR_TARGET)
		return err;
	error_free(err);
	return error_new(ERROR_TARGET, "%s has just ended", ret->name);
}

static struct error *each_of_users(void *ctx, bool (*found)(void *found_ctx, pid_t pid),
				   void *found_ctx)
{
	return choice_users_each(ctx, found, found_ctx);
}

/* A user may start a process at any time. */
static bool users_are_over(void *ctx)
{
	(void)ctx;
	return false;
}

static void open_users(const struct trace_options *options, struct trace_group *ret)
{
	ret->gid = getgid();
	ret->users = (struct engine_users){options->users.list.data, options->users.list.len,
					   confine_is_for_caller() ? &ret->gid : NULL};
	ret->of = (struct session_group){
		.name = options->users.name,
		.each = each_of_users,
		.is_over = users_are_over,
		.cgroup = -1,
		.users = &ret->users,
		.looked_at = confine_is_for_caller(),
		.ctx = (void *)&options->users,
	};
}

/* The chosen processes, and all that they start. */
static struct error *open_tree(const struct choice *choice, struct trace_group *ret)
{
	int pid = (int)choice->list.data[0].pid;
	int n = choice->list.len > 1
			? asprintf(&ret->own, "the tree of process %d, and of %zu more", pid,
				   choice->list.len - 1)
			: asprintf(&ret->own, "the tree of process %d", pid);

	if (n < 0) {
		ret->own = NULL;
		return error_nomem();
	}
	ret->of = (struct session_group){
		.name = ret->own,
		.cgroup = -1,
		.roots = choice->list.data,
		.roots_n = choice->list.len,
		.looked_at = confine_is_for_caller(),
	};
	return NULL;
}

struct error *trace_group_open(const struct trace_options *options, const struct choice *choice,
			       struct trace_group *ret)
{
	*ret = (struct trace_group){0};
	/* --dry-run shows the places in one file. */
	if (options->follow == SESSION_FOLLOW_ALL && choice->list.len && !options->dry_run)
		return open_tree(choice, ret);
	if (options->users.list.len) {
		open_users(options, ret);
		return NULL;
	}
	if (options->container || options->pod) {
		try(open_container(options, ret));
	} else if (options->cgroup) {
		try(cgroup_open(options->cgroup, &ret->cgroup));
		ret->name = ret->found.name = name_of(ret->cgroup);
		if (!ret->name)
			return error_nomem();
	} else {
		return NULL;
	}
	ret->v1 =
		(struct engine_cgroup_v1){cgroup_hierarchy(ret->cgroup), cgroup_path(ret->cgroup)};
	ret->of = (struct session_group){
		.name = ret->name,
		.each = each_of_cgroup,
		.is_over = options->container ? container_is_over : cgroup_is_over,
		.cgroup = cgroup_v2(ret->cgroup),
		.cgroup_v1 = ret->v1.hierarchy ? &ret->v1 : NULL,
		.told = ret->found.told,
		.ctx = ret,
	};
	return NULL;
}

void trace_group_fini(struct trace_group *group)
{
	cgroup_free(group->cgroup);
	free(group->own);
	container_found_fini(&group->found);
}
