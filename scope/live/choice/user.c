/* Finds the processes of a user. */
#include "live/choice/choice_priv.h"
#include "live/process/process.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>

/* Reads a decimal id. The largest number is none. */
static bool read_id(const char *text, uid_t *ret)
{
	uint64_t number = 0;

	if (!*text || strspn(text, "0123456789") != strlen(text))
		return false;
	for (; *text && number <= UINT32_MAX; text++)
		number = number * 10 + (uint64_t)(*text - '0');
	*ret = (uid_t)number;
	return number < UINT32_MAX;
}

struct error *choice_user(const char *text, uid_t *ret)
{
	const struct passwd *user = getpwnam(text);

	if (user)
		*ret = user->pw_uid;
	else if (!read_id(text, ret))
		return error_new(ERROR_USAGE, "--uid \"%.80s\": no user of this name", text);
	return NULL;
}

struct search {
	uid_t uid;
	struct choice *to;
	bool found;
	struct error *failed;
};

/* Tells whether a process has an executable. Kernel threads and processes that have ended have none. One
 * that may not be looked at counts as having one. */
static bool has_exe(pid_t pid)
{
	char path[64], first[1];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return readlink(path, first, sizeof(first)) >= 0 || errno != ENOENT;
}

static bool on_process(void *ctx, pid_t pid)
{
	struct search *search = ctx;
	struct process_status status;

	if (pid == getpid() || !process_status(pid, &status) || status.uid != search->uid ||
	    !has_exe(pid))
		return true;
	search->found = true;
	search->failed = choice_take(search->to, pid, false);
	return !search->failed;
}

struct error *choice_by_user(const char *text, struct choice *to)
{
	struct search search = {.to = to};

	try(choice_user(text, &search.uid));
	try(process_check_proc());
	try(process_each(on_process, &search));
	if (!search.failed && !search.found)
		return error_new(ERROR_TARGET, "user %.80s has no process", text);
	return search.failed;
}
