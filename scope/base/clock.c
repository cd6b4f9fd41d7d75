#include "base/base.h"
#include "base/clock.h"

#define READINGS_MAX 8
#define GOOD_NS	     20000   /* between two readings, if nobody took the CPU away */
#define STEP_NS	     1000000 /* nobody sets a clock by less */

/* Reads the offset between two clocks that cannot be read at the same moment. On a busy machine
 * another program may run between two readings, for many milliseconds. CLOCK_MONOTONIC is therefore
 * read before and after CLOCK_REALTIME, and the closest of several readings is taken. The error is
 * at most half of the time between. */
uint64_t clock_wall_offset(uint64_t old)
{
	uint64_t offset = 0, closest = UINT64_MAX;
	uint64_t within;

	for (unsigned i = 0; i < READINGS_MAX && closest > GOOD_NS; i++) {
		uint64_t before = now_ns();
		uint64_t wall = clock_ns(CLOCK_REALTIME);
		uint64_t between = now_ns() - before;

		if (between < closest) {
			closest = between;
			offset = wall - (before + between / 2);
		}
	}
	within = STEP_NS + closest / 2;
	return offset - old + within < 2 * within ? old : offset;
}
