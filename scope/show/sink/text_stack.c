/* Prints the lines of --stack below the line of an event. They are wrapped, never cut:
 *
 *     14:03:07 g37 map[string]*main.sess… "user:42"  812→811 (*store).sweep store.go:61
 *           "user:42" of map[string]*main.session
 *           map 0xc00012a000 · runtime.mapdelete_faststr · gc off · tables 1, slots 8
 *           main.(*store).sweep  /src/store.go:61
 *           main.main            /src/main.go:12
 */
#include "show/sink/text.h"
#include "base/frame.h"
#include "base/buf.h"
#include "read/layout/layout.h"

#include <time.h>

#define INDENT 6

/* Appends the detail line in `scratch`. */
static void put_detail(struct sink *sink)
{
	struct text_state *state = sink->state;

	text_sgr(&sink->out, sink->options.color, SGR_DIM);
	text_wrap_indented(&sink->out, &state->scratch, INDENT, 2, state->width);
	text_sgr_end(&sink->out, sink->options.color, SGR_DIM);
	sink->out.bad |= state->scratch.bad;
}

/* Appends the line `"user:42" of map[string]*main.session`. Appends nothing when the line above
 * shows key and type in full. */
static void put_key_type(struct sink *sink, const struct event_removal *event)
{
	struct text_state *state = sink->state;
	struct buf *to = &state->scratch;
	size_t columns;

	if (state->width == TEXT_UNLIMITED)
		return;
	buf_reset(to);
	text_type(to, event);
	columns = text_columns(to, 0);
	if (columns <= state->columns[COLUMN_TYPE] &&
	    state->key.columns <= state->columns[COLUMN_KEY])
		return;
	buf_reset(to);
	buf_put(to, state->key.text.data, state->key.text.len);
	buf_str(to, " of ");
	text_type(to, event);
	put_detail(sink);
}

/* Appends "map 0xc00012a000 on the stack · runtime.mapdelete_faststr · gc off · tables 1, slots
 * 8". */
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

/* Returns the column in which the files of a stack begin. It is after the longest function, but not
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

/* Appends "main.(*server).logout   /src/shop/server.go:117". A file that does not fit goes on its
 * own line. */
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

/* Appends "held by main.theStore.sessions (looked up at 14:03:07)". */
void text_put_look(struct sink *sink, const struct event_look *look)
{
	struct text_state *state = sink->state;
	struct buf *to = &state->scratch;
	char clock[9] = "";
	time_t second = (time_t)(sink_wall(sink, look->time_ns) / 1000000000);
	struct tm tm = {0};

	if (!look->holders)
		return;
	buf_reset(to);
	buf_str(to, "held by ");
	buf_str(to, look->held_text ? look->held_text : "?");
	if (look->time_ns && localtime_r(&second, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	buf_str(to, look->time_ns ? " (looked up at " : " (not looked up yet");
	buf_str(to, clock);
	buf_char(to, ')');
	put_detail(sink);
}

void text_put_stack(struct sink *sink, const struct event_removal *event)
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
	text_put_cached(sink, &state->stacks, cached);
	put_stack_end(sink, event);
}
