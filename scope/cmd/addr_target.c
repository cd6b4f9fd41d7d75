#include "cmd/addr_target.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static struct error *open_binary(const char *path, struct explain_module **ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return error_errno(errno == EACCES ? ERROR_PERMISSION : ERROR_TARGET, errno,
				   "cannot open %s", path);
	return explain_module_open(fd, path, ret);
}

/* ---- files of a process ---- */

static struct addr_file *open_file(struct addr_target *target, const struct mapping *mapping)
{
	struct addr_file file = {.inode = mapping->inode, .path = mapping->path};
	struct error *err = NULL;
	int fd;

	vec_each(known, &target->files)
		if (known->inode == file.inode && !strcmp(known->path, file.path))
			return known;
	fd = mapping_open(target->process, mapping);
	if (fd >= 0)
		err = explain_module_open(fd, mapping->path, &file.module);
	if (err)
		file.why = strdup(err->text);
	else if (fd < 0)
		file.why = strdup("mapped, but its file cannot be opened");
	error_free(err);
	if (!vec_push(&target->files, file)) {
		explain_module_close(file.module);
		free(file.why);
		return NULL;
	}
	return &target->files.data[target->files.len - 1];
}

/* The link-time address of what stands at an offset of a file. */
static bool link_address(const struct image *image, uint64_t offset, uint64_t *ret)
{
	const struct image_segment *segments;
	size_t n = image_segments(image, &segments);

	for (size_t i = 0; i < n; i++) {
		if (offset < segments[i].offset ||
		    offset - segments[i].offset >= segments[i].file_size)
			continue;
		*ret = segments[i].addr + (offset - segments[i].offset);
		return true;
	}
	return false;
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

static void locate_mapped(struct addr_target *target, uint64_t addr, struct explain_query *query)
{
	const struct mapping *mapping = mappings_find(&target->mappings, addr);
	struct addr_file *file;

	if (!mapping) {
		query->place = addr >> 63 ? "in the kernel's half of the address space"
					  : "not mapped in the process";
		return;
	}
	if (!mapping->inode && strcmp(mapping->path, "[vdso]") != 0) {
		query->place = nameless(mapping);
		return;
	}
	file = open_file(target, mapping);
	if (!file || !file->module) {
		query->place = file && file->why ? file->why : "out of memory";
		return;
	}
	if (link_address(explain_module_image(file->module),
			 mapping->offset + (addr - mapping->start), &query->pc))
		query->module = file->module;
	else
		query->place = "mapped from a file, but from no segment of it";
}

/* ---- */

static const struct image_segment *segment_of(const struct image *image, uint64_t pc)
{
	const struct image_segment *segments;
	size_t n = image_segments(image, &segments);

	for (size_t i = 0; i < n; i++)
		if (pc >= segments[i].addr && pc - segments[i].addr < segments[i].mem_size)
			return &segments[i];
	return NULL;
}

static const char *outside(const struct addr_target *target, uint64_t addr)
{
	if (addr >> 47 && addr >> 63)
		return "in the kernel's half of the address space";
	if (image_is_pie(explain_module_image(target->main)) && !target->bias)
		return "outside of the file (it is position-independent: for run-time addresses "
		       "use -p or --bias)";
	return "outside of the file";
}

void addr_target_locate(struct addr_target *target, uint64_t addr, unsigned step,
			struct explain_query *query)
{
	*query = (struct explain_query){.addr = addr};
	if (target->process) {
		locate_mapped(target, addr - step, query);
		return;
	}
	query->pc = addr - step - target->bias;
	if (segment_of(explain_module_image(target->main), query->pc))
		query->module = target->main;
	else
		query->place = outside(target, addr);
}

/* The module that a path names; NULL: none. Of a BINARY the folder does not matter: it may have
 * been copied from elsewhere. */
static struct explain_module *module_named(struct addr_target *target, const char *path, size_t len)
{
	const char *own = explain_module_path(target->main);
	const char *slash = strrchr(own, '/'), *other = memrchr(path, '/', len);
	size_t name_len = len - (other ? (size_t)(other + 1 - path) : 0);

	if (!target->process) {
		own = slash ? slash + 1 : own;
		return strlen(own) == name_len && !memcmp(own, path + len - name_len, name_len)
			       ? target->main
			       : NULL;
	}
	vec_each(mapping, &target->mappings.list) {
		struct addr_file *file;

		if (!mapping->inode || strlen(mapping->path) != len ||
		    memcmp(mapping->path, path, len) != 0)
			continue;
		file = open_file(target, mapping);
		return file ? file->module : NULL;
	}
	return NULL;
}

bool addr_target_locate_offset(struct addr_target *target, const char *path, size_t path_len,
			       uint64_t offset, unsigned step, struct explain_query *query)
{
	struct explain_module *module = module_named(target, path, path_len);

	*query = (struct explain_query){.addr = offset, .module = module};
	return module && link_address(explain_module_image(module), offset - step, &query->pc);
}

bool addr_target_has_code(const struct addr_target *target, uint64_t addr)
{
	const struct image_segment *segment;
	const struct mapping *mapping;

	if (target->process) {
		mapping = mappings_find(&target->mappings, addr);
		return mapping && mapping->executable;
	}
	segment = segment_of(explain_module_image(target->main), addr - target->bias);
	return segment && segment->executable;
}

uint64_t addr_target_runtime(const struct addr_target *target, uint64_t pc)
{
	return pc + target->bias;
}

/* The executable is opened first: its load bias is that of the addresses that a traceback
 * computes. */
static struct error *open_process(pid_t pid, struct addr_target *ret)
{
	struct addr_file *file = NULL;
	struct image_segment code;
	struct stat st;

	try(process_open(pid, &ret->process));
	try(target_mappings(ret->process, &ret->mappings));
	if (fstat(ret->process->exe, &st) < 0)
		return error_errno(ERROR_TARGET, errno,
				   "cannot look at the executable of process %d", (int)pid);
	vec_each(mapping, &ret->mappings.list) {
		if (mapping->inode != st.st_ino)
			continue;
		file = open_file(ret, mapping);
		break;
	}
	if (!file || !file->module)
		return error_new(ERROR_TARGET, "process %d: %s", (int)pid,
				 file && file->why ? file->why : "its executable is not mapped");
	ret->main = file->module;
	if (image_code(explain_module_image(ret->main), &code))
		bias_of_mapped(&ret->mappings, ret->process->exe, code.offset, code.addr,
			       &ret->bias);
	return NULL;
}

struct error *addr_target_open(const struct addr_options *options, struct addr_target *ret)
{
	*ret = (struct addr_target){.bias = options->bias};
	if (options->pid)
		return open_process(options->pid, ret);
	return open_binary(options->binary, &ret->main);
}

void addr_target_fini(struct addr_target *target)
{
	if (!target->process)
		explain_module_close(target->main);
	vec_each(file, &target->files) {
		explain_module_close(file->module);
		free(file->why);
	}
	vec_fini(&target->files);
	mappings_fini(&target->mappings);
	target_close(target->process);
}
