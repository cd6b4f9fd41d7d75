#include "live/runtime/runtime_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* More sockets than these are not asked. Each user may have one. */
enum { SOCKETS_MAX = 32 };

#define USERS "/run/user/"

static const char *const docker_sockets[] = {"/run/docker.sock", USERS "*/docker.sock", NULL};
static const char *const podman_sockets[] = {"/run/podman/podman.sock",
					     USERS "*/podman/podman.sock", NULL};

static const char *const containerd_sockets[] = {
	"/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock",
	"/run/k0s/containerd.sock", "/var/snap/microk8s/common/run/containerd.sock", NULL};
static const char *const crio_sockets[] = {"/run/crio/crio.sock", NULL};

static const struct runtime runtimes[] = {
	{"docker", "/var/lib/docker/containers", RUNTIME_DOCKER, docker_sockets},
	{"podman", "/var/lib/containers/storage", RUNTIME_DOCKER, podman_sockets},
	{"containerd", "/run/containerd", RUNTIME_CRI, containerd_sockets},
	{"cri-o", "/run/crio", RUNTIME_CRI, crio_sockets},
};

const struct runtime *runtime_at(size_t i)
{
	return i < ARRAY_SIZE(runtimes) ? &runtimes[i] : NULL;
}

/* ---- which sockets are there ---- */

static bool add(const struct runtime *of, const char *path, struct runtime_told *ret)
{
	struct runtime_socket new = {.of = of, .path = strdup(path)};
	unsigned owner;

	if (sscanf(path, USERS "%u/", &owner) == 1)
		new.owner = owner;
	if (new.path && vec_push(&ret->sockets, new))
		return true;
	free(new.path);
	return false;
}

static bool add_pattern(const struct runtime *of, const char *pattern, struct runtime_told *ret)
{
	glob_t found = {0};
	bool done = true;

	if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
		for (size_t i = 0; done && i < found.gl_pathc && ret->sockets.len < SOCKETS_MAX;
		     i++)
			done = add(of, found.gl_pathv[i], ret);
	globfree(&found);
	return done;
}

bool known_sockets(const char *path, struct runtime_told *ret)
{
	bool done = true;

	/* The first runtime of each protocol stands for a socket that the user names. */
	for (size_t i = 0; path && done && i < ARRAY_SIZE(runtimes); i++) {
		size_t first = 0;

		while (runtimes[first].protocol != runtimes[i].protocol)
			first++;
		done = first < i || add(&runtimes[i], path, ret);
	}
	if (path)
		return done;
	for (size_t i = 0; i < ARRAY_SIZE(runtimes); i++)
		for (const char *const *at = runtimes[i].sockets; done && *at; at++)
			done = add_pattern(&runtimes[i], *at, ret);
	return done;
}

/* ---- connecting ---- */

/* Opens what is at the path of a socket. A user can write below the folder of a user, and could place a link
 * there that leads to the socket of somebody else. */
static int open_socket(const struct runtime_socket *at)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = at->owner ? RESOLVE_NO_SYMLINKS : 0,
	};

	return (int)syscall(SYS_openat2, AT_FDCWD, at->path, &how, sizeof(how));
}

static const char *reason(int errnum)
{
	switch (errnum) {
	case ENOENT: return "there is no such file";
	case ECONNREFUSED: return "nobody listens there";
	case EAGAIN: return "it accepts no connection: too many wait";
	default: return strerrordesc_np(errnum);
	}
}

int known_connect(struct runtime_socket *at, const char **ret_why)
{
	cleanup_close int place = open_socket(at);
	/* Without O_NONBLOCK this would wait for a daemon that accepts nothing. */
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;

	if (place < 0 || fd < 0 || fstat(place, &st) < 0) {
		*ret_why = reason(errno);
		return -1;
	}
	if (!S_ISSOCK(st.st_mode) || (at->owner && st.st_uid != at->owner)) {
		*ret_why = S_ISSOCK(st.st_mode) ? "it belongs to another user" : "it is no socket";
		return -1;
	}
	/* This is the file that was looked at, and its path may be longer than an address. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", place);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fcntl(fd, F_SETFL, 0) < 0) {
		at->idle = errno == ECONNREFUSED;
		*ret_why = reason(errno);
		return -1;
	}
	return take_fd(fd);
}
