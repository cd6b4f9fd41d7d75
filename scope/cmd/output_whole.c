/* Files that are kept when they are whole. */
#include "cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

/* Waits until the other process keeps the file or ends, and removes it in the second case, unless another file has its name
 * now. */
static _Noreturn void be_remover(int kept, int dir, const char *name, const struct stat *made)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	struct stat st;
	ssize_t n;
	char byte;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_IGN);
	do {
		n = read(kept, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == made->st_dev && st.st_ino == made->st_ino)
		unlinkat(dir, name, 0);
	_exit(0);
}

static struct error *start_remover(struct output_whole *whole, int dir, const char *name)
{
	struct stat made;
	int ends[2];

	if (fstat(whole->fd, &made) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(ERROR_FAILED, errno, "cannot watch the output");
	whole->remover = fork();
	if (whole->remover == 0) {
		close(ends[1]);
		be_remover(ends[0], dir, name, &made);
	}
	close(ends[0]);
	whole->keep = ends[1];
	if (whole->remover > 0)
		return NULL;
	unlinkat(dir, name, 0);
	whole->keep = -1;
	close(ends[1]);
	return error_errno(ERROR_FAILED, EAGAIN, "cannot start a process");
}

struct error *output_whole_open(const char *path, struct output_whole *ret)
{
	cleanup_free char *name = NULL;
	cleanup_close int dir = -1;

	*ret = (struct output_whole){.fd = -1, .keep = -1, .remover = -1};
	try(output_open_new(path, &ret->fd, &dir, &name));
	return dir < 0 ? NULL : start_remover(ret, dir, name);
}

void output_whole_end(struct output_whole *whole, bool keep)
{
	ssize_t told = 0;

	if (whole->fd >= 0)
		close(whole->fd);
	if (whole->keep < 0)
		return;
	if (keep)
		told = write(whole->keep, "", 1);
	(void)told; /* it fails if the remover was killed, and then the file stays, too */
	close(whole->keep);
	while (waitpid(whole->remover, NULL, 0) < 0 && errno == EINTR)
		;
}
