/* What a process executes. /proc/PID shows that of the first thread, and nothing once that thread has ended, though others
 * may run on (a C program whose main() ends by pthread_exit()). */
#include "live/process/process.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

/* A process of one thread has so many links to /proc/PID/task, which spares a look into it. */
enum { LINKS_OF_ONE = 3 };

static ssize_t read_exe(pid_t pid, char *to, size_t size)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	return readlink(link, to, size);
}

static pid_t find_thread(pid_t pid, DIR *tasks)
{
	struct dirent *entry;
	char first[1];

	while ((entry = readdir(tasks))) {
		pid_t tid = (pid_t)atoi(entry->d_name);

		if (tid > 0 && tid != pid && read_exe(tid, first, sizeof(first)) >= 0)
			return tid;
	}
	return pid;
}

pid_t process_thread(pid_t pid)
{
	char path[64], first[1];
	pid_t found = pid;
	struct stat st;
	DIR *tasks;

	if (read_exe(pid, first, sizeof(first)) >= 0 || errno != ENOENT)
		return pid;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	if (stat(path, &st) < 0 || st.st_nlink == LINKS_OF_ONE)
		return pid;
	tasks = opendir(path);
	if (tasks) {
		found = find_thread(pid, tasks);
		closedir(tasks);
	}
	return found;
}

bool process_exe_path(pid_t pid, char *to, size_t size)
{
	ssize_t len = read_exe(pid, to, size - 1);

	if (len < 0 && errno == ENOENT)
		len = read_exe(process_thread(pid), to, size - 1);
	to[len < 0 ? 0 : len] = '\0';
	return len >= 0;
}

bool process_exe_stat(pid_t pid, struct stat *ret)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (stat(path, ret) == 0)
		return true;
	if (errno != ENOENT)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)process_thread(pid));
	return stat(path, ret) == 0;
}
