/* What `tophash trace` prints about its run: messages and the status line on stderr, and the plan of
 * --dry-run.
 */
#ifndef CMD_TRACE_SAY_H
#define CMD_TRACE_SAY_H

#include "cmd/status.h"
#include "cmd/trace_options.h"
#include "show/sink/sink.h"
#include "watch/session/session.h"

struct trace_say {
	const struct trace_options *options;
	bool status; /* show the status line */
	struct status_rate rate;
};

/* The two are for struct session_options; ctx is a struct trace_say. The first prints a message, the
 * second shows the status line. */
void trace_say_notice(void *ctx, enum session_notice kind, const char *text);
void trace_say_progress(void *ctx, const struct session_progress *progress);
/* With -v, tells how many probes were placed, and how long that took. */
void trace_say_ready(const struct trace_options *options, const struct session *session);
/* Returns whether a run that writes to `fd` has a status line. A run that prints events where people
 * see them needs none. */
bool trace_has_status(const struct trace_options *options, int fd);
/* Makes the options of the sink that writes to `fd`. The caller sets those of interrupts. */
struct sink_options trace_sink_options(const struct trace_options *options, int fd);
/* Prints the totals. For runs whose output could not take them. */
void trace_say_totals(const struct session_totals *totals);
/* Writes the probes of --dry-run as text to `fd`. Errors: it cannot be written; out of memory. */
struct error *trace_say_plan(const struct trace_options *options, const struct session *session,
			     int fd);

#endif
