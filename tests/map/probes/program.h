/* Common functions of the two files of the program. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "tophash/probe.h"

TOPHASH_BEGIN
int elsewhere(int x);
unsigned long not_called(unsigned long a);
TOPHASH_END

/* Hides a value from the compiler. */
static __attribute__((noinline)) uint64_t hidden(uint64_t x)
{
	__asm__ __volatile__("" : "+r"(x));
	return x;
}

#ifdef __cplusplus
/* Is in a section group, and in both files. */
template <typename T> __attribute__((noinline)) T grouped(T x)
{
	TOPHASH_PROBE1(grouped, x);
	return x + 1;
}
#endif

#endif
