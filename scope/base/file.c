#include "base/base.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

int file_open_regular(const char *path)
{
	cleanup_close int place = open(path, O_PATH | O_CLOEXEC);
	char same[64];
	struct stat st;

	if (place < 0 || fstat(place, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	/* Another file may have the name by now. The link in /proc leads to the file that was
	 * checked. */
	snprintf(same, sizeof(same), "/proc/self/fd/%d", place);
	return open(same, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

struct error *file_open(const char *path, int *ret_fd)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return error_errno(errno == EACCES ? ERROR_PERMISSION : ERROR_TARGET, errno,
				   "cannot open %s", path);
	*ret_fd = fd;
	return NULL;
}

struct file_version file_version_of(const struct stat *st)
{
	return (struct file_version){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.mode = st->st_mode,
		.size = st->st_size,
		.modified = st->st_mtim,
	};
}

bool file_version_read(int fd, struct file_version *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	*ret = file_version_of(&st);
	return true;
}

bool file_version_equal(const struct file_version *a, const struct file_version *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec;
}

/* Copies the bytes [from, to). A file that becomes shorter meanwhile ends early. */
static bool copy_part(int fd, int copy, off_t from, off_t to)
{
	if (lseek(copy, from, SEEK_SET) < 0)
		return false;
	while (from < to) {
		ssize_t n = sendfile(copy, fd, &from, (size_t)(to - from));

		if (n < 0 && errno != EINTR)
			return false;
		if (n == 0)
			break;
	}
	return true;
}

struct error *file_copy(int fd, const char *name, int *ret_fd)
{
	cleanup_close int copy = memfd_create("tophash-copy", MFD_CLOEXEC);
	off_t hole = 0, data;
	struct stat st;

	if (copy < 0 || fstat(fd, &st) < 0 || ftruncate(copy, st.st_size) < 0)
		return error_errno(ERROR_FAILED, errno, "%s: cannot copy the file", name);
	for (;;) {
		data = lseek(fd, hole, SEEK_DATA);
		if (data < 0 && errno == ENXIO) /* nothing but a hole follows */
			break;
		hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
		if (hole < 0 || !copy_part(fd, copy, data, hole))
			return error_errno(ERROR_FAILED, errno, "%s: cannot copy the file", name);
	}
	*ret_fd = take_fd(copy);
	return NULL;
}
