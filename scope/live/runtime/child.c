#include "live/runtime/runtime_priv.h"
#include "base/confine.h"
#include "base/buf.h"

#include <sys/socket.h>

#define MEMORY_MAX (1ull << 30) /* address space: the answer, and what its parser makes of it */

static void send_all(int fd, const struct buf *from)
{
	size_t done = 0;

	while (done < from->len) {
		ssize_t n = send(fd, from->data + done, from->len - done, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		done += (size_t)n;
	}
}

static struct error *(*const protocols[])(int fd, struct buf *to) = {
	[RUNTIME_DOCKER] = docker_ask,
	[RUNTIME_CRI] = cri_ask,
};

void child_run(enum runtime_protocol protocol, int runtime_fd, int answer_fd, pid_t parent)
{
	int *needed[] = {&runtime_fd, &answer_fd};
	struct buf to = {0};
	struct error *err = confine_reader(parent, needed, ARRAY_SIZE(needed), MEMORY_MAX);

	answer_begin(&to, NULL);
	if (!err)
		err = protocols[protocol](runtime_fd, &to);
	if (!err && (to.bad || to.len > ANSWER_MAX))
		err = error_new(ERROR_FAILED, "it tells of too many containers");
	if (err) {
		buf_reset(&to);
		answer_begin(&to, err->text);
	}
	send_all(answer_fd, &to);
	_exit(0); /* the kernel frees all that the process holds */
}
