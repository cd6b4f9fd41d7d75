/* Finds processes in /proc. */
#include "live/process/process.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

struct error *process_each(bool (*found)(void *ctx, pid_t pid), void *ctx)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return error_errno(ERROR_FAILED, errno, "cannot list /proc");
	while ((entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (!*end && pid > 0 && !found(ctx, (pid_t)pid))
			break;
	}
	closedir(proc);
	return NULL;
}

/* Passes on the children that one thread has made. */
static bool thread_children(pid_t pid, const char *tid, bool (*found)(void *ctx, pid_t pid),
			    void *ctx)
{
	char path[300];
	bool more = true;
	FILE *file;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/children", (int)pid, tid);
	file = fopen(path, "re");
	while (file && more && fscanf(file, "%d", &child) == 1)
		more = child <= 0 || found(ctx, child);
	if (file)
		fclose(file);
	return more;
}

void process_children(pid_t pid, bool (*found)(void *ctx, pid_t pid), void *ctx)
{
	struct dirent *entry;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks)))
		if (entry->d_name[0] != '.' && !thread_children(pid, entry->d_name, found, ctx))
			break;
	if (tasks)
		closedir(tasks);
}

struct scan {
	dev_t dev;
	ino_t ino;
	bool (*found)(void *ctx, pid_t pid);
	void *ctx;
};

static bool scan_one(void *ctx, pid_t pid)
{
	const struct scan *scan = ctx;
	struct stat st;

	return !process_exe_stat(pid, &st) || st.st_dev != scan->dev || st.st_ino != scan->ino ||
	       scan->found(scan->ctx, pid);
}

struct error *process_scan(dev_t dev, ino_t ino, bool (*found)(void *ctx, pid_t pid), void *ctx)
{
	struct scan scan = {.dev = dev, .ino = ino, .found = found, .ctx = ctx};

	return process_each(scan_one, &scan);
}

static bool has_code_of(pid_t pid, ino_t ino)
{
	cleanup(mappings_fini) struct mappings mappings = {0};
	struct error *err = mappings_read(pid, &mappings);

	error_free(err);
	vec_each(mapping, &mappings.list)
		if (mapping->executable && mapping->file.inode == ino)
			return true;
	return false;
}

static bool scan_mapped_one(void *ctx, pid_t pid)
{
	const struct scan *scan = ctx;

	return !has_code_of(pid, scan->ino) || scan->found(scan->ctx, pid);
}

struct error *process_scan_mapped(ino_t ino, bool (*found)(void *ctx, pid_t pid), void *ctx)
{
	struct scan scan = {.ino = ino, .found = found, .ctx = ctx};

	return process_each(scan_mapped_one, &scan);
}
