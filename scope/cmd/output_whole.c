/* Files that are kept when they are whole. */
#include "cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Sends a descriptor, or an errno value with -1. */
static bool send_fd(int to, int fd, int errnum)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec text = {&errnum, sizeof(errnum)};
	struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};

	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
						.cmsg_level = SOL_SOCKET,
						.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	return sendmsg(to, &message, MSG_NOSIGNAL) == sizeof(errnum);
}

/* Receives it. Returns -1 with errno set if there is none. */
static int receive_fd(int from)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	int errnum = 0, fd = -1;
	struct iovec text = {&errnum, sizeof(errnum)};
	struct msghdr message = {.msg_iov = &text,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t n;

	do {
		n = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n == sizeof(errnum) && message.msg_controllen >= CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	errno = n == sizeof(errnum) && errnum ? errnum : EAGAIN;
	return fd;
}

/* Makes the file for the other process. Waits until it keeps the file or ends, and removes it in the second case, unless another
 * file has its name now. */
static _Noreturn void be_remover(int other, int dir, const char *name)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	struct stat made, st;
	ssize_t n;
	char byte;
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_IGN);
	fd = output_make(NULL, dir, name);
	if (fd < 0 || fstat(fd, &made) < 0) {
		send_fd(other, -1, errno);
		_exit(1);
	}
	send_fd(other, fd, 0); /* if it has ended, nothing can be read below */
	close(fd);
	do {
		n = read(other, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n <= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == made.st_dev && st.st_ino == made.st_ino)
		unlinkat(dir, name, 0);
	_exit(0);
}

static void wait_for_remover(const struct output_whole *whole)
{
	while (waitpid(whole->remover, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Starts the child that makes the file. */
static int make_whole(void *ctx, int dir, const char *name)
{
	struct output_whole *whole = ctx;
	int ends[2], fd, errnum;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	whole->remover = fork();
	if (whole->remover == 0) {
		close(ends[1]);
		be_remover(ends[0], dir, name);
	}
	close(ends[0]);
	fd = whole->remover < 0 ? -1 : receive_fd(ends[1]);
	errnum = errno;
	if (fd >= 0) {
		whole->keep = ends[1];
		return fd;
	}
	close(ends[1]);
	if (whole->remover > 0)
		wait_for_remover(whole);
	errno = errnum;
	return -1;
}

struct error *output_whole_open(const char *path, struct output_whole *ret)
{
	*ret = (struct output_whole){.fd = -1, .keep = -1, .remover = -1};
	return output_open_by(path, make_whole, ret, &ret->fd);
}

void output_whole_end(struct output_whole *whole, bool keep)
{
	ssize_t told = 0;

	if (whole->fd >= 0)
		close(whole->fd);
	if (whole->keep < 0)
		return;
	if (keep)
		told = send(whole->keep, "", 1, MSG_NOSIGNAL);
	(void)told; /* it fails if the remover was killed, and then the file stays, too */
	close(whole->keep);
	wait_for_remover(whole);
}
