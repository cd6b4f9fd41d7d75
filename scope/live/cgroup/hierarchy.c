#include "live/cgroup/hierarchy.h"

#include <stdio.h>
#include <string.h>

/* A machine with many containers has many mounts. */
enum { MOUNTS_MAX = 100000 };

void hierarchies_fini(struct hierarchies *hierarchies)
{
	vec_each(hierarchy, &hierarchies->list) {
		free(hierarchy->mount);
		free(hierarchy->root);
		free(hierarchy->options);
	}
	vec_fini(&hierarchies->list);
}

/* Returns a copy of a field. The kernel writes a space, a tab, a newline and a backslash as \ and three
 * octal digits. */
static char *unescape(const char *field, size_t len)
{
	char *copy = malloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; copy && i < len; i++) {
		unsigned value;

		if (field[i] == '\\' && len - i > 3 && sscanf(field + i + 1, "%3o", &value) == 1 &&
		    value && value < 256) {
			copy[n++] = (char)value;
			i += 3;
		} else {
			copy[n++] = field[i];
		}
	}
	if (copy)
		copy[n] = '\0';
	return copy;
}

enum { FIELDS = 16 };

/* Splits a line at its spaces. Returns how many fields there are, at most FIELDS. */
static size_t split(const char *line, size_t len, const char *fields[FIELDS], size_t lens[FIELDS])
{
	size_t n = 0;

	while (len && n < FIELDS) {
		const char *space = memchr(line, ' ', len);
		size_t field = space ? (size_t)(space - line) : len;

		fields[n] = line;
		lens[n++] = field;
		line += field + (space != NULL);
		len -= field + (space != NULL);
	}
	return n;
}

static bool is(const char *field, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(field, word, len) == 0;
}

/* Takes one line: id, parent, device, root, mount point, options, others up to "-", type, source. */
static bool take_line(const char *line, size_t len, struct hierarchies *ret)
{
	const char *fields[FIELDS];
	size_t lens[FIELDS], n = split(line, len, fields, lens), dash = 6;
	struct hierarchy hierarchy = {0};

	while (dash < n && !is(fields[dash], lens[dash], "-"))
		dash++;
	if (dash + 1 >= n)
		return true;
	hierarchy.v2 = is(fields[dash + 1], lens[dash + 1], "cgroup2");
	if (!hierarchy.v2 && !is(fields[dash + 1], lens[dash + 1], "cgroup"))
		return true;
	hierarchy.root = unescape(fields[3], lens[3]);
	hierarchy.mount = unescape(fields[4], lens[4]);
	hierarchy.options = dash + 3 < n ? unescape(fields[dash + 3], lens[dash + 3]) : strdup("");
	if (!hierarchy.root || !hierarchy.mount || !hierarchy.options ||
	    !vec_push(&ret->list, hierarchy)) {
		free(hierarchy.root);
		free(hierarchy.mount);
		free(hierarchy.options);
		return false;
	}
	/* The hierarchy of v2 comes first. */
	if (hierarchy.v2 && ret->list.len > 1) {
		ret->list.data[ret->list.len - 1] = ret->list.data[0];
		ret->list.data[0] = hierarchy;
	}
	return true;
}

struct error *hierarchies_parse(const char *text, struct hierarchies *ret)
{
	*ret = (struct hierarchies){0};
	for (int i = 0; *text && i < MOUNTS_MAX; i++) {
		size_t len = strcspn(text, "\n");

		if (!take_line(text, len, ret))
			return error_nomem();
		text += len + (text[len] == '\n');
	}
	return NULL;
}

/* Tells whether a list, separated by commas, has an item. */
static bool has_item(const char *list, const char *item, size_t len)
{
	while (*list) {
		size_t n = strcspn(list, ",");

		if (n == len && memcmp(list, item, n) == 0)
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

/* Tells whether a hierarchy has all controllers of a list. */
static bool has_controllers(const struct hierarchy *hierarchy, const char *list, size_t len)
{
	const char *end = list + len;

	while (list < end) {
		const char *comma = memchr(list, ',', (size_t)(end - list));
		size_t n = (size_t)((comma ? comma : end) - list);

		if (!has_item(hierarchy->options, list, n))
			return false;
		list += n + (comma != NULL);
	}
	return len > 0;
}

void hierarchies_number(struct hierarchies *hierarchies, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *list = memchr(text, ':', len);
		const char *path =
			list ? memchr(list + 1, ':', len - (size_t)(list + 1 - text)) : NULL;

		if (path)
			vec_each(at, &hierarchies->list)
				if (!at->v2 &&
				    has_controllers(at, list + 1, (size_t)(path - list - 1)))
					at->number = (uint32_t)strtoul(text, NULL, 10);
		text += len + (text[len] == '\n');
	}
}

/* Reads a whole file of /proc. Returns NULL when it cannot be read. */
static char *read_all(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return NULL;
	if (getdelim(&text, &size, '\0', file) <= 0) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

struct error *hierarchies_read(struct hierarchies *ret)
{
	cleanup_free char *mounts = read_all("/proc/self/mountinfo");
	cleanup_free char *groups = read_all("/proc/self/cgroup");

	*ret = (struct hierarchies){0};
	if (mounts)
		try(hierarchies_parse(mounts, ret));
	if (groups)
		hierarchies_number(ret, groups);
	return NULL;
}
