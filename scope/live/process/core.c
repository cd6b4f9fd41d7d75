/* target_ops of a core file: of gcore, or of the kernel (GOTRACEBACK=crash). */
#include "live/process/core_priv.h"
#include "base/file.h"
#include "base/search.h"

#include <errno.h>
#include <fcntl.h>

static const struct target_ops core_ops;

/* ---- memory ---- */

/* Reads from the file of a mapping what the core leaves out. Stops where the core has bytes again. Bytes that are missing
 * because the core is cut may have been changed, so they are not in the file. */
static size_t read_file(const struct core *core, uint64_t addr, void *to, size_t size)
{
	const struct core_mapping *list = core->mappings.data;
	const struct core_segment *segments = core->segments.data;
	size_t at = lower_bound(i, core->mappings.len, list[i].end <= addr);
	size_t next = lower_bound(i, core->segments.len, segments[i].addr <= addr);
	uint64_t n = size;
	int fd;

	if (at >= core->mappings.len || addr < list[at].start ||
	    (next && addr - segments[next - 1].addr < segments[next - 1].promised))
		return 0;
	fd = core->files.data[list[at].file].fd;
	if (fd < 0)
		return 0;
	if (n > list[at].end - addr)
		n = list[at].end - addr;
	if (next < core->segments.len && n > segments[next].addr - addr)
		n = segments[next].addr - addr;
	return core_pread(fd, to, n, list[at].offset + (addr - list[at].start));
}

static size_t read_memory(void *ctx, uint64_t addr, void *to, size_t size)
{
	const struct core *core = ctx;
	size_t done = 0, n = 1;

	while (done < size && n && addr + done >= addr) {
		n = core_read_dumped(core, addr + done, (char *)to + done, size - done);
		if (!n)
			n = read_file(core, addr + done, (char *)to + done, size - done);
		done += n;
	}
	return done;
}

static struct memory core_memory(struct target *target)
{
	return (struct memory){.ctx = target, .read = read_memory};
}

/* ---- mappings and threads ---- */

/* Files have no inode in a core. Their number in it, from 1 on, stands for one. */
static uint64_t inode_of(uint32_t file)
{
	return file + 1ull;
}

static bool is_code(const struct core *core, const struct core_mapping *mapping)
{
	const struct core_file *file = &core->files.data[mapping->file];
	const struct core_segment *list = core->segments.data;
	size_t at = lower_bound(i, core->segments.len, list[i].addr <= mapping->start);

	if (file->fd >= 0)
		return mapping->offset >= file->code_from && mapping->offset < file->code_to;
	return at && mapping->start - list[at - 1].addr < list[at - 1].mem &&
	       list[at - 1].executable;
}

static struct error *core_mappings(struct target *target, struct mappings *ret)
{
	const struct core *core = (struct core *)target;
	struct mappings mappings = {0};

	vec_each(at, &core->mappings) {
		struct mapping mapping = {.start = at->start,
					  .end = at->end,
					  .offset = at->offset,
					  .file = {.inode = inode_of(at->file)},
					  .executable = is_code(core, at),
					  .path = core->files.data[at->file].path};

		if (!vec_push(&mappings.list, mapping)) {
			mappings_fini(&mappings);
			return error_nomem();
		}
	}
	*ret = mappings;
	return NULL;
}

static int core_open_mapping(struct target *target, const struct mapping *mapping)
{
	const struct core *core = (struct core *)target;
	uint64_t file = mapping->file.inode - 1;

	return file < core->files.len && core->files.data[file].fd >= 0
		       ? fcntl(core->files.data[file].fd, F_DUPFD_CLOEXEC, 3)
		       : -1;
}

static struct error *core_threads(__attribute__((unused)) struct target *target,
				  struct target_threads *ret)
{
	*ret = (struct target_threads){0};
	return NULL;
}

static bool core_exe(struct target *target, struct stat *ret)
{
	*ret = (struct stat){.st_ino = inode_of(((struct core *)target)->program)};
	return true;
}

static bool core_image_id(struct target *target, uint64_t *ret)
{
	*ret = ((struct core *)target)->image;
	return true;
}

static enum target_end core_poll(__attribute__((unused)) struct target *target,
				 __attribute__((unused)) int *ret_status)
{
	return TARGET_GONE;
}

static int core_end_fd(__attribute__((unused)) struct target *target)
{
	return -1;
}

size_t core_registers(const struct target *target, const struct registers **ret)
{
	const struct core *core = (const struct core *)target;

	*ret = core->threads.data;
	return core->threads.len;
}

void core_facts(const struct target *target, struct core_facts *ret)
{
	const struct core *core = (const struct core *)target;

	*ret = (struct core_facts){.missing = core->missing, .unproved = core->unproved};
}

/* ---- opening ---- */

static void core_close(struct target *target)
{
	struct core *core = (struct core *)target;

	vec_each(file, &core->files)
		if (file->fd >= 0)
			close(file->fd);
	if (core->fd >= 0)
		close(core->fd);
	target_drop_exe(target);
	vec_fini(&core->segments);
	vec_fini(&core->mappings);
	vec_fini(&core->files);
	vec_fini(&core->threads);
	free(core->names);
	free(core->path);
	free(target->exe_path);
	free(core);
}

static struct error *fill(struct core *core, const char *binary)
{
	struct error *err;
	struct stat st;

	try(file_open(core->path, &core->fd));
	if (fstat(core->fd, &st) < 0)
		return error_errno(ERROR_TARGET, errno, "cannot read %s", core->path);
	core->size = (uint64_t)st.st_size;
	err = core_parse(core);
	if (!err)
		err = core_open_files(core, binary);
	if (err)
		return core->missing ? error_wrap(err, "%s is cut (%llu bytes are missing)",
						  core->path, (unsigned long long)core->missing)
				     : err;
	core->target.exe = fcntl(core->files.data[core->program].fd, F_DUPFD_CLOEXEC, 3);
	core->target.exe_path = strdup(core->files.data[core->program].path);
	return core->target.exe_path ? NULL : error_nomem();
}

struct error *core_open(const char *path, const char *binary, struct target **ret)
{
	struct core *core = calloc(1, sizeof(*core));
	cleanup(target_close) struct target *target = (struct target *)core;

	if (!core)
		return error_nomem();
	core->target = (struct target){.ops = &core_ops, .exe = -1};
	core->fd = -1;
	core->path = strdup(path);
	if (!core->path)
		return error_nomem();
	try(fill(core, binary));
	*ret = take_ptr(target);
	return NULL;
}

static const struct target_ops core_ops = {
	.name = "core",
	.memory = core_memory,
	.mappings = core_mappings,
	.open_mapping = core_open_mapping,
	.threads = core_threads,
	.exe = core_exe,
	.image_id = core_image_id,
	.poll = core_poll,
	.end_fd = core_end_fd,
	.close = core_close,
};
