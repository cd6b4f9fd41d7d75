// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Keys: filtered and read. A key of one word or one string goes into the event itself; one with
 * parts elsewhere becomes segments in the big record. */
#ifndef KEY_BPF_H
#define KEY_BPF_H

/* What is known of the delete before the record is filled in. */
struct call {
	uint64_t bias;
	uint64_t key0, key1; /* the key argument's words */
	uint64_t root;	     /* link-time address of the entry in types that describes the key */
	uint8_t key_arg;
};

/* The map's type is none that the program was told of (reflect made it). Its key's type may be; if
 * not, the little that plain keys need is read from the process. internal/abi/map*.go: Key at 48;
 * abi/type.go: Size 0, Kind 23. */
static __always_inline struct wire_plan *plan_unknown(struct wire_event *e, struct call *call,
						      struct wire_plan *plan)
{
	uint64_t *words = e->header; /* scratch: not yet filled in */
	struct wire_plan *known;
	uint8_t kind;

	plan->key_kind = WIRE_KEY_NONE;
	plan->match = use_key_filter ? WIRE_MATCH_USER : WIRE_MATCH_ANY;
	if (bpf_probe_read_user(words, 8, (void *)(e->type + 48)))
		return plan;
	call->root = words[0] - call->bias;
	known = bpf_map_lookup_elem(&types, &call->root);
	if (known)
		return known;
	if (bpf_probe_read_user(words, 24, (void *)words[0]))
		return plan;
	kind = (words[2] >> 56) & 31;
	plan->size = words[0];
	if (kind == 24)
		plan->key_kind = WIRE_KEY_STRING;
	else if ((kind >= 1 && kind <= 16) || kind == 18 || kind == 22 || kind == 26)
		plan->key_kind = WIRE_KEY_RAW;
	return plan;
}

/* Against filter_words; the bytes are read into `to`, WIRE_KEY_INLINE at a time. */
static __always_inline bool string_matches(uint8_t *to, uint64_t addr, uint64_t len)
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
		if (bpf_probe_read_user(to, n, (void *)(addr + at)))
			return false;
#pragma unroll
		for (int i = 0; i < WIRE_KEY_INLINE / 8; i++) {
			uint32_t word = chunk * (WIRE_KEY_INLINE / 8) + i;

			if (at + i * 8 >= filter_len)
				break;
			if ((((uint64_t *)to)[i] & filter_masks[word]) != filter_words[word])
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
	if (use_key_filter) {
		if (match == WIRE_MATCH_NEVER)
			return false;
		if (match == WIRE_MATCH_STRING && !string_matches(e->key, addr, len))
			return false;
	}
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

/* Reads `size` bytes at addr in the process: out of the copy of the stack where they are there (a
 * key of the runtime's fast entries always is). size is a constant but for the last two lines. */
static __always_inline bool read_near(void *to, uint32_t size, uint64_t addr,
				      const struct stack_copy *copy)
{
	uint64_t at;

	if (copy && size <= 8 && stack_copy_has(copy, addr, 8, &at)) {
		*(uint64_t *)to = *(uint64_t *)((char *)copy->words + at);
		return true;
	}
	if (copy && size <= 16 && stack_copy_has(copy, addr, 16, &at)) {
		((uint64_t *)to)[0] = *(uint64_t *)((char *)copy->words + at);
		((uint64_t *)to)[1] = *(uint64_t *)((char *)copy->words + at + 8);
		return true;
	}
	bound(size, WIRE_KEY_INLINE);
	return !size || !bpf_probe_read_user(to, size, (void *)addr);
}

/* A key behind a pointer: a plain one is read here; one with parts elsewhere is left to the big
 * record. Returns false when filtered. */
static __always_inline bool take_pointed(struct wire_event *e, uint64_t addr,
					 const struct wire_plan *plan,
					 const struct stack_copy *copy)
{
	uint64_t *string = e->header; /* scratch: not yet filled in */
	uint32_t size = plan->size;

	if (use_key_filter && plan->match == WIRE_MATCH_NEVER)
		return false;
	if (plan->key_kind == WIRE_KEY_STRING) {
		if (!read_near(string, 16, addr, copy)) {
			e->key_error = WIRE_KEY_FAULT;
			return true;
		}
		return take_string(e, string[0], string[1], plan->match);
	}
	if (plan->key_kind != WIRE_KEY_RAW || size > WIRE_KEY_INLINE) {
		e->key_kind = plan->key_kind == WIRE_KEY_NONE ? WIRE_KEY_NONE : WIRE_KEY_SEGMENTS;
		e->key_error = plan->key_kind == WIRE_KEY_NONE ? WIRE_KEY_NO_PLAN : WIRE_KEY_OK;
		return true;
	}
	e->key_kind = WIRE_KEY_RAW;
	e->key_len = size;
	e->key_total = size;
	if (!read_near(e->key, size, addr, copy))
		e->key_error = WIRE_KEY_FAULT;
	return !use_key_filter || plan->match != WIRE_MATCH_WORD ||
	       (*(uint64_t *)e->key & plan->mask) == plan->want;
}

/* Does anything here depend on the map's type? If not, the lookup is saved. */
static __always_inline bool needs_type(const struct call *call)
{
	return use_types || call->key_arg == WIRE_ARG_POINTER;
}

static __always_inline struct wire_plan *plan_of(const struct wire_event *e, struct call *call)
{
	call->root = e->type - call->bias;
	return bpf_map_lookup_elem(&types, &call->root);
}

/* Filters on type and key; reads the key. plan: of e's type, NULL when that is unknown or not
 * needed. copy: of the stack, or NULL. Returns false when filtered. */
static __always_inline bool take_key(struct wire_event *e, const struct call *call,
				     const struct wire_plan *plan, const struct stack_copy *copy)
{
	if (plan && plan->skip)
		return false;
	if ((use_types || use_key_filter) && (!plan || plan->match == WIRE_MATCH_USER))
		e->flags |= WIRE_CHECK;
	switch (call->key_arg) {
	case WIRE_ARG_32: return take_word(e, (uint32_t)call->key0, 4, plan);
	case WIRE_ARG_64: return take_word(e, call->key0, 8, plan);
	case WIRE_ARG_STRING:
		return take_string(e, call->key0, call->key1, plan ? plan->match : WIRE_MATCH_ANY);
	case WIRE_ARG_NONE: /* a clear may take any key with it that the map can hold */
		return !use_key_filter || !plan || plan->match != WIRE_MATCH_NEVER;
	case WIRE_ARG_POINTER: return plan ? take_pointed(e, call->key0, plan, copy) : true;
	}
	return true;
}

/* Must the key go out in the big record? */
static __always_inline bool wants_big(const struct wire_event *e)
{
	return e->key_kind == WIRE_KEY_SEGMENTS ||
	       (key_bytes > WIRE_KEY_INLINE && e->key_kind == WIRE_KEY_STRING &&
		e->key_total > WIRE_KEY_INLINE);
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
	segment->len = 0;
	if (!n || bpf_probe_read_user(bytes, n, (void *)segment->addr))
		return 0;
	segment->len = n;
	if (!segment->type)
		return 0;
	link = i ? segment->type - bias : root;
	known = bpf_map_lookup_elem(&types, &link);
	if (!known || (i && known->direct))
		return 0;
#pragma clang loop unroll(disable)
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

/* Fills in all segments of e's key. */
static __always_inline void take_segments(struct wire_key *key, const struct wire_event *e,
					  const struct call *call)
{
	struct wire_type *known = bpf_map_lookup_elem(&types, &call->root);

	key->nsegments = 0;
	key->truncated = 0;
	if (e->key_kind == WIRE_KEY_STRING) {
		segment_add(key, call->key0, 0, e->key_total);
		if (call->key_arg == WIRE_ARG_POINTER) /* key0 points to the string's two words */
			bpf_probe_read_user(&key->segment[0].addr, 8, (void *)call->key0);
	} else if (known) {
		segment_add(key, call->key0, known->key_type + call->bias, known->plan.size);
	}
#pragma clang loop unroll(disable)
	for (uint32_t i = 0; i < WIRE_SEGMENTS; i++) {
		if (i >= key->nsegments)
			break;
		segment_read(key, i, call->bias, call->root);
	}
}

#endif
