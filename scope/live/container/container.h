/* container: which container a process runs in. It is known from the control group, because each
 * runtime puts the container's id into the path of the group.
 *
 *   docker        /docker/ID, /system.slice/docker-ID.scope
 *   podman        .../libpod-ID.scope, /libpod_parent/libpod-ID
 *   containerd    .../cri-containerd-ID.scope, /kubepods/.../podUID/ID
 *   cri-o         .../crio-ID.scope
 *   lxc           /lxc/NAME, /lxc.payload.NAME
 *   nspawn        /machine.slice/machine-NAME.scope, .../systemd-nspawn@NAME.service
 *
 * An ID is 64 hexadecimal digits. In Kubernetes the group also has the pod's UID.
 */
#ifndef LIVE_CONTAINER_CONTAINER_H
#define LIVE_CONTAINER_CONTAINER_H

#include "base/base.h"

#include <sys/types.h>

enum {
	CONTAINER_ID_SIZE = 65,	    /* 64 digits, or the beginning of a name; and NUL */
	CONTAINER_POD_SIZE = 37,    /* a UUID and NUL */
	CONTAINER_CGROUP_MAX = 8192 /* bytes of /proc/PID/cgroup that are read */
};

struct container {
	const char *runtime;	      /* "docker"; NULL: in no container that is known */
	char id[CONTAINER_ID_SIZE];   /* "" if runtime is NULL */
	char pod[CONTAINER_POD_SIZE]; /* the UID of the pod in Kubernetes, with dashes; or "" */
};

/* Reads the text of /proc/PID/cgroup. */
void container_parse(const char *text, struct container *ret);
/* Reads the container of a process. Returns false if the process has ended. */
bool container_of(pid_t pid, struct container *ret);

#endif
