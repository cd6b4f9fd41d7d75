/* Reads /proc/PID/maps, and opens the files of mappings. */
#include "live/process/process.h"
#include "base/memory.h"
#include "base/search.h"
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum {
	LINES_MAX = 1 << 20, /* vm.max_map_count is 65530 unless raised */
	VDSO_MAX = 1 << 16,  /* bytes; the vDSO has two pages here */
	READS = 4,	     /* further ones, when a text has ended early */
	READ_US = 1000,	     /* before each of these */
};

static struct error *maps_failed(pid_t pid, int errnum)
{
	if (errnum == EACCES || errnum == EPERM)
		return error_new(ERROR_PERMISSION,
				 "not allowed to read the mappings of process %d: run tophash as "
				 "root",
				 (int)pid);
	return error_errno(ERROR_TARGET, errnum, "cannot read the mappings of process %d",
			   (int)pid);
}

static struct error *is_ending(pid_t pid)
{
	return error_new(ERROR_TARGET,
			 "process %d has no mappings: it is ending, or is a kernel thread",
			 (int)pid);
}

/* Reads the whole text before any line is parsed. The kernel returns it in pages, and the mappings
 * may change between two of them. When the process ends or executes another program, the text ends at
 * once, without an error: what was read is the whole only if the first byte is still there. */
static struct error *read_text(pid_t pid, struct buf *to)
{
	char path[64];
	cleanup_close int fd = -1;
	char first;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)process_thread(pid));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return maps_failed(pid, errno);
	do {
		char *room = buf_room(to, 1 << 16);

		if (!room)
			return error_nomem();
		n = read(fd, room, 1 << 16);
		if (n < 0 && errno != EINTR)
			return maps_failed(pid, errno);
		to->len += n > 0 ? (size_t)n : 0;
	} while (n != 0);
	if (pread(fd, &first, 1, 0) != 1)
		return is_ending(pid);
	buf_char(to, '\0');
	return to->bad ? error_nomem() : NULL;
}

/* Parses a line: "start-end perms offset major:minor inode      path". Returns false for any other
 * line. */
static bool parse_line(char *line, struct mapping *ret)
{
	static const char deleted[] = " (deleted)";
	unsigned long long start, end, offset, inode;
	unsigned major, minor;
	char executable, *tail;
	int at = 0;
	size_t len;

	if (sscanf(line, "%llx-%llx %*2c%c%*c %llx %x:%x %llu %n", &start, &end, &executable,
		   &offset, &major, &minor, &inode, &at) != 7 ||
	    !at)
		return false;
	line += at;
	len = strlen(line);
	tail = len > sizeof(deleted) - 1 ? line + len - (sizeof(deleted) - 1) : NULL;
	if (inode && tail && !strcmp(tail, deleted))
		*tail = '\0';
	*ret = (struct mapping){.start = start,
				.end = end,
				.offset = offset,
				.file = {(uint64_t)major << 32 | minor, inode},
				.executable = executable == 'x',
				.path = line};
	return start < end;
}

static struct error *read_lines(pid_t pid, struct mappings *mappings)
{
	cleanup_buf struct buf text = {0};
	struct mapping mapping;
	char *rest;

	try(read_text(pid, &text));
	rest = mappings->text = take_ptr(text.data);
	for (int lines = 0; rest && *rest && lines < LINES_MAX; lines++)
		if (parse_line(strsep(&rest, "\n"), &mapping) &&
		    !vec_push(&mappings->list, mapping))
			return error_nomem();
	return mappings->list.len ? NULL : is_ending(pid);
}

struct error *mappings_read(pid_t pid, struct mappings *ret)
{
	struct error *err;

	for (int i = 0;; i++) {
		*ret = (struct mappings){0};
		err = read_lines(pid, ret);
		if (!err)
			return NULL;
		mappings_fini(ret);
		if (err->code != ERROR_TARGET || i >= READS || !process_executes(pid))
			return err;
		error_free(err); /* it was just executing another program */
		usleep(READ_US);
	}
}

void mappings_fini(struct mappings *mappings)
{
	vec_fini(&mappings->list);
	free(take_ptr(mappings->text));
}

const struct mapping *mappings_find(const struct mappings *mappings, uint64_t addr)
{
	size_t at = lower_bound(i, mappings->list.len, mappings->list.data[i].end <= addr);

	return at < mappings->list.len && addr >= mappings->list.data[at].start
		       ? &mappings->list.data[at]
		       : NULL;
}

static int copy_vdso(struct target *target, const struct mapping *mapping)
{
	struct memory memory = target_memory(target);
	size_t size = mapping->end - mapping->start;
	cleanup_free char *bytes = size <= VDSO_MAX ? malloc(size) : NULL;
	cleanup_close int fd = -1;

	if (!bytes || !memory_read(&memory, mapping->start, bytes, size))
		return -1;
	fd = memfd_create("vdso", MFD_CLOEXEC);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		return -1;
	return take_fd(fd);
}

/* Opens for reading what `found`, an O_PATH descriptor, leads to, if it is a regular file with this
 * inode. To open a device or a FIFO could do harm. Files are compared by inode only, because overlay
 * and btrfs show another device number. Returns a descriptor or -1, and closes `found`. */
static int open_found(int found, uint64_t inode)
{
	cleanup_close int path = found;
	char name[64];
	struct stat st;

	if (path < 0 || fstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_ino != inode)
		return -1;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", path);
	return open(name, O_RDONLY | O_CLOEXEC);
}

/* Opens a path as the process sees it, never outside of its root: an absolute symbolic link that the
 * process has put there must not lead into our root. */
static int open_in_root(pid_t pid, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	cleanup_close int root = -1;
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/root", (int)process_thread(pid));
	root = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -1 : (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

int process_open_mapping(struct target *target, const struct mapping *mapping)
{
	char name[96];
	struct stat st;
	int fd;

	if (!strcmp(mapping->path, "[vdso]"))
		return copy_vdso(target, mapping);
	if (!mapping->file.inode)
		return -1;
	if (target->exe >= 0 && fstat(target->exe, &st) == 0 && st.st_ino == mapping->file.inode)
		return fcntl(target->exe, F_DUPFD_CLOEXEC, 3);
	/* This is the very file, but not everybody may use it. */
	snprintf(name, sizeof(name), "/proc/%d/map_files/%llx-%llx",
		 (int)process_thread(target->pid), (unsigned long long)mapping->start,
		 (unsigned long long)mapping->end);
	fd = open_found(open(name, O_PATH | O_CLOEXEC), mapping->file.inode);
	return fd >= 0 ? fd
		       : open_found(open_in_root(target->pid, mapping->path), mapping->file.inode);
}
