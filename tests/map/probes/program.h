/* What the two files of the program share. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "tophash/probe.h"

TOPHASH_BEGIN
int elsewhere(int x);
unsigned long not_called(unsigned long a);
TOPHASH_END

/* What the compiler cannot know. */
static __attribute__((noinline)) uint64_t hidden(uint64_t x)
{
	__asm__ __volatile__("" : "+r"(x));
	return x;
}

#ifdef __cplusplus
/* In a group, and in both files. */
template <typename T> __attribute__((noinline)) T grouped(T x)
{
	TOPHASH_PROBE1(grouped, x);
	return x + 1;
}
#endif

#endif
