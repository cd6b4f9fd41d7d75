// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Configuration, maps and counters of the kernel programs. */
#ifndef WATCH_ENGINE_BPF_MAPS_BPF_H
#define WATCH_ENGINE_BPF_MAPS_BPF_H

/* Constants that are set before the programs are loaded. The verifier drops the code that they
 * disable. */
const volatile uint32_t stack_max = 64;
const volatile uint32_t key_bytes = WIRE_KEY_INLINE;
const volatile uint32_t goid_offset = 152;
const volatile uint64_t gcphase = 0;   /* link-time address of runtime.gcphase; 0 when unknown */
const volatile bool use_types = false; /* a filter needs the type of every map */
const volatile bool use_key_filter = false;
const volatile bool use_misses = false;
const volatile bool use_counts = false; /* --summary: hits are counted where that can be done */
/* The pid namespace of tophash. 0 is the initial one. */
const volatile uint64_t pidns_dev = 0;
const volatile uint64_t pidns_ino = 0;
/* Offsets in structs of the kernel, for processes in a pid namespace below that one (pid_below()):
 * task_struct.group_leader, task_struct.thread_pid, pid.level, pid.numbers, pid_namespace.ns.inum. All are 0 when
 * they are not known. */
const volatile uint32_t pid_leader_at = 0;
const volatile uint32_t pid_thread_at = 0;
const volatile uint32_t pid_level_at = 0;
const volatile uint32_t pid_numbers_at = 0;
const volatile uint32_t pid_inum_at = 0;
const volatile uint64_t filter_map = 0;
const volatile uint64_t filter_goid = 0;
const volatile uint32_t filter_len = 0; /* bytes in filter_words */
const volatile bool filter_prefix = false;
const volatile uint64_t filter_words[WIRE_FILTER_MAX / 8] = {};
const volatile uint64_t filter_masks[WIRE_FILTER_MAX / 8] = {};
/* sync.Map: the address that stands for its type, and the type of the maps in it. Deletes from those
 * maps are not shown, because the call that makes them is. Both are link-time, and 0 when sync.Maps
 * are not watched. */
const volatile uint64_t sync_map = 0;
const volatile uint64_t sync_inner = 0;
const volatile bool use_filters = false; /* any filter that the kernel program decides */
const volatile uint64_t type_multiplier = 1;
const volatile uint32_t type_mask = 0; /* buckets - 1 */
/* The types of the file, as link-time addresses. --summary counts only these. */
const volatile uint64_t types_begin = 0;
const volatile uint64_t types_size = 0;
const volatile uint32_t deep_size = 0; /* of struct deep_record with stack_max frames */
const volatile uint32_t big_size = 0;  /* of struct big_record with stack_max frames */

/* --max-overhead: what is sampled (enum wire_sample), and the secret of the hash, which is drawn
 * for each run. */
const volatile uint32_t sample_by = WIRE_SAMPLE_NONE;
const volatile uint64_t sample_secret[2] = {};

/* Set while the programs run. The programs of all modules share what follows, and the maps `events`,
 * `counters`, `counts` and `pendings`. */
uint64_t sample_bound = 0; /* hashes below it are left out */
uint32_t mode = WIRE_RUNS; /* enum wire_mode */

/* The GC phase, when one process is traced. The instructions that change it are probed. They run
 * with the world stopped, three times a cycle. gc_phase is therefore exact, and no event needs to
 * read the phase. Until the first change, gc_first holds the phase + 1 that user space read after
 * the probe was placed, or 0 when it is not known. */
const volatile bool use_gc_probe = false;
uint32_t gc_changes = 0;
uint32_t gc_phase = 0;
uint32_t gc_first = 0;

uint32_t generations[WIRE_SLOTS] = {}; /* only hits of probes of the newest generation count */

/* Which probes of module 0 count (enum wire_turn), and the slot of the wide ones. */
uint32_t turn = WIRE_TURN_OVER;
uint32_t turn_slot = 0;
uint32_t turn_notes[WIRE_TURNS] = {};

/* How often runtime.main has begun while probes were attached. One process begins more than once
 * only if it executes itself. */
uint32_t starts = 0;

/* The traced processes, by their ids as tophash sees them, if there are several. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint8_t);
} chosen SEC(".maps");

uint64_t moved_ns = 0; /* the time of the last WIRE_MOVE */

/* With use_tree: how often a process that is not in the tree has begun, which had to take the traps. */
uint32_t strangers = 0;

/* The traced process, or 0 when there may be several. With use_tree it is one of several, and its GC
 * phase is the one that is kept. */
uint32_t watched = 0;
/* The same process by its id in the initial pid namespace. */
uint32_t watched_global = 0;

/* Only hits of a set of processes count: those in the map `tree`, those in a control group, or those of
 * users. Without use_group, they must be in the map and of the users. */
const volatile bool use_tree = false;
const volatile bool use_cgroup = false;
const volatile bool use_users = false;
/* There is no watched process; see engine_options.group. */
const volatile bool use_group = false;
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint64_t);
} tree SEC(".maps");

/* With use_tree: each exec in the tree makes a WIRE_EXEC. */
uint32_t tree_execs = 0;

/* The control group of v1 that the map `tree` follows: its hierarchy, its path without a slash at the
 * end, and the length of that. */
const volatile bool use_cgroup_v1 = false;
const volatile uint32_t v1_hierarchy = 0;
const volatile uint32_t v1_len = 0;
const volatile char v1_path[WIRE_CGROUP_MAX] = {};
/* Offsets in structs of the kernel: cgroup.root, cgroup_root.hierarchy_id, task_struct.tgid. */
const volatile uint32_t v1_root_at = 0;
const volatile uint32_t v1_number_at = 0;
const volatile uint32_t v1_tgid_at = 0;

/* With use_cgroup: the control group. It is not created otherwise. */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint32_t);
} cgroups SEC(".maps");

/* With use_users: their ids in the initial user namespace, and the group that their processes must have
 * (WIRE_ANY_GROUP: any). It is not created otherwise. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint32_t);
} users SEC(".maps");
/* Offsets in structs of the kernel: task_struct.cred, cred.euid. */
const volatile uint32_t cred_at = 0;
const volatile uint32_t euid_at = 0;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} events SEC(".maps");

/* WIRE_START and WIRE_EXEC records for which `events` has no room. The probes of a process would stay off after
 * an exec that nobody hears of. The reader takes these records out after those in `events`. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, WIRE_NEWS_RING);
} news SEC(".maps");

uint32_t news_lost = 0; /* such records that found no room there either */

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

/* User space maps this and the next one, because that fills them faster. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct wire_type);
} types SEC(".maps");

/* Maps the address of a type to its index in `types`. watch/engine/wire.h has a drawing. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct wire_bucket);
} type_buckets SEC(".maps");

/* Whether a process may have several modules. */
const volatile bool several_modules = false;

/* The modules of a process, by its pid as in struct wire_event. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct wire_modules);
} modules_of SEC(".maps");

/* The types of a module, by link-time address. A module whose types no other can meet has none here. */
struct module_types {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, uint64_t);
	__type(value, struct wire_type);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, WIRE_MODULES);
	__type(key, uint32_t);
	__array(values, struct module_types);
} module_types SEC(".maps");

/* --summary: the table of rows (struct wire_count_key). User space maps it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct wire_count);
} counts SEC(".maps");

/* The programs to which others tail-call, by enum wire_path. The verifier checks each once, however
 * many others end in it. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, WIRE_PATHS);
	__type(key, uint32_t);
	__type(value, uint32_t);
} slow_paths SEC(".maps");

/* Always empty (no_private_stack()). A program in `slow_paths` must not use `slow_paths` itself.
 * They would refer to each other, and only the kernel's rule that a program array is emptied with
 * its last descriptor would free them. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint32_t);
} no_paths SEC(".maps");

/* --misses: deletes that have begun and not ended, by goroutine. The stack may move, and then only the
 * distance from its top is the same. But the goroutine, which tells where that is, cannot always be read
 * (take_goroutine()). */
struct pending_key {
	uint64_t g;
	uint64_t pid;
};

struct pending {
	struct wire_event event;
	uint64_t frame;	     /* stack.hi - frame pointer; 0: not known */
	uint64_t frame_addr; /* the frame pointer */
	uint64_t root;	     /* as in struct call */
	uint64_t key_addr;   /* the key argument; if key_on_stack, it moves with the stack */
	uint16_t func; /* as in struct wire_probe, with the module's number in the upper half */
	uint8_t key_arg;
	uint8_t filtered;
	uint8_t key_on_stack;
	uint8_t shape;	 /* filtered because of WIRE_SKIP_SHAPE */
	uint8_t sampled; /* left out of the sample; its key was not read */
	uint8_t sync;	 /* of a sync.Map */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct pending_key);
	__type(value, struct pending);
} pendings SEC(".maps");

/* A copy of a piece of the goroutine's stack. bpf_probe_read_user() costs much the same, whether it
 * reads 8 bytes or 512. Therefore one read gets the arguments and several frames. The copy is in
 * per-CPU memory, and a program may be preempted by another on its CPU. A program that finds the
 * copy taken takes the slow path, which does not need it. */
#define STACK_COPY 1024

/* goid_offset is at most 160. g.stack{lo, hi} is at 0, g.goid is at goid_offset (runtime2.go). */
#define GOROUTINE_WORDS 21

/* A stack that was walked, and its row (known.bpf.h). */
struct known_stack {
	uint32_t row;
	uint16_t n;		       /* frames; 0: no stack */
	uint16_t trust;		       /* other stacks that may still come before it is forgotten */
	uint16_t at[WIRE_STACK_SMALL]; /* offsets of the frames in the copy */
};

#define KNOWN_BITS   6 /* log2 of the number of known stacks */
#define KNOWN_FRAMES 4 /* the innermost frames, which decide the place of a stack */
#define KNOWN_TRUST  8

struct stack_copy {
	uint64_t taken;
	uint64_t base; /* address of words[0] in the process */
	uint64_t len;  /* bytes that were read */
	/* What the last walk found. The verifier does not track values in a map. Therefore it does
	 * not check the code after the walk once for each value. */
	uint64_t n;	/* frames */
	uint64_t flags; /* enum wire_flag; STACK_UNREAD */
	/* For hits that are counted without a record. */
	struct wire_count_key key; /* of the row */
	uint64_t goroutine[GOROUTINE_WORDS];
	struct known_stack known[1 << KNOWN_BITS];
	uint64_t words[STACK_COPY / 8 + 1]; /* one more, so that any word has a next one */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct stack_copy);
} stack_copies SEC(".maps");

#define add(counter, n) __sync_fetch_and_add(&(counter), (n))

/* Bounds x for the verifier, even where the compiler would drop the comparison as needless. */
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

/* Takes the copy, until stack_copy_give(). Returns false when another program has taken it. */
static __always_inline bool stack_copy_take(struct stack_copy *copy)
{
	return !__sync_val_compare_and_swap(&copy->taken, 0, 1);
}

static __always_inline void stack_copy_give(struct stack_copy *copy)
{
	asm volatile("" : : : "memory");
	*(volatile uint64_t *)&copy->taken = 0;
}

static __always_inline struct wire_counters *counters_get(void)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

/* An id in one pid namespace: struct upid of the kernel. */
struct pid_number {
	uint32_t nr;
	uint32_t unused;
	uint64_t ns;
};

#define PID_LEVELS 33 /* MAX_PID_NS_LEVEL of the kernel, and the initial one */

/* Returns the id that this process (or thread) has in the pid namespace of tophash, if its own is below that.
 * bpf_get_ns_current_pid_tgid() refuses to tell it. Returns 0 if it is not known. It is global, and has few
 * variables, because its callers have no stack to spare. */
__noinline uint32_t pid_below(bool process)
{
	uint64_t at = bpf_get_current_task(), number;
	uint32_t word, level;

	if (!pid_numbers_at ||
	    (process && bpf_probe_read_kernel(&at, sizeof(at), (void *)(at + pid_leader_at))) ||
	    bpf_probe_read_kernel(&at, sizeof(at), (void *)(at + pid_thread_at)) ||
	    bpf_probe_read_kernel(&word, sizeof(word), (void *)(at + pid_level_at)))
		return 0;
	number = at + pid_numbers_at;
	level = word;
#pragma clang loop unroll(disable)
	for (uint32_t i = 0; i < PID_LEVELS && i <= level; i++) {
		if (bpf_probe_read_kernel(&at, sizeof(at),
					  (void *)(number + offsetof(struct pid_number, ns))) ||
		    bpf_probe_read_kernel(&word, sizeof(word), (void *)(at + pid_inum_at)))
			return 0;
		if (word == pidns_ino)
			return bpf_probe_read_kernel(&word, sizeof(word), (void *)number) ? 0
											  : word;
		number += sizeof(struct pid_number);
	}
	return 0;
}

/* Who hit which probe. */
struct hit {
	uint64_t pid_tid; /* as bpf_get_current_pid_tgid() returns it */
	uint32_t probe;	  /* WIRE_PROBE() */
};

/* Returns the pid of the process, as in struct wire_event. */
static __always_inline uint32_t own_pid(const struct hit *hit)
{
	struct bpf_pidns_info ns;
	uint32_t below;

	if (!pidns_ino)
		return hit->pid_tid >> 32;
	if (!bpf_get_ns_current_pid_tgid(pidns_dev, pidns_ino, &ns, sizeof(ns)))
		return ns.tgid;
	below = pid_below(true);
	return below ? below : hit->pid_tid >> 32;
}

/* Tells whether hits count. */
static __always_inline bool is_running(void)
{
	struct wire_counters *c;

	if (!mode)
		return true;
	c = counters_get();
	if (c)
		add(c->paused, 1);
	return false;
}

#endif
