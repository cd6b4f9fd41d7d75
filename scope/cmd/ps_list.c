/* Collects the processes that have Go code: processes -> their Go modules -> places for probes. */
#include "cmd/ps_list.h"
#include "base/descriptors.h"
#include "base/path.h"
#include "live/container/container.h"
#include "read/layout/layout.h"
#include "read/place/place.h"

#include <fnmatch.h>
#include <pwd.h>

/* One process, with everything that its row points to. */
struct ps_entry {
	struct process_row row;
	struct process_status status;
	struct container container;
	struct container_facts facts;
	char *exe;
	char *user;
	struct process_module *modules;
};

/* The answer to "can trace watch this module?". It is kept, because many processes share one
 * file. */
struct ps_verdict {
	const struct module *module;
	char *why_not; /* NULL if it can be traced */
};

static void entry_free(struct ps_entry *entry)
{
	if (!entry)
		return;
	container_facts_fini(&entry->facts);
	free(entry->exe);
	free(entry->user);
	free(entry->modules);
	free(entry);
}
CLEANUP_FUNC(struct ps_entry, entry_free)

static void verdict_free(struct ps_verdict *verdict)
{
	if (!verdict)
		return;
	free(verdict->why_not);
	free(verdict);
}
CLEANUP_FUNC(struct ps_verdict, verdict_free)

void ps_list_fini(struct process_listing *listing)
{
	vec_each(entry, &listing->entries)
		entry_free(*entry);
	vec_fini(&listing->entries);
	vec_each(verdict, &listing->verdicts)
		verdict_free(*verdict);
	vec_fini(&listing->verdicts);
	modules_free(listing->modules);
	error_free(listing->failed);
}

/* ---- can it be traced? ---- */

/* Tries to place the probes as trace does. Returns its error, or NULL. */
static struct error *try_places(const struct module *module)
{
	struct placement_options options = {.one = true};
	struct placements placements;

	if (module->refused)
		return error_new(ERROR_TARGET, "%s", module->refused);
	try(place_check_release(module->image, module->tab));
	try(placement_find(module->image, module->tab, &options, &placements));
	placements_fini(&placements);
	return NULL;
}

/* Makes the verdict on a module. Its text leaves out the file's name, which the row shows already.
 * Returns NULL when memory is out. */
static struct ps_verdict *new_verdict(const struct module *module)
{
	cleanup(verdict_free) struct ps_verdict *verdict = calloc(1, sizeof(*verdict));
	struct error *err = verdict ? try_places(module) : NULL;
	size_t name = strlen(module->path);

	if (!verdict)
		return NULL;
	verdict->module = module;
	if (err) {
		const char *text = err->text;

		if (!strncmp(text, module->path, name) && !strncmp(text + name, ": ", 2))
			text += name + 2;
		verdict->why_not = strdup(text);
		error_free(err);
		if (!verdict->why_not)
			return NULL;
	}
	return take_ptr(verdict);
}

/* Writes to *ret why trace cannot watch the module, or NULL if it can. */
static struct error *judge(struct process_listing *listing, const struct module *module,
			   const char **ret)
{
	struct ps_verdict *verdict;

	vec_each(known, &listing->verdicts) {
		*ret = (*known)->why_not;
		if ((*known)->module == module)
			return NULL;
	}
	verdict = new_verdict(module);
	if (!verdict)
		return error_nomem();
	*ret = verdict->why_not;
	if (vec_push(&listing->verdicts, verdict))
		return NULL;
	verdict_free(verdict);
	return error_nomem();
}

/* ---- one process ---- */

static struct error *fill_module(struct process_listing *listing, const struct module_at *at,
				 struct process_module *to)
{
	const struct module *module = at->module;

	*to = (struct process_module){
		.kind = go_build_name(at->role),
		.path = module->path,
		.go = module->tab ? gopcln_version(module->tab) : "",
		.layout = module->tab ? layout_get(module->maps)->name : NULL,
		.build_id = image_build_id(module->image),
		.stripped = image_is_stripped(module->image),
	};
	return judge(listing, module, &to->why_not);
}

static struct error *fill_modules(struct process_listing *listing, const struct module_list *found,
				  struct ps_entry *entry)
{
	size_t n = found->list.len;

	entry->modules = calloc(n, sizeof(*entry->modules));
	if (!entry->modules)
		return error_nomem();
	for (size_t i = 0; i < n; i++)
		try(fill_module(listing, &found->list.data[i], &entry->modules[i]));
	entry->row.modules = entry->modules;
	entry->row.modules_n = n;
	return NULL;
}

static void fill_row(struct ps_entry *entry, pid_t pid)
{
	const struct process_status *status = &entry->status;
	struct process_row *row = &entry->row;

	row->pid = (uint32_t)pid;
	row->own_pid = (uint32_t)status->pids[status->pids_n - 1];
	row->uid = status->uid;
	row->user = entry->user;
	row->name = status->name;
	row->exe = entry->exe;
	row->runtime = entry->container.runtime;
	row->container = entry->container.id;
	row->pod = entry->container.pod;
	row->container_name = entry->facts.part ? entry->facts.part : entry->facts.name;
	row->pod_name = entry->facts.pod;
	row->namespace = entry->facts.namespace;
	row->image = entry->facts.image;
}

/* Copies the user's name from the previous entry if it is the same user, as for most entries. */
static void find_user(const struct process_listing *listing, struct ps_entry *entry)
{
	size_t n = listing->entries.len;
	const struct ps_entry *last = n ? listing->entries.data[n - 1] : NULL;
	const struct passwd *user = NULL;

	if (last && last->status.uid == entry->status.uid) {
		entry->user = last->user ? strdup(last->user) : NULL;
		return;
	}
	user = getpwuid(entry->status.uid);
	entry->user = user ? strdup(user->pw_name) : NULL;
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

/* Reads the container of a process. Processes of one container are mostly neighbours, and its files are read
 * once for all of them. */
static void find_container(const struct process_listing *listing, struct ps_entry *entry, pid_t pid)
{
	size_t n = listing->entries.len;
	const struct ps_entry *last = n ? listing->entries.data[n - 1] : NULL;

	if (!container_of(pid, &entry->container) || !entry->container.runtime)
		return;
	if (!last || strcmp(last->container.path, entry->container.path) != 0) {
		container_facts(&entry->container, NULL, &entry->facts);
		return;
	}
	entry->facts = (struct container_facts){
		.name = copy(last->facts.name),
		.image = copy(last->facts.image),
		.pod = copy(last->facts.pod),
		.namespace = copy(last->facts.namespace),
		.part = copy(last->facts.part),
		.sandbox = last->facts.sandbox,
	};
}

/* Returns whether a process can be among those that were asked for. Any process may have a name
 * that was asked for. */
static bool may_be_wanted(const struct ps_options *options, pid_t pid)
{
	uint64_t number;

	for (size_t i = 0; i < options->wanted_n; i++)
		if (!option_number(options->wanted[i], &number) || number == (uint64_t)pid)
			return true;
	return !options->wanted_n;
}

static bool is_wanted(const struct ps_options *options, const struct target *target,
		      const struct process_status *status)
{
	const char *name = path_base(target->exe_path);
	uint64_t number;

	if (options->of_user && status->uid != options->uid)
		return false;
	for (size_t i = 0; i < options->wanted_n; i++) {
		const char *wanted = options->wanted[i];
		bool is_pid = option_number(wanted, &number);

		if (is_pid ? number == (uint64_t)target->pid
			   : fnmatch(wanted, name, 0) == 0 || fnmatch(wanted, status->name, 0) == 0)
			return true;
	}
	return !options->wanted_n;
}

/* Adds the process if it has Go code. Returns an error if it cannot be looked at, or has ended. */
static struct error *add_process(struct process_listing *listing, pid_t pid)
{
	cleanup(entry_free) struct ps_entry *entry = calloc(1, sizeof(*entry));
	cleanup(module_list_fini) struct module_list found = {0};
	cleanup(target_close) struct target *target = NULL;

	if (!entry)
		return error_nomem();
	try(process_open(pid, &target));
	if (!process_status(pid, &entry->status) ||
	    !is_wanted(listing->options, target, &entry->status))
		return NULL;
	try(modules_of(listing->modules, target, &found));
	if (!found.list.len)
		return NULL;
	entry->exe = strdup(target->exe_path);
	if (!entry->exe)
		return error_nomem();
	find_container(listing, entry, pid);
	find_user(listing, entry);
	try(fill_modules(listing, &found, entry));
	fill_row(entry, pid);
	if (!vec_push(&listing->entries, entry))
		return error_nomem();
	entry = NULL;
	return NULL;
}

/* Looks at a process. Skips a process that ends at this time, or that has no executable. */
static bool look_at(void *ctx, pid_t pid)
{
	struct process_listing *listing = ctx;
	struct error *err = NULL;

	if (may_be_wanted(listing->options, pid))
		err = add_process(listing, pid);
	if (!err)
		return true;
	if (err->code == ERROR_PERMISSION || err->code == ERROR_TARGET) {
		listing->hidden += err->code == ERROR_PERMISSION;
		error_free(err);
		return true;
	}
	listing->failed = err;
	return false;
}

/* ---- the list ---- */

struct error *ps_list(const struct ps_options *options, struct process_listing *ret)
{
	*ret = (struct process_listing){.options = options};
	try(process_check_proc());
	try(modules_new(&ret->modules));
	try(process_each(look_at, ret));
	return take_ptr(ret->failed);
}

static int by_pid(const void *a, const void *b)
{
	uint32_t x = ((const struct process_row *)a)->pid, y = ((const struct process_row *)b)->pid;

	return (x > y) - (x < y);
}

void ps_list_rows(const struct process_listing *listing, struct process_row rows[])
{
	size_t n = listing->entries.len;

	for (size_t i = 0; i < n; i++)
		rows[i] = listing->entries.data[i]->row;
	qsort(rows, n, sizeof(*rows), by_pid);
}
