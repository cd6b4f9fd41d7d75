/* All sinks of a run. Each keeps its own accounts. The first is the run's output: its accounts are
 * those of the run, and a failure of it ends the run.
 */
#ifndef SHOW_SINK_FAN_H
#define SHOW_SINK_FAN_H

struct fan {
	VEC(struct sink *) sinks; /* owned; [0] is the first */
};

/* Adds a sink. The fan owns it, even if adding fails. Errors: out of memory. */
struct error *fan_add(struct fan *fan, struct sink *sink);
/* Frees all sinks. An empty fan is legal. */
void fan_fini(struct fan *fan);

/* Hand an event, or the table, to each sink. */
static inline void fan_event(struct fan *fan, const struct event *event)
{
	for (size_t i = 0; i < fan->sinks.len; i++)
		sink_event(fan->sinks.data[i], event);
}
void fan_table(struct fan *fan, struct aggr *aggr, uint64_t time_ns);

/* Tells each sink that the clock was set. offset_ns comes from clock_wall_offset(). */
static inline void fan_set_clock(struct fan *fan, uint64_t offset_ns)
{
	for (size_t i = 0; i < fan->sinks.len; i++)
		fan->sinks.data[i]->wall_offset_ns = offset_ns;
}

/* Flushes each sink. Returns the error of the first one. The accounts of the others tell what they
 * could not write. */
struct error *fan_flush(struct fan *fan);

/* Returns the first sink, whose accounts are the run's. */
static inline struct sink *fan_first(const struct fan *fan)
{
	return fan->sinks.data[0];
}

/* Fills in the accounts of the sinks after the first, for the end record. ret_lost gets one member
 * for each of them. Both arrays need room for fan->sinks.len members. Returns the number of
 * accounts. */
size_t fan_accounts(const struct fan *fan, struct event_sink *ret, struct event_lost *ret_lost);

#endif
