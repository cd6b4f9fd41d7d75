#include "show/sink/sink.h"
#include "base/clock.h"
#include "base/buf.h"
#include "show/event/event.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SELF_FLUSH (1u << 20) /* bytes */
#define SLOW_FLUSH \
	(1u << 16)	 /* if the reader is slow: no signal is handled while it is waited for */
#define PATIENCE_MS 2000 /* how long to wait for the reader after an interrupt */

#define SINK_NAME(name) #name,
#define SINK_OPS(name)	&sink_##name,

const char *const sink_names[] = {SINKS(SINK_NAME) NULL};
static const struct sink_ops *const sinks[] = {SINKS(SINK_OPS)};

const struct sink_ops *sink_find(const char *name)
{
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
	sink->nowait =
		fstat(options->fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
	sink->waits = sink->nowait || isatty(options->fd);
	sink->wall_offset_ns = clock_wall_offset(0);
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
	vec_fini(&sink->marks);
	free(sink);
}

/* --- Events --- */

/* Notes the end of a record. Writes the buffer when it holds much. */
static void mark(struct sink *sink, bool removal)
{
	if (!vec_push(&sink->marks, 2 * sink->out.len + removal))
		sink->out.bad = true;
	if (sink->out.len > (sink->waits ? SLOW_FLUSH : SELF_FLUSH))
		sink->failed = sink_flush(sink);
}

void sink_event(struct sink *sink, const struct event *event)
{
	bool removal = event_is_removal(event);

	if (event->kind == EVENT_START)
		sink->wall_offset_ns = event->start.wall_ns - event->time_ns;
	if (sink->closed) {
		sink->lost += removal && sink->broken;
		sink->unread += removal && !sink->broken;
	} else if (removal && sink->options.quiet_events) {
		sink->delivered++; /* the table will count it */
	} else {
		sink->ops->event(sink, event);
		mark(sink, removal);
	}
}

void sink_table(struct sink *sink, struct aggr *aggr, uint64_t time_ns)
{
	if (sink->closed)
		return;
	sink->ops->table(sink, aggr, time_ns);
	sink->table_end = sink->out.len;
	mark(sink, false);
}

/* --- Writing --- */

/* Waits until the reader accepts bytes. After an interrupt, waits for PATIENCE_MS only. Returns 0
 * or ECANCELED. A hang-up shows up in the next write. */
static int wait_writable(const struct sink *sink)
{
	struct pollfd fds[2] = {
		{.fd = sink->options.fd, .events = POLLOUT},
		{.fd = sink->options.interrupt > 0 ? sink->options.interrupt : -1,
		 .events = POLLIN},
	};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	if (!fds[0].revents && fds[1].revents) { /* the reader is slow or stuck */
		if (sink->options.interrupted)
			sink->options.interrupted(sink->options.interrupted_ctx);
		poll(fds, 1, PATIENCE_MS);
	}
	return fds[0].revents ? 0 : ECANCELED;
}

/* Writes to a reader that may be slow, and does not block. Returns as write() does, or -1 with
 * ECANCELED. Since Linux 6.4, a pipe takes as much at once as it has room for. Otherwise a write of
 * more than PIPE_BUF bytes might block. After poll(), there is room for PIPE_BUF bytes. */
static ssize_t write_some(struct sink *sink, const char *bytes, size_t len)
{
	struct iovec all = {.iov_base = (void *)bytes, .iov_len = len};
	ssize_t written;

	if (sink->nowait) {
		written = pwritev2(sink->options.fd, &all, 1, -1, RWF_NOWAIT);
		if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL))
			return written;
		sink->nowait = false; /* an older kernel */
	}
	errno = wait_writable(sink);
	if (errno)
		return -1;
	return write(sink->options.fd, bytes, len < PIPE_BUF ? len : PIPE_BUF);
}

/* Writes the buffer. *ret_done is the number of bytes that were written. Returns 0 or an errno. */
static int write_all(struct sink *sink, size_t *ret_done)
{
	size_t done = 0;
	int errnum = 0;

	while (done < sink->out.len && !errnum) {
		const char *bytes = sink->out.data + done;
		size_t left = sink->out.len - done;
		ssize_t written = sink->waits ? write_some(sink, bytes, left)
					      : write(sink->options.fd, bytes, left);

		if (written >= 0)
			done += (size_t)written;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			errnum = wait_writable(sink);
		else if (errno != EINTR)
			errnum = errno;
	}
	*ret_done = done;
	return errnum;
}

/* Counts the removals whose records lie in the first `done` bytes of the buffer. Returns the offset
 * at which the last whole record ends. */
static size_t count_written(struct sink *sink, size_t done)
{
	size_t whole = 0;

	vec_each(at, &sink->marks) {
		bool removal = *at & 1;

		if (*at / 2 <= done) {
			whole = *at / 2;
			sink->delivered += removal;
		} else if (sink->broken) {
			sink->lost += removal;
		} else {
			sink->unread += removal;
		}
	}
	sink->marks.len = 0;
	return whole;
}

/* Takes back removals that only the table counts. They were not delivered, because the table was
 * not written. */
static void take_back(struct sink *sink)
{
	uint64_t *to = sink->broken ? &sink->lost : &sink->unread;

	*to += sink->delivered;
	sink->delivered = 0;
}

/* Removes the last `torn` bytes from a regular file if they are its end. No partial record then
 * stays. */
static void cut_file(int fd, size_t torn)
{
	struct stat st;
	off_t end = lseek(fd, 0, SEEK_CUR);

	if (!torn || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || end != st.st_size ||
	    end < (off_t)torn)
		return;
	if (ftruncate(fd, end - (off_t)torn) == 0)
		lseek(fd, end - (off_t)torn, SEEK_SET);
}

struct error *sink_flush(struct sink *sink)
{
	bool bad = sink->out.bad;
	size_t done, whole;
	int errnum;

	if (sink->failed || sink->closed) {
		count_written(sink, 0);
		buf_reset(&sink->out);
		return take_ptr(sink->failed);
	}
	errnum = write_all(sink, &done);
	sink->closed = errnum != 0;
	sink->broken = errnum && errnum != EPIPE && errnum != ECANCELED;
	whole = count_written(sink, done);
	if (sink->table_end && done >= sink->table_end)
		sink->table_out = true;
	sink->table_end = 0;
	if (sink->closed && sink->options.quiet_events && !sink->table_out)
		take_back(sink);
	if (sink->broken)
		cut_file(sink->options.fd, done - whole);
	buf_reset(&sink->out);
	if (sink->broken)
		return error_errno(ERROR_FAILED, errnum, "cannot write the output");
	return bad ? error_nomem() : NULL;
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
