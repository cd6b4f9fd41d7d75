/* Plays the trace of sink_trace.h, as the tool would. */
#ifndef UNIT_SINK_PLAY_H
#define UNIT_SINK_PLAY_H

#include "test.h"

#include <signal.h>
#include <time.h>

#include "sink_trace.h"
#include "show/aggr/aggr.h"

static inline void emit_to_sink(void *to, const struct event *event)
{
	sink_event(to, event);
}

static inline void emit_to_aggr(void *to, const struct event *event)
{
	assert_null(aggr_add(to, event));
}

static const uint64_t end_ns = 1012345678900;

static inline struct sink *sink_for(const char *format, const struct sink_options *options)
{
	struct sink *sink = NULL;

	assert_non_null(sink_find(format));
	assert_null(sink_open(sink_find(format), options, &sink));
	return sink;
}

static inline void play_exits(struct sink *sink)
{
	static const struct event_exit exits[] = {
		{.pid = 4242, .known = true, .status = 0},
		{.pid = 4243, .known = true, .signaled = true, .status = SIGKILL},
		{.pid = 4244},
	};

	for (size_t i = 0; i < ARRAY_SIZE(exits); i++)
		sink_event(sink, &(struct event){.kind = EVENT_EXIT,
						 .time_ns = start.time_ns + 2000000000 + i,
						 .exit = exits[i]});
}

static inline void play_table(struct sink *sink, enum aggr_by by)
{
	struct aggr *aggr = NULL;

	assert_null(aggr_new(by, 0, &aggr));
	emit_all(emit_to_aggr, aggr);
	sink_table(sink, aggr, end_ns);
	aggr_free(aggr);
}

static inline void play_end(struct sink *sink, uint64_t lost)
{
	const struct event_lost losses[] = {{"ring_full", lost}};
	const struct event_end end = {
		.hits = 1000 + lost,
		.delivered = 990,
		.filtered = 10,
		.removed = 980,
		.cleared = 20,
		.misses_counted = lost,
		.misses = lost ? 7 : 0,
		.lost = losses,
		.lost_n = ARRAY_SIZE(losses),
		.seconds = 12.3456789,
	};

	sink_event(sink, &(struct event){.kind = EVENT_END, .time_ns = end_ns, .end = end});
}

/* Plays the whole trace, as the tool would. */
static inline void play(struct sink *sink)
{
	sink_event(sink, &start);
	emit_all(emit_to_sink, sink);
	play_exits(sink);
	play_table(sink, AGGR_BY_SITE);
	play_end(sink, 0);
}

/* Begins a test that plays the events. Every test program with them calls it. */
static inline int play_begin(__attribute__((unused)) void **state)
{
	signal(SIGPIPE, SIG_IGN);
	setenv("TZ", "UTC", 1);
	tzset();
	return 0;
}

#endif
