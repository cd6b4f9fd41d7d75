// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Counts removals without sending a record (--summary).
 *
 * A hit costs two reads: of the stack and of the goroutine. Its row is in an array that is used as
 * an open-addressed table. An array lookup is inlined, and comparing a row costs less than hashing
 * its key in a BPF hash map. A hit that cannot be counted takes the slow path and becomes a
 * record. */
#ifndef WATCH_ENGINE_BPF_COUNT_BPF_H
#define WATCH_ENGINE_BPF_COUNT_BPF_H

/* The key of a row. The words after it make room for the head of the goroutine descriptor. */
struct count_scratch {
	struct wire_count_key key;
	uint64_t rest[SCRATCH_WORDS - WIRE_STACK_SMALL];
};

/* Notes that a goroutine was seen in this row. Returns false when there is no room for it. */
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

/* Tells whether two keys are equal. Unused frames are 0 in both. */
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
	return hash | 2; /* not FREE, not MADE */
}

/* Returns the row of a key, and makes it if it is new. Returns NULL when there is no room, or when
 * another CPU is making a row here. */
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

/* Makes the next copy long enough for all frames of this walk. The length only grows, up to the
 * size of a whole copy. */
static __always_inline void note_copy_bytes(struct wire_probe *probe, uint64_t base,
					    const struct walk *walk)
{
	uint64_t end = walk->pair[0] + 16 - base;

	if (end > probe->copy_bytes && end <= STACK_COPY)
		probe->copy_bytes = end;
}

/* Fills in the place and the frames of the key. walk->pair[0] becomes the address of the last
 * frame. */
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
	struct wire_event e; /* take_goroutine() uses three of its members */
	struct wire_count *row;
	struct walk walk = {};
	struct call call = {};

	if (!copy_first(ctx, probe, copy, probe->copy_bytes))
		return SLOW;
	take_frame(&call, ctx, probe, copy->words);
	if (call.type - call.bias - types_begin >= types_size) /* reflect made the type */
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
	e.goid = 0; /* stays 0 if g cannot be read */
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

#endif
