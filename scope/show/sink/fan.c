#include "show/sink/sink.h"
#include "show/event/event.h"

struct error *fan_add(struct fan *fan, struct sink *sink)
{
	if (vec_push(&fan->sinks, sink))
		return NULL;
	sink_close(sink);
	return error_nomem();
}

void fan_fini(struct fan *fan)
{
	vec_each(sink, &fan->sinks)
		sink_close(*sink);
	vec_fini(&fan->sinks);
}

void fan_table(struct fan *fan, struct aggr *aggr, uint64_t time_ns)
{
	vec_each(sink, &fan->sinks)
		sink_table(*sink, aggr, time_ns);
}

struct error *fan_flush(struct fan *fan)
{
	struct error *first = fan->sinks.len ? sink_flush(fan_first(fan)) : NULL;

	for (size_t i = 1; i < fan->sinks.len; i++)
		error_free(sink_flush(fan->sinks.data[i]));
	return first;
}

size_t fan_accounts(const struct fan *fan, struct event_sink *ret, struct event_lost *ret_lost)
{
	size_t n = 0;

	for (size_t i = 1; i < fan->sinks.len; i++, n++) {
		const struct sink *sink = fan->sinks.data[i];

		ret_lost[n] = (struct event_lost){"write", sink->lost + sink->unread};
		ret[n] = (struct event_sink){
			.to = sink->ops->name,
			.delivered = sink->delivered,
			.lost = &ret_lost[n],
			.lost_n = 1,
		};
	}
	return n;
}
