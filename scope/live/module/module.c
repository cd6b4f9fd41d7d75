/* One file as a Go module. */
#include "live/module/module.h"

#include <fcntl.h>

static void classify(struct module *module)
{
	enum { NAMES = GO_ENTRY_NAMES + GO_BUILD_NAMES };
	struct gopcln_func funcs[NAMES];
	const char *names[NAMES];

	go_entry_names(names);
	go_build_names(names + GO_ENTRY_NAMES);
	gopcln_find(module->tab, names, NAMES, funcs);
	module->maps = go_entry_maps(module->tab, funcs);
	module->build = go_build_of(funcs + GO_ENTRY_NAMES);
}

/* Keeps the text of an error of a file that shows marks of Go. */
static struct error *refuse(struct module *module, struct error *err)
{
	module->refused = strdup(err->text);
	error_free(err);
	return module->refused ? NULL : error_nomem();
}

struct error *module_open(int fd, const char *path, struct module *ret)
{
	struct image *image = NULL;

	error_free(image_open(fd, path, &image)); /* no ELF file, or one of another machine */
	return module_of_image(image, path, ret);
}

struct error *module_of_twin(const struct module *twin, const char *path, struct module *ret)
{
	char *own = strdup(path);

	if (!own)
		return error_nomem();
	*ret = *twin;
	ret->path = own;
	ret->borrows = true;
	ret->kept = false;
	return NULL;
}

struct error *module_of_image(struct image *image, const char *path, struct module *ret)
{
	cleanup(module_fini) struct module module = {.path = strdup(path), .image = image};
	struct error *err;

	if (!module.path)
		return error_nomem();
	if (image && gofile_is_marked(image)) {
		err = gopcln_open(module.image, &module.tab);
		if (!err)
			classify(&module);
		else if (image_section_count(module.image))
			try(refuse(&module, err));
		else
			error_free(err); /* without sections, nothing says that it is Go */
	}
	*ret = module;
	module = (struct module){0};
	return NULL;
}

int module_file(const struct module *module)
{
	return module->kept ? fcntl(module->fd, F_DUPFD_CLOEXEC, 3) : -1;
}

void module_fini(struct module *module)
{
	if (module->kept)
		close(module->fd);
	if (!module->borrows) {
		gopcln_close(module->tab);
		image_close(module->image);
	}
	free(module->path);
	free(module->refused);
	*module = (struct module){0};
}
