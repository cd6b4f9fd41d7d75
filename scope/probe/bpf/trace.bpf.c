// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* The kernel half of `tophash trace`: one program a role (event/wire.h, enum wire_role).
 *
 * Rules that every line here obeys:
 *  - a program may be preempted and run again by another thread on the same CPU (only migration is
 *    off), so there is no per-CPU scratch memory: the record is built on the BPF stack, and
 *    counters are added atomically;
 *  - nothing wakes the reader: it drains the ring on a timer (a wake-up costs more than the probe);
 *  - bpf_probe_read_user() each time costs about 30 ns whatever its size: one read of a window of
 *    the frame brings all arguments, one of 48 bytes the map header, one the goroutine;
 *  - cheap filters first; what is filtered has cost one read more than an empty program.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "event/wire.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set before the programs are loaded; the verifier then drops what they switch off. */
const volatile uint32_t stack_max = 64;
const volatile uint32_t key_bytes = WIRE_KEY_INLINE;
const volatile uint32_t goid_offset = 152;
const volatile uint64_t gcphase = 0; /* link-time address of runtime.gcphase; 0: unknown */
const volatile bool use_types = false; /* a filter needs the type of every map */
const volatile bool use_key_filter = false;
const volatile bool use_misses = false;
const volatile uint64_t filter_map = 0;
const volatile uint64_t filter_goid = 0;
const volatile uint32_t filter_len = 0; /* bytes in filter_words */
const volatile bool filter_prefix = false;
const volatile uint64_t filter_words[WIRE_FILTER_MAX / 8] = {};
const volatile uint64_t filter_masks[WIRE_FILTER_MAX / 8] = {};
const volatile uint32_t deep_size = 0; /* sizeof(struct deep_record) with stack_max frames */
const volatile uint32_t big_size = 0;

/* Set while running: nothing is counted or sent any more. */
bool stopped = false;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct wire_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WIRE_PROBES);
	__type(key, uint32_t);
	__type(value, struct wire_probe);
} probes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, uint64_t);
	__type(value, struct wire_type);
} types SEC(".maps");

/* --misses: deletes that have begun and not yet ended, by goroutine. */
struct pending_key {
	uint64_t g;
	uint64_t pid;
};

struct pending {
	struct wire_event event;
	uint64_t frame;    /* stack.hi - frame pointer */
	uint64_t key_addr; /* the key argument; key_on_stack: stack.hi - it */
	uint32_t func;
	uint8_t filtered;
	uint8_t key_on_stack;
	uint8_t unused[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct pending_key);
	__type(value, struct pending);
} pendings SEC(".maps");

/* The small record, on the BPF stack. The stack words double as scratch space before the walk:
 * the argument window, then the head of the goroutine descriptor, are read into them. */
#define SCRATCH_WORDS 21 /* g.goid lies at 160 at most */
struct small_record {
	struct wire_event event;
	uint64_t stack[SCRATCH_WORDS];
};

struct deep_record {
	struct wire_event event;
	uint64_t stack[];
};

struct big_record { /* key: sizeof(struct wire_key) bytes */
	struct wire_event event;
	struct wire_key key;
	uint64_t stack[];
};

/* What is known of the delete before the record is filled in. */
struct call {
	uint64_t bias;
	uint64_t key0, key1; /* the key argument's words */
	uint8_t key_arg;
};

#define add(counter, n) __sync_fetch_and_add(&(counter), (n))

/* Bounds x for the verifier where the compiler knows better and would drop the comparison. */
#define bound(x, max)                                                                              \
	do {                                                                                       \
		asm volatile("" : "+r"(x));                                                        \
		if ((x) > (max))                                                                   \
			(x) = (max);                                                               \
	} while (0)

static __always_inline struct wire_counters *counters_get(void)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

static __always_inline struct wire_probe *probe_get(struct pt_regs *ctx, uint32_t *index)
{
	*index = (uint32_t)bpf_get_attach_cookie(ctx);
	return bpf_map_lookup_elem(&probes, index);
}

/* ---- keys ---- */

/* The type is none that the program was told of (reflect made it): read the little that plain keys
 * need from the process. internal/abi/map*.go: Key at 48; abi/type.go: Size 0, Kind 23. */
static __always_inline void plan_unknown(struct wire_event *e, struct wire_plan *plan)
{
	uint64_t *words = e->header; /* scratch: not yet filled in */
	uint8_t kind;

	plan->key_kind = WIRE_KEY_NONE;
	plan->match = use_key_filter ? WIRE_MATCH_USER : WIRE_MATCH_ANY;
	if (bpf_probe_read_user(words, 8, (void *)(e->type + 48)) ||
	    bpf_probe_read_user(words, 24, (void *)words[0]))
		return;
	kind = (words[2] >> 56) & 31;
	plan->size = words[0];
	if (kind == 24)
		plan->key_kind = WIRE_KEY_STRING;
	else if ((kind >= 1 && kind <= 16) || kind == 18 || kind == 22 || kind == 26)
		plan->key_kind = WIRE_KEY_RAW;
}

static __always_inline bool string_matches(struct wire_event *e, uint64_t addr, uint64_t len)
{
	if (filter_prefix ? len < filter_len : len != filter_len)
		return false;
	for (int chunk = 0; chunk < WIRE_FILTER_MAX / WIRE_KEY_INLINE; chunk++) {
		uint32_t at = chunk * WIRE_KEY_INLINE;
		uint32_t n;

		if (at >= filter_len)
			break;
		n = filter_len - at;
		if (n > WIRE_KEY_INLINE)
			n = WIRE_KEY_INLINE;
		if (bpf_probe_read_user(e->key, n, (void *)(addr + at)))
			return false;
#pragma unroll
		for (int i = 0; i < WIRE_KEY_INLINE / 8; i++) {
			uint32_t word = chunk * (WIRE_KEY_INLINE / 8) + i;

			if (at + i * 8 >= filter_len)
				break;
			if ((((uint64_t *)e->key)[i] & filter_masks[word]) != filter_words[word])
				return false;
		}
	}
	return true;
}

/* Takes a string key: filter, then its first bytes. Returns false when filtered. */
static __always_inline bool take_string(struct wire_event *e, uint64_t addr, uint64_t len,
					uint8_t match)
{
	uint32_t n = len < WIRE_KEY_INLINE ? len : WIRE_KEY_INLINE;

	e->key_kind = WIRE_KEY_STRING;
	e->key_total = len;
	if (match == WIRE_MATCH_NEVER)
		return false;
	if (match == WIRE_MATCH_STRING && !string_matches(e, addr, len))
		return false;
	if (n > key_bytes)
		n = key_bytes;
	bound(n, WIRE_KEY_INLINE);
	if (n && bpf_probe_read_user(e->key, n, (void *)addr))
		e->key_error = WIRE_KEY_FAULT;
	e->key_len = n;
	return true;
}

static __always_inline bool take_word(struct wire_event *e, uint64_t word, uint32_t size,
				      const struct wire_plan *plan)
{
	*(uint64_t *)e->key = word;
	e->key_kind = WIRE_KEY_RAW;
	e->key_len = size;
	e->key_total = size;
	if (!use_key_filter || !plan)
		return true;
	return plan->match != WIRE_MATCH_NEVER &&
	       (plan->match != WIRE_MATCH_WORD || (word & plan->mask) == plan->want);
}

/* A key behind a pointer: a plain one is read here; one with parts elsewhere is left to the big
 * record. Returns false when filtered. */
static __always_inline bool take_pointed(struct wire_event *e, uint64_t addr,
					 const struct wire_plan *plan)
{
	uint64_t *string = e->header; /* scratch: not yet filled in */
	uint32_t size = plan->size;

	if (use_key_filter && plan->match == WIRE_MATCH_NEVER)
		return false;
	if (plan->key_kind == WIRE_KEY_STRING) {
		if (bpf_probe_read_user(string, 16, (void *)addr)) {
			e->key_error = WIRE_KEY_FAULT;
			return true;
		}
		return take_string(e, string[0], string[1],
				   use_key_filter ? plan->match : WIRE_MATCH_ANY);
	}
	if (plan->key_kind != WIRE_KEY_RAW || size > WIRE_KEY_INLINE) {
		e->key_kind = plan->key_kind == WIRE_KEY_NONE ? WIRE_KEY_NONE : WIRE_KEY_SEGMENTS;
		e->key_error = plan->key_kind == WIRE_KEY_NONE ? WIRE_KEY_NO_PLAN : WIRE_KEY_OK;
		return true;
	}
	e->key_kind = WIRE_KEY_RAW;
	e->key_len = size;
	e->key_total = size;
	if (size && bpf_probe_read_user(e->key, size, (void *)addr))
		e->key_error = WIRE_KEY_FAULT;
	return !use_key_filter || plan->match != WIRE_MATCH_WORD ||
	       (*(uint64_t *)e->key & plan->mask) == plan->want;
}

/* Filters on map, type and key; reads the key. Returns false when filtered. */
static __always_inline bool take_key(struct wire_event *e, const struct call *call)
{
	struct wire_plan unknown = {};
	struct wire_plan *plan = NULL;

	if (filter_map && e->map != filter_map)
		return false;
	if (use_types || call->key_arg == WIRE_ARG_POINTER || call->key_arg == WIRE_ARG_NONE) {
		uint64_t key = e->type - call->bias;

		plan = bpf_map_lookup_elem(&types, &key);
		if (plan && plan->skip)
			return false;
		if (!plan || plan->match == WIRE_MATCH_USER)
			e->flags |= use_types || use_key_filter ? WIRE_CHECK : 0;
	}
	switch (call->key_arg) {
	case WIRE_ARG_32:
		return take_word(e, (uint32_t)call->key0, 4, plan);
	case WIRE_ARG_64:
		return take_word(e, call->key0, 8, plan);
	case WIRE_ARG_STRING:
		return take_string(e, call->key0, call->key1,
				   use_key_filter && plan ? plan->match : WIRE_MATCH_ANY);
	case WIRE_ARG_NONE: /* a clear may take any key with it that the map can hold */
		return !use_key_filter || !plan || plan->match != WIRE_MATCH_NEVER;
	case WIRE_ARG_POINTER:
		if (!plan) {
			plan_unknown(e, &unknown);
			plan = &unknown;
		}
		return take_pointed(e, call->key0, plan);
	}
	return true;
}

/* Adds a segment to the work list; it is read when its turn comes. */
static __always_inline void segment_add(struct wire_key *key, uint64_t addr, uint64_t type,
					uint64_t want)
{
	uint32_t n = key->nsegments;

	if (n >= WIRE_SEGMENTS) {
		key->truncated = 1;
		return;
	}
	key->segment[n & (WIRE_SEGMENTS - 1)] = (struct wire_segment){
		.addr = addr, .type = type, .want = want > 0xffffffff ? 0xffffffff : want};
	key->nsegments = n + 1;
}

/* The two functions below are global, not static: the verifier checks each once, on its own,
 * instead of once for every path that leads to it. */

/* One step of a plan: follows the string or interface whose two words are w0, w1. */
__noinline int segment_follow(struct wire_key *key, uint32_t op, uint64_t w0, uint64_t w1,
			      uint64_t bias)
{
	struct wire_type *known;
	uint64_t type = w0;
	uint64_t link;

	if (!key)
		return 0;
	if (op == WIRE_STEP_STRING) {
		if (w1)
			segment_add(key, w0, 0, w1);
		return 0;
	}
	/* runtime/iface.go: itab{inter, _type, ...}: the dynamic type is its second word. */
	if (w0 && op == WIRE_STEP_IFACE &&
	    bpf_probe_read_user(&type, sizeof(type), (void *)(w0 + 8)))
		return 0;
	if (!type)
		return 0;
	link = type - bias;
	known = bpf_map_lookup_elem(&types, &link);
	segment_add(key, w1, type, known && !known->direct ? known->plan.size : 0);
	return 0;
}

/* Reads segment i, then queues what it points to. */
__noinline int segment_read(struct wire_key *key, uint32_t i, uint64_t bias, uint64_t root)
{
	struct wire_segment *segment;
	struct wire_type *known;
	uint64_t link;
	uint8_t *bytes;
	uint32_t n;

	if (!key || i >= WIRE_SEGMENTS)
		return 0;
	segment = &key->segment[i];
	bytes = key->bytes[i];
	n = segment->want;
	if (!segment->type && n > key_bytes)
		n = key_bytes;
	bound(n, WIRE_KEY_SEGMENT);
	if (!n || bpf_probe_read_user(bytes, n, (void *)segment->addr))
		return 0;
	segment->len = n;
	if (!segment->type)
		return 0;
	link = i ? segment->type - bias : root;
	known = bpf_map_lookup_elem(&types, &link);
	if (!known || (i && known->direct))
		return 0;
	for (uint32_t s = 0; s < WIRE_STEPS; s++) {
		uint32_t offset;

		if (s >= known->plan.nsteps)
			break;
		offset = known->step[s].offset & ~7u;
		if (offset + 16 > n)
			break;
		bound(offset, WIRE_KEY_SEGMENT - 16);
		segment_follow(key, known->step[s].op, *(uint64_t *)(bytes + offset),
			       *(uint64_t *)(bytes + offset + 8), bias);
	}
	return 0;
}

/* ---- the goroutine's stack ---- */

struct walk {
	uint64_t fp;
	uint64_t lo, hi; /* the goroutine's stack */
	uint32_t n;
	uint8_t flags;
	bool more;
};

/* Reads the frame at walk->fp: {caller's frame pointer, return address}. Returns false at the end
 * of the stack or of what can be read. */
static __always_inline bool walk_frame(struct walk *walk, uint64_t *pair)
{
	uint64_t fp = walk->fp;

	if (!fp)
		return false;
	if (fp < walk->lo || fp > walk->hi - 16 ||
	    bpf_probe_read_user(pair, 16, (void *)fp)) {
		walk->flags |= WIRE_STACK_LOST;
		return false;
	}
	/* Frame pointers only ever grow: a cycle would be an endless walk. */
	if (pair[0] && pair[0] <= fp) {
		walk->flags |= WIRE_STACK_LOST;
		pair[0] = 0;
	}
	walk->fp = pair[0];
	return true;
}

/* A real loop: the verifier sees each index as a constant, and unrolled it would not fit the
 * stack. */
static __always_inline void walk_small(struct small_record *small, struct walk *walk)
{
#pragma clang loop unroll(disable)
	for (uint32_t i = 0; i < WIRE_STACK_SMALL; i++) {
		if (i >= stack_max) {
			walk->flags |= walk->fp ? WIRE_STACK_CUT : 0;
			walk->fp = 0;
			break;
		}
		if (!walk_frame(walk, &small->stack[i])) {
			walk->fp = 0;
			break;
		}
		small->stack[i] = small->stack[i + 1];
		walk->n = i + 1;
	}
}

/* Goes on where walk_small stopped, into a record of stack_max frames. */
static __always_inline void walk_rest(uint64_t *stack, uint64_t *scratch, struct walk *walk)
{
	uint64_t *pair = scratch;

	for (uint32_t i = WIRE_STACK_SMALL; i < WIRE_STACK_MAX; i++) {
		if (i >= stack_max) {
			walk->flags |= walk->fp ? WIRE_STACK_CUT : 0;
			break;
		}
		if (!walk_frame(walk, pair))
			break;
		stack[i] = pair[1];
		walk->n = i + 1;
	}
}

/* ---- sending ---- */

static __noinline void send_deep(struct small_record *small, struct walk *walk,
				      struct wire_counters *c)
{
	struct deep_record *deep = bpf_ringbuf_reserve(&events, deep_size, 0);

	if (!deep) {
		add(c->lost_ring, 1);
		return;
	}
	__builtin_memcpy(deep, small, sizeof(small->event) + WIRE_STACK_SMALL * 8);
	walk_rest(deep->stack, small->stack, walk);
	deep->event.nstack = walk->n;
	deep->event.flags |= walk->flags;
	bpf_ringbuf_submit(deep, BPF_RB_NO_WAKEUP);
}

static __noinline void send_big(struct small_record *small, struct walk *walk,
				     struct wire_counters *c, const struct call *call)
{
	struct big_record *big = bpf_ringbuf_reserve(&events, big_size, 0);
	uint64_t root = small->event.type - call->bias;
	struct wire_type *known = bpf_map_lookup_elem(&types, &root);

	if (!big) {
		add(c->lost_ring, 1);
		return;
	}
	small->event.flags |= WIRE_BIG;
	__builtin_memcpy(&big->event, &small->event, sizeof(small->event));
	big->key.nsegments = 0;
	big->key.truncated = 0;
	if (small->event.key_kind == WIRE_KEY_STRING)
		segment_add(&big->key, call->key0, 0, small->event.key_total);
	else if (known)
		segment_add(&big->key, call->key0, known->key_type + call->bias,
			    known->plan.size);
	for (uint32_t i = 0; i < WIRE_SEGMENTS; i++) {
		if (i >= big->key.nsegments)
			break;
		segment_read(&big->key, i, call->bias, root);
	}
	if (stack_max >= WIRE_STACK_SMALL) {
		__builtin_memcpy(big->stack, small->stack, WIRE_STACK_SMALL * 8);
		if (walk->fp)
			walk_rest(big->stack, small->stack, walk);
	} else {
#pragma unroll
		for (uint32_t i = 0; i < WIRE_STACK_SMALL; i++)
			if (i < stack_max)
				big->stack[i] = small->stack[i];
	}
	big->event.nstack = walk->n;
	big->event.flags |= walk->flags;
	bpf_ringbuf_submit(big, BPF_RB_NO_WAKEUP);
}

static __always_inline bool wants_big(const struct wire_event *e)
{
	return e->key_kind == WIRE_KEY_SEGMENTS ||
	       (key_bytes > WIRE_KEY_INLINE && e->key_kind == WIRE_KEY_STRING &&
		e->key_total > WIRE_KEY_INLINE);
}

static __always_inline void send(struct small_record *small, struct walk *walk,
				 struct wire_counters *c, const struct call *call)
{
	uint64_t n;

	walk_small(small, walk);
	if (wants_big(&small->event)) {
		send_big(small, walk, c, call);
		return;
	}
	/* Is there a frame more? The walk stops at a null frame pointer. */
	if (stack_max > WIRE_STACK_SMALL && walk->fp) {
		send_deep(small, walk, c);
		return;
	}
	n = walk->n;
	small->event.nstack = n;
	small->event.flags |= walk->flags | (walk->fp ? WIRE_STACK_CUT : 0);
	bound(n, WIRE_STACK_SMALL);
	if (bpf_ringbuf_output(&events, small, sizeof(small->event) + n * 8, BPF_RB_NO_WAKEUP))
		add(c->lost_ring, 1);
}

/* Reads the goroutine (into scratch): its id and stack bounds. Returns false when filtered. */
static __always_inline bool take_goroutine(struct wire_event *e, uint64_t *scratch, uint64_t g,
					   struct walk *walk)
{
	/* runtime2.go: g.stack{lo, hi} at 0, g.goid at goid_offset. */
	if (goid_offset > SCRATCH_WORDS * 8 - 8 ||
	    bpf_probe_read_user(scratch, goid_offset + 8, (void *)g)) {
		walk->flags |= WIRE_STACK_LOST;
		return !filter_goid;
	}
	walk->lo = scratch[0];
	walk->hi = scratch[1];
	e->goid = scratch[goid_offset / 8];
	if (e->map >= walk->lo && e->map < walk->hi)
		e->flags |= WIRE_ON_STACK;
	return !filter_goid || e->goid == filter_goid;
}

static __always_inline void take_head(struct wire_event *e, struct pt_regs *ctx, uint32_t index)
{
	uint64_t pid_tid = bpf_get_current_pid_tgid();

	e->time_ns = bpf_ktime_get_ns();
	e->ip = ctx->rip;
	e->pid = pid_tid >> 32;
	e->tid = (uint32_t)pid_tid;
	e->probe = index;
}

/* Entry and clear: (type, map) or (map, type) in Go's first two argument registers. The barrier
 * keeps the compiler from choosing between addresses in ctx, which the verifier refuses. */
static __always_inline void take_arguments(struct wire_event *e, struct pt_regs *ctx,
					   const struct wire_probe *probe)
{
	uint64_t rax = ctx->rax;
	uint64_t rbx = ctx->rbx;

	asm volatile("" : "+r"(rax), "+r"(rbx));
	e->map = probe->map_first ? rax : rbx;
	e->type = probe->map_first ? rbx : rax;
}

static __always_inline void take_gc(struct wire_event *e, uint64_t bias)
{
	uint32_t phase;

	if (!gcphase || bpf_probe_read_user(&phase, sizeof(phase), (void *)(gcphase + bias)))
		e->flags |= WIRE_GC_UNKNOWN;
	else
		e->gc = phase;
}

/* ---- the programs ---- */

static __always_inline struct pending_key pending_key(uint64_t g)
{
	return (struct pending_key){.g = g, .pid = bpf_get_current_pid_tgid() >> 32};
}

SEC("uprobe")
int on_removal(struct pt_regs *ctx)
{
	struct small_record small = {};
	struct wire_event *e = &small.event;
	struct walk walk = {};
	struct call call = {};
	struct wire_counters *c;
	struct wire_probe *probe;
	uint32_t index, words;

	if (stopped)
		return 0;
	c = counters_get();
	probe = probe_get(ctx, &index);
	if (!c || !probe)
		return 0;
	add(c->hits, 1);
	add(c->removed, 1);
	if (use_misses) {
		struct pending_key key = pending_key(ctx->r14);

		bpf_map_delete_elem(&pendings, &key);
	}
	words = probe->words;
	if (words > WIRE_WINDOW)
		words = WIRE_WINDOW;
	if (bpf_probe_read_user(small.stack, words * 8, (void *)(ctx->rbp + probe->window)))
		e->key_error = WIRE_KEY_FAULT;
	e->type = small.stack[probe->type_word & 15];
	e->map = small.stack[probe->map_word & 15];
	call.key0 = small.stack[probe->key_word & 15];
	call.key1 = small.stack[(probe->key_word + 1) & 15];
	call.key_arg = probe->key_arg;
	call.bias = ctx->rip - probe->addr;
	e->kind = WIRE_DELETE;
	e->flags = WIRE_REMOVED;
	if (!take_key(e, &call) || !take_goroutine(e, small.stack, ctx->r14, &walk)) {
		add(c->filtered, 1);
		return 0;
	}
	bpf_probe_read_user(e->header, sizeof(e->header), (void *)e->map);
	take_head(e, ctx, index);
	take_gc(e, call.bias);
	walk.fp = ctx->rbp;
	send(&small, &walk, c, &call);
	return 0;
}

SEC("uprobe")
int on_clear(struct pt_regs *ctx)
{
	struct small_record small = {};
	struct wire_event *e = &small.event;
	struct walk walk = {};
	struct call call = {.key_arg = WIRE_ARG_NONE};
	struct wire_counters *c;
	struct wire_probe *probe;
	uint32_t index;

	if (stopped)
		return 0;
	c = counters_get();
	probe = probe_get(ctx, &index);
	if (!c || !probe)
		return 0;
	take_arguments(e, ctx, probe);
	if (e->map)
		bpf_probe_read_user(e->header, sizeof(e->header), (void *)e->map);
	if (!e->header[0] && !use_misses)
		return 0;
	add(c->hits, 1);
	if (e->header[0]) {
		add(c->cleared, e->header[0]);
		e->flags = WIRE_REMOVED;
	} else {
		add(c->misses, 1);
	}
	e->kind = WIRE_CLEAR;
	call.bias = ctx->rip - probe->addr;
	if (!take_key(e, &call) || !take_goroutine(e, small.stack, ctx->r14, &walk)) {
		add(c->filtered, 1);
		return 0;
	}
	take_head(e, ctx, index);
	take_gc(e, call.bias);
	walk.fp = ctx->rbp;
	send(&small, &walk, c, &call);
	return 0;
}

/* --misses. A delete is a miss when it ends without having passed the removal probe. What is known
 * at its entry waits in `pendings`, by goroutine, until the removal (then it is dropped), the
 * return, or a panic. Entries nest (runtime.mapdelete_fast64 calls (*Map).Delete): the outermost
 * counts. Addresses in the goroutine's stack are kept relative to its top, for it may move. */
SEC("uprobe")
int on_entry(struct pt_regs *ctx)
{
	struct pending pending = {};
	uint64_t scratch[SCRATCH_WORDS] = {};
	struct wire_event *e = &pending.event;
	struct pending_key key = pending_key(ctx->r14);
	struct walk walk = {};
	struct call call = {};
	struct wire_counters *c;
	struct wire_probe *probe;
	uint32_t index;

	if (stopped)
		return 0;
	c = counters_get();
	probe = probe_get(ctx, &index);
	if (!c || !probe || bpf_map_lookup_elem(&pendings, &key))
		return 0;
	e->kind = WIRE_DELETE;
	take_arguments(e, ctx, probe);
	call.key0 = ctx->rcx;
	call.key1 = ctx->rdi;
	call.key_arg = probe->key_arg;
	call.bias = ctx->rip - probe->addr;
	pending.filtered = !take_key(e, &call) ||
			   !take_goroutine(e, scratch, ctx->r14, &walk);
	e->ip = ctx->rip;
	e->probe = index;
	pending.func = probe->func;
	pending.frame = walk.hi - ctx->rbp;
	pending.key_addr = call.key0;
	if (call.key0 >= walk.lo && call.key0 < walk.hi) {
		pending.key_addr = walk.hi - call.key0;
		pending.key_on_stack = 1;
	}
	if (bpf_map_update_elem(&pendings, &key, &pending, BPF_NOEXIST)) {
		/* Whether it will be a miss cannot be known any more: counted as a hit that was lost. */
		add(c->hits, 1);
		add(c->lost_pending, 1);
	}
	return 0;
}

static __always_inline void send_miss(struct pt_regs *ctx, struct pending_key *key,
				      struct pending *pending, uint8_t flags)
{
	struct small_record small = {};
	struct wire_event *e = &small.event;
	struct walk walk = {};
	struct call call = {};
	struct wire_counters *c = counters_get();
	struct wire_probe *probe;
	uint64_t frame = pending->frame;
	uint32_t index = pending->event.probe;

	probe = bpf_map_lookup_elem(&probes, &index);
	if (!c || !probe)
		return;
	add(c->hits, 1);
	add(c->misses, 1);
	if (pending->filtered) {
		add(c->filtered, 1);
		bpf_map_delete_elem(&pendings, key);
		return;
	}
	__builtin_memcpy(e, &pending->event, sizeof(*e));
	call.key0 = pending->key_addr;
	call.key_arg = probe->key_arg;
	call.bias = e->ip - probe->addr;
	take_goroutine(e, small.stack, ctx->r14, &walk);
	if (pending->key_on_stack)
		call.key0 = walk.hi - call.key0;
	bpf_map_delete_elem(&pendings, key);
	e->flags |= flags;
	if (e->map)
		bpf_probe_read_user(e->header, sizeof(e->header), (void *)e->map);
	take_gc(e, call.bias);
	{
		uint64_t ip = e->ip;

		take_head(e, ctx, index);
		e->ip = ip;
	}
	walk.fp = walk.hi - frame;
	send(&small, &walk, c, &call);
}

SEC("uprobe")
int on_exit(struct pt_regs *ctx)
{
	struct pending_key key = pending_key(ctx->r14);
	struct pending *pending = bpf_map_lookup_elem(&pendings, &key);
	struct wire_probe *probe;
	uint64_t bounds[2];
	uint32_t index;

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
	struct pending_key key = pending_key(ctx->r14);
	struct pending *pending = bpf_map_lookup_elem(&pendings, &key);

	if (!stopped && pending)
		send_miss(ctx, &key, pending, WIRE_PANICKED);
	return 0;
}

SEC("uprobe")
int on_start(struct pt_regs *ctx)
{
	struct wire_event e = {.kind = WIRE_START};
	uint32_t index = (uint32_t)bpf_get_attach_cookie(ctx);

	take_head(&e, ctx, index);
	bpf_ringbuf_output(&events, &e, sizeof(e), BPF_RB_NO_WAKEUP);
	return 0;
}
