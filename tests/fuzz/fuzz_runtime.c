/* What container runtimes answer, and what the child that reads it sends to its parent. Each reader gets the same
 * bytes; what the parsers make of them goes on to the parent's reader. */
#include "live/runtime/runtime_priv.h"
#include "base/buf.h"

#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads an answer. is_ours: a parser of ours has made it, so that it can be read, if it is not too long. */
static void read_answer(const struct buf *answer, bool is_ours)
{
	struct runtime_told told = {0};
	struct runtime_socket socket = {.of = runtime_at(0)};
	bool done = answer_read(answer, &socket, &told);

	if (is_ours && !done && told.containers.len < RUNTIME_CONTAINERS_MAX)
		__builtin_trap();
	free(socket.why);
	runtime_told_fini(&told);
}

/* A runtime that sends these bytes, whatever it is asked, and ends. */
static void ask_over_socket(const uint8_t *data, size_t size, struct buf *to)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return;
	if (send(ends[1], data, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 &&
	    shutdown(ends[1], SHUT_WR) == 0)
		error_free(cri_ask(ends[0], to));
	close(ends[0]);
	close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf raw = {.data = (char *)data, .len = size}, version = {0};

	for (int reader = 0; reader < 3; reader++) {
		struct buf answer = {0};

		answer_begin(&answer, NULL);
		if (reader == 0)
			error_free(docker_parse((const char *)data, size, &answer));
		else if (reader == 1)
			error_free(cri_parse(&version, &raw, &raw, &answer));
		else
			ask_over_socket(data, size, &answer);
		read_answer(&answer, true);
		buf_fini(&answer);
	}
	read_answer(&raw, false);
	return 0;
}
