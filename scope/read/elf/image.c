/* The executable file: identification, segments, notes, section headers, ELF symbols.
 *
 * The whole file is one private mapping. It is read-only except while relocations are applied. Only
 * the pages that somebody asks for are touched. Every offset is checked against the size that fstat
 * gave. If somebody truncates the file while it is mapped, a read still ends in SIGBUS, as with
 * every mapping. But executables are replaced by rename and not truncated, and a running one cannot
 * be written.
 *
 * Nothing here trusts section headers. They are used for names (image_section) and for .symtab, and
 * a file without them works as well.
 */
#include "read/elf/image_priv.h"
#include "base/reader.h"

#include <elf.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* ---- bytes ---- */

const uint8_t *image_file_bytes(const struct image *image, uint64_t offset, uint64_t size)
{
	if (offset > image->size || size > image->size - offset ||
	    image_is_hole(image, offset, size))
		return NULL;
	return image->bytes + offset;
}

static const struct image_segment *segment_at(const struct image *image, uint64_t addr)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *s = &image->segments[i];

		if (addr >= s->addr && addr - s->addr < s->file_size)
			return s;
	}
	return NULL;
}

const void *image_rest(const struct image *image, uint64_t addr, uint64_t *ret_size)
{
	const struct image_segment *s = segment_at(image, addr);

	if (!s)
		return NULL;
	*ret_size = s->file_size - (addr - s->addr);
	return image->bytes + s->offset + (addr - s->addr);
}

const void *image_at(const struct image *image, uint64_t addr, uint64_t size)
{
	uint64_t rest = 0;
	const void *at = image_rest(image, addr, &rest);

	return at && size <= rest ? at : NULL;
}

bool image_u64(const struct image *image, uint64_t addr, uint64_t *ret)
{
	const void *at = image_at(image, addr, sizeof(*ret));

	if (at)
		memcpy(ret, at, sizeof(*ret));
	return at != NULL;
}

bool image_u32(const struct image *image, uint64_t addr, uint32_t *ret)
{
	const void *at = image_at(image, addr, sizeof(*ret));

	if (at)
		memcpy(ret, at, sizeof(*ret));
	return at != NULL;
}

bool image_file_offset(const struct image *image, uint64_t addr, uint64_t *ret)
{
	const struct image_segment *s = segment_at(image, addr);

	if (s)
		*ret = s->offset + (addr - s->addr);
	return s != NULL;
}

bool image_address_of(const struct image *image, uint64_t offset, uint64_t *ret)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *s = &image->segments[i];

		if (offset < s->offset || offset - s->offset >= s->file_size)
			continue;
		*ret = s->addr + (offset - s->offset);
		return true;
	}
	return false;
}

const struct image_segment *image_segment_of(const struct image *image, uint64_t addr)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *s = &image->segments[i];

		if (addr >= s->addr && addr - s->addr < s->mem_size)
			return s;
	}
	return NULL;
}

size_t image_segments(const struct image *image, const struct image_segment **ret)
{
	*ret = image->segments;
	return image->segment_count;
}

bool image_code(const struct image *image, struct image_segment *ret)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		if (!image->segments[i].executable)
			continue;
		*ret = image->segments[i];
		return true;
	}
	return false;
}

const char *image_name(const struct image *image)
{
	return image->name;
}

const struct elf_machine *image_machine(const struct image *image)
{
	return image->machine;
}

struct error *image_check_traced(const struct image *image)
{
	return elf_check_traced(image->name, image->machine, image->os_abi);
}

bool image_is_pie(const struct image *image)
{
	return image->pie;
}

bool image_is_dynamic(const struct image *image)
{
	return image->dynamic_size != 0;
}

/* A packed file has "UPX!" behind its program headers (struct l_info of UPX). */
bool image_is_packed(const struct image *image)
{
	enum { HEADERS = 1024 };

	return memmem(image->bytes, image->size < HEADERS ? image->size : HEADERS, "UPX!", 4);
}

const char *image_build_id(const struct image *image)
{
	return image->build_id;
}

/* Gives back the whole pages in [from, to). A clean private page is read from the file again when
 * it is touched again. */
static void trim_range(const struct image *image, size_t from, size_t to)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	from = (from + page - 1) / page * page;
	if (to < image->size)
		to = to / page * page;
	if (from < to)
		madvise(image->bytes + from, to - from, MADV_DONTNEED);
}

void image_trim(const struct image *image)
{
	trim_range(image, 0, image->dirty_from);
	trim_range(image, image->dirty_to, image->size);
}

/* ---- copies ---- */

#define EQUAL_MAX (256ull << 20) /* bytes that are compared at most */

static bool bytes_equal(const struct image *a, const struct image *b, uint64_t offset,
			uint64_t size)
{
	const uint8_t *in_a = image_file_bytes(a, offset, size);
	const uint8_t *in_b = image_file_bytes(b, offset, size);

	return !size || (in_a && in_b && memcmp(in_a, in_b, size) == 0);
}

static bool segments_equal(const struct image *a, const struct image *b)
{
	uint64_t size = 0;

	if (a->segment_count != b->segment_count)
		return false;
	for (size_t i = 0; i < a->segment_count; i++) {
		const struct image_segment *of_a = &a->segments[i], *of_b = &b->segments[i];

		size += of_a->file_size;
		if (of_a->addr != of_b->addr || of_a->offset != of_b->offset ||
		    of_a->file_size != of_b->file_size || of_a->mem_size != of_b->mem_size ||
		    size > EQUAL_MAX || !bytes_equal(a, b, of_a->offset, of_a->file_size))
			return false;
	}
	return true;
}

bool image_equal(const struct image *a, const struct image *b)
{
	bool equal = a->size == b->size && !strcmp(a->build_id, b->build_id) &&
		     a->section_offset == b->section_offset &&
		     a->section_count == b->section_count &&
		     bytes_equal(a, b, 0, sizeof(Elf64_Ehdr)) &&
		     bytes_equal(a, b, a->section_offset, a->section_count * sizeof(Elf64_Shdr)) &&
		     segments_equal(a, b);

	if (equal) {
		image_trim(a);
		image_trim(b);
	}
	return equal;
}

/* ---- sections and symbols ---- */

/* Reads where the section headers are. They are optional: headers that do not lie inside the file
 * count as absent. If the count or the index of the names overflows the 16 bits of the ELF header,
 * section 0 holds the true value. */
static void load_sections(struct image *image, const Elf64_Ehdr *ehdr)
{
	const uint8_t *first = image_file_bytes(image, ehdr->e_shoff, sizeof(Elf64_Shdr));
	uint64_t count = ehdr->e_shnum, names = ehdr->e_shstrndx;
	Elf64_Shdr section;

	if (!ehdr->e_shoff || ehdr->e_shentsize != sizeof(section) || !first)
		return;
	memcpy(&section, first, sizeof(section));
	if (count == 0)
		count = section.sh_size;
	if (names == SHN_XINDEX)
		names = section.sh_link;
	if (count > (image->size - ehdr->e_shoff) / sizeof(section) || names >= count)
		return;
	memcpy(&section, first + names * sizeof(section), sizeof(section));
	if (!image_file_bytes(image, section.sh_offset, section.sh_size))
		return;
	image->section_offset = ehdr->e_shoff;
	image->section_count = count;
	image->section_names = section.sh_offset;
	image->section_names_size = section.sh_size;
}

/* Reads section header `index`, which must be below section_count. */
static void section_get(const struct image *image, uint64_t index, Elf64_Shdr *ret)
{
	memcpy(ret, image->bytes + image->section_offset + index * sizeof(*ret), sizeof(*ret));
}

/* Returns whether the NUL-terminated string at `offset` of a string table equals name. */
static bool string_is(const uint8_t *table, uint64_t size, uint64_t offset, const char *name)
{
	size_t len = strlen(name) + 1; /* with the NUL */

	return offset < size && len <= size - offset && memcmp(table + offset, name, len) == 0;
}

bool image_section(const struct image *image, const char *name, uint64_t *ret_addr,
		   uint64_t *ret_size)
{
	const uint8_t *names = image->bytes + image->section_names;
	Elf64_Shdr section;

	for (uint64_t i = 1; i < image->section_count; i++) {
		section_get(image, i, &section);
		if (!string_is(names, image->section_names_size, section.sh_name, name))
			continue;
		*ret_addr = section.sh_addr;
		*ret_size = section.sh_size;
		return true;
	}
	return false;
}

/* Finds the first section of a type. */
static bool find_type(const struct image *image, uint32_t type, Elf64_Shdr *ret)
{
	for (uint64_t i = 1; i < image->section_count; i++) {
		section_get(image, i, ret);
		if (ret->sh_type == type)
			return true;
	}
	return false;
}

bool image_is_stripped(const struct image *image)
{
	Elf64_Shdr symtab;

	return !find_type(image, SHT_SYMTAB, &symtab);
}

static bool find_symbol(const struct image *image, uint32_t type, const char *name, Elf64_Sym *ret)
{
	const uint8_t *symbols, *strings;
	Elf64_Shdr symtab, strtab;

	if (!find_type(image, type, &symtab) || symtab.sh_link >= image->section_count)
		return false;
	section_get(image, symtab.sh_link, &strtab);
	symbols = image_file_bytes(image, symtab.sh_offset, symtab.sh_size);
	strings = image_file_bytes(image, strtab.sh_offset, strtab.sh_size);
	if (!symbols || !strings)
		return false;
	for (uint64_t i = 0; i < symtab.sh_size / sizeof(*ret); i++) {
		memcpy(ret, symbols + i * sizeof(*ret), sizeof(*ret));
		if (ret->st_shndx != SHN_UNDEF &&
		    string_is(strings, strtab.sh_size, ret->st_name, name))
			return true;
	}
	return false;
}

bool image_symbol(const struct image *image, const char *name, uint64_t *ret_addr,
		  uint64_t *ret_size)
{
	Elf64_Sym symbol;

	if (!find_symbol(image, SHT_SYMTAB, name, &symbol) &&
	    !find_symbol(image, SHT_DYNSYM, name, &symbol))
		return false;
	*ret_addr = symbol.st_value;
	*ret_size = symbol.st_size;
	return true;
}

/* ---- opening ---- */

static struct error *corrupt(const struct image *image, const char *what)
{
	return error_new(ERROR_TARGET,
			 "%s: corrupt executable: %s; the file is damaged or truncated: rebuild "
			 "or re-copy it",
			 image->name, what);
}

static struct error *check_header(struct image *image, const Elf64_Ehdr *ehdr)
{
	const char *name = image->name;

	if (memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0)
		return error_new(ERROR_TARGET,
				 "%s: not an ELF file; name a program built for Linux", name);
	if (ehdr->e_ident[EI_CLASS] != ELFCLASS64)
		return elf_refuse(name, "a 32-bit program");
	if (ehdr->e_ident[EI_DATA] != ELFDATA2LSB)
		return elf_refuse(name, "a big-endian program");
	if (ehdr->e_type != ET_EXEC && ehdr->e_type != ET_DYN)
		return error_new(
			ERROR_TARGET,
			"%s: neither an executable nor a shared object (ELF type %u); name "
			"the linked program",
			name, ehdr->e_type);
	image->machine = elf_machine_find(ehdr->e_machine);
	if (!image->machine)
		return elf_refuse_machine(name, ehdr->e_machine);
	image->os_abi = ehdr->e_ident[EI_OSABI];
	image->pie = ehdr->e_type == ET_DYN;
	return NULL;
}

/* Reads the GNU build-id note: {namesz u32 = 4, descsz u32, type u32 = NT_GNU_BUILD_ID, "GNU\0",
 * desc}. */
static void load_build_id(struct image *image, const uint8_t *notes, uint64_t size, size_t align)
{
	struct reader r;

	if (!notes)
		return;
	r = reader_over(notes, size);
	while (!image->build_id[0]) {
		uint32_t name_size = reader_u32(&r), desc_size = reader_u32(&r);
		uint32_t type = reader_u32(&r);
		const uint8_t *name = reader_bytes(&r, ((size_t)name_size + 3) & ~(size_t)3);
		const uint8_t *desc = reader_bytes(&r, desc_size);

		if (r.bad)
			return;
		reader_skip(&r, -(size_t)desc_size & (align - 1));
		if (type != NT_GNU_BUILD_ID || name_size != 4 || memcmp(name, "GNU", 4) != 0 ||
		    desc_size > IMAGE_BUILD_ID_MAX)
			continue;
		for (uint32_t i = 0; i < desc_size; i++) {
			image->build_id[2ul * i] = "0123456789abcdef"[desc[i] >> 4];
			image->build_id[2ul * i + 1] = "0123456789abcdef"[desc[i] & 15];
		}
	}
}

/* Reads the note from its section, because Go's own linker (1.26, 1.27) puts it into no PT_NOTE. */
static void load_build_id_section(struct image *image)
{
	uint64_t addr, size;

	if (!image->build_id[0] && image_section(image, ".note.gnu.build-id", &addr, &size))
		load_build_id(image, image_at(image, addr, size), size, 4);
}

static struct error *add_segment(struct image *image, const Elf64_Phdr *ph)
{
	if (ph->p_filesz > ph->p_memsz || ph->p_memsz > UINT64_MAX - ph->p_vaddr)
		return corrupt(image, "a segment's sizes contradict each other");
	if (!image_file_bytes(image, ph->p_offset, ph->p_filesz))
		return corrupt(image,
			       "a segment reaches beyond the end of the file, or is a hole in it");
	if (image->segment_count == IMAGE_SEGMENTS_MAX)
		return corrupt(image, "it has more than 64 loadable segments");
	image->segments[image->segment_count++] = (struct image_segment){
		.addr = ph->p_vaddr,
		.offset = ph->p_offset,
		.file_size = ph->p_filesz,
		.mem_size = ph->p_memsz,
		.executable = ph->p_flags & PF_X,
		.writable = ph->p_flags & PF_W,
	};
	return NULL;
}

static struct error *load_segments(struct image *image, const Elf64_Ehdr *ehdr)
{
	uint64_t count = ehdr->e_phnum;
	const uint8_t *table = image_file_bytes(image, ehdr->e_phoff, count * sizeof(Elf64_Phdr));

	if (ehdr->e_phentsize != sizeof(Elf64_Phdr) || !table)
		return corrupt(image, "its program headers lie outside the file");
	for (uint64_t i = 0; i < count; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, table + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_LOAD) {
			try(add_segment(image, &ph));
		} else if (ph.p_type == PT_NOTE) {
			load_build_id(image, image_file_bytes(image, ph.p_offset, ph.p_filesz),
				      ph.p_filesz, ph.p_align == 8 ? 8 : 4);
		} else if (ph.p_type == PT_DYNAMIC) {
			image->dynamic_offset = ph.p_offset;
			image->dynamic_size = ph.p_filesz;
		}
	}
	return image->segment_count ? NULL : corrupt(image, "it has no loadable segment");
}

static struct error *map_file(struct image *image, int fd)
{
	struct stat st;
	void *bytes;

	if (fstat(fd, &st) != 0)
		return error_errno(ERROR_TARGET, errno, "%s: cannot examine the file", image->name);
	if (!S_ISREG(st.st_mode))
		return error_new(ERROR_TARGET, "%s: not a regular file; name an executable",
				 image->name);
	if ((uint64_t)st.st_size < sizeof(Elf64_Ehdr))
		return error_new(ERROR_TARGET,
				 "%s: not an ELF file (%lld bytes); name a program built for Linux",
				 image->name, (long long)st.st_size);
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return error_errno(ERROR_TARGET, errno, "%s: cannot map the file", image->name);
	image->bytes = bytes;
	image->size = (size_t)st.st_size;
	return NULL;
}

struct error *image_open(int fd, const char *name, struct image **ret)
{
	cleanup(image_close) struct image *image = calloc(1, sizeof(*image));
	Elf64_Ehdr ehdr;

	if (!image || !(image->name = strdup(name)))
		return error_nomem();
	try(map_file(image, fd));
	image_find_extents(image, fd);
	memcpy(&ehdr, image->bytes, sizeof(ehdr));
	try(check_header(image, &ehdr));
	try(load_segments(image, &ehdr));
	load_sections(image, &ehdr);
	load_build_id_section(image);
	if (image->pie)
		try(image_relocate(image));
	*ret = take_ptr(image);
	return NULL;
}

void image_close(struct image *image)
{
	if (!image)
		return;
	if (image->bytes)
		munmap(image->bytes, image->size);
	free(image->extents);
	free(image->name);
	free(image);
}
