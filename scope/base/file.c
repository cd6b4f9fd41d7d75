#include "base/base.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
