/* One file as a Go module. */
#include "live/module/module.h"

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
	cleanup(module_fini) struct module module = {.path = strdup(path)};
	struct error *err;

	if (!module.path)
		return error_nomem();
	err = image_open(fd, path, &module.image);
	if (err) { /* no ELF file, or one of another machine */
		error_free(err);
	} else if (gofile_is_marked(module.image)) {
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

void module_fini(struct module *module)
{
	gopcln_close(module->tab);
	image_close(module->image);
	free(module->path);
	free(module->refused);
	*module = (struct module){0};
}
