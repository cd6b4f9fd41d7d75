/* Where the output of a verb goes. path: of -o; NULL: stdout.
 */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include "watch/engine/engine.h"

/* Errors (ERROR_USAGE): the path leads to `exe` (a descriptor), the very program that is traced. */
struct error *output_check(const char *path, int exe);
/* What is in the file stays there until something can be written: output_empty(). */
struct error *output_open(const char *path, int *ret_fd);
struct error *output_empty(const char *path, int fd);
/* Writes it all. A reader that has gone away is no error. */
struct error *output_write(int fd, const struct buf *text);
/* --dry-run: each probe, and where each filter is decided. */
struct error *output_plan(int fd, const struct engine_options *options);

#endif
