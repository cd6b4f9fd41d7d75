#include "read/debuginfo/reader.h"
#include "base/reader.h"
#include "base/buf.h"
#include "base/clock.h"
#include "read/debuginfo/child.h"
#include "read/debuginfo/debuginfo.h"
#include "read/debuginfo/message.h"
#include "read/debuginfo/search.h"
#include "read/gofile/gofile.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* The most bytes of the parts of an answer about variables, and of the whole message. */
#define VARIABLES_BYTES (MESSAGE_VARIABLES_MAX * sizeof(struct debuginfo_variable))
#define TYPES_BYTES	((size_t)MESSAGE_TYPES_MAX * GOTYPE_MADE_SIZE)
#define FIELDS_BYTES	((size_t)MESSAGE_FIELDS_MAX * GOTYPE_MADE_FIELD)
#define ANSWER_BYTES	(1 + 3 * sizeof(uint32_t) + VARIABLES_BYTES + TYPES_BYTES + FIELDS_BYTES)

enum {
	PATIENCE_S = 60, /* for one answer; 65536 addresses of a 43 MB program take half a second */
	VARIABLES_S = 5, /* for the variables; a program of 43 MB takes a tenth of a second */
	WANTED_MAX = 256, /* files that the child asks for */
};

static void give_up(struct debuginfo_reader *child, const char *why)
{
	if (!child->why)
		child->why = strdup(why);
	if (!child->why)
		child->why = strdup("?");
}

/* Leaves the child, and waits for its end. A child that cannot be ended by force, and goes on, is not waited for: it has little
 * processor time left, and ends with this process. *ret_status is its exit status. */
static void bury(struct debuginfo_reader *child, bool force, int *ret_status)
{
	int options = 0;

	*ret_status = 0;
	if (!child->pid)
		return;
	if (force && kill(child->pid, SIGKILL) != 0)
		options = WNOHANG;
	close(child->socket);
	while (waitpid(child->pid, ret_status, options) < 0 && errno == EINTR)
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
		bury(child, true, &status);
		snprintf(text, sizeof(text),
			 "gave up after %d s: the debug information is corrupt, or was made to "
			 "take long",
			 child->until_ns ? VARIABLES_S : PATIENCE_S);
	} else {
		bury(child, false, &status);
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

/* ---- files that the child asks for ---- */

static bool reply(struct debuginfo_reader *child, enum message_found found, int fd,
		  const char *text)
{
	uint32_t size = (uint32_t)strlen(text);

	return message_pass(child->socket, (uint8_t)found, fd) &&
	       message_write(child->socket, &size, sizeof(size)) &&
	       message_write(child->socket, text, size);
}

/* Opens the file that the child asks for, and passes it. */
static bool serve_wanted(struct debuginfo_reader *child, struct reader *r)
{
	struct debuginfo_wanted wanted = {.alternate = reader_u8(r) != 0};
	unsigned ordinal = reader_u8(r);
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1;
	struct error *err;
	bool done;

	wanted.id_n = reader_u8(r);
	wanted.id = reader_bytes(r, wanted.id_n);
	wanted.name = reader_cstr(r);
	if (r->bad || wanted.id_n > DEBUGINFO_ID_MAX || child->wanted++ >= WANTED_MAX)
		return false;
	err = search_open(child->search, &wanted, ordinal, &fd, &path);
	if (err)
		done = reply(child, FOUND_REFUSED, -1, err->text);
	else
		done = reply(child, fd >= 0 ? FOUND_FILE : FOUND_NOTHING, fd, path ? path : "");
	error_free(err);
	return done;
}

/* ---- its messages ---- */

/* Reads a message, without its kind, and appends it to `to`. */
static bool read_one(struct debuginfo_reader *child, uint8_t *ret_kind, struct buf *to)
{
	uint32_t size;
	uint64_t until_ns =
		child->until_ns ? child->until_ns : now_ns() + PATIENCE_S * 1000000000ull;

	if (!message_read(child->socket, &size, sizeof(size), until_ns) || size < 1 ||
	    size > (child->until_ns ? ANSWER_BYTES : MESSAGE_MAX) ||
	    !message_read(child->socket, ret_kind, 1, until_ns) || !buf_room(to, size) ||
	    !message_read(child->socket, to->data + to->len, size - 1, until_ns))
		return false;
	to->len += size - 1;
	return true;
}

/* Reads messages up to one of this kind, which it appends to `to`. Opens the files that the child
 * asks for meanwhile. */
static bool read_message(struct debuginfo_reader *child, enum message_kind kind, struct buf *to)
{
	size_t before = to->len;
	struct reader r;
	uint8_t got;

	while (read_one(child, &got, to)) {
		if (got == kind)
			return true;
		r = reader_over(to->data + before, to->len - before);
		if (got != MESSAGE_WANTED || !serve_wanted(child, &r))
			return false;
		to->len = before;
	}
	return false;
}

/* ---- the door ---- */

static struct error *start(struct debuginfo_reader *child, int fd, const char *path)
{
	pid_t parent = getpid();
	int ends[2];

	child->search = calloc(1, sizeof(*child->search));
	if (!child->search)
		return error_nomem();
	try(search_init(child->search, fd, path));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return error_errno(ERROR_FAILED, errno, "its reader cannot be started");
	child->pid = fork();
	if (child->pid == 0)
		debuginfo_child(fd, ends[1], parent, child->idle);
	close(ends[1]);
	if (child->pid > 0) {
		child->socket = ends[0];
		return NULL;
	}
	child->pid = 0;
	close(ends[0]);
	return error_errno(ERROR_FAILED, errno, "its reader cannot be started");
}

static void start_or_tell(struct debuginfo_reader *child, bool idle, int fd, const char *path)
{
	struct error *err;

	*child = (struct debuginfo_reader){.idle = idle};
	err = start(child, fd, path);
	if (err)
		give_up(child, err->text);
	error_free(err);
}

void debuginfo_reader_start(struct debuginfo_reader *child, int fd, const char *path)
{
	start_or_tell(child, false, fd, path);
}

void debuginfo_reader_start_idle(struct debuginfo_reader *child, int fd, const char *path)
{
	start_or_tell(child, true, fd, path);
}

bool debuginfo_reader_wait(struct debuginfo_reader *child)
{
	struct buf message = {0};
	struct reader r;
	const char *why, *path;

	if (child->ready || child->why)
		return !child->why;
	if (!read_message(child, MESSAGE_OPENED, &message)) {
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
	if (message_write(child->socket, &count, sizeof(count)) &&
	    message_write(child->socket, pcs, n * sizeof(*pcs)) &&
	    read_message(child, MESSAGE_ANSWER, to))
		return true;
	lost(child);
	return false;
}

/* Takes the parts of an answer about variables. A child that a foreign file has taken over may claim any sizes. */
static bool take_variables(const struct buf *message, struct debuginfo_variables *ret)
{
	struct reader r = reader_over(message->data, message->len);
	struct buf *parts[] = {&ret->variables, &ret->types, &ret->fields};
	const size_t most[] = {VARIABLES_BYTES, TYPES_BYTES, FIELDS_BYTES};
	uint32_t sizes[ARRAY_SIZE(parts)];

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		sizes[i] = reader_u32(&r);
		if (sizes[i] > most[i])
			return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const void *bytes = reader_bytes(&r, sizes[i]);

		if (!bytes && sizes[i])
			return false;
		buf_put(parts[i], bytes, sizes[i]);
		if (parts[i]->bad)
			return false;
	}
	return !r.bad;
}

bool debuginfo_reader_variables(struct debuginfo_reader *child, const struct debuginfo_ask *ask,
				struct debuginfo_variables *ret)
{
	const uint32_t kind = MESSAGE_VARIABLES;
	cleanup_buf struct buf message = {0};

	assert(child->why || child->idle);
	child->idle = false;
	if (child->why)
		return false;
	child->until_ns = now_ns() + VARIABLES_S * 1000000000ull;
	/* If the child has ended, its last message has the reason. */
	if (message_write(child->socket, &kind, sizeof(kind)))
		message_write(child->socket, ask, sizeof(*ask));
	if (!debuginfo_reader_wait(child))
		return false;
	if (read_message(child, MESSAGE_ANSWER, &message) && take_variables(&message, ret))
		return true;
	lost(child);
	return false;
}

void debuginfo_reader_fini(struct debuginfo_reader *child)
{
	int status;

	bury(child, true, &status);
	if (child->search)
		search_fini(child->search);
	free(child->search);
	free(child->why);
	free(child->path);
	*child = (struct debuginfo_reader){0};
}
