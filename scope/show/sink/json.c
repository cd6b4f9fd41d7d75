/* Writes JSON Lines: one object a line, each with "event". show/event/schema.c has the members of
 * each kind. A member for something unusual appears only when it happened. */
#include "base/frame.h"
#include "base/buf.h"
#include "base/text/text.h"
#include "show/sink/cache.h"
#include "show/sink/text.h"
#include "show/event/event.h"
#include "read/layout/layout.h"

struct json_state {
	struct cache stacks; /* the array of frames */
	struct cache types;  /* the map type as a JSON string */
	struct json_clock clock, looked;
	/* The state of a map as it was rendered last. The next event is often from the same map. */
	struct map_state shown[MAP_STATE_MAX];
	size_t shown_n;
	struct buf shown_text;
};

static struct error *json_open(struct sink *sink)
{
	sink->state = calloc(1, sizeof(struct json_state));
	return sink->state ? NULL : error_nomem();
}

static void json_close(struct sink *sink)
{
	struct json_state *state = sink->state;

	if (!state)
		return;
	cache_fini(&state->stacks);
	cache_fini(&state->types);
	buf_fini(&state->shown_text);
	free(state);
}

/* --- Members other than plain numbers and strings --- */

static void put_probes(struct buf *to, const struct event_probes *probes)
{
	buf_char(to, '[');
	for (size_t i = 0; i < probes->n; i++) {
		const struct event_probe *probe = &probes->list[i];

		if (i)
			buf_char(to, ',');
		json_begin(to, "func");
		json_put_str(to, probe->func);
		json_name(to, "offset");
		buf_u64(to, probe->offset);
		json_name(to, "role");
		json_put_str(to, probe->role);
		json_name(to, "why");
		json_put_str(to, probe->why);
		buf_char(to, '}');
	}
	buf_char(to, ']');
}

static void put_modules(struct buf *to, const struct event_start *start)
{
	buf_char(to, '[');
	for (size_t i = 0; i < start->modules_n; i++) {
		const struct event_module *module = &start->modules[i];

		if (i)
			buf_char(to, ',');
		json_begin(to, "path");
		json_put_str(to, module->path);
		json_name(to, "build");
		json_put_str(to, module->build);
		json_name(to, "build_id");
		json_put_str(to, module->build_id);
		json_name(to, "bias");
		json_put_address(to, module->bias);
		json_name(to, "go");
		json_put_str(to, module->go);
		buf_char(to, '}');
	}
	buf_char(to, ']');
}

static void put_frame(struct buf *to, const struct frame *frame)
{
	json_begin(to, "pc");
	json_put_address(to, frame->pc);
	json_name(to, "func");
	json_put_str(to, frame->func);
	json_name(to, "file");
	json_put_str(to, frame->file);
	json_name(to, "line");
	buf_u64(to, frame->line);
	if (frame->inlined)
		json_literal(to, ",\"inlined\":true");
	buf_char(to, '}');
}

static void put_stack(struct sink *sink, const struct event_removal *event)
{
	struct json_state *state = sink->state;
	const struct cached *cached = cache_find(&state->stacks, event->stack_id);

	if (!cached) {
		struct buf *to = cache_begin(&state->stacks);

		for (size_t i = 0; i < event->stack_n; i++) {
			buf_char(to, i ? ',' : '[');
			put_frame(to, &event->stack[i]);
		}
		buf_str(to, event->stack_n ? "]" : "[]");
		cached = cache_end(&state->stacks, event->stack_id, 0);
	}
	if (cached)
		buf_put(&sink->out, cache_text(&state->stacks, cached), cached->len);
	else
		sink->out.bad = true;
}

static void put_type(struct sink *sink, const struct event_removal *event)
{
	struct json_state *state = sink->state;
	const struct cached *cached = cache_find(&state->types, event->type_id);

	if (!cached) {
		json_put_str(cache_begin(&state->types), event->map_type);
		cached = cache_end(&state->types, event->type_id, 0);
	}
	if (cached)
		buf_put(&sink->out, cache_text(&state->types, cached), cached->len);
	else
		sink->out.bad = true;
}

static void put_key(struct buf *to, const struct event_removal *event)
{
	value_json(to, event->key, event->key_n);
	if (value_is_cut(event->key, event->key_n))
		json_literal(to, ",\"key_cut\":true");
	if (!event->key_error)
		return;
	json_name(to, "key_error");
	json_put_string(to, event->key_error, strlen(event->key_error));
}

static void put_gc(struct buf *to, enum event_gc gc)
{
	switch (gc) {
	case EVENT_GC_OFF: json_literal(to, "\"off\""); break;
	case EVENT_GC_MARK: json_literal(to, "\"mark\""); break;
	case EVENT_GC_MARKTERMINATION: json_literal(to, "\"marktermination\""); break;
	default: json_literal(to, "null"); break;
	}
}

/* Appends what a look into the heap has told. The clock of events is not used, as looks are earlier: it would be set
 * back and forth. */
static bool put_look(struct sink *sink, const struct event_look *look)
{
	struct json_state *state = sink->state;
	struct buf *to = &sink->out;

	if (!look)
		return false;
	if (look->told) {
		json_name(to, "map_type_told");
		json_put_str(to, look->told);
	}
	if (look->holders) {
		json_name(to, "held_by");
		buf_str(to, look->held_json ? look->held_json : "null");
	}
	json_name(to, "looked");
	if (look->time_ns)
		json_put_time(to, &state->looked, sink_wall(sink, look->time_ns));
	else
		json_literal(to, "null");
	return true;
}

/* Tells whether the rendered state is this one. Names are compared by address: they are literals of
 * the layouts, and equal ones have one address. */
static bool is_shown(const struct json_state *json, const struct map_state *state, size_t n)
{
	if (n != json->shown_n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (state[i].name != json->shown[i].name ||
		    state[i].value != json->shown[i].value ||
		    state[i].is_bool != json->shown[i].is_bool)
			return false;
	return true;
}

static void put_goid(struct buf *to, uint64_t goid)
{
	if (goid)
		json_put_count(to, goid);
	else
		json_literal(to, "null");
}

static void put_length(struct buf *to, const struct event_removal *event, uint64_t length)
{
	if (event->uncounted)
		json_literal(to, "null");
	else
		json_put_count(to, length);
}

static void put_state(struct sink *sink, const struct event_removal *event)
{
	struct json_state *json = sink->state;
	const struct map_state *state = event->state;
	size_t n = event->state_n;

	if (event->uncounted || !n) {
		json_literal(&sink->out, "null");
		return;
	}
	if (n > MAP_STATE_MAX) {
		map_state_json(&sink->out, state, n);
		return;
	}
	if (!is_shown(json, state, n)) {
		buf_reset(&json->shown_text);
		map_state_json(&json->shown_text, state, n);
		memcpy(json->shown, state, n * sizeof(*state));
		json->shown_n = n;
	}
	buf_put(&sink->out, json->shown_text.data, json->shown_text.len);
	sink->out.bad |= json->shown_text.bad;
}

/* Appends a member whose name depends on its value: "code", or "signal" and "signal_name". */
static void put_exit_status(struct buf *to, const struct event_exit *exit)
{
	if (!exit->known) {
		json_name(to, "code");
		json_literal(to, "null");
	} else if (exit->signaled) {
		json_name(to, "signal");
		buf_i64(to, exit->status);
		json_name(to, "signal_name");
		buf_char(to, '"');
		sink_signal_name(to, exit->status);
		buf_char(to, '"');
	} else {
		json_name(to, "code");
		buf_i64(to, exit->status);
	}
}

static void put_lost(struct buf *to, const struct event_lost *lost, size_t n)
{
	buf_char(to, '{');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_char(to, ',');
		json_put_str(to, lost[i].reason);
		buf_char(to, ':');
		buf_u64(to, lost[i].count);
	}
	buf_char(to, '}');
}

static void put_overhead(struct buf *to, const struct event_end *end)
{
	json_begin(to, "hits_per_s");
	json_put_decimal(to, end->hits_per_s);
	json_name(to, "ns_per_hit");
	json_put_decimal(to, end->ns_per_hit);
	json_name(to, "cpu_percent");
	json_put_decimal(to, end->cpu_percent);
	buf_char(to, '}');
}

static void put_sample(struct buf *to, const struct event_sample *sample)
{
	if (sample->by) {
		json_begin(to, "by");
		json_put_str(to, sample->by);
		json_name(to, "fraction");
	} else {
		json_begin(to, "fraction");
	}
	json_put_decimal(to, sample->fraction);
	json_name(to, "watched");
	json_put_decimal(to, sample->watched);
	buf_char(to, '}');
}

static void put_sinks(struct buf *to, const struct event_end *end)
{
	buf_char(to, '[');
	for (size_t i = 0; i < end->sinks_n; i++) {
		if (i)
			buf_char(to, ',');
		json_begin(to, "to");
		json_put_str(to, end->sinks[i].to);
		json_name(to, "delivered");
		buf_u64(to, end->sinks[i].delivered);
		json_name(to, "lost");
		put_lost(to, end->sinks[i].lost, end->sinks[i].lost_n);
		buf_char(to, '}');
	}
	buf_char(to, ']');
}

static void put_looks(struct buf *to, const struct event_end *end)
{
	json_begin(to, "done");
	buf_u64(to, end->looks);
	json_name(to, "failed");
	buf_u64(to, end->looks_failed);
	json_name(to, "no_room");
	buf_u64(to, end->looks_no_room);
	json_name(to, "cpu_ms");
	json_put_decimal(to, end->looks_cpu_ms);
	buf_char(to, '}');
}

/* Appends a member that only other events have, not removals. */
static bool put_cold(struct buf *to, const struct event *event, enum event_type type)
{
	const struct event_end *end = &event->end;

	switch (type) {
	case EVENT_MODULES:
		if (event->start.modules_n)
			put_modules(to, &event->start);
		return event->start.modules_n;
	case EVENT_EXIT_STATUS: put_exit_status(to, &event->exit); return true;
	case EVENT_LOST: put_lost(to, end->lost, end->lost_n); return true;
	case EVENT_MISSES:
		if (end->misses_counted)
			buf_u64(to, end->misses);
		return end->misses_counted;
	case EVENT_STATUS:
		if (end->status_known)
			buf_u64(to, end->status);
		return end->status_known;
	case EVENT_OVERHEAD:
		if (end->overhead_known)
			put_overhead(to, end);
		return end->overhead_known;
	case EVENT_SAMPLED:
		if (end->overhead_limited)
			put_sample(to, &end->sample);
		return end->overhead_limited;
	case EVENT_LOOKS:
		if (end->looked)
			put_looks(to, end);
		return end->looked;
	case EVENT_SINKS:
		if (end->sinks_n)
			put_sinks(to, end);
		return end->sinks_n;
	default: return false;
	}
}

/* --- Events --- */

/* Appends the value of a member. `at` points to it in the event. Returns false when the member is
 * left out of this record. */
static bool put_value(struct sink *sink, const struct event *event, enum event_type type,
		      const void *at)
{
	struct json_state *state = sink->state;
	struct buf *to = &sink->out;

	switch (type) {
	case EVENT_CONSTANT: return true;
	case EVENT_TIME: json_put_time(to, &state->clock, sink_wall(sink, event->time_ns)); break;
	case EVENT_NS: json_put_ns(to, *(const uint64_t *)at); break;
	case EVENT_U32: buf_u64(to, *(const uint32_t *)at); break;
	case EVENT_U64: buf_u64(to, *(const uint64_t *)at); break;
	case EVENT_LENGTH: put_length(to, &event->removal, *(const uint64_t *)at); break;
	case EVENT_GOID: put_goid(to, *(const uint64_t *)at); break;
	case EVENT_ADDRESS: json_put_address(to, *(const uint64_t *)at); break;
	case EVENT_DECIMAL: json_put_decimal(to, *(const double *)at); break;
	case EVENT_STRING:
		if (!*(const char *const *)at)
			return false;
		json_put_str(to, *(const char *const *)at);
		break;
	case EVENT_FLAG:
		if (!*(const bool *)at)
			return false;
		json_put_bool(to, true);
		break;
	case EVENT_BOOL: json_put_bool(to, *(const bool *)at); break;
	case EVENT_PROBES: put_probes(to, at); break;
	case EVENT_KEY: put_key(to, &event->removal); break;
	case EVENT_GC: put_gc(to, event->removal.gc); break;
	case EVENT_STATE: put_state(sink, &event->removal); break;
	case EVENT_MAP_TYPE: put_type(sink, &event->removal); break;
	case EVENT_STACK: put_stack(sink, &event->removal); break;
	case EVENT_LOOK: return put_look(sink, event->removal.look);
	default: return put_cold(to, event, type);
	}
	return true;
}

/* Appends a name. It copies a constant number of bytes, which takes two instructions, and then adds
 * the true length. A call of memcpy() for each name would double the cost of an event. */
static void put_name(struct buf *to, const struct event_member *member)
{
	char *room = buf_room(to, sizeof(member->name));

	if (!room)
		return;
	memcpy(room, member->name, sizeof(member->name));
	to->len += member->name_len;
}

static void json_event(struct sink *sink, const struct event *event)
{
	const struct event_schema *schema = event_schema(event->kind);
	struct buf *to = &sink->out;

	buf_str(to, schema->begin);
	for (size_t i = 0; i < schema->n; i++) {
		const struct event_member *member = &schema->members[i];
		const void *at = (const char *)event + member->offset;

		size_t before = to->len;

		put_name(to, member);
		if (!put_value(sink, event, member->type, at))
			to->len = before;
	}
	json_end_line(to);
}

static void json_table(struct sink *sink, struct aggr *aggr, uint64_t time_ns)
{
	struct json_state *state = sink->state;

	summary_json(sink, aggr, time_ns, &state->clock);
}

const struct sink_ops sink_json = {
	.name = "json",
	.open = json_open,
	.event = json_event,
	.table = json_table,
	.close = json_close,
};
