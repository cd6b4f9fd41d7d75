// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Recognises the stack of a hit that is counted.
 *
 * Most hits have the same stack as a recent hit. The copy of the stack remembers where the frames
 * of some stacks are, and their rows. Comparing all frames at these places costs a fraction of a
 * walk, in which each frame waits for the previous one. A stack that differs in anything is
 * walked. */
#ifndef WATCH_ENGINE_BPF_KNOWN_BPF_H
#define WATCH_ENGINE_BPF_KNOWN_BPF_H

/* Returns the place at which a stack of this type and with these innermost frames is remembered. at is
 * the offset of the first frame in the copy. Any bytes there lead to some place. */
static __always_inline struct known_stack *known_find(struct stack_copy *copy, uint64_t type,
						      uint64_t at)
{
	uint64_t hash = type;

#pragma unroll
	for (int i = 0; i < KNOWN_FRAMES; i++) {
		at &= STACK_COPY - 8;
		hash = hash * 3 ^ copy->words[at / 8 + 1];
		at = copy->words[at / 8] - copy->base;
	}
	return &copy->known[hash * 0x9e3779b97f4a7c15ull >> (64 - KNOWN_BITS)];
}

/* The two functions below are global so that the verifier checks them once. */

/* Returns the row of a known stack if it is the stack in the copy, or -1. The key in the copy must
 * be set, except its frames. */
__noinline int known_row(struct stack_copy *copy, struct known_stack *known)
{
	uint64_t differ, next = 0, end = 0;
	struct wire_count *row;
	uint32_t index;

	if (!copy || !known)
		return -1;
	index = known->row;
	row = bpf_map_lookup_elem(&counts, &index);
	if (!row || !known->n)
		return -1;
	copy->key.nstack = known->n;
	differ = (row->key.type ^ copy->key.type) | (row->key.ip ^ copy->key.ip) |
		 (key_word(&row->key) ^ key_word(&copy->key));
#pragma unroll
	for (int i = 0; i < WIRE_STACK_SMALL; i++) {
		uint64_t at = known->at[i] & (STACK_COPY - 8);

		if (i >= known->n)
			break;
		if (i)
			differ |= next ^ (copy->base + at);
		next = copy->words[at / 8];
		differ |= copy->words[at / 8 + 1] ^ row->key.stack[i];
		end = at + 16;
	}
	if (differ | next || end > copy->len)
		return -1;
	known->trust = KNOWN_TRUST;
	return index;
}

/* Remembers the stack in the copy, which has been walked from fp on. It has copy->n frames, all in the
 * copy. A stack that was recognised lately is kept instead. */
__noinline int known_keep(struct stack_copy *copy, struct known_stack *known, uint64_t fp, int row)
{
	if (!copy || !known)
		return 0;
	if (known->trust) {
		known->trust--;
		return 0;
	}
	known->n = 0;
#pragma unroll
	for (uint32_t i = 0; i < WIRE_STACK_SMALL; i++) {
		uint64_t at = fp - copy->base;

		if (i >= copy->n)
			break;
		if (at > STACK_COPY - 16 || at & 7)
			return 0;
		known->at[i] = at;
		fp = copy->words[at / 8];
	}
	known->row = row;
	known->n = copy->n;
	return 0;
}

#endif
