/* Debug information by address: function, file:line, inlined frames; DWARF 2 to 5, compressed or
 * not, in the file or in a separate one, through libdw.
 *
 * libdw and zlib parse a foreign file here, with faults of their own: whoever opens a file that he
 * does not trust does it in a process that may die (explain/dwarf_child.c).
 */
#ifndef SYMBOL_DWARF_H
#define SYMBOL_DWARF_H

struct dwarf;

/* Opens the debug information of an executable: what is in the file, or else a separate file that
 * is found on this machine by build id (/usr/lib/debug/.build-id) or .gnu_debuglink. Never asks the
 * network: DEBUGINFOD_URLS is taken out of the environment. Compressed sections are inflated at
 * once, those that are not needed (locations, frames, macros) not at all.
 *   fd    open for reading; stays the caller's
 *   path  where it is, for .gnu_debuglink and error texts
 * Errors (ERROR_TARGET): none there (the text is a reason that can stand in place of an answer),
 * too large, corrupt.
 */
struct error *dwarf_open(int fd, const char *path, struct dwarf **ret);
void dwarf_close(struct dwarf *dwarf); /* NULL is legal */
CLEANUP_FUNC(struct dwarf, dwarf_close)

/* The separate file that is read; "" when it is the executable itself. Borrowed. */
const char *dwarf_path(const struct dwarf *dwarf);

struct dwarf_frame {
	const char *func; /* linkage name where there is one; "" when unknown; borrowed */
	const char *dir;  /* what file is relative to: an absolute path, or ""; borrowed */
	const char *file; /* "" when unknown; borrowed */
	uint32_t line;	  /* 0 when unknown */
	bool inlined;	  /* func has no frame of its own at this pc */
};
#define DWARF_FRAMES_MAX 64 /* deepest inlining that is followed */

enum dwarf_miss {
	DWARF_FOUND,
	DWARF_NO_UNIT,	/* no compilation unit says that it has code there */
	DWARF_NO_FRAME, /* a unit does, but names neither a function nor a line */
	DWARF_CORRUPT,	/* the unit's entries cannot be read, or are too many */
};

/* The frames at pc (link-time), innermost first, as gotab_frames() has them: an inlined frame
 * carries the line inside the inlined function, its caller the line of the call. Strings live as
 * long as the dwarf. ret_entry: where the physical function begins, or the part of it
 * that holds pc where a compiler has split it; 0 when unknown.
 * The first look into a unit reads all of it. */
enum dwarf_miss dwarf_frames(struct dwarf *dwarf, uint64_t pc, struct dwarf_frame *ret, size_t max,
			     size_t *ret_n, uint64_t *ret_entry);

#endif
