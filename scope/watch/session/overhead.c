/* --max-overhead: carries out the decisions of throttle.c, and reports them. */
#include "watch/session/session_priv.h"
#include "base/clock.h"

#include <stdio.h>

/* Guesses for the cost of a hit before it is measured, in nanoseconds. They are typical values. */
#define GUESS_KEPT_NS 1500
#define GUESS_LEFT_NS 1000
#define GUESS_TRAP_NS 800

static struct throttle_prices prices_now(const struct session *session)
{
	struct engine_cost cost;

	if (engine_cost(session->engine, &cost) && cost.kept_ns > 0)
		return (struct throttle_prices){true, cost.kept_ns, cost.left_ns, cost.trap_ns};
	return (struct throttle_prices){false, GUESS_KEPT_NS, GUESS_LEFT_NS, GUESS_TRAP_NS};
}

static struct throttle_step step_now(struct session *session)
{
	struct engine_counters before = session->seen;
	uint64_t time_ns = now_ns();
	struct throttle_step step = {
		.seconds = (double)(time_ns - session->turn_ns) / 1e9,
		.prices = prices_now(session),
	};

	engine_counters(session->engine, &session->seen);
	session->turn_ns = time_ns;
	step.hits = session->seen.hits - before.hits;
	step.filtered = session->seen.filtered - before.filtered;
	step.sampled = session->seen.sampled - before.sampled;
	step.paused = session->seen.paused - before.paused;
	return step;
}

static const char *sample_name(const struct session *session)
{
	switch (session->options.sample) {
	case ENGINE_SAMPLE_GOROUTINE: return "goroutine";
	case ENGINE_SAMPLE_KEY: return "key";
	default: return NULL;
	}
}

double share_watched(const struct session *session, uint64_t end_ns)
{
	uint64_t off_ns = session->off_ns;

	if (session->off_since_ns)
		off_ns += end_ns - session->off_since_ns;
	return end_ns > session->run_ns && off_ns
		       ? 1 - (double)off_ns / (double)(end_ns - session->run_ns)
		       : 1;
}

/* Returns the average cost of a hit. With a limit, every hit was charged at the price of its
 * time. */
double ns_per_hit(const struct session *session, const struct engine_cost *cost, uint64_t hits)
{
	if (!session->turn_ns || !hits)
		return cost->ns_per_hit;
	return session->throttle.spent * 1e9 / (double)hits;
}

void sum_up_sample(const struct session *session, uint64_t end_ns, const struct engine_counters *c,
		   struct event_end *end)
{
	end->overhead_limited = session->options.max_overhead > 0;
	end->sample = (struct event_sample){
		.by = sample_name(session),
		.fraction =
			c->sampled ? 1 - (double)c->sampled / (double)(c->hits - c->filtered) : 1,
		.watched = share_watched(session, end_ns),
	};
}

/* ---- telling ---- */

void settle_overhead(struct session *session, struct traced *traced, uint64_t to_ns)
{
	if (traced->off_ns)
		session_gap(session, traced->target->pid, traced->off_ns, to_ns, "overhead");
	traced->off_ns = 0;
}

void begin_unwatched(struct session *session, pid_t pid, uint64_t time_ns)
{
	struct traced *traced = find_process(session, pid);

	if (!traced || (!session->off_since_ns && time_ns >= session->on_ns))
		return;
	traced->off_ns = time_ns;
	if (!session->off_since_ns) /* the record came after the probes were back */
		settle_overhead(session, traced, session->on_ns);
}

static void emit_sample(struct session *session, double fraction)
{
	struct event event = {.kind = EVENT_SAMPLE, .time_ns = now_ns()};

	event.sample = (struct event_sample){
		.by = sample_name(session),
		.fraction = fraction,
	};
	fan_event(session->output.sinks, &event);
}

static void notice_off(struct session *session)
{
	const struct throttle *throttle = &session->throttle;
	double percent = throttle->rate * prices_now(session).kept_ns / 1e7;
	bool stop = session->options.max_overhead_stop;

	if (session->off_told)
		return;
	session->off_told = true;
	session_notice(
		session, stop ? SESSION_WARNING : SESSION_INFO,
		"tracing takes %.1f%% of a CPU, more than the %g%% of --max-overhead: %s", percent,
		session->options.max_overhead,
		stop ? "tracing ends here"
		     : "the probes are removed for a time, again and again; each time is a gap");
}

/* ---- doing ---- */

/* Reads the fraction that tests ask for. It replaces the limit. */
static bool fixed_fraction(double *ret)
{
	const char *text = getenv("TOPHASH_SAMPLE");

	*ret = text ? strtod(text, NULL) : 0;
	return *ret > 0 && *ret <= 1;
}

void prepare_limit(struct session *session)
{
	const struct session_options *options = &session->options;
	bool samples = options->sample != ENGINE_SAMPLE_NONE;
	double fraction;

	throttle_init(&session->throttle, options->max_overhead / 100, samples,
		      options->max_overhead_stop);
	if (options->max_overhead <= 0 || !samples || !fixed_fraction(&fraction))
		return;
	session->throttle.fraction = fraction;
	engine_set_sample(session->engine, fraction);
}

void begin_limit(struct session *session)
{
	double fixed;

	if (session->throttle.fraction < 1)
		emit_sample(session, session->throttle.fraction);
	else if (session->options.max_overhead > 0 && !fixed_fraction(&fixed))
		session->turn_ns = session->opened_ns + (uint64_t)(session->ready_ms * 1e6);
}

static void take_off(struct session *session)
{
	bool stop = session->options.max_overhead_stop || !engine_pause(session->engine);
	uint64_t time_ns;

	if (stop)
		session_stop(session);
	time_ns = now_ns(); /* no hit counts any more */
	session->off_since_ns = time_ns;
	vec_each(traced, &session->processes)
		if (!traced->ended)
			traced->off_ns = time_ns;
	notice_off(session);
}

static struct error *place_again(struct session *session)
{
	uint64_t time_ns = 0;
	struct error *err = engine_resume(session->engine, &time_ns);

	if (err && err->code == ERROR_TARGET) { /* It has ended. The next pass tells how. */
		error_free(err);
		return NULL;
	}
	try(err);
	if (!time_ns)
		return NULL;
	session->throttle.off = false;
	session->off_ns += time_ns - session->off_since_ns;
	session->off_since_ns = 0;
	session->on_ns = time_ns;
	vec_each(traced, &session->processes)
		settle_overhead(session, traced, time_ns);
	return NULL;
}

struct error *watch_overhead(struct session *session)
{
	struct throttle_step step;
	double before = session->throttle.fraction;
	enum throttle_action action;

	if (!session->turn_ns || session->stopping)
		return NULL;
	step = step_now(session);
	action = throttle_turn(&session->throttle, &step);
	if (action == THROTTLE_ON)
		return place_again(session);
	if (session->throttle.fraction != before) {
		engine_set_sample(session->engine, session->throttle.fraction);
		emit_sample(session, session->throttle.fraction);
	}
	if (action == THROTTLE_OFF)
		take_off(session);
	return NULL;
}
