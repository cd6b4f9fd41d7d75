/* tophash trace: who removed this entry from the map?
 *
 * One thread. Everything is placed first, then a loop drains the ring every 10 ms until the target
 * ends, a limit is reached, or a signal comes; then probes are taken off, the rest is drained, and
 * the totals are printed: hits = delivered + filtered + lost. Until the kernel program is loaded a
 * signal just ends us: how long that takes is for the traced program's file to say.
 */
#include "cmd/trace_options.h"
#include "cmd/output.h"
#include "cmd/cmd.h"
#include "show/sink/sink.h"
#include "live/process/process.h"
#include "watch/resolve/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>

#include "version.h"

#define DRAIN_MS 10
/* How long one pass may drain: a target that is faster than the reader of the output would keep it
 * there for ever, past every limit and signal. */
#define PASS_NS 50000000ull

/* A process that is traced. */
struct traced {
	struct process *process;
	bool announced;	      /* its start record is out */
	bool ended;	      /* its exit record is out */
	enum process_end end; /* not PROCESS_RUNS: it has ended, and this is how */
	uint64_t end_ns;      /* when that was noticed */
	int status;
};

struct trace {
	struct trace_options options;
	uint64_t begun_ns;
	struct image *image;
	struct gopcln *tab;
	struct placements placements;
	struct probe_options probe_options;
	struct engine *engine;
	struct resolver *resolver;
	struct sink *sink;
	struct aggr *aggr;
	struct spawn spawn;
	VEC(struct traced) processes;
	struct error *failed; /* the first failure inside a callback */
	double ready_ms;
	uint32_t last_pid;	/* of the last event: met already */
	uint64_t end_ns;	/* --duration; UINT64_MAX: none */
	uint64_t pass_end_ns;	/* a pass ends at this time; 0: when the ring is empty */
	uint64_t pass_until_ns; /* or at the first record made after this time; 0: none */
	uint64_t reached_ns;	/* every record made before this time has been taken out */
	bool pass_cut;		/* pass_end_ns came before the rest */
	uint32_t records;
	uint64_t image_id; /* of the one process that is traced: changes with an exec */
	uint32_t begun;	   /* how often it has begun */
	int exe, out, signals;
	uint64_t delivered, filtered;
	bool attached, stopping, interrupted;
	int code; /* of the first error, once probes are attached */
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* ---- records of processes ---- */

/* False when it cannot be told: the process has ended already, or not yet begun. */
static bool bias_of(const struct trace *trace, pid_t pid, uint64_t *ret)
{
	const struct image_segment *segments;
	size_t n = image_segments(trace->image, &segments);
	uint64_t addr;

	*ret = 0;
	if (!image_is_pie(trace->image))
		return true;
	for (size_t i = 0; i < n; i++) {
		if (!segments[i].executable)
			continue;
		if (!process_mapping(pid, trace->exe, segments[i].offset, &addr))
			return false;
		*ret = addr - segments[i].addr;
		break;
	}
	return true;
}

static void fill_probes(const struct trace *trace, struct event_probe *to)
{
	for (size_t i = 0; i < trace->placements.list.len; i++) {
		const struct placement *p = &trace->placements.list.data[i];

		to[i] = (struct event_probe){
			.func = p->func,
			.offset = p->offset,
			.addr = p->wire.addr,
			.role = placement_role_name(p->wire.role),
			.why = p->why,
		};
	}
}

static void emit_start(struct trace *trace, const struct process *process, uint64_t bias)
{
	struct event_probe probes[WIRE_PROBES];

	fill_probes(trace, probes);
	trace->sink->ops->start(
		trace->sink, &(struct event_start){
				     .version = TOPHASH_VERSION,
				     .engine = "uprobe",
				     .arch = "x86_64",
				     .pid = process ? (uint32_t)process->pid : 0,
				     .exe = process ? process->exe_path : image_name(trace->image),
				     .build_id = image_build_id(trace->image),
				     .bias = bias,
				     .go = gopcln_version(trace->tab),
				     .layout = trace->placements.swiss ? "swiss" : "classic",
				     .stripped = image_is_stripped(trace->image),
				     .time_ns = now_ns(CLOCK_MONOTONIC),
				     .wall_ns = now_ns(CLOCK_REALTIME),
				     .ready_ms = trace->ready_ms,
				     .probes = probes,
				     .probes_n = trace->placements.list.len,
			     });
}

/* Writes the start record of a process once its load bias is known; event: its first, which tells
 * the bias of one that ended too soon to be looked at. */
static void announce(struct trace *trace, struct traced *traced, const struct event_removal *event)
{
	uint64_t bias;

	if (traced->announced)
		return;
	if (!bias_of(trace, traced->process->pid, &bias)) {
		if (!event)
			return;
		bias = event->bias;
	}
	traced->announced = true;
	emit_start(trace, traced->process, bias);
}

static struct error *add_process(struct trace *trace, struct process *process)
{
	struct traced traced = {.process = process};

	if (!vec_push(&trace->processes, traced)) {
		process_close(process);
		return error_nomem();
	}
	return NULL;
}

static struct traced *find_process(struct trace *trace, pid_t pid)
{
	vec_each(traced, &trace->processes)
		if (traced->process->pid == pid && !traced->ended)
			return traced;
	return NULL;
}

/* An event of process pid: it may be its first. With -b it may be new; one that is gone already
 * gets its records all the same. */
static struct error *meet_process(struct trace *trace, pid_t pid, const struct event_removal *event)
{
	struct traced *traced = find_process(trace, pid);

	if (!traced && trace->options.binary) {
		struct process *process;
		struct error *err = process_open(pid, &process);

		if (err) {
			error_free(err);
			try(process_adopt(pid, image_name(trace->image), &process));
		}
		try(add_process(trace, process));
		traced = &trace->processes.data[trace->processes.len - 1];
	}
	if (traced && !traced->announced)
		announce(trace, traced, event);
	return NULL;
}

static void emit_exit(struct trace *trace, struct traced *traced)
{
	enum process_end end = traced->end;
	int status = traced->status;

	trace->last_pid = 0;	/* the kernel may give it to another */
	if (!traced->announced) /* it ended before it could be looked at, and did nothing */
		emit_start(trace, traced->process, 0);
	traced->announced = traced->ended = true;
	trace->sink->ops->exit(trace->sink, &(struct event_exit){
						    .pid = (uint32_t)traced->process->pid,
						    .known = end != PROCESS_GONE,
						    .signaled = end == PROCESS_SIGNALED,
						    .status = status,
					    });
	if (!trace->options.command || trace->options.quiet)
		return;
	if (end == PROCESS_GONE)
		cmd_say("%s (process %d) has ended, the kernel does not tell how",
			trace->options.command[0], (int)traced->process->pid);
	else
		cmd_say("%s (process %d) %s %d", trace->options.command[0],
			(int)traced->process->pid,
			end == PROCESS_SIGNALED ? "was ended by signal" : "exited with status",
			status);
}

static bool has_ended(struct traced *traced)
{
	if (traced->end != PROCESS_RUNS)
		return true;
	traced->end = traced->process->pidfd < 0 ? PROCESS_GONE
						 : process_poll(traced->process, &traced->status);
	traced->end_ns = now_ns(CLOCK_MONOTONIC);
	return traced->end != PROCESS_RUNS;
}

/* Its exit record is out. With -b there may be very many over time. */
static void forget_process(struct trace *trace, size_t i)
{
	struct traced *at = &trace->processes.data[i];

	process_close(at->process);
	memmove(at, at + 1, (--trace->processes.len - i) * sizeof(*at));
}

/* The start record of a process (-b). One that has its pid and has ended, without our having
 * noticed, is another; one that still runs has replaced itself by exec. */
static struct error *process_begins(struct trace *trace, const struct event_removal *event)
{
	struct traced *former = find_process(trace, (pid_t)event->pid);

	if (former && has_ended(former)) {
		emit_exit(trace, former);
		forget_process(trace, (size_t)(former - trace->processes.data));
	}
	return meet_process(trace, (pid_t)event->pid, event);
}

/* ---- draining ---- */

static void stop(struct trace *trace)
{
	trace->stopping = true;
	engine_stop(trace->engine);
}

static bool deliver(struct trace *trace, enum event_kind kind, const struct event_removal *event)
{
	if (trace->stopping && (trace->interrupted || trace->sink->closed)) {
		trace->filtered++; /* nobody is there to see it any more */
		return true;
	}
	if (trace->options.limit && trace->delivered >= trace->options.limit) {
		trace->filtered++;
		return true;
	}
	if (event->pid != trace->last_pid) {
		trace->failed = meet_process(trace, (pid_t)event->pid, event);
		trace->last_pid = event->pid;
	}
	if (!trace->failed)
		trace->failed = aggr_add(trace->aggr, kind, event);
	if (trace->failed)
		return false;
	trace->sink->ops->removal(trace->sink, kind, event);
	trace->delivered++;
	if (trace->options.limit && trace->delivered >= trace->options.limit)
		stop(trace);
	return true;
}

/* A signal has come (again). */
static bool signalled(const struct trace *trace)
{
	struct signalfd_siginfo info;

	return read(trace->signals, &info, sizeof(info)) > 0;
}

/* After a record made at time_ns: may the pass go on? */
static bool pass_goes_on(struct trace *trace, uint64_t time_ns)
{
	/* What was under way when the first signal came is still shown; a second one is impatience. */
	if (trace->stopping && !(++trace->records % 256) && signalled(trace))
		trace->interrupted = true;
	if (time_ns > trace->reached_ns)
		trace->reached_ns = time_ns;
	if (trace->pass_until_ns && time_ns > trace->pass_until_ns)
		return false;
	trace->pass_cut = trace->pass_end_ns && now_ns(CLOCK_MONOTONIC) >= trace->pass_end_ns;
	return !trace->pass_cut;
}

static bool on_record(void *ctx, const void *record, size_t size)
{
	struct trace *trace = ctx;
	struct event_removal event;
	enum event_kind kind;
	enum resolved what;

	trace->failed = resolver_resolve(trace->resolver, record, size, &kind, &what, &event);
	if (trace->failed)
		return false;
	switch (what) {
	case RESOLVED_START: trace->failed = process_begins(trace, &event); break;
	case RESOLVED_FILTERED: trace->filtered++; break;
	case RESOLVED_EVENT:
		if (!deliver(trace, kind, &event))
			return false;
		break;
	}
	return !trace->failed && pass_goes_on(trace, event.time_ns);
}

/* One pass over the ring: what is there, but no longer than until end_ns and no further than to
 * what happened at until_ns (0: no such bound). */
static struct error *drain(struct trace *trace, uint64_t end_ns, uint64_t until_ns)
{
	trace->pass_end_ns = end_ns;
	trace->pass_until_ns = until_ns;
	trace->pass_cut = false;
	try(engine_drain(trace->engine, on_record, trace));
	if (trace->failed)
		return take_ptr(trace->failed);
	return sink_flush(trace->sink);
}

/* ---- the loop ---- */

/* When a pass that begins now has to end, so that limits and signals are looked at. */
static uint64_t pass_end(const struct trace *trace)
{
	uint64_t end_ns = now_ns(CLOCK_MONOTONIC) + PASS_NS;

	return end_ns < trace->end_ns ? end_ns : trace->end_ns;
}

/* Has every process we trace ended? (With -b more may come.) */
static struct error *watch_processes(struct trace *trace)
{
	bool binary = trace->options.binary != NULL;
	bool running = binary;
	uint64_t end_ns = pass_end(trace);

	for (size_t i = 0; i < trace->processes.len; i++) {
		struct traced *traced = &trace->processes.data[i];
		bool known = traced->end != PROCESS_RUNS;

		if (traced->ended)
			continue;
		if (!has_ended(traced)) {
			running = true;
			continue;
		}
		/* What it did comes before its end: in as many passes as that takes. A record of
		 * another process that is still being written may hold up its last ones: they come
		 * with the next pass. */
		if (trace->reached_ns <= traced->end_ns) {
			try(drain(trace, end_ns, traced->end_ns));
			if (trace->pass_cut) {
				running = true;
				continue;
			}
		}
		if (binary && !known)
			continue;
		emit_exit(trace, &trace->processes.data[i]);
		if (binary)
			forget_process(trace, i--);
	}
	if (!running)
		stop(trace);
	return NULL;
}

static bool peek(void *ctx, pid_t pid, uint64_t addr, void *to, size_t size)
{
	struct process process = {.pid = pid};

	(void)ctx;
	return process_peek(&process, addr, to, size);
}

/* The GC phase of the one process that is traced, so that events need not read it. */
static void tell_gc(struct trace *trace, pid_t pid)
{
	uint64_t bias;
	uint32_t phase;

	if (trace->placements.gc && bias_of(trace, pid, &bias) &&
	    peek(NULL, pid, trace->placements.gcphase + bias, &phase, sizeof(phase)) &&
	    phase <= EVENT_GC_MARKTERMINATION)
		engine_set_gc(trace->engine, phase);
}

/* The one process that is traced may execute another program, or itself. The probes stay where the
 * main thread did it; where another did, the kernel has forgotten them. */
static struct error *watch_exec(struct trace *trace)
{
	pid_t pid = trace->options.binary ? -1 : trace->processes.data[0].process->pid;
	struct error *err;
	uint64_t id;
	bool same;

	if (pid < 0 || trace->processes.data[0].ended || !process_image_id(pid, &id) ||
	    id == trace->image_id || !process_executes(pid, trace->exe, &same))
		return NULL;
	trace->image_id = id;
	if (!same) {
		cmd_say("process %d has executed another program: no removal is seen from here on",
			(int)pid);
		return NULL;
	}
	if (engine_begun(trace->engine) == trace->begun)
		engine_forget_gc(trace->engine);
	err = engine_attach(trace->engine, trace->exe, pid);
	if (err &&
	    err->code == ERROR_TARGET) { /* it has ended meanwhile: the next pass tells how */
		error_free(err);
		return NULL;
	}
	try(err);
	if (engine_begun(trace->engine) == trace->begun) { /* neither old nor new probes saw it */
		tell_gc(trace, pid);
		cmd_say("process %d has executed itself anew: removals in its first milliseconds "
			"may not have been seen",
			(int)pid);
	}
	trace->begun = engine_begun(trace->engine);
	return NULL;
}

static struct error *loop(struct trace *trace)
{
	trace->end_ns = trace->options.duration_ns
				? now_ns(CLOCK_MONOTONIC) + trace->options.duration_ns
				: UINT64_MAX;
	while (!trace->stopping) {
		struct pollfd fds[3] = {
			{.fd = trace->signals, .events = POLLIN},
			{.fd = trace->out, .events = 0}, /* POLLERR: the reader has gone away */
			{.fd = engine_wake_fd(trace->engine), .events = POLLIN},
		};

		poll(fds, ARRAY_SIZE(fds), DRAIN_MS);
		if (fds[0].revents && signalled(trace)) {
			stop(trace);
			break;
		}
		try(drain(trace, pass_end(trace), 0));
		try(watch_processes(trace));
		try(watch_exec(trace));
		if (fds[1].revents & (POLLERR | POLLNVAL) || trace->sink->closed)
			trace->sink->closed = true, trace->interrupted = true, stop(trace);
		if (now_ns(CLOCK_MONOTONIC) >= trace->end_ns)
			stop(trace);
	}
	return NULL;
}

/* ---- the end ---- */

/* Says the first error and remembers its exit code; what follows from it is not said. */
static void fail(struct trace *trace, struct error *err)
{
	if (err && !trace->code)
		trace->code = cmd_fail(err);
	else
		error_free(err);
}

/* Returns how many events were lost. */
static uint64_t sum_up(const struct trace *trace, struct event_lost lost[3], struct event_end *ret)
{
	struct engine_counters c;

	engine_counters(trace->engine, &c);
	*ret = (struct event_end){
		.hits = c.hits,
		.delivered = trace->delivered,
		.filtered = c.filtered + trace->filtered,
		.removed = c.removed,
		.cleared = c.cleared,
		.misses_counted = trace->options.misses,
		.misses = c.misses,
		.lost = lost,
		.seconds = (double)(now_ns(CLOCK_MONOTONIC) - trace->begun_ns) / 1e9,
	};
	lost[ret->lost_n++] = (struct event_lost){"ring_full", c.lost_ring};
	if (trace->options.misses)
		lost[ret->lost_n++] = (struct event_lost){"pending_full", c.lost_pending};
	if (c.lost_internal)
		lost[ret->lost_n++] = (struct event_lost){"internal", c.lost_internal};
	return c.lost_ring + c.lost_pending + c.lost_internal;
}

/* Where the output cannot take them: on standard error. */
static void say_totals(const struct trace *trace, const struct event_end *end, uint64_t lost)
{
	if (trace->sink->closed && !trace->options.quiet)
		cmd_say("%s%llu hits = %llu delivered + %llu filtered + %llu lost",
			trace->code ? "" : "the reader has gone away; ",
			(unsigned long long)end->hits, (unsigned long long)end->delivered,
			(unsigned long long)end->filtered, (unsigned long long)lost);
	if (end->hits != end->delivered + end->filtered + lost && !trace->code)
		cmd_say("the counts do not add up (%llu hits): please report this",
			(unsigned long long)end->hits);
}

/* err: what ended the loop, or NULL. Whatever fails, all that can still be said is. */
static int finish(struct trace *trace, struct error *err)
{
	struct event_lost lost[3];
	struct event_end end;
	uint64_t all_lost;

	fail(trace, err);
	stop(trace);
	engine_detach(trace->engine);
	fail(trace, drain(trace, 0, 0));
	vec_each(traced, &trace->processes)
		if (!traced->ended && has_ended(traced))
			emit_exit(trace, traced);
	all_lost = sum_up(trace, lost, &end);
	if (trace->options.summary || !strcmp(trace->options.format, "text"))
		trace->sink->ops->table(trace->sink, trace->aggr);
	trace->sink->ops->end(trace->sink, &end);
	fail(trace, sink_flush(trace->sink));
	say_totals(trace, &end, all_lost);
	return trace->code ? trace->code : all_lost ? EXIT_LOST : EXIT_DONE;
}

/* ---- setting up ---- */

static struct error *open_target(struct trace *trace)
{
	struct process *process;
	const char *path = trace->options.binary;

	if (trace->options.pid) {
		try(process_open(trace->options.pid, &process));
		try(add_process(trace, process));
		trace->exe = process->exe;
		return image_open(trace->exe, process->exe_path, &trace->image);
	}
	if (trace->options.command) {
		if (trace->options.dry_run)
			try(spawn_find(trace->options.command[0], &trace->spawn.path));
		else
			try(spawn_prepare(trace->options.command, &trace->spawn));
		path = trace->spawn.path;
	}
	/* Not for ever, when it is a pipe. */
	trace->exe = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (trace->exe < 0)
		return error_errno(errno == EACCES ? ERROR_PERMISSION : ERROR_TARGET, errno,
				   "cannot open %s", path);
	return image_open(trace->exe, path, &trace->image);
}

static struct error *open_symbols(struct trace *trace)
{
	struct placement_options options = {
		.misses = trace->options.misses,
		.start = trace->options.binary != NULL,
		.one = !trace->options.binary,
	};
	unsigned minor;

	try(gopcln_open(trace->image, &trace->tab));
	minor = gopcln_minor(trace->tab);
	if (minor < GO_MINOR_MIN)
		return error_new(ERROR_TARGET,
				 "%s: built with go1.%u, which is too old: rebuild it with Go 1.%d "
				 "or later",
				 image_name(trace->image), minor, GO_MINOR_MIN);
	if (minor > GO_MINOR_MAX && !trace->options.quiet)
		cmd_say("%s: built with go1.%u, newer than any this tophash was tested with "
			"(1.%d): going on",
			image_name(trace->image), minor, GO_MINOR_MAX);
	return placement_find(trace->image, trace->tab, &options, &trace->placements);
}

static struct error *open_sink(struct trace *trace)
{
	struct sink_options options = {
		.stack = trace->options.show_stack,
		.quiet_events = trace->options.summary,
	};
	const char *no_color = getenv("NO_COLOR");
	struct winsize window;

	options.fd = trace->out;
	options.interrupt = trace->signals;
	options.color = isatty(trace->out) && !(no_color && *no_color);
	options.width = 100;
	if (ioctl(trace->out, TIOCGWINSZ, &window) == 0 && window.ws_col >= 40)
		options.width = window.ws_col;
	try(aggr_new(trace->options.summary_by, 0, &trace->aggr));
	return sink_open(sink_find(trace->options.format), &options, &trace->sink);
}

static struct error *open_engine(struct trace *trace)
{
	struct resolver_options resolver = {
		.image = trace->image,
		.tab = trace->tab,
		.placements = &trace->placements,
		.filter = &trace->options.filter,
		.stack_max = trace->options.stack_max,
		.peek = peek,
	};

	trace->probe_options = (struct probe_options){
		.image = trace->image,
		.tab = trace->tab,
		.placements = &trace->placements,
		.filter = &trace->options.filter,
		.stack_max = trace->options.stack_max + WIRE_STACK_EXTRA,
		.key_bytes = trace->options.key_bytes,
		.buffer_size = trace->options.buffer_size,
		.misses = trace->options.misses,
		.start = trace->options.binary != NULL,
	};
	try(resolver_open(&resolver, &trace->resolver));
	try(engine_open(&trace->probe_options, &trace->engine));
	if (engine_types_cut(trace->engine) && !trace->options.quiet)
		cmd_say("%s: more types than can be gone through: some keys will be shown as unread",
			image_name(trace->image));
	return NULL;
}

/* One that is ignored stays so: nohup ignores SIGHUP for us, a shell SIGINT for what it runs in the
 * background. */
static struct error *catch_signals(struct trace *trace)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	trace->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return trace->signals < 0 ? error_errno(ERROR_FAILED, errno, "signalfd") : NULL;
}

static bool on_found(void *ctx, pid_t pid)
{
	struct trace *trace = ctx;

	trace->failed = meet_process(trace, pid, NULL);
	return !trace->failed;
}

static struct error *begin(struct trace *trace)
{
	pid_t pid = trace->options.pid	     ? trace->options.pid
		    : trace->options.command ? trace->spawn.pid
					     : -1;
	struct process *process;
	struct stat st;

	try(engine_attach(trace->engine, trace->exe, pid));
	try(output_empty(trace->options.output, trace->out));
	if (trace->options.command)
		engine_set_gc(trace->engine, 0); /* it has not begun */
	else if (trace->options.pid)
		tell_gc(trace, pid);
	trace->ready_ms = (double)(now_ns(CLOCK_MONOTONIC) - trace->begun_ns) / 1e6;
	if (trace->options.pid) {
		announce(trace, &trace->processes.data[0], NULL);
	} else if (trace->options.command) {
		try(process_adopt(trace->spawn.pid, trace->spawn.path, &process));
		try(add_process(trace, process));
		try(spawn_go(&trace->spawn));
		announce(trace, &trace->processes.data[0], NULL);
	} else {
		if (fstat(trace->exe, &st) < 0)
			return error_errno(ERROR_FAILED, errno, "cannot look at %s",
					   image_name(trace->image));
		try(process_scan(st.st_dev, st.st_ino, on_found, trace));
		if (trace->failed)
			return take_ptr(trace->failed);
		if (!trace->processes.len && !trace->options.quiet)
			cmd_say("waiting for a process of %s to begin", image_name(trace->image));
	}
	if (!trace->options.binary) {
		process_image_id(trace->processes.data[0].process->pid, &trace->image_id);
		trace->begun = trace->options.command ? 1 : 0;
	}
	trace->attached = true;
	return sink_flush(trace->sink);
}

static struct error *dry_run(struct trace *trace)
{
	struct probe_options plan = {
		.image = trace->image,
		.tab = trace->tab,
		.placements = &trace->placements,
		.filter = &trace->options.filter,
	};

	try(output_open(trace->options.output, &trace->out));
	try(output_empty(trace->options.output, trace->out));
	if (!strcmp(trace->options.format, "text"))
		return output_plan(trace->out, &plan);
	try(open_sink(trace));
	emit_start(trace, NULL, 0);
	return sink_flush(trace->sink);
}

static struct error *run(struct trace *trace, int *ret_code)
{
	struct error *err;

	signal(SIGPIPE, SIG_IGN);
	try(open_target(trace));
	try(output_check(trace->options.output, trace->exe));
	try(open_symbols(trace));
	if (trace->options.dry_run)
		return dry_run(trace);
	try(open_engine(trace));
	try(output_open(trace->options.output, &trace->out));
	try(catch_signals(trace)); /* until here they simply end us */
	try(open_sink(trace));
	err = begin(trace);
	if (!trace->attached)
		return err;
	if (trace->options.verbose)
		cmd_say("%zu probes placed in %.1f ms", trace->placements.list.len,
			trace->ready_ms);
	*ret_code = finish(trace, err ? err : loop(trace));
	return NULL;
}

static void trace_fini(struct trace *trace)
{
	error_free(trace->failed);
	spawn_fini(&trace->spawn);
	engine_close(trace->engine);
	resolver_close(trace->resolver);
	sink_close(trace->sink);
	aggr_free(trace->aggr);
	placements_fini(&trace->placements);
	gopcln_close(trace->tab);
	image_close(trace->image);
	vec_each(traced, &trace->processes)
		process_close(traced->process);
	vec_fini(&trace->processes);
	trace_options_fini(&trace->options);
}

int cmd_trace(int argc, char **argv)
{
	struct trace trace = {.begun_ns = now_ns(CLOCK_MONOTONIC),
			      .exe = -1,
			      .out = -1,
			      .signals = -1,
			      .spawn = {.go = -1, .failed = -1}};
	struct error *err = trace_options_parse(argc, argv, &trace.options);
	int code = EXIT_DONE;

	if (!err && trace.options.help)
		code = cmd_print(trace_help());
	else if (!err)
		err = run(&trace, &code);
	if (err)
		code = cmd_fail(err);
	trace_fini(&trace);
	return code;
}
