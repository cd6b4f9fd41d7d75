#include "live/runtime/runtime_priv.h"
#include "base/clock.h"
#include "base/buf.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* The child that asks a socket, and what it has sent until now. */
struct asking {
	pid_t pid; /* 0: there is none */
	int fd;	   /* -1: it is at its end */
	struct buf answer;
	bool too_long;
};

static void give_up(struct runtime_socket *socket, const char *why)
{
	if (!socket->why)
		socket->why = strdup(why);
}

/* Starts the child of a socket, if one can be connected to. */
static struct error *start(struct runtime_socket *at, struct asking *ret)
{
	const char *why = NULL;
	cleanup_close int fd = known_connect(at, &why);
	pid_t parent = getpid();
	int ends[2];

	ret->fd = -1;
	if (fd < 0) {
		give_up(at, why);
		return NULL;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return error_errno(ERROR_FAILED, errno, "no runtime can be asked");
	ret->pid = fork();
	if (ret->pid == 0)
		child_run(at->of->protocol, fd, ends[1], parent);
	close(ends[1]);
	ret->fd = ends[0];
	if (ret->pid > 0)
		return NULL;
	ret->pid = 0;
	return error_errno(ERROR_FAILED, errno, "no runtime can be asked");
}

static void end(struct asking *asking)
{
	if (asking->pid) {
		kill(asking->pid, SIGKILL);
		while (waitpid(asking->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (asking->fd >= 0)
		close(asking->fd);
	asking->fd = -1;
	asking->pid = 0;
	buf_fini(&asking->answer);
}

/* Takes what a child has sent. At its end, closes the descriptor. */
static void receive(struct asking *asking)
{
	struct buf *answer = &asking->answer;
	const size_t piece = 64 << 10;
	ssize_t n = buf_room(answer, piece)
			    ? recv(asking->fd, answer->data + answer->len, piece, MSG_DONTWAIT)
			    : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	answer->len += n > 0 ? (size_t)n : 0;
	asking->too_long = answer->len > ANSWER_MAX;
	if (n > 0 && !asking->too_long)
		return;
	close(asking->fd);
	asking->fd = -1;
}

/* Waits until all children are at their end, or the time is over. */
static struct error *wait_for_all(struct asking *askings, size_t n)
{
	uint64_t until = now_ns() + RUNTIME_SECONDS * 1000000000ull;
	struct pollfd *polled = calloc(n + 1, sizeof(*polled));

	if (!polled)
		return error_nomem();
	for (;;) {
		uint64_t now = now_ns();
		size_t open = 0;

		for (size_t i = 0; i < n; i++) {
			polled[i] = (struct pollfd){.fd = askings[i].fd, .events = POLLIN};
			open += askings[i].fd >= 0;
		}
		if (!open || now >= until)
			break;
		poll(polled, n, (int)((until - now) / 1000000) + 1);
		for (size_t i = 0; i < n; i++)
			if (askings[i].fd >= 0 && polled[i].revents)
				receive(&askings[i]);
	}
	free(polled);
	return NULL;
}

static void take(struct asking *asking, struct runtime_socket *socket, struct runtime_told *ret)
{
	size_t before = ret->containers.len;

	if (!asking->pid)
		return;
	if (asking->fd >= 0) {
		give_up(socket, "it does not answer");
		return;
	}
	if (!asking->too_long && answer_read(&asking->answer, socket, ret))
		return;
	/* What an answer tells that is partly wrong does not count. */
	while (ret->containers.len > before)
		answer_drop_last(ret);
	socket->containers = 0;
	give_up(socket, "its answer cannot be read");
}

struct error *runtime_ask(const char *path, struct runtime_told *ret)
{
	struct asking *askings = NULL;
	struct error *err = NULL;
	size_t n = 0;

	*ret = (struct runtime_told){0};
	if (!known_sockets(path, ret))
		err = error_nomem();
	askings = err ? NULL : calloc(ret->sockets.len + 1, sizeof(*askings));
	if (!err && !askings)
		err = error_nomem();
	for (; !err && n < ret->sockets.len; n++)
		err = start(&ret->sockets.data[n], &askings[n]);
	if (!err)
		err = wait_for_all(askings, n);
	for (size_t i = 0; i < n; i++) {
		if (!err)
			take(&askings[i], &ret->sockets.data[i], ret);
		end(&askings[i]);
	}
	free(askings);
	if (err)
		runtime_told_fini(ret);
	return err;
}
