/* The status line: one line on standard error that shows the progress of long work. It is redrawn
 * in place, and is removed before anything else is printed there. It is only shown on a
 * terminal.
 */
#ifndef CMD_STATUS_H
#define CMD_STATUS_H

#include "base/base.h"

/* Returns true when standard error is a terminal that can clear a line. */
bool status_is_wanted(void);
/* Draws the line. It is cut to the width of the terminal. */
void status_show(const char *format, ...) PRINTF_LIKE(1, 2);
/* Removes the line, if there is one. */
void status_clear(void);

/* Computes how fast a count grows. Begins as {0}. */
struct status_rate {
	uint64_t count;
	double seconds;
};
/* Returns the rate per second since the last call. The first call returns the rate since the count
 * began. */
double status_rate(struct status_rate *rate, uint64_t count, double seconds);

#endif
