#include "read/debuginfo/reader.h"
#include "base/reader.h"
#include "base/buf.h"
#include "read/debuginfo/debuginfo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum {
	PATIENCE_S = 60, /* for one answer; 65536 addresses of a 43 MB program take half a second */
	ANSWER_MAX = 1 << 30,
};
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

/* ---- both ends ---- */

static bool write_all(int fd, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

/* Reads exactly `size` bytes. patience_ms is how long to wait for the next bytes; -1 waits without
 * a limit. */
static bool read_all(int fd, void *bytes, size_t size, int patience_ms)
{
	char *at = bytes;

	while (size) {
		struct pollfd readable = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (patience_ms >= 0 && poll(&readable, 1, patience_ms) == 0)
			return false;
		n = read(fd, at, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

static bool write_message(int fd, const struct buf *message)
{
	uint32_t size = (uint32_t)message->len;

	return !message->bad && message->len <= ANSWER_MAX && write_all(fd, &size, sizeof(size)) &&
	       write_all(fd, message->data, size);
}

/* ---- the child ---- */

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

static bool serve_one(struct debuginfo *dwarf, int ask, int answer, struct buf *to)
{
	static uint64_t pcs[DEBUGINFO_READER_BATCH];
	uint32_t n;

	if (!read_all(ask, &n, sizeof(n), -1) || n > DEBUGINFO_READER_BATCH ||
	    !read_all(ask, pcs, n * sizeof(*pcs), -1))
		return false;
	buf_reset(to);
	for (uint32_t i = 0; i < n && to->len <= ANSWER_MAX; i++)
		put_answer(to, dwarf, pcs[i]);
	return write_message(answer, to);
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

	prctl(PR_SET_PDEATHSIG, SIGKILL);
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

static void child_main(int fd, const char *path, int ask, int answer)
{
	int *needed[] = {&fd, &ask, &answer};
	struct buf to = {0};
	struct debuginfo *dwarf = NULL;
	struct error *err;
	const char *text, *separate;

	settle();
	keep_only(needed, ARRAY_SIZE(needed));
	err = debuginfo_open(fd, path, &dwarf);
	text = err ? err->text : "";
	separate = dwarf ? debuginfo_path(dwarf) : "";
	buf_put(&to, text, strlen(text) + 1);
	buf_put(&to, separate, strlen(separate) + 1);
	if (write_message(answer, &to) && dwarf)
		while (serve_one(dwarf, ask, answer, &to))
			;
	_exit(0); /* the kernel frees all that the process holds */
}

/* ---- the parent ---- */

static void give_up(struct debuginfo_reader *child, const char *why)
{
	if (!child->why)
		child->why = strdup(why);
	if (!child->why)
		child->why = strdup("?");
}

/* Ends the child and waits for it. *ret_status is its exit status. */
static void bury(struct debuginfo_reader *child, int *ret_status)
{
	*ret_status = 0;
	if (!child->pid)
		return;
	close(child->ask);
	close(child->answer);
	while (waitpid(child->pid, ret_status, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
}

/* Notes why an answer did not come: the child has ended, or takes too long. */
static void lost(struct debuginfo_reader *child)
{
	char text[160];
	siginfo_t info = {0};
	int status;

	/* The child may be about to end. Wait for a moment before it is killed. */
	for (int i = 0; i < 50 && !info.si_pid; i++) {
		if (i)
			usleep(1000);
		waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	}
	if (!info.si_pid) {
		kill(child->pid, SIGKILL);
		bury(child, &status);
		snprintf(text, sizeof(text),
			 "gave up after %d s: the debug information is corrupt, or was made to "
			 "take long",
			 PATIENCE_S);
	} else {
		bury(child, &status);
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
			snprintf(text, sizeof(text), "its reader was killed (out of memory?)");
		else if (WIFSIGNALED(status))
			snprintf(text, sizeof(text),
				 "its reader crashed (signal %d): the debug "
				 "information is corrupt",
				 WTERMSIG(status));
		else
			snprintf(text, sizeof(text), "its reader ended (out of memory?)");
	}
	give_up(child, text);
}

static bool read_message(struct debuginfo_reader *child, struct buf *to)
{
	uint32_t size;

	if (!read_all(child->answer, &size, sizeof(size), PATIENCE_S * 1000) || size > ANSWER_MAX ||
	    !buf_room(to, size) ||
	    !read_all(child->answer, to->data + to->len, size, PATIENCE_S * 1000))
		return false;
	to->len += size;
	return true;
}

void debuginfo_reader_start(struct debuginfo_reader *child, int fd, const char *path)
{
	int ask[2], answer[2];
	char text[160];

	*child = (struct debuginfo_reader){0};
	if (pipe2(ask, O_CLOEXEC) != 0)
		goto failed;
	if (pipe2(answer, O_CLOEXEC) != 0)
		goto failed_ask;
	child->pid = fork();
	if (child->pid < 0)
		goto failed_answer;
	if (child->pid == 0) {
		close(ask[1]);
		close(answer[0]);
		child_main(fd, path, ask[0], answer[1]);
	}
	close(ask[0]);
	close(answer[1]);
	child->ask = ask[1];
	child->answer = answer[0];
	return;

failed_answer:
	child->pid = 0;
	close(answer[0]);
	close(answer[1]);
failed_ask:
	close(ask[0]);
	close(ask[1]);
failed:
	snprintf(text, sizeof(text), "its reader cannot be started: %s", strerror(errno));
	give_up(child, text);
}

bool debuginfo_reader_wait(struct debuginfo_reader *child)
{
	struct buf message = {0};
	struct reader r;
	const char *why, *path;

	if (child->ready || child->why)
		return !child->why;
	if (!read_message(child, &message)) {
		lost(child);
		buf_fini(&message);
		return false;
	}
	child->ready = true;
	r = reader_over(message.data, message.len);
	why = reader_cstr(&r);
	path = reader_cstr(&r);
	if (!why || *why)
		give_up(child, why ? why : "?");
	if (path)
		child->path = strdup(path);
	buf_fini(&message);
	return !child->why;
}

bool debuginfo_reader_ask(struct debuginfo_reader *child, const uint64_t *pcs, size_t n,
			  struct buf *to)
{
	uint32_t count = (uint32_t)n;

	assert(n > 0 && n <= DEBUGINFO_READER_BATCH);
	if (!debuginfo_reader_wait(child))
		return false;
	if (write_all(child->ask, &count, sizeof(count)) &&
	    write_all(child->ask, pcs, n * sizeof(*pcs)) && read_message(child, to))
		return true;
	lost(child);
	return false;
}

void debuginfo_reader_fini(struct debuginfo_reader *child)
{
	int status;

	if (child->pid)
		kill(child->pid, SIGKILL);
	bury(child, &status);
	free(child->why);
	free(child->path);
	*child = (struct debuginfo_reader){0};
}
