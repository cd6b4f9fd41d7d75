/* Debug information by address: function, file:line and inlined frames. It reads DWARF 2 to 5,
 * compressed or not, in the file or in a separate one, through libdw.
 *
 * libdw and zlib parse a foreign file here and may have faults of their own. A file that is not
 * trusted is therefore opened in a process that may die (reader.c).
 */
#ifndef READ_DEBUGINFO_DEBUGINFO_H
#define READ_DEBUGINFO_DEBUGINFO_H

#include "base/base.h"
#include "read/debuginfo/reader.h"

struct debuginfo;

/* Opens the debug information of an executable: what is in the file, or else a separate file that
 * is found on this machine by build id (/usr/lib/debug/.build-id) or .gnu_debuglink. Never asks the
 * network: DEBUGINFOD_URLS is taken out of the environment. Compressed sections are inflated at
 * once, those that are not needed (locations, frames, macros) not at all.
 *   fd    open for reading; stays the caller's
 *   path  where it is, for .gnu_debuglink and error texts
 * Errors (ERROR_TARGET): none there (the text is a reason that can stand in place of an answer),
 * too large, corrupt.
 */
struct error *debuginfo_open(int fd, const char *path, struct debuginfo **ret);
void debuginfo_close(struct debuginfo *dwarf); /* NULL is legal */
CLEANUP_FUNC(struct debuginfo, debuginfo_close)

/* Returns the separate file that is read, or "" when it is the executable itself. Borrowed. */
const char *debuginfo_path(const struct debuginfo *dwarf);

struct debuginfo_frame {
	struct frame frame; /* func is the linkage name where there is one */
	const char *dir;    /* what frame.file is relative to: an absolute path, or ""; borrowed */
};
#define DEBUGINFO_FRAMES_MAX 64 /* deepest inlining that is followed */

enum debuginfo_miss {
	DEBUGINFO_FOUND,
	DEBUGINFO_NO_UNIT,  /* no compilation unit says that it has code there */
	DEBUGINFO_NO_FRAME, /* a unit does, but names neither a function nor a line */
	DEBUGINFO_CORRUPT,  /* the unit's entries cannot be read, or are too many */
};

/* Finds the frames at pc (link-time), innermost first. As with gopcln_frames(), an inlined frame
 * has the line inside the inlined function, and its caller has the line of the call. Strings live
 * as long as the dwarf. *ret_entry is where the physical function begins, or the part of it that
 * holds pc where a compiler has split it; 0 when unknown. The first look into a unit reads all of
 * it. */
enum debuginfo_miss debuginfo_frames(struct debuginfo *dwarf, uint64_t pc,
				     struct debuginfo_frame *ret, size_t max, size_t *ret_n,
				     uint64_t *ret_entry);

#endif
