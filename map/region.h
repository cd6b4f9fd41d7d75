/* One large array in a mapping of its own. It grows by moving page tables, never bytes, and gives
 * pages back while it is in use. A region has no structure of its own. It is an address and the
 * size that was asked for. */
#ifndef TOPHASH_REGION_H
#define TOPHASH_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "names.h"

/* Returns a zeroed region of size bytes, or NULL. `huge` says that it may use huge pages. */
void *region_new(size_t size, bool huge);
/* Returns the region at its new size, possibly at another address, or NULL. Bytes beyond the old size are
 * 0. On failure the old region is unchanged. */
void *region_grow(void *old, size_t old_size, size_t size, bool huge);
/* Shortens a region. Its last page may hold the end of the old region, where all bytes must be 0
 * already. */
void region_trim(uint8_t *region, size_t old_size, size_t size);
/* Frees a region. NULL is allowed. */
void region_free(void *region, size_t size);
/* Touches all pages of a region at once. Returns false where the kernel cannot (before Linux 5.14). */
bool region_populate(void *region, size_t size);
/* Tells the kernel whether a region may use huge pages. Returns the region. */
void *region_advise(void *region, size_t size, bool huge);

/* Returns the unit in bytes in which a region takes memory and gives it back: a page or a huge page. */
size_t region_grain(size_t size, bool huge);
/* Returns the bytes that a region of this size takes when nothing is in from..to. */
size_t region_bytes(size_t grain, size_t size, size_t from, size_t to);
/* Gives back whole grains of from..to, and the grain in which from lies, but nothing before first. The
 * bytes read as 0 afterwards. */
void region_release(void *region, size_t grain, size_t first, size_t from, size_t to);

#endif
