/* Time: two clocks, and a deadline that bounds the work on hostile files.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/base.h"

#include <time.h>

/* Returns the time of a clock in nanoseconds. */
static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* Returns CLOCK_MONOTONIC in nanoseconds. */
static inline uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* Returns how far CLOCK_REALTIME is ahead of CLOCK_MONOTONIC, modulo 2^64. This is the number of
 * nanoseconds from 1970 to monotonic time 0. It changes when somebody sets the clock, and across a
 * suspend. Returns `old` if the difference to it is, or may be, below a millisecond, so that times of
 * events do not jump back and forth. */
uint64_t clock_wall_offset(uint64_t old);

/* Returns the seconds of processor time that this process has used. Time does not count while other
 * processes run, or while this one is stopped by Ctrl-Z. This is a system call, too expensive for
 * every step. */
static inline double clock_used(void)
{
	return (double)clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9;
}

/* A bound on the work for one file, in processor time. */
struct deadline {
	double at; /* in seconds, as clock_used() returns them */
};

static inline struct deadline deadline_in(double seconds)
{
	return (struct deadline){.at = clock_used() + seconds};
}

/* Tells whether the time is over. This is a system call, too expensive for every step. */
static inline bool deadline_passed(const struct deadline *deadline)
{
	return clock_used() >= deadline->at;
}

#endif
