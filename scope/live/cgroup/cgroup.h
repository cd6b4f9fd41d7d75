/* cgroup: a control group, found by its path, and the processes in it and below it.
 *
 *   cgroup.c      one group
 *   hierarchy.c   the mounted hierarchies: that of cgroup v2, and those of v1
 *
 * A path is that of a directory (/sys/fs/cgroup/system.slice/shop.service), or one of /proc/PID/cgroup
 * (/system.slice/shop.service). A machine with v1 has several hierarchies, and each may have a group with
 * that path.
 */
#ifndef LIVE_CGROUP_CGROUP_H
#define LIVE_CGROUP_CGROUP_H

#include "base/base.h"

#include <sys/types.h>

struct cgroup;

/* Finds a group. If the path is one of /proc/PID/cgroup and several hierarchies have it, the first one
 * with a process is taken, and that of v2 before the others. Errors (ERROR_TARGET): there is no such
 * group; (ERROR_PERMISSION): no hierarchy is mounted. */
struct error *cgroup_open(const char *path, struct cgroup **ret);
void cgroup_free(struct cgroup *cgroup); /* NULL is legal */
CLEANUP_FUNC(struct cgroup, cgroup_free)

/* Tells which versions of control groups are mounted here. Errors: no memory is left. */
struct error *cgroup_versions(bool *ret_v1, bool *ret_v2);

/* Returns the path of the group, as in /proc/PID/cgroup. Borrowed. */
const char *cgroup_path(const struct cgroup *cgroup);
/* Returns a descriptor of the group's directory, if the group is of v2. Returns -1 if not. Borrowed. */
int cgroup_v2(const struct cgroup *cgroup);
/* Returns the number of the group's hierarchy, as in /proc/PID/cgroup; 0 for that of v2. */
uint32_t cgroup_hierarchy(const struct cgroup *cgroup);
/* Tells whether the group was removed. */
bool cgroup_is_removed(const struct cgroup *cgroup);
/* Tells whether the group and those below it have a process. */
bool cgroup_has_process(const struct cgroup *cgroup);
/* Calls found(ctx, pid) for each process in the group or below it. A process that moves meanwhile may come
 * twice, or not at all. `found` returns false to stop. Errors: no descriptor or no memory is left. */
struct error *cgroup_each(const struct cgroup *cgroup, bool (*found)(void *ctx, pid_t pid),
			  void *ctx);

#endif
