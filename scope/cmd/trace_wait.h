/* --wait: until a process of a name begins.
 */
#ifndef CMD_TRACE_WAIT_H
#define CMD_TRACE_WAIT_H

#include "cmd/trace_options.h"

/* Waits for the first Go process of the name options->wait, and adds it to *ret. One that runs already is
 * taken at once. *ret_met tells whether there was one before options->duration_ns had passed, of which
 * *ret_left_ns are left. Errors (ERROR_TARGET): several run already; (ERROR_PERMISSION): new processes
 * cannot be watched. */
struct error *trace_wait(const struct trace_options *options, struct choice *ret, bool *ret_met,
			 uint64_t *ret_left_ns);

#endif
