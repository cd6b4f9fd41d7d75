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

struct span {
	const char *p;
	size_t len;
};

/* Who deleted; not safe, as the traced program has it. */
struct site {
	struct span func, place;	       /* "main.(*store).sweep", "store.go:61" */
	struct span caller_func, caller_place; /* empty when unknown or of no interest */
	bool helper; /* it deletes for its caller: a library's, or inlined */
};

/* Appends the site in the fullest form that fits; returns the columns it takes. */
size_t site_put(struct buf *to, const struct site *site, size_t columns, bool color);
/* How many columns it should have, so that nothing that matters is left out. */
size_t site_wants(const struct site *site);

/* Append the lines of an event. width: of the terminal. */
void text_report_start(struct sink *sink, const struct event_start *event, const char *date,
		       size_t width);
void text_report_exit(struct sink *sink, const struct event_exit *event);
void text_report_gap(struct sink *sink, const struct event_gap *event, size_t width);
void text_report_end(struct sink *sink, const struct event_end *event, size_t width);

/* The table at the end, as text and as JSON Lines. pids: there are several processes. */
void summary_text(struct sink *sink, struct aggr *aggr, size_t width, bool pids);
void summary_json(struct sink *sink, struct aggr *aggr, uint64_t time_ns, struct json_clock *clock);

#endif
