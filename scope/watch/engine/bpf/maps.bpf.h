// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Configuration, maps and counters of the kernel programs. */
#ifndef WATCH_ENGINE_BPF_MAPS_BPF_H
#define WATCH_ENGINE_BPF_MAPS_BPF_H

/* Set before the programs are loaded; the verifier then drops what they switch off. */
const volatile uint32_t stack_max = 64;
const volatile uint32_t key_bytes = WIRE_KEY_INLINE;
const volatile uint32_t goid_offset = 152;
const volatile uint64_t gcphase = 0;   /* link-time address of runtime.gcphase; 0: unknown */
const volatile bool use_types = false; /* a filter needs the type of every map */
const volatile bool use_key_filter = false;
const volatile bool use_misses = false;
/* The pid namespace that tophash lives in; 0: the initial one. */
const volatile uint64_t pidns_dev = 0;
const volatile uint64_t pidns_ino = 0;
const volatile uint64_t filter_map = 0;
const volatile uint64_t filter_goid = 0;
const volatile uint32_t filter_len = 0; /* bytes in filter_words */
const volatile bool filter_prefix = false;
const volatile uint64_t filter_words[WIRE_FILTER_MAX / 8] = {};
const volatile uint64_t filter_masks[WIRE_FILTER_MAX / 8] = {};
const volatile bool use_filters = false; /* any that the kernel program decides */
const volatile uint64_t type_multiplier = 1;
const volatile uint32_t type_mask = 0; /* buckets - 1 */
/* The types of the file, link-time: --summary counts no others. */
const volatile uint64_t types_begin = 0;
const volatile uint64_t types_size = 0;
const volatile uint32_t deep_size = 0; /* of struct deep_record with stack_max frames */
const volatile uint32_t big_size = 0;  /* of struct big_record likewise */

/* Set while running: nothing is counted or sent any more. */
bool stopped = false;

/* The GC phase, when one process is traced. What changes it is probed: that happens with the world
 * stopped, three times a cycle, so what it left is exact, and no event needs to read it. Until the
 * first time, gc_first holds (phase + 1) as user space read it after the probe was placed; 0: not
 * known. */
const volatile bool use_gc_probe = false;
uint32_t gc_changes = 0;
uint32_t gc_phase = 0;
uint32_t gc_first = 0;

uint32_t generation = 0; /* probes attached with another one do not count */

/* How often runtime.main has begun while probes stood: of one process, more than its first time only
 * when it executed itself anew. */
uint32_t begun = 0;

/* How often the process `watched` (0: none) has executed any program, and the one whose file has the
 * inode number `watched_inode`. */
uint32_t watched = 0;
uint64_t watched_inode = 0;
uint32_t executed = 0;
uint32_t executed_again = 0;

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

/* Where in types the description of a type stands: see watch/engine/wire.h. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct wire_bucket);
} type_buckets SEC(".maps");

/* --summary: see struct wire_count_key. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct wire_count);
} counts SEC(".maps");

/* Where on_removal goes on when the small record does not do. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint32_t);
} slow_paths SEC(".maps");

/* --misses: deletes that have begun and not yet ended, by goroutine. Addresses in the goroutine's
 * stack are kept relative to its top, for it may move. */
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
 * reads 8 bytes or 512, so one read brings the arguments and several frames. This is per-CPU memory,
 * and a program may be preempted by another on its CPU: whoever finds it in use goes the slow way,
 * which does without. */
#define STACK_COPY 1024

struct stack_copy {
	uint64_t users;
	uint64_t base; /* address of words[0] in the process */
	uint64_t len;  /* bytes that were read */
	uint64_t n;    /* frames taken out of it: kept here, where the verifier does not follow */
	uint64_t words[STACK_COPY / 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct stack_copy);
} stack_copies SEC(".maps");

#define add(counter, n) __sync_fetch_and_add(&(counter), (n))

/* Bounds x for the verifier where the compiler knows better and would drop the comparison. */
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
