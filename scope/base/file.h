/* Opens files whose names come from a program, or from its file. Tells whether a file has changed.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/base.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

/* Opens a regular file for reading. Never blocks, and opens nothing but a regular file: opening a
 * FIFO would block, and opening a device may have effects. The caller closes the descriptor.
 * Returns -1 with errno set on failure (EINVAL: not a regular file). */
int file_open_regular(const char *path);

/* Opens a file that the user names, for reading. Does not wait: the path may lead to a pipe that nobody
 * writes to. Errors (ERROR_PERMISSION, ERROR_TARGET): it cannot be opened. */
struct error *file_open(const char *path, int *ret_fd);

/* What differs between two states of a file. */
struct file_version {
	dev_t dev;
	ino_t ino;
	mode_t mode; /* not compared */
	off_t size;
	struct timespec modified;
};

struct file_version file_version_of(const struct stat *st);
/* Reads the version of an open file. Returns false when it cannot be read. */
bool file_version_read(int fd, struct file_version *ret);
bool file_version_equal(const struct file_version *a, const struct file_version *b);

/* Copies a file into memory. Holes stay holes. The caller closes the descriptor. Errors
 * (ERROR_FAILED): no memory or no descriptor is left; the file cannot be read. */
struct error *file_copy(int fd, const char *name, int *ret_fd);

#endif
