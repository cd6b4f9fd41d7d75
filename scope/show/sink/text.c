/* Prints one line for each removal, for people:
 *
 *     14:03:07.218440  g37  map[string]*main.sess…  "user:42"  812→811  (*store).sweep store.go:61
 *     when             who  type of the map         key        length   site
 *
 * Columns grow to the widest cell so far and never shrink. After a moment all lines are aligned. On
 * a terminal that is too narrow for all columns, each of key, type and site has a guaranteed share.
 * Keys and types are cut at their ends. A site drops its package first, then its function; file and
 * line are dropped last. In a file or a pipe nothing is cut, and a long cell pushes the rest of its
 * line to the right.
 *
 * All bytes from the traced program go through text_safe() or value_text() before they are measured
 * or written. None of its control characters reaches the terminal.
 */
#include "show/sink/text.h"
#include "base/frame.h"
#include "base/buf.h"
#include "show/aggr/aggr.h"

#include <time.h>

#define WIDTH_DEFAULT 100 /* from this width on, there is room for gaps and fractions of seconds */
#define WIDTH_MIN     40

/* --- The columns --- */

/* Divides the width among the columns. */
static void columns_divide(struct text_state *state)
{
	/* Key, type and site share the width that the other columns leave. Each gets its share if
	 * it needs it. The rest is given out in the order of this list. */
	static const struct {
		enum text_column column;
		uint8_t percent;
	} order[] = {{COLUMN_KEY, 40}, {COLUMN_TYPE, 20}, {COLUMN_SITE, 40}};
	bool narrow = state->width < 56;
	size_t *given = state->columns;
	size_t room = state->width;
	size_t left;

	memcpy(given, state->want, sizeof(state->columns));
	given[COLUMN_PID] = state->starts > 1 ? state->want[COLUMN_PID] : 0;
	given[COLUMN_TIME] = state->width >= WIDTH_DEFAULT ? 15 : state->width >= 48 ? 8 : 0;
	given[COLUMN_SITE] = TEXT_UNLIMITED;
	if (state->width == TEXT_UNLIMITED)
		return;
	given[COLUMN_KEY] = given[COLUMN_TYPE] = given[COLUMN_SITE] = 0;
	for (enum text_column c = COLUMN_TIME; c < COLUMN_SITE; c++)
		room -= given[c] ? given[c] + state->gap : 0;
	room -= narrow ? state->gap : 2 * state->gap; /* after key and type */
	left = room;
	for (size_t turn = 0; turn < 2 * ARRAY_SIZE(order); turn++) {
		enum text_column c = order[turn % ARRAY_SIZE(order)].column;
		size_t part = room * order[turn % ARRAY_SIZE(order)].percent / 100;
		size_t more = narrow && c == COLUMN_TYPE ? 0 : state->want[c] - given[c];

		if (turn >= ARRAY_SIZE(order))
			part = left;
		more = more < part ? more : part;
		given[c] += more;
		left -= more;
	}
	given[COLUMN_SITE] += left;
}

/* Notes the width that column c needs. Returns whether that has grown. */
static bool column_wants(struct text_state *state, enum text_column c, size_t columns)
{
	/* The maximum widths. With them, the site has some room even at WIDTH_MIN. */
	static const uint8_t most_wide[TEXT_COLUMNS] = {0, 7, 10, 48, 68, 15, 64};
	static const uint8_t most_narrow[TEXT_COLUMNS] = {0, 7, 5, 48, 68, 9, 64};
	size_t most = state->width < 80 ? most_narrow[c] : most_wide[c];

	columns = columns < most ? columns : most;
	if (columns <= state->want[c])
		return false;
	state->want[c] = columns;
	return true;
}

static void put_cell(struct sink *sink, const struct text_cell *cell, enum text_column c,
		     const char *sgr)
{
	struct text_state *state = sink->state;
	struct buf *to = &sink->out;
	bool color = sink->options.color;
	size_t width = state->columns[c];
	size_t columns = cell->columns;
	size_t len = cell->text.len;
	bool cut = columns > width && state->width != TEXT_UNLIMITED;
	size_t padding;

	if (!width)
		return;
	if (cut) {
		len = text_fit(cell->text.data, len, width - 1, &columns);
		columns++; /* the "…" */
	}
	padding = columns < width ? width - columns : 0;
	if (c == COLUMN_LEN)
		buf_pad(to, ' ', padding);
	text_sgr(to, color, sgr);
	buf_put(to, cell->text.data, len);
	if (cut)
		buf_str(to, "…");
	text_sgr_end(to, color, sgr);
	buf_pad(to, ' ', state->gap + (c == COLUMN_LEN ? 0 : padding));
}

/* --- Time --- */

static void clock_set(struct text_state *state, uint64_t second, char date[static 11])
{
	time_t t = (time_t)second;
	struct tm tm;

	if (!localtime_r(&t, &tm))
		memset(&tm, 0, sizeof(tm));
	strftime(state->clock, sizeof(state->clock), "%H:%M:%S", &tm);
	if (!strftime(date, 11, "%Y-%m-%d", &tm))
		date[0] = '\0';
	state->second = second;
}

/* Sets clock[]. Prints a line with the date when a new day begins. The header has the first
 * date. */
static void turn_clock(struct sink *sink, uint64_t second)
{
	struct text_state *state = sink->state;
	char date[11];

	clock_set(state, second, date);
	if (strcmp(date, state->date) == 0)
		return;
	if (state->date[0]) {
		text_sgr(&sink->out, sink->options.color, SGR_DIM);
		buf_str(&sink->out, date);
		text_sgr_end(&sink->out, sink->options.color, SGR_DIM);
		buf_char(&sink->out, '\n');
	}
	memcpy(state->date, date, sizeof(date));
}

static void put_time(struct sink *sink, uint64_t time_ns)
{
	struct text_state *state = sink->state;
	struct buf *to = &sink->out;
	bool color = sink->options.color;
	uint64_t wall = sink_wall(sink, time_ns);
	uint32_t micros = (uint32_t)(wall % 1000000000 / 1000);

	if (!state->columns[COLUMN_TIME])
		return;
	if (wall / 1000000000 != state->second || !state->clock[0])
		turn_clock(sink, wall / 1000000000);
	text_sgr(to, color, SGR_DIM);
	buf_put(to, state->clock, sizeof(state->clock) - 1);
	if (state->columns[COLUMN_TIME] > 8) {
		buf_char(to, '.');
		buf_digits(to, micros, 6);
	}
	text_sgr_end(to, color, SGR_DIM);
	buf_pad(to, ' ', state->gap);
}

/* --- Type and site, rendered once for each id and width --- */

/* Appends the type. It is unknown if reflect made it in a process that ended before it could be
 * read. */
void text_type(struct buf *to, const struct event_removal *event)
{
	const char *type = event->map_type[0] ? event->map_type : "(unknown)";

	text_safe_str(to, type);
}

static bool type_measure(struct text_state *state, const struct event_removal *event)
{
	if (cache_find(&state->types, event->type_id))
		return false;
	buf_reset(&state->scratch);
	text_type(&state->scratch, event);
	return column_wants(state, COLUMN_TYPE, text_columns(&state->scratch, 0));
}

static const struct cached *type_render(struct text_state *state, const struct event_removal *event,
					size_t width)
{
	struct buf *to = cache_begin(&state->types);
	size_t from = to->len;

	if (width) {
		size_t columns;

		text_type(to, event);
		if (state->width != TEXT_UNLIMITED)
			text_cut(to, from, width);
		columns = text_columns(to, from);
		buf_pad(to, ' ', state->gap + (columns < width ? width - columns : 0));
	}
	return cache_end(&state->types, event->type_id, width);
}

void text_put_cached(struct sink *sink, const struct cache *cache, const struct cached *cached)
{
	if (cached)
		buf_put(&sink->out, cache_text(cache, cached), cached->len);
	else
		sink->out.bad = true;
}

static void put_type(struct sink *sink, const struct event_removal *event, const char *sgr)
{
	struct text_state *state = sink->state;
	size_t width = state->columns[COLUMN_TYPE];
	const struct cached *cached = cache_find(&state->types, event->type_id);

	if (!cached || cached->width != width)
		cached = type_render(state, event, width);
	text_sgr(&sink->out, sink->options.color, sgr);
	text_put_cached(sink, &state->types, cached);
	text_sgr_end(&sink->out, sink->options.color, sgr);
}

/* Returns the label of an event. Its strings point into the event and into `places`. */
static struct place_label label_of(const struct event_removal *event, struct buf *places)
{
	const struct frame *frame = event->stack;
	const struct frame *caller = NULL;
	struct place_label site = {.func = {"(no stack)", 10}};
	size_t place_at, caller_at;

	buf_reset(places);
	if (!event->stack_n)
		return site;
	site.helper = aggr_is_helper(frame->func) || frame->inlined;
	if (site.helper)
		caller = aggr_caller(frame, event->stack_n);
	buf_hex(places, frame->pc);
	place_at = places->len;
	text_place_raw(places, frame);
	caller_at = places->len;
	if (caller)
		text_place_raw(places, caller);
	if (places->bad)
		return site;
	site.func = (struct str){frame->func, strlen(frame->func)};
	if (!site.func.len)
		site.func = (struct str){places->data, place_at};
	site.place = (struct str){places->data + place_at, caller_at - place_at};
	if (caller) {
		site.caller_func = (struct str){caller->func, strlen(caller->func)};
		site.caller_place = (struct str){places->data + caller_at, places->len - caller_at};
	}
	return site;
}

static bool site_measure(struct text_state *state, const struct event_removal *event)
{
	struct place_label site;

	if (cache_find(&state->sites, event->stack_id))
		return false;
	site = label_of(event, &state->scratch);
	return column_wants(state, COLUMN_SITE, place_wants(&site));
}

static void put_site(struct sink *sink, const struct event_removal *event)
{
	struct text_state *state = sink->state;
	size_t width = state->columns[COLUMN_SITE];
	const struct cached *cached = cache_find(&state->sites, event->stack_id);

	if (!cached || cached->width != width) {
		struct place_label site = label_of(event, &state->scratch);
		struct buf *to = cache_begin(&state->sites);

		place_put(to, &site, width, sink->options.color);
		buf_char(to, '\n');
		cached = cache_end(&state->sites, event->stack_id, width);
	}
	text_put_cached(sink, &state->sites, cached);
}

/* --- One event --- */

static void render_key(struct text_cell *key, enum event_kind kind,
		       const struct event_removal *event)
{
	struct buf *to = &key->text;

	buf_reset(to);
	if (kind == EVENT_CLEAR && event->uncounted) {
		buf_str(to, "clear");
	} else if (kind == EVENT_CLEAR) {
		uint64_t before = event->len_before;

		buf_str(to, "clear ");
		buf_u64(to, before > event->len_after ? before - event->len_after : 0);
		buf_str(to, " elements");
	} else {
		event_key(to, event);
	}
	key->columns = text_columns(to, 0);
}

static void render_len(struct text_cell *len, const struct event_removal *event)
{
	static const char arrow[] = "→";
	struct buf *to = &len->text;

	buf_reset(to);
	if (event->panicked) {
		buf_str(to, "panic");
	} else if (!event->removed) {
		buf_str(to, "miss");
	} else if (event->uncounted) {
		buf_char(to, '-');
	} else {
		buf_u64(to, event->len_before);
		buf_put(to, arrow, sizeof(arrow) - 1);
		buf_u64(to, event->len_after);
		len->columns = to->len - (sizeof(arrow) - 1) + 1;
		return;
	}
	len->columns = to->len;
}

static void render_goroutine(struct text_state *state, uint64_t goid)
{
	buf_reset(&state->go.text);
	buf_char(&state->go.text, 'g');
	if (goid)
		buf_u64(&state->go.text, goid);
	else
		buf_char(&state->go.text, '?');
	state->go.columns = state->go.text.len;
	state->goid = goid;
}

static void render_pid(struct text_state *state, uint32_t pid)
{
	buf_reset(&state->pid.text);
	buf_u64(&state->pid.text, pid);
	state->pid.columns = state->pid.text.len;
	state->last_pid = pid;
}

/* Renders the cells that differ from event to event. Divides the width again if a column must
 * grow. */
static void measure(struct text_state *state, enum event_kind kind,
		    const struct event_removal *event)
{
	bool news = type_measure(state, event);

	if (event->goid != state->goid || !state->go.columns)
		render_goroutine(state, event->goid);
	if (event->pid != state->last_pid || !state->pid.columns)
		render_pid(state, event->pid);
	render_key(&state->key, kind, event);
	render_len(&state->len, event);
	news |= site_measure(state, event);
	news |= column_wants(state, COLUMN_PID, state->pid.columns);
	news |= column_wants(state, COLUMN_GO, state->go.columns);
	news |= column_wants(state, COLUMN_KEY, state->key.columns);
	news |= column_wants(state, COLUMN_LEN, state->len.columns);
	if (news)
		columns_divide(state);
}

static void put_removal(struct sink *sink, enum event_kind kind, uint64_t time_ns,
			const struct event_removal *event)
{
	struct text_state *state = sink->state;
	const char *dim = event->removed ? SGR_NONE : SGR_DIM;

	measure(state, kind, event);
	put_time(sink, time_ns);
	put_cell(sink, &state->pid, COLUMN_PID, SGR_CYAN);
	put_cell(sink, &state->go, COLUMN_GO, SGR_CYAN);
	put_type(sink, event, dim);
	put_cell(sink, &state->key, COLUMN_KEY,
		 !event->removed       ? SGR_DIM
		 : kind == EVENT_CLEAR ? SGR_MAGENTA
				       : SGR_GREEN);
	put_cell(sink, &state->len, COLUMN_LEN, event->panicked ? SGR_RED : dim);
	put_site(sink, event);
	if (event->look)
		text_put_look(sink, event->look);
	if (sink->options.stack)
		text_put_stack(sink, event);
	sink->out.bad |= state->key.text.bad || state->scratch.bad;
}

/* --- Header and end --- */

static struct error *text_open(struct sink *sink)
{
	struct text_state *state = calloc(1, sizeof(*state));
	size_t width = sink->options.width ? sink->options.width : TEXT_UNLIMITED;
	bool narrow = width < WIDTH_DEFAULT;

	if (!state)
		return error_nomem();
	state->width = width < WIDTH_MIN ? WIDTH_MIN : width;
	state->gap = narrow ? 1 : 2;
	/* These widths suit most traces. Therefore the first lines are aligned with the later
	 * ones. */
	column_wants(state, COLUMN_GO, narrow ? 4 : 5);
	column_wants(state, COLUMN_TYPE, narrow ? 12 : 16);
	column_wants(state, COLUMN_KEY, narrow ? 10 : 12);
	column_wants(state, COLUMN_LEN, 7);
	columns_divide(state);
	sink->state = state;
	return NULL;
}

static void text_close(struct sink *sink)
{
	struct text_state *state = sink->state;

	if (!state)
		return;
	cache_fini(&state->types);
	cache_fini(&state->sites);
	cache_fini(&state->stacks);
	buf_fini(&state->pid.text);
	buf_fini(&state->go.text);
	buf_fini(&state->key.text);
	buf_fini(&state->len.text);
	buf_fini(&state->scratch);
	free(state);
}

static void put_start(struct sink *sink, const struct event_start *event)
{
	struct text_state *state = sink->state;

	state->starts++;
	columns_divide(state);
	clock_set(state, event->wall_ns / 1000000000, state->date);
	text_report_start(sink, event, state->date, state->width);
	text_report_modules(sink, event, state->width);
}

static void text_event(struct sink *sink, const struct event *event)
{
	const struct text_state *state = sink->state;

	switch (event->kind) {
	case EVENT_START: put_start(sink, &event->start); break;
	case EVENT_MODULE: text_report_module(sink, &event->module, state->width); break;
	case EVENT_DELETE:
	case EVENT_CLEAR: put_removal(sink, event->kind, event->time_ns, &event->removal); break;
	case EVENT_EXIT: text_report_exit(sink, &event->exit); break;
	case EVENT_GAP: text_report_gap(sink, &event->gap, state->width); break;
	case EVENT_SAMPLE: text_report_sample(sink, &event->sample, state->width); break;
	case EVENT_END: text_report_end(sink, &event->end, state->width); break;
	}
}

static void text_table(struct sink *sink, struct aggr *aggr, uint64_t time_ns)
{
	const struct text_state *state = sink->state;

	(void)time_ns;
	summary_text(sink, aggr, state->width, state->starts > 1);
}

const struct sink_ops sink_text = {
	.name = "text",
	.open = text_open,
	.event = text_event,
	.table = text_table,
	.close = text_close,
};
