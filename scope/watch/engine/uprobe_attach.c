/* Attaches and detaches the kernel programs. */
#include "base/clock.h"
#include "watch/engine/uprobe.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>

struct uprobe_multi_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, multi_flags, pid, unused;
};

static struct bpf_program *program_of(const struct uprobe *uprobe, const struct placed *placed,
				      enum spot_role role)
{
	struct trace_bpf *skel = placed->module->skel;

	switch (role) {
	case SPOT_REMOVAL:
		return uprobe->options->count ? skel->progs.on_removal_count
					      : skel->progs.on_removal;
	case SPOT_CLEAR: return skel->progs.on_clear;
	case SPOT_SYNC_REMOVAL:
	case SPOT_SYNC_CLEAR: return skel->progs.on_sync;
	case SPOT_ENTRY: return skel->progs.on_entry;
	case SPOT_EXIT: return skel->progs.on_exit;
	case SPOT_PANIC: return skel->progs.on_panic;
	case SPOT_GC: return skel->progs.on_gc;
	case SPOT_BEGIN: return skel->progs.on_begin;
	default: return skel->progs.on_start;
	}
}

/* Tells whether probes of this role are hit by deletes or clears. */
static bool is_hot(enum spot_role role)
{
	return role <= SPOT_PANIC;
}

static struct error *attach_failed(const struct spot *spot, pid_t pid, int errnum)
{
	if (errnum == ESRCH)
		return error_new(ERROR_TARGET, "process %d ended while probes were placed",
				 (int)pid);
	return error_wrap(uprobe_failed("cannot place a probe", errnum), "%s+%llu", spot->func,
			  (unsigned long long)spot_offset(spot));
}

static struct error *probe_offset(const struct placed *placed, const struct spot *spot,
				  uint64_t *ret)
{
	if (image_file_offset(placed->module->of.image, spot->addr, ret))
		return NULL;
	return error_new(ERROR_TARGET, "%s+%llu lies outside the file", spot->func,
			 (unsigned long long)spot_offset(spot));
}

/* Attaches a perf event for each probe, which works on any kernel from 5.15 on. Closing one takes a
 * grace period. */
static struct error *attach_each(struct uprobe *uprobe, const struct placed *placed,
				 const char *path, bool hot, struct attachment *to)
{
	const struct placements *placements = placed->module->of.placements;

	for (uint32_t i = 0; i < placements->list.len; i++) {
		const struct spot *spot = &placements->list.data[i];
		LIBBPF_OPTS(bpf_uprobe_opts, opts,
			    .bpf_cookie = WIRE_COOKIE(placed->generation, placed->slot, i));
		struct bpf_link *link;
		uint64_t offset;

		if (is_hot(spot->role) != hot)
			continue;
		try(probe_offset(placed, spot, &offset));
		link = bpf_program__attach_uprobe_opts(program_of(uprobe, placed, spot->role),
						       placed->pid, path, offset, &opts);
		if (!link)
			return attach_failed(spot, placed->pid, errno);
		to->links[to->n++] = link;
	}
	return NULL;
}

/* Attaches one link for all probes of a role. Its main advantage is that all of them are detached
 * at once. */
static struct error *attach_role(struct uprobe *uprobe, const struct placed *placed,
				 const char *path, enum spot_role role, struct attachment *to)
{
	const struct placements *placements = placed->module->of.placements;
	uint64_t offsets[WIRE_PROBES], cookies[WIRE_PROBES];
	struct uprobe_multi_attr attr = {
		.prog_fd = (uint32_t)bpf_program__fd(program_of(uprobe, placed, role)),
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.pid = placed->pid > 0 ? (uint32_t)placed->pid : 0,
	};
	const struct spot *first = NULL;
	long fd;

	for (uint32_t i = 0; i < placements->list.len; i++) {
		const struct spot *spot = &placements->list.data[i];

		if (spot->role != role)
			continue;
		try(probe_offset(placed, spot, &offsets[attr.count]));
		cookies[attr.count++] = WIRE_COOKIE(placed->generation, placed->slot, i);
		first = first ? first : spot;
	}
	if (!first)
		return NULL;
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		return attach_failed(first, placed->pid, errno);
	to->link_fds[to->n++] = (int)fd;
	return NULL;
}

/* Places the probes that are hot, or the others, with the generation of `placed`. */
static struct error *attach_all(struct uprobe *uprobe, const struct placed *placed, bool hot,
				struct attachment *to)
{
	char path[64];

	*to = (struct attachment){.multi = uprobe->multi};
	snprintf(path, sizeof(path), "/proc/self/fd/%d", placed->exe);
	uprobe_forget_message();
	if (!uprobe->multi)
		return attach_each(uprobe, placed, path, hot, to);
	for (enum spot_role role = SPOT_REMOVAL; role <= SPOT_BEGIN; role++)
		if (is_hot(role) == hot)
			try(attach_role(uprobe, placed, path, role, to));
	return NULL;
}

static void detach_all(struct attachment *attachment)
{
	while (attachment->n) {
		attachment->n--;
		if (attachment->multi)
			close(attachment->link_fds[attachment->n]);
		else
			bpf_link__destroy(attachment->links[attachment->n]);
	}
}

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

	detach_all(&former->attachment);
	__atomic_store_n(&former->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Frees the attachments that are detached. With `all`, waits for the others, too. */
static void join_formers(struct uprobe *uprobe, bool all)
{
	struct former **at = &uprobe->formers;

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

	if (!attachment->n)
		return;
	join_formers(uprobe, false);
	former = calloc(1, sizeof(*former));
	if (former) {
		former->attachment = *attachment;
		former->next = uprobe->formers;
	}
	if (!former || pthread_create(&former->thread, NULL, detach_in_thread, former) != 0) {
		detach_all(attachment);
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
		if (!(*at)->module && !unused)
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

/* ---- attaching ---- */

/* Starts to send a record for each program that the traced process executes. The kernel may refuse
 * that. */
static void watch_execs(struct uprobe *uprobe, pid_t pid)
{
	struct trace_bpf *skel = uprobe_main(uprobe)->skel;

	if (pid <= 0 || uprobe->exec_link)
		return;
	skel->bss->watched = (uint32_t)pid;
	if (!skel->rodata->pidns_ino)
		skel->bss->watched_global = (uint32_t)pid;
	uprobe->exec_link = bpf_program__attach(skel->progs.on_exec);
	uprobe->sends_execs = uprobe->exec_link != NULL;
}

/* Tells whether the run has ended. Nothing is attached any more then. */
static bool is_stopped(const struct uprobe *uprobe)
{
	return uprobe_main(uprobe)->skel->bss->mode == WIRE_STOPPED;
}

/* Places the next generation of a slot's probes, which replaces the one before. On error that one
 * stays. */
static struct error *place(struct uprobe *uprobe, struct placed *placed)
{
	struct attachment hot = {0}, cold = {0};
	struct error *err = NULL;

	placed->generation++;
	if (!uprobe->paused)
		err = attach_all(uprobe, placed, true, &hot);
	if (!err)
		err = attach_all(uprobe, placed, false, &cold);
	if (err) {
		detach_all(&hot);
		detach_all(&cold);
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

struct error *uprobe_attach(struct engine *engine, uint32_t module, int exe, pid_t pid)
{
	struct uprobe *uprobe = (struct uprobe *)engine;
	struct placed *placed = NULL;
	struct error *err;

	if (is_stopped(uprobe))
		return NULL;
	if (!module)
		watch_execs(uprobe, pid);
	/* Children that execute the file must meet the probes at once. */
	if (!module && uprobe->options->tree)
		pid = -1;
	try(slot_get(uprobe, uprobe->modules.data[module], pid, &placed));
	placed->exe = exe;
	err = place(uprobe, placed);
	if (err && !placed->cold.n && !placed->hot.n)
		slot_free(placed);
	return err;
}

void uprobe_release(struct engine *engine, pid_t pid)
{
	struct uprobe *uprobe = (struct uprobe *)engine;

	for (size_t i = 0; i < uprobe->linkers.len; i++) {
		if (uprobe->linkers.data[i].pid != pid)
			continue;
		detach_former(uprobe, &uprobe->linkers.data[i].attachment);
		uprobe->linkers.data[i--] = uprobe->linkers.data[--uprobe->linkers.len];
	}
	vec_each(at, &uprobe->placed) {
		struct placed *placed = *at;

		if (!placed->module || placed->pid != pid)
			continue;
		placed->generation++;
		publish_generation(uprobe, placed);
		detach_former(uprobe, &placed->hot);
		detach_former(uprobe, &placed->cold);
		slot_free(placed);
	}
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

static struct error *attach_hot(struct uprobe *uprobe)
{
	vec_each(at, &uprobe->placed) {
		struct placed *placed = *at;

		if (placed->module)
			try(attach_all(uprobe, placed, true, &placed->hot));
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
	if (uprobe->formers || is_stopped(uprobe))
		return NULL;
	forget_pendings(uprobe);
	err = attach_hot(uprobe);
	if (err) {
		vec_each(placed, &uprobe->placed)
			detach_all(&(*placed)->hot);
		return err;
	}
	uprobe->paused = false;
	*ret_ns = now_ns();
	set_mode(uprobe, WIRE_RUNS);
	uprobe_measure_soon(uprobe);
	return NULL;
}

void uprobe_detach(struct engine *engine)
{
	struct uprobe *uprobe = (struct uprobe *)engine;

	/* The probes of the target come first. Everything after them may wait. */
	vec_each(placed, &uprobe->placed) {
		detach_all(&(*placed)->hot);
		detach_all(&(*placed)->cold);
	}
	vec_each(linker, &uprobe->linkers)
		detach_all(&linker->attachment);
	vec_fini(&uprobe->linkers);
	join_formers(uprobe, true);
	bpf_link__destroy(uprobe->exec_link);
	uprobe->exec_link = NULL;
	uprobe_measure_end(uprobe);
}

/* ---- one instruction ---- */

/* Attaches a program to one instruction, for one process. Returns false with errno set. */
static bool attach_one(const struct uprobe *uprobe, struct bpf_program *program, const char *path,
		       pid_t pid, uint64_t offset, struct attachment *ret)
{
	struct uprobe_multi_attr attr = {
		.prog_fd = (uint32_t)bpf_program__fd(program),
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)&offset,
		.count = 1,
		.pid = (uint32_t)pid,
	};
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = 0);

	*ret = (struct attachment){.n = 1, .multi = uprobe->multi};
	if (!uprobe->multi)
		ret->links[0] = bpf_program__attach_uprobe_opts(program, pid, path, offset, &opts);
	else
		ret->link_fds[0] = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return uprobe->multi ? ret->link_fds[0] >= 0 : ret->links[0] != NULL;
}

bool uprobe_attach_nothing(const struct uprobe *uprobe, const char *path, pid_t pid,
			   uint64_t offset)
{
	struct attachment stays;

	return attach_one(uprobe, uprobe_main(uprobe)->skel->progs.on_nothing, path, pid, offset,
			  &stays);
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
	if (!attach_one(uprobe, uprobe_main(uprobe)->skel->progs.on_load, path, pid, offset,
			&probe.attachment))
		return uprobe_failed("cannot place a probe in the dynamic linker", errno);
	vec_push(&uprobe->linkers, probe);
	return NULL;
}
