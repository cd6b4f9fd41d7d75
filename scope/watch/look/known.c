/* What is known of the processes that were looked at: their modules, and what was found in their code. It is used again in the
 * next look at a process. */
#include "watch/look/look_priv.h"
#include "live/gomap/gomap.h"
#include "live/module/module.h"

enum {
	KNOWN_MAX = 16,	 /* processes whose code need not be searched again */
	FILES_MAX = 256, /* that are mapped */
};

void known_free(struct known *known)
{
	if (!known)
		return;
	gomap_plan_free(known->plan);
	target_close(known->target);
	vec_fini(&known->modules);
	vec_fini(&known->before);
	table_fini(&known->before_at);
	free(known);
}
struct error *knowns_new(struct knowns *ret)
{
	*ret = (struct knowns){0};
	return modules_new(&ret->files);
}

void knowns_fini(struct knowns *knowns)
{
	vec_each(known, &knowns->list)
		known_free(*known);
	vec_fini(&knowns->list);
	modules_free(knowns->files);
}

/* Forgets all, and closes and unmaps the files. */
static struct error *forget_all(struct knowns *knowns)
{
	struct knowns none;

	try(knowns_new(&none));
	knowns_fini(knowns);
	*knowns = none;
	return NULL;
}

/* ---- the process ---- */

/* Collects the modules whose types and roots count. All of them share the heap of the first. */
static struct error *take_modules(struct known *known, const struct module_list *found)
{
	vec_each(at, &found->list) {
		struct gotype_module module = {
			.tab = at->module->tab, .image = at->module->image, .bias = at->bias};

		if (!at->module->tab)
			continue;
		if (!known->modules.len)
			known->maps = at->module->maps;
		else if (at->role != GO_BUILD_PLUGIN)
			continue; /* a library has a heap of its own */
		if (!vec_push(&known->modules, module))
			return error_nomem();
	}
	return known->modules.len ? NULL
				  : error_new(ERROR_TARGET, "it has no Go code that can be read");
}

static struct error *open_process(struct knowns *knowns, pid_t pid, struct known **ret)
{
	cleanup(module_list_fini) struct module_list found = {0};
	cleanup(known_free) struct known *known = calloc(1, sizeof(*known));

	if (!known)
		return error_nomem();
	try(process_open(pid, &known->target));
	if (!target_image_id(known->target, &known->image))
		return error_new(ERROR_TARGET, "it has ended, or executes another program");
	try(modules_of(knowns->files, known->target, &found));
	modules_close_files(knowns->files); /* they stay mapped */
	target_drop_exe(known->target);
	try(take_modules(known, &found));
	known->clones = found.unseen; /* one of them may be a plugin */
	*ret = take_ptr(known);
	return NULL;
}

static bool is_same(const struct known *a, const struct known *b)
{
	return a->target->pid == b->target->pid && a->image == b->image &&
	       a->modules.len == b->modules.len &&
	       !memcmp(a->modules.data, b->modules.data, a->modules.len * sizeof(*a->modules.data));
}

/* Removes what is known of a process, or of the one that was looked at longest ago. Returns it. */
static struct known *remove_known(struct knowns *knowns, pid_t pid)
{
	size_t at = knowns->list.len;
	struct known *known;

	for (size_t i = 0; i < knowns->list.len; i++) {
		known = knowns->list.data[i];
		if (known->target->pid == pid) {
			at = i;
			break;
		}
		if (knowns->list.len >= KNOWN_MAX &&
		    (at == knowns->list.len || known->looked_ns < knowns->list.data[at]->looked_ns))
			at = i;
	}
	if (at == knowns->list.len)
		return NULL;
	known = knowns->list.data[at];
	knowns->list.data[at] = knowns->list.data[--knowns->list.len];
	return known;
}

struct error *knowns_take(struct knowns *knowns, pid_t pid, struct known **ret)
{
	cleanup(known_free) struct known *before = NULL;
	cleanup(known_free) struct known *now = NULL;
	struct error *err;

	if (modules_count(knowns->files) > FILES_MAX)
		try(forget_all(knowns));
	before = remove_known(knowns, pid);
	err = open_process(knowns, pid, &now);
	if (err &&
	    err->code ==
		    ERROR_FAILED) { /* few descriptors may be left: those of the others are given back */
		known_free(take_ptr(before));
		error_free(forget_all(knowns));
	}
	try(err);
	if (before && is_same(before, now)) {
		before->clones |= now->clones;
		*ret = take_ptr(before);
		return NULL;
	}
	vec_each(module, &now->modules)
		now->clones |= clones_maps(module->tab);
	*ret = take_ptr(now);
	return NULL;
}

void knowns_put(struct knowns *knowns, struct known *known)
{
	if (!vec_push(&knowns->list, known))
		known_free(known); /* it is searched again */
}
