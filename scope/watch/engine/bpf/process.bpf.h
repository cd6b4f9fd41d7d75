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
static __always_inline void send_start(struct pt_regs *ctx, const struct hit *hit)
{
	struct wire_event e = {.kind = WIRE_START};

	e.ip = ctx->rip;
	take_head(&e, hit);
	bpf_ringbuf_output(&events, &e, sizeof(e), BPF_RB_FORCE_WAKEUP);
}

/* Notes that a traced process begins, for the first time or because it has executed itself. No
 * collection runs at that moment. */
SEC("uprobe")
int on_begin(struct pt_regs *ctx)
{
	struct hit hit;

	no_private_stack(ctx);
	if (!probe_get(ctx, &hit))
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
	/* After an exec, the probes of two generations may stand. */
	if (!probe_get(ctx, &hit))
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

/* Runs when any process has executed a program. If it is a traced process, the reader is told,
 * with the name of the program. The reader has a few milliseconds until the program's main function
 * begins. If the exec was not by the main thread, the probes do not fire any more. */
SEC("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct wire_event e = {.kind = WIRE_EXEC};
	struct hit hit = {.pid_tid = bpf_get_current_pid_tgid()};

	(void)ctx;
	take_head(&e, &hit);
	if (mode == WIRE_STOPPED ||
	    (watched ? e.pid != watched : !bpf_map_lookup_elem(&chosen, &e.pid)))
		return 0;
	forget_pendings();
	bpf_get_current_comm(e.key, WIRE_COMM);
	bpf_ringbuf_output(&events, &e, sizeof(e), BPF_RB_FORCE_WAKEUP);
	return 0;
}

#endif
