/* Opening files whose names come from a program, or from its file.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

/* Opens a regular file for reading, without waiting for anybody and without touching what is not
 * regular: opening a FIFO waits, and opening a device may act on it. Returns the descriptor, which is
 * the caller's to close, or -1 with errno set (EINVAL: it is no regular file). */
int file_open_regular(const char *path);

#endif
