/* What the files of the text sink share. Inside sink/.
 *
 *   text.c         the live lines
 *   text_site.c    a site in a given number of columns; cutting and wrapping
 *   text_report.c  header, exit line, table, totals
 *
 * "Safe" text has been through text_safe() or value_text(): nothing in it acts on a terminal.
 */
#ifndef SHOW_SINK_TEXT_H
#define SHOW_SINK_TEXT_H

#include "show/sink/sink.h"

#define SGR_BOLD    "\033[1m"
#define SGR_DIM	    "\033[2m"
#define SGR_RED	    "\033[31m"
#define SGR_GREEN   "\033[32m"
#define SGR_MAGENTA "\033[35m"
#define SGR_CYAN    "\033[36m"
#define SGR_NONE    ""

/* Begins a colour, and ends it; nothing when colours are off. */
void text_sgr(struct buf *to, bool color, const char *sgr);
void text_sgr_end(struct buf *to, bool color, const char *sgr);

/* Columns of the safe text from `from` to the end. */
size_t text_columns(const struct buf *text, size_t from);
/* Cuts the safe text from `from` on to `columns` (at least 1), with "…" for what went. */
void text_cut(struct buf *text, size_t from, size_t columns);
/* Appends safe text cut at its beginning: of a path the end matters. */
void text_tail(struct buf *to, const char *text, size_t len, size_t columns);
/* Appends safe text and a newline, broken at spaces so that no line is wider than `columns`. */
void text_wrap(struct buf *to, const struct buf *text, size_t columns);

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

/* As the ops of the same names; width: of the terminal; pids: there are several processes. */
void text_report_start(struct sink *sink, const struct event_start *event, size_t width);
void text_report_exit(struct sink *sink, const struct event_exit *event);
void text_report_table(struct sink *sink, struct aggr *aggr, size_t width, bool pids);
void text_report_end(struct sink *sink, const struct event_end *event, size_t width);

#endif
