#include "live/process/process.h"
#include "base/memory.h"
#include "base/descriptors.h"
#include "base/table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

struct process {
	struct target target;
	int pidfd; /* readable once the process has ended; -1: none */
	/* When descriptors are few, the process has none. It is the one of its pid that began at this
	 * time, in ticks of the kernel. 0: it has a pidfd, or ended before it was opened. */
	uint64_t began;
};

static const struct target_ops process_ops;

/* ---- opening ---- */

static struct error *no_descriptor(pid_t pid, int errnum)
{
	char what[32];

	snprintf(what, sizeof(what), "process %d", (int)pid);
	return descriptors_error(errnum, what);
}

static struct error *open_failed(pid_t pid, int errnum)
{
	if (errnum == ENOENT || errnum == ESRCH)
		return error_new(ERROR_TARGET, "no process %d: is it still running?", (int)pid);
	if (descriptors_out(errnum))
		return no_descriptor(pid, errnum);
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

struct error *process_check_proc(void)
{
	if (access("/proc/self/fd", F_OK) == 0)
		return NULL;
	return error_errno(ERROR_PERMISSION, errno,
			   "/proc cannot be used: mount it (mount -t proc proc /proc)");
}

static bool is_over(int pidfd)
{
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) > 0 && poll_fd.revents;
}

static struct error *pidfd_failed(pid_t pid, int errnum)
{
	char path[64];

	/* The id is that of a thread, not of a process. Opening it fails with EINVAL, and with
	 * ENOENT from Linux 6.15 on. */
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if ((errnum == EINVAL || errnum == ENOENT) && access(path, F_OK) == 0)
		return error_new(ERROR_TARGET,
				 "%d is a thread, not a process: give the process id "
				 "(Tgid in /proc/%d/status)",
				 (int)pid, (int)pid);
	return open_failed(pid, errnum);
}

/* Makes the error for a /proc/PID/exe that cannot be read. The pidfd tells whether the process
 * still runs. */
static struct error *exe_failed(pid_t pid, int pidfd, int errnum)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (errnum == ENOENT && access(path, F_OK) == 0)
		return error_new(ERROR_TARGET,
				 "process %d has no executable: it is a kernel thread, or is "
				 "ending",
				 (int)pid);
	if (errnum != ENOENT || is_over(pidfd))
		return open_failed(pid, errnum);
	try(process_check_proc());
	return error_new(ERROR_PERMISSION,
			 "process %d runs, but /proc hides it (its mount option hidepid): "
			 "run tophash as root",
			 (int)pid);
}

static struct error *open_exe(struct process *process)
{
	struct target *target = &process->target;
	char link[64], path[4096];

	if (!process_exe_path(target->pid, path, sizeof(path)))
		return exe_failed(target->pid, process->pidfd, errno);
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)process_thread(target->pid));
	target->exe = open(link, O_RDONLY | O_CLOEXEC);
	if (target->exe < 0)
		return open_failed(target->pid, errno);
	target->exe_path = strdup(path);
	return target->exe_path ? NULL : error_nomem();
}

static struct process *new_process(pid_t pid)
{
	struct process *process = calloc(1, sizeof(*process));

	if (process) {
		process->target = (struct target){.ops = &process_ops, .pid = pid, .exe = -1};
		process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	}
	return process;
}

/* Reads a stat file of /proc, "pid (comm) state ...". Returns the text after "pid (comm) ", or
 * NULL. comm may contain any byte, even ')'. */
static const char *read_stat(const char *path, char *text, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	const char *at;

	if (n <= 0)
		return NULL;
	text[n] = '\0';
	at = strrchr(text, ')');
	return at && at[1] == ' ' && at[2] ? at + 2 : NULL;
}

/* Reads a field of /proc/PID/stat, from the third (3) on. Returns 0 with errno set if it cannot be read. */
static uint64_t stat_field(pid_t pid, unsigned field, char *ret_state)
{
	char path[64], text[1024];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	errno = ESRCH;
	at = read_stat(path, text, sizeof(text));
	if (!at)
		return 0;
	*ret_state = *at;
	for (unsigned i = 3; at && i < field; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

/* The field of the time at which a process began. */
enum { STAT_BEGAN = 22 };

bool process_started(pid_t pid, uint64_t *ret)
{
	char state;

	*ret = stat_field(pid, STAT_BEGAN, &state);
	return *ret != 0;
}

/* Gives the pidfd back when descriptors become few. */
static void share_descriptor(struct process *process)
{
	if (process->pidfd < 0 || !descriptors_are_few(process->pidfd))
		return;
	/* The pid was not given to another process meanwhile, because this one has not ended. */
	if (!process_started(process->target.pid, &process->began) || is_over(process->pidfd)) {
		process->began = 0;
		return;
	}
	close(process->pidfd);
	process->pidfd = -1;
}

struct error *process_open(pid_t pid, struct target **ret)
{
	struct process *process = new_process(pid);
	cleanup(target_close) struct target *target = (struct target *)process;

	if (!process)
		return error_nomem();
	if (process->pidfd < 0)
		return pidfd_failed(pid, errno);
	try(open_exe(process));
	if (is_over(process->pidfd)) /* the executable may be that of another process with this pid */
		return open_failed(pid, ESRCH);
	share_descriptor(process);
	*ret = take_ptr(target);
	return NULL;
}

struct error *process_adopt(pid_t pid, const char *exe_path, struct target **ret)
{
	struct process *process = new_process(pid);
	cleanup(target_close) struct target *target = (struct target *)process;

	if (!process)
		return error_nomem();
	if (process->pidfd < 0 && descriptors_out(errno))
		return no_descriptor(pid, errno);
	target->exe_path = strdup(exe_path);
	if (!target->exe_path)
		return error_nomem();
	share_descriptor(process);
	*ret = take_ptr(target);
	return NULL;
}

static int process_end_fd(struct target *target)
{
	return ((struct process *)target)->pidfd;
}

static void process_close(struct target *target)
{
	struct process *process = (struct process *)target;

	if (process->pidfd >= 0)
		close(process->pidfd);
	if (target->exe >= 0)
		close(target->exe);
	free(target->exe_path);
	free(process);
}

/* ---- its executable ---- */

static bool process_exe(struct target *target, struct stat *ret)
{
	return process_exe_stat(target->pid, ret);
}

uint64_t process_image_of(const uint64_t auxiliary[], size_t n)
{
	uint64_t id = 0;

	for (size_t i = 0; i + 1 < n; i += 2) {
		id = table_mix(table_mix(id ^ auxiliary[i]) ^ auxiliary[i + 1]);
		if (!auxiliary[i]) /* AT_NULL */
			break;
	}
	return id;
}

static bool process_image_id(struct target *target, uint64_t *ret)
{
	uint64_t words[PROCESS_AUXILIARY_WORDS];
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)process_thread(target->pid));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, words, sizeof(words));
	if (fd >= 0)
		close(fd);
	if (n < 16 || !words[0]) /* it is gone, or an exec has not written it yet */
		return false;
	*ret = process_image_of(words, (size_t)n / 8);
	return true;
}

bool target_executes(struct target *target, int exe, bool *ret)
{
	struct stat one, other;

	if (!target->ops->exe(target, &one) || fstat(exe, &other) < 0)
		return false;
	*ret = one.st_ino == other.st_ino && one.st_dev == other.st_dev;
	return true;
}

/* Reads a file of /proc/PID. */
static bool read_file(pid_t pid, const char *name, char *to, size_t size)
{
	cleanup_close int fd = -1;
	char path[64];
	size_t len = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && len < size - 1 && (n = read(fd, to + len, size - 1 - len)) > 0)
		len += (size_t)n;
	to[len] = '\0';
	return len > 0;
}

bool process_read_text(pid_t pid, const char *name, char *to, size_t size)
{
	return read_file(pid, name, to, size) ||
	       (!strcmp(name, "cmdline") && read_file(process_thread(pid), name, to, size));
}

void process_name(pid_t pid, char *to, size_t size)
{
	process_read_text(pid, "comm", to, size);
	to[strcspn(to, "\n")] = '\0';
}

void target_drop_exe(struct target *target)
{
	if (target->exe >= 0)
		close(target->exe);
	target->exe = -1;
}

/* ---- its memory ---- */

/* Reads memory of the process whose pid is `ctx`. The kernel copies page by page, and returns how
 * much it copied. */
static size_t read_memory(void *ctx, uint64_t addr, void *to, size_t size)
{
	struct iovec local = {.iov_base = to, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)addr, .iov_len = size};
	pid_t pid = (pid_t)(intptr_t)ctx;
	ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	if (n < 0 && errno == ESRCH)
		n = process_vm_readv(process_thread(pid), &local, 1, &remote, 1, 0);
	return n < 0 ? 0 : (size_t)n;
}

struct memory process_memory(pid_t pid)
{
	return (struct memory){.ctx = (void *)(intptr_t)pid, .read = read_memory};
}

static struct memory memory_of(struct target *target)
{
	return process_memory(target->pid);
}

static struct error *process_mappings(struct target *target, struct mappings *ret)
{
	return mappings_read(target->pid, ret);
}

/* ---- its end ---- */

/* include/uapi/linux/pidfd.h of Linux 6.13 (PIDFD_GET_INFO) and 6.15 (PIDFD_INFO_EXIT). The headers
 * of the build lack both. */
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

static enum target_end decode_status(int wait_status, int *ret_status)
{
	if (WIFSIGNALED(wait_status)) {
		*ret_status = WTERMSIG(wait_status);
		return TARGET_SIGNALED;
	}
	*ret_status = WEXITSTATUS(wait_status);
	return TARGET_EXITED;
}

/* Reads the wait status of a zombie, which is the 52nd and last field of its stat file. */
static bool zombie_status(pid_t pid, int *ret)
{
	char path[64], text[1024];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	at = read_stat(path, text, sizeof(text));
	if (!at || (*at != 'Z' && *at != 'X'))
		return false;
	at = strrchr(at, ' ');
	*ret = at ? atoi(at + 1) : 0;
	return at != NULL;
}

static bool is_reaped(int pidfd)
{
	return syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0 && errno == ESRCH;
}

/* Tells the same of a process without a pidfd. What cannot be read is no end. */
static enum target_end poll_shared(const struct process *process, int *ret_status)
{
	char state = 'R';
	uint64_t began = stat_field(process->target.pid, STAT_BEGAN, &state);
	int status;

	if (!began)
		return errno == ENOENT || errno == ESRCH ? TARGET_GONE : TARGET_RUNS;
	if (began != process->began)
		return TARGET_GONE;
	if ((state != 'Z' && state != 'X') || process_runs(process->target.pid))
		return TARGET_RUNS;
	return zombie_status(process->target.pid, &status) ? decode_status(status, ret_status)
							   : TARGET_GONE;
}

static enum target_end process_poll(struct target *target, int *ret_status)
{
	struct process *process = (struct process *)target;
	struct pidfd_info_v1 info = {.mask = PIDFD_INFO_EXIT_BIT};
	siginfo_t child = {0};
	int status;

	if (process->began)
		return poll_shared(process, ret_status);
	if (process->pidfd < 0)
		return TARGET_GONE;
	if (!is_over(process->pidfd))
		return TARGET_RUNS;
	if (waitid(P_PID, (id_t)target->pid, &child, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    child.si_pid == target->pid) {
		if (waitpid(target->pid, &status, WNOHANG) == target->pid)
			return decode_status(status, ret_status);
	}
	/* Until its parent reaps it, the process is a zombie, and /proc shows its status. After
	 * that only the pidfd can tell, because /proc may show another process with the same
	 * number. */
	if (!is_reaped(process->pidfd) && zombie_status(target->pid, &status))
		return decode_status(status, ret_status);
	if (ioctl(process->pidfd, PIDFD_GET_INFO_IOCTL, &info) == 0 &&
	    info.mask & PIDFD_INFO_EXIT_BIT)
		return decode_status(info.exit_code, ret_status);
	return TARGET_GONE;
}

/* ---- its threads ---- */

static struct error *process_threads(struct target *target, struct target_threads *ret)
{
	struct target_threads threads = {0};
	char path[300], text[1024];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)target->pid);
	dir = opendir(path);
	if (!dir)
		return open_failed(target->pid, errno);
	while ((entry = readdir(dir))) {
		struct target_thread thread = {.tid = atoi(entry->d_name)};
		const char *state;

		snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)target->pid,
			 (int)thread.tid);
		state = thread.tid > 0 ? read_stat(path, text, sizeof(text)) : NULL;
		if (!state) /* ".", or a thread that has ended */
			continue;
		thread.state = *state;
		if (!vec_push(&threads.list, thread)) {
			closedir(dir);
			vec_fini(&threads.list);
			return error_nomem();
		}
	}
	closedir(dir);
	*ret = threads;
	return NULL;
}

bool target_is_stopped(struct target *target)
{
	struct target_threads threads;
	struct error *err = target_threads(target, &threads);
	bool stopped;

	if (err) {
		error_free(err);
		return false;
	}
	stopped = threads.list.len > 0;
	vec_each(thread, &threads.list)
		stopped &= thread->state == 'T' || thread->state == 't';
	vec_fini(&threads.list);
	return stopped;
}

static const struct target_ops process_ops = {
	.name = "process",
	.memory = memory_of,
	.mappings = process_mappings,
	.open_mapping = process_open_mapping,
	.threads = process_threads,
	.exe = process_exe,
	.image_id = process_image_id,
	.poll = process_poll,
	.end_fd = process_end_fd,
	.close = process_close,
};
