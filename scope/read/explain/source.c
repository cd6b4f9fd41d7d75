#include "base/base.h"
#include "base/file.h"
#include "read/explain/source.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define SIZE_MAX_READ (16 << 20) /* bytes; no source file is larger */

/* ---- which files ---- */

/* Tells whether a user has a permission (4: read, 1: search). The user's groups are not known.
 * Therefore the permissions of a group do not count. */
static bool may(uid_t user, const struct stat *st, unsigned permission)
{
	return user == 0 || (st->st_uid == user ? st->st_mode >> 6 : st->st_mode) & permission;
}

/* Tells whether the user may search every folder of the path. */
static bool may_reach(uid_t user, const char *path)
{
	char folder[PATH_MAX];
	struct stat st;

	snprintf(folder, sizeof(folder), "%s", path);
	for (char *slash = strrchr(folder, '/'); slash; slash = strrchr(folder, '/')) {
		slash[slash == folder] = '\0';
		if (stat(folder, &st) < 0 || !may(user, &st, 1))
			return false;
		if (slash == folder)
			return true;
	}
	return false;
}

static bool is_source_name(const char *path)
{
	size_t len = strlen(path);

	return (len > 3 && !strcmp(path + len - 3, ".go")) ||
	       (len > 2 && !strcmp(path + len - 2, ".s"));
}

/* Tells whether lines of the file may be shown. `path` is free of symbolic links. If a file has
 * several links, anybody may have made one. Therefore its name proves nothing. */
static bool may_show(uid_t owner, const struct stat *st, const char *path)
{
	if (may(owner, st, 4) && may_reach(owner, path))
		return true;
	return is_source_name(path) && st->st_nlink == 1 &&
	       (st->st_uid == 0 || st->st_uid == getuid());
}

static int open_shown(uid_t owner, const char *path, size_t *ret_size)
{
	cleanup_close int fd = file_open_regular(path);
	char link[64], own[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > SIZE_MAX_READ)
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, own, sizeof(own) - 1);
	if (n <= 0)
		return -1;
	own[n] = '\0';
	if (!may_show(owner, &st, own))
		return -1;
	*ret_size = (size_t)st.st_size;
	return take_fd(fd);
}

/* ---- lines ---- */

static void read_file(struct source *source, const char *path)
{
	cleanup_close int fd = -1;
	size_t size = 0;
	ssize_t n;

	if (source->path && strcmp(source->path, path) == 0)
		return;
	free(source->path);
	free(source->text);
	source->path = strdup(path);
	source->text = NULL;
	source->size = 0;
	fd = open_shown(source->owner, path, &size);
	source->text = fd >= 0 ? malloc(size + 1) : NULL;
	n = source->text ? read(fd, source->text, size) : -1;
	source->size = n > 0 ? (size_t)n : 0;
}

void source_fini(struct source *source)
{
	free(source->path);
	free(source->text);
	*source = (struct source){0};
}

const char *source_line(struct source *source, const char *path, uint32_t line, size_t *ret_len)
{
	const char *at, *end, *newline;

	read_file(source, path);
	at = source->text;
	end = at ? at + source->size : NULL;
	for (; at && at < end && line > 1; line--) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	while (at && at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (!at || at >= end)
		return NULL;
	newline = memchr(at, '\n', (size_t)(end - at));
	*ret_len = (size_t)((newline ? newline : end) - at);
	return at;
}
