/* One line per removal, for people:
 *
 *     14:03:07.218440  g37  map[string]*main.sess…  "user:42"  812→811  (*store).sweep store.go:61
 *     when             who  type of the map         key        length   site
 *
 * Columns grow to the widest cell so far and never shrink: after a moment all lines stand below each
 * other. On a terminal that is too narrow for all, each of key, type and site has a share that it
 * gets for certain. Keys and types are cut at their ends. A site drops its package, then its
 * function; file and line stay to the last. In a file or a pipe nothing is cut: a long cell pushes
 * the rest of its line to the right.
 *
 * Whatever comes from the traced program goes through text_safe() or value_text() before it is
 * measured or written: no control character of its reaches the terminal.
 */
#include "show/sink/text.h"
#include "show/sink/cache.h"

#include <time.h>

#define WIDTH_DEFAULT 100 /* from here on there is room for gaps and fractions of seconds */
#define WIDTH_MIN     40
#define INDENT	      6 /* of the frames below a line */

/* In the order in which they are printed. */
enum column {
	COLUMN_TIME,
	COLUMN_PID,
	COLUMN_GO,
	COLUMN_TYPE,
	COLUMN_KEY,
	COLUMN_LEN,
	COLUMN_SITE
};
#define COLUMNS (COLUMN_SITE + 1)

/* Safe text and the columns it takes. */
struct cell {
	struct buf text;
	size_t columns;
};

struct text_state {
	size_t width;		 /* of the terminal */
	size_t gap;		 /* between columns */
	size_t want[COLUMNS];	 /* the widest seen, within reason */
	size_t columns[COLUMNS]; /* given; 0: the column is left out */
	unsigned starts;
	uint64_t second;     /* that clock[] shows, since 1970 */
	char clock[9];	     /* "14:03:07" */
	char date[11];	     /* "2026-08-06", as it was shown last */
	struct cache types;  /* the type's cell, cut and padded */
	struct cache sites;  /* the site's cell and the newline */
	struct cache stacks; /* the frames below the line */
	struct cell pid, go, key, len;
	struct buf scratch;
};

/* --- The columns --- */

/* Divides the width among the columns. */
static void columns_divide(struct text_state *state)
{
	/* Key, type and site share what the others leave. Each gets its part if it wants as
	 * much; what is left over goes in this order. */
	static const struct {
		enum column column;
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
	for (enum column c = COLUMN_TIME; c < COLUMN_SITE; c++)
		room -= given[c] ? given[c] + state->gap : 0;
	room -= narrow ? state->gap : 2 * state->gap; /* behind key and type */
	left = room;
	for (size_t turn = 0; turn < 2 * ARRAY_SIZE(order); turn++) {
		enum column c = order[turn % ARRAY_SIZE(order)].column;
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

/* Notes how wide column c would like to be. Returns whether it has grown. */
static bool column_wants(struct text_state *state, enum column c, size_t columns)
{
	/* No column may ask for more: the site must have some room even at WIDTH_MIN. */
	static const uint8_t most_wide[COLUMNS] = {0, 7, 10, 48, 68, 15, 64};
	static const uint8_t most_narrow[COLUMNS] = {0, 7, 5, 48, 68, 9, 64};
	size_t most = state->width < 80 ? most_narrow[c] : most_wide[c];

	columns = columns < most ? columns : most;
	if (columns <= state->want[c])
		return false;
	state->want[c] = columns;
	return true;
}

static void put_cell(struct sink *sink, const struct cell *cell, enum column c, const char *sgr)
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

/* Sets clock[]. A new day gets a line of its own. The first day stands in the header. */
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
	char digits[7] = ".";

	if (!state->columns[COLUMN_TIME])
		return;
	if (wall / 1000000000 != state->second || !state->clock[0])
		turn_clock(sink, wall / 1000000000);
	text_sgr(to, color, SGR_DIM);
	buf_put(to, state->clock, sizeof(state->clock) - 1);
	for (size_t i = sizeof(digits) - 1; i; i--, micros /= 10)
		digits[i] = (char)('0' + micros % 10);
	if (state->columns[COLUMN_TIME] > 8)
		buf_put(to, digits, sizeof(digits));
	text_sgr_end(to, color, SGR_DIM);
	buf_pad(to, ' ', state->gap);
}

/* --- Type and site: rendered once for each id and width --- */

/* Appends the type. It is unknown when reflect made it in a process that had ended before anybody
 * could look. */
static void type_text(struct buf *to, const struct event_removal *event)
{
	const char *type = event->map_type[0] ? event->map_type : "(unknown)";

	text_safe_str(to, type);
}

static bool type_measure(struct text_state *state, const struct event_removal *event)
{
	if (cache_find(&state->types, event->type_id))
		return false;
	buf_reset(&state->scratch);
	type_text(&state->scratch, event);
	return column_wants(state, COLUMN_TYPE, text_columns(&state->scratch, 0));
}

static const struct cached *type_render(struct text_state *state, const struct event_removal *event,
					size_t width)
{
	struct buf *to = cache_begin(&state->types);
	size_t from = to->len;

	if (width) {
		size_t columns;

		type_text(to, event);
		if (state->width != TEXT_UNLIMITED)
			text_cut(to, from, width);
		columns = text_columns(to, from);
		buf_pad(to, ' ', state->gap + (columns < width ? width - columns : 0));
	}
	return cache_end(&state->types, event->type_id, width);
}

static void put_cached(struct sink *sink, const struct cache *cache, const struct cached *cached)
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
	put_cached(sink, &state->types, cached);
	text_sgr_end(&sink->out, sink->options.color, sgr);
}

/* Returns the event's label. Its strings point into the event and into `places`. */
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
	put_cached(sink, &state->sites, cached);
}

/* --- The lines of --stack, which are wrapped, never cut --- */

/* Appends the detail line in `scratch`. */
static void put_detail(struct sink *sink)
{
	struct text_state *state = sink->state;

	text_sgr(&sink->out, sink->options.color, SGR_DIM);
	text_wrap_indented(&sink->out, &state->scratch, INDENT, 2, state->width);
	text_sgr_end(&sink->out, sink->options.color, SGR_DIM);
	sink->out.bad |= state->scratch.bad;
}

/* "user:42" of map[string]*main.session
 * Nothing when the line above has them whole. */
static void put_key_type(struct sink *sink, const struct event_removal *event)
{
	struct text_state *state = sink->state;
	struct buf *to = &state->scratch;
	size_t columns;

	if (state->width == TEXT_UNLIMITED)
		return;
	buf_reset(to);
	type_text(to, event);
	columns = text_columns(to, 0);
	if (columns <= state->columns[COLUMN_TYPE] &&
	    state->key.columns <= state->columns[COLUMN_KEY])
		return;
	buf_reset(to);
	buf_put(to, state->key.text.data, state->key.text.len);
	buf_str(to, " of ");
	type_text(to, event);
	put_detail(sink);
}

/* map 0xc00012a000 on the stack · runtime.mapdelete_faststr · gc off · tables 1, slots 8 */
static void put_details(struct sink *sink, const struct event_removal *event)
{
	static const char *const gc_names[] = {
		[EVENT_GC_OFF] = " · gc off",
		[EVENT_GC_MARK] = " · gc mark",
		[EVENT_GC_MARKTERMINATION] = " · gc marktermination",
		[EVENT_GC_UNKNOWN] = "",
	};
	struct text_state *state = sink->state;
	struct buf *to = &state->scratch;

	buf_reset(to);
	buf_str(to, "map ");
	buf_hex(to, event->map);
	buf_str(to, event->on_stack ? " on the stack · " : " · ");
	text_safe_str(to, event->func);
	buf_str(to, (unsigned)event->gc < ARRAY_SIZE(gc_names) ? gc_names[event->gc] : "");
	for (size_t i = 0; i < event->state_n; i++) {
		buf_str(to, i ? ", " : " · ");
		text_safe_str(to, event->state[i].name);
		buf_char(to, ' ');
		if (event->state[i].is_bool)
			buf_str(to, event->state[i].value ? "yes" : "no");
		else
			buf_u64(to, event->state[i].value);
	}
	put_detail(sink);
}

static void put_frame_func(struct buf *to, const struct frame *frame)
{
	if (frame->func[0])
		text_safe_str(to, frame->func);
	else
		buf_hex(to, frame->pc);
}

/* Returns the column in which the files of a stack begin: behind the longest function, but not
 * beyond the middle of the line. */
static size_t frames_func_columns(struct text_state *state, const struct event_removal *event)
{
	size_t most = state->width == TEXT_UNLIMITED ? 60 : (state->width - INDENT) / 2;
	size_t widest = 0;

	for (size_t i = 0; i < event->stack_n; i++) {
		size_t columns;

		buf_reset(&state->scratch);
		put_frame_func(&state->scratch, &event->stack[i]);
		columns = text_columns(&state->scratch, 0);
		widest = columns > widest && columns <= most ? columns : widest;
	}
	return widest;
}

/* main.(*server).logout   /src/shop/server.go:117
 * A file that does not fit behind its function goes on a line of its own. */
static void put_frame(struct text_state *state, struct buf *to, const struct frame *frame,
		      size_t func_columns)
{
	struct buf *line = &state->scratch;
	size_t columns;

	buf_reset(line);
	put_frame_func(line, frame);
	columns = text_columns(line, 0);
	buf_pad(line, ' ', 2 + (columns < func_columns ? func_columns - columns : 0));
	if (frame->file[0]) {
		text_safe_str(line, frame->file);
		buf_char(line, ':');
		buf_u64(line, frame->line);
	} else {
		buf_char(line, '?');
	}
	if (frame->inlined)
		buf_str(line, " (inlined)");
	text_wrap_indented(to, line, INDENT, 2, state->width);
	to->bad |= line->bad;
}

static void put_stack_end(struct sink *sink, const struct event_removal *event)
{
	struct text_state *state = sink->state;

	if (!event->stack_cut && !event->stack_error)
		return;
	buf_reset(&state->scratch);
	buf_str(&state->scratch, "… ");
	if (event->stack_error)
		text_safe_str(&state->scratch, event->stack_error);
	else
		buf_str(&state->scratch, "more frames: see --stack");
	text_wrap_indented(&sink->out, &state->scratch, INDENT, 2, state->width);
}

static void put_stack(struct sink *sink, const struct event_removal *event)
{
	struct text_state *state = sink->state;
	const struct cached *cached = cache_find(&state->stacks, event->stack_id);

	put_key_type(sink, event);
	put_details(sink, event);
	if (!cached) {
		size_t func_columns = frames_func_columns(state, event);
		struct buf *to = cache_begin(&state->stacks);

		for (size_t i = 0; i < event->stack_n; i++)
			put_frame(state, to, &event->stack[i], func_columns);
		cached = cache_end(&state->stacks, event->stack_id, 0);
	}
	put_cached(sink, &state->stacks, cached);
	put_stack_end(sink, event);
}

/* --- One event --- */

static void render_key(struct cell *key, enum event_kind kind, const struct event_removal *event)
{
	struct buf *to = &key->text;

	buf_reset(to);
	if (kind == EVENT_CLEAR) {
		uint64_t before = event->len_before;

		buf_str(to, "clear ");
		buf_u64(to, before > event->len_after ? before - event->len_after : 0);
		buf_str(to, " elements");
	} else {
		event_key(to, event);
	}
	key->columns = text_columns(to, 0);
}

static void render_len(struct cell *len, const struct event_removal *event)
{
	static const char arrow[] = "→";
	struct buf *to = &len->text;

	buf_reset(to);
	if (event->panicked) {
		buf_str(to, "panic");
	} else if (!event->removed) {
		buf_str(to, "miss");
	} else {
		buf_u64(to, event->len_before);
		buf_put(to, arrow, sizeof(arrow) - 1);
		buf_u64(to, event->len_after);
		len->columns = to->len - (sizeof(arrow) - 1) + 1;
		return;
	}
	len->columns = to->len;
}

/* Renders the cells that differ from event to event. Divides the columns anew if one must grow. */
static void measure(struct text_state *state, enum event_kind kind,
		    const struct event_removal *event)
{
	bool news = type_measure(state, event);

	buf_reset(&state->go.text);
	buf_char(&state->go.text, 'g');
	buf_u64(&state->go.text, event->goid);
	state->go.columns = state->go.text.len;
	buf_reset(&state->pid.text);
	buf_u64(&state->pid.text, event->pid);
	state->pid.columns = state->pid.text.len;
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
	if (sink->options.stack)
		put_stack(sink, event);
	sink->out.bad |= state->key.text.bad || state->scratch.bad;
}

/* --- The rest --- */

static struct error *text_open(struct sink *sink)
{
	struct text_state *state = calloc(1, sizeof(*state));
	size_t width = sink->options.width ? sink->options.width : TEXT_UNLIMITED;
	bool narrow = width < WIDTH_DEFAULT;

	if (!state)
		return error_nomem();
	state->width = width < WIDTH_MIN ? WIDTH_MIN : width;
	state->gap = narrow ? 1 : 2;
	/* What most traces want, for the first lines to stand as the later ones do. */
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
}

static void text_event(struct sink *sink, const struct event *event)
{
	const struct text_state *state = sink->state;

	switch (event->kind) {
	case EVENT_START: put_start(sink, &event->start); break;
	case EVENT_DELETE:
	case EVENT_CLEAR: put_removal(sink, event->kind, event->time_ns, &event->removal); break;
	case EVENT_EXIT: text_report_exit(sink, &event->exit); break;
	case EVENT_GAP: text_report_gap(sink, &event->gap, state->width); break;
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
