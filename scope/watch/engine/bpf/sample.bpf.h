// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* The sample of --max-overhead. It consists of whole goroutines, or of whole keys.
 *
 * A keyed hash decides. The traced program does not know the secret, and therefore cannot keep
 * anything out of the sample on purpose. Leaving out a goroutine costs one read of 8 bytes, which
 * comes before all other reads unless there are filters. Leaving out a key costs the read of the
 * arguments, and one of the string. */
#ifndef WATCH_ENGINE_BPF_SAMPLE_BPF_H
#define WATCH_ENGINE_BPF_SAMPLE_BPF_H

/* The bytes of a key that decide, with zeros after its end. */
struct sample_key {
	uint64_t words[WIRE_KEY_INLINE / 8];
};

static __always_inline uint64_t sample_bound_now(void)
{
	return *(volatile uint64_t *)&sample_bound;
}

/* Returns WIRE_SAMPLE_BITS bits that depend on all bits of x and of the secret. */
static __always_inline uint64_t sample_hash(uint64_t x)
{
	x = (x ^ sample_secret[0]) * 0x9e3779b97f4a7c15ull;
	x ^= x >> 32;
	x = (x + sample_secret[1]) * 0xd6e8feb86659fd93ull;
	x ^= x >> 29;
	return x * 0x9e3779b97f4a7c15ull >> (64 - WIRE_SAMPLE_BITS);
}

/* The two functions below are global so that the verifier checks them once. */

/* Tells whether the goroutine with descriptor g is left out. If it cannot be read, it is not left
 * out. */
__noinline int sample_leaves_goroutine(uint64_t g)
{
	uint64_t bound = sample_bound_now();
	uint64_t goid;

	if (!bound || bpf_probe_read_user(&goid, 8, (void *)(g + goid_offset)))
		return 0;
	return sample_hash(wire_goroutine(goid, bpf_get_current_pid_tgid() >> 32)) < bound;
}

/* Tells whether the key with these bytes is left out. `total` is the length of a string whose first
 * bytes these may be. */
__noinline int sample_leaves_bytes(const struct sample_key *key, uint64_t total)
{
	uint64_t x = total;

	if (!key)
		return 0;
#pragma unroll
	for (int i = 0; i < WIRE_KEY_INLINE / 8; i++)
		x = (x ^ key->words[i] ^ x >> 29) * 0x9e3779b97f4a7c15ull;
	return sample_hash(x) < sample_bound_now();
}

static __always_inline void sample_clear(struct sample_key *key)
{
	__builtin_memset(key, 0, sizeof(*key));
}

static __always_inline bool sample_leaves_string(struct sample_key *key, uint64_t addr,
						 uint64_t len)
{
	uint32_t n = len < WIRE_KEY_INLINE ? len : WIRE_KEY_INLINE;

	sample_clear(key);
	bound(n, WIRE_KEY_INLINE);
	if (n && bpf_probe_read_user(key, n, (void *)addr))
		return false;
	return sample_leaves_bytes(key, len);
}

static __always_inline bool sample_leaves_word(struct sample_key *key, uint64_t word)
{
	sample_clear(key);
	key->words[0] = word;
	return sample_leaves_bytes(key, 0);
}

/* Tells whether the key at this address is left out. A long key, or one with parts elsewhere, is
 * always in the sample. */
static __always_inline bool sample_leaves_pointed(struct sample_key *key, uint64_t addr,
						  const struct wire_plan *plan,
						  const struct stack_copy *copy)
{
	sample_clear(key);
	if (!plan)
		return false;
	if (plan->key_kind == WIRE_KEY_STRING)
		return read_near(key, 16, addr, copy) &&
		       sample_leaves_string(key, key->words[0], key->words[1]);
	return plan->key_kind == WIRE_KEY_RAW && plan->size <= WIRE_KEY_INLINE &&
	       read_near(key, plan->size, addr, copy) && sample_leaves_bytes(key, 0);
}

static __always_inline bool sample_leaves_key(struct sample_key *key, const struct call *call,
					      const struct wire_plan *plan,
					      const struct stack_copy *copy)
{
	if (!sample_bound_now())
		return false;
	switch (call->key_arg) {
	case WIRE_ARG_32: return sample_leaves_word(key, (uint32_t)call->key0);
	case WIRE_ARG_64: return sample_leaves_word(key, call->key0);
	case WIRE_ARG_STRING: return sample_leaves_string(key, call->key0, call->key1);
	case WIRE_ARG_POINTER: return sample_leaves_pointed(key, call->key0, plan, copy);
	}
	return false; /* a clear has no key */
}

/* Tells whether a hit is left out. The arguments are those of key_passes(). */
static __always_inline bool sample_leaves(const struct pt_regs *ctx, uint64_t *chunk,
					  const struct call *call, const struct wire_plan *plan,
					  const struct stack_copy *copy)
{
	if (sample_by == WIRE_SAMPLE_GOROUTINE)
		return sample_leaves_goroutine(ctx->r14);
	return sample_by == WIRE_SAMPLE_KEY &&
	       sample_leaves_key((struct sample_key *)chunk, call, plan, copy);
}

#endif
