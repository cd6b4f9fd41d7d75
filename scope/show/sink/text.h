/* Declarations that the files of the text sink share. Inside sink/.
 *
 *   text.c         the live lines
 *   text_stack.c   the lines below them
 *   text_place.c   a site in a given number of columns
 *   text_report.c  header, exit line, totals
 *   summary.c      the table at the end, as text and as JSON
 *
 * "Safe" text went through text_safe() or value_text(). Nothing in it acts on a terminal.
 */
#ifndef SHOW_SINK_TEXT_H
#define SHOW_SINK_TEXT_H

#include "base/buf_type.h"
#include "base/text/text.h"
#include "show/event/event.h"
#include "show/sink/cache.h"
#include "show/sink/sink.h"

struct str {
	const char *p;
	size_t len;
};

/* The function and line that deleted. The strings have the bytes of the traced program, and are not
 * safe. */
struct place_label {
	struct str func, place;		      /* "main.(*store).sweep", "store.go:61" */
	struct str caller_func, caller_place; /* empty when unknown or of no interest */
	bool helper; /* it deletes for its caller, because it is in a library or inlined */
};

/* Appends the label in the fullest form that fits. Returns the number of columns used. */
size_t place_put(struct buf *to, const struct place_label *site, size_t columns, bool color);
/* Returns the width that the label needs to be shown without loss. */
size_t place_wants(const struct place_label *site);

/* Append the lines of an event. `width` is that of the terminal; with TEXT_UNLIMITED nothing is
 * cut. `date` is the date of the event, "2026-08-06". */
void text_report_start(struct sink *sink, const struct event_start *event, const char *date,
		       size_t width);
void text_report_module(struct sink *sink, const struct event_module *event, size_t width);
void text_report_modules(struct sink *sink, const struct event_start *event, size_t width);
void text_report_exit(struct sink *sink, const struct event_exit *event);
void text_report_gap(struct sink *sink, const struct event_gap *event, size_t width);
void text_report_sample(struct sink *sink, const struct event_sample *event, size_t width);
/* Appends `before` and what the counts are a part of, when they are: "a sample of 12.5% (whole goroutines);
 * watched for 40.1% of the time". */
void text_put_sample(struct buf *to, const struct event_sample *sample, const char *before);
void text_report_end(struct sink *sink, const struct event_end *event, size_t width);

/* Append the table at the end, as text and as JSON Lines. `pids` says that there are several
 * processes. */
void summary_text(struct sink *sink, struct aggr *aggr, size_t width, bool pids);
void summary_json(struct sink *sink, struct aggr *aggr, uint64_t time_ns, struct json_clock *clock);

/* --- The live lines --- */

/* The columns of a live line, in the order in which they are printed. */
enum text_column {
	COLUMN_TIME,
	COLUMN_PID,
	COLUMN_GO,
	COLUMN_TYPE,
	COLUMN_KEY,
	COLUMN_LEN,
	COLUMN_SITE
};
#define TEXT_COLUMNS (COLUMN_SITE + 1)

/* Safe text and the columns it takes. */
struct text_cell {
	struct buf text;
	size_t columns;
};

struct text_state {
	size_t width;		      /* of the terminal */
	size_t gap;		      /* between columns */
	size_t want[TEXT_COLUMNS];    /* the widest cell so far, up to a maximum */
	size_t columns[TEXT_COLUMNS]; /* its width now; 0 when the column is left out */
	unsigned starts;
	uint64_t second;     /* the second in clock[], since 1970 */
	char clock[9];	     /* "14:03:07" */
	char date[11];	     /* the date that was printed last: "2026-08-06" */
	struct cache types;  /* the type's cell, cut and padded */
	struct cache sites;  /* the site's cell and the newline */
	struct cache stacks; /* the frames below the line */
	struct text_cell pid, go, key, len;
	uint32_t last_pid; /* the pid in `pid` */
	uint64_t goid;	   /* the goroutine in `go` */
	struct buf scratch;
};

/* Appends the map's type, safe. */
void text_type(struct buf *to, const struct event_removal *event);
/* Appends a rendered text to the output. `cached` is NULL when memory was out. */
void text_put_cached(struct sink *sink, const struct cache *cache, const struct cached *cached);
/* Appends the line of --holders. */
void text_put_look(struct sink *sink, const struct event_look *look);
/* Appends the lines of --stack. */
void text_put_stack(struct sink *sink, const struct event_removal *event);

#endif
