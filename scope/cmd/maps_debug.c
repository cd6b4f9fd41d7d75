#include "cmd/maps_debug.h"
#include "read/elf/elf.h"

#include <unistd.h>

static bool has_debug(const struct image *image)
{
	static const char *const names[] = {".debug_info", ".zdebug_info", ".gnu_debuglink"};
	uint64_t addr, size;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (image_section(image, names[i], &addr, &size))
			return true;
	return false;
}

struct error *maps_debug_add(struct maps_debugs *debugs, const struct module *module, uint64_t bias)
{
	struct maps_debug debug = {.types = gopcln_module(module->tab)->types + bias, .bias = bias};
	cleanup_close int fd = has_debug(module->image) ? module_file(module) : -1;

	debug.there = fd >= 0;
	if (debug.there)
		debuginfo_reader_start_idle(&debug.reader, fd, module->path);
	if (vec_push(&debugs->list, debug))
		return NULL;
	debuginfo_reader_fini(&debug.reader);
	return error_nomem();
}

/* Takes an answer. Returns false when memory is out. */
static bool take(const struct maps_debug *debug, struct debuginfo_variables *from,
		 struct gomap_described *ret)
{
	struct debuginfo_variable variable;

	for (size_t at = 0; at + sizeof(variable) <= from->variables.len; at += sizeof(variable)) {
		memcpy(&variable, from->variables.data + at, sizeof(variable));
		if (!vec_push(&ret->variables, ((struct gomap_variable){variable.addr + debug->bias,
									variable.type})))
			return false;
	}
	ret->types = from->types;
	ret->fields = from->fields;
	from->types = from->fields = (struct buf){0};
	return true;
}

void maps_debug_describe(void *ctx, size_t module, uint64_t made, struct gomap_described *ret)
{
	struct maps_debug *debug = &((struct maps_debugs *)ctx)->list.data[module];
	struct debuginfo_ask ask = {.types = debug->types, .made = made};
	cleanup(debuginfo_variables_fini) struct debuginfo_variables found = {0};

	if (!debug->there)
		return;
	debug->asked = true;
	if (!debuginfo_reader_variables(&debug->reader, &ask, &found))
		debug->why = strdup(debug->reader.why ? debug->reader.why : "?");
	else if (!take(debug, &found, ret))
		debug->why = strdup("no memory is left");
	debuginfo_reader_fini(&debug->reader);
}

bool maps_debug_waits(const struct maps_debugs *debugs)
{
	vec_each(debug, &debugs->list)
		if (debug->reader.pid)
			return true;
	return false;
}

bool maps_debug_asked(const struct maps_debugs *debugs)
{
	vec_each(debug, &debugs->list)
		if (debug->asked)
			return true;
	return false;
}

const char *maps_debug_why(const struct maps_debugs *debugs)
{
	vec_each(debug, &debugs->list)
		if (debug->why)
			return debug->why;
	return NULL;
}

void maps_debugs_fini(struct maps_debugs *debugs)
{
	vec_each(debug, &debugs->list) {
		debuginfo_reader_fini(&debug->reader);
		free(debug->why);
	}
	vec_fini(&debugs->list);
}
