/* Where separate debug information is looked for: where gdb and libdw look, too. Never the network.
 *
 *     0  /usr/lib/debug/.build-id/ab/cdef….debug
 *     1  FOLDER/NAME              FOLDER is that of the file, as the kernel knows it
 *     2  FOLDER/.debug/NAME
 *     3  /usr/lib/debug/FOLDER/NAME
 *     4  FOLDER/NAME              FOLDER is that of the path that the user gave
 *     5  FOLDER/.debug/NAME
 *
 * An absolute NAME is tried as it is, once. Without a name it is that of the program, and ".debug".
 * The name of a file that several share is relative to the folder of the file that names it.
 */
#include "read/debuginfo/search.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/path.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define DEBUG_ROOT "/usr/lib/debug"
#define FILE_MAX   (16ll << 30) /* bytes of a file with debug information */

/* Returns the folder of a path, or NULL when memory is out. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
}

/* Returns the folder of an open file, or NULL when memory is out. A file without a name has no
 * other file beside it. */
static char *folder_of_file(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	return folder_of(path);
}

struct error *search_init(struct search *search, int fd, const char *path)
{
	*search = (struct search){
		.path = strdup(path), .folder = folder_of_file(fd), .around = folder_of_file(fd)};
	if (search->path && search->folder && search->around)
		return NULL;
	search_fini(search);
	return error_nomem();
}

void search_fini(struct search *search)
{
	free(search->path);
	free(search->folder);
	free(search->around);
	*search = (struct search){0};
}

static void put_id(struct buf *to, const struct debuginfo_wanted *wanted)
{
	if (wanted->id_n < 2)
		return;
	buf_printf(to, DEBUG_ROOT "/.build-id/%02x/", wanted->id[0]);
	for (size_t i = 1; i < wanted->id_n; i++)
		buf_printf(to, "%02x", wanted->id[i]);
	buf_str(to, ".debug");
}

/* Appends the path of a place. Appends nothing if the place does not exist. */
static void put_place(struct buf *to, const struct search *search,
		      const struct debuginfo_wanted *wanted, unsigned ordinal)
{
	cleanup_free char *given = folder_of(search->path);
	const char *folder = wanted->alternate ? search->around
			     : ordinal < 4     ? search->folder
					       : given;
	const char *name = *wanted->name ? wanted->name : path_base(search->path);

	if (ordinal == 0) {
		put_id(to, wanted);
		return;
	}
	if (!given) {
		to->bad = true;
		return;
	}
	if (((*name == '/' || wanted->alternate) && ordinal != 1) ||
	    (ordinal == 3 && *folder != '/'))
		return;
	if (*name != '/')
		buf_printf(to, "%s%s%s/", ordinal == 3 ? DEBUG_ROOT : "", folder,
			   ordinal == 2 || ordinal == 5 ? "/.debug" : "");
	buf_str(to, name);
	if (!*wanted->name)
		buf_str(to, ".debug");
}

static bool is_elf(int fd)
{
	char magic[SELFMAG];

	return pread(fd, magic, SELFMAG, 0) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG);
}

/* Opens the file of a path. *ret is -1 if there is none that may be the wanted one. Errors: the file
 * must not be opened. */
static struct error *open_path(const char *path, int *ret)
{
	cleanup_close int fd = file_open_regular(path);
	struct stat st;

	*ret = -1;
	if (fd < 0)
		return errno != EINVAL
			       ? NULL
			       : error_new(ERROR_TARGET, "its file %s is not a regular file", path);
	if (fstat(fd, &st) == 0 && st.st_size > FILE_MAX)
		return error_new(ERROR_TARGET, "its file %s is too large", path);
	if (is_elf(fd))
		*ret = take_fd(fd);
	return NULL;
}

struct error *search_open(void *ctx, const struct debuginfo_wanted *wanted, unsigned ordinal,
			  int *ret_fd, char **ret_path)
{
	struct search *search = ctx;
	cleanup_buf struct buf path = {0};
	cleanup_close int fd = -1;

	*ret_fd = -1;
	/* Places without a file are passed over. They have no ordinal of their own. */
	for (unsigned place = 0, found = 0; place <= 5; place++) {
		buf_reset(&path);
		put_place(&path, search, wanted, place);
		if (path.bad)
			return error_nomem();
		if (!path.len)
			continue;
		try(open_path(buf_cstr(&path), &fd));
		if (fd < 0 || found++ < ordinal) {
			if (fd >= 0)
				close(take_fd(fd));
			continue;
		}
		*ret_path = strdup(buf_cstr(&path));
		free(search->around);
		search->around = folder_of_file(fd);
		if (!*ret_path || !search->around)
			return error_nomem();
		*ret_fd = take_fd(fd);
		return NULL;
	}
	return NULL;
}
