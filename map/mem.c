/* Memory from the user's allocator, the C library or the kernel. */
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hooks.h"

void *mem_alloc(const struct tophash *map, size_t size)
{
	void *p;

	if (!has_allocator(map))
		return calloc(1, size);
	p = map->hooks->alloc(size, map->hooks->ctx);
	if (p)
		memset(p, 0, size);
	return p;
}

void *mem_take(const struct tophash *map, size_t size)
{
	return has_allocator(map) ? map->hooks->alloc(size, map->hooks->ctx) : malloc(size);
}

void mem_free(const struct tophash *map, void *p, size_t size)
{
	if (!p)
		return;
	if (has_allocator(map))
		map->hooks->free(p, size, map->hooks->ctx);
	else
		free(p);
}

void *pages_alloc(size_t size)
{
	void *p = mmap(NULL, page_round(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void pages_free(void *p, size_t size)
{
	munmap(p, page_round(size));
}

size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

size_t page_round(size_t size)
{
	size_t page = page_size();

	return (size + page - 1) & ~(page - 1);
}
