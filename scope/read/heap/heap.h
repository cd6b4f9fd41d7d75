/* read/heap: where the runtime of a Go program keeps its heap. It reads the program's file; live/heap
 * reads the process.
 *
 *   fields.c    offsets in the runtime's structures, by release
 *   calls.c     all calls of some functions
 *   globals.c   the addresses of the runtime's variables, from its code
 *   queues.c    those of queued finalizers and cleanups
 *   hashing.c   the variables of the hash functions of maps
 *   uses.c      which functions use a global variable
 *   roles.c     the functions that walk.c knows
 *   mentions.c  which functions mention a variable or a closure
 *   named.c     types by the names of their methods
 *   walk.c      the types of global variables and closures, from the code of a function that uses or makes them
 *   code_types.c  answers to questions about variables and closures
 *   agree.c     what several places in the code say about one variable
 */
#ifndef READ_HEAP_HEAP_H
#define READ_HEAP_HEAP_H

#include "base/base.h"
#include "read/gofile/gofile.h"

/* How the heap tells which words of an object are pointers. */
enum heap_bits {
	HEAP_BITS_NIBBLES, /* to 1.19: in the arena, four words a byte: pointer bits, and "more" bits */
	HEAP_BITS_ARENA, /* 1.20, 1.21: in the arena, a bit a word, and a "no more" bit for 64 words */
	HEAP_BITS_SPAN, /* since 1.22: at the end of the span, before the object, or in the span's record */
};

/* Offsets in bytes, in the structures of runtime/mheap.go, symtab.go and runtime2.go. */
struct heap_fields {
	enum heap_bits bits;
	uint32_t allspans; /* in mheap: a slice of *mspan */
	uint32_t arenas; /* in mheap: the first pointer of the arena map; 0 when it is not needed */
	uint16_t span_start, span_pages, span_free_index, span_elems, span_alloc_bits, span_class,
		span_state, span_elem_size, span_limit, span_specials, span_large_type;
	uint16_t span_size;	  /* bytes that are read of one */
	uint8_t span_count_width; /* bytes of freeindex and nelems */
	uint16_t special_offset;  /* in special: the offset of its object in the span */
	uint8_t special_offset_width;
	uint16_t special_kind, special_function;
	uint8_t finalizer, cleanup;   /* kinds of specials; 0: there is none */
	uint8_t cleanup_words;	      /* pointers of a cleanup, in its special and in the queue */
	bool cleanup_queue;	      /* cleanups have a queue of their own */
	uint16_t data_mask, bss_mask; /* in moduledata: {n i32; bytedata ptr} */
	uint16_t g_status, g_syscall_sp;
};

/* The same in every release: g.stack.lo, g.stack.hi, g.sched.sp; struct sizes of slices. */
enum { G_STACK_LO = 0, G_STACK_HI = 8, G_SCHED_SP = 56 };

/* Finds the fields of a program's release. Errors (ERROR_TARGET): the release is not known, or was built
 * with an experiment that changes them. */
struct error *heap_fields_of(const struct gopcln *tab, struct heap_fields *ret);

/* Link-time addresses of variables of the runtime. */
struct heap_globals {
	uint64_t mheap; /* runtime.mheap_ */
	uint64_t allgs; /* runtime.allgs, a slice of *g */
	/* Words that point to the first block of all queued finalizers, and of all queued cleanups, which have a queue of their own since
	 * 1.25. 0: not found. */
	uint64_t finalizers, cleanups;
	/* sync.allPools and sync.oldPools, slices of *sync.Pool, in any order; 0: the program has no pools, or its code is none of
	 * the known forms. */
	uint64_t pools[2];
};

/* Finds them in the code of the runtime. Symbols are not needed. Errors (ERROR_TARGET): the code is none of the
 * known forms; out of memory. */
struct error *heap_globals_find(const struct image *image, const struct gopcln *tab,
				struct heap_globals *ret);

/* Link-time addresses of what the hash functions of maps read. */
struct hash_globals {
	uint64_t use_aes;  /* a bool: the processor has instructions for AES */
	uint64_t schedule; /* 128 bytes: the random key of the hash that uses them */
	uint64_t key;	   /* 4 words: that of the other hash; the first word alone up to Go 1.22 */
};

/* Finds them in the code. Returns false if it is none of the known forms. */
bool hash_globals_find(const struct image *image, const struct gopcln *tab,
		       struct hash_globals *ret);

/* What memory at an address holds. */
enum typed_as {
	TYPED_MAP,     /* a pointer to a map of the type */
	TYPED_POINTER, /* a pointer to a value of the type */
	TYPED_SLICE,   /* a slice of the type */
	TYPED_VALUE,   /* a value of the type */
};

/* A global variable, or a part of one. */
struct typed_global {
	uint64_t addr; /* link-time */
	uint64_t type; /* link-time */
	uint8_t as;    /* enum typed_as */
	bool shape; /* the type comes from the code of a generic function, in which types of one shape are alike */
};

/* The type of closures with a function: the address of the function, then what the closure has captured. */
struct typed_closure {
	uint64_t func; /* link-time address of its entry */
	uint64_t type; /* link-time */
	bool shape;
};

/* What the code of a module says about types. Reading all of the code takes long. Therefore one asks about variables and
 * closures, and the functions that mention these are read. */
struct code_types;

/* Searches the code for mentions. All is borrowed. Errors: out of memory. */
struct error *code_types_open(const struct image *image, const struct gopcln *tab,
			      struct code_types **ret);
void code_types_free(struct code_types *types); /* NULL is legal */
CLEANUP_FUNC(struct code_types, code_types_free)

/* Asks for the type of closures with a function. Returns false if the code makes none. */
bool code_types_ask_closure(struct code_types *types, uint64_t func);
/* What the code may do with a variable. */
enum mention_kind {
	MENTION_MAP,	 /* use it as a map */
	MENTION_STORE,	 /* store something that was made into it */
	MENTION_POINTER, /* call a method of what it points to */
	MENTION_VALUE,	 /* call a method of it */
};

/* Tells whether the answer is wanted if the code does that. `type` is the link-time address of the type that has the method, or
 * 0 if it is not known or there is no method. */
typedef bool code_is_wanted(void *ctx, uint64_t addr, enum mention_kind kind, uint64_t type);

/* Asks for the types of all variables for which is_wanted returns true. */
void code_types_ask_variables(struct code_types *types, code_is_wanted *is_wanted, void *ctx);
/* Finds what was asked for. Errors: out of memory. */
struct error *code_types_read(struct code_types *types);
/* Return what was asked for and found: variables by address, closures by function, each once. What the code says in several
 * ways is left out. Valid until the next code_types_read(). */
const struct typed_global *code_types_globals(const struct code_types *types, size_t *ret_n);
const struct typed_closure *code_types_closures(const struct code_types *types, size_t *ret_n);

/* The uses of all global variables in a program's code. */
struct global_uses;

/* Searches the code. Both are borrowed. Errors: out of memory. */
struct error *global_uses_find(const struct image *image, const struct gopcln *tab,
			       struct global_uses **ret);
void global_uses_free(struct global_uses *uses); /* NULL is legal */
CLEANUP_FUNC(struct global_uses, global_uses_free)

enum { GLOBAL_USERS = 2 };

/* Finds functions that use the variable at a link-time address, or the nearest one at most 72 bytes below it: the address
 * may be that of a member. Functions that only initialise come last. Returns their number, and the address that is used.
 * Names are borrowed. */
size_t global_users(const struct global_uses *uses, uint64_t addr, const char *ret[GLOBAL_USERS],
		    uint64_t *ret_addr);

#endif
