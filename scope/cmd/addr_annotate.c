/* Reads standard input. Lists the addresses in the text, or prints the text with notes.
 *
 * The text is read in chunks of whole lines. A chunk is as large as what can be read without
 * waiting. A file is therefore read in pieces of a megabyte, and a log that is being written line
 * by line. The addresses in a chunk are found first, then explained in one batch, then written.
 */
#include "cmd/addr.h"
#include "base/buf.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define CHUNK_MAX (1u << 20) /* bytes; a longer line is cut, at a blank if it has one */

struct stream {
	struct addr *addr;
	struct buf in;
	struct space_text text;
};

/* ---- out ---- */

static void put_note(struct addr *addr, const struct space_mark *mark, const struct explanation *e)
{
	struct buf *to = &addr->out;

	addr_count(&addr->totals, e);
	if (!mark->computed) {
		addr_note(to, e);
		return;
	}
	buf_str(to, " [");
	buf_hex(to, e->query.addr);
	if (mark->other)
		buf_str(to, ", but the program has another line there: the text is from another "
			    "build");
	buf_char(to, ']');
}

static struct error *put_chunk(struct stream *stream, size_t len)
{
	struct addr *addr = stream->addr;
	const struct space_text *text = &stream->text;
	const struct explanation *list;
	size_t done = 0;

	try(explain(addr->explain, text->queries.data, text->queries.len, &list));
	for (size_t i = 0; i < text->queries.len && !addr->closed; i++) {
		const struct space_mark *mark = &text->marks.data[i];

		if (addr->options.annotate) {
			buf_put(&addr->out, stream->in.data + done, mark->at - done);
			done = mark->at;
			put_note(addr, mark, &list[i]);
		} else {
			addr_emit(addr, &list[i]);
		}
		try(addr_flush(addr, false));
	}
	if (addr->options.annotate)
		buf_put(&addr->out, stream->in.data + done, len - done);
	return addr_flush(addr, true);
}

/* ---- in ---- */

/* Returns how much of the text can be processed now: whole lines, or all of it at the end. */
static size_t take_length(const struct stream *stream, bool ended)
{
	const struct buf *in = &stream->in;
	const char *newline = in->len ? memrchr(in->data, '\n', in->len) : NULL;
	const char *blank;

	if (ended)
		return in->len;
	if (newline)
		return (size_t)(newline - in->data) + 1;
	if (in->len < CHUNK_MAX)
		return 0;
	blank = memrchr(in->data, ' ', in->len);
	return blank ? (size_t)(blank - in->data) + 1 : in->len;
}

/* Reads up to a chunk. Waits only if nothing can be read at once. */
static struct error *read_some(struct buf *in, bool *ret_ended)
{
	struct pollfd readable = {.fd = STDIN_FILENO, .events = POLLIN};
	size_t from = in->len;

	while (in->len < CHUNK_MAX) {
		char *room;
		ssize_t n;

		if (in->len > from && poll(&readable, 1, 0) <= 0)
			break;
		room = buf_room(in, CHUNK_MAX - in->len);
		if (!room)
			return error_nomem();
		n = read(STDIN_FILENO, room, CHUNK_MAX - in->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			poll(&readable, 1, -1);
			continue;
		}
		if (n < 0)
			return error_errno(ERROR_FAILED, errno, "cannot read standard input");
		*ret_ended = n == 0;
		if (!n)
			break;
		in->len += (size_t)n;
	}
	return NULL;
}

static struct error *pass(struct stream *stream)
{
	bool ended = false;

	while (!ended && !stream->addr->closed) {
		size_t len;

		try(read_some(&stream->in, &ended));
		len = take_length(stream, ended);
		if (!len)
			continue;
		try(space_text_find(&stream->text, stream->in.data, len));
		try(put_chunk(stream, len));
		memmove(stream->in.data, stream->in.data + len, stream->in.len - len);
		stream->in.len -= len;
	}
	return NULL;
}

struct error *addr_annotate(struct addr *addr)
{
	struct stream stream = {.addr = addr};
	struct error *err;

	space_text_init(&stream.text, &addr->space, addr->options.returns,
			addr->options.bias_given);
	err = pass(&stream);
	space_text_fini(&stream.text);
	buf_fini(&stream.in);
	return err;
}
