/* Docker's HTTP API: GET /containers/json lists the containers that run.
 *
 * The request is HTTP/1.0. The answer then comes in one piece, and the connection ends after it: there are
 * no chunks, no second answer, nothing that a library would be needed for.
 */
#include "live/runtime/runtime_priv.h"
#include "base/buf.h"

#include <errno.h>
#include <jansson.h>
#include <sys/socket.h>

static void json_free(json_t *json)
{
	json_decref(json);
}
CLEANUP_FUNC(json_t, json_free)

static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* ---- the head ---- */

/* Tells whether a header has a text in its value. Names of headers have no case. Each line of the head ends
 * before `end`. */
static bool has_header(const char *head, const char *end, const char *name, const char *text)
{
	const char *line = head, *next;

	for (; line < end; line = next) {
		size_t len = strlen(name);

		next = memchr(line, '\n', (size_t)(end - line));
		next = next ? next + 1 : end;
		if ((size_t)(next - line) > len && !strncasecmp(line, name, len) &&
		    memmem(line, (size_t)(next - line), text, strlen(text)))
			return true;
	}
	return false;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads the head: "HTTP/1.1 200 OK", and lines up to an empty one. Returns where the body begins, or NULL,
 * and the status. */
static const char *read_head(const char *text, size_t len, int *ret_status)
{
	static const char empty[] = "\r\n\r\n";
	const char *end = len ? memmem(text, len, empty, strlen(empty)) : NULL;
	const char *at = text + strlen("HTTP/1.1 ");

	if (!end || end - text < (int)strlen("HTTP/1.1 200") || strncmp(text, "HTTP/1.", 7) != 0 ||
	    !is_digit(at[0]) || !is_digit(at[1]) || !is_digit(at[2]))
		return NULL;
	*ret_status = (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0');
	return end + strlen(empty);
}

/* ---- the body ---- */

/* Takes the labels that Kubernetes gives to a container of Docker. */
static void take_labels(const json_t *labels, struct runtime_container *to)
{
	const char *kind = text_of(labels, "io.kubernetes.docker.type");

	to->sandbox = kind && !strcmp(kind, "podsandbox");
	to->pod = (char *)text_of(labels, "io.kubernetes.pod.name");
	to->namespace = (char *)text_of(labels, "io.kubernetes.pod.namespace");
	to->part = (char *)text_of(labels, "io.kubernetes.container.name");
}

static void put_row(const json_t *row, const char *runtime, struct buf *to)
{
	const char *name = json_string_value(json_array_get(json_object_get(row, "Names"), 0));
	/* The texts are borrowed for this call. */
	struct runtime_container container = {
		.runtime = runtime,
		.id = (char *)text_of(row, "Id"),
		.name = (char *)(name && *name == '/' ? name + 1 : name),
		.image = (char *)text_of(row, "Image"),
	};

	take_labels(json_object_get(row, "Labels"), &container);
	answer_put(to, &container);
}

struct error *docker_parse(const char *text, size_t len, struct buf *to)
{
	cleanup(json_free) json_t *all = NULL;
	int status = 0;
	const char *body = read_head(text, len, &status), *runtime;

	if (!body)
		return error_new(ERROR_FAILED, "it does not answer in HTTP/1, as Docker does");
	if (status != 200)
		return error_new(ERROR_FAILED, "it answers with HTTP status %d", status);
	/* podman answers for Docker, too, and may be at the path of its socket. */
	runtime = has_header(text, body, "Server:", "Libpod") ? "podman" : "docker";
	all = json_loadb(body, (size_t)(text + len - body), 0, NULL);
	if (!json_is_array(all))
		return error_new(ERROR_FAILED, "its answer is no list in JSON");
	if (json_array_size(all) > RUNTIME_CONTAINERS_MAX)
		return error_new(ERROR_FAILED, "it tells of more than %d containers",
				 RUNTIME_CONTAINERS_MAX);
	for (size_t i = 0; i < json_array_size(all); i++)
		put_row(json_array_get(all, i), runtime, to);
	return NULL;
}

/* ---- asking ---- */

static struct error *read_all(int fd, struct buf *reply)
{
	while (reply->len <= REPLY_MAX) {
		const size_t piece = 64 << 10;
		ssize_t n;

		if (!buf_room(reply, piece))
			return error_nomem();
		n = read(fd, reply->data + reply->len, piece);
		if (n < 0 && errno != EINTR)
			return error_errno(ERROR_FAILED, errno, "it breaks off");
		if (n == 0)
			return NULL;
		reply->len += n > 0 ? (size_t)n : 0;
	}
	return error_new(ERROR_FAILED, "its answer is longer than %d MiB", REPLY_MAX >> 20);
}

struct error *docker_ask(int fd, struct buf *to)
{
	static const char request[] = "GET /containers/json HTTP/1.0\r\nHost: docker\r\n\r\n";
	struct buf reply = {0}; /* freed by the end of the child */

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		return error_errno(ERROR_FAILED, errno, "it takes no request");
	try(read_all(fd, &reply));
	return docker_parse(reply.data, reply.len, to);
}
