/* container: which container a process runs in, and what its runtime tells of it.
 *
 *   container.c   the container of a process, from its control group
 *   facts.c       its name, image and pod, from the files of its runtime
 *   find.c        a running container by its name, id or pod
 *   named.c       a container with an id that somebody chose
 *   asked.c       what runtimes tell of containers, if their files do not tell enough
 *
 * Each runtime puts the container's id into the path of the control group:
 *
 *   docker        /docker/ID, /system.slice/docker-ID.scope
 *   podman        .../libpod-ID.scope, /libpod_parent/libpod-ID
 *   containerd    .../cri-containerd-ID.scope, /kubepods/.../podUID/ID, .../nerdctl-ID.scope
 *   cri-o         .../crio-ID.scope, /kubepods/.../podUID/crio-ID
 *   lxc           /lxc/NAME, /lxc.payload.NAME
 *   nspawn        /machine.slice/machine-NAME.scope, .../systemd-nspawn@NAME.service
 *
 * An ID is 64 hexadecimal digits. In Kubernetes the group also has the pod's UID. A runtime is asked only by
 * container_find(), and only if a name is not known otherwise.
 */
#ifndef LIVE_CONTAINER_CONTAINER_H
#define LIVE_CONTAINER_CONTAINER_H

#include "base/base.h"

#include <sys/types.h>

enum {
	CONTAINER_ID_SIZE = 65,	     /* 64 digits, or the beginning of a name; and NUL */
	CONTAINER_POD_SIZE = 37,     /* a UUID and NUL */
	CONTAINER_CGROUP_MAX = 8192, /* bytes of /proc/PID/cgroup that are read */
	CONTAINER_PATH_SIZE = 1024,  /* a longer path of a group is not kept */
	CONTAINER_TEXT_MAX = 255     /* bytes of a text that are kept */
};

struct runtime_told;

struct container {
	const char *runtime;	      /* "docker"; NULL: in no container that is known */
	char id[CONTAINER_ID_SIZE];   /* "" if runtime is NULL */
	char pod[CONTAINER_POD_SIZE]; /* the UID of the pod in Kubernetes, with dashes; or "" */
	/* The paths of the control groups of the container and of its pod, as in /proc/PID/cgroup; or
	 * "". */
	char path[CONTAINER_PATH_SIZE], pod_path[CONTAINER_PATH_SIZE];
};

/* Reads the text of /proc/PID/cgroup. */
void container_parse(const char *text, struct container *ret);
/* Reads the path of the control group of a process: that of cgroup v2, or the first one of v1 if that is
 * the root. Returns false if the process has ended, or the path is too long. */
bool container_group(pid_t pid, char ret[CONTAINER_PATH_SIZE]);
/* Reads the container of a process. Returns false if the process has ended. */
bool container_of(pid_t pid, struct container *ret);
/* Finds the container of a process among those that runtimes told container_find(), for groups whose path does
 * not have a form that is known. Returns false if there is none. */
bool container_of_told(pid_t pid, const struct runtime_told *told, struct container *ret);

/* What the files of its runtime tell of a container. Each text is NULL if they do not tell it. */
struct container_facts {
	char *name;	 /* of docker and podman */
	char *image;	 /* "localhost/shop/api:1" */
	char *pod;	 /* the pod's name, in Kubernetes */
	char *namespace; /* of the pod */
	char *part;	 /* the container's name in the pod */
	bool sandbox;	 /* it only holds the pod's namespaces */
};

/* Reads the files of its runtime, which need the rights of root, mostly. What they do not tell comes from
 * what runtimes told container_find(), if told is not NULL. The caller frees *ret with
 * container_facts_fini(). */
void container_facts(const struct container *of, const struct runtime_told *told,
		     struct container_facts *ret);
void container_facts_fini(struct container_facts *facts);
CLEANUP_VALUE(struct container_facts, container_facts_fini)

/* Returns what a container is called: its name in its pod, its name, or its id. */
static inline const char *container_title(const struct container *of,
					  const struct container_facts *facts)
{
	return facts->part ? facts->part : facts->name ? facts->name : of->id;
}

/* What to look for. */
struct container_query {
	const char *pod; /* [NAMESPACE/]NAME, or NULL */
	/* A name or an id, or the beginning of an id; with a pod, the name of one of its containers, or NULL
	 * for all of them. */
	const char *container;
	const char *
		socket; /* the socket of the runtime that is asked, or NULL: those that are known */
};

struct container_found {
	char *path;		   /* of the control group, as in /proc/PID/cgroup */
	char *name;		   /* for people */
	struct runtime_told *told; /* what runtimes told; NULL if none was asked */
};
void container_found_fini(struct container_found *found);
CLEANUP_VALUE(struct container_found, container_found_fini)

/* Finds the control group of a running container, or of a pod with a process. Asks runtimes if their files do
 * not tell enough. The caller frees *ret with container_found_fini().
 * Errors (ERROR_TARGET): there is none, or there are several (the text lists them); it has no group; the
 * socket does not answer; (ERROR_USAGE). */
struct error *container_find(const struct container_query *query, struct container_found *ret);

#endif
