/* What the parts of dwarf share: dwarf_open.c (finding and opening), dwarf_sections.c (what of it
 * libdw sees), dwarf_index.c (a unit's
 * functions and inlined calls as ranges), dwarf.c (lookups). Nobody outside of
 * scope/symbol/dwarf*.c includes this.
 *
 * libdw has lookups by address of its own (dwarf_addrdie, dwarf_getscopes): the first needs
 * .debug_aranges, which Go does not write, the second walks the unit's entries for each address. So
 * a unit is walked once, and its functions and inlined calls are kept as ranges:
 *
 *     units   sorted ranges of all units -> unit           dwarf_open
 *     funcs   sorted ranges of one unit's functions -> scope
 *     scopes  functions and inlined calls in the order of the file, each before what is inside:
 *
 *             f  [e] . . . . . . . . end of f      a scope that does not hold the pc is
 *               g  [e] . . . end of g              skipped with all that is inside
 *                 h  [e]
 *               h  [e]
 */
#ifndef SYMBOL_DWARF_PRIV_H
#define SYMBOL_DWARF_PRIV_H

#include "base/base.h"
#include "symbol/dwarf.h"

#include <elfutils/libdw.h>

enum {
	DWARF_DEPTH_MAX = 64, /* nesting of entries; real ones reach some ten */
	DWARF_UNITS_MAX = 1 << 20,
	DWARF_ENTRIES_MAX = 1 << 26, /* of all units; 43 MB of Go have half a million */
	DWARF_RANGES_MAX = 1 << 24,  /* of all units */
	DWARF_OVERLAP_MAX = 64,	     /* ranges looked at before the nearest one */
};
#define DWARF_BYTES_MAX (1ull << 30) /* of all sections that are read, inflated */

struct dwarf_range {
	uint64_t low, high; /* [low, high) */
	uint32_t of;	    /* units: index of the unit; funcs and ranges: of the scope */
};
typedef VEC(struct dwarf_range) dwarf_ranges_vec;

struct dwarf_scope {
	Dwarf_Off die;
	uint32_t parent;	       /* UINT32_MAX: none */
	uint32_t end;		       /* one past the last scope inside */
	uint32_t range, range_n;       /* in unit->ranges */
	uint32_t call_file, call_line; /* inlined: where the call stands */
	bool inlined;
};

struct dwarf_unit {
	Dwarf_Off die;	/* its own entry */
	bool read, bad; /* walked; gave up, or found it corrupt */
	VEC(struct dwarf_scope) scopes;
	dwarf_ranges_vec funcs, ranges;
	const char *dir;    /* where it was compiled; "" unless absolute; borrowed from libdw */
	Dwarf_Files *files; /* borrowed from libdw; NULL: not asked for yet, or none */
	size_t file_n;
};

struct dwarf {
	char *path; /* owned; "" when it is the executable itself */
	int fd;	    /* owned; of a separate file, else -1 */
	Elf *elf;
	Dwarf *dw;
	VEC(void *) inflated; /* owned; what elf's sections point at */
	VEC(struct dwarf_unit) units;
	dwarf_ranges_vec unit_ranges; /* sorted by low */
	uint64_t entries, ranges;     /* read so far */
};

/* dwarf_sections.c: prepares dwarf->elf for libdw. ret_size: bytes of what a lookup needs,
 * inflated; 0 when there is no debug information. ERROR_TARGET: too large, or corrupt. */
struct error *dwarf_sections(struct dwarf *dwarf, uint64_t *ret_size);

/* dwarf_open.c: appends the address ranges of an entry; false when memory is out or there are too
 * many. */
bool dwarf_ranges_of(struct dwarf *dwarf, Dwarf_Die *die, uint32_t of, dwarf_ranges_vec *to);
void dwarf_ranges_sort(dwarf_ranges_vec *ranges);
/* The smallest range that holds addr, or NULL. */
const struct dwarf_range *dwarf_ranges_find(const dwarf_ranges_vec *ranges, uint64_t addr);

/* dwarf_index.c: walks the unit; sets read, and bad when it could not be read to its end. */
void dwarf_unit_read(struct dwarf *dwarf, struct dwarf_unit *unit);

#endif
