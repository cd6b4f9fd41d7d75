/* sink: where events go. A sink formats into its own buffer and writes to a descriptor. It knows no
 * process, no file of a program, no probe.
 *
 *   sink.h  one sink
 *   fan.h   all sinks of a run
 *
 * To add a sink:
 *   1. write <name>.c with a `const struct sink_ops sink_<name>`, and list it in meson.build;
 *   2. add its name to SINKS() below: --format knows it then;
 *   3. tests/unit/test_sink.c: play the trace to it, which makes tests/golden/trace.<name>.golden
 *      (UPDATE_GOLDEN=1);
 *   4. say what it is in the row of --format in scope/cmd/trace_options.c, and run tools/man-options,
 *      which writes it into docs/man/tophash-trace.1.
 */
#ifndef SHOW_SINK_SINK_H
#define SHOW_SINK_SINK_H

#include "base/base.h"

struct aggr;  /* show/aggr/aggr.h */
struct event; /* this and the next two: show/event/event.h */
struct event_lost;
struct event_sink;

struct sink_options {
	int fd;		   /* where to write; stays the caller's */
	int interrupt;	   /* once this is readable, a reader that does not read for 2 s is not
			      waited for, and the sink closes; 0: none */
	bool color;	   /* text: SGR colours */
	size_t width;	   /* text: columns; 0: unlimited, nothing is cut */
	bool stack;	   /* text: print each event's frames below its line */
	bool verbose;	   /* text: say how tophash itself fares */
	bool quiet_events; /* no line for each removal (--summary) */
};

struct sink {
	const struct sink_ops *ops;
	struct sink_options options;
	struct buf out;	    /* formatted, not yet written */
	VEC(size_t) marks;  /* in `out`: twice the end of each record, + 1 when it is a removal */
	uint64_t delivered; /* removals whose records were written whole */
	uint64_t lost;	    /* removals that could not be written */
	uint64_t unread;    /* removals that came after the reader had gone away */
	size_t table_end;   /* where the table ends in `out`; 0: it is not in it */
	bool table_out;	    /* the table was written whole */
	uint64_t wall_offset_ns; /* added to a time_ns, modulo 2^64, it gives the time of day */
	bool closed;		 /* the reader went away or a write failed: the rest is dropped */
	bool broken;		 /* closed, and a write failed */
	bool waits;		 /* the reader decides how fast: a pipe, a terminal, a socket */
	struct error *failed;	 /* of a flush the sink did by itself; sink_flush() hands it out */
	void *state;		 /* the format's own */
};

struct sink_ops {
	const char *name; /* "text", "json": as --format has it */
	/* Sets sink->state. May be NULL. */
	struct error *(*open)(struct sink *sink);
	/* Appends the event to sink->out. A removal comes up to a million times a second. */
	void (*event)(struct sink *sink, const struct event *event);
	/* Appends the table, whose rows come from aggr_rows(). Called at most once, before
	 * EVENT_END. time_ns: CLOCK_MONOTONIC. */
	void (*table)(struct sink *sink, struct aggr *aggr, uint64_t time_ns);
	/* Frees sink->state. May be NULL; comes after a failed open() too. */
	void (*close)(struct sink *sink);
};

/* All sinks, by name. */
#define SINKS(X) X(text) X(json)

#define SINK_DECLARE(name) extern const struct sink_ops sink_##name;
SINKS(SINK_DECLARE)

extern const char *const sink_names[]; /* NULL at the end */

/* Returns the sink of that name; NULL when there is none. */
const struct sink_ops *sink_find(const char *name);

/* Opens a sink. Errors: out of memory. */
struct error *sink_open(const struct sink_ops *ops, const struct sink_options *options,
			struct sink **ret);
/* Frees a sink, and what it did not write; NULL is legal. */
void sink_close(struct sink *sink);
CLEANUP_FUNC(struct sink, sink_close)

/* Formats the event. Everything in it is borrowed until the function returns. The sink writes by
 * itself only when it holds 1 MiB, or 64 KiB where a reader may be slow. */
void sink_event(struct sink *sink, const struct event *event);
/* Formats the table. */
void sink_table(struct sink *sink, struct aggr *aggr, uint64_t time_ns);

/* Writes what is formatted, and counts it in sink->delivered. The caller does it on its timer.
 * Errors: the write failed (but EPIPE is no error; the process must ignore SIGPIPE and SIGXFSZ). A
 * regular file then ends with the last whole record. sink->closed is true after both. */
struct error *sink_flush(struct sink *sink);

/* For formats: returns the time of day in nanoseconds since 1970. time_ns: CLOCK_MONOTONIC. */
static inline uint64_t sink_wall(const struct sink *sink, uint64_t time_ns)
{
	return time_ns + sink->wall_offset_ns;
}

/* For formats: appends "SIGKILL", "SIGRTMIN+1", "SIG99". */
void sink_signal_name(struct buf *to, int number);

#include "show/sink/fan.h"

#endif
