#include "read/place/placer.h"

void placer_add_name(struct placer *placer, const char *name)
{
	for (size_t i = 0; i < placer->nfuncs; i++)
		if (!strcmp(placer->names[i], name))
			return;
	if (placer->nfuncs < FUNCS_MAX)
		placer->names[placer->nfuncs++] = name;
}

void placer_add_go_entries(struct placer *placer)
{
	go_entry_names(placer->names);
	placer->nfuncs = GO_ENTRY_NAMES;
}

enum go_maps placer_maps(const struct placer *placer)
{
	return go_entry_maps(placer->tab, placer->funcs);
}

void placer_add_build_names(struct placer *placer)
{
	const char *names[GO_BUILD_NAMES];

	go_build_names(names);
	for (size_t i = 0; i < GO_BUILD_NAMES; i++)
		placer_add_name(placer, names[i]);
}

enum go_build placer_build(const struct placer *placer)
{
	struct gopcln_func funcs[GO_BUILD_NAMES];
	const char *names[GO_BUILD_NAMES];

	go_build_names(names);
	for (size_t i = 0; i < GO_BUILD_NAMES; i++)
		funcs[i] = placer_func(placer, names[i]);
	return go_build_of(funcs);
}

void placer_find_funcs(struct placer *placer)
{
	gopcln_find(placer->tab, placer->names, placer->nfuncs, placer->funcs);
}

struct gopcln_func placer_func(const struct placer *placer, const char *name)
{
	struct gopcln_func func = {0};

	for (size_t i = 0; i < placer->nfuncs; i++)
		if (!strcmp(placer->names[i], name))
			return placer->funcs[i];
	gopcln_find(placer->tab, &name, 1, &func);
	return func;
}

bool placer_has_func(const struct placer *placer, const char *name)
{
	return placer_func(placer, name).entry != 0;
}

/* The runtime's functions have a few hundred bytes. The limit keeps a corrupt table from causing a
 * decode of the whole program. */
#define FUNC_SIZE_MAX (64u << 10)

struct error *placer_decode_func(const struct placer *placer, struct gopcln_func *func,
				 struct code *ret)
{
	const void *bytes;

	*ret = (struct code){0};
	if (func->end - func->entry > FUNC_SIZE_MAX)
		func->end = func->entry + FUNC_SIZE_MAX;
	bytes = image_at(placer->image, func->entry, func->end - func->entry);
	if (!bytes)
		return error_new(ERROR_TARGET,
				 "%s: the code of %s lies outside the file (corrupt?)",
				 image_name(placer->image), func->name);
	return code_decode(placer->machine, bytes, func->end - func->entry, func->entry, ret);
}

struct error *placer_decode(const struct placer *placer, const char *name,
			    struct gopcln_func *ret_func, struct code *ret)
{
	*ret = (struct code){0};
	*ret_func = placer_func(placer, name);
	return ret_func->entry ? placer_decode_func(placer, ret_func, ret) : NULL;
}

struct error *placer_add_spot(const struct placer *placer, const struct gopcln_func *func,
			      uint64_t addr, const struct spot *spot, const char *why)
{
	struct spot added = *spot;

	if (placer->found->list.len >= PLACEMENTS_MAX)
		return error_new(ERROR_TARGET, "%s: more than %d places to probe (corrupt?)",
				 image_name(placer->image), PLACEMENTS_MAX);
	added.func = func->name;
	added.entry = func->entry;
	added.addr = addr;
	added.why = strdup(why);
	if (!added.why || !vec_push(&placer->found->list, added)) {
		free(added.why);
		return error_nomem();
	}
	return NULL;
}

struct error *placer_no_spot(const struct placer *placer, const char *func, const char *why)
{
	return error_new(
		ERROR_TARGET,
		"%s: no place in %s where each removal passes exactly once (%s): this build "
		"of the Go runtime is not known; please report it",
		image_name(placer->image), func, why);
}
