/* What `tophash trace` prints to stderr about its run.
 */
#ifndef CMD_TRACE_SAY_H
#define CMD_TRACE_SAY_H

#include "cmd/status.h"
#include "watch/session/session.h"

/* Shows the status line. rate: the rate of hits, which is kept between the calls. */
void trace_say_progress(struct status_rate *rate, const struct session_progress *progress);
/* Prints the totals. For runs whose output could not take them. */
void trace_say_totals(const struct session_totals *totals);

#endif
