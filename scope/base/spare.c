#include "base/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_MAX = 8192, KIB = 1024 };

/* The files of a control group that tell of memory, by the version of control groups. */
struct kind {
	const char *controller; /* as in /proc/self/cgroup */
	const char *root;
	const char *limit, *used;
	const char *idle; /* in memory.stat: pages of files that nobody uses */
};

static const struct kind kinds[] = {
	{"::", "/sys/fs/cgroup", "memory.max", "memory.current", "\ninactive_file "},
	{":memory:", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
	 "\ntotal_inactive_file "},
};

static bool read_text(const char *path, char text[static TEXT_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT_MAX - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Reads the number that a text begins with. Returns false if it is none ("max"), or is too large to be meant. */
static bool parse(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return end != text && !errno && *ret < INT64_MAX / 2;
}

static bool read_number(const char *group, const char *name, uint64_t *ret)
{
	char path[PATH_MAX], text[TEXT_MAX];

	return snprintf(path, sizeof(path), "%s/%s", group, name) < (int)sizeof(path) &&
	       read_text(path, text) && parse(text, ret);
}

/* Returns the number after a name in a text, or 0. */
static uint64_t number_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	uint64_t number;

	return at && parse(at + strlen(name), &number) ? number : 0;
}

/* Returns what is left of the limit of one group. */
static uint64_t left_in(const struct kind *kind, const char *group)
{
	char path[PATH_MAX], text[TEXT_MAX] = "";
	uint64_t limit, used;

	if (!read_number(group, kind->limit, &limit) || !read_number(group, kind->used, &used))
		return UINT64_MAX;
	if (snprintf(path, sizeof(path), "%s/memory.stat", group) < (int)sizeof(path) &&
	    read_text(path, text))
		limit += number_of(text, kind->idle);
	return limit > used ? limit - used : 0;
}

/* Returns what is left of the limits of a group and of all that it is in. `path` is the group's, and is cut. */
static uint64_t left_above(const struct kind *kind, char *path)
{
	size_t root = strlen(kind->root);
	uint64_t least = UINT64_MAX;

	while (strlen(path) >= root) {
		uint64_t left = left_in(kind, path);
		char *slash = strrchr(path, '/');

		least = left < least ? left : least;
		*slash = '\0'; /* the root has one */
	}
	return least;
}

static uint64_t left_of(const struct kind *kind)
{
	char text[TEXT_MAX], path[PATH_MAX];
	const char *at;

	if (!read_text("/proc/self/cgroup", text))
		return UINT64_MAX;
	at = strstr(text, kind->controller);
	if (!at)
		return UINT64_MAX;
	at += strlen(kind->controller);
	if (snprintf(path, sizeof(path), "%s%.*s", kind->root, (int)strcspn(at, "\n"), at) >=
	    (int)sizeof(path))
		return UINT64_MAX;
	return left_above(kind, path);
}

uint64_t spare_memory(void)
{
	char text[TEXT_MAX];
	uint64_t least;

	if (!read_text("/proc/meminfo", text))
		return 0;
	least = number_of(text, "\nMemAvailable:") * KIB;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint64_t left = left_of(&kinds[i]);

		least = left < least ? left : least;
	}
	return least;
}
