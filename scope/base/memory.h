/* Memory that is read by address. The code that reads types, keys or maps need not know where the
 * bytes come from. They may be those of a running process, of a core file, or of a test.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

/* {0} is a memory in which no byte can be read. */
struct memory {
	void *ctx;
	/* Copies `size` bytes from addr on and returns how many it could copy from the start. If
	 * those are fewer, the byte at addr + that number cannot be read. */
	size_t (*read)(void *ctx, uint64_t addr, void *to, size_t size);
};

/* Copies `size` bytes from addr on. Returns false unless all of them could be read; the bytes at
 * `to` are undefined then. */
static inline bool memory_read(const struct memory *memory, uint64_t addr, void *to, size_t size)
{
	return memory->read && memory->read(memory->ctx, addr, to, size) == size;
}

/* Copies as memory_read() does. Errors (ERROR_TARGET): a byte cannot be read; the text names the
 * first such address. */
struct error *memory_get(const struct memory *memory, uint64_t addr, void *to, size_t size);

#endif
