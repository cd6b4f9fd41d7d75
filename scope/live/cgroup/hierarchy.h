/* The hierarchies of control groups that are mounted. */
#ifndef LIVE_CGROUP_HIERARCHY_H
#define LIVE_CGROUP_HIERARCHY_H

#include "base/base.h"
#include "base/vec.h"

struct hierarchy {
	bool v2;
	uint32_t number; /* as in /proc/PID/cgroup; 0: v2, or not known */
	char *options;	 /* of the file system; those of v1 name its controllers */
	char *mount;	 /* where it is mounted */
	char *root;	 /* the group that is mounted there, as in /proc/PID/cgroup; "/" mostly */
};

struct hierarchies {
	VEC(struct hierarchy) list; /* that of v2 first */
};

/* Reads text in the form of /proc/PID/mountinfo. The caller frees *ret, also after an error. Errors: no
 * memory is left. */
struct error *hierarchies_parse(const char *text, struct hierarchies *ret);
/* Finds the numbers of the hierarchies. `text` has the form of /proc/PID/cgroup. */
void hierarchies_number(struct hierarchies *hierarchies, const char *text);
/* Does both with /proc/self. */
struct error *hierarchies_read(struct hierarchies *ret);
void hierarchies_fini(struct hierarchies *hierarchies);
CLEANUP_VALUE(struct hierarchies, hierarchies_fini)

#endif
