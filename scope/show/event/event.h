/* event: a hit of a probe, with names instead of addresses. Nothing in an event points into a
 * target. Sinks and aggregations see only events.
 *
 * To add a kind of event:
 *   1. add it to enum event_kind, its struct below, and a member to the union of struct event;
 *   2. list its JSON members in schema.c;
 *   3. write its lines in show/sink/text.c (text_event); the JSON sink needs nothing;
 *   4. emit it (watch/session), and describe it in docs/man/tophash-trace.1.
 */
#ifndef SHOW_EVENT_EVENT_H
#define SHOW_EVENT_EVENT_H

#include "base/base.h"

struct map_state; /* both are declared in read/layout/layout.h */
struct value;

enum event_kind {
	EVENT_START,
	EVENT_MODULE,
	EVENT_DELETE,
	EVENT_CLEAR,
	EVENT_EXIT,
	EVENT_GAP,
	EVENT_SAMPLE,
	EVENT_END,
};
#define EVENT_KINDS (EVENT_END + 1)

enum event_gc { EVENT_GC_OFF, EVENT_GC_MARK, EVENT_GC_MARKTERMINATION, EVENT_GC_UNKNOWN };

/* What a look into the heap of the process has told of a map (watch/look). */
struct event_look {
	uint64_t
		time_ns; /* when the look began: CLOCK_MONOTONIC; 0: nothing is known of the map yet */
	const char *told; /* map_type was found in the heap, in place of this one; or NULL */
	bool holders;	  /* --holders: the next members are meant */
	const char *held_text, *held_json; /* what holds the map; NULL: not known */
	uint64_t held_id;		   /* equal ids mean equal texts */
};

/* An EVENT_DELETE or EVENT_CLEAR. Every pointer is borrowed until the call returns. */
struct event_removal {
	uint32_t pid, tid;
	uint64_t goid; /* 0: could not be read */
	uint64_t map;
	const char *map_type; /* "" when unknown */
	const char *func;     /* the runtime's entry that the program called */
	enum event_gc gc;
	bool removed;  /* false for a miss */
	bool panicked; /* a miss that ended in a panic */
	bool on_stack; /* the map lives on its goroutine's stack */
	/* The map keeps no count, or could not be read: the next two and state are unknown. */
	bool uncounted;
	uint64_t len_before, len_after;
	const struct value *key; /* EVENT_DELETE only */
	size_t key_n;
	const char *key_error;	       /* why the key (or a part) could not be read, or NULL */
	const struct map_state *state; /* members of "state" in the output */
	size_t state_n;		       /* 0: unknown */
	const struct frame *stack;     /* innermost first; [0] is the function that deleted */
	size_t stack_n;
	bool stack_cut;		 /* --stack N cut the stack */
	const char *stack_error; /* why the walk ended early, or NULL */
	/* For caches. Equal ids mean equal stacks (func, file, line, pcs), or equal map types. */
	uint64_t stack_id;
	uint64_t type_id;
	uint64_t bias; /* of the process: run-time address - link-time address */
	/* Of the process: "web", "prod/shop-7d4b/api"; "prod/shop-7d4b". NULL: none, or not known. */
	const char *container, *pod;
	uint32_t module; /* the engine's number of the file that has the probe */
	bool type_vague; /* map_type is "" or only a shape */
	uint64_t seed;	 /* of the map's hash function, if it was asked for; 0: unknown */
	const struct event_look *look; /* NULL: maps are not looked up */
};

struct event_probe {
	const char *func;
	uint64_t offset;  /* bytes from the function's entry */
	uint64_t addr;	  /* link-time */
	const char *role; /* "removal", "clear", "entry", "exit", "panic", "start", "gc", "begin" */
	const char *why;  /* one sentence */
};

struct event_probes {
	const struct event_probe *list;
	size_t n;
};

/* A Go module of a process that has probes: its program, a plugin or a library. */
struct event_module {
	uint32_t pid;
	const char *path;
	const char *build;    /* "program", "plugin" or "library" */
	const char *build_id; /* "" when none */
	uint64_t bias;
	const char *go;	    /* "go1.26.5" */
	const char *layout; /* "classic" or "swiss" */
	bool stripped;
	struct event_probes probes; /* only in EVENT_MODULE */
};

struct event_start {
	const char *version; /* of tophash */
	const char *engine;  /* "uprobe" */
	const char *arch;    /* "x86_64" */
	uint32_t pid;
	uint32_t own_pid; /* the pid that the process has for itself, in its own pid namespace */
	const char *exe;
	const char *build_id; /* "" when none */
	uint64_t bias;
	const char *go;	    /* "go1.26.5" */
	const char *layout; /* "classic" or "swiss" */
	bool stripped;
	/* Where its probes are: "file", in every process of its file, or "process", in it alone. "" when no
	 * process is meant. */
	const char *links;
	uint64_t wall_ns; /* time of the event: CLOCK_REALTIME since 1970 */
	double ready_ms;  /* from the start of tophash until all probes were placed */
	struct event_probes probes;
	/* Where the process runs. Each is NULL if it is not known, or there is none. */
	const char *cgroup;    /* the path, as in /proc/PID/cgroup */
	const char *runtime;   /* of its container: "docker" */
	const char *container; /* its id */
	const char *container_name;
	const char *pod; /* the name, or the UID if only that is known */
	const char *namespace;
	const char *image;
	const struct event_module *modules; /* those besides exe */
	size_t modules_n;
};

struct event_exit {
	uint32_t pid;
	bool known;    /* the code or the signal is known */
	bool signaled; /* `status` is then the number of the signal, otherwise the exit code */
	int status;
};

/* A time in which a process ran without probes. */
struct event_gap {
	uint32_t pid;
	uint64_t from_ns, to_ns; /* CLOCK_MONOTONIC */
	const char *why;	 /* "exec", "child", "module", "tracer", "upgrade", "overhead" */
};

/* A description of the sample that the events belong to. */
struct event_sample {
	const char *by; /* "goroutine" or "key", which the sample has as a whole; NULL: no sample */
	double fraction; /* the part of them in it from now on, or in totals, of the hits */
	double watched;	 /* the part of the time with probes; not in EVENT_SAMPLE */
};

/* Tells whether a part was left out. */
static inline bool event_is_sampled(const struct event_sample *sample)
{
	return sample->fraction < 1 || sample->watched < 1;
}

struct event_lost {
	const char *reason; /* "ring_full" */
	uint64_t count;
};

/* The accounts of a further sink: how many of the run's delivered events it took. */
struct event_sink {
	const char *to; /* "otlp" */
	uint64_t delivered;
	const struct event_lost *lost;
	size_t lost_n;
};

/* The totals of a run: hits = delivered + filtered + sampled + lost. */
struct event_end {
	uint64_t hits, delivered, filtered, sampled;
	uint64_t removed, cleared; /* elements */
	/* Clears of maps that keep no count, or could not be read; not in `cleared`. */
	uint64_t clears_unknown;
	bool misses_counted; /* --misses was given; otherwise misses are not counted */
	uint64_t misses;
	uint64_t gaps; /* how many EVENT_GAP there were */
	const struct event_lost *lost;
	size_t lost_n;
	bool overhead_known; /* the cost of tracing was measured */
	double hits_per_s, ns_per_hit, cpu_percent;
	bool overhead_limited; /* --max-overhead: `sample` is set */
	struct event_sample sample;
	const struct event_sink *sinks; /* the sinks after the first */
	size_t sinks_n;
	double seconds;
	bool status_known; /* --exit-status: tophash ends with another status than this */
	uint32_t status;   /* the exit status that tophash would have */
	bool looked;	   /* maps were looked up in heaps: */
	uint64_t looks, looks_failed;
	uint64_t
		looks_no_room; /* events of processes that were not looked at, because there were too many */
	double looks_cpu_ms; /* of tophash */
};

struct event {
	enum event_kind kind;
	uint64_t time_ns; /* CLOCK_MONOTONIC; for EVENT_GAP, when the gap ended */
	union {
		struct event_start start;
		struct event_module module;
		struct event_removal removal; /* EVENT_DELETE, EVENT_CLEAR */
		struct event_exit exit;
		struct event_gap gap;
		struct event_sample sample;
		struct event_end end;
	};
};

/* Tells whether the event is a delete or a clear. */
static inline bool event_is_removal(const struct event *event)
{
	return event->kind == EVENT_DELETE || event->kind == EVENT_CLEAR;
}

/* Returns the sum of all that was lost, over all causes. */
uint64_t event_lost_sum(const struct event_end *end);

/* Appends the key of a delete as value_text() writes it. If there is none, appends the reason, such
 * as "<page fault>". The text is safe. */
void event_key(struct buf *to, const struct event_removal *event);

#include "show/event/schema.h"

#endif
