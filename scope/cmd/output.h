/* The output of a verb. path: the file of -o; NULL: stdout.
 */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include "base/text/text.h"
#include "watch/engine/engine.h"

/* Checks that the output does not overwrite the program. Errors (ERROR_USAGE): the path leads to
 * `exe`, a descriptor of the program that is traced or read. */
struct error *output_check(const char *path, int exe);
/* Opens the file, or makes one that only its owner can read. The old contents stay until
 * output_empty(), which is called when something can be written. In a folder that everybody may
 * write to, links and files of other users are refused (output_file.c). Errors (ERROR_FAILED): one
 * line. */
struct error *output_open(const char *path, int *ret_fd);
struct error *output_empty(const char *path, int fd);
/* Writes the whole text. Waits at most patience_ms (-1: without end) each time that a descriptor which
 * does not block takes nothing. Returns 0 or an errno (EAGAIN: nothing was taken in that time). */
int output_put(int fd, const char *text, size_t len, int patience_ms);
/* Writes the whole text. A reader that has gone away is no error. */
struct error *output_write(int fd, const struct buf *text);
/* Writes the answer of --dry-run: each probe, and where each filter is decided. */
struct error *output_plan(int fd, const struct engine_options *options);

/* How text on a descriptor looks. */
struct terminal_style {
	bool color;
	size_t width; /* columns; TEXT_UNLIMITED: nothing is cut */
};

/* Returns the style for a descriptor. Only terminals get colours and a width. NO_COLOR switches the
 * colours off. COLUMNS, if it is set, is the width, and otherwise the window's width is taken.
 * wide: there is no limit (--wide). */
struct terminal_style terminal_style(int fd, bool wide);

#endif
