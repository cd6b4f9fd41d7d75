/* Declarations that the files of the image share: image.c (opening, segments, sections, symbols),
 * image_sections.c (sections by number), image_reloc.c (relocations), image_holes.c (holes). No
 * other file includes this.
 */
#ifndef READ_ELF_IMAGE_PRIV_H
#define READ_ELF_IMAGE_PRIV_H

#include "base/base.h"
#include "read/elf/machine.h"
#include "read/elf/image.h"

#define IMAGE_SEGMENTS_MAX 64 /* linkers make 3 to 6 */
#define IMAGE_BUILD_ID_MAX 64 /* bytes; GNU build ids are 8 to 32 long */

/* A piece of the file that the disk holds, as a range [from, to) of file offsets. */
struct image_extent {
	uint64_t from, to;
};

struct image {
	char *name;	/* owned */
	uint8_t *bytes; /* the file, mapped privately; writable only while image_relocate() runs */
	size_t size;
	struct image_extent *extents; /* owned, in order; NULL when the file has no holes */
	size_t extents_n;
	const struct elf_machine *machine;
	uint8_t os_abi; /* e_ident[EI_OSABI] */
	bool pie;
	struct image_segment segments[IMAGE_SEGMENTS_MAX]; /* PT_LOAD, in the file's order */
	size_t segment_count;
	size_t dirty_from, dirty_to;	       /* the byte range that relocations have changed */
	uint64_t dynamic_offset, dynamic_size; /* PT_DYNAMIC in the file; size 0 when absent */
	uint64_t section_offset,
		section_count; /* section headers, inside the file; count 0: none */
	uint64_t section_names, section_names_size; /* .shstrtab, inside the file */
	char build_id[2 * IMAGE_BUILD_ID_MAX + 1];
};

/* Returns a borrowed pointer to `size` bytes at a file offset. Returns NULL when they are not all
 * in the file, or when they are mostly a hole. */
const uint8_t *image_file_bytes(const struct image *image, uint64_t offset, uint64_t size);

/* Finds the holes of the file (image_holes.c). Keeps the position of fd. */
void image_find_extents(struct image *image, int fd);
/* Tells whether a part of the file is mostly a hole and too large to be read in vain. The part must
 * lie inside the file. */
bool image_is_hole(const struct image *image, uint64_t offset, uint64_t size);

/* Applies the file's relative relocations to the mapping. Errors (ERROR_TARGET): the table is
 * corrupt. */
struct error *image_relocate(struct image *image);

#endif
