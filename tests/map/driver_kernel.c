/* Linked with driver.c, it refuses one in three of the map's calls for mappings. It refuses an
 * mremap before or after it has unmapped the target, as the kernel does. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t kernel_refused;

static uint64_t state;

static bool refuse(void)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	if ((state >> 33) % 3)
		return false;
	kernel_refused++;
	errno = ENOMEM;
	return true;
}

void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	if (refuse())
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, size, prot, flags, fd, offset);
}

int mprotect(void *at, size_t size, int prot)
{
	return refuse() ? -1 : (int)syscall(SYS_mprotect, at, size, prot);
}

void *mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
	void *target;
	va_list args;

	va_start(args, flags);
	target = flags & MREMAP_FIXED ? va_arg(args, void *) : NULL;
	va_end(args);
	if (refuse()) {
		if (target && state >> 63)
			syscall(SYS_munmap, target, size);
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mremap, old, old_size, size, flags, target);
}
