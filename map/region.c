/* One large array in a mapping of its own. */
#include "region.h"

#include <sys/mman.h>

#include "mem.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14, include/uapi/asm-generic/mman-common.h */
#endif

/* Reserves address space for size bytes that starts at the boundary of a huge page: the kernel then
 * moves page tables by the directory entry. Returns NULL when there is none. */
static void *space_reserve(size_t size)
{
	size_t all = size + HUGE_PAGE;
	char *p = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t skip;

	if (p == MAP_FAILED)
		return NULL;
	skip = -(uintptr_t)p & (HUGE_PAGE - 1);
	if (skip)
		munmap(p, skip);
	munmap(p + skip + size, HUGE_PAGE - skip);
	return p + skip;
}

/* Tells the kernel which pages to use. Small pages are the default, because a fault on a huge page
 * clears 2 MiB while the caller waits. */
void *region_advise(void *p, size_t size, bool huge)
{
	if (size >= HUGE_PAGE)
		madvise(p, page_round(size), huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return p;
}

size_t region_grain(size_t size, bool huge)
{
	return huge && size >= HUGE_PAGE ? HUGE_PAGE : page_size();
}

void *region_new(size_t size, bool huge)
{
	void *p;

	size = page_round(size);
	if (size < HUGE_PAGE)
		return pages_alloc(size);
	p = space_reserve(size);
	if (!p) {
		/* The reservation is larger than the region: a resource limit may allow only that. */
		p = pages_alloc(size);
		return p ? region_advise(p, size, huge) : NULL;
	}
	if (mprotect(p, size, PROT_READ | PROT_WRITE) != 0) {
		munmap(p, size);
		return NULL;
	}
	return region_advise(p, size, huge);
}

/* Prefers a target at the boundary of a huge page. If the kernel cannot move the region there, any
 * address will do. A failed mremap may have unmapped the target, and another thread may use that
 * address now. The reserved space is therefore left alone. */
void *region_grow(void *old, size_t old_size, size_t size, bool huge)
{
	void *target, *p = MAP_FAILED;

	old_size = page_round(old_size);
	size = page_round(size);
	if (old_size == size)
		return old;
	target = size >= HUGE_PAGE ? space_reserve(size) : NULL;
	if (target)
		p = mremap(old, old_size, size, MREMAP_MAYMOVE | MREMAP_FIXED, target);
	if (p == MAP_FAILED)
		p = mremap(old, old_size, size, MREMAP_MAYMOVE);
	return p == MAP_FAILED ? NULL : region_advise(p, size, huge);
}

void region_trim(uint8_t *region, size_t old_size, size_t size)
{
	old_size = page_round(old_size);
	size = page_round(size);
	if (size < old_size)
		munmap(region + size, old_size - size);
}

void region_free(void *region, size_t size)
{
	if (region)
		pages_free(region, size);
}

bool region_populate(void *region, size_t size)
{
	return madvise(region, page_round(size), MADV_POPULATE_WRITE) == 0;
}

void region_release(void *region, size_t grain, size_t first, size_t from, size_t to)
{
	first = (first + grain - 1) & ~(grain - 1);
	from &= ~(grain - 1);
	to &= ~(grain - 1);
	if (from < first)
		from = first;
	if (from < to)
		madvise((uint8_t *)region + from, to - from, MADV_DONTNEED);
}

size_t region_bytes(size_t grain, size_t size, size_t from, size_t to)
{
	from = (from + grain - 1) & ~(grain - 1);
	to &= ~(grain - 1);
	return page_round(size) - (from < to ? to - from : 0);
}
