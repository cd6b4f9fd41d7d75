// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Counts hits without sending a record (--summary).
 *
 * A removal costs two reads: of the stack and of the goroutine. A hit that cannot be counted becomes a
 * record. */
#ifndef WATCH_ENGINE_BPF_COUNT_BPF_H
#define WATCH_ENGINE_BPF_COUNT_BPF_H

/* ---- stacks ---- */

/* The two functions below are global so that the verifier checks them once. */

/* Walks the frames of one row. Returns the index of the row, or -1. */
__noinline int count_frames(struct stack_copy *copy, struct frame_walk *walk)
{
	if (!copy || !walk)
		return -1;
	walk_copies(copy->key.stack, copy, walk);
	copy->key.nstack = copy->n;
	if (!walk_goes_on(walk, copy))
		copy->key.flags |= walk->flags | copy->flags;
	/* Otherwise the compiler would keep this address on the stack during the walk. */
	asm volatile("" : "+r"(copy));
	return row_get(&copy->key);
}

/* Walks the rest of a stack whose frames so far are in row `at`. Returns the index of the last row,
 * or -1. */
__noinline int count_rest(struct stack_copy *copy, struct frame_walk *walk, int at)
{
	if (!copy || !walk)
		return -1;
#pragma clang loop unroll(disable)
	for (int i = 1; i < WIRE_COUNT_CHAIN; i++) {
		if (at < 0 || !walk_goes_on(walk, copy))
			break;
		copy->key.parent = at + 1;
		at = count_frames(copy, walk);
	}
	return at;
}

/* Walks from walk->fp to the end. Returns the index of the last row, or -1. The caller has set
 * copy->key except for parent, nstack and stack. */
static __always_inline int count_stack(struct stack_copy *copy, struct frame_walk *walk)
{
	int at;

	copy->key.parent = 0;
	at = count_frames(copy, walk);
	return walk_goes_on(walk, copy) ? count_rest(copy, walk, at) : at;
}

/* Counts a hit in a row. Returns false when there is no room for its goroutine. */
static __always_inline bool count_in_row(const struct hit *hit, int index, uint64_t goid,
					 uint64_t elements)
{
	uint32_t at = index;
	struct wire_count *row = bpf_map_lookup_elem(&counts, &at);

	if (!row || !count_goroutine(row, wire_goroutine(goid, own_pid(hit))))
		return false;
	add(row->hits, 1);
	if (elements)
		add(row->elements, elements);
	return true;
}

/* Tells whether the file has this type, or it stands for sync.Map. Otherwise reflect made it, and only
 * the process knows it. The process may have ended when user space reads the rows. */
static __always_inline bool type_is_of_file(uint64_t link)
{
	return link - types_begin < types_size || (sync_map && link == sync_map);
}

/* ---- hits ---- */

/* Makes the next copy long enough for all frames of this walk. The length only grows, up to the
 * size of a whole copy. */
static __always_inline void note_copy_bytes(struct wire_probe *probe, uint64_t base,
					    const struct frame_walk *walk)
{
	uint64_t end = walk->pair[0] + 16 - base;

	bound(end, STACK_COPY);
	if (end > probe->copy_bytes)
		probe->copy_bytes = end;
}

/* Counts the stack in the first copy, which begins at base. copy->key is set as for count_stack(). */
static __always_inline enum outcome count_walked(struct pt_regs *ctx, struct wire_probe *probe,
						 const struct hit *hit, struct stack_copy *copy,
						 struct known_stack *known, uint64_t base)
{
	struct frame_walk walk = {.fp = ctx->rbp};
	struct wire_event e; /* take_goroutine() uses three of its members */
	int row;

	e.map = 0;
	e.goid = 0; /* stays 0 if g cannot be read */
	e.flags = 0;
	if (!take_goroutine(&e, copy->goroutine, ctx->r14, &walk))
		return FILTERED;
	if (copy->len > walk.hi - copy->base)
		copy->len = walk.hi - copy->base;
	row = count_stack(copy, &walk);
	note_copy_bytes(probe, base, &walk);
	if (row < 0)
		return SLOW;
	if (!copy->key.parent && !(walk.flags | copy->flags) && copy->base == base)
		known_keep(copy, known, ctx->rbp, row);
	return count_in_row(hit, row, e.goid, 0) ? SENT : SLOW;
}

/* Counts a hit whose stack is known. Its frames are linked and end as those of the stack that was walked,
 * and therefore lie in the goroutine's stack, whose bounds need not be read. */
static __always_inline enum outcome count_recognised(struct pt_regs *ctx, const struct hit *hit,
						     int row)
{
	uint64_t goid;

	if (bpf_probe_read_user(&goid, 8, (void *)(ctx->r14 + goid_offset)))
		return SLOW;
	if (filter_goid && goid != filter_goid)
		return FILTERED;
	return count_in_row(hit, row, goid, 0) ? SENT : SLOW;
}

static __always_inline enum outcome count_removal(struct pt_regs *ctx, struct wire_probe *probe,
						  const struct hit *hit, struct stack_copy *copy,
						  struct wire_counters *c)
{
	uint64_t base = ctx->rbp + probe->window;
	struct wire_plan *plan = NULL;
	struct known_stack *known;
	struct call call = {};
	int row;

	if (!copy_first(ctx, probe, copy, probe->copy_bytes))
		return SLOW;
	take_frame(&call, ctx, probe, copy->words);
	if (is_sync_inner(&call))
		return INNER;
	if (!type_is_of_file(call.type - call.bias))
		return SLOW;
	if (filter_map && call.map != filter_map)
		return FILTERED;
	if (use_types) {
		plan = plan_here(&call);
		if (!plan || plan->match == WIRE_MATCH_USER)
			return SLOW;
		if (!key_passes(copy->goroutine, &call, plan, copy)) {
			count_shape(c, plan);
			return FILTERED;
		}
		if (sample_leaves(ctx, copy->goroutine, &call, plan, copy))
			return SAMPLED;
	} else if (sample_by == WIRE_SAMPLE_KEY) {
		if (call.key_arg == WIRE_ARG_POINTER) {
			plan = plan_here(&call);
			if (!plan && several_modules)
				return SLOW;
		}
		if (sample_leaves(ctx, copy->goroutine, &call, plan, copy))
			return SAMPLED;
	}
	copy->key.type = call.type;
	copy->key.ip = ctx->rip;
	copy->key.probe = hit->probe;
	copy->key.parent = 0;
	copy->key.kind = WIRE_DELETE;
	copy->key.flags = WIRE_REMOVED;
	known = known_find(copy, call.type, ctx->rbp - base);
	row = known_row(copy, known);
	return row >= 0 ? count_recognised(ctx, hit, row)
			: count_walked(ctx, probe, hit, copy, known, base);
}

/* Counts a hit instead of sending its record. walk->fp is where the stack begins. Returns false when
 * the record must be sent. Then walk is unchanged. */
static __always_inline bool count_event(const struct wire_event *e, const struct hit *hit,
					const struct call *call, struct frame_walk *walk,
					uint64_t elements)
{
	struct stack_copy *copy = stack_copy_get();
	uint64_t fp = walk->fp;
	int at;

	if (!use_counts || !copy || e->flags & WIRE_CHECK ||
	    !type_is_of_file(e->type - call->bias) || !stack_copy_take(copy))
		return false;
	copy->len = 0;
	copy->key.type = e->type;
	copy->key.ip = e->ip;
	copy->key.probe = hit->probe;
	copy->key.kind = e->kind;
	copy->key.flags = e->flags & (WIRE_REMOVED | WIRE_PANICKED);
	at = count_stack(copy, walk);
	stack_copy_give(copy);
	walk->fp = fp;
	walk->n = 0;
	return at >= 0 && count_in_row(hit, at, e->goid, elements);
}

#endif
