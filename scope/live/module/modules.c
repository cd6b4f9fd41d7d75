/* The files that processes have mapped, each opened once, and the modules of one process. */
#include "live/module/module.h"
#include "tophash/map.h"

/* Bounds the files that one process can make us open. */
enum { FILES_MAX = 4096 };

TOPHASH_MAP_BYTES(files, struct file_id, struct module *);

struct modules {
	struct files files;
};

struct error *modules_new(struct modules **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? NULL : error_nomem();
}

void modules_free(struct modules *modules)
{
	if (!modules)
		return;
	TOPHASH_EACH(files, it, &modules->files) {
		module_fini(it.val);
		free(it.val);
	}
	files_fini(&modules->files);
	free(modules);
}

size_t modules_count(const struct modules *modules)
{
	return files_len(&modules->files);
}

void modules_close_files(struct modules *modules)
{
	TOPHASH_EACH(files, it, &modules->files) {
		struct module *module = it.val;

		if (module->kept)
			close(module->fd);
		module->kept = false;
	}
}

/* Finds a module whose file has the contents of this one. Container engines make copies of a program. */
static const struct module *find_twin(struct modules *modules, const struct image *image)
{
	TOPHASH_EACH(files, it, &modules->files)
		if (it.val->tab && !it.val->borrows && image_equal(it.val->image, image))
			return it.val;
	return NULL;
}

/* Opens the file of a mapping. *ret is NULL if it cannot be opened. */
static struct error *open_file(struct modules *modules, struct target *target,
			       const struct mapping *mapping, struct module **ret)
{
	cleanup_close int fd = mapping_open(target, mapping);
	cleanup_free struct module *module = calloc(1, sizeof(*module));
	cleanup(image_close) struct image *image = NULL;
	const struct module *twin;

	*ret = NULL;
	if (!module)
		return error_nomem();
	if (fd < 0)
		return NULL;
	error_free(image_open(fd, mapping->path, &image)); /* it may be no ELF file */
	twin = image ? find_twin(modules, image) : NULL;
	if (twin)
		try(module_of_twin(twin, mapping->path, module));
	else
		try(module_of_image(take_ptr(image), mapping->path, module));
	module->file = mapping->file;
	if (module->tab) {
		module->kept = true;
		module->fd = take_fd(fd);
	}
	*ret = take_ptr(module);
	return NULL;
}

/* Writes the module of a mapping's file to *ret, or NULL if the file cannot be opened. Such a file
 * is tried again later, because /proc of another process may have a path to it. */
static struct error *get_module(struct modules *modules, struct target *target,
				const struct mapping *mapping, const struct module **ret)
{
	struct module **known = files_find(&modules->files, mapping->file), *module;

	*ret = known ? *known : NULL;
	if (known)
		return NULL;
	try(open_file(modules, target, mapping, &module));
	if (module && files_put(&modules->files, mapping->file, module) < 0) {
		module_fini(module);
		free(module);
		return error_nomem();
	}
	*ret = module;
	return NULL;
}

/* ---- the modules of one process ---- */

/* The results so far, while the mappings are read. */
struct search {
	struct modules *modules;
	struct target *target;
	uint64_t program; /* the inode of the file that the process executes; 0: unknown */
	struct module_list found;
	size_t files;
	struct file_id last; /* the file of the previous mapping */
};

static bool is_found(const struct search *search, const struct module *module)
{
	vec_each(at, &search->found.list)
		if (at->module == module)
			return true;
	return false;
}

/* Returns the load bias, from the address at which the first byte of code is mapped. The bias is
 * unknown if that byte is not mapped there. */
static uint64_t bias_of(const struct module *module, const struct mapping *mapping)
{
	struct image_segment code;
	uint64_t bias = 0;

	if (image_is_pie(module->image) && image_code(module->image, &code) &&
	    code.offset >= mapping->offset &&
	    code.offset - mapping->offset < mapping->end - mapping->start)
		bias_of_addr(mapping->start + (code.offset - mapping->offset), code.addr, &bias);
	return bias;
}

static struct error *look_at(struct search *search, const struct mapping *mapping)
{
	bool same = file_id_equal(mapping->file, search->last);
	struct module_at at = {0};

	if (!mapping->executable || !mapping->file.inode || same)
		return NULL;
	search->last = mapping->file;
	if (search->files++ < FILES_MAX)
		try(get_module(search->modules, search->target, mapping, &at.module));
	if (!at.module) {
		search->found.unseen++;
		return NULL;
	}
	if (!module_is_go(at.module) || is_found(search, at.module))
		return NULL;
	at.role = at.module->build;
	at.bias = bias_of(at.module, mapping);
	if (mapping->file.inode == search->program)
		at.role = GO_BUILD_PROGRAM;
	if (!vec_push(&search->found.list, at))
		return error_nomem();
	return NULL;
}

/* Moves the program to the front. */
static void put_program_first(struct module_list *list)
{
	for (size_t i = 1; i < list->list.len; i++) {
		struct module_at program = list->list.data[i];

		if (program.role != GO_BUILD_PROGRAM)
			continue;
		memmove(list->list.data + 1, list->list.data, i * sizeof(program));
		list->list.data[0] = program;
		return;
	}
}

struct error *modules_of(struct modules *modules, struct target *target, struct module_list *ret)
{
	cleanup(mappings_fini) struct mappings mappings = {0};
	struct search search = {.modules = modules, .target = target};
	struct error *err;
	struct stat st;

	try(target_mappings(target, &mappings));
	if (target->ops->exe(target, &st))
		search.program = st.st_ino;
	vec_each(mapping, &mappings.list) {
		err = look_at(&search, mapping);
		if (err) {
			module_list_fini(&search.found);
			return err;
		}
	}
	put_program_first(&search.found);
	*ret = search.found;
	return NULL;
}

void module_list_fini(struct module_list *list)
{
	vec_fini(&list->list);
}
