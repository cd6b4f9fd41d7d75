/* What the files of the text sink share. Inside sink/.
 *
 *   text.c         the live lines
 *   text_place.c   a site in a given number of columns
 *   text_report.c  header, exit line, totals
 *   summary.c      the table at the end; its JSON too
 *
 * "Safe" text has been through text_safe() or value_text(): nothing in it acts on a terminal.
 */
#ifndef SHOW_SINK_TEXT_H
#define SHOW_SINK_TEXT_H

#include "base/text/text.h"
#include "show/sink/sink.h"

struct str {
	const char *p;
	size_t len;
};

/* The function and line that deleted. The strings are as the traced program has them, not safe. */
struct place_label {
	struct str func, place;		      /* "main.(*store).sweep", "store.go:61" */
	struct str caller_func, caller_place; /* empty when unknown or of no interest */
	bool helper; /* it deletes for its caller: it is a library's, or inlined */
};

/* Appends the label in the fullest form that fits. Returns the columns it takes. */
size_t place_put(struct buf *to, const struct place_label *site, size_t columns, bool color);
/* Returns the columns that the label should have for nothing that matters to be left out. */
size_t place_wants(const struct place_label *site);

/* Append the lines of an event. width: of the terminal; TEXT_UNLIMITED: nothing is cut. date: of the
 * event, "2026-08-06". */
void text_report_start(struct sink *sink, const struct event_start *event, const char *date,
		       size_t width);
void text_report_exit(struct sink *sink, const struct event_exit *event);
void text_report_gap(struct sink *sink, const struct event_gap *event, size_t width);
void text_report_end(struct sink *sink, const struct event_end *event, size_t width);

/* Append the table at the end, as text and as JSON Lines. pids: there are several processes. */
void summary_text(struct sink *sink, struct aggr *aggr, size_t width, bool pids);
void summary_json(struct sink *sink, struct aggr *aggr, uint64_t time_ns, struct json_clock *clock);

#endif
