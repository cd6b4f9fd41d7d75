/* The loop of a run. The probes are attached before it begins. It drains the ring every 10 ms until
 * the target ends, a limit is reached or a signal arrives. Then the probes are detached, the rest
 * is drained, and the totals are computed.
 *
 * The path of one record: engine_drain -> on_record -> resolver_resolve -> deliver -> aggr_add and
 * the sinks. Nothing is copied on this path. */
#include "watch/session/follow_priv.h"
#include "watch/session/group_priv.h"
#include "watch/session/modules_priv.h"
#include "base/clock.h"
#include "show/aggr/aggr.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#define DRAIN_MS    10
#define PROGRESS_MS 500
/* The time that one pass may take. If the target is faster than the reader of the output, a pass
 * would otherwise never end, and limits and signals would have no effect. */
#define PASS_NS 50000000ull

void session_notice(struct session *session, enum session_notice kind, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	session->options.notice(session->options.notice_ctx, kind, text);
}

void session_gap(struct session *session, pid_t pid, uint64_t from_ns, uint64_t to_ns,
		 const char *why)
{
	struct event event = {.kind = EVENT_GAP, .time_ns = to_ns};

	event.gap = (struct event_gap){
		.pid = (uint32_t)pid, .from_ns = from_ns, .to_ns = to_ns, .why = why};
	session->gaps++;
	fan_event(session->output.sinks, &event);
}

void session_upgrade_gap(struct session *session, const struct met *met, uint64_t from_ns)
{
	uint64_t time_ns = now_ns();
	bool told = false;

	vec_each(traced, &session->processes) {
		if (traced->program != met || traced->ended || traced->end != TARGET_RUNS)
			continue;
		session_gap(session, traced->target->pid, from_ns, time_ns, "upgrade");
		told = true;
	}
	if (!told)
		session_gap(session, 0, from_ns, time_ns, "upgrade");
}

void session_stop(struct session *session)
{
	session->stopping = true;
	engine_stop(session->engine);
	loop_quit(session->loop);
}

void session_detach(struct session *session)
{
	engine_stop(session->engine);
	engine_detach(session->engine);
}

double session_ready_ms(const struct session *session)
{
	return session->ready_ms;
}

/* ---- one record ---- */

static bool is_limit_reached(const struct session *session)
{
	return session->options.limit && session->taken >= session->options.limit;
}

/* Notes the process of the event, which is in the table. */
static void note_process(struct session *session, uint32_t pid)
{
	const struct traced *traced = find_process(session, (pid_t)pid);

	session->last_pid = pid;
	session->last_container = traced ? traced->container : NULL;
	session->last_pod = traced ? traced->pod : NULL;
}

static bool deliver(struct session *session, struct event *event)
{
	uint32_t pid = event->removal.pid;
	const struct sink *first = fan_first(session->output.sinks);
	bool unwanted = session->stopping && (session->interrupted || first->closed);

	if (first->broken) {
		fan_event(session->output.sinks, event); /* the sink counts it as lost */
		return true;
	}
	if (unwanted || is_limit_reached(session)) {
		session->filtered++;
		return true;
	}
	if (pid != session->last_pid) {
		session->failed =
			find_or_add_process(session, (pid_t)pid, &event->removal, event->time_ns);
		note_process(session, pid);
	}
	event->removal.container = session->last_container;
	event->removal.pod = session->last_pod;
	if (session->look && !session->failed && !looks_tell(session, event)) {
		session->filtered++;
		return true;
	}
	if (!session->failed)
		session->failed = aggr_add(session->output.aggr, event);
	if (session->failed)
		return false;
	fan_event(session->output.sinks, event);
	session->taken++;
	if (is_limit_reached(session))
		session_stop(session);
	return true;
}

/* Decides, after a record made at time_ns, whether the pass continues. */
static bool pass_goes_on(struct session *session, uint64_t time_ns)
{
	/* After the first signal, the records in the ring are still shown. A second signal skips
	 * them. */
	session->records++;
	if (session->stopping && !(session->records % 256) && loop_take_signal(session->loop))
		session->interrupted = true;
	if (time_ns > session->reached_ns)
		session->reached_ns = time_ns;
	if (session->pass_until_ns && time_ns > session->pass_until_ns)
		return false;
	/* Reading the time costs as much as aggregating an event. */
	session->pass_cut = session->pass_end_ns && !(session->records % 16) &&
			    now_ns() >= session->pass_end_ns;
	return !session->pass_cut;
}

/* Tells whether a process is a child of the traced ones. */
static bool is_child(struct session *session, pid_t pid)
{
	const struct traced *traced = find_process(session, pid);

	return session->tree && !session->all && !session->group && (!traced || traced->child);
}

static struct error *on_exec(struct session *session, const struct event *event)
{
	const struct event_removal *exec = &event->removal;
	pid_t pid = (pid_t)exec->pid;

	if (session->group)
		return group_exec(session, exec, event->time_ns);
	if (is_child(session, pid))
		return follow_executes(session, exec, event->time_ns);
	if (session->several)
		return chosen_executes(session, pid, event->time_ns);
	note_exec(session, exec->func);
	return NULL;
}

static bool on_record(void *ctx, const void *record, size_t size)
{
	struct session *session = ctx;
	struct event event;
	enum resolved what;

	session->failed = resolver_resolve(session->resolver, record, size, &what, &event);
	if (session->failed)
		return false;
	switch (what) {
	case RESOLVED_START:
		session->failed = process_begins(session, &event.removal, event.time_ns);
		break;
	case RESOLVED_EXEC: session->failed = on_exec(session, &event); break;
	case RESOLVED_MOVE: group_move(session); break;
	case RESOLVED_LOAD:
		session->failed = process_loads(session, (pid_t)event.removal.pid, event.time_ns);
		break;
	case RESOLVED_FILTERED: session->filtered++; break;
	case RESOLVED_EVENT:
		if (!deliver(session, &event))
			return false;
		break;
	}
	return !session->failed && pass_goes_on(session, event.time_ns);
}

/* Takes a group of hits that the engine counted, which is in one row of the table. */
static bool on_count(void *ctx, const struct engine_count *count)
{
	struct session *session = ctx;
	struct event event;
	enum resolved what;

	session->failed =
		resolver_resolve(session->resolver, count->record, count->size, &what, &event);
	if (session->failed)
		return false;
	if (what == RESOLVED_FILTERED || session->interrupted) {
		session->filtered += count->hits;
		return true;
	}
	session->counted += count->hits;
	session->failed = aggr_add_many(session->output.aggr, &event, count->hits, count->elements,
					count->goroutines, count->goroutines_n);
	return !session->failed;
}

static struct error *drain_counts(struct session *session)
{
	try(engine_drain_counts(session->engine, on_count, session));
	return take_ptr(session->failed);
}

/* ---- one pass ---- */

/* Takes records out of the ring until it is empty, until the time is end_ns, or until a record was
 * made after until_ns. 0 means no bound. */
static struct error *drain(struct session *session, uint64_t end_ns, uint64_t until_ns)
{
	session->pass_end_ns = end_ns;
	session->pass_until_ns = until_ns;
	session->pass_cut = false;
	try(engine_drain(session->engine, on_record, session));
	if (session->failed)
		return take_ptr(session->failed);
	return fan_flush(session->output.sinks);
}

struct error *session_drain_until(struct session *session, uint64_t time_ns)
{
	return drain(session, 0, time_ns);
}

/* Returns when a pass that begins now must end, so that limits and signals are checked. */
static uint64_t pass_end(const struct session *session)
{
	uint64_t end_ns = now_ns() + PASS_NS;

	return end_ns < session->end_ns ? end_ns : session->end_ns;
}

/* Takes out the records of a process that has ended, in as many passes as needed. *ret tells
 * whether all are out. A record of another process that is still being written may hold up the last
 * ones of this process. They come with the next pass. */
static struct error *drain_ended(struct session *session, const struct traced *traced,
				 uint64_t end_ns, bool *ret)
{
	*ret = true;
	if (session->reached_ns > traced->end_ns)
		return NULL;
	try(drain(session, end_ns, traced->end_ns));
	*ret = !session->pass_cut;
	return NULL;
}

/* Emits the exit records of processes that have ended. When none is left, the run ends. With -b it
 * continues, because new processes may start. */
static struct error *watch_processes(struct session *session)
{
	bool many = has_many(session);
	bool running = session->options.binary || group_goes_on(session), ending = false;
	uint64_t end_ns = pass_end(session), time_ns = now_ns();

	note_ends(session);
	for (size_t i = 0; i < session->processes.len; i++) {
		struct traced *traced = &session->processes.data[i];
		bool known = traced->end != TARGET_RUNS;
		uint64_t forgotten = session->forgotten;
		bool drained = false;

		if (traced->ended)
			continue;
		if (may_have_ended(session, traced, time_ns) && has_ended(traced))
			try(drain_ended(session, traced, end_ns, &drained));
		/* A start in these records may have removed a process from the table, whose pid was
		 * reused. The others have then moved, and the next turn continues. */
		if (session->forgotten != forgotten)
			return NULL;
		/* A record of another process may hold up its last ones for one turn. */
		ending |= drained && many && !known;
		running |= !drained;
		if (!drained || (many && !known))
			continue;
		emit_exit(session, &session->processes.data[i]);
		if (many && forget_process(session, i))
			i--;
	}
	if (ending) /* its end is told before that of the command */
		return NULL;
	running |= command_runs(session);
	if (session->options.until_command && session->command_end != TARGET_RUNS)
		running = false;
	else if (!running && !session->group)
		running = follow_goes_on(session);
	if (!running)
		session_stop(session);
	return NULL;
}

static void stop_if_closed(struct session *session)
{
	if (!fan_first(session->output.sinks)->closed)
		return;
	session->interrupted = true;
	session_stop(session);
}

/* Follows the wall clock when somebody sets it during the run. The time of day of an event is right
 * to within one turn of the loop. */
static void follow_clock(struct session *session)
{
	uint64_t offset_ns = clock_wall_offset(session->wall_offset_ns);

	if (offset_ns == session->wall_offset_ns)
		return;
	session->wall_offset_ns = offset_ns;
	fan_set_clock(session->output.sinks, offset_ns);
}

static struct error *on_tick(void *ctx)
{
	struct session *session = ctx;

	try(drain(session, pass_end(session), 0));
	follow_clock(session);
	try(looks_turn(session));
	try(watch_processes(session));
	try(watch_exec(session));
	try(watch_strangers(session));
	chosen_settle(session, false);
	try(watch_group(session));
	watch_others(session);
	if (session->options.binary)
		try(watch_programs(session));
	try(watch_file(session));
	try(watch_modules(session));
	engine_measure(session->engine, now_ns());
	try(watch_overhead(session));
	stop_if_closed(session);
	if (now_ns() >= session->end_ns)
		session_stop(session);
	return NULL;
}

static struct error *on_progress(void *ctx)
{
	struct session *session = ctx;
	struct engine_counters c;
	struct engine_cost cost = {0};
	bool cost_known = engine_cost(session->engine, &cost);

	engine_counters(session->engine, &c);
	session->options.progress(session->options.notice_ctx,
				  &(struct session_progress){
					  .hits = c.hits,
					  .filtered = c.filtered + session->filtered,
					  .sampled = c.sampled,
					  .fraction = session->throttle.fraction,
					  .watched = share_watched(session, now_ns()),
					  .lost = c.lost_ring + c.lost_pending + c.lost_internal,
					  .seconds = (double)(now_ns() - session->run_ns) / 1e9,
					  .cost_known = cost_known,
					  .ns_per_hit = cost.ns_per_hit,
				  });
	return NULL;
}

static struct error *on_ring(void *ctx, short revents)
{
	(void)revents;
	return on_tick(ctx);
}

static struct error *on_held(void *ctx, short revents)
{
	(void)revents;
	return all_meet(ctx);
}

/* Ends the run when the reader of the output has gone away. Only errors are polled for. A pipe
 * reports POLLERR then. A socket whose other end is closed reports only POLLHUP. */
static struct error *on_output(void *ctx, short revents)
{
	struct session *session = ctx;

	if (revents & (POLLERR | POLLHUP | POLLNVAL)) {
		fan_first(session->output.sinks)->closed = true;
		stop_if_closed(session);
	}
	return NULL;
}

static struct error *on_signal(void *ctx, int number)
{
	(void)number;
	session_stop(ctx);
	return NULL;
}

/* Catches the signals. SIGHUP stays ignored if it was, because nohup asks for that. */
struct error *session_catch(struct session *session, int *ret_fd)
{
	int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	size_t n = ARRAY_SIZE(numbers);
	struct sigaction action;

	if (sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
		n--;
	try(loop_catch(session->loop, numbers, n, on_signal, session));
	*ret_fd = loop_signal_fd(session->loop);
	return NULL;
}

struct error *session_run(struct session *session)
{
	uint64_t duration_ns = session->options.duration_ns;

	session->run_ns = now_ns();
	session->end_ns = duration_ns ? session->run_ns + duration_ns : UINT64_MAX;
	begin_limit(session);
	try(looks_begin(session));
	try(fan_flush(session->output.sinks));
	try(loop_watch(session->loop, fan_first(session->output.sinks)->options.fd, 0, on_output,
		       session));
	if (engine_wake_fd(session->engine) >= 0)
		try(loop_watch(session->loop, engine_wake_fd(session->engine), POLLIN, on_ring,
			       session));
	if (session->pursuit)
		try(loop_watch(session->loop, pursuit_fd(session->pursuit), POLLIN, on_held,
			       session));
	try(loop_every(session->loop, DRAIN_MS, on_tick, session));
	if (session->options.progress)
		try(loop_every(session->loop, PROGRESS_MS, on_progress, session));
	return loop_run(session->loop);
}

/* ---- the end ---- */

/* Reports the first error of the run. Later ones are its consequences, and are not reported. */
static void fail(struct session *session, struct error *err)
{
	if (err && !session->failed_code) {
		session->failed_code = err->code;
		session_notice(session, SESSION_ERROR, "%s", err->text);
	}
	error_free(err);
}

static void add_lost(struct session_totals *totals, const char *reason, uint64_t count)
{
	totals->lost[totals->end.lost_n++] = (struct event_lost){reason, count};
	totals->lost_all += count;
}

/* Computes the average cost of tracing over the run. */
static void sum_up_cost(const struct session *session, uint64_t end_ns, struct event_end *end)
{
	struct engine_cost cost;

	end->overhead_known =
		session->run_ns && end_ns > session->run_ns && engine_cost(session->engine, &cost);
	if (!end->overhead_known)
		return;
	end->hits_per_s = (double)end->hits * 1e9 / (double)(end_ns - session->run_ns);
	end->ns_per_hit = ns_per_hit(session, &cost, end->hits);
	end->cpu_percent = end->hits_per_s * end->ns_per_hit / 1e7;
}

/* Computes the totals. The sinks must have written all their records, because delivered counts what
 * was written. */
static void sum_up(const struct session *session, uint64_t end_ns, struct session_totals *ret)
{
	const struct sink *first = fan_first(session->output.sinks);
	/* Only the table delivers the deletes that the engine has counted. */
	bool table_fails = first->closed && !first->table_out;
	uint64_t lost = first->lost + (table_fails && first->broken ? session->counted : 0);
	uint64_t unread = first->unread + (table_fails && !first->broken ? session->counted : 0);
	struct engine_counters c;

	engine_counters(session->engine, &c);
	*ret = (struct session_totals){0};
	ret->end = (struct event_end){
		.hits = c.hits,
		.delivered = first->delivered + (table_fails ? 0 : session->counted),
		.filtered = c.filtered + session->filtered + unread,
		.sampled = c.sampled,
		.removed = c.removed,
		.cleared = c.cleared,
		.clears_unknown = c.clears_unknown,
		.misses_counted = session->options.misses,
		.misses = c.misses,
		.lost = ret->lost,
		.sinks = ret->sinks,
		.gaps = session->gaps,
		.seconds = (double)(end_ns - session->opened_ns) / 1e9,
	};
	sum_up_cost(session, end_ns, &ret->end);
	sum_up_sample(session, end_ns, &c, &ret->end);
	looks_sum_up(session, &ret->end);
	add_lost(ret, "ring_full", c.lost_ring);
	if (session->options.misses)
		add_lost(ret, "pending_full", c.lost_pending);
	if (c.lost_internal)
		add_lost(ret, "internal", c.lost_internal);
	if (lost)
		add_lost(ret, "write", lost);
	ret->end.sinks_n = fan_accounts(session->output.sinks, ret->sinks, ret->sinks_lost);
	ret->complete = !ret->lost_all && !ret->end.gaps;
	for (size_t i = 0; i < ret->end.sinks_n; i++)
		ret->complete &= !ret->sinks_lost[i].count;
	ret->end.status_known = session->options.tell_status;
	ret->end.status = session->failed_code ? (uint32_t)session->failed_code
			  : ret->complete      ? 0
					       : SESSION_STATUS_LOST;
}

static bool adds_up(const struct session_totals *totals)
{
	const struct event_end *end = &totals->end;

	return end->hits == end->delivered + end->filtered + end->sampled + totals->lost_all;
}

/* Reports filtered removals in generic code. --type shows those whose map type could be the given
 * one. The others are reported, because nobody can tell which type they have in the source. */
static void tell_shapes(struct session *session)
{
	struct engine_counters c;
	uint64_t shapes;

	engine_counters(session->engine, &c);
	shapes = c.filtered_shapes + resolver_filtered_shapes(session->resolver);
	if (shapes)
		session_notice(
			session, SESSION_INFO,
			"--type: %llu of the filtered removals %s in generic code, where only "
			"the shape of a map type is known (go.shape...). No type of such a "
			"shape can match %s",
			(unsigned long long)shapes, shapes == 1 ? "was" : "were",
			session->options.filter->type_glob);
}

void session_finish(struct session *session, struct error *err, struct session_totals *ret)
{
	struct fan *sinks = session->output.sinks;
	uint64_t end_ns;

	fail(session, err);
	session_stop(session);
	session_detach(session);
	all_settle(session);
	command_leave(session);
	fail(session, drain(session, 0, 0));
	fail(session, drain_counts(session));
	settle_execs(session);
	chosen_settle(session, true);
	follow_settle(session);
	settle_news(session);
	judge_settle(session);
	settle_group(session);
	settle_file(session);
	settle_running(session);
	if (session->options.binary)
		settle_programs(session);
	vec_each(traced, &session->processes)
		if (!traced->ended && has_ended(traced))
			emit_exit(session, traced);
	vec_each(traced, &session->processes)
		settle_overhead(session, traced, now_ns());
	vec_each(traced, &session->processes)
		settle_modules(session, traced, now_ns());
	vec_each(traced, &session->processes)
		settle_late(session, traced, true);
	fail(session, fan_flush(sinks));
	end_ns = now_ns();
	sum_up(session, end_ns, ret);
	if (ret->end.overhead_limited)
		aggr_set_sample(session->output.aggr, &ret->end.sample);
	if (session->output.table)
		fan_table(sinks, session->output.aggr, end_ns);
	fan_event(sinks, &(struct event){.kind = EVENT_END, .time_ns = end_ns, .end = ret->end});
	fail(session, fan_flush(sinks));
	if (fan_first(sinks)->closed) /* perhaps by this flush, which had the table */
		sum_up(session, end_ns, ret);
	ret->failed_code = session->failed_code;
	tell_shapes(session);
	if (!ret->failed_code && !adds_up(ret))
		session_notice(session, SESSION_WARNING,
			       "the counts do not add up (%llu hits): please report this",
			       (unsigned long long)ret->end.hits);
}
