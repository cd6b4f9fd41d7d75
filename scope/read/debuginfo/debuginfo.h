/* Looks up function, file:line and inlined frames of an address in debug information. It reads
 * DWARF 2 to 5 through libdw, compressed or not, in the file or in a separate one.
 *
 * libdw and zlib parse a foreign file here and may have bugs. A file that is not trusted is
 * therefore opened in a process of its own (reader.c).
 */
#ifndef READ_DEBUGINFO_DEBUGINFO_H
#define READ_DEBUGINFO_DEBUGINFO_H

#include "base/base.h"
#include "base/frame.h"
#include "read/debuginfo/reader.h"

struct debuginfo;

enum { DEBUGINFO_ID_MAX = 64 }; /* bytes of a build id */

/* A file that another one refers to. */
struct debuginfo_wanted {
	bool alternate; /* .gnu_debugaltlink; otherwise the separate debug information of a program */
	const char *name;  /* as the file has it; "" if it has only a build id */
	const uint8_t *id; /* the build id that the file must have */
	size_t id_n;	   /* 0: none is known */
};

/* Opens other files. This room opens none by itself. */
struct debuginfo_files {
	void *ctx;
	/* Opens the file of this ordinal (from 0) among those that may be the wanted one. *ret_fd
	 * and *ret_path become the caller's. *ret_fd is -1 when there are no more. Errors
	 * (ERROR_TARGET): the file must not be opened; the text is a reason. */
	struct error *(*open)(void *ctx, const struct debuginfo_wanted *wanted, unsigned ordinal,
			      int *ret_fd, char **ret_path);
};

/* Opens the debug information of an executable. It is in the file, or else in a separate file.
 * Compressed sections are inflated at once. Sections that are not needed (locations, frames,
 * macros) are not inflated at all.
 *   fd     open for reading; stays the caller's
 *   files  opens the separate file, and the file that several separate ones share; NULL: no others
 * Errors (ERROR_TARGET): there is none (the text is a reason that can be shown in place of an
 * answer); too large; corrupt.
 */
struct error *debuginfo_open(int fd, const struct debuginfo_files *files, struct debuginfo **ret);
void debuginfo_close(struct debuginfo *dwarf); /* NULL is legal */
CLEANUP_FUNC(struct debuginfo, debuginfo_close)

/* Returns the path of the separate file that is read. Returns "" when the executable itself is
 * read. Borrowed. */
const char *debuginfo_path(const struct debuginfo *dwarf);

struct debuginfo_frame {
	struct frame frame; /* func is the linkage name where there is one */
	const char *dir;    /* where frame.file is relative to: an absolute path, or ""; borrowed */
};
#define DEBUGINFO_FRAMES_MAX 64 /* frames of inlined calls that are followed at most */

enum debuginfo_miss {
	DEBUGINFO_FOUND,
	DEBUGINFO_NO_UNIT,  /* no compilation unit says that it has code there */
	DEBUGINFO_NO_FRAME, /* a unit says so, but names neither a function nor a line */
	DEBUGINFO_CORRUPT,  /* the unit's entries cannot be read, or are too many */
};

/* Finds the frames at pc (link-time), innermost first. As with gopcln_frames(), the frame of an
 * inlined call has the line inside the inlined function, and the frame of its caller has the line
 * of the call. The strings live as long as `dwarf`. *ret_entry is the entry of the function itself;
 * if a compiler has split the function, it is the start of the part that holds pc; 0 when unknown.
 * The first lookup in a unit reads all of the unit. */
enum debuginfo_miss debuginfo_frames(struct debuginfo *dwarf, uint64_t pc,
				     struct debuginfo_frame *ret, size_t max, size_t *ret_n,
				     uint64_t *ret_entry);

/* Collects the variables of Go packages whose types have pointers, and those types. What is too much is left out. Errors: no
 * memory. */
struct error *debuginfo_variables(struct debuginfo *dwarf, const struct debuginfo_ask *ask,
				  struct debuginfo_variables *ret);

#endif
