/* Writes the output of a verb. `path` is the file of -o; NULL means stdout.
 */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include "base/base.h"

#include <sys/stat.h>

/* Checks that the output does not overwrite the program. Errors (ERROR_USAGE): the path leads to
 * `exe`, the descriptor of the program that is traced or read. */
struct error *output_check(const char *path, int exe);
/* Checks that the output does not overwrite a file that is read. `name` is shown. Errors (ERROR_USAGE): the path leads to
 * `input`. */
struct error *output_check_input(const char *path, const struct stat *input, const char *name);
/* Opens the file, or creates one that only its owner can read. output_empty() removes the old
 * contents; call it when there is something to write. In a folder that everybody may write to,
 * links and files of other users are refused (output_file.c). Errors (ERROR_FAILED): one line. */
struct error *output_open(const char *path, int *ret_fd);
struct error *output_empty(const char *path, int fd);
/* Makes a file in a folder, which has none of that name. Returns a descriptor, or -1 with errno set (EEXIST: it has one now). */
typedef int output_maker(void *ctx, int dir, const char *name);
output_maker output_make; /* as output_open() does */
/* As output_open(). A file that is not there is made by make(ctx, ...). */
struct error *output_open_by(const char *path, output_maker *make, void *ctx, int *ret_fd);

/* A file that is of no use unless all of it was written. */
struct output_whole {
	int fd;
	int keep; /* a socket to the process that removes the file if this one ends before; -1: there is none */
	pid_t remover;
};

/* As output_open(). A file that it makes is removed, unless output_whole_end() keeps it. That is the work of a child, because
 * this process may end by a signal, or may have given up the rights for it. The child makes the file, too: there is no moment at
 * which this process could be killed and the file would stay. A file that was there before stays. */
struct error *output_whole_open(const char *path, struct output_whole *ret);
/* Closes the file, and keeps or removes it. */
void output_whole_end(struct output_whole *whole, bool keep);
/* Writes the whole text. When a non-blocking descriptor accepts nothing, waits for at most
 * patience_ms (-1: without limit). Returns 0 or an errno (EAGAIN: it accepted nothing in that
 * time). */
int output_put(int fd, const char *text, size_t len, int patience_ms);
/* Writes the whole text, or what its reader takes until `stop`, a descriptor, is readable. Never waits longer than that, if
 * the descriptor is a pipe, a socket or a terminal. What is written to a pipe ends with a whole line, unless a line is
 * longer than PIPE_BUF. Returns 0 or an errno (ECANCELED: `stop` is readable). *ret_done: the bytes that were written. */
int output_put_until(int fd, const char *text, size_t len, int stop, size_t *ret_done);
/* Writes the whole text. It is no error if the reader has gone away. A file that becomes full ends
 * with a whole line. */
struct error *output_write(int fd, const struct buf *text);

/* How text is printed to a descriptor. */
struct terminal_style {
	bool color;
	size_t width; /* columns; with TEXT_UNLIMITED nothing is cut */
};

/* Returns the style for a descriptor. Only terminals get colours and a width. NO_COLOR switches the
 * colours off. The width is COLUMNS if that is set, otherwise the width of the window. `wide`
 * removes the limit (--wide). */
struct terminal_style terminal_style(int fd, bool wide);

#endif
