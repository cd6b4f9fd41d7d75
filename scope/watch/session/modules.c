/* Finds the Go module of a process that has an address. The probes are in one file, but stacks
 * continue into other files: from a plugin into its program, or the reverse. */
#include "watch/session/session_priv.h"
#include "base/buf.h"
#include "base/clock.h"
#include "live/module/module.h"
#include "tophash/map.h"

/* If there are more processes than this, all are forgotten and read again. */
enum { PROCESSES_MAX = 4096 };
/* A process may load a plugin at any time. Its mappings are read again at most this often. */
#define LOOK_NS 100000000ull
/* Interval at which the one watched process is checked for modules without probes. */
#define TELL_NS 1000000000ull

struct loaded {
	VEC(struct gotype_module) list;
	uint64_t looked_ns;
};

TOPHASH_MAP(loaded_by_pid, uint32_t, struct loaded *);

struct session_modules {
	struct modules *files;
	struct loaded_by_pid processes;
	/* modules that session_tell_modules() has reported */
	VEC(const struct module *) told;
	uint64_t told_ns;
};

static void loaded_free(struct loaded *loaded)
{
	vec_fini(&loaded->list);
	free(loaded);
}

static void forget_all(struct session_modules *modules)
{
	TOPHASH_EACH(loaded_by_pid, it, &modules->processes)
		loaded_free(it.val);
	loaded_by_pid_clear(&modules->processes);
}

struct session_modules *session_modules_new(void)
{
	struct session_modules *modules = calloc(1, sizeof(*modules));
	struct error *err = modules ? modules_new(&modules->files) : NULL;

	if (!err)
		return modules;
	error_free(err);
	free(modules);
	return NULL;
}

void session_modules_free(struct session_modules *modules)
{
	if (!modules)
		return;
	forget_all(modules);
	loaded_by_pid_fini(&modules->processes);
	vec_fini(&modules->told);
	modules_free(modules->files);
	free(modules);
}

/* Reads what the process has mapped now. The list stays unchanged if the process is gone, because
 * its last records may still be in the ring. */
static void look(struct session_modules *modules, pid_t pid, struct loaded *loaded)
{
	cleanup(module_list_fini) struct module_list found = {0};
	cleanup(target_close) struct target *target = NULL;
	struct error *err = process_open(pid, &target);

	loaded->looked_ns = now_ns();
	if (!err)
		err = modules_of(modules->files, target, &found);
	if (err) {
		error_free(err);
		return;
	}
	loaded->list.len = 0;
	vec_each(at, &found.list) {
		struct gotype_module module = {at->module->tab, at->module->image, at->bias};

		if (at->module->tab && !vec_push(&loaded->list, module))
			return;
	}
}

static const struct gotype_module *find_in(const struct loaded *loaded, uint64_t addr)
{
	vec_each(module, &loaded->list)
		if (image_at(module->image, addr - module->bias, 1))
			return module;
	return NULL;
}

/* Returns the data of a process, or NULL when memory is out. */
static struct loaded *loaded_of(struct session_modules *modules, pid_t pid)
{
	struct loaded **known = loaded_by_pid_find(&modules->processes, (uint32_t)pid), *loaded;

	if (known)
		return *known;
	if (loaded_by_pid_len(&modules->processes) >= PROCESSES_MAX)
		forget_all(modules);
	loaded = calloc(1, sizeof(*loaded));
	if (loaded && loaded_by_pid_put(&modules->processes, (uint32_t)pid, loaded) < 0) {
		loaded_free(loaded);
		return NULL;
	}
	return loaded;
}

const struct gotype_module *session_modules_find(void *ctx, pid_t pid, uint64_t addr)
{
	struct session_modules *modules = ctx;
	struct loaded *loaded = loaded_of(modules, pid);
	const struct gotype_module *found = loaded ? find_in(loaded, addr) : NULL;

	if (found || !loaded || now_ns() - loaded->looked_ns < LOOK_NS)
		return found;
	look(modules, pid, loaded);
	return find_in(loaded, addr);
}

void session_modules_look(struct session_modules *modules, pid_t pid)
{
	struct loaded *loaded = loaded_of(modules, pid);

	if (loaded && !loaded->looked_ns)
		look(modules, pid, loaded);
}

void session_modules_forget(struct session_modules *modules, pid_t pid)
{
	struct loaded **known = loaded_by_pid_find(&modules->processes, (uint32_t)pid);

	if (!known)
		return;
	loaded_free(*known);
	loaded_by_pid_delete(&modules->processes, (uint32_t)pid);
}

/* ---- the modules of the one watched process ---- */

/* Opens the file of a module. Returns its descriptor, or -1. */
static int open_module(struct target *target, const struct module *module)
{
	cleanup(mappings_fini) struct mappings mappings = {0};
	struct error *err = target_mappings(target, &mappings);

	error_free(err);
	vec_each(mapping, &mappings.list)
		if (mapping->executable && !strcmp(mapping->path, module->path))
			return mapping_open(target, mapping);
	return -1;
}

/* Makes the error for a process with several libraries. */
static struct error *several(const struct target *target, const struct module_list *found)
{
	cleanup(buf_fini) struct buf names = {0};

	for (size_t i = 0; i < found->list.len && i < 8; i++) {
		buf_str(&names, i ? ", " : "");
		buf_str(&names, found->list.data[i].module->path);
	}
	return error_new(ERROR_TARGET,
			 "process %d is not Go itself and has %zu Go libraries: give one of them "
			 "with -b (%s)",
			 (int)target->pid, found->list.len, buf_cstr(&names));
}

struct error *session_find_library(struct session *session, struct error *not_go, int *ret_fd)
{
	cleanup(module_list_fini) struct module_list found = {0};
	struct target *target = session->processes.data[0].target;
	struct error *err = modules_of(session->modules->files, target, &found);

	if (err || !found.list.len) {
		error_free(err);
		return not_go;
	}
	error_free(not_go);
	if (found.list.len > 1)
		return several(target, &found);
	session->library = strdup(found.list.data[0].module->path);
	if (!session->library)
		return error_nomem();
	*ret_fd = open_module(target, found.list.data[0].module);
	if (*ret_fd >= 0)
		return NULL;
	return error_new(ERROR_TARGET, "cannot open %s, a Go library of process %d",
			 session->library, (int)target->pid);
}

static bool is_told(const struct session_modules *modules, const struct module *module)
{
	vec_each(told, &modules->told)
		if (*told == module)
			return true;
	return false;
}

/* Tells whether the module is the file with the probes. A file is mapped once, but was opened for
 * the session and for the list of modules. */
static bool is_watched(const struct session *session, const struct module_at *at)
{
	if (session->placements.build == GO_BUILD_PROGRAM)
		return at->role == GO_BUILD_PROGRAM;
	return session->library && !strcmp(at->module->path, session->library);
}

static void tell(struct session *session, const struct target *target, const struct module_at *at)
{
	struct session_modules *modules = session->modules;

	if (is_watched(session, at) || is_told(modules, at->module) ||
	    !vec_push(&modules->told, at->module))
		return;
	session_notice(session, SESSION_WARNING,
		       "process %d has a Go %s, %s: not all that it deletes is seen (to see that, "
		       "too: tophash trace -b %s)",
		       (int)target->pid, go_build_name(at->role), at->module->path,
		       at->module->path);
}

void session_tell_modules(struct session *session)
{
	cleanup(module_list_fini) struct module_list found = {0};
	struct target *target;
	struct error *err;

	if (session->options.binary || session->processes.data[0].ended ||
	    !image_is_dynamic(session->image) || now_ns() - session->modules->told_ns < TELL_NS)
		return;
	session->modules->told_ns = now_ns();
	target = session->processes.data[0].target;
	err = modules_of(session->modules->files, target, &found);
	error_free(err); /* the process is gone, or between two programs */
	vec_each(at, &found.list)
		tell(session, target, at);
}
