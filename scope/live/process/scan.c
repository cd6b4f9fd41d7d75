/* Finds the processes of a file through /proc. */
#include "live/process/process.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

struct error *process_scan(dev_t dev, ino_t ino, bool (*found)(void *ctx, pid_t pid), void *ctx)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return error_errno(ERROR_FAILED, errno, "cannot list /proc");
	while ((entry = readdir(proc))) {
		char path[300];
		struct stat st;
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (*end || pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%ld/exe", pid);
		if (stat(path, &st) == 0 && st.st_dev == dev && st.st_ino == ino &&
		    !found(ctx, (pid_t)pid))
			break;
	}
	closedir(proc);
	return NULL;
}
