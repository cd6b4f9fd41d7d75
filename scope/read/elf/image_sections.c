/* Section headers by number, for code that needs more than a name: symbol tables, and the section
 * that an address lies in. No section header is trusted. */
#include "read/elf/image_priv.h"
#include "base/reader.h"

#include <elf.h>

#define NAME_MAX_BYTES 4096 /* in the name of a section */

size_t image_section_count(const struct image *image)
{
	return image->section_count;
}

bool image_section_get(const struct image *image, size_t index, struct image_section *ret)
{
	uint64_t size = image->section_names_size;
	struct reader names;
	Elf64_Shdr section;
	const char *name;

	if (index >= image->section_count)
		return false;
	memcpy(&section, image->bytes + image->section_offset + index * sizeof(section),
	       sizeof(section));
	if (section.sh_name < size && size - section.sh_name > NAME_MAX_BYTES)
		size = (uint64_t)section.sh_name + NAME_MAX_BYTES;
	names = reader_over(image->bytes + image->section_names, size);
	reader_skip(&names, section.sh_name);
	name = reader_cstr(&names);
	*ret = (struct image_section){
		.name = name ? name : "",
		.type = section.sh_type,
		.link = section.sh_link,
		.addr = section.sh_addr,
		.size = section.sh_size,
		.loaded = section.sh_flags & SHF_ALLOC,
	};
	if (section.sh_type != SHT_NOBITS)
		ret->bytes = image_file_bytes(image, section.sh_offset, section.sh_size);
	return true;
}

bool image_section_at(const struct image *image, uint64_t addr, struct image_section *ret)
{
	for (size_t i = 1; i < image->section_count; i++) {
		Elf64_Shdr section;

		memcpy(&section, image->bytes + image->section_offset + i * sizeof(section),
		       sizeof(section));
		if (section.sh_flags & SHF_ALLOC && addr >= section.sh_addr &&
		    addr - section.sh_addr < section.sh_size)
			return image_section_get(image, i, ret);
	}
	return false;
}
