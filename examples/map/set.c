/* A set of numbers. It counts the steps until a sequence returns to a number that it has passed. */
#include <inttypes.h>
#include <stdio.h>

#include <tophash/map.h>

TOPHASH_SET(seen, uint64_t);

static uint64_t next(uint64_t x)
{
	return (x * x + 12345) % 1000003;
}

int main(void)
{
	struct seen seen = {0};
	uint64_t x = 1, first;
	size_t steps, circle = 0;
	int added;

	/* add returns 1 for a new number, 0 for a number that the set has, or an error. */
	while ((added = seen_add(&seen, x)) == 1)
		x = next(x);
	if (added < 0) {
		fprintf(stderr, "set: out of memory\n");
		seen_fini(&seen);
		return 1;
	}
	steps = seen_len(&seen);
	first = x;
	/* Goes around the circle once. The numbers of the circle are deleted, and the numbers
	 * before it stay. */
	while (seen_delete(&seen, x)) {
		x = next(x);
		circle++;
	}
	printf("%" PRIu64 " comes again after %zu steps; the circle has %zu numbers\n", first,
	       steps, circle);
	printf("on the way to it: %zu; is 1 one of them? %s\n", seen_len(&seen),
	       seen_has(&seen, 1) ? "yes" : "no");
	seen_fini(&seen);
	return 0;
}
