#include "read/debuginfo/message.h"
#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

bool message_write(int fd, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

bool message_read(int fd, void *bytes, size_t size, uint64_t until_ns)
{
	char *at = bytes;

	while (size) {
		struct pollfd readable = {.fd = fd, .events = POLLIN};
		uint64_t now = until_ns ? now_ns() : 0;
		ssize_t n;

		if (until_ns &&
		    (now >= until_ns || poll(&readable, 1, (int)((until_ns - now) / 1000000)) == 0))
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

bool message_put(int fd, const struct buf *message)
{
	uint32_t size = (uint32_t)message->len;

	return !message->bad && message->len <= MESSAGE_MAX &&
	       message_write(fd, &size, sizeof(size)) && message_write(fd, message->data, size);
}

union passed {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

bool message_pass(int fd, uint8_t byte, int passed)
{
	union passed control = {0};
	struct iovec bytes = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
	struct cmsghdr *head;
	ssize_t n;

	if (passed >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(head), &passed, sizeof(passed));
	}
	do
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

bool message_take(int fd, uint8_t *ret_byte, int *ret_passed)
{
	union passed control = {0};
	struct iovec bytes = {.iov_base = ret_byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &bytes,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *head;
	ssize_t n;

	*ret_passed = -1;
	do
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return false;
	head = CMSG_FIRSTHDR(&message);
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_passed, CMSG_DATA(head), sizeof(int));
	return true;
}
