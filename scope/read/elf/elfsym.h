/* ELF symbols by address: .symtab, or .dynsym where a program was stripped.
 */
#ifndef READ_ELF_ELFSYM_H
#define READ_ELF_ELFSYM_H

struct elfsym;

/* Sorts the symbols of an image by address. The image is borrowed and must outlive the table. A
 * symbol takes 16 bytes. No sorting is needed where the linker has sorted, as Go's does. Functions,
 * data and labels are taken. Symbols without an address of their own (files, sections, thread-local
 * data) are not.
 * Errors (ERROR_TARGET): no symbol table, or none of use in it; the text is a reason that can stand
 * in place of an answer ("stripped: ..."). */
struct error *elfsym_open(const struct image *image, struct elfsym **ret);
void elfsym_close(struct elfsym *symbols); /* NULL is legal */
CLEANUP_FUNC(struct elfsym, elfsym_close)

struct elfsym_hit {
	const char *name; /* borrowed from the image */
	uint64_t addr;	  /* link-time */
	uint64_t size;	  /* 0: the table does not say */
};

/* Finds the symbol that addr lies in. A symbol with a size ends there. A symbol without one (a
 * label of assembly) reaches to the next, and counts only where no sized one holds addr. Among
 * several, the one that begins last counts. Among those that begin together, functions come before
 * data before labels, then global ones before weak ones (aliases) before local ones.
 * Returns false when addr lies between symbols. */
bool elfsym_at(const struct elfsym *symbols, uint64_t addr, struct elfsym_hit *ret);

/* Returns the name of the index-th symbol (from 0) that begins exactly at addr. Several are
 * aliases. Returns NULL when there are no more. */
const char *elfsym_alias(const struct elfsym *symbols, uint64_t addr, size_t index);

/* Returns the name of the table that is read: ".symtab" or ".dynsym". */
const char *elfsym_table(const struct elfsym *symbols);
size_t elfsym_count(const struct elfsym *symbols);

#endif
