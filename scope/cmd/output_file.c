/* Opens the file of -o.
 *
 * tophash runs as root, and keys can be secrets. In a folder that everybody may write to, such as
 * /tmp, another user may have put a file, a pipe or a link at the path of -o. That user could then
 * read the output, or have another file overwritten. The kernel refuses this if
 * fs.protected_symlinks, protected_regular, protected_fifos and protected_hardlinks are set (Linux:
 * fs/namei.c may_follow_link(), may_create_in_sticky()). Here it is refused on every kernel. The
 * path is walked folder by folder. A descriptor is held of each folder, so nobody can change it
 * after it was checked.
 */
#include "cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define LINKS_MAX 40 /* as in the kernel (Linux: include/linux/namei.h, MAXSYMLINKS) */
#define TRIES_MAX 8  /* in case another program keeps creating and removing the file */

/* A walk along the path. */
struct path_walk {
	const char *path;    /* as the user gave it */
	char rest[PATH_MAX]; /* the part that was not walked yet */
	char name[NAME_MAX + 1];
	int dir; /* descriptor of the folder that was reached */
	output_maker *make;
	void *ctx;
	unsigned links;
};

static struct error *failed(const struct path_walk *walk, int errnum)
{
	return error_errno(ERROR_FAILED, errnum, "cannot write %s", walk->path);
}

static struct error *refused(const struct path_walk *walk, const char *what, uid_t owner)
{
	return error_new(
		ERROR_FAILED,
		"cannot write %s: %s (user %u) in a folder that everybody may write to: give "
		"another file",
		walk->path, what, (unsigned)owner);
}

static void set_dir(struct path_walk *walk, int dir)
{
	if (walk->dir >= 0)
		close(walk->dir);
	walk->dir = dir;
}

static void walk_end(struct path_walk *walk)
{
	set_dir(walk, -1);
}
CLEANUP_VALUE(struct path_walk, walk_end)

/* Sets the folder in which a path begins. */
static struct error *begin_at(struct path_walk *walk, const char *path)
{
	int dir = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return failed(walk, errno);
	set_dir(walk, dir);
	return NULL;
}

/* Takes the next name from the rest. Returns false when there is none. */
static bool take_name(struct path_walk *walk)
{
	const char *from = walk->rest + strspn(walk->rest, "/");
	size_t len = strcspn(from, "/");

	if (!len || len > NAME_MAX)
		return false;
	memcpy(walk->name, from, len);
	walk->name[len] = '\0';
	memmove(walk->rest, from + len, strlen(from + len) + 1);
	return true;
}

/* Tells whether everybody may write to this folder. */
static bool is_shared(const struct stat *dir)
{
	return dir->st_mode & S_ISVTX && dir->st_mode & S_IWOTH;
}

static bool is_trusted(const struct stat *dir, const struct stat *file)
{
	return !is_shared(dir) || file->st_uid == geteuid() || file->st_uid == dir->st_uid;
}

/* Puts the target of a link in front of the rest. */
static struct error *follow(struct path_walk *walk, int link)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(link, "", target, sizeof(target) - 1);
	size_t rest = strlen(walk->rest);

	if (len < 0)
		return failed(walk, errno);
	if (++walk->links > LINKS_MAX)
		return failed(walk, ELOOP);
	if ((size_t)len + rest + 1 > sizeof(walk->rest))
		return failed(walk, ENAMETOOLONG);
	target[len] = '\0';
	memmove(walk->rest + len, walk->rest, rest + 1);
	memcpy(walk->rest, target, (size_t)len);
	return *target == '/' ? begin_at(walk, target) : NULL;
}

/* Tells whether a folder is in /proc. The links in /proc/PID/fd have no target with a name. Only
 * the kernel can follow them. */
static bool is_in_proc(int dir)
{
	struct statfs fs;

	return fstatfs(dir, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* Opens an existing file for writing. Checks it first, because opening a pipe would block. */
static struct error *open_found(struct path_walk *walk, int found, const struct stat *dir,
				int *ret_fd)
{
	struct stat st;
	char self[32];
	int fd;

	if (fstat(found, &st) < 0)
		return failed(walk, errno);
	if (!is_trusted(dir, &st) && (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode)))
		return refused(walk, "it is a file of another user", st.st_uid);
	if (is_shared(dir) && S_ISREG(st.st_mode) && st.st_nlink > 1)
		return refused(walk, "it has a second hard link", st.st_uid);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", found);
	fd = open(self, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return failed(walk, errno);
	*ret_fd = fd;
	return NULL;
}

/* Walks to the next name. Sets *ret_fd when it has opened the file. */
static struct error *step(struct path_walk *walk, int *ret_fd)
{
	bool last = !walk->rest[strspn(walk->rest, "/")];
	struct stat dir, st;
	int fd;

	if (fstat(walk->dir, &dir) < 0)
		return failed(walk, errno);
	fd = openat(walk->dir, walk->name,
		    O_PATH | O_CLOEXEC | (is_in_proc(walk->dir) ? 0 : O_NOFOLLOW));
	if (fd < 0 && errno == ENOENT && last && !*walk->rest) {
		*ret_fd = walk->make(walk->ctx, walk->dir, walk->name);
		return *ret_fd < 0 && errno != EEXIST ? failed(walk, errno) : NULL;
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		struct error *err = failed(walk, errno);

		if (fd >= 0)
			close(fd);
		return err;
	}
	if (S_ISLNK(st.st_mode)) {
		cleanup_close int link = fd;

		if (!is_trusted(&dir, &st))
			return refused(walk, "it is a symbolic link of another user", st.st_uid);
		return follow(walk, link);
	}
	if (last) {
		cleanup_close int found = fd;

		if (*walk->rest && !S_ISDIR(st.st_mode))
			return failed(walk, ENOTDIR); /* "file/" with a trailing slash */
		return open_found(walk, found, &dir, ret_fd);
	}
	set_dir(walk, fd);
	return NULL;
}

/* Walks the whole path. *ret_fd stays -1 if another program created the file at the same time. */
static struct error *walk_path(struct path_walk *walk, int *ret_fd)
{
	if (strlen(walk->path) >= sizeof(walk->rest))
		return failed(walk, ENAMETOOLONG);
	strcpy(walk->rest, walk->path);
	walk->links = 0;
	try(begin_at(walk, walk->path));
	while (take_name(walk)) {
		bool last = !walk->rest[strspn(walk->rest, "/")];
		unsigned links = walk->links;

		try(step(walk, ret_fd));
		if (*ret_fd >= 0 || (last && links == walk->links))
			return NULL;
	}
	if (walk->rest[strspn(walk->rest, "/")])
		return failed(walk, ENAMETOOLONG);
	return failed(walk, *walk->path ? EISDIR : ENOENT);
}

static struct error *open_path(struct path_walk *walk, int *ret_fd)
{
	int fd = walk->path ? -1 : STDOUT_FILENO;

	for (unsigned i = 0; fd < 0 && i < TRIES_MAX; i++)
		try(walk_path(walk, &fd));
	if (fd < 0)
		return failed(walk, EEXIST);
	*ret_fd = fd;
	return NULL;
}

int output_make(void *ctx, int dir, const char *name)
{
	(void)ctx;
	return openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
}

struct error *output_open_by(const char *path, output_maker *make, void *ctx, int *ret_fd)
{
	cleanup(walk_end) struct path_walk walk = {
		.path = path, .dir = -1, .make = make, .ctx = ctx};

	return open_path(&walk, ret_fd);
}

struct error *output_open(const char *path, int *ret_fd)
{
	return output_open_by(path, output_make, NULL, ret_fd);
}
