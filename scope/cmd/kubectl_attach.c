/* The connection to the pod on the node. `tophash tether` is at its other end (tether.h). */
#include "cmd/kubectl.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/tether.h"
#include "base/clock.h"
#include "base/text/text.h"
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#define SECOND	     1000000000ull
#define PATIENCE_S   30		/* the node has so long to answer */
#define LONGEST_LINE (64 << 10) /* a longer line is passed on in parts */

struct connection {
	struct kubectl_run *run;
	struct buf out, err;  /* the beginnings of lines; out is used for a terminal only */
	bool terminal, quiet; /* standard output is a terminal; is closed */
	uint64_t received;    /* bytes of output */
	uint64_t patience_ns; /* the node has so long to answer */
	uint64_t answered_ns;
	uint64_t stopped_ns; /* the time of the first signal, or of output after it; 0: none */
	bool ended;	     /* the node said so */
	bool late;	     /* the node does not answer */
	bool forbidden;	     /* the cluster does not allow the connection */
	int code;
	uint64_t sent; /* the bytes of output that the node has sent */
};

/* Tells something to the node. If the pipe is full or closed, the connection is at its end anyway. */
static void tell(struct connection *connection, char byte)
{
	int fd = connection->run->attach.in;

	if (fd >= 0 && write(fd, &byte, 1) < 0 && errno != EAGAIN) {
		close(fd);
		connection->run->attach.in = -1;
	}
}

/* ---- output ---- */

/* Writes to standard output. A reader that has gone away ends the run. */
static struct error *put(struct connection *connection, const char *bytes, size_t len)
{
	int errnum = connection->quiet ? 0 : output_put(STDOUT_FILENO, bytes, len, -1);

	if (errnum == EPIPE) {
		connection->quiet = true;
		tell(connection, TETHER_STOP);
		return NULL;
	}
	return errnum ? error_errno(ERROR_FAILED, errnum, "cannot write the output") : NULL;
}

/* Takes whole lines from the beginning of a buffer, and calls line() for each. A line without an end that
 * is too long is taken as one. */
static struct error *take_lines(struct connection *connection, struct buf *from,
				struct error *(*line)(struct connection *, const char *, size_t))
{
	size_t at = 0;

	while (at < from->len) {
		const char *end = memchr(from->data + at, '\n', from->len - at);
		size_t len = end ? (size_t)(end - from->data) - at : from->len - at;

		if (!end && len < LONGEST_LINE)
			break;
		try(line(connection, from->data + at, len));
		at += len + (end != NULL);
	}
	memmove(from->data, from->data + at, from->len - at);
	from->len -= at;
	return from->bad ? error_nomem() : NULL;
}

/* A node, or somebody between, could send what acts on a terminal. */
static struct error *show_line(struct connection *connection, const char *line, size_t len)
{
	cleanup_buf struct buf safe = {0};

	text_safe(&safe, line, len);
	buf_char(&safe, '\n');
	return put(connection, safe.data, safe.len);
}

static struct error *on_output(void *ctx, short revents)
{
	struct connection *connection = ctx;
	struct kubectl_running *attach = &connection->run->attach;
	char bytes[65536];
	ssize_t n = read(attach->out, bytes, sizeof(bytes));

	(void)revents;
	if (n < 0 && errno == EINTR)
		return NULL;
	if (n <= 0) {
		loop_forget(connection->run->loop, attach->out);
		close(attach->out);
		attach->out = -1;
		if (attach->err < 0)
			loop_quit(connection->run->loop);
		return NULL;
	}
	connection->received += (uint64_t)n;
	if (connection->stopped_ns)
		connection->stopped_ns = now_ns();
	if (!connection->terminal)
		return put(connection, bytes, (size_t)n);
	buf_put(&connection->out, bytes, (size_t)n);
	return take_lines(connection, &connection->out, show_line);
}

/* ---- messages ---- */

/* Tells whether a line is kubectl's own and means nothing here: lines of its log, which repeat an error, and hints for
 * those who use a shell. Their option --quiet is not in every kubectl. */
static bool is_noise(const char *line)
{
	static const char *const hints[] = {"If you don't see a command prompt",
					    "All commands and output from this session"};

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (!strncmp(line, hints[i], strlen(hints[i])))
			return true;
	return line[0] && strchr("IWEF", line[0]) && strspn(line + 1, "0123456789") == 4 &&
	       line[5] == ' ';
}

static struct error *read_message(struct connection *connection, const char *line, size_t len)
{
	cleanup_buf struct buf text = {0}, safe = {0};

	buf_put(&text, line, len);
	connection->answered_ns = now_ns();
	if (!strcmp(buf_cstr(&text), TETHER_ANSWER))
		return NULL;
	if (sscanf(buf_cstr(&text), TETHER_END_READ, &connection->code, &connection->sent) == 2) {
		connection->ended = true;
		return NULL;
	}
	if (is_noise(buf_cstr(&text)))
		return NULL;
	if (strstr(buf_cstr(&text), "Error from server (Forbidden)") == text.data)
		connection->forbidden = true;
	text_safe(&safe, line, len);
	buf_char(&safe, '\n');
	output_put(STDERR_FILENO, safe.data, safe.len, 2000);
	return NULL;
}

static struct error *on_message(void *ctx, short revents)
{
	struct connection *connection = ctx;
	struct kubectl_running *attach = &connection->run->attach;
	char bytes[4096];
	ssize_t n = read(attach->err, bytes, sizeof(bytes));

	(void)revents;
	if (n < 0 && errno == EINTR)
		return NULL;
	if (n > 0) {
		buf_put(&connection->err, bytes, (size_t)n);
		return take_lines(connection, &connection->err, read_message);
	}
	loop_forget(connection->run->loop, attach->err);
	close(attach->err);
	attach->err = -1;
	if (attach->out < 0)
		loop_quit(connection->run->loop);
	return NULL;
}

/* ---- time and signals ---- */

static struct error *on_beat(void *ctx)
{
	tell(ctx, TETHER_HERE);
	return NULL;
}

static struct error *on_tick(void *ctx)
{
	struct connection *connection = ctx;
	uint64_t now = now_ns();

	if (now - connection->answered_ns > connection->patience_ns ||
	    (connection->stopped_ns && now - connection->stopped_ns > connection->patience_ns)) {
		connection->late = true;
		loop_quit(connection->run->loop);
	}
	return NULL;
}

struct error *kubectl_on_signal(void *ctx, int signal)
{
	struct kubectl_run *run = ctx;
	struct connection *connection = run->connection;

	(void)signal;
	run->interrupts++;
	if (run->interrupts > 1) {
		loop_quit(run->loop);
	} else if (connection) {
		connection->stopped_ns = now_ns();
		tell(connection, TETHER_STOP);
		if (!run->options->quiet && isatty(STDERR_FILENO))
			cmd_say("waiting for the totals; once more ends at once");
	}
	return NULL;
}

/* ---- the connection ---- */

static struct error *watch(struct connection *connection)
{
	struct kubectl_run *run = connection->run;

	fcntl(run->attach.in, F_SETFL, O_NONBLOCK);
	try(loop_watch(run->loop, run->attach.out, POLLIN, on_output, connection));
	try(loop_watch(run->loop, run->attach.err, POLLIN, on_message, connection));
	try(loop_every(run->loop, (unsigned)(connection->patience_ns / 6000000), on_beat,
		       connection));
	try(loop_every(run->loop, 1000, on_tick, connection));
	tell(connection, TETHER_GO);
	return loop_run(run->loop);
}

/* Returns how long to wait for an answer. Tests set TOPHASH_PATIENCE (seconds). */
static uint64_t patience(void)
{
	const char *text = getenv("TOPHASH_PATIENCE");
	uint64_t seconds;

	if (!text || !option_number(text, &seconds) || !seconds || seconds > PATIENCE_S)
		seconds = PATIENCE_S;
	return seconds * SECOND;
}

/* Says how it ended. */
static enum kubectl_end end_of(const struct connection *connection)
{
	if (connection->ended && (connection->quiet || connection->received == connection->sent))
		return KUBECTL_END_WHOLE;
	if (connection->run->interrupts > 1)
		return KUBECTL_END_INTERRUPTED;
	if (connection->forbidden && !connection->ended)
		return KUBECTL_END_FORBIDDEN;
	return connection->ended ? KUBECTL_END_CUT : KUBECTL_END_LOST;
}

struct error *kubectl_attach(struct kubectl_run *run, enum kubectl_end *ret, int *ret_code)
{
	struct connection connection = {.run = run,
					.terminal = isatty(STDOUT_FILENO),
					.answered_ns = now_ns(),
					.patience_ns = patience()};
	cleanup_buf struct buf namespace = {0};
	static const char container[] = "--container=" KUBE_CONTAINER;
	const char *words[] = {"attach", "--stdin", container, NULL, run->name, NULL};
	struct error *err;

	buf_printf(&namespace, "--namespace=%s", run->options->pod_namespace);
	words[3] = buf_cstr(&namespace);
	try(kubectl_start(&run->kubectl, words, &run->attach));
	run->connection = &connection;
	err = watch(&connection);
	if (!err && connection.out.len)
		err = show_line(&connection, connection.out.data, connection.out.len);
	if (!err && connection.err.len)
		err = read_message(&connection, connection.err.data, connection.err.len);
	run->connection = NULL;
	kubectl_end(&run->attach);
	if (!err && connection.late)
		cmd_say("the node does not answer any more");
	*ret = end_of(&connection);
	*ret_code = connection.code;
	buf_fini(&connection.out);
	buf_fini(&connection.err);
	return err;
}
