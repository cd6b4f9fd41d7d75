#include "live/container/container_priv.h"
#include "live/process/process.h"

#include <stdio.h>
#include <string.h>

enum { ID_DIGITS = 64, UUID_LENGTH = 36 };

/* How a runtime spells the last part of a control group's path: text before the id, and text after
 * it. */
struct spelling {
	const char *before;
	const char *runtime;
	bool named; /* the container has a name instead of 64 digits */
};

/* The first spelling that fits counts. */
static const struct spelling spellings[] = {
	{"docker-", "docker", false},
	{"libpod-", "podman", false},
	{"cri-containerd-", "containerd", false},
	{"crio-", "cri-o", false},
	{"nerdctl-", "containerd", false},
	{"lxc.payload.", "lxc", true},
	{"machine-", "nspawn", true},
	{"systemd-nspawn@", "nspawn", true},
};

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static size_t count_hex(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && is_hex(s[n]))
		n++;
	return n;
}

static bool has_prefix(const char *part, size_t len, const char *prefix)
{
	size_t n = strlen(prefix);

	return len > n && memcmp(part, prefix, n) == 0;
}

static bool is_part(const char *part, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(part, word, len) == 0;
}

static void take_id(struct container *to, const char *runtime, const char *id, size_t len)
{
	to->runtime = runtime;
	snprintf(to->id, sizeof(to->id), "%.*s", (int)(len < ID_DIGITS ? len : ID_DIGITS), id);
}

/* Returns the length of a name without the suffix of systemd. */
static size_t name_length(const char *name, size_t len)
{
	static const char *const ends[] = {".scope", ".service", ".slice"};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		size_t n = strlen(ends[i]);

		if (len > n && memcmp(name + len - n, ends[i], n) == 0)
			return len - n;
	}
	return len;
}

/* Parses a part such as "docker-ID.scope". */
static bool take_spelled(const char *part, size_t len, struct container *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
		const struct spelling *s = &spellings[i];
		size_t skip = strlen(s->before), rest;

		if (!has_prefix(part, len, s->before))
			continue;
		rest = len - skip;
		if (s->named) {
			take_id(to, s->runtime, part + skip, name_length(part + skip, rest));
			return true;
		}
		if (count_hex(part + skip, rest) == ID_DIGITS) {
			take_id(to, s->runtime, part + skip, ID_DIGITS);
			return true;
		}
	}
	return false;
}

/* Parses a part below a folder of its runtime: /docker/ID, /lxc/NAME, and in Kubernetes
 * /kubepods/.../podUID/ID. There, only containerd writes no prefix. */
static bool take_plain(const char *part, size_t len, const char *before, size_t before_len,
		       struct container *to)
{
	if (is_part(before, before_len, "lxc")) {
		take_id(to, "lxc", part, len);
		return true;
	}
	if (len != ID_DIGITS || count_hex(part, len) != ID_DIGITS)
		return false;
	if (is_part(before, before_len, "docker"))
		take_id(to, "docker", part, len);
	else if (*to->pod)
		take_id(to, "containerd", part, len);
	else
		return false;
	return true;
}

/* Parses the pod's UID, if the part has one: "podUID", or "kubepods-burstable-podUID.slice". In the second
 * form each dash of the UID is "_", because systemd gives dashes a meaning. */
static bool take_pod(const char *part, size_t len, struct container *to)
{
	const char *uuid;

	len = name_length(part, len);
	if (len < UUID_LENGTH + 3)
		return false;
	uuid = part + len - UUID_LENGTH;
	if (memcmp(uuid - 3, "pod", 3) != 0)
		return false;
	for (size_t i = 0; i < UUID_LENGTH; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? uuid[i] != '-' && uuid[i] != '_' : !is_hex(uuid[i]))
			return false;
	}
	for (size_t i = 0; i < UUID_LENGTH; i++)
		to->pod[i] = uuid[i] == '_' ? '-' : uuid[i];
	to->pod[UUID_LENGTH] = '\0';
	return true;
}

bool container_id_is_whole(const char *id)
{
	return strlen(id) == ID_DIGITS && count_hex(id, ID_DIGITS) == ID_DIGITS;
}

static void take_path(char to[CONTAINER_PATH_SIZE], const char *path, const char *end)
{
	size_t len = (size_t)(end - path);

	if (len >= CONTAINER_PATH_SIZE)
		len = 0;
	memcpy(to, path, len);
	to[len] = '\0';
}

/* Parses the parts of a path. The innermost container counts. */
static void parse_path(const char *path, size_t len, struct container *to)
{
	const char *begin = path, *end = path + len, *before = path;
	size_t before_len = 0;

	while (path < end) {
		const char *slash = memchr(path, '/', (size_t)(end - path));
		size_t n = (size_t)((slash ? slash : end) - path);

		if (take_pod(path, n, to))
			take_path(to->pod_path, begin, path + n);
		if (n && (take_spelled(path, n, to) || take_plain(path, n, before, before_len, to)))
			take_path(to->path, begin, path + n);
		before = path;
		before_len = n;
		path = slash ? slash + 1 : end;
	}
}

/* Parses lines "number:controllers:path". With cgroup v2 there is one line, "0::path". */
void container_parse(const char *text, struct container *ret)
{
	*ret = (struct container){0};
	while (*text && !ret->runtime) {
		size_t len = strcspn(text, "\n");
		const char *path = memchr(text, ':', len);

		path = path ? memchr(path + 1, ':', len - (size_t)(path + 1 - text)) : NULL;
		if (path)
			parse_path(path + 1, len - (size_t)(path + 1 - text), ret);
		text += len + (text[len] == '\n');
	}
}

bool container_of(pid_t pid, struct container *ret)
{
	char text[CONTAINER_CGROUP_MAX];

	if (!process_read_text(pid, "cgroup", text, sizeof(text)))
		return false;
	container_parse(text, ret);
	return true;
}

/* Returns the path in a line "number:controllers:path", or NULL. */
static const char *path_in(const char *line, size_t len)
{
	const char *at = memchr(line, ':', len);

	at = at ? memchr(at + 1, ':', len - (size_t)(at + 1 - line)) : NULL;
	return at ? at + 1 : NULL;
}

bool container_group(pid_t pid, char ret[CONTAINER_PATH_SIZE])
{
	char text[CONTAINER_CGROUP_MAX];
	bool found = false;

	if (!process_read_text(pid, "cgroup", text, sizeof(text)))
		return false;
	/* The line of v2 is the last one. */
	for (const char *at = text; *at;) {
		size_t len = strcspn(at, "\n");
		const char *path = path_in(at, len);
		bool wanted = path && (!found || !strcmp(ret, "/") ||
				       (!strncmp(at, "0::", 3) && at + len > path + 1));

		if (wanted) {
			take_path(ret, path, at + len);
			found = *ret;
		}
		at += len + (at[len] == '\n');
	}
	return found;
}
