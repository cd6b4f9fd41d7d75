#include "read/explain/module.h"
#include "base/buf.h"

const char *explain_source_name(enum explain_source source)
{
	static const char *const names[EXPLAIN_SOURCES] = {
		[EXPLAIN_GOPCLNTAB] = "gopclntab",
		[EXPLAIN_SYMBOLS] = "symbols",
		[EXPLAIN_DWARF] = "dwarf",
	};

	return names[source];
}

struct error *explain_module_open(int fd, const char *path, struct explain_module **ret)
{
	cleanup(explain_module_close) struct explain_module *module = calloc(1, sizeof(*module));

	if (!module) {
		close(fd);
		return error_nomem();
	}
	module->fd = fd;
	module->path = strdup(path);
	if (!module->path)
		return error_nomem();
	try(image_open(fd, path, &module->image));
	*ret = take_ptr(module);
	return NULL;
}

void explain_module_close(struct explain_module *module)
{
	if (!module)
		return;
	debuginfo_reader_fini(&module->child);
	elfsym_close(module->symbols);
	gopcln_close(module->tab);
	image_close(module->image);
	for (size_t i = 0; i < EXPLAIN_SOURCES; i++)
		free(module->why[i]);
	vec_fini(&module->pcs);
	vec_fini(&module->asked_by);
	buf_fini(&module->answers);
	free(module->path);
	close(module->fd);
	free(module);
}

const char *explain_module_path(const struct explain_module *module)
{
	return module->path;
}

int explain_module_fd(const struct explain_module *module)
{
	return module->fd;
}

const char *explain_module_separate(const struct explain_module *module)
{
	return module->child.path ? module->child.path : "";
}

const struct image *explain_module_image(const struct explain_module *module)
{
	return module->image;
}

const struct gopcln *explain_module_gopcln(struct explain_module *module)
{
	return module_source(module, EXPLAIN_GOPCLNTAB) ? module->tab : NULL;
}

const char *explain_module_why(const struct explain_module *module, enum explain_source source)
{
	return module->why[source];
}

static void set_why(struct explain_module *module, enum explain_source source, const char *text)
{
	if (!module->why[source])
		module->why[source] = strdup(text);
}

/* Keeps the reason in an error. The text is "FILE: what is wrong; what to do". Only the middle part
 * is kept, because another source may answer. */
static void take_error(struct explain_module *module, enum explain_source source, struct error *err)
{
	size_t len = strlen(module->path);
	const char *text = err->text;
	char *end;

	if (!strncmp(text, module->path, len) && !strncmp(text + len, ": ", 2))
		text += len + 2;
	set_why(module, source, text);
	end = module->why[source] ? strstr(module->why[source], "; ") : NULL;
	if (end)
		*end = '\0';
	error_free(err);
}

void explain_module_prepare_dwarf(struct explain_module *module)
{
	if (module->opened[EXPLAIN_DWARF])
		return;
	module->opened[EXPLAIN_DWARF] = true;
	debuginfo_reader_start(&module->child, module->fd, module->path);
}

bool module_source(struct explain_module *module, enum explain_source source)
{
	struct error *err = NULL;

	if (source == EXPLAIN_DWARF) {
		explain_module_prepare_dwarf(module);
		if (!debuginfo_reader_wait(&module->child))
			set_why(module, source, module->child.why);
		return !module->child.why;
	}
	if (!module->opened[source] && source == EXPLAIN_GOPCLNTAB)
		err = gopcln_open(module->image, &module->tab);
	else if (!module->opened[source])
		err = elfsym_open(module->image, &module->symbols);
	module->opened[source] = true;
	if (err)
		take_error(module, source, err);
	if (module->why[source])
		return false;
	return source == EXPLAIN_GOPCLNTAB ? module->tab != NULL : module->symbols != NULL;
}
