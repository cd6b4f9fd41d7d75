// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* The kernel half of `tophash trace`. It has one program for each role (read/place/place.h, enum
 * spot_role).
 *
 *   maps.bpf.h      configuration, maps, counters
 *   walk.bpf.h      the goroutine and its stack
 *   key.bpf.h       types; filters and reads keys
 *   sample.bpf.h    the sample of --max-overhead
 *   send.bpf.h      records
 *   call.bpf.h      the arguments of a delete or clear
 *   row.bpf.h       the table of rows in which hits are counted
 *   known.bpf.h     recognises the stack of such a hit
 *   count.bpf.h     counts hits without a record
 *   misses.bpf.h    the programs of --misses
 *   sync.bpf.h      the program for sync.Map
 *   step.bpf.h      the programs of maps --watch
 *   process.bpf.h   the programs for the start and execs of a process
 *
 * All code here follows these rules:
 *  - A program may be preempted, and another thread may run it on the same CPU; only migration is off.
 *    Therefore a record is built on the BPF stack or in the ring, counters are added atomically, and a
 *    program must claim the only piece of per-CPU memory (struct stack_copy). From Linux 6.13 on, the
 *    BPF stack itself may be per-CPU memory ("private stack"). A program that has a tail call gets no
 *    private stack. Each program has one for that reason.
 *  - Nothing wakes the reader, because a wake-up costs more than the probe. The reader drains the ring
 *    on a timer.
 *  - bpf_probe_read_user() costs about 125 ns, whatever its size. One read of the stack gets the
 *    arguments and the frames, a second one the map header (48 bytes), a third one the goroutine.
 *  - Cheap filters come first. A filtered hit costs one or two reads more than an empty program.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>

#include "watch/engine/wire.h"
#include "watch/engine/bpf/maps.bpf.h"
#include "watch/engine/bpf/walk.bpf.h"
#include "watch/engine/bpf/key.bpf.h"
#include "watch/engine/bpf/sample.bpf.h"
#include "watch/engine/bpf/send.bpf.h"
#include "watch/engine/bpf/call.bpf.h"
#include "watch/engine/bpf/row.bpf.h"
#include "watch/engine/bpf/known.bpf.h"
#include "watch/engine/bpf/count.bpf.h"
#include "watch/engine/bpf/misses.bpf.h"
#include "watch/engine/bpf/sync.bpf.h"
#include "watch/engine/bpf/step.bpf.h"
#include "watch/engine/bpf/process.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ---- removals ---- */

/* Counts a hit of a removal probe by what became of it. Its pending delete is then no miss. An atomic
 * addition costs about 5 ns, and therefore most hits need only one. */
static __always_inline void count_outcome(struct pt_regs *ctx, struct wire_counters *c,
					  enum outcome outcome)
{
	if (outcome == INNER)
		return;
	drop_pending(ctx);
	if (outcome == FILTERED)
		add(c->removed_filtered, 1);
	else
		add(c->removed, 1);
	if (outcome == SAMPLED)
		add(c->sampled, 1);
}

/* Makes the next copy for the filter long enough for the key. The fast entries of Swiss maps pass a
 * key by the address of a stack slot, which is always at the same distance. The length only grows,
 * up to the size of a whole copy. */
static __always_inline void note_filter_bytes(struct wire_probe *probe, const struct call *call,
					      const struct stack_copy *copy)
{
	uint64_t end = call->key0 - copy->base + 16;

	if (end > probe->filter_bytes && end <= STACK_COPY)
		probe->filter_bytes = end;
}

/* Sends a hit that has passed the filters on map and key. */
static __always_inline enum outcome send_small(struct pt_regs *ctx, struct wire_probe *probe,
					       const struct hit *hit, const struct call *call,
					       const struct wire_plan *plan,
					       struct stack_copy *copy, struct wire_counters *c)
{
	struct small_record small = {};
	struct wire_event *e = &small.event;
	struct frame_walk walk = {};
	uint64_t n;

	take_call(e, ctx, call);
	take_key(e, call, plan, copy);
	if (wants_big(e) || (probe->deep && stack_max > WIRE_STACK_SMALL))
		return SLOW;
	if (!take_goroutine(e, e->header, ctx->r14, &walk))
		return FILTERED;
	if (!read_header(e))
		e->unread |= WIRE_UNREAD_HEADER;
	if (copy->len > walk.hi - copy->base) /* the first copy may end after the stack */
		copy->len = walk.hi - copy->base;
	walk.fp = ctx->rbp;
	walk_copies(small.stack, copy, &walk);
	if (walk_goes_on(&walk, copy) || copy->flags & STACK_UNREAD)
		return SLOW; /* which reads each frame alone */
	take_head(e, hit);
	take_gc(e, call->bias);
	e->flags |= walk.flags | copy->flags;
	n = copy->n;
	e->nstack = n;
	bound(n, WIRE_STACK_SMALL);
	if (bpf_ringbuf_output(&events, &small, sizeof(small.event) + n * 8, BPF_RB_NO_WAKEUP))
		add(c->lost_ring, 1);
	return SENT;
}

/* Handles a removal with the copy of the stack. Most hits end in the filters here, before anything
 * is zeroed, and before anything but the arguments is read. */
static __always_inline enum outcome removal(struct pt_regs *ctx, struct wire_probe *probe,
					    const struct hit *hit, struct stack_copy *copy,
					    struct wire_counters *c)
{
	struct wire_plan *plan = NULL;
	struct call call = {};

	if (!copy_first(ctx, probe, copy, use_filters ? probe->filter_bytes : STACK_COPY))
		return SLOW;
	take_frame(&call, ctx, probe, copy->words);
	if (is_sync_inner(&call))
		return INNER;
	if (filter_map && call.map != filter_map)
		return FILTERED;
	if (needs_type(&call)) {
		plan = plan_here(&call);
		if (!plan && call.key_arg == WIRE_ARG_POINTER)
			return SLOW;
	}
	if (use_filters || sample_by == WIRE_SAMPLE_KEY) {
		uint64_t chunk[WIRE_KEY_INLINE / 8] = {};

		if (call.key_arg == WIRE_ARG_POINTER)
			note_filter_bytes(probe, &call, copy);
		if (!key_passes(chunk, &call, plan, copy)) {
			count_shape(c, plan);
			return FILTERED;
		}
		if (sample_leaves(ctx, chunk, &call, plan, copy))
			return SAMPLED;
	}
	return send_small(ctx, probe, hit, &call, plan, copy, c);
}

/* Handles a hit of a removal probe. `counted` says to count it instead of sending a record. A
 * program that finds the copy of the stack taken takes the slow path. */
static __always_inline int on_removed(struct pt_regs *ctx, bool counted)
{
	enum outcome outcome = SLOW;
	struct stack_copy *copy;
	struct wire_counters *c;
	struct wire_probe *probe;
	struct hit hit;

	if (!is_running())
		return 0;
	c = counters_get();
	probe = probe_get(ctx, &hit);
	copy = stack_copy_get();
	if (!c || !probe || !copy)
		return 0;
	if (sample_by == WIRE_SAMPLE_GOROUTINE && !use_filters &&
	    sample_leaves_goroutine(ctx->r14)) {
		outcome = SAMPLED;
	} else if (stack_copy_take(copy)) {
		outcome = counted ? count_removal(ctx, probe, &hit, copy, c)
				  : removal(ctx, probe, &hit, copy, c);
		stack_copy_give(copy);
	}
	if (outcome == SLOW) {
		bpf_tail_call(ctx, &slow_paths, WIRE_PATH_REMOVAL);
		add(c->lost_internal, 1);
	}
	count_outcome(ctx, c, outcome);
	return 0;
}

SEC("uprobe")
int on_removal(struct pt_regs *ctx)
{
	return on_removed(ctx, false);
}

SEC("uprobe")
int on_removal_count(struct pt_regs *ctx)
{
	return on_removed(ctx, true);
}

/* ---- all other hits ---- */

/* A hit of on_other, on its stack. */
struct other_hit {
	struct wire_event event;
	struct frame_walk walk; /* begins as room for the argument window, after event.header */
	struct call call;
};
_Static_assert(6 * 8 + sizeof(struct frame_walk) >= (WIRE_WINDOW + 1) * 8, "the window must fit");

/* Tells whether a removal whose call could not be read counts, in a program that has sync.Maps of two maps.
 * Their removals come from the generic entry alone, as those of other maps with interface keys do. With
 * --misses, the pending delete tells which of them it is. Otherwise nobody knows, and it is lost: as an event
 * it might be the second one of a removal from a sync.Map. */
static __always_inline bool counts_unread(struct pt_regs *ctx, const struct wire_probe *probe,
					  struct wire_counters *c)
{
	int owner;

	if (!sync_inner || probe->key_arg != WIRE_ARG_POINTER)
		return true;
	owner = use_misses ? pending_owner(ctx->r14) : OWNER_UNKNOWN;
	if (owner == OWNER_UNKNOWN) {
		add(c->other_hits, 1);
		add(c->lost_internal, 1);
	}
	return owner == OWNER_MAP;
}

/* Takes a removal that on_removal has left. Returns false if it is no hit. */
static __always_inline bool take_removal(struct other_hit *other, struct pt_regs *ctx,
					 const struct wire_probe *probe, struct wire_counters *c)
{
	struct wire_event *e = &other->event;

	take_window(e, ctx, probe, &other->call);
	if (e->unread && !counts_unread(ctx, probe, c))
		return false;
	if (!e->unread && is_sync_inner_anywhere(&other->call))
		return false;
	take_call(e, ctx, &other->call);
	other->walk = (struct frame_walk){};
	other->call.removal = 1;
	return true;
}

/* Takes a clear, and counts it. Returns false if it is no hit. */
static __always_inline bool take_clear(struct other_hit *other, struct pt_regs *ctx,
				       const struct wire_probe *probe, struct wire_counters *c)
{
	struct wire_event *e = &other->event;
	uint64_t len;

	take_registers(e, ctx, probe, &other->call);
	if (is_sync_inner_anywhere(&other->call))
		return false;
	other->call.key0 = 0;
	if (e->map && bpf_probe_read_user(&other->call.key0, 8, (void *)e->map))
		e->unread = WIRE_UNREAD_HEADER;
	len = other->call.key0;
	if (!len && !use_misses && !e->unread)
		return false;
	add(c->other_hits, 1);
	add(c->cleared, len);
	add(c->clears_unknown, !!e->unread);
	add(c->misses, !len && !e->unread);
	e->kind = WIRE_CLEAR;
	e->flags = len || e->unread ? WIRE_REMOVED : 0;
	return true;
}

/* Takes a removal from a sync.Map, or its clear, and counts it. Returns false if nothing has left. */
static __always_inline bool take_sync_hit(struct other_hit *other, struct pt_regs *ctx,
					  const struct wire_probe *probe, struct wire_counters *c)
{
	if (probe->if_swapped && !(ctx->rax & 0xff))
		return false;
	count_sync(probe, c);
	drop_pending(ctx);
	take_sync(&other->event, ctx, probe, &other->call);
	other->call.no_header = 1;
	return true;
}

/* Reads the goroutine of a hit. It is global: the verifier forgets what it knows of the hit, and checks
 * what follows once, not for each kind of hit. Returns 0 when the goroutine is filtered. */
__noinline int take_other_goroutine(struct other_hit *other, uint64_t g)
{
	return other && take_goroutine_slow(&other->event, g, &other->walk);
}

/* Returns the room for the plan of a hit: the last words of the map header, which is filled in at the end.
 * The words before them are scratch for others. */
static __always_inline struct wire_plan *plan_room(struct other_hit *other)
{
	return (struct wire_plan *)&other->event.header[3];
}
_Static_assert(sizeof(struct wire_plan) == 3 * 8, "the plan fits the rest of the header");

/* Copies the plan of a hit. A removal needs one for a key that is passed by pointer, also if `types` lacks
 * the map's type. */
static __always_inline void take_plan(struct other_hit *other)
{
	struct wire_event *e = &other->event;
	const struct wire_plan *plan;

	if (!needs_type(&other->call))
		return;
	plan = plan_of(&other->call);
	if (!plan && other->call.removal && other->call.key_arg == WIRE_ARG_POINTER) {
		*plan_room(other) = (struct wire_plan){};
		plan = plan_unknown(e->header, &other->call, plan_room(other));
		if (use_types) /* user space decides whether --type matches */
			e->flags |= WIRE_CHECK;
	}
	if (!plan)
		return;
	*plan_room(other) = *plan;
	other->call.has_plan = 1;
}

static __always_inline const struct wire_plan *plan_of_other(struct other_hit *other)
{
	return other->call.has_plan ? plan_room(other) : NULL;
}

/* Counts what became of a hit. Only a removal that on_removal has left was not counted before. */
static __always_inline void count_other(const struct other_hit *other, struct pt_regs *ctx,
					struct wire_counters *c, enum outcome outcome)
{
	if (other->call.removal)
		count_outcome(ctx, c, outcome);
	else if (outcome == FILTERED)
		add(c->filtered, 1);
	else if (outcome == SAMPLED)
		add(c->sampled, 1);
}

/* Tells what becomes of a hit whose goroutine passes. */
static __always_inline enum outcome decide_other(struct other_hit *other, struct pt_regs *ctx,
						 struct wire_counters *c)
{
	const struct wire_plan *plan = plan_of_other(other);
	struct wire_event *e = &other->event;

	if (!map_passes(e) || !key_passes((uint64_t *)e->key, &other->call, plan, NULL)) {
		count_shape(c, plan);
		return FILTERED;
	}
	return sample_leaves(ctx, (uint64_t *)e->key, &other->call, plan, NULL) ? SAMPLED : SENT;
}

/* Sends the record of a hit, or counts it in the table of --summary. Returns the number of frames. */
static __always_inline uint32_t send_other(struct other_hit *other, struct pt_regs *ctx,
					   struct wire_counters *c)
{
	const struct call *call = &other->call;
	struct wire_event *e = &other->event;
	/* Asked again, because no BPF stack is left to keep it. */
	struct hit hit = {bpf_get_current_pid_tgid(), e->probe};

	take_key(e, call, plan_of_other(other), NULL);
	other->walk.fp = ctx->rbp;
	if (!call->removal &&
	    count_event(e, &hit, call, &other->walk,
			e->kind == WIRE_CLEAR && !call->no_header ? call->key0 : 0))
		return 0;
	return send_slow(e, &hit, call, &other->walk, c, !call->no_header);
}

/* Takes a hit by the kind of its probe. Returns false if it is none. */
static __always_inline bool take_other(struct other_hit *other, struct pt_regs *ctx,
				       struct wire_probe *probe, struct wire_counters *c)
{
	struct hit hit;

	/* on_removed() has found that the hit counts. The generation of its probe may be old by now. */
	if (!probe->sync && probe->key_arg != WIRE_ARG_NONE)
		return take_removal(other, ctx, probe, c);
	if (!is_running() || !probe_get(ctx, &hit))
		return false;
	return probe->sync ? take_sync_hit(other, ctx, probe, c) : take_clear(other, ctx, probe, c);
}

/* Handles clears, removals from sync.Maps, and the removals that on_removal leaves: keys with parts,
 * types that the table lacks, deep stacks, and hits that found the copy of the stack in use. These are
 * one program, because the verifier takes long for what they have in common. */
SEC("uprobe")
int on_other(struct pt_regs *ctx)
{
	struct wire_counters *c = counters_get();
	struct other_hit other = {};
	enum outcome outcome = FILTERED;
	struct wire_probe *probe;
	struct hit hit;
	uint32_t n;

	no_private_stack(ctx);
	probe = probe_of(bpf_get_attach_cookie(ctx), &hit);
	if (!c || !probe || !take_other(&other, ctx, probe, c))
		return 0;
	other.event.probe = hit.probe;
	if (take_other_goroutine(&other, ctx->r14)) {
		take_plan(&other);
		outcome = decide_other(&other, ctx, c);
	}
	count_other(&other, ctx, c, outcome);
	if (outcome != SENT)
		return 0;
	n = send_other(&other, ctx, c);
	if (n > WIRE_STACK_SMALL)
		probe->deep = 8;
	else if (probe->deep)
		probe->deep--;
	return 0;
}

/* ---- calibration: an empty program, on a probe in a child of tophash ---- */

SEC("uprobe")
int on_nothing(struct pt_regs *ctx)
{
	no_private_stack(ctx);
	return 0;
}
