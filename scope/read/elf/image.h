/* An executable file. It is mapped, never read as a whole. In a position-independent file, pointers
 * are seen relocated: R_X86_64_RELATIVE is applied to the private mapping, which then looks like
 * memory with bias 0.
 */
#ifndef READ_ELF_IMAGE_H
#define READ_ELF_IMAGE_H

struct image;

/* Opens an executable.
 *   fd    open for reading; stays the caller's, which may close it after the call
 *   name  for error texts only (copied)
 * Errors (ERROR_TARGET): not an ELF file, 32-bit, big-endian, not an executable or shared object,
 * a machine other than x86-64 and arm64, no loadable segment, headers outside the file.
 */
struct error *image_open(int fd, const char *name, struct image **ret);
void image_close(struct image *image); /* NULL is legal */
CLEANUP_FUNC(struct image, image_close)

const char *image_name(const struct image *image);
const struct elf_machine *image_machine(const struct image *image);
/* Returns NULL when `trace` can place probes in the program. Otherwise returns an error
 * (ERROR_TARGET): the program was built for another machine, or for another system than Linux. */
struct error *image_check_traced(const struct image *image);
bool image_is_pie(const struct image *image);
/* Returns whether a dynamic linker works on the file, which alone can load libraries into the program.
 */
bool image_is_dynamic(const struct image *image);
/* Returns whether UPX has packed the file, so that its code is not in it. */
bool image_is_packed(const struct image *image);
/* Returns the GNU build-id note as lower-case hex, or "" when the file has none. Borrowed. */
const char *image_build_id(const struct image *image);
/* Returns whether the file has no ELF symbol table (.symtab). */
bool image_is_stripped(const struct image *image);

/* Returns a borrowed pointer to the `size` bytes at link-time address addr. Returns NULL when they
 * do not lie inside the file-backed part of one loadable segment. */
const void *image_at(const struct image *image, uint64_t addr, uint64_t size);
/* Returns a pointer as image_at() does. *ret_size is the number of bytes that follow it in the
 * segment's file-backed part, at least 1. */
const void *image_rest(const struct image *image, uint64_t addr, uint64_t *ret_size);
/* Read a number at a link-time address. Return false when it lies outside the file. */
bool image_u64(const struct image *image, uint64_t addr, uint64_t *ret);
bool image_u32(const struct image *image, uint64_t addr, uint32_t *ret);

/* Computes the file offset of a link-time address. Uprobes are placed by file offset. Returns false
 * when the address is not file-backed. */
bool image_file_offset(const struct image *image, uint64_t addr, uint64_t *ret);
/* Computes the link-time address of a file offset. Returns false when no segment holds it. */
bool image_address_of(const struct image *image, uint64_t offset, uint64_t *ret);
/* A loadable segment. Segments are needed to compute the bias of a process, and for scans. */
struct image_segment {
	uint64_t addr;	 /* link-time address */
	uint64_t offset; /* in the file */
	uint64_t file_size;
	uint64_t mem_size;
	bool executable, writable;
};
size_t image_segments(const struct image *image, const struct image_segment **ret);
/* Returns the segment that holds a link-time address, be it file-backed or not (.bss), or NULL. */
const struct image_segment *image_segment_of(const struct image *image, uint64_t addr);
/* Copies the first segment of code to *ret. Returns false when there is none. */
bool image_code(const struct image *image, struct image_segment *ret);

/* Finds a section by name. Returns false when it is absent, or when the file has no section
 * headers. */
bool image_section(const struct image *image, const char *name, uint64_t *ret_addr,
		   uint64_t *ret_size);
/* A section. Sections are numbered from 0 to count - 1. An image without section headers has
 * none. */
struct image_section {
	const char *name;    /* "" when it has none; borrowed */
	uint32_t type, link; /* SHT_...; the section that this one refers to */
	uint64_t addr, size;
	bool loaded;	      /* part of the program in memory (SHF_ALLOC) */
	const uint8_t *bytes; /* `size` bytes, borrowed; NULL when the section has no bytes in the
				 file, is truncated, or is mostly a hole of the file */
};
size_t image_section_count(const struct image *image);
bool image_section_get(const struct image *image, size_t index, struct image_section *ret);
/* Finds the loaded section that addr lies in. Returns false when there is none. */
bool image_section_at(const struct image *image, uint64_t addr, struct image_section *ret);
/* Finds an ELF symbol that the file defines, by its exact name, in .symtab or .dynsym. Returns false when
 * there is none. */
bool image_symbol(const struct image *image, const char *name, uint64_t *ret_addr,
		  uint64_t *ret_size);

/* Gives back the memory of all pages of the file that were touched so far. A page that is touched
 * again is read again. Call it after a pass over much of the file. The passes of this room do this
 * themselves. */
void image_trim(const struct image *image);
/* Returns whether two files have the same build id, headers and loadable contents: the same code, tables and
 * types. All of these bytes are compared. Very large files count as different. */
bool image_equal(const struct image *a, const struct image *b);

#endif
