#include "base/buf.h"
#include "base/text/text.h"
#include "cmd/output.h"
#include "cmd/options/options.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* A line of fewer columns is of no use. On a narrower terminal, lines have this length and wrap. */
#define COLUMNS_MIN 40
#define COLUMNS_MAX 100000

/* Tells whether a path leads to a file. */
static bool leads_to(const char *path, const struct stat *file)
{
	struct stat st;

	return path && stat(path, &st) == 0 && st.st_dev == file->st_dev &&
	       st.st_ino == file->st_ino;
}

struct error *output_check(const char *path, int exe)
{
	struct stat st;

	if (fstat(exe, &st) < 0 || !leads_to(path, &st))
		return NULL;
	return error_new(ERROR_USAGE, "-o %s: that is the program itself: give another file", path);
}

struct error *output_check_input(const char *path, const struct stat *input, const char *name)
{
	if (!S_ISREG(input->st_mode) || !leads_to(path, input))
		return NULL;
	return error_new(ERROR_USAGE, "cannot write %s: it is %s, which is read: give another file",
			 path, name);
}

/* Returns the number of columns in COLUMNS, or 0. */
static size_t columns_wanted(void)
{
	const char *text = getenv("COLUMNS");
	uint64_t columns = 0;

	if (!text || !option_number(text, &columns) || columns > COLUMNS_MAX)
		return 0;
	return columns;
}

struct terminal_style terminal_style(int fd, bool wide)
{
	const char *no_color = getenv("NO_COLOR");
	struct terminal_style style = {.width = TEXT_UNLIMITED};
	struct winsize window = {0};

	if (!isatty(fd))
		return style;
	style.color = !(no_color && *no_color);
	if (wide)
		return style;
	style.width = columns_wanted();
	if (!style.width && ioctl(fd, TIOCGWINSZ, &window) == 0)
		style.width = window.ws_col;
	if (!style.width)
		style.width = TEXT_UNLIMITED;
	else if (style.width < COLUMNS_MIN)
		style.width = COLUMNS_MIN;
	return style;
}

struct error *output_empty(const char *path, int fd)
{
	struct stat st;

	if (!path || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || ftruncate(fd, 0) == 0)
		return NULL;
	return error_errno(ERROR_FAILED, errno, "cannot empty %s", path);
}

/* Writes even if the descriptor is non-blocking. The program that started tophash, or that shares
 * the descriptor, may have set that. */
static int write_all(int fd, const char *text, size_t len, int patience_ms, size_t *ret_done)
{
	struct pollfd writable = {.fd = fd, .events = POLLOUT};
	size_t done = 0;
	int errnum = 0;

	while (done < len && !errnum) {
		ssize_t n = write(fd, text + done, len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			errnum = poll(&writable, 1, patience_ms) == 0 ? EAGAIN : 0;
		else if (errno != EINTR)
			errnum = errno;
	}
	*ret_done = done;
	return errnum;
}

int output_put(int fd, const char *text, size_t len, int patience_ms)
{
	size_t done;

	return write_all(fd, text, len, patience_ms, &done);
}

/* Returns how much to write at once. When poll(2) calls a pipe writable, so much goes in without waiting. */
static size_t some_of(const char *text, size_t len)
{
	const char *newline = len > PIPE_BUF ? memrchr(text, '\n', PIPE_BUF) : NULL;

	if (newline)
		return (size_t)(newline + 1 - text);
	return len < PIPE_BUF ? len : PIPE_BUF;
}

int output_put_until(int fd, const char *text, size_t len, int stop, size_t *ret_done)
{
	struct pollfd ready[] = {{.fd = fd, .events = POLLOUT}, {.fd = stop, .events = POLLIN}};
	size_t done = 0;

	*ret_done = 0;
	while (done < len) {
		ssize_t n;

		if (poll(ready, ARRAY_SIZE(ready), -1) < 0 && errno != EINTR)
			return errno;
		if (ready[1].revents)
			return ECANCELED;
		if (!ready[0].revents)
			continue;
		n = write(fd, text + done, some_of(text + done, len - done));
		if (n >= 0)
			*ret_done = done += (size_t)n;
		else if (errno != EINTR && errno != EAGAIN)
			return errno;
	}
	return 0;
}

/* Removes half a line from the end of a regular file that became full. */
static void cut_file(int fd, const char *text, size_t done)
{
	const char *newline = done ? memrchr(text, '\n', done) : NULL;
	size_t torn = newline ? done - (size_t)(newline + 1 - text) : done;
	off_t end = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	if (torn && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && end == st.st_size &&
	    end >= (off_t)torn && ftruncate(fd, end - (off_t)torn) == 0)
		lseek(fd, end - (off_t)torn, SEEK_SET);
}

struct error *output_write(int fd, const struct buf *text)
{
	size_t done;
	int errnum = write_all(fd, text->data, text->len, -1, &done);

	if (!errnum || errnum == EPIPE)
		return NULL;
	cut_file(fd, text->data, done);
	return error_errno(ERROR_FAILED, errnum, "cannot write the output");
}
