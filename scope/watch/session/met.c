/* The files with Go code that were met besides the session's file. Each is opened once, gets its places once, and its
 * kernel programs once. */
#include "watch/session/group_priv.h"
#include "watch/session/modules_priv.h"
#include "base/descriptors.h"

#include <errno.h>
#include <fcntl.h>

static void met_free(struct met *met)
{
	placements_fini(&met->placements);
	module_fini(&met->own);
	if (met->exe >= 0)
		close(met->exe);
	free(met->why);
	free(met);
}

void met_fini(struct session *session)
{
	vec_each(met, &session->met)
		met_free(*met);
	vec_fini(&session->met);
}

/* ---- a new file ---- */

/* Loads the kernel programs for the file. */
static struct error *load(struct session *session, struct met *met)
{
	struct engine_module module = {.image = met->module->image,
				       .tab = met->module->tab,
				       .placements = &met->placements,
				       .version = &met->version,
				       .runtime = met->runtime};

	if (!met->placements.list.len)
		return NULL;
	try(engine_add(session->engine, &module, &met->number));
	return resolver_add(session->resolver, &module);
}

/* Finds a file with the same contents and places. */
static const struct met *find_twin(const struct session *session, const struct met *met)
{
	vec_each(other, &session->met)
		if (*other != met && (*other)->module->tab == met->module->tab &&
		    (*other)->role == met->role && !(*other)->why)
			return *other;
	return NULL;
}

/* Chooses the places of an open file. */
static struct error *choose_places(struct session *session, struct met *met)
{
	struct placement_options options = {.misses = session->options.misses,
					    .no_sync_map = session->options.no_sync_map,
					    .start = met->role == GO_BUILD_PROGRAM,
					    .may_be_empty = session->all ||
							    group_is_tree(session) ||
							    met->role == GO_BUILD_PLUGIN};
	const struct met *twin;

	if (met->exe < 0 || !file_version_read(met->exe, &met->version))
		return error_new(ERROR_TARGET, "its file cannot be opened");
	try(place_check_release(met->module->image, met->module->tab));
	twin = find_twin(session, met);
	if (twin)
		return placements_copy(&twin->placements, &met->placements);
	return placement_find(met->module->image, met->module->tab, &options, &met->placements);
}

/* Opens the file, and chooses its places. */
static struct error *prepare(struct session *session, struct met *met)
{
	if (!met->module->tab)
		return error_new(ERROR_TARGET, "%s", met->module->refused);
	met->exe = module_file(met->module);
	return choose_places(session, met);
}

/* Keeps why a file cannot be watched. */
static struct error *give_up(struct met *met, struct error *err)
{
	if (!err || err == error_nomem())
		return err;
	met->number = 0;
	met->why = strdup(err->text);
	error_free(err);
	return met->why ? NULL : error_nomem();
}

/* Adds a file. module: NULL if it is to have its own. Returns NULL when memory is out. */
static struct met *add_met(struct session *session, const struct module *module, enum go_build role)
{
	struct met *met = calloc(1, sizeof(*met));

	if (!met || !vec_push(&session->met, met)) {
		free(met);
		return NULL;
	}
	met->exe = -1;
	met->module = module ? module : &met->own;
	met->role = role;
	return met;
}

struct error *met_get(struct session *session, const struct module_at *at,
		      const struct gopcln *program, struct met **ret)
{
	struct met *met;

	vec_each(known, &session->met) {
		*ret = *known;
		if ((*known)->module == at->module)
			return NULL;
	}
	met = *ret = add_met(session, at->module, at->role);
	if (!met)
		return error_nomem();
	met->runtime = at->role == GO_BUILD_PLUGIN ? program : NULL;
	try(give_up(met, prepare(session, met)));
	return session->engine && !met->why ? give_up(met, load(session, met)) : NULL;
}

/* Opens a program that is no library of a process. */
static struct error *prepare_program(struct session *session, int exe, const char *path,
				     struct met *met)
{
	met->exe = fcntl(exe, F_DUPFD_CLOEXEC, 3);
	if (met->exe < 0)
		return descriptors_error(errno, path);
	try(module_open(met->exe, path, &met->own));
	if (!met->own.tab)
		return error_new(ERROR_TARGET, "%s",
				 met->own.refused ? met->own.refused : "not a Go program");
	return choose_places(session, met);
}

struct error *met_add_program(struct session *session, int exe, const char *path, struct met **ret)
{
	struct met *met = *ret = add_met(session, NULL, GO_BUILD_PROGRAM);

	if (!met)
		return error_nomem();
	try(give_up(met, prepare_program(session, exe, path, met)));
	return session->engine && !met->why ? give_up(met, load(session, met)) : NULL;
}

struct met *met_numbered(const struct session *session, uint32_t number)
{
	vec_each(met, &session->met)
		if (number && (*met)->number == number)
			return *met;
	return NULL;
}

void met_drop(struct session *session, const struct met *met)
{
	for (size_t i = 0; i < session->met.len; i++) {
		if (session->met.data[i] != met)
			continue;
		met_free(session->met.data[i]);
		memmove(&session->met.data[i], &session->met.data[i + 1],
			(--session->met.len - i) * sizeof(session->met.data[0]));
	}
}

struct error *met_load(struct session *session)
{
	vec_each(met, &session->met)
		if (!(*met)->why)
			try(load(session, *met));
	return NULL;
}
