#include "cmd/sites.h"
#include "base/buf.h"
#include "live/cgroup/cgroup.h"
#include "live/choice/choice.h"
#include "live/container/container.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define PROGRAMS_MAX 16 /* that a container may have here */

/* The Go programs of a container, each by one of its processes. */
struct programs {
	struct {
		pid_t pid;
		dev_t dev;
		ino_t ino;
	} of[PROGRAMS_MAX];
	size_t n;
	struct error *err;
};

/* Keeps a process if it has Go code, and its program was not seen before. */
static bool keep(void *ctx, pid_t pid)
{
	struct programs *programs = ctx;
	bool is_go = false;
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (stat(path, &st) < 0)
		return true; /* it has just ended, or is a kernel thread */
	for (size_t i = 0; i < programs->n; i++)
		if (programs->of[i].dev == st.st_dev && programs->of[i].ino == st.st_ino)
			return true;
	programs->err = choice_has_go(pid, &is_go);
	if (programs->err || !is_go)
		return !programs->err;
	programs->of[programs->n].pid = pid;
	programs->of[programs->n].dev = st.st_dev;
	programs->of[programs->n].ino = st.st_ino;
	return ++programs->n < PROGRAMS_MAX;
}

static struct error *several(const struct programs *programs, const char *name)
{
	cleanup_buf struct buf list = {0};

	for (size_t i = 0; i < programs->n; i++) {
		char path[64], exe[PATH_MAX];
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/%d/exe", (int)programs->of[i].pid);
		len = readlink(path, exe, sizeof(exe));
		buf_printf(&list, "%s%.*s (%s)", i ? ", " : "", len > 0 ? (int)len : 0, exe, path);
	}
	return error_new(ERROR_TARGET, "%s has several Go programs: name one file: %s", name,
			 buf_cstr(&list));
}

struct error *sites_container_program(const struct container_query *query, char **ret_path)
{
	cleanup(cgroup_free) struct cgroup *cgroup = NULL;
	cleanup(container_found_fini) struct container_found found = {0};
	struct programs programs = {0};

	try(container_find(query, &found));
	try(cgroup_open(found.path, &cgroup));
	try(cgroup_each(cgroup, keep, &programs));
	if (programs.err)
		return programs.err;
	if (!programs.n)
		return error_new(ERROR_TARGET, "%s has no Go program", found.name);
	if (programs.n > 1)
		return several(&programs, found.name);
	if (asprintf(ret_path, "/proc/%d/exe", (int)programs.of[0].pid) < 0)
		return error_nomem();
	return NULL;
}
