/* Where the output of a verb goes. path: of -o; NULL: stdout.
 */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include "base/text/text.h"
#include "watch/engine/engine.h"

/* Errors (ERROR_USAGE): the path leads to `exe` (a descriptor), the very program that is traced. */
struct error *output_check(const char *path, int exe);
/* Opens the file, or makes one that its owner alone can read. What is in it stays there until
 * something can be written: output_empty(). In a folder that everybody may write to, links and files
 * of others are refused (output_file.c). Errors (ERROR_FAILED): one line. */
struct error *output_open(const char *path, int *ret_fd);
struct error *output_empty(const char *path, int fd);
/* Writes it all. A reader that has gone away is no error. */
struct error *output_write(int fd, const struct buf *text);
/* --dry-run: each probe, and where each filter is decided. */
struct error *output_plan(int fd, const struct engine_options *options);

/* How text on a descriptor looks. */
struct terminal_style {
	bool color;
	size_t width; /* columns; TEXT_UNLIMITED: nothing is cut */
};

/* Colours and a width are for terminals alone. NO_COLOR takes the colours away. COLUMNS, if it is set,
 * is the width; else it is that of the window. wide: no limit (--wide). */
struct terminal_style terminal_style(int fd, bool wide);

#endif
