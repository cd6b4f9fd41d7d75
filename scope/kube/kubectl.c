#include "kube/kube.h"
#include "base/clock.h"
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdnoreturn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_MS 2000 /* kubectl has so long to end after SIGTERM */

/* ---- a child ---- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static noreturn void run(const struct kubectl *kubectl, const char *const *words, const int fds[3],
			 pid_t parent, int report)
{
	const char *argv[1 + KUBE_FLAGS_MAX + KUBE_WORDS_MAX + 1];
	size_t n = 0;
	sigset_t none;
	int errnum;

	argv[n++] = kubectl->program;
	for (size_t i = 0; i < kubectl->n_flags; i++)
		argv[n++] = kubectl->flags[i];
	for (size_t i = 0; words[i] && i < KUBE_WORDS_MAX; i++)
		argv[n++] = words[i];
	argv[n] = NULL;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	if (kubectl->apart)
		setpgid(0, 0);
	for (int i = 0; i < 3; i++)
		dup2(fds[i], i);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(kubectl->program, (char *const *)argv);
	errnum = errno;
	if (write(report, &errnum, sizeof(errnum)) < 0)
		_exit(126);
	_exit(127);
}

/* Waits until kubectl was executed. Returns 0 or why it cannot be. */
static int executed(int report)
{
	int errnum;
	ssize_t n;

	do
		n = read(report, &errnum, sizeof(errnum));
	while (n < 0 && errno == EINTR);
	return n == sizeof(errnum) ? errnum : 0;
}

static struct error *cannot_run(const struct kubectl *kubectl, int errnum)
{
	if (errnum == ENOENT)
		return error_new(ERROR_FAILED,
				 "%s: not found: install kubectl, or name it in KUBECTL",
				 kubectl->program);
	return error_errno(ERROR_FAILED, errnum, "cannot run %s", kubectl->program);
}

/* Starts kubectl with three descriptors. */
static struct error *spawn(const struct kubectl *kubectl, const char *const *words,
			   const int fds[3], pid_t *ret)
{
	pid_t parent = getpid(), pid;
	int report[2], errnum;

	if (pipe2(report, O_CLOEXEC) < 0)
		return error_errno(ERROR_FAILED, errno, "pipe");
	pid = fork();
	if (pid == 0)
		run(kubectl, words, fds, parent, report[1]);
	errnum = pid < 0 ? errno : 0;
	close(report[1]);
	if (pid > 0)
		errnum = executed(report[0]);
	close(report[0]);
	if (!errnum) {
		*ret = pid;
		return NULL;
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return cannot_run(kubectl, errnum);
}

struct error *kubectl_start(const struct kubectl *kubectl, const char *const *words,
			    struct kubectl_running *ret)
{
	int pipes[3][2], theirs[3], n = 0, errnum;
	struct kubectl_running running = {0};
	struct error *err = NULL;

	for (; n < 3; n++)
		if (pipe2(pipes[n], O_CLOEXEC) < 0)
			break;
	errnum = errno;
	for (int i = 0; i < n; i++)
		theirs[i] = pipes[i][i ? 1 : 0];
	if (n < 3)
		err = error_errno(ERROR_FAILED, errnum, "pipe");
	else
		err = spawn(kubectl, words, theirs, &running.pid);
	for (int i = 0; i < n; i++) {
		close(theirs[i]);
		if (err)
			close(pipes[i][i ? 0 : 1]);
	}
	if (err)
		return err;
	running.in = pipes[0][1];
	running.out = pipes[1][0];
	running.err = pipes[2][0];
	*ret = running;
	return NULL;
}

/* Waits for a child. Returns false when it still runs after that time. */
static bool wait_for(pid_t pid, unsigned patience_ms, int *ret_status)
{
	uint64_t end = now_ns() + patience_ms * 1000000ull;

	while (waitpid(pid, ret_status, WNOHANG) != pid) {
		if (now_ns() > end)
			return false;
		poll(NULL, 0, 5);
	}
	return true;
}

static int end_child(pid_t pid, bool ask)
{
	int status = 0;

	if (ask)
		kill(pid, SIGTERM);
	if (!wait_for(pid, END_MS, &status)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void kubectl_end(struct kubectl_running *running)
{
	if (running->pid) {
		close_fd(&running->in);
		close_fd(&running->out);
		close_fd(&running->err);
		end_child(running->pid, true);
	}
	*running = (struct kubectl_running){.in = -1, .out = -1, .err = -1};
}

/* ---- a call ---- */

/* A call that is under way. */
struct call {
	struct kubectl_running running;
	const char *input; /* what is not written yet */
	size_t left;
	struct kube_reply *reply;
	bool late, full;
};

static void read_some(struct call *call, int *fd, struct buf *to)
{
	char bytes[16384];
	ssize_t n = read(*fd, bytes, sizeof(bytes));

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		close_fd(fd);
		return;
	}
	if (to->len + (size_t)n > KUBE_REPLY_MAX)
		call->full = true;
	else
		buf_put(to, bytes, (size_t)n);
}

static void write_some(struct call *call)
{
	size_t len = call->left < PIPE_BUF ? call->left : PIPE_BUF;
	ssize_t n = len ? write(call->running.in, call->input, len) : 0;

	if (n < 0 && errno == EINTR)
		return;
	if (n > 0) {
		call->input += n;
		call->left -= (size_t)n;
	}
	if (n < 0 || !call->left)
		close_fd(&call->running.in);
}

/* Reads until kubectl has closed both outputs. */
static void talk(const struct kubectl *kubectl, struct call *call, uint64_t end)
{
	struct kubectl_running *running = &call->running;

	while ((running->out >= 0 || running->err >= 0) && !call->full) {
		struct pollfd polled[] = {{.fd = running->in, .events = POLLOUT},
					  {.fd = running->out, .events = POLLIN},
					  {.fd = running->err, .events = POLLIN},
					  {.fd = kubectl->interrupt, .events = POLLIN}};
		uint64_t now = now_ns();

		call->late = now >= end;
		if (call->late ||
		    poll(polled, ARRAY_SIZE(polled), (int)((end - now) / 1000000 + 1)) < 0)
			return;
		call->reply->interrupted = polled[3].revents != 0;
		if (call->reply->interrupted)
			return;
		if (polled[0].revents)
			write_some(call);
		if (polled[1].revents)
			read_some(call, &running->out, &call->reply->out);
		if (polled[2].revents)
			read_some(call, &running->err, &call->reply->err);
	}
}

struct error *kubectl_call(const struct kubectl *kubectl, const char *const *words,
			   const char *input, unsigned patience_ms, struct kube_reply *ret)
{
	struct call call = {.input = input, .left = input ? strlen(input) : 0, .reply = ret};
	bool whole;

	*ret = (struct kube_reply){0};
	try(kubectl_start(kubectl, words, &call.running));
	talk(kubectl, &call, now_ns() + patience_ms * 1000000ull);
	whole = call.running.out < 0 && call.running.err < 0;
	close_fd(&call.running.in);
	close_fd(&call.running.out);
	close_fd(&call.running.err);
	ret->code = end_child(call.running.pid, !whole);
	if (call.late)
		return error_new(ERROR_FAILED,
				 "kubectl %s did not end in %u s: is the cluster reachable?",
				 words[0], patience_ms / 1000);
	if (call.full)
		return error_new(ERROR_FAILED, "kubectl %s printed more than %d MiB", words[0],
				 KUBE_REPLY_MAX >> 20);
	return ret->out.bad || ret->err.bad ? error_nomem() : NULL;
}

void kube_reply_fini(struct kube_reply *reply)
{
	buf_fini(&reply->out);
	buf_fini(&reply->err);
}
