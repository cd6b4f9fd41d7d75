/* Attaches and detaches the kernel programs. */
#include "base/clock.h"
#include "watch/engine/uprobe.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

/* ---- probes that no longer count ---- */

/* An attachment that is being detached. Detaching waits for grace periods of the kernel, a tenth of
 * a second. A process that executed itself during that time would not be watched. Therefore a
 * thread waits instead. */
struct former {
	struct attachment attachment;
	pthread_t thread;
	bool done; /* the thread is about to end */
	struct former *next;
};

static void *detach_in_thread(void *ctx)
{
	struct former *former = ctx;

	uprobe_unlink(&former->attachment);
	__atomic_store_n(&former->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Frees the keepers that have ended. With `all`, waits for the others, too. */
static void free_keepers(struct uprobe *uprobe, bool all)
{
	size_t kept = 0;

	vec_each(keeper, &uprobe->keepers) {
		if (all || keeper_has_ended(*keeper))
			keeper_free(*keeper);
		else
			uprobe->keepers.data[kept++] = *keeper;
	}
	uprobe->keepers.len = kept;
}

/* Begins to take the probes of a keeper off. No thread need wait for that. */
static void end_keeper(struct uprobe *uprobe, struct attachment *attachment)
{
	free_keepers(uprobe, false);
	keeper_end(attachment->keeper);
	if (!vec_push(&uprobe->keepers, attachment->keeper))
		keeper_free(attachment->keeper);
	attachment->keeper = NULL;
}

/* Frees the attachments that are detached. With `all`, waits for the others, too. */
static void join_formers(struct uprobe *uprobe, bool all)
{
	struct former **at = &uprobe->formers;

	free_keepers(uprobe, all);
	while (*at) {
		struct former *former = *at;

		if (!all && !__atomic_load_n(&former->done, __ATOMIC_ACQUIRE)) {
			at = &former->next;
			continue;
		}
		pthread_join(former->thread, NULL);
		*at = former->next;
		free(former);
	}
}

static void detach_former(struct uprobe *uprobe, struct attachment *attachment)
{
	struct former *former;

	if (attachment->keeper)
		end_keeper(uprobe, attachment);
	if (!attachment->n)
		return;
	join_formers(uprobe, false);
	former = calloc(1, sizeof(*former));
	if (former) {
		former->attachment = *attachment;
		former->next = uprobe->formers;
	}
	if (!former || pthread_create(&former->thread, NULL, detach_in_thread, former) != 0) {
		uprobe_unlink(attachment);
		free(former);
		return;
	}
	attachment->n = 0;
	uprobe->formers = former;
}

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
	detach_former(uprobe, &placed->hot);
	detach_former(uprobe, &placed->cold);
	slot_free(placed);
}

static bool has_links(const struct attachment *attachment)
{
	return attachment->n || attachment->keeper;
}

/* Tells whether a slot has the probes that uprobe_link_end() should have made. */
static bool stands(const struct placed *placed, enum engine_hold hold)
{
	return hold == ENGINE_HELD || (hold == ENGINE_UNHELD && placed->pid > 0);
}

/* ---- attaching ---- */

/* Starts to send a record for each program that a traced process executes. The kernel may refuse
 * that. */
static void watch_execs(struct uprobe *uprobe, pid_t pid)
{
	struct trace_bpf *skel = uprobe_main(uprobe)->skel;
	uint32_t key = (uint32_t)pid;
	uint8_t value = 1;

	if (pid <= 0 && !uprobe->options->tree_execs)
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

/* Tells whether the run has ended. Nothing is attached any more then. */
static bool is_stopped(const struct uprobe *uprobe)
{
	return uprobe_main(uprobe)->skel->bss->mode == WIRE_STOPPED;
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
	if (both && stands(placed, *ret))
		try(uprobe_link_begin(uprobe, placed, true, hot, &hot_hold));
	try(uprobe_link_end(cold, ret));
	try(uprobe_link_end(hot, &hot_hold));
	if (both && stands(placed, *ret))
		*ret = hot_hold;
	return NULL;
}

/* Tells whether the process for which probes were placed has not ended meanwhile. Its pid may be that of
 * another process by now, which then has the probes. */
static bool still_runs(const struct uprobe *uprobe, pid_t pid)
{
	const struct engine_options *options = uprobe->options;

	return pid <= 0 || !options->runs || options->runs(options->runs_ctx, pid);
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
	if (!err && stands(placed, *ret) && !still_runs(uprobe, pid))
		err = error_new(ERROR_TARGET, "process %d ended while probes were placed",
				(int)pid);
	if (err || !stands(placed, *ret)) {
		uprobe_unlink(&hot);
		uprobe_unlink(&cold);
		placed->generation--;
		return err;
	}
	publish_generation(uprobe, placed);
	detach_former(uprobe, &placed->hot);
	detach_former(uprobe, &placed->cold);
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
	if (!err && !stands(placed, *ret))
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
	if (is_stopped(uprobe))
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
		detach_former(uprobe, &uprobe->linkers.data[i].attachment);
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
	join_formers(uprobe, false);
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
		detach_former(uprobe, &(*at)->hot);
		detach_former(uprobe, &(*at)->cold);
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

	free_keepers(uprobe, false);
	vec_each(at, &uprobe->placed) {
		if ((*at)->module != of || !(has_lost(&(*at)->hot) || has_lost(&(*at)->cold)))
			continue;
		slot_release(uprobe, *at);
		holds = false;
	}
	return holds;
}

/* ---- a pause ---- */

static void set_mode(struct uprobe *uprobe, enum wire_mode mode)
{
	__atomic_store_n(&uprobe_main(uprobe)->skel->bss->mode, (uint32_t)mode, __ATOMIC_SEQ_CST);
}

/* Begins to detach each link in a thread of its own. If they were closed one after the other, the last
 * ones would cost time until then. */
static void detach_formers(struct uprobe *uprobe, struct attachment *attachment)
{
	if (attachment->keeper)
		end_keeper(uprobe, attachment);
	while (attachment->n) {
		struct attachment one = {.n = 1, .multi = attachment->multi};

		attachment->n--;
		one.link_fds[0] = attachment->link_fds[attachment->n];
		one.links[0] = attachment->links[attachment->n];
		detach_former(uprobe, &one);
	}
}

void uprobe_pause(struct engine *engine)
{
	struct uprobe *uprobe = (struct uprobe *)engine;

	if (is_stopped(uprobe))
		return;
	uprobe->paused = true;
	set_mode(uprobe, WIRE_PAUSES);
	vec_each(placed, &uprobe->placed)
		detach_formers(uprobe, &(*placed)->hot);
	uprobe_measure_cut(uprobe); /* last, because it may wait for other CPUs */
}

/* Drops the deletes that were under way when the probes were removed, because their ends were not
 * seen. */
static void forget_pendings(struct uprobe *uprobe)
{
	const struct bpf_map *pendings = uprobe_main(uprobe)->skel->maps.pendings;
	int fd = bpf_map__fd(pendings);
	uint8_t key[16]; /* struct pending_key */

	assert(bpf_map__key_size(pendings) == sizeof(key));
	while (!bpf_map_get_next_key(fd, NULL, key) && !bpf_map_delete_elem(fd, key))
		;
}

/* Places the hot probes of all slots. A file that can have no lease any more loses the others, too, and
 * uprobe_holds() tells. */
static struct error *attach_hot(struct uprobe *uprobe)
{
	vec_each(at, &uprobe->placed) {
		struct placed *placed = *at;
		enum engine_hold hold;

		if (!placed->module)
			continue;
		try(uprobe_link_begin(uprobe, placed, true, &placed->hot, &hold));
		try(uprobe_link_end(&placed->hot, &hold));
		if (!stands(placed, hold) && placed->cold.keeper)
			keeper_end(placed->cold.keeper);
		if (!still_runs(uprobe, placed->pid)) /* uprobe_release() follows */
			uprobe_unlink(&placed->hot);
	}
	return NULL;
}

/* Places the probes again, with the generation of the other probes. A hit must not meet an old and
 * a new probe, and therefore the old ones are removed before. No hit counts while they are being
 * placed, because tophash could see the beginning of a delete and not its end. */
struct error *uprobe_resume(struct engine *engine, uint64_t *ret_ns)
{
	struct uprobe *uprobe = (struct uprobe *)engine;
	struct error *err;

	*ret_ns = 0;
	join_formers(uprobe, false);
	if (uprobe->formers || uprobe->keepers.len || is_stopped(uprobe))
		return NULL;
	forget_pendings(uprobe);
	err = attach_hot(uprobe);
	if (err) {
		vec_each(placed, &uprobe->placed)
			uprobe_unlink(&(*placed)->hot);
		return err;
	}
	uprobe->paused = false;
	*ret_ns = now_ns();
	set_mode(uprobe, WIRE_RUNS);
	uprobe_measure_soon(uprobe);
	return NULL;
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
		join_formers(uprobe, true);
		*detaching = attachment->n;
	}
	detach_formers(uprobe, attachment);
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
	join_formers(uprobe, true);
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

	if (is_stopped(uprobe))
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
