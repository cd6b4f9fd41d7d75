// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Programs of --misses.
 *
 * A delete is a miss when it ends without having passed the removal probe. The program at its entry
 * keeps the delete's data in `pendings`, by goroutine. A removal drops them. A return or a panic
 * makes a miss of them. Entries nest (runtime.mapdelete_fast64 calls (*Map).Delete), and only the
 * outermost one counts. */
#ifndef WATCH_ENGINE_BPF_MISSES_BPF_H
#define WATCH_ENGINE_BPF_MISSES_BPF_H

/* Drops a pending delete if it belongs to this process. It is a callback of
 * bpf_for_each_map_elem(). */
static long forget_pending(void *map, const void *key_, void *pending, void *pid)
{
	const struct pending_key *key = key_;

	(void)pending;
	if (key->pid == *(const uint64_t *)pid)
		bpf_map_delete_elem(map, key);
	return 0;
}

/* Drops the pending deletes of this process. It has just executed a program, and none of them
 * belongs to that program. The new program has goroutines at the same addresses, and a pending
 * delete would hide all deletes of its goroutine. */
static __always_inline void forget_pendings(void)
{
	uint64_t pid = bpf_get_current_pid_tgid() >> 32;

	if (use_misses)
		bpf_for_each_map_elem(&pendings, forget_pending, &pid, 0);
}

/* Takes the arguments of a method of sync.Map. The key is read when the method returns. */
static __always_inline void take_sync_entry(struct wire_event *e, struct pt_regs *ctx,
					    const struct wire_probe *probe, struct call *call)
{
	call->bias = ctx->rip - probe->addr;
	call->type = e->type = sync_map + call->bias;
	take_sync_slots(e, ctx, probe, call);
	e->ip = ctx->rip;
}

/* Returns how far below the top of its stack a frame of goroutine g is, or 0 when that cannot be read. */
static __always_inline uint64_t depth_of(uint64_t g, uint64_t frame)
{
	uint64_t bounds[2];

	return bpf_probe_read_user(bounds, sizeof(bounds), (void *)g) ? 0 : bounds[1] - frame;
}

/* Entries nest within so many bytes of stack. Deeper ones cost a read. */
#define NESTED_BYTES 4096

/* Tells whether an entry is part of the pending delete of its goroutine. Only if the stack may have moved
 * meanwhile, the goroutine is read. */
static __always_inline bool is_nested(const struct pending *pending, uint64_t g, uint64_t frame)
{
	return pending->frame_addr - frame - 1 < NESTED_BYTES ||
	       (pending->frame && depth_of(g, frame) > pending->frame);
}

/* Drops the pending delete whose end no program has seen: an exit that could not read the goroutine. It
 * counts as a lost hit. It would hide all later misses of its goroutine. */
static __always_inline void lose_pending(struct pending_key *key, struct wire_counters *c)
{
	bpf_map_delete_elem(&pendings, key);
	add(c->other_hits, 1);
	add(c->lost_internal, 1);
}

SEC("uprobe")
int on_entry(struct pt_regs *ctx)
{
	struct pending pending = {};
	struct wire_event *e = &pending.event;
	struct pending_key key = {.g = ctx->r14};
	struct wire_plan unknown = {};
	struct wire_plan *plan = NULL;
	struct frame_walk walk = {};
	struct call call = {};
	struct wire_counters *c;
	struct wire_probe *probe;
	struct pending *former;
	struct hit hit;

	no_private_stack(ctx);
	if (!is_running())
		return 0;
	c = counters_get();
	probe = probe_get(ctx, &hit);
	if (!c || !probe)
		return 0;
	key.pid = hit.pid_tid >> 32;
	pending.frame_addr = probe->at_push ? ctx->rsp - 8 : ctx->rbp;
	former = bpf_map_lookup_elem(&pendings, &key);
	if (former && is_nested(former, ctx->r14, pending.frame_addr))
		return 0;
	if (former)
		lose_pending(&key, c);
	if (probe->sync)
		take_sync_entry(e, ctx, probe, &call);
	else
		take_registers(e, ctx, probe, &call);
	if (is_sync_inner_anywhere(&call))
		return 0;
	e->kind = WIRE_DELETE;
	e->probe = hit.probe;
	if (needs_type(&call))
		plan = plan_of(&call);
	if (!plan && call.key_arg == WIRE_ARG_POINTER)
		plan = plan_unknown(e->header, &call, &unknown);
	pending.filtered = !passes_slow(e, ctx, &call, plan, &walk);
	pending.shape = plan && plan->skip == WIRE_SKIP_SHAPE;
	pending.sampled =
		!pending.filtered && sample_leaves(ctx, (uint64_t *)e->key, &call, plan, NULL);
	if (!pending.sampled)
		take_key(e, &call, plan, NULL);
	pending.func = WIRE_PROBE(WIRE_PROBE_MODULE(hit.probe), probe->func);
	pending.key_arg = call.key_arg;
	pending.sync = probe->sync;
	pending.root = call.root;
	pending.frame = walk.hi ? walk.hi - pending.frame_addr : 0;
	pending.key_addr = call.key0;
	pending.key_on_stack = call.key0 >= walk.lo && call.key0 < walk.hi;
	if (bpf_map_update_elem(&pendings, &key, &pending, BPF_NOEXIST)) {
		/* Whether it becomes a miss will not be known. Therefore it counts as a lost
		 * hit. */
		add(c->other_hits, 1);
		add(c->lost_pending, 1);
	}
	return 0;
}

/* `bias` is that of this module, which need not be the one of the delete. */
static __always_inline void send_miss(struct pt_regs *ctx, struct pending_key *key,
				      const struct pending *pending, uint64_t bias)
{
	struct wire_event event = {};
	struct wire_event *e = &event;
	struct frame_walk walk = {};
	struct call call = {};
	struct wire_counters *c = counters_get();
	struct hit hit = {bpf_get_current_pid_tgid(), pending->event.probe};

	if (!c)
		return;
	add(c->other_hits, 1);
	add(c->misses, 1);
	if (pending->filtered || pending->sampled) {
		add(c->filtered, pending->filtered);
		add(c->sampled, pending->sampled);
		add(c->filtered_shapes, pending->shape);
		bpf_map_delete_elem(&pendings, key);
		return;
	}
	__builtin_memcpy(e, &pending->event, sizeof(*e));
	take_goroutine_slow(e, ctx->r14, &walk);
	walk.fp = walk.hi && pending->frame ? walk.hi - pending->frame : pending->frame_addr;
	call.key0 = pending->key_addr;
	if (pending->key_on_stack)
		call.key0 += walk.fp - pending->frame_addr;
	call.key_arg = pending->key_arg;
	call.root = pending->root;
	call.bias = bias;
	bpf_map_delete_elem(&pendings, key);
	if (!count_event(e, &hit, &call, &walk, 0))
		send_slow(e, &hit, &call, &walk, c, true);
}

/* Makes a miss of the pending delete of this goroutine. on_exit and on_panic end here. */
SEC("uprobe")
int on_miss(struct pt_regs *ctx)
{
	struct pending_key key = {.g = ctx->r14, .pid = bpf_get_current_pid_tgid() >> 32};
	struct pending *pending = bpf_map_lookup_elem(&pendings, &key);
	struct hit hit;
	struct wire_probe *probe = probe_of(bpf_get_attach_cookie(ctx), &hit);

	no_private_stack(ctx);
	if (pending && probe)
		send_miss(ctx, &key, pending, ctx->rip - probe->addr);
	return 0;
}

/* Goes on in on_miss. If it returns, the miss is lost. */
static __always_inline void go_to_miss(struct pt_regs *ctx, struct pending_key *key)
{
	struct wire_counters *c = counters_get();

	bpf_tail_call(ctx, &slow_paths, WIRE_PATH_MISS);
	bpf_map_delete_elem(&pendings, key);
	if (!c)
		return;
	add(c->other_hits, 1);
	add(c->lost_internal, 1);
}

SEC("uprobe")
int on_exit(struct pt_regs *ctx)
{
	struct pending_key key = {.g = ctx->r14, .pid = bpf_get_current_pid_tgid() >> 32};
	struct pending *pending = bpf_map_lookup_elem(&pendings, &key);
	struct wire_probe *probe;
	uint64_t frame;
	struct hit hit;

	if (!is_running() || !pending)
		return 0;
	probe = probe_get(ctx, &hit);
	/* At a return, the stack pointer is one word above the place where the frame pointer
	 * was. */
	frame = ctx->rsp - 8;
	if (!probe || WIRE_PROBE(WIRE_PROBE_MODULE(hit.probe), probe->func) != pending->func)
		return 0;
	if (frame != pending->frame_addr &&
	    (!pending->frame || depth_of(ctx->r14, frame) != pending->frame))
		return 0;
	go_to_miss(ctx, &key);
	return 0;
}

SEC("uprobe")
int on_panic(struct pt_regs *ctx)
{
	struct pending_key key = {.g = ctx->r14, .pid = bpf_get_current_pid_tgid() >> 32};
	struct pending *pending = bpf_map_lookup_elem(&pendings, &key);

	if (!is_running() || !pending)
		return 0;
	pending->event.flags |= WIRE_PANICKED;
	go_to_miss(ctx, &key);
	return 0;
}

#endif
