/* What container runtimes answer, and what the child that reads it sends to its parent. Each reader gets the same
 * bytes; what the first one makes of them goes on to the second one. */
#include "live/runtime/runtime_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf answer = {0}, raw = {.data = (char *)data, .len = size};

	answer_begin(&answer, NULL);
	error_free(docker_parse((const char *)data, size, &answer));
	read_answer(&answer, true);
	buf_fini(&answer);
	read_answer(&raw, false);
	return 0;
}
