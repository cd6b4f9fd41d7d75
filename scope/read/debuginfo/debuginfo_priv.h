/* Debug information as the files of this room share it: open.c (opening), separate.c (the other
 * files that a file refers to), sections.c (the sections that libdw sees), index.c (functions and
 * inlined calls of a unit, as ranges), lookup.c (lookups). No other file includes this.
 *
 * libdw has lookups by address (dwarf_addrdie, dwarf_getscopes). The first needs .debug_aranges,
 * which Go does not write. The second walks the unit's entries for each address. Here a unit is
 * walked once, and its functions and inlined calls are kept as ranges:
 *
 *     units   sorted ranges of all units -> unit           debuginfo_open
 *     funcs   sorted ranges of one unit's functions -> scope
 *     scopes  functions and inlined calls in the order of the file; those inside one follow it:
 *
 *             f  [e] . . . . . . . . end of f      a scope that does not hold the pc is
 *               g  [e] . . . end of g              skipped with all scopes inside
 *                 h  [e]
 *               h  [e]
 */
#ifndef READ_DEBUGINFO_DEBUGINFO_PRIV_H
#define READ_DEBUGINFO_DEBUGINFO_PRIV_H

#include "base/base.h"
#include "read/debuginfo/debuginfo.h"

#include <elfutils/libdw.h>

enum {
	DEBUGINFO_DEPTH_MAX = 64, /* nesting of entries; real ones reach about ten */
	DEBUGINFO_UNITS_MAX = 1 << 20,
	DEBUGINFO_ENTRIES_MAX = 1 << 26, /* of all units; a program of 43 MB has half a million */
	DEBUGINFO_RANGES_MAX = 1 << 24,	 /* of all units */
	DEBUGINFO_OVERLAP_MAX = 64,	 /* ranges that are tried before the nearest one */
};
#define DEBUGINFO_BYTES_MAX (1ull << 30) /* size of all sections that are read, inflated */

struct debuginfo_range {
	uint64_t low, high; /* [low, high) */
	uint32_t of;	    /* index of the unit (unit_ranges) or of the scope (funcs and ranges) */
};
typedef VEC(struct debuginfo_range) debuginfo_ranges_vec;

struct debuginfo_scope {
	Dwarf_Off die;
	uint32_t parent;	       /* UINT32_MAX when there is none */
	uint32_t end;		       /* one past the last scope inside */
	uint32_t range, range_n;       /* in unit->ranges */
	uint32_t call_file, call_line; /* of an inlined call: file and line of the call */
	bool inlined;
};

struct debuginfo_unit {
	Dwarf_Off die;	/* the unit's own entry */
	bool read, bad; /* read: it was walked; bad: the walk gave up, or found it corrupt */
	VEC(struct debuginfo_scope) scopes;
	debuginfo_ranges_vec funcs, ranges;
	const char *dir;    /* where it was compiled; "" unless absolute; borrowed from libdw */
	Dwarf_Files *files; /* borrowed from libdw; NULL when not read yet or absent */
	size_t file_n;
};

struct debuginfo {
	char *path; /* owned; "" when the executable itself is read */
	int fd;	    /* owned; the descriptor of a separate file, or -1 */
	Elf *elf;
	Dwarf *dw;
	int shared_fd;	      /* owned; the descriptor of the file of .gnu_debugaltlink, or -1 */
	Dwarf *shared;	      /* its debug information, or NULL */
	VEC(void *) inflated; /* owned; the data that elf's sections point at */
	VEC(struct debuginfo_unit) units;
	debuginfo_ranges_vec unit_ranges; /* sorted by low */
	uint64_t entries, ranges;	  /* how many were read so far */
};

/* Opens the separate file of the program `elf` (separate.c). *ret_fd is -1 when there is none.
 * Errors (ERROR_TARGET): a file that must not be opened. */
struct error *debuginfo_separate(Elf *elf, const struct debuginfo_files *files, int *ret_fd,
				 char **ret_path);
/* Opens the file that dwarf->dw shares with others, if it names one and the file is there
 * (separate.c). Errors: as above. */
struct error *debuginfo_shared(struct debuginfo *dwarf, const struct debuginfo_files *files);

/* Prepares dwarf->elf for libdw (sections.c). *ret_size is the inflated size in bytes of the
 * sections that a lookup needs, or 0 when there is no debug information. Errors (ERROR_TARGET): too
 * large; corrupt. */
struct error *debuginfo_sections(struct debuginfo *dwarf, uint64_t *ret_size);

/* Appends the address ranges of an entry (open.c). Returns false when memory is out or there are
 * too many. */
bool debuginfo_ranges_of(struct debuginfo *dwarf, Dwarf_Die *die, uint32_t of,
			 debuginfo_ranges_vec *to);
void debuginfo_ranges_sort(debuginfo_ranges_vec *ranges);
/* Returns the smallest range that holds addr, or NULL when none does. */
const struct debuginfo_range *debuginfo_ranges_find(const debuginfo_ranges_vec *ranges,
						    uint64_t addr);

/* Walks the unit (index.c). Sets unit->read. Sets unit->bad when the unit could not be read to its
 * end. */
void debuginfo_unit_read(struct debuginfo *dwarf, struct debuginfo_unit *unit);

#endif
