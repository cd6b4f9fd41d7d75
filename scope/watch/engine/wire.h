/* The raw record, which a kernel program writes and user space reads. It is the contract between
 * watch/engine/bpf/ and the rooms that read records. It has only fixed-width types and no implicit
 * padding.
 *
 *   small record (most events; built on the BPF stack, and sent with its exact size)
 *   +--------------------+------------------------------+
 *   | struct wire_event  | u64 stack[nstack]            |
 *   +--------------------+------------------------------+
 *   deep record (more than WIRE_STACK_SMALL frames; the size is fixed when the program is loaded)
 *   the same, with room for stack_max frames
 *   big record (WIRE_BIG: a key that is more than one word or one string)
 *   +--------------------+------------------------+----------------------+
 *   | struct wire_event  | struct wire_key        | u64 stack[stack_max] |
 *   +--------------------+------------------------+----------------------+
 */
#ifndef WATCH_ENGINE_WIRE_H
#define WATCH_ENGINE_WIRE_H

#ifdef __bpf__
#include <linux/types.h>
typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
typedef __s16 int16_t;
typedef __s32 int32_t;
typedef __s64 int64_t;
#else
#include <stdint.h>
#endif

#define WIRE_STACK_SMALL 16  /* frames that fit the small record */
#define WIRE_STACK_EXTRA 8   /* frames of the runtime before the first one that is shown */
#define WIRE_STACK_MAX	 520 /* --stack is at most 512, plus those */
#define WIRE_COMM	 16  /* TASK_COMM_LEN of the kernel */
#define WIRE_KEY_INLINE	 64  /* key bytes in struct wire_event */
#define WIRE_SEGMENTS	 8
#define WIRE_KEY_SEGMENT 256 /* the largest segment, as --key-bytes is at most */
#define WIRE_STEPS	 8
#define WIRE_PROBES	 256
#define WIRE_NEWS_RING \
	65536 /* bytes of the ring for WIRE_START and WIRE_EXEC, if the other one is full */
#define WIRE_ANY_GROUP	0xffffffffu /* no group has this id */
#define WIRE_CGROUP_MAX 256	    /* the longest path of a control group of v1, with a NUL */
#define WIRE_FILTER_MAX 256	    /* the longest string of --key or --key-prefix */

enum wire_kind {
	WIRE_DELETE = 1,
	WIRE_CLEAR,
	/* The next two come late, after the other records, when the ring had no room for them. */
	WIRE_START, /* a process of the binary has started; only pid, tid, time_ns, ip are set */
	WIRE_EXEC,  /* a traced process has executed a program; only pid, tid and time_ns are set,
		       and key: its name, WIRE_COMM bytes with a NUL. tid is 0 if another thread
		       than the first did. */
	WIRE_LOAD,  /* the dynamic linker has changed the files of a process; only pid, tid and
		      time_ns are set */
	WIRE_MAP_STEP, /* a struct wire_map_step: elements of a map have moved */
	WIRE_MOVE, /* a process was moved to another control group, or becomes that of another user;
		       only time_ns is set */
};

enum wire_flag {
	WIRE_REMOVED = 1 << 0,
	WIRE_ON_STACK = 1 << 1,	  /* the map header is on the goroutine's stack */
	WIRE_PANICKED = 1 << 2,	  /* a miss that ended in a panic */
	WIRE_STACK_CUT = 1 << 3,  /* more frames than --stack */
	WIRE_STACK_LOST = 1 << 4, /* the frame pointers left the stack, or it was unreadable */
	WIRE_BIG = 1 << 5,
	WIRE_GC_UNKNOWN = 1 << 6,
	WIRE_CHECK = 1 << 7, /* user space must decide the filter; the kernel program cannot */
};

/* What a program could not read, because the kernel was just moving the page. The members of the event
 * are then 0. */
enum wire_unread {
	WIRE_UNREAD_CALL = 1 << 0,   /* map, key, and type unless it is that of sync.Map */
	WIRE_UNREAD_HEADER = 1 << 1, /* header */
	WIRE_UNREAD_STATE = 1 << 2,  /* header, except header[0] */
	WIRE_UNREAD_STACK = 1 << 3,  /* the stack from the last frame on, with WIRE_STACK_LOST */
};

/* The contents of wire_event.key. */
enum wire_key_kind {
	WIRE_KEY_NONE,	   /* a clear; or see key_error */
	WIRE_KEY_RAW,	   /* key_len bytes of the key itself */
	WIRE_KEY_STRING,   /* the first key_len bytes of a string of key_total bytes */
	WIRE_KEY_SEGMENTS, /* in struct wire_key */
};

enum wire_key_error {
	WIRE_KEY_OK,
	WIRE_KEY_FAULT,	   /* unreadable memory */
	WIRE_KEY_NO_PLAN,  /* the map type was not known when the program was loaded */
	WIRE_KEY_NO_FRAME, /* the arguments are not where they should be */
};

/* The event, of 184 bytes. `header` comes last: the kernel program uses it and the stack words
 * after it as one scratch area. */
struct wire_event {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint64_t ip;	  /* run-time address of the probe */
	uint64_t goid;	  /* 0: could not be read */
	uint64_t map;
	uint64_t type; /* run-time address of the map's type; 0 when it could not be read */
	uint32_t pid, tid;
	uint16_t probe; /* WIRE_PROBE */
	uint16_t nstack;
	uint16_t key_len;
	uint8_t kind;  /* enum wire_kind */
	uint8_t flags; /* enum wire_flag */
	uint8_t gc;    /* runtime.gcphase */
	uint8_t key_kind;
	uint8_t key_error;
	uint8_t unread; /* enum wire_unread */
	uint8_t unused[4];
	uint64_t key_total;
	uint8_t key[WIRE_KEY_INLINE];
	uint64_t header[6]; /* first 48 bytes of the map header; [0] is the length after a removal
			       or before a clear */
};

/* A piece of memory that belongs to a key. Segment 0 is the key itself. Others are the bytes of a
 * string in it, or a value that an interface in it holds. */
struct wire_segment {
	uint64_t addr; /* its address in the process */
	uint64_t type; /* run-time type address; 0 for the bytes of a string */
	uint64_t tab;  /* first word of the interface that led here, or 0. Values of several
			  interfaces may have one address (runtime.staticuint64s) */
	uint32_t want; /* its full size in bytes */
	uint32_t len;  /* bytes that were read, in wire_key.bytes[i] */
};

struct wire_key {
	uint32_t nsegments;
	uint32_t truncated; /* there were more segments than fit */
	struct wire_segment segment[WIRE_SEGMENTS];
	uint8_t bytes[WIRE_SEGMENTS][WIRE_KEY_SEGMENT];
};

/* ---- steps of a map (maps --watch) ---- */

#define WIRE_CHAIN_MAX 16 /* buckets of a chain that are read */

/* As enum go_step_kind. */
enum wire_step_kind {
	WIRE_STEP_GROW,
	WIRE_STEP_EVACUATE,
	WIRE_STEP_OVERFLOW,
	WIRE_STEP_CLEAR,
	WIRE_STEP_TABLE,
	WIRE_STEP_RESIZE,
	WIRE_STEP_SPLIT,
	WIRE_STEP_PRUNE,
};

/* What a step lacks. */
enum wire_step_flag {
	WIRE_STEP_UNREAD =
		1 << 0,		 /* memory could not be read; what follows `what` may be missing */
	WIRE_STEP_LONG = 1 << 1, /* the chain has more than WIRE_CHAIN_MAX buckets */
};

/* A step of one map, sent when it is over. event.header is the header then. Of `event`, only kind, pid, tid, time_ns, ip,
 * probe, goid, map, type and header are set. */
struct wire_map_step {
	struct wire_event event;
	uint64_t begun_ns;
	uint64_t before[6]; /* the header before it */
	uint64_t what;	    /* the argument go_step.what_arg */
	uint64_t made;	    /* GO_STEP_OVERFLOW: the new bucket */
	uint32_t bucket_size;
	uint32_t flags; /* enum wire_step_flag */
	/* GO_STEP_EVACUATE: the chain of the old bucket */
	uint32_t buckets;    /* in the chain */
	uint32_t entries;    /* that were in it */
	uint32_t to_x, to_y; /* that went to the lower and to the upper half of the new buckets */
	/* Swiss: the words of the table before; and of the one or two that are there after. 0: none */
	uint64_t table[4], after[2][4];
	uint64_t chain[WIRE_CHAIN_MAX]; /* addresses */
};

/* Configuration, from user space to the kernel program. */

/* How the key argument is passed. */
enum wire_key_arg { WIRE_ARG_NONE, WIRE_ARG_POINTER, WIRE_ARG_32, WIRE_ARG_64, WIRE_ARG_STRING };

#define WIRE_WINDOW 8 /* words of the frame that are read at once at most; a power of two */

/* The name of a probe in a record: the number of its module, and its index in the table of that
 * module. */
#define WIRE_PROBE(module, index) ((module) << 8 | (index))
#define WIRE_PROBE_MODULE(probe)  ((probe) >> 8)
#define WIRE_PROBE_INDEX(probe)	  ((probe)&0xff)
#define WIRE_MODULES		  256

/* The cookie of an attached probe. A slot holds the probes of one module for one process, or for all
 * processes. After an exec the probes of a slot are attached again, with its next generation, and only
 * the newest ones count. */
#define WIRE_COOKIE(generation, slot, probe) \
	((uint64_t)(generation) << 32 | (uint64_t)(slot) << 16 | (probe))
#define WIRE_SLOTS 16384 /* a power of two */

struct wire_probe {
	uint64_t addr; /* link-time; ip - addr is the bias */
	uint8_t key_arg;
	uint8_t words; /* words of the window */
	/* Removal: the words of the window [rbp + window, ...) that hold the arguments. The window
	 * includes the frame's own two words, at -window / 8. */
	uint8_t type_word, map_word, key_word;
	uint8_t map_first;  /* entry, clear: (map, type, ...) instead of (type, map, ...) */
	uint8_t func;	    /* --misses: entry and exits of one function have the same number */
	uint8_t at_push;    /* entry: at the push of rbp, and the frame pointer will be rsp - 8 */
	int16_t window;	    /* bytes from rbp, 0 or less */
	uint8_t if_swapped; /* sync.Map: a removal only if the swap before the probe was made */
	uint8_t sync;	    /* the map is a sync.Map */
	/* sync.Map: the map and the words of the key are so many bytes from the frame pointer. The
	 * return address in the frame must be `caller`, if that is not 0. */
	int16_t map_slot, key_slot;
	uint64_t caller; /* link-time */
	/* Members that the kernel program changes. */
	uint32_t deep;	       /* > 0 while stacks here are deep */
	uint32_t copy_bytes;   /* --summary: bytes from the window's start that hold all frames */
	uint32_t filter_bytes; /* bytes from the window's start that the filters need */
	/* sync.Map, if not 0: the arguments are not known, but the call that is probed stores into the slot
	 * of the hash trie, and the key is so many bytes into the entry there. */
	uint32_t entry_key;
	/* steps of maps: enum go_step_kind, and the numbers of the arguments */
	uint8_t step, type_arg, map_arg, what_arg;
	uint8_t unused[4];
};

enum wire_step_op { WIRE_STEP_STRING = 1, WIRE_STEP_EFACE, WIRE_STEP_IFACE };

struct wire_step {
	uint16_t offset; /* in the segment */
	uint16_t op;
};

/* How a key is compared with --key. */
enum wire_match {
	WIRE_MATCH_ANY,	   /* no key filter */
	WIRE_MATCH_NEVER,  /* no key of this kind can be equal */
	WIRE_MATCH_WORD,   /* (first 8 bytes of the key & mask) == want */
	WIRE_MATCH_STRING, /* compare with filter_words */
	WIRE_MATCH_USER,   /* user space decides */
};

/* Whether --type excludes a map type. */
enum wire_skip {
	WIRE_SKIP_NONE,
	WIRE_SKIP_TYPE,	 /* a map of this type is filtered */
	WIRE_SKIP_SHAPE, /* the same, but the type is a shape: such removals are counted */
};

/* A plan: the knowledge about a type before the first event. The plan of a map type describes the
 * map's KEY. The plan of any other type, which an interface key may hold, describes the type
 * itself. */
struct wire_plan {
	uint64_t want, mask; /* WIRE_MATCH_WORD */
	uint32_t size;	     /* bytes of the key in memory */
	uint8_t key_kind;    /* enum wire_key_kind: how the key is sent */
	uint8_t match;	     /* enum wire_match */
	uint8_t skip;	     /* enum wire_skip */
	uint8_t nsteps;
};

struct wire_type {
	struct wire_plan plan;
	uint8_t direct; /* as the dynamic type of an interface, the data word is the value itself */
	uint8_t sync_inner; /* the type of the maps in a sync.Map */
	uint8_t unused[6];
	uint64_t
		key_type; /* the described type, as the distance from this one; goes to segment 0 */
	struct wire_step step[WIRE_STEPS];
};

/* The Go modules of a process, if it has several. A delete in one of them may meet the types of another:
 * the programs of a module have its own types at hand, and look here for others. */
#define WIRE_PROCESS_MODULES 16 /* a key whose type is in a further one says that it is not read */
#define WIRE_PLACE_BITS	     48 /* of an address in the user half */
#define WIRE_PLACE_MASK	     ((1ull << WIRE_PLACE_BITS) - 1)

struct wire_module {
	uint64_t types, size; /* run-time address of its types, and their bytes; 0: no module */
	uint64_t bias;
	uint64_t number;
};

struct wire_modules {
	struct wire_module module[WIRE_PROCESS_MODULES];
};

/* A bucket gives the indices of types in the table. It is one cache line, which a multiplicative
 * hash of the type's link-time address selects. User space builds the buckets once. It chooses the
 * hash and the size so that none overflows. An array lookup is inlined (4 ns as measured), while a
 * BPF hash needs a call (34 ns). A cell:
 *
 *   63                         20 19            0
 *   +----------------------------+---------------+
 *   | link-time address / 8      | index in types|      0 if empty
 *   +----------------------------+---------------+
 */
#define WIRE_BUCKET_CELLS    8
#define WIRE_TYPE_INDEX_BITS 20
#define WIRE_TYPES_MAX	     (1u << WIRE_TYPE_INDEX_BITS)

struct wire_bucket {
	uint64_t cell[WIRE_BUCKET_CELLS];
};

/* Returns the upper part of a type's cell, by its link-time address. Returns 0 if no type can have
 * that address. */
static inline uint64_t wire_type_tag(uint64_t link)
{
	return link & 7 || link >> (64 - WIRE_TYPE_INDEX_BITS + 3)
		       ? 0
		       : link << (WIRE_TYPE_INDEX_BITS - 3);
}

/* Returns the bucket of a type. `mask` is the number of buckets - 1, `multiplier` is odd. */
static inline uint32_t wire_type_bucket(uint64_t link, uint64_t multiplier, uint32_t mask)
{
	return (uint32_t)((link >> 3) * multiplier >> 32) & mask;
}

/* The key of a row, for hits that the kernel program counts (--summary). Two hits are counted in one row
 * only if they are equal in all members. A row holds WIRE_STACK_SMALL frames. A deeper stack is a chain
 * of rows: the first row has the innermost frames and is the parent of the next. A hit is counted in the
 * last row of its stack. No row is removed while probes are attached. */
struct wire_count_key {
	uint64_t type;	 /* of the map, run-time */
	uint64_t ip;	 /* run-time address of the probe */
	uint16_t probe;	 /* WIRE_PROBE */
	uint16_t parent; /* index + 1 of the row with the frames before these; 0 in the first row */
	uint16_t nstack; /* frames in this row */
	uint8_t kind;	 /* enum wire_kind */
	uint8_t flags;	 /* enum wire_flag */
	uint64_t stack[WIRE_STACK_SMALL]; /* undefined from nstack on */
};

#define WIRE_COUNT_ROWS	      8192 /* a power of two; fits wire_count_key.parent */
#define WIRE_COUNT_PROBES     8	   /* rows that are tried for one key */
#define WIRE_COUNT_CHAIN      ((WIRE_STACK_MAX + WIRE_STACK_SMALL - 1) / WIRE_STACK_SMALL)
#define WIRE_GOROUTINES	      64  /* goroutines of a row that are counted exactly */
#define WIRE_GOROUTINE_SLOTS  128 /* a power of two; twice as many, to have few collisions */
#define WIRE_GOROUTINE_PROBES 8

/* Values of wire_count.state. With any other value the row is ready, and the value is the hash of
 * its key. */
enum { WIRE_COUNT_FREE, WIRE_COUNT_MADE /* its key is being written */ };

/* A row: 19 cache lines. A hit with up to nine frames needs the first two, and one for its
 * goroutine. */
struct wire_count {
	uint64_t state;
	uint64_t hits;
	uint64_t elements; /* that were removed by clears */
	uint64_t ngoroutines;
	struct wire_count_key key;
	uint64_t unused;
	/* Ids made by wire_goroutine(). Each is in one of the WIRE_GOROUTINE_PROBES slots from its
	 * hash on. 0 is a free slot. */
	uint64_t goroutines[WIRE_GOROUTINE_SLOTS];
};

/* Returns an id of a goroutine that no goroutine of another process has. */
static inline uint64_t wire_goroutine(uint64_t goid, uint32_t pid)
{
	return goid ^ (uint64_t)pid << 40;
}

/* Counters for each CPU. They are added atomically, because a program may be preempted at any
 * point. */
struct wire_counters {
	uint64_t other_hits;	   /* all hits except removals */
	uint64_t filtered;	   /* of other_hits */
	uint64_t filtered_shapes;  /* with WIRE_SKIP_SHAPE, of `filtered` and `removed_filtered` */
	uint64_t lost_ring;	   /* the ring was full */
	uint64_t lost_pending;	   /* --misses: too many deletes in progress */
	uint64_t lost_internal;	   /* a tail call failed, the end of a delete was not seen, or
				    * counts_unread() does not know */
	uint64_t removed;	   /* elements, by delete, that the filters let through */
	uint64_t removed_filtered; /* the others */
	uint64_t cleared;	   /* elements, by clear */
	uint64_t misses;
	uint64_t sampled;	 /* left out of the sample */
	uint64_t clears_unknown; /* clears of sync.Maps, and of maps that could not be read */
	uint64_t paused; /* hits that do not count, because probes were being removed or placed */
};

/* The property of a hit that decides whether it is in the sample. A hit is left out if the keyed
 * hash of this property is below a bound. A smaller sample is therefore a part of a larger one. */
enum wire_sample { WIRE_SAMPLE_GOROUTINE, WIRE_SAMPLE_KEY, WIRE_SAMPLE_NONE };
#define WIRE_SAMPLE_BITS 32 /* of the hash */

/* The programs that others tail-call: on_other, for hits that do not fit a small record, and
 * on_miss. */
enum wire_path { WIRE_PATH_REMOVAL, WIRE_PATH_MISS, WIRE_PATHS };

/* The state of the programs at deletes and clears. */
enum wire_mode {
	WIRE_RUNS,
	WIRE_PAUSES, /* their probes are being removed or placed: no hit counts */
	WIRE_STOPPED,
};

/* Probes for all processes of a file (wide) give way to probes in single processes (narrow). For some time
 * a trap meets both, and one of them must count it. The kernel runs the probes that were placed last
 * first (consumer_add() in kernel/events/uprobes.c). A narrow probe therefore notes whether it has
 * counted the hit, and the wide one of the same trap counts what no narrow one has counted. */
enum wire_turn {
	WIRE_TURN_OVER, /* there is only one kind */
	WIRE_TURN_WIDE,
	WIRE_TURN_NARROW,
};

/* Notes of the narrow probes, by the lowest bits of the thread's id. */
#define WIRE_TURNS		     4096 /* a power of two */
#define WIRE_TURN_NOTE(tid, counted) ((uint32_t)(tid) << 1 | (counted))

#endif
