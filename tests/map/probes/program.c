/* The program that probes.py examines: sites of every kind, with values that a tracer must find. C
 * and C++. */
#include <stdio.h>

#include "program.h"

struct pair {
	uint64_t first, second;
};

enum colour { RED, BLUE = 7 };

static uint64_t global;

/* Has one probe at two sites. */
static inline __attribute__((always_inline)) void twice(uint64_t x)
{
	TOPHASH_PROBE2(twice, x, x + 1);
}

static __attribute__((noinline)) void integers(void)
{
	int8_t byte = (int8_t)hidden(0xf0);
	uint8_t ubyte = (uint8_t)hidden(0xf0);
	int16_t half = (int16_t)hidden(0x8001);
	int32_t word = (int32_t)hidden(0x80000002);
	uint32_t uword = (uint32_t)hidden(0x80000003);
	int64_t wide = (int64_t)hidden(UINT64_C(0x8000000000000004));

	TOPHASH_PROBE4(small, byte, ubyte, half, hidden(1) == 1);
	TOPHASH_PROBE3(large, word, uword, wide);
}

static __attribute__((noinline)) void constants(void)
{
	TOPHASH_PROBE4(constants, -5, 5, UINT64_C(0xfedcba9876543210), BLUE);
}

/* Passes the largest value of a register, and more arguments than a function has in registers. */
static __attribute__((noinline)) void four(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	TOPHASH_PROBE4(four, a, b, c, d);
	twice(a ^ d);
}

/* Has a probe with a key whose bytes nothing else uses. */
static __attribute__((noinline)) void local(uint64_t x)
{
	struct pair pair = {x, x + 1};

	TOPHASH_PROBE_READS(&pair);
	TOPHASH_PROBE1(local, &pair);
}

static __attribute__((noinline)) void of_globals(void)
{
	TOPHASH_PROBE2(globals, global, &global);
}

static __attribute__((noinline)) void unrolled(uint64_t x)
{
	for (unsigned i = 0; i < 4; i++)
		TOPHASH_PROBE1(unrolled, x + i);
}

/* Is never called. With --gc-sections the linker removes it, and its note too. */
unsigned long not_called(unsigned long a)
{
	TOPHASH_PROBE1(not_called, a);
	return a * 3;
}

static int evaluated;

int main(void)
{
	global = hidden(0x123);
	integers();
	constants();
	four(hidden(UINT64_MAX), hidden(2), hidden(3), hidden(4));
	twice(hidden(0x77));
	local(hidden(0x11223344));
	of_globals();
	unrolled(hidden(0x500));
	TOPHASH_PROBE1(once, ++evaluated);
#ifdef __cplusplus
	if (grouped(hidden(0x42)) != 0x43)
		return 1;
#endif
	printf("%d %d\n", evaluated, elsewhere((int)hidden(6)));
	return 0;
}
