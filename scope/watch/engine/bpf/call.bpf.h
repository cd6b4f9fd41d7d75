// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Takes the arguments of a delete or clear out of the frame, or out of registers. */
#ifndef WATCH_ENGINE_BPF_CALL_BPF_H
#define WATCH_ENGINE_BPF_CALL_BPF_H

enum outcome { SENT, FILTERED, SAMPLED, SLOW, INNER /* not a hit: is_sync_inner() */ };

/* Counts a filtered hit if --type filtered it because its map type is a shape. */
static __always_inline void count_shape(struct wire_counters *c, const struct wire_plan *plan)
{
	if (plan && plan->skip == WIRE_SKIP_SHAPE)
		add(c->filtered_shapes, 1);
}

/* Takes the arguments out of the frame of the probed function. `window` holds the words of that
 * frame from probe->window on. */
static __always_inline void take_frame(struct call *call, struct pt_regs *ctx,
				       const struct wire_probe *probe, const uint64_t *window)
{
	call->type = window[probe->type_word & (WIRE_WINDOW - 1)];
	call->map = window[probe->map_word & (WIRE_WINDOW - 1)];
	call->key0 = window[probe->key_word & (WIRE_WINDOW - 1)];
	call->key1 = window[(probe->key_word & (WIRE_WINDOW - 1)) + 1];
	call->key_arg = probe->key_arg;
	call->bias = ctx->rip - probe->addr;
}

/* Drops the pending delete of a goroutine of this process. It is global, because its callers have no stack
 * to spare. */
__noinline int pending_drop(uint64_t g)
{
	struct pending_key key = {.g = g, .pid = bpf_get_current_pid_tgid() >> 32};

	return bpf_map_delete_elem(&pendings, &key);
}

enum owner { OWNER_UNKNOWN, OWNER_MAP, OWNER_SYNC };

/* Tells whether the pending delete of a goroutine of this process is that of a map or of a sync.Map. */
__noinline int pending_owner(uint64_t g)
{
	struct pending_key key = {.g = g, .pid = bpf_get_current_pid_tgid() >> 32};
	struct pending *pending = bpf_map_lookup_elem(&pendings, &key);

	if (!pending)
		return OWNER_UNKNOWN;
	return pending->sync ? OWNER_SYNC : OWNER_MAP;
}

/* Drops the pending delete of this goroutine, which is then no miss. */
static __always_inline void drop_pending(struct pt_regs *ctx)
{
	if (use_misses)
		pending_drop(ctx->r14);
}

static __always_inline void take_call(struct wire_event *e, struct pt_regs *ctx,
				      const struct call *call)
{
	e->type = call->type;
	e->map = call->map;
	e->ip = ctx->rip;
	e->kind = WIRE_DELETE;
	e->flags = WIRE_REMOVED;
}

/* Tells of an event that its call could not be read. Its key is no longer looked for. */
static __always_inline void lose_call(struct wire_event *e, struct call *call)
{
	e->unread |= WIRE_UNREAD_CALL;
	e->key_error = WIRE_KEY_FAULT;
	call->key_arg = WIRE_ARG_NONE;
}

/* Reads only the window, into the record's header and the words after it (send.bpf.h). Takes the arguments
 * out of it. */
static __always_inline void take_window(struct wire_event *e, struct pt_regs *ctx,
					const struct wire_probe *probe, struct call *call)
{
	uint32_t words = probe->words;
	bool unread;

	bound(words, WIRE_WINDOW);
	unread = bpf_probe_read_user(e->header, words * 8, (void *)(ctx->rbp + probe->window));
	take_frame(call, ctx, probe, e->header);
	if (unread)
		lose_call(e, call);
}

/* Makes the first copy: n bytes that hold the arguments, and perhaps the frame and those of its
 * callers. The end of the stack is not known yet, and a page after it may never have been touched.
 * The copy therefore ends with its page, if that leaves room for the arguments. Nothing uses bytes
 * that were read after the end of the stack. */
static __always_inline bool copy_first(struct pt_regs *ctx, const struct wire_probe *probe,
				       struct stack_copy *copy, uint64_t n)
{
	uint64_t base = ctx->rbp + probe->window;
	uint64_t page = 4096 - (base & 4095);

	if (page >= WIRE_WINDOW * 8 + 8 && page < n)
		n = page;
	return stack_copy_fill(copy, base, base + n);
}

/* Takes the arguments of an entry or a clear out of Go's argument registers: (type, map) or (map,
 * type). The barrier keeps the compiler from choosing between addresses in ctx, which the verifier
 * would refuse. */
static __always_inline void take_registers(struct wire_event *e, struct pt_regs *ctx,
					   const struct wire_probe *probe, struct call *call)
{
	uint64_t rax = ctx->rax;
	uint64_t rbx = ctx->rbx;

	asm volatile("" : "+r"(rax), "+r"(rbx));
	call->map = e->map = probe->map_first ? rax : rbx;
	call->type = e->type = probe->map_first ? rbx : rax;
	e->ip = ctx->rip;
	call->key0 = ctx->rcx;
	call->key1 = ctx->rdi;
	call->key_arg = probe->key_arg;
	call->bias = ctx->rip - probe->addr;
}

/* Takes the map of a method of sync.Map, and where its key is. */
static __always_inline void take_sync_slots(struct wire_event *e, struct pt_regs *ctx,
					    const struct wire_probe *probe, struct call *call)
{
	e->map = ctx->rax;
	if (!probe->map_first &&
	    bpf_probe_read_user(&e->map, 8, (void *)(ctx->rbp + probe->map_slot)))
		e->unread |= WIRE_UNREAD_CALL;
	call->map = e->map;
	call->key0 = ctx->rbp + probe->key_slot;
	call->key_arg = probe->key_arg;
}

/* Tells whether the filter on maps lets an event pass. A map that could not be read passes. */
static __always_inline bool map_passes(const struct wire_event *e)
{
	return !filter_map || e->map == filter_map || e->unread & WIRE_UNREAD_CALL;
}

/* Decides all filters, and reads the goroutine, because the bounds of its stack are needed in any
 * case. It is for programs without a copy of the stack. `plan` is as in key_passes(). */
static __always_inline bool passes_slow(struct wire_event *e, struct pt_regs *ctx,
					const struct call *call, const struct wire_plan *plan,
					struct frame_walk *walk)
{
	bool wanted = take_goroutine_slow(e, ctx->r14, walk);

	return wanted && map_passes(e) && key_passes((uint64_t *)e->key, call, plan, NULL);
}

#endif
