#include "base/base.h"
#include "base/confine.h"

#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Sanitizers reserve terabytes of address space, and must be able to print their findings. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* ---- rights ---- */

/* All that reading needs. Files and sockets come from the parent. */
static const struct confine_call allowed[] = {
	{.number = SCMP_SYS(read)},
	{.number = SCMP_SYS(pread64)},
	{.number = SCMP_SYS(lseek)},
	{.number = SCMP_SYS(fcntl), .arg = 1, .mask = 0xffffffff & ~F_GETFL}, /* and F_GETFD */
	{.number = SCMP_SYS(fstat)},
	{.number = SCMP_SYS(newfstatat)}, /* glibc's fstat() */
	{.number = SCMP_SYS(close)},
	{.number = SCMP_SYS(poll)},
	{.number = SCMP_SYS(ppoll)},
	{.number = SCMP_SYS(sendto)},
	{.number = SCMP_SYS(recvmsg)},
	/* memory, none of which is executable */
	{.number = SCMP_SYS(mmap), .arg = 2, .mask = PROT_EXEC},
	{.number = SCMP_SYS(mprotect), .arg = 2, .mask = PROT_EXEC},
	{.number = SCMP_SYS(munmap)},
	{.number = SCMP_SYS(mremap)},
	{.number = SCMP_SYS(madvise)},
	{.number = SCMP_SYS(brk)},
	{.number = SCMP_SYS(getrandom)}, /* malloc() */
	{.number = SCMP_SYS(futex)},
	{.number = SCMP_SYS(clock_gettime)},
	/* the end: also abort(), which tells the parent what happened */
	{.number = SCMP_SYS(rt_sigprocmask)},
	{.number = SCMP_SYS(rt_sigaction)},
	{.number = SCMP_SYS(rt_sigreturn)},
	{.number = SCMP_SYS(getpid)},
	{.number = SCMP_SYS(gettid)},
	{.number = SCMP_SYS(tgkill)},
	{.number = SCMP_SYS(exit_group)},
#if SANITIZED
	/* A build with sanitizers, which is only for tests, writes its findings and looks at its
	 * own mappings. It may open files, as nobody. */
	{.number = SCMP_SYS(write)},
	{.number = SCMP_SYS(open)},
	{.number = SCMP_SYS(openat)},
	{.number = SCMP_SYS(readlink)},
	{.number = SCMP_SYS(sigaltstack)},
	{.number = SCMP_SYS(sched_yield)},
#endif
};

static struct error *confine(pid_t parent)
{
	confine_to_nobody();
	try(confine_capabilities(0));
	/* The kernel forgets this when the user changes. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0); /* it ended before that */
	return confine_calls(allowed, ARRAY_SIZE(allowed));
}

static void limit(int what, uint64_t value)
{
	struct rlimit old, new = {.rlim_cur = value, .rlim_max = value};

	if (getrlimit(what, &old) == 0 && old.rlim_max < value)
		new.rlim_cur = new.rlim_max = old.rlim_max;
	setrlimit(what, &new);
}

/* Prepares the child process. Libraries and the allocator may print before they abort; that must not
 * reach the terminal. */
static void settle(uint64_t memory)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	signal(SIGBUS, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* the parent decides when the child ends */
	limit(RLIMIT_CORE, 0);
	if (SANITIZED)
		return;
	limit(RLIMIT_AS, memory);
	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
}

/* Moves the needed descriptors to high numbers, and closes all others. */
static void keep_only(int *fds[], size_t n)
{
	const int first = 512;

	for (size_t i = 0; i < n; i++) {
		int moved = fcntl(*fds[i], F_DUPFD, first + (int)i);

		if (moved != first + (int)i)
			return; /* too many are open, or the limit is too low; all stay open */
		*fds[i] = moved;
	}
	close_range(STDERR_FILENO + 1, (unsigned)first - 1, 0);
	close_range((unsigned)first + (unsigned)n, ~0u, 0);
}

struct error *confine_reader(pid_t parent, int *fds[], size_t n, uint64_t memory)
{
	settle(memory);
	keep_only(fds, n);
	return confine(parent);
}
