/* Time: two clocks to read, and one measure to bound work on files that are made to take long.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

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

/* Returns what CLOCK_REALTIME is ahead of CLOCK_MONOTONIC, modulo 2^64: nanoseconds since 1970 at
 * monotonic time 0. It changes when somebody sets the clock, and over a suspension. Returns `old`
 * where the difference to it is below a millisecond, or may be so: times of events must not jump back
 * and forth. */
uint64_t clock_wall_offset(uint64_t old);

/* Returns the seconds of processor time that this process has used. The time of a busy machine, or
 * of a stop by Ctrl-Z, does not count. This is a system call, too dear for every step. */
static inline double clock_used(void)
{
	return (double)clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9;
}

/* A bound on the work for one file, in processor time. */
struct deadline {
	double at; /* as clock_used() counts */
};

static inline struct deadline deadline_in(double seconds)
{
	return (struct deadline){.at = clock_used() + seconds};
}

/* Tells whether the time is over. A system call: not for every step. */
static inline bool deadline_passed(const struct deadline *deadline)
{
	return clock_used() >= deadline->at;
}

#endif
