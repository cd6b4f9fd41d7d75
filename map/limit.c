/* The memory that a process may still take. A control group (cgroups(7)) that goes above its limit
 * is killed, and its limit is mostly far below the machine's memory. The limits of all groups above
 * it hold as well.
 *
 * 	/proc/self/cgroup       4:memory:/box/one         the group, in version 1
 * 	                        0::/box/one               in version 2
 * 	/proc/self/mountinfo    35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
 * 	                                   | the group at the top of this mount, and the folder of that group
 */
#include "limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#define PATH_SIZE 512
#define LINE_SIZE 2048
#define NO_LIMIT  UINT64_MAX

/* Opens a file below root. Returns NULL when it cannot be opened. */
static FILE *open_below(const char *root, const char *folder, const char *name)
{
	char path[3 * PATH_SIZE];
	int n = snprintf(path, sizeof(path), "%s%s/%s", root, folder, name);

	return n > 0 && (size_t)n < sizeof(path) ? fopen(path, "re") : NULL;
}

/* Returns the number in a file. Returns NO_LIMIT if it is "max", or if there is no such file. */
static uint64_t number_in(const char *root, const char *folder, const char *name)
{
	FILE *file = open_below(root, folder, name);
	uint64_t ret;

	if (!file)
		return NO_LIMIT;
	if (fscanf(file, "%" SCNu64, &ret) != 1)
		ret = NO_LIMIT;
	fclose(file);
	return ret;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Returns how many bytes one group still allows. */
static uint64_t group_left(const char *root, const char *folder)
{
	uint64_t limit = number_in(root, folder, "memory.limit_in_bytes");
	uint64_t used = number_in(root, folder, "memory.usage_in_bytes");

	limit = lower(limit, number_in(root, folder, "memory.max"));
	limit = lower(limit, number_in(root, folder, "memory.high"));
	used = lower(used, number_in(root, folder, "memory.current"));
	if (limit == NO_LIMIT || used == NO_LIMIT)
		return limit;
	return limit > used ? limit - used : 0;
}

/* Returns whether a list of words, separated by commas, has a word. */
static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, word, n) == 0 && (at[n] == '\0' || at[n] == ',' || at[n] == '\n'))
			return true;
	}
	return false;
}

/* Finds the group of the process in the hierarchy of version 2, or in that of version 1 for memory. Returns false when
 * it has none. */
static bool find_group(const char *root, bool version_2, char ret[PATH_SIZE])
{
	FILE *file = open_below(root, "/proc/self", "cgroup");
	char line[LINE_SIZE], controllers[PATH_SIZE];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		if (version_2)
			found = sscanf(line, "0::%511[^\n]", ret) == 1;
		else
			found = sscanf(line, "%*u:%511[^:]:%511[^\n]", controllers, ret) == 2 &&
				has_word(controllers, "memory");
	}
	if (file)
		fclose(file);
	return found;
}

/* Returns how many bytes the group of the process and those above it allow, as far as a mount shows
 * them. top is the group at the mount's top. A group that is not below it cannot be seen, and the
 * top is read instead. */
static uint64_t mount_left(const char *root, const char *top, const char *folder, const char *group)
{
	size_t length = strcmp(top, "/") == 0 ? 0 : strlen(top), end = strlen(folder);
	bool below = strncmp(group, top, length) == 0 &&
		     (group[length] == '/' || group[length] == '\0') && !strstr(group, "/..");
	char path[2 * PATH_SIZE];
	uint64_t ret = NO_LIMIT;

	snprintf(path, sizeof(path), "%s%s", folder, below ? group + length : "");
	for (;;) {
		ret = lower(ret, group_left(root, path));
		if (strlen(path) <= end)
			return ret;
		*strrchr(path, '/') = '\0';
	}
}

uint64_t limit_left(const char *root)
{
	FILE *file = open_below(root, "/proc/self", "mountinfo");
	char line[LINE_SIZE], top[PATH_SIZE], folder[PATH_SIZE], group[PATH_SIZE];
	uint64_t ret = NO_LIMIT;

	while (file && fgets(line, sizeof(line), file)) {
		char kind[16], options[PATH_SIZE];
		const char *rest = strstr(line, " - cgroup");

		if (!rest || sscanf(rest, " - %15s %*s %511s", kind, options) != 2 ||
		    sscanf(line, "%*d %*d %*s %511s %511s", top, folder) != 2)
			continue;
		if (strcmp(kind, "cgroup2") != 0 && !has_word(options, "memory"))
			continue;
		if (find_group(root, strcmp(kind, "cgroup2") == 0, group))
			ret = lower(ret, mount_left(root, top, folder, group));
	}
	if (file)
		fclose(file);
	return ret;
}

bool limit_allows(size_t size)
{
	struct sysinfo info;

	return sysinfo(&info) == 0 && size / info.mem_unit <= info.totalram / 4 &&
	       size <= limit_left("") / 2;
}
