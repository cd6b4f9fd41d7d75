/* Brackets around each write of the slow path. */
#ifndef TOPHASH_WRITE_H
#define TOPHASH_WRITE_H

#include "debug.h"
#include "hooks.h"

/* Begins a slow write. write_tags is NULL until its end, so a fast write of another thread lands in the
 * slow path and is reported there. The check costs the fast path nothing. */
static inline void write_begin(struct tophash *map)
{
	if (TOPHASH_UNLIKELY(map->writing))
		tophash_report_fault(TOPHASH_FAULT_CONCURRENT_WRITE, map);
	map->writing = 1;
	map->write_tags = NULL;
}

/* Checks a map at the level of TOPHASH_DEBUG=check=N. Prints and reports a broken invariant. */
void write_check(const struct tophash *map);

static inline void write_end(struct tophash *map)
{
	map->writing = 0;
	map->write_tags = map->tags && !has_element_hooks(map) ? map->tags : NULL;
	if (TOPHASH_UNLIKELY(debug.check))
		write_check(map);
}

#endif
