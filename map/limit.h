/* The memory that a process may still take. */
#ifndef TOPHASH_MAP_LIMIT_H
#define TOPHASH_MAP_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "names.h"

/* Returns whether this many bytes may be touched for future elements: at most a quarter of the
 * machine's memory, and at most half of what every control group of the process still allows.
 * Resource limits need no check, because mmap(2) refuses memory beyond them. */
bool limit_allows(size_t size);
/* Returns how many bytes the control groups of the process still allow. root is the folder that
 * contains proc/ and the mounted hierarchies. It is "", except in tests. */
uint64_t limit_left(const char *root);

#endif
