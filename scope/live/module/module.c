/* One file as a Go module. */
#include "live/module/module.h"

const char *module_kind_name(enum module_kind kind)
{
	static const char *const names[] = {
		[MODULE_PROGRAM] = "program",
		[MODULE_PLUGIN] = "plugin",
		[MODULE_LIBRARY] = "library",
	};

	return names[kind];
}

/* The names that are looked up in each module: those that tell the layout of its maps, and those that
 * tell how it was built. */
enum {
	/* The entry points of a library (runtime/rt0_linux_*.s). */
	NAME_LIBRARY_AMD64 = GO_ENTRY_NAMES,
	NAME_LIBRARY_ARM64,
	/* The function that the linker adds to a plugin. It puts the plugin's moduledata into the
	 * program's list (cmd/link/internal/<machine>/asm.go, gentext). From Go 1.20 on, with a
	 * colon. */
	NAME_PLUGIN,
	NAME_PLUGIN_GO119,
	NAMES
};

static void classify(struct module *module)
{
	const char *names[NAMES] = {
		[NAME_LIBRARY_AMD64] = "_rt0_amd64_linux_lib",
		[NAME_LIBRARY_ARM64] = "_rt0_arm64_linux_lib",
		[NAME_PLUGIN] = "go:link.addmoduledata",
		[NAME_PLUGIN_GO119] = "go.link.addmoduledata",
	};
	struct gopcln_func funcs[NAMES];

	go_entry_names(names);
	gopcln_find(module->tab, names, NAMES, funcs);
	module->maps = go_entry_maps(module->tab, funcs);
	if (funcs[NAME_LIBRARY_AMD64].entry || funcs[NAME_LIBRARY_ARM64].entry)
		module->kind = MODULE_LIBRARY;
	else if (funcs[NAME_PLUGIN].entry || funcs[NAME_PLUGIN_GO119].entry)
		module->kind = MODULE_PLUGIN;
	else
		module->kind = MODULE_PROGRAM;
}

/* Keeps the text of an error about a file that has marks of Go. */
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
	if (err) { /* not an ELF file, or for another machine */
		error_free(err);
	} else if (gofile_is_marked(module.image)) {
		err = gopcln_open(module.image, &module.tab);
		if (err)
			try(refuse(&module, err));
		else
			classify(&module);
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
