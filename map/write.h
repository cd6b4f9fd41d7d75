/* Brackets around each write of the slow path. */
#ifndef TOPHASH_WRITE_H
#define TOPHASH_WRITE_H

#include "debug.h"
#include "hooks.h"

/* Checks a map before a write, and after it at the level of TOPHASH_DEBUG=check=N. Prints and reports what is
 * wrong. call is the name of the function that writes. */
void check_begin(const struct tophash *map, const char *call);
void check_end(const struct tophash *map, const char *call);
/* Checks a map that is to be used, and the key, before a call from outside reads either: with check=N, a map that is not
 * initialised and a NULL key are reported instead of read. */
void check_call(const struct tophash *map, const struct tophash_type *type, const void *raw,
		const char *call);
/* Notes a map that got its first memory other than by a write. */
void check_made(const struct tophash *map);

/* Begins a slow write. write_tags is NULL until its end, and a fast write of another thread lands in the
 * slow path and is reported there. The check costs the fast path nothing. */
static inline void write_begin(struct tophash *map, const char *call)
{
	if (TOPHASH_UNLIKELY(debug.check))
		check_begin(map, call);
	if (TOPHASH_UNLIKELY(map->writing))
		tophash_report_fault(TOPHASH_FAULT_CONCURRENT_WRITE, map);
	map->writing = 1;
	map->write_tags = NULL;
}

static inline void write_end(struct tophash *map, const char *call)
{
	map->writing = 0;
	map->write_tags = has_fast_writes(map) ? map->tags : NULL;
	if (TOPHASH_UNLIKELY(debug.check))
		check_end(map, call);
}

#endif
