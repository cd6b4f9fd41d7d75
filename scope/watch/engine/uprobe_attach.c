/* Attaches and detaches the kernel programs. */
#include "base/clock.h"
#include "watch/engine/uprobe.h"

#include <errno.h>
#include <stdio.h>

/* ---- slots ---- */

/* Finds the slot of a module for a process, or takes a free one. */
static struct error *slot_get(struct uprobe *uprobe, const struct uprobe_module *module, pid_t pid,
			      struct placed **ret)
{
	struct placed *unused = NULL;

	vec_each(at, &uprobe->placed) {
		*ret = *at;
		if ((*at)->module == module && (*at)->pid == pid)
			return NULL;
		if (!(*at)->module && !(*at)->leaving && !unused)
			unused = *at;
	}
	if (!unused) {
		if (uprobe->placed.len >= WIRE_SLOTS)
			return error_new(ERROR_FAILED,
					 "probes for more than %d processes: watch "
					 "fewer, or all processes of a file (-b)",
					 WIRE_SLOTS);
		unused = calloc(1, sizeof(*unused));
		if (!unused || !vec_push(&uprobe->placed, unused)) {
			free(unused);
			return error_nomem();
		}
		unused->slot = (uint32_t)uprobe->placed.len - 1;
	}
	unused->module = module;
	unused->pid = pid;
	*ret = unused;
	return NULL;
}

/* Frees a slot that has no probes. Its generation stays, so that no former probe counts. */
static void slot_free(struct placed *placed)
{
	placed->module = NULL;
	placed->exe = -1;
}

static void publish_generation(const struct uprobe *uprobe, const struct placed *placed)
{
	__atomic_store_n(&uprobe_main(uprobe)->skel->bss->generations[placed->slot],
			 placed->generation, __ATOMIC_SEQ_CST);
}

/* Takes the probes of a slot off, and frees it. None of their hits counts from here on. */
static void slot_release(struct uprobe *uprobe, struct placed *placed)
{
	placed->generation++;
	publish_generation(uprobe, placed);
	uprobe_detach_former(uprobe, &placed->hot);
	uprobe_detach_former(uprobe, &placed->cold);
	slot_free(placed);
}

static bool has_links(const struct attachment *attachment)
{
	return attachment->n || attachment->keeper;
}

/* ---- attaching ---- */

/* Starts to send a record for each program that a traced process executes. The kernel may refuse
 * that. */
static void watch_execs(struct uprobe *uprobe, pid_t pid)
{
	struct trace_bpf *skel = uprobe_main(uprobe)->skel;
	uint32_t key = (uint32_t)pid;
	uint8_t value = 1;

	if (pid <= 0)
		return;
	if (uprobe->options->processes > 1)
		bpf_map_update_elem(bpf_map__fd(skel->maps.chosen), &key, &value, BPF_ANY);
	if (uprobe->exec_link)
		return;
	if (uprobe->options->processes == 1) {
		skel->bss->watched = key;
		if (!skel->rodata->pidns_ino)
			skel->bss->watched_global = key;
	}
	uprobe->exec_link = bpf_program__attach(skel->progs.on_exec);
	uprobe->sends_execs = uprobe->exec_link != NULL;
}

struct error *uprobe_watch_group(struct uprobe *uprobe)
{
	struct trace_bpf *skel = uprobe_main(uprobe)->skel;

	uprobe->exec_link = bpf_program__attach(skel->progs.on_exec);
	if (!uprobe->exec_link)
		return uprobe_failed("cannot watch for execs", errno);
	uprobe->sends_execs = true;
	/* Without it, a process that is moved into the group is found some time later. */
	if (skel->rodata->use_users)
		uprobe->move_link =
			bpf_program__attach_kprobe(skel->progs.on_user, false, "commit_creds");
	else
		uprobe->move_link = bpf_program__attach(
			skel->rodata->use_cgroup_v1 ? skel->progs.on_move_v1 : skel->progs.on_move);
	return NULL;
}

/* Makes all links of a slot. *ret tells whether they stand. The keepers of both kinds work at the same
 * time. */
static struct error *make_links(const struct uprobe *uprobe, const struct placed *placed,
				struct attachment *hot, struct attachment *cold,
				enum engine_hold *ret)
{
	enum engine_hold hot_hold = ENGINE_HELD;
	bool both = !uprobe->paused;

	try(uprobe_link_begin(uprobe, placed, false, cold, ret));
	if (both && uprobe_stands(placed, *ret))
		try(uprobe_link_begin(uprobe, placed, true, hot, &hot_hold));
	try(uprobe_link_end(cold, ret));
	try(uprobe_link_end(hot, &hot_hold));
	if (both && uprobe_stands(placed, *ret))
		*ret = hot_hold;
	return NULL;
}

/* Places the next generation of a slot's probes, which replaces the one before. On error that one
 * stays. They are for process `pid`, if it is not -1. */
static struct error *place(struct uprobe *uprobe, struct placed *placed, pid_t pid,
			   enum engine_hold *ret)
{
	struct attachment hot = {0}, cold = {0};
	struct error *err;

	placed->generation++;
	err = make_links(uprobe, placed, &hot, &cold, ret);
	if (!err && uprobe_stands(placed, *ret) && !uprobe_still_runs(uprobe, pid))
		err = error_new(ERROR_TARGET, "process %d ended while probes were placed",
				(int)pid);
	if (err || !uprobe_stands(placed, *ret)) {
		uprobe_unlink(&hot);
		uprobe_unlink(&cold);
		placed->generation--;
		return err;
	}
	publish_generation(uprobe, placed);
	uprobe_detach_former(uprobe, &placed->hot);
	uprobe_detach_former(uprobe, &placed->cold);
	placed->hot = hot;
	placed->cold = cold;
	return NULL;
}

/* Places the probes of a module for process `pid`, or with `wide` for all processes. */
static struct error *attach_slot(struct uprobe *uprobe, uint32_t module, int exe, pid_t pid,
				 bool wide, enum engine_hold *ret)
{
	struct placed *placed = NULL;
	struct error *err;

	try(slot_get(uprobe, uprobe->modules.data[module], wide ? -1 : pid, &placed));
	placed->exe = exe;
	err = place(uprobe, placed, pid, ret);
	if (!err && !uprobe_stands(placed, *ret))
		slot_release(uprobe, placed); /* also what was placed before */
	else if (err && !has_links(&placed->cold) && !has_links(&placed->hot))
		slot_free(placed);
	return err;
}

static struct error *attach(struct uprobe *uprobe, uint32_t module, int exe, pid_t pid,
			    enum engine_hold *ret)
{
	/* Children that execute the file must meet the probes at once, if a lease guards it. */
	if (!module && uprobe->options->tree && pid > 0 && !uprobe->narrow) {
		try(attach_slot(uprobe, module, exe, pid, true, ret));
		if (*ret != ENGINE_UNHELD)
			return NULL;
		uprobe->narrow = true; /* no lease for the next process either */
	}
	return attach_slot(uprobe, module, exe, pid, pid <= 0, ret);
}

struct error *uprobe_attach(struct engine *engine, uint32_t module, int exe, pid_t pid,
			    enum engine_hold *ret)
{
	struct uprobe *uprobe = (struct uprobe *)engine;

	*ret = ENGINE_HELD;
	if (uprobe_is_stopped(uprobe))
		return NULL;
	if (!module || uprobe->options->processes > 1)
		watch_execs(uprobe, pid);
	try(attach(uprobe, module, exe, pid, ret));
	uprobe_warm_stop(uprobe);
	return NULL;
}

/* Takes the probe in the dynamic linker of a process off. */
static void release_linker(struct uprobe *uprobe, pid_t pid)
{
	for (size_t i = 0; i < uprobe->linkers.len; i++) {
		if (uprobe->linkers.data[i].pid != pid)
			continue;
		uprobe_detach_former(uprobe, &uprobe->linkers.data[i].attachment);
		uprobe->linkers.data[i--] = uprobe->linkers.data[--uprobe->linkers.len];
	}
}

void uprobe_release(struct engine *engine, pid_t pid)
{
	struct uprobe *uprobe = (struct uprobe *)engine;

	release_linker(uprobe, pid);
	vec_each(at, &uprobe->placed)
		if ((*at)->module && (*at)->pid == pid)
			slot_release(uprobe, *at);
	bpf_map_delete_elem(bpf_map__fd(uprobe_main(uprobe)->skel->maps.chosen), &pid);
	uprobe_forget_modules(uprobe, pid);
}

/* ---- from the probes for all processes to those in single ones ---- */

static void set_turn(const struct uprobe *uprobe, enum wire_turn turn)
{
	__atomic_store_n(&uprobe_main(uprobe)->skel->bss->turn, (uint32_t)turn, __ATOMIC_SEQ_CST);
}

void uprobe_narrow(struct engine *engine)
{
	struct uprobe *uprobe = (struct uprobe *)engine;

	uprobe->narrow = true;
	__atomic_store_n(&uprobe_main(uprobe)->skel->bss->tree_execs, 1, __ATOMIC_SEQ_CST);
	vec_each(at, &uprobe->placed) {
		if ((*at)->module != uprobe_main(uprobe) || (*at)->pid >= 0)
			continue;
		(*at)->leaving = true;
		uprobe_main(uprobe)->skel->bss->turn_slot = (*at)->slot;
		set_turn(uprobe, WIRE_TURN_WIDE);
	}
}

/* Frees the slot when no trap can meet its probes any more. */
static void finish_turn(struct uprobe *uprobe, struct placed *placed)
{
	uprobe_join_formers(uprobe, false);
	if (uprobe->formers || uprobe->keepers.len)
		return;
	placed->generation++;
	publish_generation(uprobe, placed);
	set_turn(uprobe, WIRE_TURN_OVER);
	placed->leaving = false;
}

void uprobe_narrowed(struct engine *engine)
{
	struct uprobe *uprobe = (struct uprobe *)engine;

	vec_each(at, &uprobe->placed) {
		if (!(*at)->leaving)
			continue;
		if (!(*at)->module) {
			finish_turn(uprobe, *at);
			continue;
		}
		set_turn(uprobe, WIRE_TURN_NARROW);
		uprobe_detach_former(uprobe, &(*at)->hot);
		uprobe_detach_former(uprobe, &(*at)->cold);
		slot_free(*at);
	}
}

/* ---- probes that are gone ---- */

static bool has_lost(const struct attachment *attachment)
{
	return attachment->keeper && keeper_has_ended(attachment->keeper);
}

bool uprobe_holds(struct engine *engine, uint32_t module)
{
	struct uprobe *uprobe = (struct uprobe *)engine;
	const struct uprobe_module *of = uprobe->modules.data[module];
	bool holds = true;

	uprobe_free_keepers(uprobe, false);
	vec_each(at, &uprobe->placed) {
		if ((*at)->module != of || !(has_lost(&(*at)->hot) || has_lost(&(*at)->cold)))
			continue;
		slot_release(uprobe, *at);
		holds = false;
	}
	return holds;
}

static void end_keepers(const struct placed *placed)
{
	if (placed->hot.keeper)
		keeper_end(placed->hot.keeper);
	if (placed->cold.keeper)
		keeper_end(placed->cold.keeper);
}

/* So many links at most are detached at the same time. */
#define DETACHING_MAX 256

/* Begins to detach, or waits for those before it. */
static void detach_all(struct uprobe *uprobe, struct attachment *attachment, size_t *detaching)
{
	*detaching += attachment->n;
	if (*detaching > DETACHING_MAX) {
		uprobe_join_formers(uprobe, true);
		*detaching = attachment->n;
	}
	uprobe_detach_formers(uprobe, attachment);
}

void uprobe_detach(struct engine *engine)
{
	struct uprobe *uprobe = (struct uprobe *)engine;
	size_t detaching = 0;

	/* The probes of the target come first. Everything after them may wait. */
	vec_each(placed, &uprobe->placed)
		end_keepers(*placed);
	vec_each(placed, &uprobe->placed) {
		detach_all(uprobe, &(*placed)->hot, &detaching);
		detach_all(uprobe, &(*placed)->cold, &detaching);
	}
	vec_each(linker, &uprobe->linkers)
		detach_all(uprobe, &linker->attachment, &detaching);
	vec_fini(&uprobe->linkers);
	uprobe_join_formers(uprobe, true);
	bpf_link__destroy(uprobe->exec_link);
	bpf_link__destroy(uprobe->move_link);
	uprobe->exec_link = uprobe->move_link = NULL;
	uprobe_measure_end(uprobe);
}

struct error *uprobe_watch_loads(struct engine *engine, int linker, uint64_t offset, pid_t pid)
{
	struct uprobe *uprobe = (struct uprobe *)engine;
	struct linker_probe probe = {.pid = pid};
	char path[64];

	if (uprobe_is_stopped(uprobe))
		return NULL;
	if (!vec_reserve(&uprobe->linkers, uprobe->linkers.len + 1))
		return error_nomem();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", linker);
	uprobe_forget_message();
	if (!uprobe_link_one(uprobe, uprobe_main(uprobe)->skel->progs.on_load, path, pid, offset,
			     &probe.attachment))
		return uprobe_failed("cannot place a probe in the dynamic linker", errno);
	release_linker(uprobe, pid); /* of the program before */
	vec_push(&uprobe->linkers, probe);
	return NULL;
}
