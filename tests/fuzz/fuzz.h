/* Common functions of the harnesses: executables made by gofake, opened from memory.
 *
 *     fuzz_elf     the input is a whole file
 *     fuzz_gopcln  byte 0 picks one of the specs below; the rest overwrites a valid file from
 *                  gopclntab to moduledata
 *     fuzz_sites   the same, after 512 bytes that overwrite the text, and the types
 *     fuzz_gotype  the same with the type data; the bytes that are left are a process's heap
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "gofake.h"

static const struct gofake_spec fuzz_specs[] = {
	{.minor = 18},
	{.minor = 19, .sections = true},
	{.minor = 22, .pie = true},
	{.minor = 24, .no_buildinfo = true},
	{.minor = 26, .arm64 = true, .no_version = true},
	{.minor = 27, .sections = true, .pie = true},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Opens an image from memory. Returns NULL if the bytes are not an image. */
static inline struct image *fuzz_open(const void *data, size_t size)
{
	cleanup_close int fd = gofake_fd(data, size);
	struct image *image = NULL;
	struct error *err = fd < 0 ? NULL : image_open(fd, "fuzz", &image);

	error_free(err);
	return image;
}

/* Makes a new file from spec number `pick`. */
static inline bool fuzz_build(uint8_t pick, struct gofake *ret)
{
	return gofake_build(&fuzz_specs[pick % ARRAY_SIZE(fuzz_specs)], ret);
}

/* Copies data over [addr, limit) of the file. Returns how much of it was used. */
static inline size_t fuzz_overlay(struct gofake *fake, uint64_t addr, uint64_t limit,
				  const uint8_t *data, size_t size)
{
	size_t n = size < limit - addr ? size : (size_t)(limit - addr);

	gofake_poke(fake, addr, data, n);
	return n;
}

#endif
