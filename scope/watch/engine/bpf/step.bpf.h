// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Programs for the steps of one map (maps --watch): the functions of the runtime that move its elements.
 *
 * The program at the beginning of such a function notes the state of the map, by goroutine and function. The one at its
 * return adds the state after it and sends both. No such function calls itself. The record is built in the table, because
 * it is as large as the BPF stack. */
#ifndef WATCH_ENGINE_BPF_STEP_BPF_H
#define WATCH_ENGINE_BPF_STEP_BPF_H

/* Steps that have begun and not ended. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct pending_key);
	__type(value, struct wire_map_step);
} map_steps SEC(".maps");

/* An empty record. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct wire_map_step);
} no_step SEC(".maps");

/* Offsets in Go's structs: MapType.BucketSize (abi/map_noswiss.go, and runtime/type.go before Go 1.21). */
#define MAP_TYPE_BUCKET_SIZE 82
#define BUCKET_SLOTS	     8
/* Values of tophash (runtime/map.go). */
enum { TOP_X = 2, TOP_Y = 3, TOP_EMPTY = 4, TOP_MIN = 5 };

/* Words of the headers, and members of words. */
enum { HMAP_OLD = 3, HMAP_NEXT = 4, MAP_DIR = 2, MAP_LEN = 3, MAP_DEPTH = 4 };
#define MAP_DEPTH_MAX 48 /* a directory larger than memory */

static __always_inline uint64_t step_argument(struct pt_regs *ctx, uint32_t number)
{
	uint64_t rax = ctx->rax, rbx = ctx->rbx, rcx = ctx->rcx;

	asm volatile("" : "+r"(rax), "+r"(rbx), "+r"(rcx));
	return number == 0 ? rax : number == 1 ? rbx : rcx;
}

static __always_inline void step_read(struct wire_map_step *step, void *to, uint32_t size,
				      uint64_t from)
{
	if (bpf_probe_read_user(to, size, (void *)from))
		step->flags |= WIRE_STEP_UNREAD;
}

#define EACH_SLOT(byte) (0x0101010101010101ull * (byte))

/* Returns how many of the eight tophash bytes are at least `least` (1 to 0x7f). Has no branch: with some for each slot, of
 * which a chain has up to 128, the verifier of Linux 6.1 follows more paths than it may. */
static __always_inline uint32_t count_least(uint64_t tops, uint8_t least)
{
	uint64_t low = (tops & EACH_SLOT(0x7f)) + EACH_SLOT(0x80 - least); /* no byte overflows */

	return (((low | tops) & EACH_SLOT(0x80)) >> 7) * EACH_SLOT(1) >> 56;
}

/* Returns how many of the eight tophash bytes are this one. */
static __always_inline uint32_t count_same(uint64_t tops, uint8_t top)
{
	return BUCKET_SLOTS - count_least(tops ^ EACH_SLOT(top), 1);
}

/* Notes the chain of the old bucket that is about to be evacuated. Its overflow buckets are not found any more when it is
 * over. Returns false if it was evacuated before, and nothing will happen. */
static __always_inline bool take_chain(struct wire_map_step *step)
{
	uint64_t at = step->before[HMAP_OLD] + step->what * step->bucket_size;
	uint64_t tops = 0; /* a byte for each slot, the first one lowest */

	for (uint32_t i = 0; i < WIRE_CHAIN_MAX && at; i++) {
		step_read(step, &tops, sizeof(tops), at);
		if (step->flags)
			return true;
		if (!i && (uint8_t)tops >= TOP_X && (uint8_t)tops <= TOP_EMPTY)
			return step->what ==
			       step->before[HMAP_NEXT]; /* the mark goes on, at least */
		step->entries += count_least(tops, TOP_MIN);
		step->chain[i] = at;
		step->buckets = i + 1;
		step_read(step, &at, 8, at + step->bucket_size - 8);
		if (step->flags)
			return true;
	}
	if (at)
		step->flags |= WIRE_STEP_LONG;
	return true;
}

/* Counts where the elements of the chain have gone: their tophash bytes tell it. */
static __always_inline void count_moved(struct wire_map_step *step)
{
	uint64_t tops = 0;

	for (uint32_t i = 0; i < WIRE_CHAIN_MAX && step->chain[i]; i++) {
		step_read(step, &tops, sizeof(tops), step->chain[i]);
		step->to_x += count_same(tops, TOP_X);
		step->to_y += count_same(tops, TOP_Y);
	}
}

/* Reads the table in a place of the directory. */
static __always_inline void take_table(struct wire_map_step *step, uint64_t index, uint64_t *to)
{
	uint64_t table = 0;

	if (index >= step->event.header[MAP_LEN]) {
		step->flags |= WIRE_STEP_UNREAD;
		return;
	}
	step_read(step, &table, 8, step->event.header[MAP_DIR] + index * 8);
	step_read(step, to, 32, table);
}

/* Reads the two tables that have replaced one. maps.(*Map).installTableSplit() puts them there: the second one begins
 * after all places of the first one. */
static __always_inline void take_split(struct wire_map_step *step)
{
	uint64_t depth = step->event.header[MAP_DEPTH] & 0xff, index = step->table[1];
	uint64_t local = (step->table[0] >> 48 & 0xff) + 1;

	if (depth > MAP_DEPTH_MAX || local > depth) {
		step->flags |= WIRE_STEP_UNREAD;
		return;
	}
	if (depth > (step->before[MAP_DEPTH] & 0xff)) /* the directory was doubled */
		index *= 2;
	take_table(step, index, step->after[0]);
	take_table(step, index + (1ull << (depth - local & 63)), step->after[1]);
}

/* Notes the state at the beginning of a step. Returns false if nothing will happen. */
static __always_inline bool begin_step(struct wire_map_step *step, const struct wire_probe *probe)
{
	uint16_t bucket_size = 0;

	step_read(step, step->before, sizeof(step->before), step->event.map);
	switch (probe->step) {
	case WIRE_STEP_EVACUATE:
	case WIRE_STEP_OVERFLOW:
	case WIRE_STEP_GROW:
		step_read(step, &bucket_size, 2, step->event.type + MAP_TYPE_BUCKET_SIZE);
		step->bucket_size = bucket_size;
		return probe->step != WIRE_STEP_EVACUATE || step->flags || take_chain(step);
	case WIRE_STEP_RESIZE:
	case WIRE_STEP_SPLIT:
	case WIRE_STEP_PRUNE: step_read(step, step->table, sizeof(step->table), step->what); break;
	default: break;
	}
	return true;
}

/* Tells whether the words are the same. */
static __always_inline bool same_words(const uint64_t *a, const uint64_t *b, uint32_t n)
{
	uint64_t differ = 0;

	for (uint32_t i = 0; i < n; i++)
		differ |= a[i] ^ b[i];
	return !differ;
}

/* Notes the state at the end of a step. Returns false if nothing has happened. */
static __always_inline bool end_step(struct wire_map_step *step, const struct wire_probe *probe,
				     uint64_t result)
{
	step_read(step, step->event.header, sizeof(step->event.header), step->event.map);
	switch (probe->step) {
	case WIRE_STEP_EVACUATE: count_moved(step); break;
	case WIRE_STEP_OVERFLOW: step->made = result; break;
	case WIRE_STEP_TABLE: take_table(step, 0, step->after[0]); break;
	case WIRE_STEP_RESIZE: take_table(step, step->table[1], step->after[0]); break;
	case WIRE_STEP_SPLIT: take_split(step); break;
	case WIRE_STEP_PRUNE:
		step_read(step, step->after[0], 32, step->what);
		return step->flags || !same_words(step->table, step->after[0], 4);
	case WIRE_STEP_CLEAR:
		return step->flags || !same_words(step->before, step->event.header, 6);
	default: break;
	}
	return true;
}

static __always_inline struct pending_key step_key(struct pt_regs *ctx, const struct hit *hit,
						   const struct wire_probe *probe)
{
	return (struct pending_key){.g = ctx->r14,
				    .pid = hit->pid_tid >> 32 | (uint64_t)probe->func << 32};
}

SEC("uprobe")
int on_step(struct pt_regs *ctx)
{
	const struct wire_map_step *none;
	struct wire_map_step *step;
	struct wire_counters *c;
	struct wire_probe *probe;
	struct pending_key key;
	uint32_t zero = 0;
	uint64_t map;
	struct hit hit;

	no_private_stack(ctx);
	probe = probe_get(ctx, &hit);
	if (!probe)
		return 0;
	map = step_argument(ctx, probe->map_arg);
	if (!map || map != filter_map || !is_running())
		return 0;
	c = counters_get();
	none = bpf_map_lookup_elem(&no_step, &zero);
	if (!c || !none)
		return 0;
	key = step_key(ctx, &hit, probe);
	if (bpf_map_lookup_elem(&map_steps, &key)) { /* its end was not seen: a panic */
		add(c->other_hits, 1);
		add(c->lost_internal, 1);
	}
	bpf_map_update_elem(&map_steps, &key, none, BPF_ANY);
	step = bpf_map_lookup_elem(&map_steps, &key);
	if (!step) {
		add(c->other_hits, 1);
		add(c->lost_pending, 1);
		return 0;
	}
	step->begun_ns = bpf_ktime_get_ns();
	step->event.kind = WIRE_MAP_STEP;
	step->event.map = map;
	step->event.type = step_argument(ctx, probe->type_arg);
	step->what = step_argument(ctx, probe->what_arg);
	if (!begin_step(step, probe))
		bpf_map_delete_elem(&map_steps, &key);
	return 0;
}

SEC("uprobe")
int on_step_end(struct pt_regs *ctx)
{
	struct wire_map_step *step;
	struct wire_counters *c;
	struct wire_probe *probe;
	struct pending_key key;
	struct hit hit;

	no_private_stack(ctx);
	probe = probe_get(ctx, &hit);
	c = counters_get();
	if (!probe || !c || mode)
		return 0;
	key = step_key(ctx, &hit, probe);
	step = bpf_map_lookup_elem(&map_steps, &key);
	if (!step)
		return 0;
	if (!end_step(step, probe, ctx->rax)) {
		bpf_map_delete_elem(&map_steps, &key);
		return 0;
	}
	if (bpf_probe_read_user(&step->event.goid, 8, (void *)(ctx->r14 + goid_offset)))
		step->event.goid = 0;
	step->event.ip = ctx->rip;
	take_head(&step->event, &hit);
	add(c->other_hits, 1);
	if (bpf_ringbuf_output(&events, step, sizeof(*step), BPF_RB_FORCE_WAKEUP))
		add(c->lost_ring, 1);
	bpf_map_delete_elem(&map_steps, &key);
	return 0;
}

#endif
