/* What Valkey's dict takes from the rest of the server, as little of it as it needs. Each header
 * that it includes is one of the files in this folder, which include this one. */
#ifndef BENCH_MAP_VALKEY_STUBS_H
#define BENCH_MAP_VALKEY_STUBS_H

#include <assert.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

typedef uint64_t monotime;

static inline uint64_t getMonotonicUs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static inline void elapsedStart(monotime *began)
{
	*began = getMonotonicUs();
}

static inline uint64_t elapsedUs(monotime began)
{
	return getMonotonicUs() - began;
}

static inline unsigned long long genrand64_int64(void)
{
	return (unsigned long long)random() << 32 | (unsigned long long)random();
}

#define zmalloc(size)	  malloc(size)
#define zcalloc(size)	  calloc(1, size)
#define ztrycalloc(size)  calloc(1, size)
#define zrealloc(p, size) realloc(p, size)
#define zfree(p)	  free(p)
#define panic(...)	  abort()
#define zmalloc_size(p)	  malloc_usable_size(p)

#endif
