/* sink: where events go. A sink formats into its own buffer and writes to a descriptor; it knows
 * no process, no image, no probe.
 *
 * To add a sink:
 *   1. write <name>.c with a `const struct sink_ops sink_<name>`;
 *   2. declare it below and add it to sink_find()'s table in sink.c;
 *   3. add tests/golden/<name>.* and a line in the man page.
 */
#ifndef SHOW_SINK_SINK_H
#define SHOW_SINK_SINK_H

#include "show/event/event.h"
#include "show/aggr/aggr.h"

struct sink_options {
	int fd;		   /* where to write; stays the caller's */
	int interrupt;	   /* once this is readable, a reader that does not read for 2 s is not
			      waited for: the sink closes. 0: none */
	bool color;	   /* text: SGR colours */
	unsigned width;	   /* text: columns (100 when unknown) */
	bool stack;	   /* text: print each event's frames below its line */
	bool quiet_events; /* no line per event, only start/exit/table/end (--summary) */
};

struct sink {
	const struct sink_ops *ops;
	struct sink_options options;
	struct buf out;	      /* formatted, not yet written */
	uint64_t unwritten;   /* events formatted since the last successful flush */
	bool closed;	      /* the reader went away or a write failed: the rest is dropped */
	bool waits;	      /* the reader decides how fast: a pipe, a terminal, a socket */
	struct error *failed; /* of a flush the sink did by itself; sink_flush() hands it out */
	void *state;	      /* the format's own */
};

struct sink_ops {
	const char *name;			  /* "text", "json" */
	struct error *(*open)(struct sink *sink); /* may be NULL */
	void (*start)(struct sink *sink, const struct event_start *event);
	/* kind: EVENT_DELETE or EVENT_CLEAR. Called up to a million times a second. */
	void (*removal)(struct sink *sink, enum event_kind kind, const struct event_removal *event);
	void (*exit)(struct sink *sink, const struct event_exit *event);
	void (*table)(struct sink *sink, struct aggr *aggr); /* before end; rows from aggr_rows */
	void (*end)(struct sink *sink, const struct event_end *event);
	void (*close)(struct sink *sink); /* frees state; may be NULL */
};

extern const struct sink_ops sink_text;
extern const struct sink_ops sink_json;

const struct sink_ops *sink_find(const char *name); /* NULL when unknown */

struct error *sink_open(const struct sink_ops *ops, const struct sink_options *options,
			struct sink **ret);
void sink_close(struct sink *sink); /* does not flush; NULL is legal */
CLEANUP_FUNC(struct sink, sink_close)

/* Writes out what is buffered. EPIPE is no error (the process must ignore SIGPIPE), ENOSPC and the
 * like are; sink->closed turns true with both.
 * The caller flushes on its timer; a sink flushes by itself only when its buffer passes 1 MiB, or
 * 64 KiB where a reader may be slow. */
struct error *sink_flush(struct sink *sink);

/* For formats: may an event be skipped altogether? and: one event has been formatted. */
static inline bool sink_skips(const struct sink *sink)
{
	return sink->options.quiet_events || sink->closed || sink->failed;
}
void sink_formatted(struct sink *sink);

/* "SIGKILL", "SIGRTMIN+1", "SIG99". */
void sink_signal_name(struct buf *to, int number);

#endif
