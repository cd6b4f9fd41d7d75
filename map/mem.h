/* Memory from the user's allocator, the C library or the kernel. */
#ifndef TOPHASH_MEM_H
#define TOPHASH_MEM_H

#include "tophash/core.h"

#include "names.h"

#define PIECE_SIZE ((size_t)64 << 10) /* memory is taken and given back in pieces of this size */
#define HUGE_PAGE  ((size_t)2 << 20)  /* on x86-64, and on arm64 with pages of 4 KiB */

/* Returns zeroed memory from the map's allocator, or from the heap where it has none; NULL: no memory. */
void *mem_alloc(const struct tophash *map, size_t size);
/* Returns the same without zeroing it. */
void *mem_take(const struct tophash *map, size_t size);
/* Frees memory of mem_alloc() or mem_take(); size is the size that was asked for. p may be NULL. */
void mem_free(const struct tophash *map, void *p, size_t size);

/* Returns zeroed pages from the kernel, or NULL. */
void *pages_alloc(size_t size);
/* Frees pages of pages_alloc(); size is the size that was asked for. */
void pages_free(void *p, size_t size);
/* Returns the size of a page. Not 4096 everywhere: some arm64 kernels have 64 KiB. */
size_t page_size(void);
/* Rounds a size up to whole pages. */
size_t page_round(size_t size);

#endif
