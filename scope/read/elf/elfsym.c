#include "base/base.h"
#include "base/reader.h"
#include "base/search.h"
#include "read/elf/image.h"
#include "read/elf/elfsym.h"

#include <elf.h>

enum {
	BACK_MAX = 64, /* symbols before the nearest one that are checked for a longer one */
	SYMBOLS_MAX = 1 << 24,	  /* the largest programs have a few million */
	NAME_MAX_BYTES = 1 << 16, /* some C++ names have thousands of bytes */
};

/* Entries are sorted by address, then by rank: how good a name the symbol has. */
struct entry {
	uint64_t addr;
	uint32_t index; /* in the symbol table */
	uint32_t rank;	/* smaller is better */
};

struct elfsym {
	const char *table;
	const uint8_t *symbols;
	struct image_section strings;
	VEC(struct entry) entries;
};

/* Reads a symbol from the table in the file. The table need not be aligned. */
static Elf64_Sym symbol_get(const uint8_t *symbols, uint32_t index)
{
	Elf64_Sym symbol;

	memcpy(&symbol, symbols + (size_t)index * sizeof(symbol), sizeof(symbol));
	return symbol;
}

/* Returns the symbol's name. Returns NULL when it has none, or one that is longer than any that a
 * compiler makes. */
static const char *symbol_name(const struct elfsym *table, const Elf64_Sym *symbol)
{
	uint64_t at = symbol->st_name, left;
	struct reader r;

	if (at >= table->strings.size)
		return NULL;
	left = table->strings.size - at;
	r = reader_over(table->strings.bytes + at, left < NAME_MAX_BYTES ? left : NAME_MAX_BYTES);
	return reader_cstr(&r);
}

/* Ranks a symbol. Returns false for a symbol that names no place in the program. The symbols "$x"
 * and "$d" are everywhere on arm64, where they tell code from data (ELF for the Arm 64-bit
 * Architecture, mapping symbols). */
static bool symbol_rank(const struct elfsym *table, const Elf64_Sym *symbol, uint32_t *ret)
{
	char first;
	uint32_t rank;

	if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS || !symbol->st_name)
		return false;
	switch (ELF64_ST_TYPE(symbol->st_info)) {
	case STT_FUNC:
	case STT_GNU_IFUNC: rank = 0; break;
	case STT_OBJECT: rank = 1; break;
	case STT_NOTYPE: rank = 2; break;
	default: return false;
	}
	/* The end of a name is searched only when somebody asks for the name, because the names of
	 * a damaged file overlap. */
	if (symbol->st_name >= table->strings.size)
		return false;
	first = (char)table->strings.bytes[symbol->st_name];
	if (!first || (rank == 2 && first == '$'))
		return false;
	rank = rank * 2 + (symbol->st_size == 0);
	switch (ELF64_ST_BIND(symbol->st_info)) {
	case STB_GLOBAL: *ret = rank * 3; break;
	case STB_WEAK: *ret = rank * 3 + 1; break;
	default: *ret = rank * 3 + 2; break;
	}
	return true;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static struct error *read_table(struct elfsym *table, uint64_t count)
{
	bool sorted = true;

	for (uint32_t i = 1; i < count && i < SYMBOLS_MAX; i++) {
		Elf64_Sym symbol = symbol_get(table->symbols, i);
		struct entry entry = {.addr = symbol.st_value, .index = i};
		size_t n = table->entries.len;

		if (!symbol_rank(table, &symbol, &entry.rank))
			continue;
		sorted = sorted && (!n || compare_entries(&table->entries.data[n - 1], &entry) < 0);
		if (!vec_push(&table->entries, entry))
			return error_nomem();
	}
	if (!sorted)
		qsort(table->entries.data, table->entries.len, sizeof(struct entry),
		      compare_entries);
	return NULL;
}

/* Cuts the strings after the last NUL, so that every name in them ends. */
static void cut_behind_last_name(struct image_section *strings)
{
	const uint8_t *last = memrchr(strings->bytes, 0, strings->size);

	strings->size = last ? (uint64_t)(last + 1 - strings->bytes) : 0;
}

/* Finds the first section of a type whose symbols and names all lie in the file. */
static bool find_table(const struct image *image, uint32_t type, struct elfsym *table,
		       uint64_t *ret_count)
{
	struct image_section section;

	for (size_t i = 1; i < image_section_count(image); i++) {
		if (!image_section_get(image, i, &section) || section.type != type)
			continue;
		if (!section.bytes || !image_section_get(image, section.link, &table->strings) ||
		    !table->strings.bytes)
			continue;
		cut_behind_last_name(&table->strings);
		table->symbols = section.bytes;
		*ret_count = section.size / sizeof(Elf64_Sym);
		return true;
	}
	return false;
}

struct error *elfsym_open(const struct image *image, struct elfsym **ret)
{
	static const struct {
		uint32_t type;
		const char *name;
	} tables[] = {{SHT_SYMTAB, ".symtab"}, {SHT_DYNSYM, ".dynsym"}};
	cleanup(elfsym_close) struct elfsym *table = calloc(1, sizeof(*table));
	uint64_t count;

	if (!table)
		return error_nomem();
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		if (!find_table(image, tables[i].type, table, &count))
			continue;
		table->table = tables[i].name;
		try(read_table(table, count));
		if (table->entries.len) {
			*ret = take_ptr(table);
			return NULL;
		}
	}
	if (!image_section_count(image))
		return error_new(ERROR_TARGET, "no section headers, so no symbol table");
	return error_new(ERROR_TARGET, "stripped: no symbol table that names anything");
}

void elfsym_close(struct elfsym *symbols)
{
	if (!symbols)
		return;
	vec_fini(&symbols->entries);
	free(symbols);
}

const char *elfsym_table(const struct elfsym *symbols)
{
	return symbols->table;
}

size_t elfsym_count(const struct elfsym *symbols)
{
	return symbols->entries.len;
}

/* Returns the number of entries that begin at or before addr. */
static size_t entries_until(const struct elfsym *symbols, uint64_t addr)
{
	return lower_bound(i, symbols->entries.len, symbols->entries.data[i].addr <= addr);
}

bool elfsym_at(const struct elfsym *symbols, uint64_t addr, struct elfsym_hit *ret)
{
	const struct entry *sized = NULL, *label = NULL, *best;
	size_t at = entries_until(symbols, addr);
	uint64_t ended = 0; /* last end of a sized symbol before addr; no label before it counts */
	Elf64_Sym symbol;

	for (size_t looked = 0; at > 0 && looked < BACK_MAX; looked++) {
		const struct entry *entry = &symbols->entries.data[--at];

		/* Among entries that begin together, the one visited last is the best. */
		if (sized && entry->addr != sized->addr)
			break;
		symbol = symbol_get(symbols->symbols, entry->index);
		if (symbol.st_size && addr - entry->addr < symbol.st_size)
			sized = entry;
		else if (symbol.st_size)
			ended = ended > entry->addr + symbol.st_size ? ended
								     : entry->addr + symbol.st_size;
		else if (!label || entry->addr == label->addr)
			label = entry;
	}
	best = sized ? sized : label && label->addr >= ended ? label : NULL;
	if (!best)
		return false;
	symbol = symbol_get(symbols->symbols, best->index);
	ret->name = symbol_name(symbols, &symbol);
	ret->addr = best->addr;
	ret->size = symbol.st_size;
	return ret->name != NULL;
}

const char *elfsym_alias(const struct elfsym *symbols, uint64_t addr, size_t index)
{
	size_t end = entries_until(symbols, addr);
	Elf64_Sym symbol;

	if (index >= end || symbols->entries.data[end - 1 - index].addr != addr)
		return NULL;
	symbol = symbol_get(symbols->symbols, symbols->entries.data[end - 1 - index].index);
	return symbol_name(symbols, &symbol);
}
