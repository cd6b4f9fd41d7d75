/* ELF symbols by address. They come from .symtab, or from .dynsym if the program was stripped.
 */
#ifndef READ_ELF_ELFSYM_H
#define READ_ELF_ELFSYM_H

struct elfsym;

/* Sorts the symbols of an image by address. The image is borrowed and must outlive the table. A
 * symbol takes 16 bytes. If the linker has sorted them, as Go's does, no sorting is needed.
 * Functions, data and labels are taken. Symbols without an address of their own (files, sections,
 * thread-local data) are left out.
 * Errors (ERROR_TARGET): there is no symbol table, or it has no usable symbol. The text is a reason
 * that can be shown in place of an answer ("stripped: ..."). */
struct error *elfsym_open(const struct image *image, struct elfsym **ret);
void elfsym_close(struct elfsym *symbols); /* NULL is legal */
CLEANUP_FUNC(struct elfsym, elfsym_close)

struct elfsym_hit {
	const char *name; /* borrowed from the image */
	uint64_t addr;	  /* link-time */
	uint64_t size;	  /* 0: the table does not say */
};

/* Finds the symbol that addr lies in. A symbol that has a size ends there. A symbol without a size
 * (a label of assembly) reaches to the next symbol, and counts only if no sized one holds addr.
 * Among several, the one that begins last is chosen. Among those that begin together, functions
 * come before data and data before labels; then global ones come before weak ones (aliases), and
 * weak ones before local ones.
 * Returns false when addr lies between symbols. */
bool elfsym_at(const struct elfsym *symbols, uint64_t addr, struct elfsym_hit *ret);

/* Returns the name of the index-th symbol (from 0) that begins exactly at addr. Further ones are
 * aliases. Returns NULL when there are no more. */
const char *elfsym_alias(const struct elfsym *symbols, uint64_t addr, size_t index);

/* Returns the name of the table that is read: ".symtab" or ".dynsym". */
const char *elfsym_table(const struct elfsym *symbols);
size_t elfsym_count(const struct elfsym *symbols);

#endif
