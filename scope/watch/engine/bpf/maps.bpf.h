// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Configuration, maps and counters of the kernel programs. */
#ifndef WATCH_ENGINE_BPF_MAPS_BPF_H
#define WATCH_ENGINE_BPF_MAPS_BPF_H

/* Set before the programs are loaded. The verifier drops the code that they switch off. */
const volatile uint32_t stack_max = 64;
const volatile uint32_t key_bytes = WIRE_KEY_INLINE;
const volatile uint32_t goid_offset = 152;
const volatile uint64_t gcphase = 0;   /* link-time address of runtime.gcphase; 0: unknown */
const volatile bool use_types = false; /* a filter needs the type of every map */
const volatile bool use_key_filter = false;
const volatile bool use_misses = false;
/* The pid namespace of tophash; 0: the initial one. */
const volatile uint64_t pidns_dev = 0;
const volatile uint64_t pidns_ino = 0;
const volatile uint64_t filter_map = 0;
const volatile uint64_t filter_goid = 0;
const volatile uint32_t filter_len = 0; /* bytes in filter_words */
const volatile bool filter_prefix = false;
const volatile uint64_t filter_words[WIRE_FILTER_MAX / 8] = {};
const volatile uint64_t filter_masks[WIRE_FILTER_MAX / 8] = {};
const volatile bool use_filters = false; /* any filter that the kernel program decides */
const volatile uint64_t type_multiplier = 1;
const volatile uint32_t type_mask = 0; /* buckets - 1 */
/* The types of the file, link-time: --summary counts no others. */
const volatile uint64_t types_begin = 0;
const volatile uint64_t types_size = 0;
const volatile uint32_t deep_size = 0; /* of struct deep_record with stack_max frames */
const volatile uint32_t big_size = 0;  /* of struct big_record likewise */

/* Set while the programs run: nothing is counted or sent any more. */
bool stopped = false;

/* The GC phase, when one process is traced. The instructions that change it are probed. They run with
 * the world stopped, three times a cycle: gc_phase is exact, and no event needs to read the phase. Until
 * the first change, gc_first holds the phase + 1 as user space read it after the probe was placed; 0: not
 * known. */
const volatile bool use_gc_probe = false;
uint32_t gc_changes = 0;
uint32_t gc_phase = 0;
uint32_t gc_first = 0;

uint32_t generation = 0; /* hits of probes that were attached with another one do not count */

/* How often runtime.main has begun while probes stood. One process begins more than once only when it
 * executes itself anew. */
uint32_t begun = 0;

/* The one process that is traced; 0: there may be several. */
uint32_t watched = 0;

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
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct wire_type);
} types SEC(".maps");

/* Maps the address of a type to its index in `types` (drawn in watch/engine/wire.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct wire_bucket);
} type_buckets SEC(".maps");

/* --summary: the table of rows (struct wire_count_key). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct wire_count);
} counts SEC(".maps");

/* The program that on_removal goes on with when the small record does not do. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint32_t);
} slow_paths SEC(".maps");

/* Is always empty (no_private_stack()). A program in `slow_paths` must not use that map itself: they would
 * hold each other, and the kernel would free neither, but for its rule that a program array is emptied
 * with its last descriptor. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint32_t);
} no_paths SEC(".maps");

/* --misses: deletes that have begun and not yet ended, by goroutine. Addresses in the goroutine's stack
 * are relative to its top, because the stack may move. */
struct pending_key {
	uint64_t g;
	uint64_t pid;
};

struct pending {
	struct wire_event event;
	uint64_t frame;	   /* stack.hi - frame pointer */
	uint64_t root;	   /* as in struct call */
	uint64_t key_addr; /* the key argument; key_on_stack: stack.hi - it */
	uint32_t func;
	uint8_t filtered;
	uint8_t key_on_stack;
	uint8_t shape; /* filtered, with WIRE_SKIP_SHAPE */
	uint8_t unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct pending_key);
	__type(value, struct pending);
} pendings SEC(".maps");

/* A copy of a piece of the goroutine's stack. bpf_probe_read_user() costs about 125 ns whether it
 * reads 8 bytes or 512, and therefore one read brings the arguments and several frames. This is per-CPU
 * memory, and a program may be preempted by another on its CPU. A program that finds the copy in use goes
 * the slow way, which does not need it. */
#define STACK_COPY 1024

struct stack_copy {
	uint64_t users;
	uint64_t base; /* address of words[0] in the process */
	uint64_t len;  /* bytes that were read */
	uint64_t n;    /* frames that were taken out of it; the verifier does not track it here */
	uint64_t words[STACK_COPY / 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct stack_copy);
} stack_copies SEC(".maps");

#define add(counter, n) __sync_fetch_and_add(&(counter), (n))

/* Bounds x for the verifier, in places where the compiler would drop the comparison as needless. */
#define bound(x, max)                       \
	do {                                \
		asm volatile("" : "+r"(x)); \
		if ((x) > (max))            \
			(x) = (max);        \
	} while (0)

static __always_inline struct stack_copy *stack_copy_get(void)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(&stack_copies, &zero);
}

static __always_inline struct wire_counters *counters_get(void)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

#endif
