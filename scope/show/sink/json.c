/* JSON Lines: one object a line, each with "event". The names and their order are an interface;
 * a member that says that something is unusual appears only when it is. */
#include "show/sink/sink.h"
#include "show/sink/cache.h"

#include <math.h>

struct json_state {
	struct cache stacks; /* the array of frames */
	struct cache types;  /* the map type as a JSON string */
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
	free(state);
}

/* --- Members; `name` is the literal text between the quotes --- */

#define put_literal(to, text) buf_put((to), (text), sizeof(text) - 1)
#define put_next(to, name)    put_literal(to, ",\"" name "\":")

static void put_string(struct buf *to, const char *s)
{
	value_json_string(to, s, strlen(s));
}

static void put_address(struct buf *to, uint64_t addr)
{
	buf_char(to, '"');
	buf_hex(to, addr);
	buf_char(to, '"');
}

/* A number that comes from a traced program; past 2^63 many readers refuse the whole line. */
static void put_count(struct buf *to, uint64_t value)
{
	if (value <= INT64_MAX) {
		buf_u64(to, value);
		return;
	}
	buf_char(to, '"');
	buf_u64(to, value);
	buf_char(to, '"');
}

static void put_bool(struct buf *to, bool value)
{
	buf_str(to, value ? "true" : "false");
}

/* To the microsecond (of a second or millisecond), without trailing zeros. */
static void put_decimal(struct buf *to, double number)
{
	const struct value value = {
		.kind = VALUE_FLOAT,
		.bits = 64,
		.f = round(number * 1e6) / 1e6,
	};

	value_json(to, &value, 1);
}

/* --- Start --- */

static void put_probe(struct buf *to, const struct event_probe *probe)
{
	put_literal(to, "{\"func\":");
	put_string(to, probe->func);
	put_next(to, "offset");
	buf_u64(to, probe->offset);
	put_next(to, "role");
	put_string(to, probe->role);
	put_next(to, "why");
	put_string(to, probe->why);
	buf_char(to, '}');
}

static void put_program(struct buf *to, const struct event_start *event)
{
	put_next(to, "pid");
	buf_u64(to, event->pid);
	put_next(to, "exe");
	put_string(to, event->exe);
	put_next(to, "build_id");
	put_string(to, event->build_id);
	put_next(to, "bias");
	put_address(to, event->bias);
	put_next(to, "go");
	put_string(to, event->go);
	put_next(to, "layout");
	put_string(to, event->layout);
	put_next(to, "stripped");
	put_bool(to, event->stripped);
}

static void json_start(struct sink *sink, const struct event_start *event)
{
	struct buf *to = &sink->out;

	put_literal(to, "{\"event\":\"start\",\"schema\":1,\"version\":");
	put_string(to, event->version);
	put_next(to, "engine");
	put_string(to, event->engine);
	put_next(to, "arch");
	put_string(to, event->arch);
	put_program(to, event);
	/* Both clocks at one moment: what turns an event's time_ns into a time of day. */
	put_literal(to, ",\"clock\":\"monotonic\",\"time_ns\":");
	buf_u64(to, event->time_ns);
	put_next(to, "wall_ns");
	buf_u64(to, event->wall_ns);
	put_next(to, "ready_ms");
	put_decimal(to, event->ready_ms);
	put_literal(to, ",\"probes\":[");
	for (size_t i = 0; i < event->probes_n; i++) {
		if (i)
			buf_char(to, ',');
		put_probe(to, &event->probes[i]);
	}
	put_literal(to, "]}\n");
}

/* --- Removals --- */

static void put_frame(struct buf *to, const struct event_frame *frame)
{
	put_literal(to, "{\"pc\":");
	put_address(to, frame->pc);
	put_next(to, "func");
	put_string(to, frame->func);
	put_next(to, "file");
	put_string(to, frame->file);
	put_next(to, "line");
	buf_u64(to, frame->line);
	if (frame->inlined)
		put_literal(to, ",\"inlined\":true");
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
		put_string(cache_begin(&state->types), event->map_type);
		cached = cache_end(&state->types, event->type_id, 0);
	}
	if (cached)
		buf_put(&sink->out, cache_text(&state->types, cached), cached->len);
	else
		sink->out.bad = true;
}

static void put_key(struct buf *to, const struct event_removal *event)
{
	size_t len = 0;
	const char *error = event->key_error;

	put_next(to, "key");
	value_json(to, event->key, event->key_n);
	if (value_is_cut(event->key, event->key_n))
		put_literal(to, ",\"key_cut\":true");
	if (error)
		len = strlen(error);
	else
		error = value_error(event->key, event->key_n, &len);
	if (!error)
		return;
	put_next(to, "key_error");
	value_json_string(to, error, len);
}

static void put_gc(struct buf *to, enum event_gc gc)
{
	switch (gc) {
	case EVENT_GC_OFF: put_literal(to, ",\"gc\":\"off\""); break;
	case EVENT_GC_MARK: put_literal(to, ",\"gc\":\"mark\""); break;
	case EVENT_GC_MARKTERMINATION: put_literal(to, ",\"gc\":\"marktermination\""); break;
	default: put_literal(to, ",\"gc\":null"); break;
	}
}

static void put_state(struct buf *to, const struct event_state *state, size_t n)
{
	put_literal(to, ",\"state\":{");
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_char(to, ',');
		put_string(to, state[i].name);
		buf_char(to, ':');
		if (state[i].is_bool)
			put_bool(to, state[i].value);
		else
			put_count(to, state[i].value);
	}
	buf_char(to, '}');
}

static void put_where(struct sink *sink, const struct event_removal *event)
{
	struct buf *to = &sink->out;

	buf_u64(to, event->time_ns);
	put_next(to, "pid");
	buf_u64(to, event->pid);
	put_next(to, "tid");
	buf_u64(to, event->tid);
	put_next(to, "goid");
	put_count(to, event->goid);
	put_next(to, "map");
	put_address(to, event->map);
	put_next(to, "map_type");
	put_type(sink, event);
	if (event->on_stack)
		put_literal(to, ",\"on_stack\":true");
}

static void json_removal(struct sink *sink, enum event_kind kind, const struct event_removal *event)
{
	struct buf *to = &sink->out;

	if (sink_skips(sink))
		return;
	if (kind == EVENT_CLEAR)
		put_literal(to, "{\"event\":\"clear\",\"kind\":\"go\",\"time_ns\":");
	else
		put_literal(to, "{\"event\":\"delete\",\"kind\":\"go\",\"time_ns\":");
	put_where(sink, event);
	if (kind != EVENT_CLEAR)
		put_key(to, event);
	put_next(to, "removed");
	put_bool(to, event->removed);
	if (event->panicked)
		put_literal(to, ",\"panicked\":true");
	put_next(to, "len_before");
	put_count(to, event->len_before);
	put_next(to, "len_after");
	put_count(to, event->len_after);
	put_next(to, "func");
	put_string(to, event->func);
	put_gc(to, event->gc);
	put_state(to, event->state, event->state_n);
	put_next(to, "stack");
	put_stack(sink, event);
	if (event->stack_cut)
		put_literal(to, ",\"stack_cut\":true");
	if (event->stack_error) {
		put_next(to, "stack_error");
		put_string(to, event->stack_error);
	}
	put_literal(to, "}\n");
	sink_formatted(sink);
}

/* --- Exit, summary, end --- */

static void json_exit(struct sink *sink, const struct event_exit *event)
{
	struct buf *to = &sink->out;

	put_literal(to, "{\"event\":\"exit\",\"pid\":");
	buf_u64(to, event->pid);
	if (event->known && event->signaled) {
		put_next(to, "signal");
		buf_i64(to, event->status);
		put_literal(to, ",\"signal_name\":\"");
		sink_signal_name(to, event->status);
		buf_char(to, '"');
	} else if (event->known) {
		put_next(to, "code");
		buf_i64(to, event->status);
	} else {
		put_literal(to, ",\"code\":null");
	}
	put_literal(to, "}\n");
}

/* What the row stands for: the members before its counts. */
static void put_row_subject(struct buf *to, enum aggr_by by, const struct aggr_row *row)
{
	static const char *const by_names[] = {
		[AGGR_BY_SITE] = "site",
		[AGGR_BY_MAP] = "map",
		[AGGR_BY_TYPE] = "type",
		[AGGR_BY_KEY] = "key",
	};

	put_literal(to, "{\"event\":\"summary\",\"by\":");
	put_string(to, by_names[by]);
	if (row->others) {
		put_literal(to, ",\"others\":true");
		return;
	}
	switch (by) {
	case AGGR_BY_SITE:
		put_next(to, "site");
		put_string(to, row->name);
		put_next(to, "file");
		put_string(to, row->file);
		put_next(to, "line");
		buf_u64(to, row->line);
		put_next(to, "caller");
		put_string(to, row->caller);
		break;
	case AGGR_BY_MAP:
		put_next(to, "pid");
		buf_u64(to, row->pid);
		put_next(to, "map");
		put_string(to, row->name);
		break;
	case AGGR_BY_KEY:
		put_next(to, "key");
		buf_str(to, row->json[0] ? row->json : "null");
		if (row->key_cut)
			put_literal(to, ",\"key_cut\":true");
		break;
	case AGGR_BY_TYPE: break;
	}
	if (by != AGGR_BY_SITE) {
		put_next(to, "map_type");
		put_string(to, by == AGGR_BY_TYPE ? row->name : row->detail);
	}
}

static void json_table(struct sink *sink, struct aggr *aggr)
{
	struct buf *to = &sink->out;
	const struct aggr_row *rows;
	size_t n = aggr_rows(aggr, &rows);

	for (size_t i = 0; i < n; i++) {
		put_row_subject(to, aggr_by(aggr), &rows[i]);
		put_next(to, "elements");
		buf_u64(to, rows[i].elements);
		put_next(to, "deletes");
		buf_u64(to, rows[i].deletes);
		put_next(to, "clears");
		buf_u64(to, rows[i].clears);
		put_next(to, "misses");
		buf_u64(to, rows[i].misses);
		put_next(to, "goroutines");
		buf_u64(to, rows[i].goroutines);
		put_literal(to, "}\n");
	}
}

static void json_end(struct sink *sink, const struct event_end *event)
{
	struct buf *to = &sink->out;

	put_literal(to, "{\"event\":\"end\",\"hits\":");
	buf_u64(to, event->hits);
	put_next(to, "removed");
	buf_u64(to, event->removed);
	put_next(to, "cleared");
	buf_u64(to, event->cleared);
	if (event->misses_counted) {
		put_next(to, "misses");
		buf_u64(to, event->misses);
	}
	put_next(to, "delivered");
	buf_u64(to, event->delivered);
	put_next(to, "filtered");
	buf_u64(to, event->filtered);
	put_literal(to, ",\"lost\":{");
	for (size_t i = 0; i < event->lost_n; i++) {
		if (i)
			buf_char(to, ',');
		put_string(to, event->lost[i].reason);
		buf_char(to, ':');
		buf_u64(to, event->lost[i].count);
	}
	if (!event->lost_n)
		put_literal(to, "\"ring_full\":0");
	put_literal(to, "},\"seconds\":");
	put_decimal(to, event->seconds);
	put_literal(to, "}\n");
}

const struct sink_ops sink_json = {
	.name = "json",
	.open = json_open,
	.start = json_start,
	.removal = json_removal,
	.exit = json_exit,
	.table = json_table,
	.end = json_end,
	.close = json_close,
};
