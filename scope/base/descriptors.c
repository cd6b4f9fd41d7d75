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
