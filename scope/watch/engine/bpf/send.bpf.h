// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Builds and sends records: their forms on the BPF stack and in the ring, the members that every
 * record has, and the ways to send one. */
#ifndef WATCH_ENGINE_BPF_SEND_BPF_H
#define WATCH_ENGINE_BPF_SEND_BPF_H

/* The record of most events. Until they are filled in, the event's header and the stack words are
 * one scratch area: first for the argument window, then for the head of the goroutine
 * descriptor. */
struct small_record {
	struct wire_event event;
	uint64_t stack[WIRE_STACK_SMALL];
};
_Static_assert(6 + WIRE_STACK_SMALL >= GOROUTINE_WORDS, "the goroutine must fit the scratch area");

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

_Static_assert(offsetof(struct big_record, stack) - offsetof(struct big_record, key) ==
			       offsetof(struct segment_work, bias) &&
		       sizeof(struct segment_work) - sizeof(struct wire_key) <=
			       WIRE_STACK_EXTRA * 8,
	       "bias and root fit the stack of the shortest record");

/* Never true. The verifier drops the tail call after it, but a program with that call gets no
 * private stack. */
const volatile bool never = false;

static __always_inline void no_private_stack(struct pt_regs *ctx)
{
	if (never)
		bpf_tail_call(ctx, &no_paths, 0);
}

/* Returns the probe that was hit. The cookie names its module: copies of a file have these programs in
 * common. */
static __always_inline struct wire_probe *probe_of(uint64_t cookie, struct hit *ret)
{
	uint32_t index = cookie & 0xff;

	ret->probe = cookie & 0xffff;
	return bpf_map_lookup_elem(&probes, &index);
}

/* Tells whether this is the watched process. There may be others only with use_tree. */
static __always_inline bool is_watched(const struct hit *hit)
{
	return !use_tree || hit->pid_tid >> 32 == watched_global ||
	       (pidns_ino && own_pid(hit) == watched);
}

/* Tells whether these credentials are those of one of the users. It has a stack of its own, because its
 * callers have none to spare. It is not global: a kernel that lets no program read its memory would refuse
 * that, although nobody calls it. */
static __noinline int has_user(uint64_t cred)
{
	uint32_t ids[2], *group; /* egid follows euid */

	if (bpf_probe_read_kernel(ids, sizeof(ids), (void *)(cred + euid_at)))
		return 0;
	group = bpf_map_lookup_elem(&users, &ids[0]);
	return group && (*group == WIRE_ANY_GROUP || *group == ids[1]);
}

/* Tells whether this process is one of the users'. */
static __noinline int is_of_user(void)
{
	uint64_t cred, task = bpf_get_current_task();

	return !bpf_probe_read_kernel(&cred, sizeof(cred), (void *)(task + cred_at)) &&
	       has_user(cred);
}

/* Tells whether hits of this process count. */
static __always_inline bool in_tree(const struct hit *hit)
{
	uint32_t pid = hit->pid_tid >> 32;

	if (use_cgroup)
		return bpf_current_task_under_cgroup(&cgroups, 0) == 1;
	if (use_users && use_group)
		return is_of_user();
	return (!use_group && is_watched(hit)) || bpf_map_lookup_elem(&tree, &pid);
}

/* Tells which of two probes at the same place counts a hit (enum wire_turn). */
static __always_inline bool has_turn(uint64_t cookie, const struct hit *hit)
{
	uint32_t now = turn;
	uint32_t *note = &turn_notes[hit->pid_tid & (WIRE_TURNS - 1)];
	bool counted = now == WIRE_TURN_NARROW;

	if (now == WIRE_TURN_OVER || WIRE_PROBE_MODULE(cookie & 0xffff))
		return true;
	if ((cookie >> 16 & (WIRE_SLOTS - 1)) == turn_slot)
		return *note != WIRE_TURN_NOTE(hit->pid_tid, 1);
	*note = WIRE_TURN_NOTE(hit->pid_tid, counted);
	return counted;
}

/* Returns the probe that was hit, or NULL if it does not count. It fills in *ret. */
static __always_inline struct wire_probe *probe_get(struct pt_regs *ctx, struct hit *ret)
{
	uint64_t cookie = bpf_get_attach_cookie(ctx);

	ret->pid_tid = bpf_get_current_pid_tgid();
	if (cookie >> 32 != generations[cookie >> 16 & (WIRE_SLOTS - 1)] ||
	    (use_users && !use_group && !is_of_user()) ||
	    (use_tree && !(in_tree(ret) && has_turn(cookie, ret))))
		return NULL;
	return probe_of(cookie, ret);
}

static __always_inline void take_head(struct wire_event *e, const struct hit *hit)
{
	e->time_ns = bpf_ktime_get_ns();
	e->pid = hit->pid_tid >> 32;
	e->tid = (uint32_t)hit->pid_tid;
	e->probe = hit->probe;
	if (pidns_ino) {
		struct bpf_pidns_info ns;
		uint32_t below;

		/* This fails for a process in a namespace below that of tophash. */
		if (!bpf_get_ns_current_pid_tgid(pidns_dev, pidns_ino, &ns, sizeof(ns))) {
			e->pid = ns.tgid;
			e->tid = ns.pid;
		} else {
			below = pid_below(true);
			if (below) {
				e->pid = below;
				e->tid = pid_below(false);
			}
		}
	}
}

static __always_inline void take_gc(struct wire_event *e, uint64_t bias)
{
	uint32_t phase;

	/* take_head() has set the pid. */
	if (use_gc_probe && (!use_tree || e->pid == watched)) {
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

/* Reads the header of the map. Returns false if it cannot be read. */
static __always_inline bool read_header(struct wire_event *e)
{
	return !bpf_probe_read_user(e->header, sizeof(e->header), (void *)e->map);
}

/* Does the same for any event. The length of a clear was read before, and counted. */
static __always_inline void take_header(struct wire_event *e, const struct call *call)
{
	if (e->unread & WIRE_UNREAD_HEADER || read_header(e))
		return;
	if (e->kind == WIRE_CLEAR) {
		e->header[0] = call->key0;
		e->unread |= WIRE_UNREAD_STATE;
	} else {
		e->unread |= WIRE_UNREAD_HEADER;
	}
}

/* ---- the slow path: a record that is reserved at its maximum size ---- */

static __always_inline uint32_t walk_all(uint64_t *stack, struct frame_walk *walk)
{
	uint32_t max = stack_max;

#pragma clang loop unroll(disable)
	for (uint32_t i = 0; i < max; i++) {
		if (!walk_frame(walk))
			return walk->n;
		stack[i] = walk->pair[1];
	}
	walk->flags |= walk->fp ? WIRE_STACK_CUT : 0;
	return walk->n;
}

static __always_inline uint32_t send_big(const struct wire_event *e, const struct call *call,
					 struct frame_walk *walk, struct wire_counters *c)
{
	struct big_record *big = bpf_ringbuf_reserve(&events, big_size, 0);
	uint32_t n;

	if (!big) {
		add(c->lost_ring, 1);
		return 0;
	}
	__builtin_memcpy(&big->event, e, sizeof(*e));
	take_segments((struct segment_work *)&big->key, e, call);
	n = walk_all(big->stack, walk);
	big->event.nstack = n;
	take_walk_flags(&big->event, walk->flags | WIRE_BIG);
	bpf_ringbuf_submit(big, BPF_RB_NO_WAKEUP);
	return n;
}

static __always_inline uint32_t send_deep(const struct wire_event *e, struct frame_walk *walk,
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
	take_walk_flags(&deep->event, walk->flags);
	bpf_ringbuf_submit(deep, BPF_RB_NO_WAKEUP);
	return n;
}

/* Completes the record and sends it. has_header tells whether its map has a header that is shown. Returns
 * the number of frames. */
static __always_inline uint32_t send_slow(struct wire_event *e, const struct hit *hit,
					  const struct call *call, struct frame_walk *walk,
					  struct wire_counters *c, bool has_header)
{
	__builtin_memset(e->header, 0, sizeof(e->header));
	if (has_header && e->map)
		take_header(e, call);
	take_head(e, hit);
	take_gc(e, call->bias);
	return wants_big(e) ? send_big(e, call, walk, c) : send_deep(e, walk, c);
}

#endif
