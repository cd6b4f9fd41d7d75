/* Declarations that the files of the room share. */
#ifndef LIVE_RUNTIME_RUNTIME_PRIV_H
#define LIVE_RUNTIME_RUNTIME_PRIV_H

#include "live/runtime/runtime.h"

enum {
	REPLY_MAX = 16 << 20, /* bytes of the answer of a runtime */
	/* Bytes of the child's answer: the texts of all containers, and what is around them. */
	ANSWER_MAX = RUNTIME_CONTAINERS_MAX * (6 * (RUNTIME_TEXT_MAX + 1) + 16),
};

/* Adds the sockets that are there, or the one with this path. */
bool known_sockets(const char *path, struct runtime_told *ret);
/* Connects to a socket. If it cannot, returns -1, and the reason in *ret_why. */
int known_connect(struct runtime_socket *at, const char **ret_why);

/* ---- what the child sends (answer.c) ----
 *
 *     why          NUL-terminated; "" if the runtime has answered
 *     then, for each container: sandbox u8, and runtime, id, name, image, pod, namespace, part, each
 *     NUL-terminated, "" if it is not told
 */
void answer_begin(struct buf *to, const char *why);
/* Appends a container. Leaves out one whose id has not the form of an id: nothing can be found by it. */
void answer_put(struct buf *to, const struct runtime_container *container);
/* Reads an answer, and appends its containers. Returns false if it has not this form, or memory is
 * out. */
bool answer_read(const struct buf *from, struct runtime_socket *socket, struct runtime_told *ret);
void answer_drop_last(struct runtime_told *told);

/* Runs in the child, and ends it. */
_Noreturn void child_run(enum runtime_protocol protocol, int runtime_fd, int answer_fd,
			 pid_t parent);

/* The protocols. Each asks the runtime through fd, and appends its containers to *to. Errors: it does not
 * answer as such a runtime does; the text is a reason. */
struct error *docker_ask(int fd, struct buf *to);
/* Parses what Docker has answered: the head, and JSON. */
struct error *docker_parse(const char *text, size_t len, struct buf *to);
struct error *cri_ask(int fd, struct buf *to);
/* Parses what a runtime has answered to three calls: messages of protobuf. */
struct error *cri_parse(const struct buf *version, const struct buf *pods,
			const struct buf *containers, struct buf *to);

#endif
