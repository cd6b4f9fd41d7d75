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

/* Returns a thread that shows what the process executes, when the first one shows nothing (ENOENT). Returns pid if there is
 * none: it is a kernel thread, or has ended. */
static pid_t other_thread(pid_t pid)
{
	pid_t found = pid;
	char path[64];
	struct stat st;
	DIR *tasks;

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

pid_t process_thread(pid_t pid)
{
	char first[1];

	return read_exe(pid, first, sizeof(first)) >= 0 || errno != ENOENT ? pid
									   : other_thread(pid);
}

bool process_exe_path(pid_t pid, char *to, size_t size)
{
	ssize_t len = read_exe(pid, to, size - 1);
	pid_t other;

	if (len < 0 && errno == ENOENT) {
		other = other_thread(pid);
		errno = ENOENT;
		if (other != pid)
			len = read_exe(other, to, size - 1);
	}
	to[len < 0 ? 0 : len] = '\0';
	return len >= 0;
}

bool process_exe_stat(pid_t pid, struct stat *ret)
{
	char path[64];
	pid_t other;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (stat(path, ret) == 0)
		return true;
	other = errno == ENOENT ? other_thread(pid) : pid;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)other);
	return other != pid && stat(path, ret) == 0;
}

bool process_executes(pid_t pid)
{
	struct stat st;

	return process_runs(pid) && (process_exe_stat(pid, &st) || errno != ENOENT);
}
