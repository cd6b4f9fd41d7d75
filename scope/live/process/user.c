/* The user that a command is started as. */
#include "live/process/process.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/capability.h>

/* Reads a decimal id. The largest number means "no change" to the kernel. */
static bool read_id(const char *text, uint32_t *ret)
{
	uint64_t number = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || number > UINT32_MAX)
			return false;
		number = number * 10 + (uint64_t)(*text - '0');
	}
	*ret = (uint32_t)number;
	return number < UINT32_MAX;
}

static struct error *find_group(const char *text, gid_t *ret)
{
	const struct group *group = getgrnam(text);

	if (group)
		*ret = group->gr_gid;
	else if (!read_id(text, ret))
		return error_new(ERROR_USAGE, "--user: no group \"%.80s\"", text);
	return NULL;
}

/* Takes what the user database says about a user. */
static struct error *take_entry(const struct passwd *entry, struct spawn_user *ret)
{
	int n = 32;

	ret->uid = entry->pw_uid;
	ret->gid = entry->pw_gid;
	ret->name = strdup(entry->pw_name);
	ret->home = strdup(entry->pw_dir);
	ret->shell = strdup(*entry->pw_shell ? entry->pw_shell : "/bin/sh");
	if (!ret->name || !ret->home || !ret->shell)
		return error_nomem();
	for (int tries = 0; tries < 8; tries++) {
		gid_t *larger = realloc(ret->groups, (size_t)n * sizeof(*larger));

		if (!larger)
			return error_nomem();
		ret->groups = larger;
		ret->groups_n = (size_t)n;
		if (getgrouplist(ret->name, ret->gid, ret->groups, &n) >= 0) {
			ret->groups_n = (size_t)n;
			return NULL;
		}
	}
	return error_new(ERROR_FAILED, "--user %s: too many groups", ret->name);
}

struct error *spawn_user_find(const char *text, struct spawn_user *ret)
{
	cleanup(spawn_user_fini) struct spawn_user user = {0};
	cleanup_free char *name = strdup(text);
	const struct passwd *entry;
	char *group;

	if (!name)
		return error_nomem();
	group = strchr(name, ':');
	if (group)
		*group++ = '\0';
	entry = getpwnam(name);
	if (!entry && read_id(name, &user.uid))
		entry = getpwuid(user.uid);
	else if (!entry)
		return error_new(ERROR_USAGE, "--user: no user \"%.80s\"", name);
	if (entry)
		try(take_entry(entry, &user));
	else if (!group)
		return error_new(ERROR_USAGE,
				 "--user: no user has the number %s, so its group is not known: "
				 "write %s:GID",
				 name, name);
	if (group)
		try(find_group(group, &user.gid));
	*ret = user;
	user = (struct spawn_user){0};
	return NULL;
}

void spawn_user_fini(struct spawn_user *user)
{
	free(user->groups);
	free(user->name);
	free(user->home);
	free(user->shell);
	*user = (struct spawn_user){0};
}

static int set_variable(const char *name, const char *value)
{
	return value ? setenv(name, value, 1) : unsetenv(name);
}

/* Drops every capability. A change of the user does so already, unless a security bit or the number of
 * the user before it has prevented that. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	/* Before Linux 4.3 there is no ambient set. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -1;
	return (int)syscall(SYS_capset, &header, none);
}

bool spawn_user_become(const struct spawn_user *user)
{
	return setgroups(user->groups_n, user->groups) == 0 &&
	       setresgid(user->gid, user->gid, user->gid) == 0 &&
	       setresuid(user->uid, user->uid, user->uid) == 0 &&
	       (user->uid == 0 || drop_capabilities() == 0) &&
	       set_variable("HOME", user->home ? user->home : "/") == 0 &&
	       set_variable("SHELL", user->shell ? user->shell : "/bin/sh") == 0 &&
	       set_variable("USER", user->name) == 0 && set_variable("LOGNAME", user->name) == 0;
}
