#include "base/base.h"
#include "base/memory.h"

struct error *memory_get(const struct memory *memory, uint64_t addr, void *to, size_t size)
{
	size_t n = memory->read ? memory->read(memory->ctx, addr, to, size) : 0;

	if (n >= size)
		return NULL;
	return error_new(ERROR_TARGET, "cannot read %zu bytes at 0x%llx: 0x%llx is not readable",
			 size, (unsigned long long)addr, (unsigned long long)addr + n);
}
