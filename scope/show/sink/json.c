/* JSON Lines: one object a line, each with "event". The names and their order are an interface;
 * a member that says that something is unusual appears only when it is. */
#include "base/text/text.h"
#include "show/sink/sink.h"
#include "show/sink/cache.h"

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

/* --- Start --- */

static void put_probe(struct buf *to, const struct event_probe *probe)
{
	json_literal(to, "{\"func\":");
	json_put_str(to, probe->func);
	json_name(to, "offset");
	buf_u64(to, probe->offset);
	json_name(to, "role");
	json_put_str(to, probe->role);
	json_name(to, "why");
	json_put_str(to, probe->why);
	buf_char(to, '}');
}

static void put_program(struct buf *to, const struct event_start *event)
{
	json_name(to, "pid");
	buf_u64(to, event->pid);
	json_name(to, "exe");
	json_put_str(to, event->exe);
	json_name(to, "build_id");
	json_put_str(to, event->build_id);
	json_name(to, "bias");
	json_put_address(to, event->bias);
	json_name(to, "go");
	json_put_str(to, event->go);
	json_name(to, "layout");
	json_put_str(to, event->layout);
	json_name(to, "stripped");
	json_put_bool(to, event->stripped);
}

static void json_start(struct sink *sink, const struct event_start *event)
{
	struct buf *to = &sink->out;

	json_literal(to, "{\"event\":\"start\",\"schema\":1,\"version\":");
	json_put_str(to, event->version);
	json_name(to, "engine");
	json_put_str(to, event->engine);
	json_name(to, "arch");
	json_put_str(to, event->arch);
	put_program(to, event);
	/* Both clocks at one moment: what turns an event's time_ns into a time of day. */
	json_literal(to, ",\"clock\":\"monotonic\",\"time_ns\":");
	buf_u64(to, event->time_ns);
	json_name(to, "wall_ns");
	buf_u64(to, event->wall_ns);
	json_name(to, "ready_ms");
	json_put_decimal(to, event->ready_ms);
	json_literal(to, ",\"probes\":[");
	for (size_t i = 0; i < event->probes_n; i++) {
		if (i)
			buf_char(to, ',');
		put_probe(to, &event->probes[i]);
	}
	json_literal(to, "]}\n");
}

/* --- Removals --- */

static void put_frame(struct buf *to, const struct event_frame *frame)
{
	json_literal(to, "{\"pc\":");
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
	size_t len = 0;
	const char *error = event->key_error;

	json_name(to, "key");
	value_json(to, event->key, event->key_n);
	if (value_is_cut(event->key, event->key_n))
		json_literal(to, ",\"key_cut\":true");
	if (error)
		len = strlen(error);
	else
		error = value_error(event->key, event->key_n, &len);
	if (!error)
		return;
	json_name(to, "key_error");
	json_put_string(to, error, len);
}

static void put_gc(struct buf *to, enum event_gc gc)
{
	switch (gc) {
	case EVENT_GC_OFF: json_literal(to, ",\"gc\":\"off\""); break;
	case EVENT_GC_MARK: json_literal(to, ",\"gc\":\"mark\""); break;
	case EVENT_GC_MARKTERMINATION: json_literal(to, ",\"gc\":\"marktermination\""); break;
	default: json_literal(to, ",\"gc\":null"); break;
	}
}

static void put_state(struct buf *to, const struct event_state *state, size_t n)
{
	json_literal(to, ",\"state\":{");
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_char(to, ',');
		json_put_str(to, state[i].name);
		buf_char(to, ':');
		if (state[i].is_bool)
			json_put_bool(to, state[i].value);
		else
			json_put_count(to, state[i].value);
	}
	buf_char(to, '}');
}

static void put_where(struct sink *sink, const struct event_removal *event)
{
	struct buf *to = &sink->out;

	buf_u64(to, event->time_ns);
	json_name(to, "pid");
	buf_u64(to, event->pid);
	json_name(to, "tid");
	buf_u64(to, event->tid);
	json_name(to, "goid");
	json_put_count(to, event->goid);
	json_name(to, "map");
	json_put_address(to, event->map);
	json_name(to, "map_type");
	put_type(sink, event);
	if (event->on_stack)
		json_literal(to, ",\"on_stack\":true");
}

static void json_removal(struct sink *sink, enum event_kind kind, const struct event_removal *event)
{
	struct buf *to = &sink->out;

	if (sink_skips(sink))
		return;
	if (kind == EVENT_CLEAR)
		json_literal(to, "{\"event\":\"clear\",\"kind\":\"go\",\"time_ns\":");
	else
		json_literal(to, "{\"event\":\"delete\",\"kind\":\"go\",\"time_ns\":");
	put_where(sink, event);
	if (kind != EVENT_CLEAR)
		put_key(to, event);
	json_name(to, "removed");
	json_put_bool(to, event->removed);
	if (event->panicked)
		json_literal(to, ",\"panicked\":true");
	json_name(to, "len_before");
	json_put_count(to, event->len_before);
	json_name(to, "len_after");
	json_put_count(to, event->len_after);
	json_name(to, "func");
	json_put_str(to, event->func);
	put_gc(to, event->gc);
	put_state(to, event->state, event->state_n);
	json_name(to, "stack");
	put_stack(sink, event);
	if (event->stack_cut)
		json_literal(to, ",\"stack_cut\":true");
	if (event->stack_error) {
		json_name(to, "stack_error");
		json_put_str(to, event->stack_error);
	}
	json_literal(to, "}\n");
	sink_formatted(sink);
}

/* --- Exit, summary, end --- */

static void json_exit(struct sink *sink, const struct event_exit *event)
{
	struct buf *to = &sink->out;

	json_literal(to, "{\"event\":\"exit\",\"pid\":");
	buf_u64(to, event->pid);
	if (event->known && event->signaled) {
		json_name(to, "signal");
		buf_i64(to, event->status);
		json_literal(to, ",\"signal_name\":\"");
		sink_signal_name(to, event->status);
		buf_char(to, '"');
	} else if (event->known) {
		json_name(to, "code");
		buf_i64(to, event->status);
	} else {
		json_literal(to, ",\"code\":null");
	}
	json_literal(to, "}\n");
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

	json_literal(to, "{\"event\":\"summary\",\"by\":");
	json_put_str(to, by_names[by]);
	if (row->others) {
		json_literal(to, ",\"others\":true");
		return;
	}
	switch (by) {
	case AGGR_BY_SITE:
		json_name(to, "site");
		json_put_str(to, row->name);
		json_name(to, "file");
		json_put_str(to, row->file);
		json_name(to, "line");
		buf_u64(to, row->line);
		json_name(to, "caller");
		json_put_str(to, row->caller);
		break;
	case AGGR_BY_MAP:
		json_name(to, "pid");
		buf_u64(to, row->pid);
		json_name(to, "map");
		json_put_str(to, row->name);
		break;
	case AGGR_BY_KEY:
		json_name(to, "key");
		buf_str(to, row->json[0] ? row->json : "null");
		if (row->key_cut)
			json_literal(to, ",\"key_cut\":true");
		break;
	case AGGR_BY_TYPE: break;
	}
	if (by != AGGR_BY_SITE) {
		json_name(to, "map_type");
		json_put_str(to, by == AGGR_BY_TYPE ? row->name : row->detail);
	}
}

static void json_table(struct sink *sink, struct aggr *aggr)
{
	struct buf *to = &sink->out;
	const struct aggr_row *rows;
	size_t n = aggr_rows(aggr, &rows);

	for (size_t i = 0; i < n; i++) {
		put_row_subject(to, aggr_by(aggr), &rows[i]);
		json_name(to, "elements");
		buf_u64(to, rows[i].elements);
		json_name(to, "deletes");
		buf_u64(to, rows[i].deletes);
		json_name(to, "clears");
		buf_u64(to, rows[i].clears);
		json_name(to, "misses");
		buf_u64(to, rows[i].misses);
		json_name(to, "goroutines");
		buf_u64(to, rows[i].goroutines);
		json_literal(to, "}\n");
	}
}

static void json_end(struct sink *sink, const struct event_end *event)
{
	struct buf *to = &sink->out;

	json_literal(to, "{\"event\":\"end\",\"hits\":");
	buf_u64(to, event->hits);
	json_name(to, "removed");
	buf_u64(to, event->removed);
	json_name(to, "cleared");
	buf_u64(to, event->cleared);
	if (event->misses_counted) {
		json_name(to, "misses");
		buf_u64(to, event->misses);
	}
	json_name(to, "delivered");
	buf_u64(to, event->delivered);
	json_name(to, "filtered");
	buf_u64(to, event->filtered);
	json_literal(to, ",\"lost\":{");
	for (size_t i = 0; i < event->lost_n; i++) {
		if (i)
			buf_char(to, ',');
		json_put_str(to, event->lost[i].reason);
		buf_char(to, ':');
		buf_u64(to, event->lost[i].count);
	}
	if (!event->lost_n)
		json_literal(to, "\"ring_full\":0");
	json_literal(to, "},\"seconds\":");
	json_put_decimal(to, event->seconds);
	json_literal(to, "}\n");
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
