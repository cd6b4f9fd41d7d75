/* event: what leaves the probes, with names instead of addresses. Nothing in an event points into a
 * target. Sinks and aggregations see only this.
 *
 * To add a kind of event:
 *   1. add it to enum event_kind, its struct below, and a member to the union of struct event;
 *   2. list its JSON members in schema.c;
 *   3. write its lines in show/sink/text.c (text_event); the JSON sink needs nothing;
 *   4. emit it where it happens (watch/session), and describe it in docs/man/tophash-trace.1.
 */
#ifndef SHOW_EVENT_EVENT_H
#define SHOW_EVENT_EVENT_H

#include "base/base.h"

struct map_state; /* both: read/layout/layout.h */
struct value;

enum event_kind { EVENT_START, EVENT_DELETE, EVENT_CLEAR, EVENT_EXIT, EVENT_GAP, EVENT_END };
#define EVENT_KINDS (EVENT_END + 1)

enum event_gc { EVENT_GC_OFF, EVENT_GC_MARK, EVENT_GC_MARKTERMINATION, EVENT_GC_UNKNOWN };

/* EVENT_DELETE and EVENT_CLEAR. Every pointer is borrowed for the length of the call. */
struct event_removal {
	uint32_t pid, tid;
	uint64_t goid;
	uint64_t map;
	const char *map_type; /* "" when unknown */
	const char *func;     /* the runtime's entry that the program called */
	enum event_gc gc;
	bool removed;  /* false: a miss */
	bool panicked; /* a miss that ended in a panic */
	bool on_stack; /* the map lives on its goroutine's stack */
	uint64_t len_before, len_after;
	const struct value *key; /* EVENT_DELETE only */
	size_t key_n;
	const char *key_error;	       /* why the key (or a part) could not be read, or NULL */
	const struct map_state *state; /* printed as the members of "state" */
	size_t state_n;
	const struct frame *stack; /* innermost first; [0] is the function that deleted */
	size_t stack_n;
	bool stack_cut;		 /* --stack N cut it */
	const char *stack_error; /* why the walk ended early, or NULL */
	/* For caches: equal ids mean an equal stack (func, file, line, pcs) or an equal map type. */
	uint64_t stack_id;
	uint64_t type_id;
	uint64_t bias; /* of the process: run-time address less link-time address */
};

struct event_probe {
	const char *func;
	uint64_t offset;  /* bytes from the function's entry */
	uint64_t addr;	  /* link-time */
	const char *role; /* "removal", "clear", "entry", "exit", "panic", "start", "gc", "begin" */
	const char *why;  /* one sentence */
};

struct event_start {
	const char *version; /* of tophash */
	const char *engine;  /* "uprobe" */
	const char *arch;    /* "x86_64" */
	uint32_t pid;
	const char *exe;
	const char *build_id; /* "" when none */
	uint64_t bias;
	const char *go;	    /* "go1.26.5" */
	const char *layout; /* "classic" or "swiss" */
	bool stripped;
	uint64_t wall_ns; /* the moment of the event, CLOCK_REALTIME since 1970 */
	double ready_ms;  /* from the start of tophash until all probes were placed */
	const struct event_probe *probes;
	size_t probes_n;
};

struct event_exit {
	uint32_t pid;
	bool known;    /* code or signal could be had */
	bool signaled; /* then `status` is the signal's number, else the exit code */
	int status;
};

/* A stretch in which a process ran unwatched. */
struct event_gap {
	uint32_t pid;
	uint64_t from_ns, to_ns; /* CLOCK_MONOTONIC */
	const char *why;	 /* "exec", "child", "module", "upgrade", "overhead" */
};

struct event_lost {
	const char *reason; /* "ring_full" */
	uint64_t count;
};

/* What a sink beside the first took of the run's delivered events. */
struct event_sink {
	const char *to; /* "otlp" */
	uint64_t delivered;
	const struct event_lost *lost;
	size_t lost_n;
};

/* hits = delivered + filtered + sampled + lost. */
struct event_end {
	uint64_t hits, delivered, filtered, sampled;
	uint64_t removed, cleared; /* elements */
	bool misses_counted;	   /* --misses: without it nobody knows */
	uint64_t misses;
	uint64_t gaps; /* stretches that nobody watched */
	const struct event_lost *lost;
	size_t lost_n;
	bool overhead_known; /* what tracing cost was measured */
	double hits_per_s, ns_per_hit, cpu_percent;
	const struct event_sink *sinks; /* those beside the first */
	size_t sinks_n;
	double seconds;
};

struct event {
	enum event_kind kind;
	uint64_t time_ns; /* CLOCK_MONOTONIC; of EVENT_GAP: its end */
	union {
		struct event_start start;
		struct event_removal removal; /* EVENT_DELETE, EVENT_CLEAR */
		struct event_exit exit;
		struct event_gap gap;
		struct event_end end;
	};
};

/* Tells whether the event is a delete or a clear. */
static inline bool event_is_removal(const struct event *event)
{
	return event->kind == EVENT_DELETE || event->kind == EVENT_CLEAR;
}

/* Returns the sum of what was lost, over all causes. */
uint64_t event_lost_sum(const struct event_end *end);

/* Appends the key of a delete as value_text() writes it, or why there is none: "<page fault>".
 * Safe. */
void event_key(struct buf *to, const struct event_removal *event);

#include "show/event/schema.h"

#endif
