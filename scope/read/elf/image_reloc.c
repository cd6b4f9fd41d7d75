/* Relocations of a position-independent file.
 *
 * PT_DYNAMIC is an array of {tag u64, value u64}. DT_RELA and DT_JMPREL in it are the link-time
 * addresses of tables of
 *
 *     r_offset u64   where to store
 *     r_info   u64   low half: the type; high half: a symbol, as an index in DT_SYMTAB
 *     r_addend i64
 *
 * and DT_RELASZ and DT_PLTRELSZ are their sizes in bytes. What is stored, with bias 0:
 *
 *     R_..._RELATIVE                    the addend
 *     R_X86_64_64, R_AARCH64_ABS64      the symbol's address and the addend
 *     R_..._GLOB_DAT, R_..._JUMP_SLOT   the symbol's address
 *
 * Plugins reach most of their own types and functions through symbols, so that the dynamic linker
 * can bind them to those of the program. It then stores another address, but what is there is alike.
 * Symbols of other files are left out.
 *
 * Go's own linker (cmd/link/internal/amd64/asm.go, adddynrel) and GNU ld have stored the addends of
 * relative relocations in the file already. Nothing is written then, and no page is copied. lld
 * leaves zeros. DT_RELR and DT_REL need nothing: their addend is the stored value, to which bias 0
 * adds nothing.
 */
#include "read/elf/image_priv.h"
#include "base/reader.h"

#include <elf.h>
#include <errno.h>
#include <sys/mman.h>

struct rela_table {
	uint64_t addr, size;
};

/* What PT_DYNAMIC tells. */
struct dynamic {
	struct rela_table rela, jumps; /* DT_RELA; DT_JMPREL */
	uint64_t symbols;	       /* DT_SYMTAB; 0: none */
};

static struct dynamic read_dynamic(const struct image *image)
{
	const uint8_t *bytes = image_file_bytes(image, image->dynamic_offset, image->dynamic_size);
	struct dynamic dynamic = {0};
	struct reader r;

	if (!bytes)
		return dynamic;
	r = reader_over(bytes, image->dynamic_size);
	for (;;) {
		uint64_t tag = reader_u64(&r);
		uint64_t value = reader_u64(&r);

		if (r.bad || tag == DT_NULL)
			return dynamic;
		switch (tag) {
		case DT_RELA: dynamic.rela.addr = value; break;
		case DT_RELASZ: dynamic.rela.size = value; break;
		case DT_JMPREL: dynamic.jumps.addr = value; break;
		case DT_PLTRELSZ: dynamic.jumps.size = value; break;
		case DT_SYMTAB: dynamic.symbols = value; break;
		default: break;
		}
	}
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

/* Finds the link-time address of a symbol. Returns false when it is not in this file. */
static bool symbol_addr(const struct image *image, const struct dynamic *dynamic, uint64_t index,
			uint64_t *ret)
{
	Elf64_Sym symbol;
	const void *at =
		dynamic->symbols
			? image_at(image, dynamic->symbols + index * sizeof(symbol), sizeof(symbol))
			: NULL;
	unsigned type;

	if (!at)
		return false;
	memcpy(&symbol, at, sizeof(symbol));
	type = ELF64_ST_TYPE(symbol.st_info);
	*ret = symbol.st_value;
	return symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS && type != STT_TLS &&
	       type != STT_GNU_IFUNC;
}

/* Computes what a relocation stores. Returns false for one that is left out. */
static bool value_of(const struct image *image, const struct dynamic *dynamic,
		     const Elf64_Rela *rela, uint64_t *ret)
{
	const struct elf_machine *machine = image->machine;
	uint32_t type = ELF64_R_TYPE(rela->r_info);
	bool absolute = type == machine->absolute;

	if (type == machine->relative) {
		*ret = (uint64_t)rela->r_addend;
		return true;
	}
	if (!absolute && type != machine->glob_dat && type != machine->jump_slot)
		return false;
	if (!symbol_addr(image, dynamic, ELF64_R_SYM(rela->r_info), ret))
		return false;
	*ret += absolute ? (uint64_t)rela->r_addend : 0;
	return true;
}

static void apply(struct image *image, const struct dynamic *dynamic, const uint8_t *table,
		  uint64_t count)
{
	const struct image_segment *segment = NULL;

	for (uint64_t i = 0; i < count; i++) {
		const struct image_segment *found;
		uint64_t value;
		Elf64_Rela rela;
		uint8_t *word;

		memcpy(&rela, table + i * sizeof(rela), sizeof(rela));
		if (!value_of(image, dynamic, &rela, &value))
			continue;
		found = segment_of_word(image, segment, rela.r_offset);
		if (!found)
			continue;
		segment = found;
		word = image->bytes + found->offset + (rela.r_offset - found->addr);
		/* An equal word is not written, because that would copy its page. */
		if (memcmp(word, &value, 8) == 0)
			continue;
		memcpy(word, &value, 8);
		note_dirty(image, (size_t)(word - image->bytes));
	}
}

static struct error *apply_table(struct image *image, const struct dynamic *dynamic,
				 const struct rela_table *table)
{
	const uint8_t *bytes = image_at(image, table->addr, table->size);

	if (!table->size)
		return NULL;
	if (!bytes)
		return error_new(
			ERROR_TARGET,
			"%s: corrupt executable: its relocation table (%llu bytes at 0x%llx) "
			"lies outside the file; rebuild or re-copy it",
			image->name, (unsigned long long)table->size,
			(unsigned long long)table->addr);
	apply(image, dynamic, bytes, table->size / sizeof(Elf64_Rela));
	return NULL;
}

struct error *image_relocate(struct image *image)
{
	struct dynamic dynamic = read_dynamic(image);
	struct error *err;

	if (!dynamic.rela.size && !dynamic.jumps.size)
		return NULL;
	if (mprotect(image->bytes, image->size, PROT_READ | PROT_WRITE) != 0)
		return error_errno(ERROR_FAILED, errno, "%s: cannot relocate the mapped file",
				   image->name);
	err = apply_table(image, &dynamic, &dynamic.rela);
	if (!err)
		err = apply_table(image, &dynamic, &dynamic.jumps);
	mprotect(image->bytes, image->size, PROT_READ);
	image_trim(image);
	return err;
}
