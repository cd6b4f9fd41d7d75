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

static struct bpf_program *program_of(const struct uprobe *uprobe, enum spot_role role)
{
	struct trace_bpf *skel = uprobe->skel;

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

static struct error *probe_offset(const struct uprobe *uprobe, const struct spot *spot,
				  uint64_t *ret)
{
	if (image_file_offset(uprobe->options->image, spot->addr, ret))
		return NULL;
	return error_new(ERROR_TARGET, "%s+%llu lies outside the file", spot->func,
			 (unsigned long long)spot_offset(spot));
}

/* Attaches a perf event for each probe, which works on any kernel from 5.15 on. Closing one takes a
 * grace period. */
static struct error *attach_each(struct uprobe *uprobe, const char *path, pid_t pid, bool hot,
				 struct attachment *to)
{
	const struct placements *placements = uprobe->options->placements;

	for (uint32_t i = 0; i < placements->list.len; i++) {
		const struct spot *spot = &placements->list.data[i];
		LIBBPF_OPTS(bpf_uprobe_opts, opts,
			    .bpf_cookie = WIRE_COOKIE(uprobe->generation, i));
		struct bpf_link *link;
		uint64_t offset;

		if (is_hot(spot->role) != hot)
			continue;
		try(probe_offset(uprobe, spot, &offset));
		link = bpf_program__attach_uprobe_opts(program_of(uprobe, spot->role), pid, path,
						       offset, &opts);
		if (!link)
			return attach_failed(spot, pid, errno);
		to->links[to->n++] = link;
	}
	return NULL;
}

/* Attaches one link for all probes of a role. Its main advantage is that all of them are detached
 * at once. */
static struct error *attach_role(struct uprobe *uprobe, const char *path, pid_t pid,
				 enum spot_role role, struct attachment *to)
{
	const struct placements *placements = uprobe->options->placements;
	uint64_t offsets[WIRE_PROBES], cookies[WIRE_PROBES];
	struct uprobe_multi_attr attr = {
		.prog_fd = (uint32_t)bpf_program__fd(program_of(uprobe, role)),
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.pid = pid > 0 ? (uint32_t)pid : 0,
	};
	const struct spot *first = NULL;
	long fd;

	for (uint32_t i = 0; i < placements->list.len; i++) {
		const struct spot *spot = &placements->list.data[i];

		if (spot->role != role)
			continue;
		try(probe_offset(uprobe, spot, &offsets[attr.count]));
		cookies[attr.count++] = WIRE_COOKIE(uprobe->generation, i);
		first = first ? first : spot;
	}
	if (!first)
		return NULL;
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		return attach_failed(first, pid, errno);
	to->link_fds[to->n++] = (int)fd;
	return NULL;
}

/* Places the probes that are hot, or the others. */
static struct error *attach_all(struct uprobe *uprobe, bool hot, struct attachment *to)
{
	char path[64];

	*to = (struct attachment){.multi = uprobe->multi};
	snprintf(path, sizeof(path), "/proc/self/fd/%d", uprobe->exe);
	uprobe_forget_message();
	if (!uprobe->multi)
		return attach_each(uprobe, path, uprobe->pid, hot, to);
	for (enum spot_role role = SPOT_REMOVAL; role <= SPOT_BEGIN; role++)
		if (is_hot(role) == hot)
			try(attach_role(uprobe, path, uprobe->pid, role, to));
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

/* ---- attaching ---- */

/* Starts to send a record for each program that the traced process executes. The kernel may refuse
 * that. */
static void watch_execs(struct uprobe *uprobe, pid_t pid)
{
	if (pid <= 0 || uprobe->exec_link)
		return;
	uprobe->skel->bss->watched = (uint32_t)pid;
	uprobe->exec_link = bpf_program__attach(uprobe->skel->progs.on_exec);
	uprobe->sends_execs = uprobe->exec_link != NULL;
}

/* Tells whether the run has ended. Nothing is attached any more then. */
static bool is_stopped(const struct uprobe *uprobe)
{
	return uprobe->skel->bss->mode == WIRE_STOPPED;
}

struct error *uprobe_attach(struct engine *engine, int exe, pid_t pid)
{
	struct uprobe *uprobe = (struct uprobe *)engine;
	struct attachment hot = {0}, cold = {0};
	struct error *err = NULL;

	if (is_stopped(uprobe))
		return NULL;
	uprobe->exe = exe;
	uprobe->pid = pid;
	uprobe->generation++;
	watch_execs(uprobe, pid);
	if (!uprobe->paused)
		err = attach_all(uprobe, true, &hot);
	if (!err)
		err = attach_all(uprobe, false, &cold);
	if (err) {
		detach_all(&hot);
		detach_all(&cold);
		uprobe->generation--;
		return err;
	}
	__atomic_store_n(&uprobe->skel->bss->generation, uprobe->generation, __ATOMIC_SEQ_CST);
	detach_former(uprobe, &uprobe->hot);
	detach_former(uprobe, &uprobe->cold);
	uprobe->hot = hot;
	uprobe->cold = cold;
	return NULL;
}

/* ---- a pause ---- */

static void set_mode(struct uprobe *uprobe, enum wire_mode mode)
{
	__atomic_store_n(&uprobe->skel->bss->mode, (uint32_t)mode, __ATOMIC_SEQ_CST);
}

void uprobe_pause(struct engine *engine)
{
	struct uprobe *uprobe = (struct uprobe *)engine;

	if (is_stopped(uprobe))
		return;
	uprobe->paused = true;
	set_mode(uprobe, WIRE_PAUSES);
	/* If they were closed one after the other, the last ones would cost time until then. */
	while (uprobe->hot.n) {
		struct attachment one = {.n = 1, .multi = uprobe->hot.multi};

		uprobe->hot.n--;
		one.link_fds[0] = uprobe->hot.link_fds[uprobe->hot.n];
		one.links[0] = uprobe->hot.links[uprobe->hot.n];
		detach_former(uprobe, &one);
	}
	uprobe_measure_cut(uprobe); /* last, because it may wait for other CPUs */
}

/* Drops the deletes that were under way when the probes were removed, because their ends were not
 * seen. */
static void forget_pendings(struct uprobe *uprobe)
{
	int fd = bpf_map__fd(uprobe->skel->maps.pendings);
	uint8_t key[16]; /* struct pending_key */

	assert(bpf_map__key_size(uprobe->skel->maps.pendings) == sizeof(key));
	while (!bpf_map_get_next_key(fd, NULL, key) && !bpf_map_delete_elem(fd, key))
		;
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
	err = attach_all(uprobe, true, &uprobe->hot);
	if (err) {
		detach_all(&uprobe->hot);
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
	detach_all(&uprobe->hot);
	detach_all(&uprobe->cold);
	join_formers(uprobe, true);
	bpf_link__destroy(uprobe->exec_link);
	uprobe->exec_link = NULL;
	uprobe_measure_end(uprobe);
}

bool uprobe_attach_nothing(const struct uprobe *uprobe, const char *path, pid_t pid,
			   uint64_t offset)
{
	struct bpf_program *program = uprobe->skel->progs.on_nothing;
	struct uprobe_multi_attr attr = {
		.prog_fd = (uint32_t)bpf_program__fd(program),
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)&offset,
		.count = 1,
		.pid = (uint32_t)pid,
	};
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = 0);

	if (uprobe->multi)
		return syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr)) >= 0;
	return bpf_program__attach_uprobe_opts(program, pid, path, offset, &opts) != NULL;
}
