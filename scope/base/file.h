/* Opening files whose names come from a program, or from its file.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

/* Opens a regular file for reading, without waiting for anybody and without touching what is not
 * regular: opening a FIFO waits, and opening a device may act on it. Returns the descriptor, which is
 * the caller's to close, or -1 with errno set (EINVAL: it is no regular file). */
int file_open_regular(const char *path);

/* Opens a file that the user names, for reading. Does not wait: the path may lead to a pipe that nobody
 * writes to. Errors (ERROR_PERMISSION, ERROR_TARGET): it cannot be opened. */
struct error *file_open(const char *path, int *ret_fd);

#endif
