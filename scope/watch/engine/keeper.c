/* Starts a keeper and waits for it. The keeper itself is a copy of this process. */
#include "watch/engine/keeper.h"
#include "base/descriptors.h"
#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

struct keeper {
	pid_t pid;
	int pidfd; /* readable when all threads of the keeper have ended */
	int reports;
	size_t links; /* that it makes */
};

/* A message from the keeper: that it has begun, or that a link is made. */
struct report {
	enum keeper_start what;
	int code; /* of an error */
	char text[1024];
};

/* ---- in the keeper ---- */

#define LEASE_LOW  STDIN_FILENO
#define LEASE_HIGH 512 /* above all descriptors that a thread has when its link is made */

struct keeping {
	const struct keeper_options *options;
	int to;	     /* reports go there */
	size_t link; /* that the next thread makes */
	sem_t made;  /* posted when it is made */
};

static void send_report(const struct keeping *keeping, const struct report *report)
{
	if (write(keeping->to, report, sizeof(*report)) != (ssize_t)sizeof(*report))
		_exit(1);
}

__attribute__((noreturn)) static void fail(const struct keeping *keeping, enum keeper_start what,
					   const struct error *err)
{
	struct report report = {.what = what};

	if (err) {
		report.code = err->code;
		snprintf(report.text, sizeof(report.text), "%s", err->text);
	}
	send_report(keeping, &report);
	_exit(1);
}

__attribute__((noreturn)) static void fail_errno(const struct keeping *keeping)
{
	fail(keeping, KEEPER_FAILED,
	     error_errno(ERROR_FAILED, errno, "cannot keep the probes of the file"));
}

/* The calls that a thread of a keeper makes from then on. If the kernel has no filters of calls, it has no
 * capabilities all the same. */
static const struct confine_call waiting[] = {
	{.number = SCMP_SYS(pause)},
	{.number = SCMP_SYS(ppoll)}, /* pause() where there is no such call */
};

/* Waits, without any right, for the signal that ends this process. */
__attribute__((noreturn)) static void wait_for_the_end(void)
{
	error_free(confine_capabilities(0));
	error_free(confine_calls(waiting, ARRAY_SIZE(waiting)));
	for (;;)
		pause();
}

/* Tells whether every write of the file breaks a lease. It does not where the file is also written by
 * another machine or another program than the kernel, or through another file system. */
static bool breaks_leases(int fd)
{
	static const uint32_t not_these[] = {
		OVERLAYFS_SUPER_MAGIC, FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,
		CIFS_SUPER_MAGIC,      SMB2_SUPER_MAGIC, CEPH_SUPER_MAGIC, V9FS_MAGIC,
		AFS_SUPER_MAGIC,       AFS_FS_MAGIC,	 CODA_SUPER_MAGIC, OCFS2_SUPER_MAGIC,
		ECRYPTFS_SUPER_MAGIC,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(not_these); i++)
		if ((uint32_t)fs.f_type == not_these[i])
			return false;
	return true;
}

/* Opens a file again, as an open file of its own. Returns -1 if it could have no lease. */
static int open_again(int file)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || breaks_leases(fd))
		return fd;
	close(fd);
	return -1;
}

static enum keeper_start set_lease(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
		return KEEPER_STARTED;
	return errno == EAGAIN ? KEEPER_WRITTEN : KEEPER_NO_LEASE;
}

/* Takes a lease on the file, by an open file of its own, as descriptor `as`. */
static void take_lease(const struct keeping *keeping, int as)
{
	int fd = open_again(keeping->options->file);
	enum keeper_start what;

	if (fd < 0)
		fail(keeping, KEEPER_NO_LEASE, NULL);
	if (dup2(fd, as) < 0 || fcntl(as, F_SETSIG, SIGKILL) < 0)
		fail_errno(keeping);
	what = set_lease(as);
	if (what != KEEPER_STARTED)
		fail(keeping, what, NULL);
	close(fd);
}

/* Returns the highest descriptor that is allowed and free, up to LEASE_HIGH. */
static int highest(void)
{
	struct rlimit limit;
	int fd = LEASE_HIGH;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= LEASE_HIGH)
		fd = (int)limit.rlim_cur - 1;
	while (fd > STDERR_FILENO && fcntl(fd, F_GETFD) >= 0)
		fd--;
	return fd;
}

/* A thread that makes one link, in a descriptor table of its own, and keeps it. Its leases come before
 * and after the link. */
static void *keep_link(void *ctx)
{
	struct keeping *keeping = ctx;
	struct report report = {.what = KEEPER_STARTED};
	struct error *err;

	if (unshare(CLONE_FILES) < 0)
		fail_errno(keeping);
	take_lease(keeping, LEASE_LOW);
	take_lease(keeping, highest());
	err = keeping->options->link(keeping->options->ctx, keeping->link);
	if (err)
		fail(keeping, KEEPER_FAILED, err);
	send_report(keeping, &report);
	sem_post(&keeping->made);
	wait_for_the_end();
}

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Closes all descriptors above the standard files that are not in `keep`, which is sorted. */
static void close_others(const int *keep, size_t n)
{
	unsigned from = STDERR_FILENO + 1;

	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int)from)
			continue;
		if (keep[i] > (int)from)
			close_range(from, (unsigned)keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	close_range(from, ~0u, 0);
}

enum { KEEP_MAX = 64 };
#define STACK_BYTES 262144ul /* of a thread that keeps a link */

/* Leaves everything of tophash that is not needed: its terminal, its output, its descriptors. */
static void leave(const struct keeping *keeping)
{
	const struct keeper_options *options = keeping->options;
	int null;
	int keep[KEEP_MAX + 2] = {options->file, keeping->to};
	size_t n = options->keep_n < KEEP_MAX ? options->keep_n : KEEP_MAX;

	setsid(); /* the keys of the terminal are meant for tophash */
	prctl(PR_SET_NAME, "tophash-keeper");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	memcpy(keep + 2, options->keep, n * sizeof(keep[0]));
	qsort(keep, n + 2, sizeof(keep[0]), compare_fds);
	close_others(keep, n + 2);
}

static bool start_thread(struct keeping *keeping)
{
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	err = pthread_create(&thread, &attr, keep_link, keeping);
	pthread_attr_destroy(&attr);
	errno = err;
	return !err;
}

static void keeper_main(const struct keeper_options *options, int to)
{
	struct keeping keeping = {.options = options, .to = to};
	struct report begun = {.what = KEEPER_STARTED};

	leave(&keeping);
	take_lease(&keeping, LEASE_LOW);
	if (!options->check(options->ctx))
		fail(&keeping, KEEPER_CHANGED, NULL);
	sem_init(&keeping.made, 0, 0);
	send_report(&keeping, &begun);
	/* One thread after the other: link() need not be safe for threads. */
	for (; keeping.link < options->links; keeping.link++) {
		if (!start_thread(&keeping))
			fail_errno(&keeping);
		while (sem_wait(&keeping.made) < 0)
			;
	}
	wait_for_the_end();
}

/* ---- in tophash ---- */

/* Reads a report. The keeper may have been killed: by a writer of the file, or for memory. */
static bool read_report(const struct keeper *keeper, struct report *ret)
{
	char *to = (char *)ret;
	size_t have = 0;
	ssize_t n;

	while (have < sizeof(*ret)) {
		n = read(keeper->reports, to + have, sizeof(*ret) - have);
		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		have += n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* Forks the keeper, which the kernel kills when tophash ends. */
static bool fork_keeper(const struct keeper_options *options, struct keeper *keeper)
{
	pid_t parent = getpid();
	int ends[2];
	sigset_t all, before;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	keeper->pid = fork();
	if (keeper->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		keeper_main(options, ends[1]);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	keeper->reports = ends[0];
	return keeper->pid > 0;
}

static struct error *no_keeper(struct keeper *keeper, int errnum)
{
	keeper_free(keeper);
	if (descriptors_out(errnum))
		return descriptors_error(errnum, "the process that keeps the probes");
	return error_errno(ERROR_FAILED, errnum, "cannot start the process that keeps the probes");
}

struct error *keeper_start(const struct keeper_options *options, struct keeper **ret)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	*ret = NULL;
	if (!keeper)
		return no_keeper(NULL, ENOMEM);
	keeper->links = options->links;
	keeper->reports = keeper->pidfd = -1;
	if (!fork_keeper(options, keeper))
		return no_keeper(keeper, errno);
	/* When SIGCHLD is ignored, nobody waits for it. Its pid could then be that of another
	 * process. */
	keeper->pidfd = (int)syscall(SYS_pidfd_open, keeper->pid, 0);
	if (keeper->pidfd < 0)
		return no_keeper(keeper, errno);
	*ret = keeper;
	return NULL;
}

enum keeper_start keeper_await(struct keeper *keeper, struct error **ret_err)
{
	struct report report;

	for (size_t i = 0; i <= keeper->links; i++) {
		if (!read_report(keeper, &report))
			return KEEPER_WRITTEN;
		if (report.what == KEEPER_FAILED)
			*ret_err = error_new((enum error_code)report.code, "%s", report.text);
		if (report.what != KEEPER_STARTED)
			return report.what;
	}
	close(keeper->reports);
	keeper->reports = -1;
	return KEEPER_STARTED;
}

enum keeper_start keeper_try(int file)
{
	cleanup_close int fd = open_again(file);

	/* The signal does nothing, and closing the file gives the lease up. */
	if (fd < 0 || fcntl(fd, F_SETSIG, SIGURG) < 0)
		return KEEPER_NO_LEASE;
	return set_lease(fd);
}

bool keeper_has_ended(const struct keeper *keeper)
{
	struct pollfd poll_fd = {.fd = keeper->pidfd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) > 0;
}

void keeper_end(const struct keeper *keeper)
{
	syscall(SYS_pidfd_send_signal, keeper->pidfd, SIGKILL, NULL, 0);
}

void keeper_free(struct keeper *keeper)
{
	if (!keeper)
		return;
	if (keeper->pidfd >= 0) {
		keeper_end(keeper);
		close(keeper->pidfd);
	} else if (keeper->pid > 0) {
		kill(keeper->pid, SIGKILL); /* nobody has waited for it yet */
	}
	if (keeper->pid > 0)
		waitpid(keeper->pid, NULL, 0);
	if (keeper->reports >= 0)
		close(keeper->reports);
	free(keeper);
}
