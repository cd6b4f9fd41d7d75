// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Programs for changes of a process: its GC phase changes, it starts, it executes a program. */
#ifndef WATCH_ENGINE_BPF_PROCESS_BPF_H
#define WATCH_ENGINE_BPF_PROCESS_BPF_H

/* ---- the GC phase ---- */

SEC("uprobe")
int on_gc(struct pt_regs *ctx)
{
	struct hit hit;
	struct wire_probe *probe = probe_get(ctx, &hit);
	uint32_t phase;

	no_private_stack(ctx);
	if (!probe || !is_watched(&hit) ||
	    bpf_probe_read_user(&phase, sizeof(phase),
				(void *)(gcphase + (ctx->rip - probe->addr))))
		return 0;
	gc_phase = phase;
	gc_changes = 1;
	return 0;
}

/* ---- the start of a process ---- */

/* Sends a record that wakes the reader, which other records do not. A process that lives only for a
 * few milliseconds must be looked at while it exists. */
static __always_inline void send_news(struct wire_event *e)
{
	if (bpf_ringbuf_output(&events, e, sizeof(*e), BPF_RB_FORCE_WAKEUP) &&
	    bpf_ringbuf_output(&news, e, sizeof(*e), BPF_RB_FORCE_WAKEUP))
		add(news_lost, 1);
}

static __always_inline void send_start(struct pt_regs *ctx, const struct hit *hit)
{
	struct wire_event e = {.kind = WIRE_START};

	e.ip = ctx->rip;
	take_head(&e, hit);
	send_news(&e);
}

/* Tells whether the begin of a process counts. Counts the others of the file. After an exec, the probes of
 * two generations may stand, and the hit of the former ones does not count. */
static __always_inline bool begin_counts(struct pt_regs *ctx, struct hit *ret)
{
	if (probe_get(ctx, ret))
		return true;
	if (use_tree && !in_tree(ret))
		add(strangers, 1);
	return false;
}

/* Notes that a traced process begins, for the first time or because it has executed itself. No
 * collection runs at that moment. */
SEC("uprobe")
int on_begin(struct pt_regs *ctx)
{
	struct hit hit;

	no_private_stack(ctx);
	if (!begin_counts(ctx, &hit))
		return 0;
	if (is_watched(&hit)) {
		gc_phase = 0;
		gc_changes = 1;
		add(starts, 1);
	}
	forget_pendings();
	send_start(ctx, &hit);
	return 0;
}

SEC("uprobe")
int on_start(struct pt_regs *ctx)
{
	struct hit hit;

	no_private_stack(ctx);
	if (!begin_counts(ctx, &hit))
		return 0;
	forget_pendings();
	send_start(ctx, &hit);
	return 0;
}

/* Runs when the dynamic linker begins or ends to map files (engine_watch_loads()). */
SEC("uprobe")
int on_load(struct pt_regs *ctx)
{
	struct wire_event e = {.kind = WIRE_LOAD};
	struct hit hit = {.pid_tid = bpf_get_current_pid_tgid()};

	no_private_stack(ctx);
	if (mode == WIRE_STOPPED)
		return 0;
	take_head(&e, &hit);
	bpf_ringbuf_output(&events, &e, sizeof(e), BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* Tells whether the reader is told of an exec. `other`: it was by another thread than the first. */
static __always_inline bool exec_counts(const struct hit *hit, uint32_t pid, bool other)
{
	if (use_group)
		return in_tree(hit);
	if (watched ? pid == watched : bpf_map_lookup_elem(&chosen, &pid) != NULL)
		return true;
	return use_tree && (other || tree_execs) && in_tree(hit);
}

/* Runs when any process has executed a program. If it is a traced process, the reader is told,
 * with the name of the program. The reader has a few milliseconds until the program's main function
 * begins. If the exec was not by the main thread, probes in this process alone do not fire any more. */
SEC("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct wire_event e = {.kind = WIRE_EXEC};
	struct hit hit = {.pid_tid = bpf_get_current_pid_tgid()};
	/* The second argument is the id that the thread had before. */
	bool other = (uint32_t)ctx->args[1] != hit.pid_tid >> 32;

	take_head(&e, &hit);
	if (mode == WIRE_STOPPED || !exec_counts(&hit, e.pid, other))
		return 0;
	if (other)
		e.tid = 0;
	forget_pendings();
	bpf_get_current_comm(e.key, WIRE_COMM);
	send_news(&e);
	return 0;
}

/* ---- moves between control groups, and between users ---- */

/* Moves of processes come in bursts: one for each hierarchy, and for each process of a container. The
 * reader looks again a moment after each record, and this many nanoseconds need no further one. */
#define MOVE_NS 1000000

static __always_inline void send_move(void)
{
	struct wire_event e = {.kind = WIRE_MOVE};

	e.time_ns = bpf_ktime_get_ns();
	if (e.time_ns < moved_ns + MOVE_NS)
		return;
	moved_ns = e.time_ns;
	bpf_ringbuf_output(&events, &e, sizeof(e), BPF_RB_FORCE_WAKEUP);
}

/* Runs when a process was moved to another control group. */
SEC("raw_tp/cgroup_attach_task")
int on_move(struct bpf_raw_tracepoint_args *ctx)
{
	(void)ctx;
	if (mode != WIRE_STOPPED)
		send_move();
	return 0;
}

/* Runs before a process gets other credentials: it becomes that of another user, or executes a program. */
SEC("kprobe")
int on_user(struct pt_regs *ctx)
{
	if (mode != WIRE_STOPPED && !is_of_user() && has_user(ctx->rdi))
		send_move();
	return 0;
}

/* Tells whether the path is that of the group, or below it. */
static __always_inline bool is_in_v1(const char *path)
{
	for (uint32_t i = 0; i < WIRE_CGROUP_MAX - 1; i++) {
		if (i == v1_len)
			return !path[i] || path[i] == '/';
		if (path[i] != v1_path[i])
			return false;
	}
	return false;
}

/* Reads the number of a control group's hierarchy. Returns -1 when it cannot be read. */
static __always_inline uint32_t hierarchy_of(uint64_t cgroup)
{
	uint64_t root;
	uint32_t number;

	if (bpf_probe_read_kernel(&root, sizeof(root), (void *)(cgroup + v1_root_at)) ||
	    bpf_probe_read_kernel(&number, sizeof(number), (void *)(root + v1_number_at)))
		return -1;
	return number;
}

/* Keeps the map `tree` in step with a control group of v1. */
SEC("raw_tp/cgroup_attach_task")
int on_move_v1(struct bpf_raw_tracepoint_args *ctx)
{
	uint64_t now = bpf_ktime_get_ns();
	char path[WIRE_CGROUP_MAX] = {};
	uint32_t pid;

	if (mode == WIRE_STOPPED || hierarchy_of(ctx->args[0]) != v1_hierarchy ||
	    bpf_probe_read_kernel(&pid, sizeof(pid), (void *)(ctx->args[2] + v1_tgid_at)))
		return 0;
	bpf_probe_read_kernel_str(path, sizeof(path), (void *)ctx->args[1]);
	if (is_in_v1(path))
		bpf_map_update_elem(&tree, &pid, &now, BPF_NOEXIST);
	else
		bpf_map_delete_elem(&tree, &pid);
	send_move();
	return 0;
}

#endif
