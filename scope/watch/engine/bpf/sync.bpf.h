// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Removals and clears of sync.Maps, which on_other handles. read/place/sync.c tells where their probes
 * are. */
#ifndef WATCH_ENGINE_BPF_SYNC_BPF_H
#define WATCH_ENGINE_BPF_SYNC_BPF_H

/* Takes the key out of the entry that the call will take out of its slot: StorePointer(slot, next). If
 * `next` is the entry itself, another one of its chain leaves, and nobody knows which. */
static __always_inline void take_entry(struct wire_event *e, struct pt_regs *ctx,
				       const struct wire_probe *probe, struct call *call)
{
	uint64_t entry = 0;

	if (bpf_probe_read_user(&entry, 8, (void *)ctx->rax)) {
		e->key_error = WIRE_KEY_FAULT;
		return;
	}
	if (!entry || entry == ctx->rbx) {
		e->key_error = WIRE_KEY_NO_FRAME;
		return;
	}
	call->key0 = entry + probe->entry_key;
	call->key_arg = probe->key_arg;
}

/* Takes the arguments out of the frame. The slots may be in the frame of the caller. They are then
 * used only if it is the caller that they were found for. */
static __always_inline void take_sync(struct wire_event *e, struct pt_regs *ctx,
				      const struct wire_probe *probe, struct call *call)
{
	uint64_t back = 0;

	call->bias = ctx->rip - probe->addr;
	call->type = e->type = sync_map + call->bias;
	e->ip = ctx->rip;
	e->kind = probe->key_arg == WIRE_ARG_NONE ? WIRE_CLEAR : WIRE_DELETE;
	e->flags = WIRE_REMOVED;
	if (probe->entry_key) {
		take_entry(e, ctx, probe, call);
		return;
	}
	if (probe->caller && bpf_probe_read_user(&back, 8, (void *)(ctx->rbp + 8))) {
		lose_call(e, call);
		return;
	}
	if (probe->caller && back - call->bias != probe->caller) {
		e->key_error = WIRE_KEY_NO_FRAME;
		return;
	}
	take_sync_slots(e, ctx, probe, call);
}

static __always_inline void count_sync(const struct wire_probe *probe, struct wire_counters *c)
{
	if (probe->key_arg == WIRE_ARG_NONE) {
		add(c->other_hits, 1);
		add(c->clears_unknown, 1);
	} else {
		add(c->removed, 1);
	}
}

#endif
