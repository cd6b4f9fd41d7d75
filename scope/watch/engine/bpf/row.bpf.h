// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* The table of rows in which hits are counted (struct wire_count). It is an array that is used as an
 * open-addressed table. An array lookup is inlined, and comparing a row costs less than hashing its key
 * in a BPF hash map. */
#ifndef WATCH_ENGINE_BPF_ROW_BPF_H
#define WATCH_ENGINE_BPF_ROW_BPF_H

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

/* Returns the five small members of a key as one word. */
static __always_inline uint64_t key_word(const struct wire_count_key *key)
{
	return *(const uint64_t *)&key->probe;
}
_Static_assert(offsetof(struct wire_count_key, stack) - offsetof(struct wire_count_key, probe) == 8,
	       "the small members are one word");

static __always_inline bool keys_equal(const struct wire_count_key *a,
				       const struct wire_count_key *b)
{
	uint64_t differ = (a->type ^ b->type) | (a->ip ^ b->ip) | (key_word(a) ^ key_word(b));

#pragma unroll
	for (int i = 0; i < WIRE_STACK_SMALL; i++) {
		if (i >= a->nstack)
			break;
		differ |= a->stack[i] ^ b->stack[i];
	}
	return !differ;
}

static __always_inline uint64_t key_hash(const struct wire_count_key *key)
{
	uint64_t hash = key->type ^ (key->ip ^ key_word(key)) * 0x9e3779b97f4a7c15ull;

#pragma unroll
	for (int i = 0; i < WIRE_STACK_SMALL; i++) {
		if (i >= key->nstack)
			break;
		hash = (hash ^ key->stack[i]) * 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 29;
	}
	return hash | 2; /* not FREE, not MADE */
}

/* Makes a row. Returns false when another program is making one in this place. */
static __always_inline bool row_make(struct wire_count *row, const struct wire_count_key *key,
				     uint64_t hash)
{
	if (__sync_val_compare_and_swap(&row->state, WIRE_COUNT_FREE, WIRE_COUNT_MADE))
		return false;
	row->key = *key;
	__sync_lock_test_and_set(&row->state, hash);
	return true;
}

/* Returns the index of the row of a key, and makes the row if it is new. Returns -1 when there is no
 * room, when another program is making a row here, or when another key has the same hash. It is global,
 * because its callers have no stack to spare. */
__noinline int row_get(const struct wire_count_key *key)
{
	struct wire_count *row;
	uint64_t hash;
	uint32_t at;

	if (!key)
		return -1;
	hash = key_hash(key);
#pragma unroll
	for (int i = 0; i < WIRE_COUNT_PROBES; i++) {
		uint64_t state;

		at = ((hash >> 40) + i) & (WIRE_COUNT_ROWS - 1);
		row = bpf_map_lookup_elem(&counts, &at);
		if (!row)
			return -1;
		state = *(volatile uint64_t *)&row->state;
		if (state == hash)
			return keys_equal(&row->key, key) ? (int)at : -1;
		if (state == WIRE_COUNT_FREE)
			return row_make(row, key, hash) ? (int)at : -1;
		if (state == WIRE_COUNT_MADE)
			return -1;
	}
	return -1;
}

#endif
