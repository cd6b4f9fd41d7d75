/* Finds users, and their processes. */
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

static bool has_user(const struct choice_users *users, uid_t uid)
{
	vec_each(known, &users->list)
		if (*known == uid)
			return true;
	return false;
}

static struct error *add_user(void *ctx, const char *text)
{
	struct choice_users *users = ctx;
	char *name = NULL;
	uid_t uid;

	try(choice_user(text, &uid));
	if (has_user(users, uid))
		return NULL;
	if (!vec_push(&users->list, uid) ||
	    (users->name ? asprintf(&name, "%s, %s", users->name, text)
			 : asprintf(&name, "user %s", text)) < 0)
		return error_nomem();
	free(users->name);
	users->name = name;
	return NULL;
}

struct error *choice_users_add(struct choice_users *users, const char *texts)
{
	return choice_each_word(texts, add_user, users);
}

void choice_users_fini(struct choice_users *users)
{
	vec_fini(&users->list);
	free(users->name);
}

struct search {
	const struct choice_users *users;
	bool (*found)(void *ctx, pid_t pid);
	void *ctx;
};

/* Returns the effective user of a process. Its folder in /proc has the same owner, but that is root if the
 * process may not be looked at by its user. Returns false when the process is gone. */
static bool user_of(pid_t pid, uid_t *ret)
{
	struct process_status status;
	struct stat folder;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (stat(path, &folder) < 0)
		return false;
	*ret = folder.st_uid;
	if (*ret)
		return true;
	if (!process_status(pid, &status))
		return false;
	*ret = status.uid;
	return true;
}

/* Tells whether a process has an executable. Kernel threads and processes that have ended have none. One
 * that may not be looked at counts as having one. */
static bool has_exe(pid_t pid)
{
	char path[2];

	return process_exe_path(pid, path, sizeof(path)) || errno != ENOENT;
}

static bool on_process(void *ctx, pid_t pid)
{
	const struct search *search = ctx;
	uid_t uid;

	return !user_of(pid, &uid) || !has_user(search->users, uid) || !has_exe(pid) ||
	       search->found(search->ctx, pid);
}

struct error *choice_users_each(const struct choice_users *users,
				bool (*found)(void *ctx, pid_t pid), void *ctx)
{
	struct search search = {.users = users, .found = found, .ctx = ctx};

	return process_each(on_process, &search);
}
