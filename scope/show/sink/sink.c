#include "show/sink/sink.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define SELF_FLUSH  (1u << 20) /* bytes */
#define SLOW_FLUSH  (1u << 16) /* to a reader that may be slow: who waits for it sees no signal */
#define PATIENCE_MS 2000       /* with a reader, once we are told to stop */

const struct sink_ops *sink_find(const char *name)
{
	static const struct sink_ops *const sinks[] = {&sink_text, &sink_json};

	for (size_t i = 0; i < ARRAY_SIZE(sinks); i++)
		if (strcmp(sinks[i]->name, name) == 0)
			return sinks[i];
	return NULL;
}

struct error *sink_open(const struct sink_ops *ops, const struct sink_options *options,
			struct sink **ret)
{
	cleanup(sink_close) struct sink *sink = calloc(1, sizeof(*sink));
	struct stat st;

	if (!sink)
		return error_nomem();
	sink->ops = ops;
	sink->options = *options;
	sink->waits = isatty(options->fd) || (fstat(options->fd, &st) == 0 &&
					      (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)));
	if (ops->open)
		try(ops->open(sink));
	*ret = take_ptr(sink);
	return NULL;
}

void sink_close(struct sink *sink)
{
	if (!sink)
		return;
	if (sink->ops->close)
		sink->ops->close(sink);
	error_free(sink->failed);
	buf_fini(&sink->out);
	free(sink);
}

/* Waits until the reader takes bytes again; once we are told to stop, not for long. Returns 0 or
 * ECANCELED; a hang-up shows in the next write. */
static int wait_writable(const struct sink *sink)
{
	struct pollfd fds[2] = {
		{.fd = sink->options.fd, .events = POLLOUT},
		{.fd = sink->options.interrupt > 0 ? sink->options.interrupt : -1,
		 .events = POLLIN},
	};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	if (!fds[0].revents && fds[1].revents) /* slow, or stuck? */
		poll(fds, 1, PATIENCE_MS);
	return fds[0].revents ? 0 : ECANCELED;
}

/* Returns 0 or an errno. To a reader that may be slow no more is written at once than it takes
 * without blocking: poll() promises room for PIPE_BUF bytes. */
static int write_all(const struct sink *sink, const char *data, size_t len)
{
	while (len) {
		size_t some = sink->waits && len > PIPE_BUF ? PIPE_BUF : len;
		int stop = sink->waits ? wait_writable(sink) : 0;
		ssize_t written;

		if (stop)
			return stop;
		written = write(sink->options.fd, data, some);

		if (written >= 0) {
			data += written;
			len -= (size_t)written;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			stop = wait_writable(sink);
			if (stop)
				return stop;
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

struct error *sink_flush(struct sink *sink)
{
	bool bad = sink->out.bad;
	int errnum;

	if (sink->failed || sink->closed) {
		buf_reset(&sink->out);
		return take_ptr(sink->failed);
	}
	errnum = write_all(sink, sink->out.data, sink->out.len);
	buf_reset(&sink->out);
	sink->closed = errnum != 0;
	if (errnum && errnum != EPIPE && errnum != ECANCELED)
		return error_errno(ERROR_FAILED, errnum, "cannot write the output");
	if (bad)
		return error_nomem();
	sink->unwritten = 0;
	return NULL;
}

void sink_formatted(struct sink *sink)
{
	sink->unwritten++;
	if (sink->out.len > (sink->waits ? SLOW_FLUSH : SELF_FLUSH))
		sink->failed = sink_flush(sink);
}

void sink_signal_name(struct buf *to, int number)
{
	const char *abbreviation = sigabbrev_np(number);

	buf_str(to, "SIG");
	if (abbreviation) {
		buf_str(to, abbreviation);
	} else if (number >= SIGRTMIN && number <= SIGRTMAX) {
		buf_str(to, "RTMIN+");
		buf_i64(to, number - SIGRTMIN);
	} else {
		buf_i64(to, number);
	}
}
