// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* The kernel half of `tophash trace`: one program a role (watch/place/place.h, enum spot_role).
 *
 * Rules that every line here obeys:
 *  - a program may be preempted and run again by another thread on the same CPU (only migration is
 *    off). So a record is built on the BPF stack or in the ring, counters are added atomically, and
 *    the one piece of per-CPU memory (struct stack_copy) is claimed. From Linux 6.13 on the BPF
 *    stack itself may be per-CPU memory ("private stack"); a program that has a tail call gets
 *    none, so each has one;
 *  - nothing wakes the reader: it drains the ring on a timer (a wake-up costs more than the probe);
 *  - bpf_probe_read_user() costs about 125 ns whatever its size: one read of the stack brings the
 *    arguments and the frames, one of 48 bytes the map header, one the goroutine;
 *  - cheap filters first; what is filtered has cost a read or two more than an empty program.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "watch/engine/wire.h"
#include "watch/engine/bpf/maps.bpf.h"
#include "watch/engine/bpf/walk.bpf.h"
#include "watch/engine/bpf/key.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The event's header and the stack words are one scratch area until they are filled in: first for
 * the argument window, then for the head of the goroutine descriptor. */
struct small_record {
	struct wire_event event;
	uint64_t stack[WIRE_STACK_SMALL];
};
_Static_assert(6 + WIRE_STACK_SMALL >= SCRATCH_WORDS, "the goroutine must fit the scratch area");

/* Where the stack goes straight into the ring: room for the argument window only. */
struct slow_record {
	struct wire_event event;
	uint64_t window_rest[WIRE_WINDOW + 1 - 6];
};
_Static_assert(offsetof(struct wire_event, header) + 48 == sizeof(struct wire_event), "last");

struct deep_record {
	struct wire_event event;
	uint64_t stack[];
};

struct big_record {
	struct wire_event event;
	struct wire_key key;
	uint64_t stack[];
};

/* Never true. Its tail call, though dropped by the verifier, keeps the private stack away. */
const volatile bool never = false;

static __always_inline void no_private_stack(struct pt_regs *ctx)
{
	if (never)
		bpf_tail_call(ctx, &slow_paths, 0);
}

static __always_inline struct wire_probe *probe_of(uint64_t cookie, uint32_t *index)
{
	*index = cookie & 0xffff;
	return bpf_map_lookup_elem(&probes, index);
}

/* The probe that was hit; NULL when it does not count any more. */
static __always_inline struct wire_probe *probe_get(struct pt_regs *ctx, uint32_t *index)
{
	uint64_t cookie = bpf_get_attach_cookie(ctx);

	return cookie >> 16 == generation ? probe_of(cookie, index) : NULL;
}

/* The process as struct wire_event.pid has it. */
static __always_inline uint32_t own_pid(void)
{
	struct bpf_pidns_info ns;

	if (pidns_ino && !bpf_get_ns_current_pid_tgid(pidns_dev, pidns_ino, &ns, sizeof(ns)))
		return ns.tgid;
	return bpf_get_current_pid_tgid() >> 32;
}

static __always_inline void take_head(struct wire_event *e, uint32_t index)
{
	uint64_t pid_tid = bpf_get_current_pid_tgid();

	e->time_ns = bpf_ktime_get_ns();
	e->pid = pid_tid >> 32;
	e->tid = (uint32_t)pid_tid;
	e->probe = index;
	if (pidns_ino) {
		struct bpf_pidns_info ns;

		/* Fails for a process of a namespace below ours: that one keeps the host's pid. */
		if (!bpf_get_ns_current_pid_tgid(pidns_dev, pidns_ino, &ns, sizeof(ns))) {
			e->pid = ns.tgid;
			e->tid = ns.pid;
		}
	}
}

static __always_inline void take_gc(struct wire_event *e, uint64_t bias)
{
	uint32_t phase;

	if (use_gc_probe) {
		uint32_t first = gc_first;

		if (gc_changes || first) {
			e->gc = gc_changes ? gc_phase : first - 1;
			return;
		}
	}
	if (!gcphase || bpf_probe_read_user(&phase, sizeof(phase), (void *)(gcphase + bias)))
		e->flags |= WIRE_GC_UNKNOWN;
	else
		e->gc = phase;
}

/* ---- the slow way: a record reserved at its greatest size ---- */

static __always_inline uint32_t walk_all(uint64_t *stack, struct walk *walk)
{
#pragma clang loop unroll(disable)
	for (uint32_t i = 0; i < WIRE_STACK_MAX; i++) {
		if (i >= stack_max) {
			walk->flags |= walk->fp ? WIRE_STACK_CUT : 0;
			break;
		}
		if (!walk_frame(walk))
			break;
		stack[i] = walk->pair[1];
	}
	return walk->n;
}

static __always_inline uint32_t send_big(const struct wire_event *e, const struct call *call,
					 struct walk *walk, struct wire_counters *c)
{
	struct big_record *big = bpf_ringbuf_reserve(&events, big_size, 0);
	uint32_t n;

	if (!big) {
		add(c->lost_ring, 1);
		return 0;
	}
	__builtin_memcpy(&big->event, e, sizeof(*e));
	take_segments(&big->key, e, call);
	n = walk_all(big->stack, walk);
	big->event.nstack = n;
	big->event.flags |= walk->flags | WIRE_BIG;
	bpf_ringbuf_submit(big, BPF_RB_NO_WAKEUP);
	return n;
}

static __always_inline uint32_t send_deep(const struct wire_event *e, struct walk *walk,
					  struct wire_counters *c)
{
	struct deep_record *deep = bpf_ringbuf_reserve(&events, deep_size, 0);
	uint32_t n;

	if (!deep) {
		add(c->lost_ring, 1);
		return 0;
	}
	__builtin_memcpy(&deep->event, e, sizeof(*e));
	n = walk_all(deep->stack, walk);
	deep->event.nstack = n;
	deep->event.flags |= walk->flags;
	bpf_ringbuf_submit(deep, BPF_RB_NO_WAKEUP);
	return n;
}

/* Completes the head of a record and sends it. Returns the number of frames. */
static __always_inline uint32_t send_slow(struct wire_event *e, uint32_t index,
					  const struct call *call, struct walk *walk,
					  struct wire_counters *c, bool keyed)
{
	__builtin_memset(e->header, 0, sizeof(e->header));
	if (e->map)
		bpf_probe_read_user(e->header, sizeof(e->header), (void *)e->map);
	take_head(e, index);
	take_gc(e, call->bias);
	return keyed && wants_big(e) ? send_big(e, call, walk, c) : send_deep(e, walk, c);
}

/* Counts a hit that was filtered. */
static __always_inline void count_shape(struct wire_counters *c, const struct wire_plan *plan)
{
	if (plan && plan->skip == WIRE_SKIP_SHAPE)
		add(c->filtered_shapes, 1);
}

/* ---- removals ---- */

/* Takes the arguments out of the frame of the function that the probe stands in; window: its words
 * from probe->window on. */
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

static __always_inline void take_call(struct wire_event *e, struct pt_regs *ctx,
				      const struct call *call)
{
	e->type = call->type;
	e->map = call->map;
	e->ip = ctx->rip;
	e->kind = WIRE_DELETE;
	e->flags = WIRE_REMOVED;
}

/* The window alone, into the record's header and what stands behind it: see the records above. */
static __always_inline uint64_t *read_window(struct wire_event *e, struct pt_regs *ctx,
					     const struct wire_probe *probe)
{
	uint32_t words = probe->words;

	bound(words, WIRE_WINDOW);
	if (bpf_probe_read_user(e->header, words * 8, (void *)(ctx->rbp + probe->window)))
		e->key_error = WIRE_KEY_FAULT;
	return e->header;
}

/* All that on_removal does not do: keys with parts, types it was not told of, deep stacks, a copy of
 * the stack that is in use. The hit is counted already. */
SEC("uprobe")
int on_removal_slow(struct pt_regs *ctx)
{
	struct slow_record slow = {};
	struct wire_event *e = &slow.event;
	struct wire_counters *c = counters_get();
	struct wire_plan unknown = {};
	struct wire_plan *plan = NULL;
	struct walk walk = {};
	struct call call = {};
	struct wire_probe *probe;
	uint32_t index, n;

	no_private_stack(ctx);
	/* (Of whatever generation: the hit is counted.) */
	probe = probe_of(bpf_get_attach_cookie(ctx), &index);
	if (!c || !probe)
		return 0;
	take_frame(&call, ctx, probe, read_window(e, ctx, probe));
	take_call(e, ctx, &call);
	if (needs_type(&call)) {
		plan = plan_of(&call);
		if (!plan && call.key_arg == WIRE_ARG_POINTER) {
			plan = plan_unknown(e->header, &call, &unknown);
			if (use_types) /* is it of the type that is looked for? user space knows */
				e->flags |= WIRE_CHECK;
		}
	}
	if ((filter_map && e->map != filter_map) ||
	    !key_passes((uint64_t *)e->key, &call, plan, NULL) ||
	    !take_goroutine_slow(e, ctx->r14, &walk)) {
		add(c->filtered, 1);
		count_shape(c, plan);
		return 0;
	}
	take_key(e, &call, plan, NULL);
	walk.fp = ctx->rbp;
	n = send_slow(e, index, &call, &walk, c, true);
	if (n > WIRE_STACK_SMALL)
		probe->deep = 8;
	else if (probe->deep)
		probe->deep--;
	return 0;
}

/* The first copy: n bytes with the arguments, and perhaps the frame and those of the callers. The end
 * of the stack is not known yet, and a page behind it may never have been touched. Therefore the copy
 * ends with its page if that leaves room for the arguments. Nothing looks at bytes that were read
 * behind the end of the stack. */
static __always_inline bool copy_first(struct pt_regs *ctx, const struct wire_probe *probe,
				       struct stack_copy *copy, uint64_t n)
{
	uint64_t base = ctx->rbp + probe->window;
	uint64_t page = 4096 - (base & 4095);

	if (page >= WIRE_WINDOW * 8 + 8 && page < n)
		n = page;
	return stack_copy_fill(copy, base, base + n);
}

/* The fast entries of Swiss maps pass a key by the address of a stack slot, always as far away: the
 * next copy for the filter is to hold it. (What else it held may do with less: it only grows, up to
 * a whole copy.) */
static __always_inline void note_filter_bytes(struct wire_probe *probe, const struct call *call,
					      const struct stack_copy *copy)
{
	uint64_t end = call->key0 - copy->base + 16;

	if (end > probe->filter_bytes && end <= STACK_COPY)
		probe->filter_bytes = end;
}

enum outcome { SENT, FILTERED, SLOW };

/* A hit that has passed the filters on map and key. */
static __always_inline enum outcome send_small(struct pt_regs *ctx, struct wire_probe *probe,
					       uint32_t index, const struct call *call,
					       const struct wire_plan *plan,
					       struct stack_copy *copy, struct wire_counters *c)
{
	struct small_record small = {};
	struct wire_event *e = &small.event;
	struct walk walk = {};
	uint64_t n;

	take_call(e, ctx, call);
	take_key(e, call, plan, copy);
	if (wants_big(e) || (probe->deep && stack_max > WIRE_STACK_SMALL))
		return SLOW;
	if (!take_goroutine(e, e->header, ctx->r14, &walk))
		return FILTERED;
	bpf_probe_read_user(e->header, sizeof(e->header), (void *)e->map);
	if (copy->len > walk.hi - copy->base) /* the first copy may have gone beyond the stack */
		copy->len = walk.hi - copy->base;
	walk.fp = ctx->rbp;
	if (!walk_copies(small.stack, copy, &walk))
		return SLOW;
	take_head(e, index);
	take_gc(e, call->bias);
	e->flags |= walk.flags;
	n = walk.n;
	e->nstack = n;
	bound(n, WIRE_STACK_SMALL);
	if (bpf_ringbuf_output(&events, &small, sizeof(small.event) + n * 8, BPF_RB_NO_WAKEUP))
		add(c->lost_ring, 1);
	return SENT;
}

/* Most hits end in the filters here, before anything is zeroed or read but the arguments. */
static __always_inline enum outcome removal(struct pt_regs *ctx, struct wire_probe *probe,
					    uint32_t index, struct stack_copy *copy,
					    struct wire_counters *c)
{
	struct wire_plan *plan = NULL;
	struct call call = {};

	if (!copy_first(ctx, probe, copy, use_filters ? probe->filter_bytes : STACK_COPY))
		return SLOW;
	take_frame(&call, ctx, probe, copy->words);
	if (filter_map && call.map != filter_map)
		return FILTERED;
	if (needs_type(&call)) {
		plan = plan_of(&call);
		if (!plan && call.key_arg == WIRE_ARG_POINTER)
			return SLOW;
	}
	if (use_filters) {
		uint64_t chunk[WIRE_KEY_INLINE / 8] = {};

		if (call.key_arg == WIRE_ARG_POINTER)
			note_filter_bytes(probe, &call, copy);
		if (!key_passes(chunk, &call, plan, copy)) {
			count_shape(c, plan);
			return FILTERED;
		}
	}
	return send_small(ctx, probe, index, &call, plan, copy, c);
}

/* Counts the hit. The delete that was under way is no miss. */
static __always_inline void count_removed(struct pt_regs *ctx, struct wire_counters *c)
{
	add(c->removed, 1);
	if (use_misses) {
		struct pending_key key = {.g = ctx->r14, .pid = bpf_get_current_pid_tgid() >> 32};

		bpf_map_delete_elem(&pendings, &key);
	}
}

SEC("uprobe")
int on_removal(struct pt_regs *ctx)
{
	enum outcome outcome = SLOW;
	struct stack_copy *copy;
	struct wire_counters *c;
	struct wire_probe *probe;
	uint32_t index;

	if (stopped)
		return 0;
	c = counters_get();
	probe = probe_get(ctx, &index);
	copy = stack_copy_get();
	if (!c || !probe || !copy)
		return 0;
	count_removed(ctx, c);
	if (__sync_fetch_and_add(&copy->users, 1) == 0)
		outcome = removal(ctx, probe, index, copy, c);
	add(copy->users, -1);
	if (outcome == SLOW) {
		bpf_tail_call(ctx, &slow_paths, 0);
		add(c->lost_internal, 1);
	}
	if (outcome == FILTERED)
		add(c->filtered, 1);
	return 0;
}

/* ---- removals that are only counted ----
 * A hit costs two reads, of the stack and of the goroutine. It finds its row in an array that is
 * used as an open-addressed table, because an array lookup is inlined and a row is compared faster
 * than a BPF hash map hashes its key. What cannot be counted goes the slow way, as a record. */

/* The key of a row; behind it, room for the head of the goroutine descriptor. */
struct count_scratch {
	struct wire_count_key key;
	uint64_t rest[SCRATCH_WORDS - WIRE_STACK_SMALL];
};

/* Notes that a goroutine has been seen in this row. Returns false when it must be noted elsewhere. */
static __always_inline bool count_goroutine(struct wire_count *row, uint64_t id)
{
	uint32_t at = id * 0x9e3779b97f4a7c15ull >> 57;

	if (!id)
		return false;
#pragma unroll
	for (int i = 0; i < WIRE_GOROUTINE_PROBES; i++) {
		uint64_t *slot = &row->goroutines[(at + i) & (WIRE_GOROUTINE_SLOTS - 1)];
		uint64_t seen = *slot;

		if (seen == id)
			return true;
		if (seen)
			continue;
		if (row->ngoroutines >= WIRE_GOROUTINES)
			return true;
		seen = __sync_val_compare_and_swap(slot, 0, id);
		if (!seen)
			add(row->ngoroutines, 1);
		if (!seen || seen == id)
			return true;
	}
	return row->ngoroutines >= WIRE_GOROUTINES;
}

/* (Unused frames are 0 in both.) */
static __always_inline bool keys_equal(const struct wire_count_key *a,
				       const struct wire_count_key *b)
{
	uint64_t differ = (a->type ^ b->type) | (a->ip ^ b->ip) | (a->nstack ^ b->nstack) |
			  (a->flags ^ b->flags) | (a->probe ^ b->probe);

#pragma unroll
	for (int i = 0; i < WIRE_STACK_SMALL; i++)
		differ |= a->stack[i] ^ b->stack[i];
	return !differ;
}

static __always_inline uint64_t key_hash(const struct wire_count_key *key)
{
	uint64_t hash = key->type ^ (key->ip + key->flags) * 0x9e3779b97f4a7c15ull;

#pragma unroll
	for (int i = 0; i < WIRE_STACK_SMALL; i++) {
		if (i >= key->nstack)
			break;
		hash = (hash ^ key->stack[i]) * 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 29;
	}
	return hash | 2; /* neither FREE nor MADE */
}

/* The row of a key, made if it is new; NULL: there is no room for it, or somebody makes a row here. */
static __always_inline struct wire_count *count_row(const struct wire_count_key *key)
{
	uint64_t hash = key_hash(key);

#pragma unroll
	for (int i = 0; i < WIRE_COUNT_PROBES; i++) {
		uint32_t at = ((hash >> 40) + i) & (WIRE_COUNT_ROWS - 1);
		struct wire_count *row = bpf_map_lookup_elem(&counts, &at);
		uint64_t state;

		if (!row)
			return NULL;
		state = *(volatile uint64_t *)&row->state;
		if (state == hash && keys_equal(&row->key, key))
			return row;
		if (state == WIRE_COUNT_MADE)
			return NULL;
		if (state != WIRE_COUNT_FREE)
			continue;
		if (__sync_val_compare_and_swap(&row->state, WIRE_COUNT_FREE, WIRE_COUNT_MADE))
			return NULL;
		row->key = *key;
		__sync_lock_test_and_set(&row->state, hash);
		return row;
	}
	return NULL;
}

/* The next copy is to hold all frames at once: those that a walk found reach up to its last one. The
 * length only grows, up to a whole copy. */
static __always_inline void note_copy_bytes(struct wire_probe *probe, uint64_t base,
					    const struct walk *walk)
{
	uint64_t end = walk->pair[0] + 16 - base;

	if (end > probe->copy_bytes && end <= STACK_COPY)
		probe->copy_bytes = end;
}

/* Fills in the key's place and frames. pair[0] of walk becomes the last frame's address. */
static __always_inline void take_count_key(struct wire_count_key *key, struct pt_regs *ctx,
					   uint32_t index, const struct call *call,
					   struct stack_copy *copy, struct walk *walk)
{
#pragma unroll
	for (int i = 0; i < WIRE_STACK_SMALL; i++)
		key->stack[i] = 0; /* the goroutine was read into them */
	if (copy->len > walk->hi - copy->base)
		copy->len = walk->hi - copy->base;
	walk->fp = ctx->rbp;
	walk_copies(key->stack, copy, walk);
	key->type = call->type;
	key->ip = ctx->rip;
	key->probe = index;
	key->flags = walk->flags;
	key->nstack = walk->n;
}

static __always_inline enum outcome count_removal(struct pt_regs *ctx, struct wire_probe *probe,
						  uint32_t index, struct stack_copy *copy,
						  struct wire_counters *c)
{
	uint64_t base = ctx->rbp + probe->window;
	struct count_scratch scratch = {};
	struct wire_plan *plan = NULL;
	struct wire_event e; /* only the three members that take_goroutine() uses */
	struct wire_count *row;
	struct walk walk = {};
	struct call call = {};

	if (!copy_first(ctx, probe, copy, probe->copy_bytes))
		return SLOW;
	take_frame(&call, ctx, probe, copy->words);
	if (call.type - call.bias - types_begin >= types_size) /* reflect made it */
		return SLOW;
	if (filter_map && call.map != filter_map)
		return FILTERED;
	if (use_types) {
		plan = plan_of(&call);
		if (!plan || plan->match == WIRE_MATCH_USER)
			return SLOW;
		if (!key_passes(scratch.key.stack, &call, plan, copy)) {
			count_shape(c, plan);
			return FILTERED;
		}
	}
	e.map = 0;
	e.flags = 0;
	if (!take_goroutine(&e, scratch.key.stack, ctx->r14, &walk))
		return FILTERED;
	take_count_key(&scratch.key, ctx, index, &call, copy, &walk);
	note_copy_bytes(probe, base, &walk);
	row = count_row(&scratch.key);
	if (!row || !count_goroutine(row, wire_goroutine(e.goid, own_pid())))
		return SLOW;
	add(row->hits, 1);
	return SENT;
}

SEC("uprobe")
int on_removal_count(struct pt_regs *ctx)
{
	enum outcome outcome = SLOW;
	struct stack_copy *copy;
	struct wire_counters *c;
	struct wire_probe *probe;
	uint32_t index;

	if (stopped)
		return 0;
	c = counters_get();
	probe = probe_get(ctx, &index);
	copy = stack_copy_get();
	if (!c || !probe || !copy)
		return 0;
	count_removed(ctx, c);
	if (__sync_fetch_and_add(&copy->users, 1) == 0)
		outcome = count_removal(ctx, probe, index, copy, c);
	add(copy->users, -1);
	if (outcome == SLOW) {
		bpf_tail_call(ctx, &slow_paths, 0);
		add(c->lost_internal, 1);
	}
	if (outcome == FILTERED)
		add(c->filtered, 1);
	return 0;
}

/* ---- clears ---- */

/* Entry and clear: (type, map) or (map, type) in Go's first two argument registers. The barrier
 * keeps the compiler from choosing between addresses in ctx, which the verifier refuses. */
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

SEC("uprobe")
int on_clear(struct pt_regs *ctx)
{
	struct wire_event event = {};
	struct wire_event *e = &event;
	struct wire_plan *plan = NULL;
	struct walk walk = {};
	struct call call = {};
	struct wire_counters *c;
	struct wire_probe *probe;
	uint64_t len = 0;
	uint32_t index;

	no_private_stack(ctx);
	if (stopped)
		return 0;
	c = counters_get();
	probe = probe_get(ctx, &index);
	if (!c || !probe)
		return 0;
	take_registers(e, ctx, probe, &call);
	if (e->map)
		bpf_probe_read_user(&len, sizeof(len), (void *)e->map);
	if (!len && !use_misses)
		return 0;
	add(c->other_hits, 1);
	add(c->cleared, len);
	add(c->misses, !len);
	e->kind = WIRE_CLEAR;
	e->flags = len ? WIRE_REMOVED : 0;
	if (use_types)
		plan = plan_of(&call);
	if ((filter_map && e->map != filter_map) ||
	    !key_passes((uint64_t *)e->key, &call, plan, NULL) ||
	    !take_goroutine_slow(e, ctx->r14, &walk)) {
		add(c->filtered, 1);
		count_shape(c, plan);
		return 0;
	}
	take_key(e, &call, plan, NULL);
	walk.fp = ctx->rbp;
	send_slow(e, index, &call, &walk, c, false);
	return 0;
}

/* ---- --misses ----
 * A delete is a miss when it ends without having passed the removal probe. What is known at its
 * entry waits in `pendings`, by goroutine, until the removal (then it is dropped), the return, or a
 * panic. Entries nest (runtime.mapdelete_fast64 calls (*Map).Delete): the outermost counts. */

SEC("uprobe")
int on_entry(struct pt_regs *ctx)
{
	struct pending pending = {};
	struct wire_event *e = &pending.event;
	struct pending_key key = {.g = ctx->r14, .pid = bpf_get_current_pid_tgid() >> 32};
	struct wire_plan unknown = {};
	struct wire_plan *plan = NULL;
	struct walk walk = {};
	struct call call = {};
	struct wire_counters *c;
	struct wire_probe *probe;
	uint32_t index;

	no_private_stack(ctx);
	if (stopped)
		return 0;
	c = counters_get();
	probe = probe_get(ctx, &index);
	if (!c || !probe || bpf_map_lookup_elem(&pendings, &key))
		return 0;
	take_registers(e, ctx, probe, &call);
	e->kind = WIRE_DELETE;
	e->probe = index;
	if (needs_type(&call))
		plan = plan_of(&call);
	if (!plan && call.key_arg == WIRE_ARG_POINTER)
		plan = plan_unknown(e->header, &call, &unknown);
	/* (In any case: the exit is told by the stack's bounds.) */
	pending.filtered = !take_goroutine_slow(e, ctx->r14, &walk) ||
			   (filter_map && e->map != filter_map) ||
			   !key_passes((uint64_t *)e->key, &call, plan, NULL);
	pending.shape = plan && plan->skip == WIRE_SKIP_SHAPE;
	take_key(e, &call, plan, NULL);
	pending.func = probe->func;
	pending.root = call.root;
	pending.frame = walk.hi - ctx->rbp;
	pending.key_addr = call.key0;
	if (call.key0 >= walk.lo && call.key0 < walk.hi) {
		pending.key_addr = walk.hi - call.key0;
		pending.key_on_stack = 1;
	}
	if (bpf_map_update_elem(&pendings, &key, &pending, BPF_NOEXIST)) {
		/* Whether it will be a miss cannot be known any more: a hit that was lost. */
		add(c->other_hits, 1);
		add(c->lost_pending, 1);
	}
	return 0;
}

static __always_inline void send_miss(struct pt_regs *ctx, struct pending_key *key,
				      const struct pending *pending, uint8_t flags)
{
	struct wire_event event = {};
	struct wire_event *e = &event;
	struct walk walk = {};
	struct call call = {};
	struct wire_counters *c = counters_get();
	struct wire_probe *probe;
	uint32_t index = pending->event.probe;

	probe = bpf_map_lookup_elem(&probes, &index);
	if (!c || !probe)
		return;
	add(c->other_hits, 1);
	add(c->misses, 1);
	if (pending->filtered) {
		add(c->filtered, 1);
		add(c->filtered_shapes, pending->shape);
		bpf_map_delete_elem(&pendings, key);
		return;
	}
	__builtin_memcpy(e, &pending->event, sizeof(*e));
	take_goroutine_slow(e, ctx->r14, &walk);
	walk.fp = walk.hi - pending->frame;
	call.key0 = pending->key_on_stack ? walk.hi - pending->key_addr : pending->key_addr;
	call.key_arg = probe->key_arg;
	call.root = pending->root;
	call.bias = e->ip - probe->addr;
	bpf_map_delete_elem(&pendings, key);
	e->flags |= flags;
	send_slow(e, index, &call, &walk, c, true);
}

SEC("uprobe")
int on_exit(struct pt_regs *ctx)
{
	struct pending_key key = {.g = ctx->r14, .pid = bpf_get_current_pid_tgid() >> 32};
	struct pending *pending = bpf_map_lookup_elem(&pendings, &key);
	struct wire_probe *probe;
	uint64_t bounds[2];
	uint32_t index;

	no_private_stack(ctx);
	if (stopped || !pending)
		return 0;
	probe = probe_get(ctx, &index);
	/* At a RET the stack pointer is one word above where the frame pointer was. */
	if (!probe || probe->func != pending->func ||
	    bpf_probe_read_user(bounds, sizeof(bounds), (void *)ctx->r14) ||
	    bounds[1] - (ctx->rsp - 8) != pending->frame)
		return 0;
	send_miss(ctx, &key, pending, 0);
	return 0;
}

SEC("uprobe")
int on_panic(struct pt_regs *ctx)
{
	struct pending_key key = {.g = ctx->r14, .pid = bpf_get_current_pid_tgid() >> 32};
	struct pending *pending = bpf_map_lookup_elem(&pendings, &key);

	no_private_stack(ctx);
	if (!stopped && pending)
		send_miss(ctx, &key, pending, WIRE_PANICKED);
	return 0;
}

/* ---- the GC phase ---- */

SEC("uprobe")
int on_gc(struct pt_regs *ctx)
{
	uint32_t phase, index;
	struct wire_probe *probe = probe_get(ctx, &index);

	no_private_stack(ctx);
	if (!probe || bpf_probe_read_user(&phase, sizeof(phase),
					  (void *)(gcphase + (ctx->rip - probe->addr))))
		return 0;
	gc_phase = phase;
	gc_changes = 1;
	return 0;
}

/* ---- a process begins ---- */

/* Sends a record that wakes the reader, as no other does. A process that lives for a few milliseconds
 * only must be met while it is there. */
static __always_inline void send_start(struct pt_regs *ctx, uint32_t index)
{
	struct wire_event e = {.kind = WIRE_START};

	e.ip = ctx->rip;
	take_head(&e, index);
	bpf_ringbuf_output(&events, &e, sizeof(e), BPF_RB_FORCE_WAKEUP);
}

/* The one process that is traced: for the first time, or once more, having executed itself. No
 * collection runs then. */
SEC("uprobe")
int on_begin(struct pt_regs *ctx)
{
	uint32_t index;

	no_private_stack(ctx);
	if (!probe_get(ctx, &index))
		return 0;
	gc_phase = 0;
	gc_changes = 1;
	add(begun, 1);
	send_start(ctx, index);
	return 0;
}

SEC("uprobe")
int on_start(struct pt_regs *ctx)
{
	no_private_stack(ctx);
	send_start(ctx, bpf_get_attach_cookie(ctx) & 0xffff);
	return 0;
}

/* The members of the kernel's structs that are read; libbpf finds their offsets. */
struct inode {
	unsigned long i_ino;
} __attribute__((preserve_access_index));
struct file {
	struct inode *f_inode;
} __attribute__((preserve_access_index));
struct linux_binprm {
	struct file *file;
} __attribute__((preserve_access_index));

/* Any process has executed a program. Counting where the one that is traced executes the traced
 * program tells whether a begin was missed: where another thread than the first does it, no probe
 * fires. */
SEC("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct linux_binprm *program = (struct linux_binprm *)ctx->args[2];
	struct wire_event e = {.kind = WIRE_EXEC};

	take_head(&e, 0);
	if (stopped || !watched || e.pid != watched)
		return 0;
	add(executed, 1);
	if (BPF_CORE_READ(program, file, f_inode, i_ino) != watched_inode)
		return 0;
	add(executed_again, 1);
	/* Wakes the reader: it has a few milliseconds until the program's main function begins. */
	bpf_ringbuf_output(&events, &e, sizeof(e), BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* ---- calibration: an empty program, on a probe in a process of ours ---- */

SEC("uprobe")
int on_nothing(struct pt_regs *ctx)
{
	no_private_stack(ctx);
	return 0;
}
