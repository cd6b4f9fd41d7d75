/* Containers with an id that somebody chose: those of `ctr run`, and of runc and crun alone. A control group does not
 * tell them. The state that these keep tells a process, whose group must have the name. */
#include "live/container/container_priv.h"
#include "live/process/process.h"

#include <stdio.h>
#include <string.h>

/* Tells whether a name can be an id. No character of it has a meaning in a path or a pattern. */
static bool is_name(const char *name)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t len = strlen(name);

	return len && len < CONTAINER_ID_SIZE && *name != '.' && strspn(name, letters) == len;
}

/* Tells whether a part of a path is a name, or has it at its end, as in "runc-NAME.scope". */
static bool has_name(const char *part, size_t len, const char *name)
{
	static const char scope[] = ".scope";
	size_t n = strlen(name), end = strlen(scope);

	if (len > end && !memcmp(part + len - end, scope, end))
		len -= end;
	return len >= n && !memcmp(part + len - n, name, n) &&
	       (len == n || strchr("-:", part[len - n - 1]));
}

/* Copies the path of a group up to the part that has the name. */
static bool find_name(const char *path, const char *name, char ret[CONTAINER_PATH_SIZE])
{
	for (const char *at = path; *at == '/';) {
		size_t len = strcspn(at + 1, "/");

		if (has_name(at + 1, len, name)) {
			snprintf(ret, CONTAINER_PATH_SIZE, "%.*s", (int)(at + 1 + len - path),
				 path);
			return true;
		}
		at += 1 + len;
	}
	return false;
}

static void add(void *ctx, const char *runtime, pid_t pid)
{
	struct container_search *search = ctx;
	const char *name = search->query->container;
	struct candidate new = {.of.runtime = runtime, .pid = pid};
	char group[CONTAINER_PATH_SIZE];

	if (!container_group(pid, group) || !find_name(group, name, new.of.path))
		return;
	vec_each(at, &search->list)
		if (!strcmp(at->of.path, new.of.path))
			return;
	snprintf(new.of.id, sizeof(new.of.id), "%s", name);
	search->nomem |= !vec_push(&search->list, new);
}

void named_add(struct container_search *search)
{
	const char *name = search->query->container;

	if (!search->query->pod && is_name(name) && !container_id_is_whole(name))
		container_each_state(name, add, search);
}
