/* Prepares the sections that libdw sees: only those that a lookup needs, and inflated.
 *
 * libdw inflates every section of debug information when it starts, with zlib and one after the
 * other. For Docker's client (43 MB) that takes 100 ms, which is most of the time of a single
 * lookup. Hiding the sections that are not needed leaves 63 ms. Inflating the rest here with
 * libdeflate leaves 30 ms. The data of a section are replaced in memory, as users of libelf may do.
 * Only the compression of Go's and GNU's linkers is handled here. Other ways (.zdebug, zstd) are
 * left to libdw.
 */
#include "read/debuginfo/debuginfo_priv.h"

#include <gelf.h>
#include <libdeflate.h>

/* A section of debug information. */
struct section {
	Elf_Scn *scn;
	GElf_Shdr header;
	const char *name;
};

static bool ends_as(const char *name, const char *const names[], size_t n)
{
	const char *tail = !strncmp(name, ".debug_", 7)	   ? name + 7
			   : !strncmp(name, ".zdebug_", 8) ? name + 8
							   : NULL;

	for (size_t i = 0; tail && i < n; i++)
		if (!strcmp(tail, names[i]))
			return true;
	return false;
}

/* Tells whether a lookup by address needs the section. The others (.debug_loc, .debug_frame) are
 * about as large as those that it needs. */
static bool is_needed(const struct section *section)
{
	static const char *const names[] = {"info",	   "abbrev", "line",   "line_str", "str",
					    "str_offsets", "addr",   "ranges", "rnglists"};

	return ends_as(section->name, names, ARRAY_SIZE(names));
}

/* Returns the size that a section will have in memory. Returns UINT64_MAX when its header must be
 * false: deflate compresses by a factor of 1032 at most. */
static uint64_t inflated_size(const struct section *section)
{
	uint64_t size = section->header.sh_size;
	Elf_Data *raw;
	GElf_Chdr chdr;

	if (section->header.sh_flags & SHF_COMPRESSED) {
		if (!gelf_getchdr(section->scn, &chdr))
			return UINT64_MAX;
		size = chdr.ch_size;
	} else if (section->name[1] == 'z') { /* "ZLIB", then the size as a big-endian number */
		raw = elf_rawdata(section->scn, NULL);
		if (!raw || raw->d_size < 12 || memcmp(raw->d_buf, "ZLIB", 4) != 0)
			return UINT64_MAX;
		memcpy(&size, (char *)raw->d_buf + 4, sizeof(size));
		size = __builtin_bswap64(size);
	}
	return size / 1032 > section->header.sh_size ? UINT64_MAX : size;
}

static struct error *inflate(struct debuginfo *dwarf, struct section *section,
			     struct libdeflate_decompressor *deflate)
{
	const size_t head = sizeof(Elf64_Chdr);
	Elf_Data *raw = elf_rawdata(section->scn, NULL), *data = elf_getdata(section->scn, NULL);
	cleanup_free void *bytes = NULL;
	size_t size, got = 0;
	GElf_Chdr chdr;

	if (!raw || !data || !gelf_getchdr(section->scn, &chdr) || raw->d_size < head)
		return error_new(ERROR_TARGET, "corrupt: %s", section->name);
	if (chdr.ch_type != ELFCOMPRESS_ZLIB || !chdr.ch_size)
		return NULL;
	size = chdr.ch_size;
	bytes = malloc(size);
	if (!bytes)
		return error_nomem();
	if (libdeflate_zlib_decompress(deflate, (char *)raw->d_buf + head, raw->d_size - head,
				       bytes, size, &got) != LIBDEFLATE_SUCCESS ||
	    got != size)
		return error_new(ERROR_TARGET, "corrupt: %s cannot be inflated", section->name);
	if (!vec_push(&dwarf->inflated, bytes))
		return error_nomem();
	/* libdw reads one of the two, depending on its release. */
	raw->d_buf = data->d_buf = take_ptr(bytes);
	raw->d_size = data->d_size = size;
	raw->d_type = data->d_type = ELF_T_BYTE;
	section->header.sh_flags &= ~(GElf_Xword)SHF_COMPRESSED;
	section->header.sh_size = size;
	gelf_update_shdr(section->scn, &section->header); /* only in memory */
	return NULL;
}

static struct error *take_section(struct debuginfo *dwarf, struct section *section,
				  struct libdeflate_decompressor *deflate, uint64_t *size)
{
	uint64_t more;

	if (!is_needed(section)) {
		section->header.sh_type = SHT_NOBITS;
		gelf_update_shdr(section->scn, &section->header);
		return NULL;
	}
	more = inflated_size(section);
	if (more > DEBUGINFO_BYTES_MAX || (*size += more) > DEBUGINFO_BYTES_MAX)
		return error_new(ERROR_TARGET, "%s is too large, or corrupt", section->name);
	if (section->header.sh_flags & SHF_COMPRESSED)
		return inflate(dwarf, section, deflate);
	return NULL;
}

static struct error *take_sections(struct debuginfo *dwarf, size_t names,
				   struct libdeflate_decompressor *deflate, uint64_t *ret_size)
{
	static const char *const info[] = {"info"};
	struct section section = {0};
	uint64_t size = 0;
	bool found = false;

	while ((section.scn = elf_nextscn(dwarf->elf, section.scn))) {
		section.name = gelf_getshdr(section.scn, &section.header)
				       ? elf_strptr(dwarf->elf, names, section.header.sh_name)
				       : NULL;
		if (!section.name || section.header.sh_type == SHT_NOBITS ||
		    (strncmp(section.name, ".debug_", 7) != 0 &&
		     strncmp(section.name, ".zdebug_", 8) != 0))
			continue;
		try(take_section(dwarf, &section, deflate, &size));
		found = found || ends_as(section.name, info, 1);
	}
	*ret_size = found ? size : 0;
	return NULL;
}

struct error *debuginfo_sections(struct debuginfo *dwarf, uint64_t *ret_size)
{
	struct libdeflate_decompressor *deflate;
	struct error *err;
	size_t names;

	*ret_size = 0;
	if (elf_getshdrstrndx(dwarf->elf, &names) != 0)
		return NULL;
	deflate = libdeflate_alloc_decompressor();
	if (!deflate)
		return error_nomem();
	err = take_sections(dwarf, names, deflate, ret_size);
	libdeflate_free_decompressor(deflate);
	return err;
}
