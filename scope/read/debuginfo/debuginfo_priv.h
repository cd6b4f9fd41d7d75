/* What the files of this room share: open.c (finding and opening), sections.c (the part that libdw
 * sees), index.c (a unit's functions and inlined calls as ranges), lookup.c (lookups). Nobody else
 * includes this.
 *
 * libdw has lookups by address of its own (dwarf_addrdie, dwarf_getscopes): the first needs
 * .debug_aranges, which Go does not write, the second walks the unit's entries for each address. So
 * a unit is walked once, and its functions and inlined calls are kept as ranges:
 *
 *     units   sorted ranges of all units -> unit           debuginfo_open
 *     funcs   sorted ranges of one unit's functions -> scope
 *     scopes  functions and inlined calls in the order of the file, each before what is inside:
 *
 *             f  [e] . . . . . . . . end of f      a scope that does not hold the pc is
 *               g  [e] . . . end of g              skipped with all that is inside
 *                 h  [e]
 *               h  [e]
 */
#ifndef READ_DEBUGINFO_DEBUGINFO_PRIV_H
#define READ_DEBUGINFO_DEBUGINFO_PRIV_H

#include "base/base.h"
#include "read/debuginfo/debuginfo.h"

#include <elfutils/libdw.h>

enum {
	DEBUGINFO_DEPTH_MAX = 64, /* nesting of entries; real ones reach some ten */
	DEBUGINFO_UNITS_MAX = 1 << 20,
	DEBUGINFO_ENTRIES_MAX = 1 << 26, /* of all units; 43 MB of Go have half a million */
	DEBUGINFO_RANGES_MAX = 1 << 24,	 /* of all units */
	DEBUGINFO_OVERLAP_MAX = 64,	 /* ranges looked at before the nearest one */
};
#define DEBUGINFO_BYTES_MAX (1ull << 30) /* of all sections that are read, inflated */

struct debuginfo_range {
	uint64_t low, high; /* [low, high) */
	uint32_t of;	    /* units: index of the unit; funcs and ranges: of the scope */
};
typedef VEC(struct debuginfo_range) debuginfo_ranges_vec;

struct debuginfo_scope {
	Dwarf_Off die;
	uint32_t parent;	       /* UINT32_MAX: none */
	uint32_t end;		       /* one past the last scope inside */
	uint32_t range, range_n;       /* in unit->ranges */
	uint32_t call_file, call_line; /* inlined: where the call stands */
	bool inlined;
};

struct debuginfo_unit {
	Dwarf_Off die;	/* its own entry */
	bool read, bad; /* walked; gave up, or found it corrupt */
	VEC(struct debuginfo_scope) scopes;
	debuginfo_ranges_vec funcs, ranges;
	const char *dir;    /* where it was compiled; "" unless absolute; borrowed from libdw */
	Dwarf_Files *files; /* borrowed from libdw; NULL: not asked for yet, or none */
	size_t file_n;
};

struct debuginfo {
	char *path; /* owned; "" when it is the executable itself */
	int fd;	    /* owned; of a separate file, else -1 */
	Elf *elf;
	Dwarf *dw;
	VEC(void *) inflated; /* owned; what elf's sections point at */
	VEC(struct debuginfo_unit) units;
	debuginfo_ranges_vec unit_ranges; /* sorted by low */
	uint64_t entries, ranges;	  /* read so far */
};

/* Prepares dwarf->elf for libdw (sections.c). *ret_size is the inflated size of the sections that a
 * lookup needs, in bytes; 0 when there is no debug information. Errors (ERROR_TARGET): too large,
 * or corrupt. */
struct error *debuginfo_sections(struct debuginfo *dwarf, uint64_t *ret_size);

/* Appends the address ranges of an entry (open.c). Returns false when memory is out or there are
 * too many. */
bool debuginfo_ranges_of(struct debuginfo *dwarf, Dwarf_Die *die, uint32_t of,
			 debuginfo_ranges_vec *to);
void debuginfo_ranges_sort(debuginfo_ranges_vec *ranges);
/* Returns the smallest range that holds addr, or NULL. */
const struct debuginfo_range *debuginfo_ranges_find(const debuginfo_ranges_vec *ranges,
						    uint64_t addr);

/* Walks the unit (index.c). Sets read, and sets bad when the unit could not be read to its end. */
void debuginfo_unit_read(struct debuginfo *dwarf, struct debuginfo_unit *unit);

#endif
