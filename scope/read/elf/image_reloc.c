/* Relative relocations of a position-independent executable.
 *
 * PT_DYNAMIC is an array of {tag u64, value u64}; its DT_RELA is the link-time address of a table
 * of
 *
 *     r_offset u64   where to store
 *     r_info   u64   low half: type; R_X86_64_RELATIVE 8, R_AARCH64_RELATIVE 1027
 *     r_addend i64   what to store, plus the load bias
 *
 * and DT_RELASZ is its size in bytes. With bias 0, the value to store is the addend itself. Go's
 * own linker (cmd/link/internal/amd64/asm.go, adddynrel) and GNU ld have stored it in the file
 * already: then nothing is written, and no page is copied. lld leaves zeros.
 *
 * DT_RELR and DT_REL need nothing: their addend is the stored value, to which bias 0 adds nothing.
 * Other relocation types refer to symbols of other objects. Go's tables hold none of those.
 */
#include "read/elf/image_priv.h"
#include "base/reader.h"

#include <elf.h>
#include <errno.h>
#include <sys/mman.h>

struct rela_table {
	uint64_t addr, size;
};

static struct rela_table find_rela_table(const struct image *image)
{
	const uint8_t *dynamic =
		image_file_bytes(image, image->dynamic_offset, image->dynamic_size);
	struct rela_table rela = {0};
	struct reader r;

	if (!dynamic)
		return rela;
	r = reader_over(dynamic, image->dynamic_size);
	for (;;) {
		uint64_t tag = reader_u64(&r);
		uint64_t value = reader_u64(&r);

		if (r.bad || tag == DT_NULL)
			break;
		if (tag == DT_RELA)
			rela.addr = value;
		else if (tag == DT_RELASZ)
			rela.size = value;
	}
	return rela;
}

/* Returns the segment whose file-backed part holds the word at addr, or NULL. Tries `hint` first,
 * because relocations are sorted by address. */
static const struct image_segment *segment_of_word(const struct image *image,
						   const struct image_segment *hint, uint64_t addr)
{
	const struct image_segment *end = image->segments + image->segment_count;

	for (const struct image_segment *s = hint ? hint : image->segments; s < end; s++) {
		if (addr - s->addr < s->file_size && s->file_size - (addr - s->addr) >= 8)
			return s;
	}
	return hint ? segment_of_word(image, NULL, addr) : NULL;
}

static void note_dirty(struct image *image, size_t offset)
{
	if (image->dirty_to == 0 || offset < image->dirty_from)
		image->dirty_from = offset;
	if (offset + 8 > image->dirty_to)
		image->dirty_to = offset + 8;
}

static void apply_relative(struct image *image, const uint8_t *table, uint64_t count)
{
	uint32_t relative = image->machine->relative;
	const struct image_segment *segment = NULL;

	for (uint64_t i = 0; i < count; i++) {
		const struct image_segment *found;
		Elf64_Rela rela;
		uint8_t *word;

		memcpy(&rela, table + i * sizeof(rela), sizeof(rela));
		if (ELF64_R_TYPE(rela.r_info) != relative)
			continue;
		found = segment_of_word(image, segment, rela.r_offset);
		if (!found)
			continue;
		segment = found;
		word = image->bytes + found->offset + (rela.r_offset - found->addr);
		/* An equal word is not written, because that would copy its page. */
		if (memcmp(word, &rela.r_addend, 8) == 0)
			continue;
		memcpy(word, &rela.r_addend, 8);
		note_dirty(image, (size_t)(word - image->bytes));
	}
}

struct error *image_relocate(struct image *image)
{
	struct rela_table rela = find_rela_table(image);
	const uint8_t *table;

	if (!rela.size)
		return NULL;
	table = image_at(image, rela.addr, rela.size);
	if (!table)
		return error_new(
			ERROR_TARGET,
			"%s: corrupt executable: its relocation table (%llu bytes at 0x%llx) "
			"lies outside the file; rebuild or re-copy it",
			image->name, (unsigned long long)rela.size, (unsigned long long)rela.addr);
	if (mprotect(image->bytes, image->size, PROT_READ | PROT_WRITE) != 0)
		return error_errno(ERROR_FAILED, errno, "%s: cannot relocate the mapped file",
				   image->name);
	apply_relative(image, table, rela.size / sizeof(Elf64_Rela));
	mprotect(image->bytes, image->size, PROT_READ);
	image_trim(image);
	return NULL;
}
