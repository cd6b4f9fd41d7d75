/* The process that reads debug information. First it gives up every right. Then it reads the file,
 * and answers.
 */
#include "read/debuginfo/child.h"
#include "base/buf.h"
#include "base/confine.h"
#include "read/debuginfo/debuginfo.h"
#include "read/debuginfo/message.h"

#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define MEMORY_MAX (6ull << 30) /* address space: DEBUGINFO_BYTES_MAX, and libdw's own data */

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

/* Prepares the child process. libdw and the allocator may print before they abort; that must not
 * reach the terminal. */
static void settle(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	signal(SIGBUS, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* the parent decides when the child ends */
	limit(RLIMIT_CORE, 0);
	if (SANITIZED)
		return;
	limit(RLIMIT_AS, MEMORY_MAX);
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

/* ---- other files ---- */

/* Asks the parent for a file, as debuginfo_files says. */
static struct error *ask_file(void *ctx, const struct debuginfo_wanted *wanted, unsigned ordinal,
			      int *ret_fd, char **ret_path)
{
	int socket = *(int *)ctx;
	cleanup_buf struct buf message = {0};
	cleanup_close int fd = -1;
	cleanup_free char *text = NULL;
	uint32_t size;
	uint8_t found;

	buf_char(&message, MESSAGE_WANTED);
	buf_char(&message, wanted->alternate);
	buf_char(&message, (char)ordinal);
	buf_char(&message, (char)wanted->id_n);
	buf_put(&message, wanted->id, wanted->id_n);
	buf_put(&message, wanted->name, strlen(wanted->name) + 1);
	if (!message_put(socket, &message) || !message_take(socket, &found, &fd) ||
	    !message_read(socket, &size, sizeof(size), -1) || size > MESSAGE_MAX)
		return error_new(ERROR_TARGET, "its reader was left alone");
	text = calloc(1, size + 1ul);
	if (!text)
		return error_nomem();
	if (!message_read(socket, text, size, -1))
		return error_new(ERROR_TARGET, "its reader was left alone");
	if (found == FOUND_REFUSED)
		return error_new(ERROR_TARGET, "%s", text);
	*ret_fd = found == FOUND_FILE ? take_fd(fd) : -1;
	*ret_path = take_ptr(text);
	return NULL;
}

/* ---- answers ---- */

static void put_answer(struct buf *to, struct debuginfo *dwarf, uint64_t pc)
{
	struct debuginfo_frame frames[DEBUGINFO_FRAMES_MAX];
	uint64_t entry = 0;
	size_t n = 0;
	enum debuginfo_miss miss =
		debuginfo_frames(dwarf, pc, frames, ARRAY_SIZE(frames), &n, &entry);

	buf_char(to, (char)miss);
	buf_char(to, (char)n);
	buf_put(to, &entry, sizeof(entry));
	for (size_t i = 0; i < n; i++) {
		buf_char(to, frames[i].frame.inlined);
		buf_put(to, &frames[i].frame.line, sizeof(frames[i].frame.line));
		buf_put(to, frames[i].frame.func, strlen(frames[i].frame.func) + 1);
		if (*frames[i].dir) {
			buf_str(to, frames[i].dir);
			buf_char(to, '/');
		}
		buf_put(to, frames[i].frame.file, strlen(frames[i].frame.file) + 1);
	}
}

static bool serve_one(struct debuginfo *dwarf, int socket, struct buf *to)
{
	static uint64_t pcs[DEBUGINFO_READER_BATCH];
	uint32_t n;

	if (!message_read(socket, &n, sizeof(n), -1) || n > DEBUGINFO_READER_BATCH ||
	    !message_read(socket, pcs, n * sizeof(*pcs), -1))
		return false;
	buf_reset(to);
	buf_char(to, MESSAGE_ANSWER);
	for (uint32_t i = 0; i < n && to->len <= MESSAGE_MAX; i++)
		put_answer(to, dwarf, pcs[i]);
	return message_put(socket, to);
}

void debuginfo_child(int fd, int socket, pid_t parent)
{
	struct debuginfo_files files = {.ctx = &socket, .open = ask_file};
	int *needed[] = {&fd, &socket};
	struct buf to = {0};
	struct debuginfo *dwarf = NULL;
	struct error *err;
	const char *text, *separate;

	settle();
	keep_only(needed, ARRAY_SIZE(needed));
	err = confine(parent);
	if (!err)
		err = debuginfo_open(fd, &files, &dwarf);
	text = err ? err->text : "";
	separate = dwarf ? debuginfo_path(dwarf) : "";
	buf_char(&to, MESSAGE_OPENED);
	buf_put(&to, text, strlen(text) + 1);
	buf_put(&to, separate, strlen(separate) + 1);
	if (message_put(socket, &to) && dwarf)
		while (serve_one(dwarf, socket, &to))
			;
	_exit(0); /* the kernel frees all that the process holds */
}
