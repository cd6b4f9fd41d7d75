/* Comma-separated values: a line for each removal, and one at the end. */
#include "base/frame.h"
#include "base/buf.h"
#include "base/text/text.h"
#include "read/layout/layout.h"
#include "show/aggr/aggr.h"
#include "show/event/event.h"
#include "show/sink/sink.h"

/* Appends a quoted field; a quote in it is doubled. */
static void put_field(struct buf *to, const char *text)
{
	buf_char(to, '"');
	for (; *text; text++) {
		if (*text == '"')
			buf_char(to, '"');
		buf_char(to, (unsigned char)*text < ' ' ? '?' : *text);
	}
	buf_char(to, '"');
}

static void put_removal(struct buf *to, const struct event *event)
{
	const struct event_removal *removal = &event->removal;
	struct buf key = {0};

	value_text(&key, removal->key, removal->key_n);
	buf_printf(to, "%s,%u,", event->kind == EVENT_CLEAR ? "clear" : "delete", removal->pid);
	put_field(to, removal->map_type);
	buf_char(to, ',');
	put_field(to, buf_cstr(&key));
	buf_char(to, ',');
	put_field(to, removal->stack_n ? removal->stack[0].func : "");
	buf_char(to, '\n');
	buf_fini(&key);
}

static void csv_event(struct sink *sink, const struct event *event)
{
	if (event->kind == EVENT_START)
		buf_str(&sink->out, "event,pid,map_type,key,func\n");
	else if (event_is_removal(event))
		put_removal(&sink->out, event);
	else if (event->kind == EVENT_END)
		buf_printf(&sink->out, "end,%llu\n", (unsigned long long)event->end.delivered);
}

static void csv_table(struct sink *sink, struct aggr *aggr, uint64_t time_ns)
{
	const struct aggr_row *rows;
	size_t n = aggr_rows(aggr, &rows);

	for (size_t i = 0; i < n; i++) {
		buf_printf(&sink->out, "summary,%llu,", (unsigned long long)rows[i].elements);
		put_field(&sink->out, rows[i].name);
		buf_char(&sink->out, '\n');
	}
}

const struct sink_ops sink_csv = {
	.name = "csv",
	.event = csv_event,
	.table = csv_table,
};
