/* Finds the Go module of a process that has an address. Stacks continue from one file into another: from
 * a plugin into its program, or the reverse. */
#include "watch/session/modules_priv.h"
#include "base/clock.h"
#include "base/path.h"
#include "tophash/map.h"

/* If there are more processes than this, all are forgotten and read again. */
enum { PROCESSES_MAX = 4096 };
/* A process may load a plugin at any time. Its mappings are read again at most this often. */
#define LOOK_NS 100000000ull
#define WAIT_US 10000 /* between two looks at a process that has no Go library yet */

struct loaded {
	VEC(struct gotype_module) list;
	uint64_t looked_ns;
};

TOPHASH_MAP(loaded_by_pid, uint32_t, struct loaded *);

struct session_modules {
	struct modules *files;
	struct loaded_by_pid processes;
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
	modules_free(modules->files);
	free(modules);
}

static void take(struct loaded *loaded, const struct module_list *found)
{
	loaded->looked_ns = now_ns();
	loaded->list.len = 0;
	vec_each(at, &found->list) {
		struct gotype_module module = {at->module->tab, at->module->image, at->bias};

		if (at->module->tab && !vec_push(&loaded->list, module))
			return;
	}
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
	if (!err)
		take(loaded, &found);
	error_free(err);
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

void session_modules_note(struct session_modules *modules, pid_t pid,
			  const struct module_list *found)
{
	struct loaded *loaded = loaded_of(modules, pid);

	if (loaded)
		take(loaded, found);
}

void session_modules_forget(struct session_modules *modules, pid_t pid)
{
	struct loaded **known = loaded_by_pid_find(&modules->processes, (uint32_t)pid);

	if (!known)
		return;
	loaded_free(*known);
	loaded_by_pid_delete(&modules->processes, (uint32_t)pid);
}

/* ---- the files of modules ---- */

struct error *session_modules_list(struct session_modules *modules, struct target *target,
				   struct module_list *ret)
{
	return modules_of(modules->files, target, ret);
}

/* Tells whether a process may load libraries when it runs: a file of it calls dlopen(). The C library itself does
 * not count. */
static bool may_load(struct target *target)
{
	cleanup(mappings_fini) struct mappings mappings = {0};

	error_free(target_mappings(target, &mappings));
	vec_each(mapping, &mappings.list) {
		cleanup(image_close) struct image *image = NULL;
		cleanup_close int fd = -1;

		if (!mapping->executable || !mapping->file.inode ||
		    !strncmp(path_base(mapping->path), "libc.", 5))
			continue;
		fd = mapping_open(target, mapping);
		if (fd < 0)
			continue;
		error_free(image_open(fd, mapping->path, &image));
		if (image && judge_imports(image, "dlopen"))
			return true;
	}
	return false;
}

/* Waits until a process has a Go library. Errors (ERROR_TARGET): it has ended, or never will have one. */
static struct error *wait_for_library(struct session *session, struct target *target,
				      struct error *not_go, struct module_list *ret)
{
	int status;

	if (session->options.look_only || !session->options.chosen_n || !may_load(target))
		return not_go;
	error_free(not_go);
	try(engine_check(session->options.engine));
	session_notice(session, SESSION_INFO,
		       "process %d (%s) has no Go code: waiting until it loads a Go library",
		       (int)target->pid, target->exe_path);
	for (;;) {
		session->library_ns = now_ns();
		module_list_fini(ret);
		*ret = (struct module_list){0};
		error_free(modules_of(session->modules->files, target, ret));
		if (ret->list.len)
			return NULL;
		if (target_poll(target, &status) != TARGET_RUNS)
			return error_new(ERROR_TARGET,
					 "process %d has ended, and had loaded no Go library",
					 (int)target->pid);
		usleep(WAIT_US);
	}
}

struct error *session_find_library(struct session *session, struct error *not_go, int *ret_fd)
{
	cleanup(module_list_fini) struct module_list found = {0};
	struct target *target = session->processes.data[0].target;
	struct error *err = modules_of(session->modules->files, target, &found);

	if (err || !found.list.len) {
		error_free(err);
		try(wait_for_library(session, target, not_go, &found));
	} else {
		error_free(not_go);
	}
	session->library = strdup(found.list.data[0].module->path);
	if (!session->library)
		return error_nomem();
	*ret_fd = module_file(found.list.data[0].module);
	if (*ret_fd >= 0)
		return NULL;
	return error_new(ERROR_TARGET, "cannot open %s, a Go library of process %d",
			 session->library, (int)target->pid);
}
