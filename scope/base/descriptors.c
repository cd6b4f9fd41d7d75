#include "base/base.h"
#include "base/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit); /* if it fails, the old limit stays */
}

struct error *descriptors_check(unsigned need)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= need)
		return NULL;
	return error_new(ERROR_FAILED,
			 "the limit of open files is %llu, and at least %u are needed (%s): raise "
			 "it, for instance by ulimit -n 1024",
			 (unsigned long long)limit.rlim_cur, need, strerror(EMFILE));
}

/* Descriptors that are kept for what cannot do without. */
enum { KEPT = 128 };

/* Tells whether the kernel, which gives the lowest numbers first, comes near the limit. */
static bool is_near(int fd, const struct rlimit *limit)
{
	rlim_t kept = limit->rlim_cur / 4 < KEPT ? limit->rlim_cur / 4 : KEPT;

	return (rlim_t)fd >= limit->rlim_cur - kept;
}

/* The limit that is asked for when the hard one does not do. The sysctl fs.nr_open is larger by default. */
enum { WANTED = 1 << 18 };

bool descriptors_are_few(int fd)
{
	struct rlimit limit, more = {WANTED, WANTED};

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || !is_near(fd, &limit))
		return false;
	if (limit.rlim_max >= WANTED || setrlimit(RLIMIT_NOFILE, &more) < 0)
		return true;
	return is_near(fd, &more);
}

bool descriptors_out(int errnum)
{
	return errnum == EMFILE || errnum == ENFILE;
}

struct error *descriptors_error(int errnum, const char *what)
{
	struct rlimit limit;

	if (errnum == ENFILE || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return error_errno(ERROR_FAILED, errnum,
				   "%s: no descriptor is left in the whole system: raise the "
				   "sysctl fs.file-max",
				   what);
	return error_errno(ERROR_FAILED, errnum,
			   "%s: no descriptor is left: raise the limit of open files, which is "
			   "%llu (ulimit -n)",
			   what, (unsigned long long)limit.rlim_cur);
}
