#include "live/space/space.h"
#include "base/file.h"
#include "base/path.h"

#include <errno.h>
#include <sys/stat.h>

/* ---- files ---- */

static struct space_file *open_file(struct space *space, const struct mapping *mapping)
{
	struct space_file file = {.id = mapping->file};
	struct error *err = NULL;
	int fd;

	vec_each(known, &space->files)
		if (file_id_equal(known->id, file.id))
			return known;
	fd = mapping_open(space->process, mapping);
	if (fd >= 0)
		err = explain_module_open(fd, mapping->path, &file.module);
	if (err)
		file.why = strdup(err->text);
	else if (fd < 0)
		file.why = strdup("mapped, but its file cannot be opened");
	error_free(err);
	if (!vec_push(&space->files, file)) {
		explain_module_close(file.module);
		free(file.why);
		return NULL;
	}
	return &space->files.data[space->files.len - 1];
}

static const char *nameless(const struct mapping *mapping)
{
	if (!strcmp(mapping->path, "[heap]"))
		return "in no file: the C heap";
	if (!strcmp(mapping->path, "[stack]"))
		return "in no file: the main thread's stack";
	if (!strcmp(mapping->path, "[vsyscall]"))
		return "in no file: the kernel's vsyscall page";
	if (*mapping->path)
		return mapping->path;
	return "in no file: anonymous memory (a heap, a stack, .bss)";
}

static void locate_mapped(struct space *space, uint64_t addr, struct explain_query *query)
{
	const struct mapping *mapping = mappings_find(&space->mappings, addr);
	struct space_file *file;

	if (!mapping) {
		query->place = addr >> 63 ? "in the kernel's half of the address space"
					  : "not mapped in the process";
		return;
	}
	if (!mapping->file.inode && strcmp(mapping->path, "[vdso]") != 0) {
		query->place = nameless(mapping);
		return;
	}
	file = open_file(space, mapping);
	if (!file || !file->module) {
		query->place = file && file->why ? file->why : "out of memory";
		return;
	}
	if (image_address_of(explain_module_image(file->module),
			     mapping->offset + (addr - mapping->start), &query->pc))
		query->module = file->module;
	else
		query->place = "mapped from a file, but from no segment of it";
}

/* ---- addresses ---- */

static const char *outside(const struct space *space, uint64_t addr)
{
	if (addr >> 47 && addr >> 63)
		return "in the kernel's half of the address space";
	if (image_is_pie(explain_module_image(space->main)) && !space->bias)
		return "outside of the file (it is position-independent: for run-time addresses "
		       "use -p or --bias)";
	return "outside of the file";
}

void space_locate(struct space *space, uint64_t addr, unsigned step, struct explain_query *query)
{
	*query = (struct explain_query){.addr = addr};
	if (space->process) {
		locate_mapped(space, addr - step, query);
		return;
	}
	query->pc = addr - step - space->bias;
	if (image_segment_of(explain_module_image(space->main), query->pc))
		query->module = space->main;
	else
		query->place = outside(space, addr);
}

/* Returns the module that a path names, or NULL. In the space of a single file, the folder does not
 * matter. */
static struct explain_module *module_named(struct space *space, const char *path, size_t len)
{
	if (!space->process)
		return path_same_base(explain_module_path(space->main), path, len) ? space->main
										   : NULL;
	vec_each(mapping, &space->mappings.list) {
		struct space_file *file;

		if (!mapping->file.inode || strlen(mapping->path) != len ||
		    memcmp(mapping->path, path, len) != 0)
			continue;
		file = open_file(space, mapping);
		return file ? file->module : NULL;
	}
	return NULL;
}

bool space_locate_offset(struct space *space, const char *path, size_t path_len, uint64_t offset,
			 unsigned step, struct explain_query *query)
{
	struct explain_module *module = module_named(space, path, path_len);

	*query = (struct explain_query){.addr = offset, .module = module};
	return module && image_address_of(explain_module_image(module), offset - step, &query->pc);
}

bool space_has_code(const struct space *space, uint64_t addr)
{
	const struct image_segment *segment;
	const struct mapping *mapping;

	if (space->process) {
		mapping = mappings_find(&space->mappings, addr);
		return mapping && mapping->executable;
	}
	segment = image_segment_of(explain_module_image(space->main), addr - space->bias);
	return segment && segment->executable;
}

struct error *space_of_file(const char *path, uint64_t bias, struct space *ret)
{
	int fd;

	*ret = (struct space){.bias = bias};
	try(file_open(path, &fd));
	return explain_module_open(fd, path, &ret->main);
}

/* Opens the file of the process's executable. */
static struct error *open_executable(struct space *space)
{
	pid_t pid = space->process->pid;
	struct space_file *file = NULL;
	struct stat st;

	if (fstat(space->process->exe, &st) < 0)
		return error_errno(ERROR_TARGET, errno,
				   "cannot examine the executable of process %d", (int)pid);
	vec_each(mapping, &space->mappings.list) {
		if (mapping->file.inode != st.st_ino)
			continue;
		file = open_file(space, mapping);
		break;
	}
	if (!file || !file->module)
		return error_new(ERROR_TARGET, "process %d: %s", (int)pid,
				 file && file->why ? file->why : "its executable is not mapped");
	space->main = file->module;
	return NULL;
}

/* Makes the space of a process. It opens the executable first, because addresses that a traceback
 * computes have its load bias. */
struct error *space_of_process(pid_t pid, struct space *ret)
{
	cleanup(space_fini) struct space space = {0};
	struct image_segment code;

	try(process_open(pid, &space.process));
	try(target_mappings(space.process, &space.mappings));
	try(open_executable(&space));
	if (image_code(explain_module_image(space.main), &code))
		bias_of_mapped(&space.mappings, space.process->exe, code.offset, code.addr,
			       &space.bias);
	*ret = space;
	space = (struct space){0};
	return NULL;
}

void space_fini(struct space *space)
{
	if (!space->process)
		explain_module_close(space->main);
	vec_each(file, &space->files) {
		explain_module_close(file->module);
		free(file->why);
	}
	vec_fini(&space->files);
	mappings_fini(&space->mappings);
	target_close(space->process);
}
