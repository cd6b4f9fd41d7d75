/* Memory that is read by address. Code that reads types, keys or maps need not know where the bytes
 * come from: a running process, a core file, or a test.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/base.h"

/* {0} is memory in which no byte can be read. */
struct memory {
	void *ctx;
	/* Copies `size` bytes from addr on. Returns how many it could copy from the start. If it
	 * returns fewer than size, the byte after those cannot be read. */
	size_t (*read)(void *ctx, uint64_t addr, void *to, size_t size);
};

/* Copies `size` bytes from addr on. Returns false unless all of them could be read. The bytes at
 * `to` are then undefined. */
static inline bool memory_read(const struct memory *memory, uint64_t addr, void *to, size_t size)
{
	return memory->read && memory->read(memory->ctx, addr, to, size) == size;
}

/* Copies as memory_read() does. Errors (ERROR_TARGET): a byte cannot be read; the text names the
 * first such address. */
struct error *memory_get(const struct memory *memory, uint64_t addr, void *to, size_t size);

#endif
