/* The status line: one line on standard error that tells how long work gets on. It is drawn over itself,
 * and is gone before anything else is printed there. On a terminal only.
 */
#ifndef CMD_STATUS_H
#define CMD_STATUS_H

#include "base/base.h"

/* Returns true when standard error is a terminal that can clear a line. */
bool status_is_wanted(void);
/* Draws the line. It is cut to the width of the terminal. */
void status_show(const char *format, ...) PRINTF_LIKE(1, 2);
/* Takes the line away, if there is one. */
void status_clear(void);

/* How fast a count grows. {0} to begin with. */
struct status_rate {
	uint64_t count;
	double seconds;
};
/* Returns how many came a second since the last call; the first time, since the count began. */
double status_rate(struct status_rate *rate, uint64_t count, double seconds);

#endif
