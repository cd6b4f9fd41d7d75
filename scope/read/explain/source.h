/* Reads lines of source files whose paths a program names. A program can name any file of this
 * machine (by a //line comment), and the tool may run as root. A line is therefore read only
 * from
 *
 *   - a file that the owner of the program could read as well, or
 *   - a file of root, or of the user who runs the tool, whose name ends in ".go" or ".s".
 *
 * Only regular files are opened.
 */
#ifndef READ_EXPLAIN_SOURCE_H
#define READ_EXPLAIN_SOURCE_H

#include <sys/types.h>

/* The file that was read last. Begins as {.owner = ...}. */
struct source {
	uid_t owner; /* of the program's file */
	char *path;  /* owned */
	char *text;  /* owned; NULL when it was not read */
	size_t size;
};

void source_fini(struct source *source);

/* Finds a line (from 1) of the file at path. Returns its first byte after the indentation, and its
 * length in *ret_len. Returns NULL when the line cannot be shown. The text is borrowed until the
 * next call. */
const char *source_line(struct source *source, const char *path, uint32_t line, size_t *ret_len);

#endif
