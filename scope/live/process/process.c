#include "live/process/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

static struct error *open_failed(pid_t pid, int errnum)
{
	if (errnum == ENOENT || errnum == ESRCH)
		return error_new(ERROR_TARGET, "no process %d: is it still running?", (int)pid);
	if (errnum == EACCES || errnum == EPERM)
		return error_new(ERROR_PERMISSION, "not allowed to look at process %d: %s",
				 (int)pid,
				 geteuid() ? "run tophash as root"
					   : "root alone is not enough here, CAP_SYS_PTRACE is "
					     "missing (a container?) or a security module forbids "
					     "it");
	return error_errno(ERROR_TARGET, errnum, "cannot open the executable of process %d",
			   (int)pid);
}

struct error *process_open(pid_t pid, struct process **ret)
{
	cleanup(process_close) struct process *process = calloc(1, sizeof(*process));
	char link[64], path[4096];
	struct stat st;
	ssize_t len;

	if (!process)
		return error_nomem();
	process->pid = pid;
	process->exe = -1;
	process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process->pidfd < 0) {
		int errnum = errno;

		/* A thread's id, not a process's: EINVAL, from Linux 6.15 on ENOENT. */
		snprintf(link, sizeof(link), "/proc/%d", (int)pid);
		if ((errnum == EINVAL || errnum == ENOENT) && stat(link, &st) == 0)
			return error_new(ERROR_TARGET,
					 "%d is a thread, not a process: give the process id "
					 "(Tgid in /proc/%d/status)",
					 (int)pid, (int)pid);
		return open_failed(pid, errnum);
	}
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0) {
		/* Kernel threads have no executable; /proc/PID exists. */
		int errnum = errno;

		snprintf(path, sizeof(path), "/proc/%d", (int)pid);
		if (errnum == ENOENT && stat(path, &st) == 0)
			return error_new(ERROR_TARGET,
					 "process %d has no executable: a kernel thread, or it is "
					 "ending",
					 (int)pid);
		return open_failed(pid, errnum);
	}
	path[len] = '\0';
	process->exe_path = strdup(path);
	process->exe = open(link, O_RDONLY | O_CLOEXEC);
	if (process->exe < 0)
		return open_failed(pid, errno);
	if (!process->exe_path)
		return error_nomem();
	*ret = take_ptr(process);
	return NULL;
}

struct error *process_adopt(pid_t pid, const char *exe_path, struct process **ret)
{
	cleanup(process_close) struct process *process = calloc(1, sizeof(*process));

	if (!process)
		return error_nomem();
	process->pid = pid;
	process->exe = -1;
	process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* -1: it is gone */
	process->exe_path = strdup(exe_path);
	if (!process->exe_path)
		return error_nomem();
	*ret = take_ptr(process);
	return NULL;
}

void process_close(struct process *process)
{
	if (!process)
		return;
	if (process->pidfd >= 0)
		close(process->pidfd);
	if (process->exe >= 0)
		close(process->exe);
	free(process->exe_path);
	free(process);
}

/* /proc/PID/maps: "start-end perms offset major:minor inode path" */
bool process_mapping(pid_t pid, int exe, uint64_t offset, uint64_t *ret_addr)
{
	char path[64], line[8192];
	struct stat st;
	bool found = false;
	FILE *maps;

	if (fstat(exe, &st) < 0) /* inode 0 would be that of anonymous memory */
		return false;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	if (!maps)
		return false;
	while (!found && fgets(line, sizeof(line), maps)) {
		unsigned long long start, end, at, inode;
		char executable;

		/* By inode, not by device: overlay and btrfs show another device number here. */
		if (sscanf(line, "%llx-%llx %*2c%c%*c %llx %*x:%*x %llu", &start, &end, &executable,
			   &at, &inode) == 5 &&
		    executable == 'x' && inode == st.st_ino && offset >= at &&
		    offset - at < end - start) {
			*ret_addr = start + (offset - at);
			found = true;
		}
	}
	fclose(maps);
	return found;
}

/* The auxiliary vector holds where the kernel put the stack, the vDSO and the program: all of them
 * random, made anew by each exec. */
bool process_image_id(pid_t pid, uint64_t *ret)
{
	uint64_t words[128], id = 0;
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, words, sizeof(words));
	if (fd >= 0)
		close(fd);
	if (n < 16)
		return false;
	for (ssize_t i = 0; i < n / 8; i++)
		id = table_mix(id ^ words[i]);
	*ret = id;
	return true;
}

bool process_executes(pid_t pid, int exe, bool *ret)
{
	struct stat one, other;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (stat(path, &one) < 0 || fstat(exe, &other) < 0)
		return false;
	*ret = one.st_ino == other.st_ino && one.st_dev == other.st_dev;
	return true;
}

bool process_peek(void *ctx, uint64_t addr, void *to, size_t size)
{
	const struct process *process = ctx;
	struct iovec local = {.iov_base = to, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)addr, .iov_len = size};

	return process_vm_readv(process->pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

/* include/uapi/linux/pidfd.h, Linux 6.13 (PIDFD_GET_INFO) and 6.15 (PIDFD_INFO_EXIT); not in the
 * headers we build with. */
struct pidfd_info_v1 {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t pid, tgid, ppid;
	uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
	uint32_t coredump_mask, unused;
};
#define PIDFD_GET_INFO_IOCTL _IOWR(0xFF, 11, struct pidfd_info_v1)
#define PIDFD_INFO_EXIT_BIT  (1ull << 3)

static enum process_end decode_status(int wait_status, int *ret_status)
{
	if (WIFSIGNALED(wait_status)) {
		*ret_status = WTERMSIG(wait_status);
		return PROCESS_SIGNALED;
	}
	*ret_status = WEXITSTATUS(wait_status);
	return PROCESS_EXITED;
}

/* /proc/PID/stat: "pid (comm) state ..." and, as the 52nd and last field, the wait status. */
static bool zombie_status(pid_t pid, int *ret)
{
	char path[64], text[1024];
	const char *at;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n <= 0)
		return false;
	text[n] = '\0';
	at = strrchr(text, ')'); /* comm may hold anything */
	if (!at || at[1] != ' ' || (at[2] != 'Z' && at[2] != 'X'))
		return false;
	at = strrchr(at, ' ');
	*ret = at ? atoi(at + 1) : 0;
	return at != NULL;
}

static bool is_reaped(int pidfd)
{
	return syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0 && errno == ESRCH;
}

enum process_end process_poll(struct process *process, int *ret_status)
{
	struct pollfd poll_fd = {.fd = process->pidfd, .events = POLLIN};
	struct pidfd_info_v1 info = {.mask = PIDFD_INFO_EXIT_BIT};
	siginfo_t child = {0};
	int status;

	if (poll(&poll_fd, 1, 0) <= 0 || !poll_fd.revents)
		return PROCESS_RUNS;
	if (waitid(P_PID, (id_t)process->pid, &child, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    child.si_pid == process->pid) {
		if (waitpid(process->pid, &status, WNOHANG) == process->pid)
			return decode_status(status, ret_status);
	}
	/* Until its parent reaps it, it is a zombie, whose status /proc shows; after that the pidfd
	 * tells, and /proc may show another process of the same number. */
	if (!is_reaped(process->pidfd) && zombie_status(process->pid, &status))
		return decode_status(status, ret_status);
	if (ioctl(process->pidfd, PIDFD_GET_INFO_IOCTL, &info) == 0 &&
	    info.mask & PIDFD_INFO_EXIT_BIT)
		return decode_status(info.exit_code, ret_status);
	return PROCESS_GONE;
}

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
