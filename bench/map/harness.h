/* Functions of the driver for the loops over a table: key streams, clocks, histograms, a report. */
#ifndef BENCH_MAP_HARNESS_H
#define BENCH_MAP_HARNESS_H

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "types.h"

#define NOINLINE __attribute__((noinline))

/* The task of a program, from its command line. */
struct task {
	std::string name; /* speed, memory, small, latency */
	size_t n;
	uint64_t seed;
	unsigned repeats; /* speed: maps built one after another, each with other keys */
};

/* Keys, and the room that they own. For strings, the room has the order of the keys. */
struct keys {
	std::vector<bench_key> key;
	std::vector<char> room;

	size_t size() const
	{
		return key.size();
	}
	bench_key operator[](size_t i) const
	{
		return key[i];
	}
};

/* The streams of one map of n entries: the same for everybody who is given the same seed.
 *
 *   in      key i has value i + 1                            hit     some of in, in another order
 *   erase   all of in, in another order                      out     keys that never are in the map
 *   fresh   2n more keys: churn puts them in...              victim  ...and erases these, in turn
 */
struct streams {
	struct keys in, hit, erase, out, fresh, victim;
	uint64_t in_sum, churned_sum; /* of values and key words: before churn, and after it */
	uint64_t hit_sum;	      /* of values */
};

enum stream_set { STREAMS_BASIC, STREAMS_ALL }; /* BASIC: in and erase only */

struct streams make_streams(size_t n, uint64_t seed, stream_set set);

/* Look-ups of a repeat. More would give no further information. */
constexpr size_t QUERIES_MAX = 2000000;

/* Results by name. If there are several of one name, the median is printed. */
class report
{
      public:
	void add(const std::string &name, double value)
	{
		values[name].push_back(value);
	}
	void print() const;

      private:
	std::map<std::string, std::vector<double>> values;
};

/* Ends the program if a table gave a wrong answer, because its times would be worthless. */
void check(const char *what, uint64_t got, uint64_t want);

/* Returns the exact number of bytes of anonymous memory of this process, after malloc has released
 * what it can.
 */
double memory_held();

inline double clock_ns(clockid_t clock)
{
	struct timespec ts;

	asm volatile("" ::: "memory");
	clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* Returns the CPU time of this thread. On a shared machine it excludes the time of other
 * programs. */
inline double now_ns()
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Returns the cost of now_ns() itself, which is a system call. */
double clock_cost();

/* Returns the cycle counter, the cheapest clock, for single operations. */
inline uint64_t ticks()
{
#ifdef __x86_64__
	uint64_t t;
	unsigned cpu;

	/* rdtscp waits for earlier instructions, and lfence keeps later ones from beginning. */
	t = __rdtscp(&cpu);
	_mm_lfence();
	return t;
#else
	return (uint64_t)clock_ns(CLOCK_MONOTONIC);
#endif
}

/* Returns the nanoseconds of a tick. */
double tick_ns();

/* A histogram with 32 steps between powers of two: within 3 %. The maximum is exact. */
class histogram
{
      public:
	void add(uint64_t value)
	{
		count[index(value)]++;
		total++;
		if (value > max)
			max = value;
	}
	/* Reports NAME.p50 and so on, in nanoseconds. */
	void print_to(report &to, const std::string &name) const;

      private:
	static constexpr unsigned STEPS = 32, STEP_BITS = 5;

	static unsigned index(uint64_t value)
	{
		unsigned top;

		if (value < STEPS)
			return (unsigned)value;
		top = 63 - (unsigned)__builtin_clzll(value) - STEP_BITS;
		return (top + 1) * STEPS + (unsigned)(value >> top) % STEPS;
	}
	static uint64_t floor_of(unsigned i)
	{
		if (i < STEPS)
			return i;
		return (uint64_t)(STEPS + i % STEPS) << (i / STEPS - 1);
	}
	uint64_t quantile(double q) const;

	uint64_t count[64 * STEPS] = {}, total = 0, max = 0;
};

/* Runs a task. The adapter defines it, with BENCH_PEER of suite.h. */
void run_task(const struct task &task, report &ret);

#endif
