/* Compiled with and without probes, and compared. The probes show only values that are in registers
 * anyway. */
#include "tophash/probe.h"

TOPHASH_BEGIN
void next(uint64_t sum, void *a, uint64_t b);
void only(void *a, uint64_t b);
void only_before(void *a, uint64_t b);
void only_numbers(void);
TOPHASH_END

void only(void *a, uint64_t b)
{
	TOPHASH_PROBE3(only, a, b, 3);
}

void only_before(void *a, uint64_t b)
{
	uint64_t sum = b * 5;

	TOPHASH_PROBE3(only_before, sum, a, b);
	next(sum, a, b);
}

void only_numbers(void)
{
	TOPHASH_PROBE4(only_numbers, 1, -1, UINT64_MAX, INT64_MIN);
}
