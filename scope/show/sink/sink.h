/* sink: formats and writes events. A sink formats into its own buffer and writes that to a
 * descriptor. It knows nothing of processes, program files and probes.
 *
 *   sink.h  one sink
 *   fan.h   all sinks of a run
 *
 * To add a sink:
 *   1. write <name>.c with a `const struct sink_ops sink_<name>`, and list it in meson.build;
 *   2. add its name to SINKS() below, which makes it known to --format;
 *   3. tests/unit/test_sink.c: play the trace to the sink, which makes tests/golden/trace.<name>.golden
 *      (UPDATE_GOLDEN=1);
 *   4. describe it in the row of --format in scope/cmd/trace_options.c, and run tools/man-options,
 *      which writes it into docs/man/tophash-trace.1.
 */
#ifndef SHOW_SINK_SINK_H
#define SHOW_SINK_SINK_H

#include "base/base.h"
#include "base/buf_type.h"

struct aggr;  /* show/event/event.h has this and the next two */
struct event; /* this and the next two: show/event/event.h */
struct event_lost;
struct event_sink;

struct sink_options {
	int fd;	       /* where to write; stays the caller's */
	int interrupt; /* once readable, a slow reader is waited for 2 s only; 0: none */
	void (*interrupted)(void *ctx); /* called before that wait; NULL: nobody wants to know */
	void *interrupted_ctx;
	bool color;	   /* text: SGR colours */
	size_t width;	   /* text: columns; 0: unlimited, nothing is cut */
	bool stack;	   /* text: print each event's frames below its line */
	bool verbose;	   /* text: print tophash's own state, too */
	bool quiet_events; /* no line for each removal (--summary) */
};

struct sink {
	const struct sink_ops *ops;
	struct sink_options options;
	struct buf out;	    /* formatted, not yet written */
	VEC(size_t) marks;  /* in `out`: for each record, twice its end, + 1 if it is a removal */
	uint64_t delivered; /* removals whose records were written whole */
	uint64_t lost;	    /* removals that could not be written */
	uint64_t unread;    /* removals after the reader had gone away */
	size_t table_end;   /* where the table ends in `out`; 0: it is not in `out` */
	bool table_out;	    /* the table was written whole */
	uint64_t wall_offset_ns; /* time_ns + this, modulo 2^64, is the time of day */
	bool closed;		 /* the reader left or a write failed; later events are dropped */
	bool broken;		 /* a write failed (closed is true, too) */
	bool waits;		 /* the reader decides how fast: a pipe, a terminal, a socket */
	bool nowait;		 /* writes to it can be told not to block; only with waits */
	struct error *failed;	 /* of a flush that the sink began; sink_flush() returns it */
	void *state;		 /* belongs to the format */
};

struct sink_ops {
	const char *name; /* as in --format: "text", "json" */
	/* Sets sink->state. May be NULL. */
	struct error *(*open)(struct sink *sink);
	/* Appends the event to sink->out. Removals come up to a million times a second. */
	void (*event)(struct sink *sink, const struct event *event);
	/* Appends the table, whose rows come from aggr_rows(). Called at most once, before
	 * EVENT_END. time_ns is of CLOCK_MONOTONIC. */
	void (*table)(struct sink *sink, struct aggr *aggr, uint64_t time_ns);
	/* Frees sink->state. May be NULL. Also called after a failed open(). */
	void (*close)(struct sink *sink);
};

/* All sinks, by name. */
#define SINKS(X) X(text) X(json)

#define SINK_DECLARE(name) extern const struct sink_ops sink_##name;
SINKS(SINK_DECLARE)

extern const char *const sink_names[]; /* NULL at the end */

/* Returns the sink of that name, or NULL when there is none. */
const struct sink_ops *sink_find(const char *name);

/* Opens a sink. Errors: out of memory. */
struct error *sink_open(const struct sink_ops *ops, const struct sink_options *options,
			struct sink **ret);
/* Frees a sink and all that it has not written. NULL is legal. */
void sink_close(struct sink *sink);
CLEANUP_FUNC(struct sink, sink_close)

/* Formats the event. All data in it is borrowed until the function returns. The sink flushes itself
 * only when it holds 1 MiB, or 64 KiB if its reader may be slow. */
void sink_event(struct sink *sink, const struct event *event);
/* Formats the table. */
void sink_table(struct sink *sink, struct aggr *aggr, uint64_t time_ns);

/* Writes all formatted records and counts them in sink->delivered. The caller calls it on its
 * timer. Errors: the write failed. A regular file then ends with the last whole record. EPIPE is no
 * error; the process must ignore SIGPIPE and SIGXFSZ. sink->closed is true after EPIPE and after an
 * error. */
struct error *sink_flush(struct sink *sink);

/* Returns the time of day in nanoseconds since 1970, for formats. time_ns is of CLOCK_MONOTONIC. */
static inline uint64_t sink_wall(const struct sink *sink, uint64_t time_ns)
{
	return time_ns + sink->wall_offset_ns;
}

/* Appends the name of a signal, for formats: "SIGKILL", "SIGRTMIN+1", "SIG99". */
void sink_signal_name(struct buf *to, int number);

#include "show/sink/fan.h"

#endif
