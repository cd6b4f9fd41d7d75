#include "live/cgroup/cgroup.h"
#include "base/descriptors.h"
#include "live/cgroup/hierarchy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* The groups below one: more are not looked at, and no deeper ones. */
enum { GROUPS_MAX = 1 << 16, DEPTH_MAX = 64 };

struct cgroup {
	int dir;
	bool v2;
	uint32_t hierarchy;
	char *path; /* as in /proc/PID/cgroup */
};

void cgroup_free(struct cgroup *cgroup)
{
	if (!cgroup)
		return;
	if (cgroup->dir >= 0)
		close(cgroup->dir);
	free(cgroup->path);
	free(cgroup);
}

const char *cgroup_path(const struct cgroup *cgroup)
{
	return cgroup->path;
}

int cgroup_v2(const struct cgroup *cgroup)
{
	return cgroup->v2 ? cgroup->dir : -1;
}

uint32_t cgroup_hierarchy(const struct cgroup *cgroup)
{
	return cgroup->hierarchy;
}

/* ---- processes ---- */

struct walk {
	bool (*found)(void *ctx, pid_t pid);
	void *ctx;
	size_t groups;
	bool stopped;
	struct error *failed;
};

static int open_procs(int dir)
{
	return openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
}

/* Passes on the processes of one group. A process of another pid namespace that is not below ours has the
 * number 0. */
static void walk_processes(struct walk *walk, FILE *file)
{
	char line[32];

	while (!walk->stopped && fgets(line, sizeof(line), file)) {
		long pid = strtol(line, NULL, 10);

		if (pid > 0 && pid <= INT32_MAX)
			walk->stopped = !walk->found(walk->ctx, (pid_t)pid);
	}
}

/* Keeps an error that is not the group's end. */
static void note_failed(struct walk *walk, int errnum)
{
	if (descriptors_out(errnum) || errnum == ENOMEM) {
		walk->failed = descriptors_out(errnum)
				       ? descriptors_error(errnum, "cannot read a control group")
				       : error_nomem();
		walk->stopped = true;
	}
}

static void walk_group(struct walk *walk, int dir, unsigned depth);

static void walk_below(struct walk *walk, int dir, unsigned depth)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *entry;

	if (!list) {
		note_failed(walk, errno);
		if (copy >= 0)
			close(copy);
		return;
	}
	while (!walk->stopped && (entry = readdir(list))) {
		int below;

		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		below = openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (below < 0) {
			note_failed(walk, errno);
			continue;
		}
		walk_group(walk, below, depth + 1);
		close(below);
	}
	closedir(list);
}

static void walk_group(struct walk *walk, int dir, unsigned depth)
{
	int fd = open_procs(dir);
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (file) {
		walk_processes(walk, file);
		fclose(file);
	} else {
		note_failed(walk, errno);
		if (fd >= 0)
			close(fd);
	}
	if (!walk->stopped && depth < DEPTH_MAX && walk->groups++ < GROUPS_MAX)
		walk_below(walk, dir, depth);
}

struct error *cgroup_each(const struct cgroup *cgroup, bool (*found)(void *ctx, pid_t pid),
			  void *ctx)
{
	struct walk walk = {.found = found, .ctx = ctx};

	walk_group(&walk, cgroup->dir, 0);
	return walk.failed;
}

bool cgroup_is_removed(const struct cgroup *cgroup)
{
	int fd = open_procs(cgroup->dir);
	bool removed = fd < 0 && (errno == ENODEV || errno == ENOENT);

	if (fd >= 0)
		close(fd);
	return removed;
}

/* ---- by path ---- */

static bool on_any(void *ctx, pid_t pid)
{
	(void)pid;
	*(bool *)ctx = true;
	return false;
}

bool cgroup_has_process(const struct cgroup *cgroup)
{
	bool any = false;

	error_free(cgroup_each(cgroup, on_any, &any));
	return any;
}

/* Returns the rest of a path below another one, or NULL. The rest begins with a slash, or is "". */
static const char *below(const char *path, const char *of)
{
	size_t n = strlen(of);

	while (n && of[n - 1] == '/') /* also "/" itself */
		n--;
	return !strncmp(path, of, n) && (!path[n] || path[n] == '/') ? path + n : NULL;
}

static bool is_cgroup(int dir)
{
	struct statfs fs;

	return fstatfs(dir, &fs) == 0 &&
	       (fs.f_type == CGROUP2_SUPER_MAGIC || fs.f_type == CGROUP_SUPER_MAGIC);
}

/* Opens the group whose directory is `rest` below the mount of a hierarchy. *ret is NULL if there is
 * none. */
static struct error *open_in(const struct hierarchy *in, const char *rest, struct cgroup **ret)
{
	cleanup(cgroup_free) struct cgroup *cgroup = calloc(1, sizeof(*cgroup));
	const char *root = strcmp(in->root, "/") ? in->root : "";
	cleanup_free char *path = NULL;

	*ret = NULL;
	if (!cgroup)
		return error_nomem();
	cgroup->dir = -1;
	cgroup->v2 = in->v2;
	cgroup->hierarchy = in->number;
	while (rest[0] == '/' && rest[1] == '/')
		rest++;
	if (asprintf(&path, "%s%s", in->mount, rest) < 0 ||
	    asprintf(&cgroup->path, "%s%s", root, *rest || *root ? rest : "/") < 0)
		return error_nomem();
	cgroup->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup->dir >= 0 && is_cgroup(cgroup->dir))
		*ret = take_ptr(cgroup);
	else if (cgroup->dir < 0 && descriptors_out(errno))
		return descriptors_error(errno, path);
	return NULL;
}

/* Finds the path of a directory. */
static struct error *find_directory(const struct hierarchies *all, const char *path,
				    struct cgroup **ret)
{
	cleanup_free char *real = realpath(path, NULL);
	const struct hierarchy *best = NULL;

	*ret = NULL;
	if (!real)
		return NULL;
	vec_each(at, &all->list)
		if (below(real, at->mount) && (!best || strlen(at->mount) > strlen(best->mount)))
			best = at;
	return best ? open_in(best, below(real, best->mount), ret) : NULL;
}

/* Finds a path of /proc/PID/cgroup. */
static struct error *find_path(const struct hierarchies *all, const char *path, struct cgroup **ret)
{
	*ret = NULL;
	if (strstr(path, "/../")) /* it would lead out */
		return NULL;
	vec_each(at, &all->list) {
		const char *rest = below(path, at->root);
		struct cgroup *cgroup = NULL;

		if (rest)
			try(open_in(at, rest, &cgroup));
		if (cgroup &&
		    (!*ret || (!cgroup_has_process(*ret) && cgroup_has_process(cgroup)))) {
			cgroup_free(*ret);
			*ret = cgroup;
		} else {
			cgroup_free(cgroup);
		}
	}
	return NULL;
}

struct error *cgroup_open(const char *path, struct cgroup **ret)
{
	cleanup(hierarchies_fini) struct hierarchies all = {0};
	cleanup_free char *whole = NULL;

	*ret = NULL;
	try(hierarchies_read(&all));
	if (!all.list.len)
		return error_new(ERROR_PERMISSION,
				 "--cgroup %.200s: no hierarchy of control groups is mounted",
				 path);
	if (asprintf(&whole, "%s%s", *path == '/' ? "" : "/", path) < 0)
		return error_nomem();
	if (*path == '/')
		try(find_directory(&all, path, ret));
	if (!*ret && *path)
		try(find_path(&all, whole, ret));
	if (*ret)
		return NULL;
	return error_new(ERROR_TARGET,
			 "no control group %.200s: give its directory, or its path as "
			 "/proc/PID/cgroup shows it",
			 path);
}

struct error *cgroup_versions(bool *ret_v1, bool *ret_v2)
{
	cleanup(hierarchies_fini) struct hierarchies all = {0};

	try(hierarchies_read(&all));
	*ret_v1 = *ret_v2 = false;
	vec_each(at, &all.list)
		*(at->v2 ? ret_v2 : ret_v1) = true;
	return NULL;
}
