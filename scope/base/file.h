/* Opens files whose names come from a program, or from its file.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/base.h"

/* Opens a regular file for reading. Never blocks, and opens nothing but a regular file: opening a
 * FIFO would block, and opening a device may have effects. The caller closes the descriptor.
 * Returns -1 with errno set on failure (EINVAL: not a regular file). */
int file_open_regular(const char *path);

/* Opens a file that the user names, for reading. Does not wait: the path may lead to a pipe that nobody
 * writes to. Errors (ERROR_PERMISSION, ERROR_TARGET): it cannot be opened. */
struct error *file_open(const char *path, int *ret_fd);

#endif
