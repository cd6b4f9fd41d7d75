/* Time, to bound work on files that are made to take long.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <time.h>

/* Seconds of processor time that this process has used: a busy machine, or a stop by Ctrl-Z, does
 * not count. A system call: not for every step. */
static inline double clock_used(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
