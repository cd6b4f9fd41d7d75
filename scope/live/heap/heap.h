/* heap: the objects of a Go process that are alive, by a mark of our own.
 *
 * The mark begins at the roots that Go's own collector has (data, bss, stacks, specials, queued finalizers), and
 * follows the words that the heap calls pointers. It needs neither types nor debug information. The process is only read.
 *
 *   cache.c   memory of the process, in blocks that are kept
 *   copy.c    a copy of pages, which is read in place of the process
 *   fill.c    what goes into the copy
 *   list.c    lists of the runtime that grow while they are read
 *   spans.c   the spans: where objects are, and how large
 *   masks.c   which words of a type are pointers
 *   words.c   which words of an object are pointers
 *   roots.c   data, bss, stacks, specials
 *   queues.c  finalizers and cleanups that are to be run
 *   scan.c    the pointers of an object
 *   held.c    the contents of spans that are visited often
 *   pools.c   what sync.Pools keep, after everything else that is global
 *   mark.c    the mark
 *   parents.c what the mark came from to each object
 *   bitmap.c  the bitmaps of pointers up to Go 1.21
 *   sizes.c   the sizes that objects are rounded to
 *
 * Layout of the heap (runtime/mheap.go): a span is a run of pages of 8 KiB with objects of one size. A page table
 * finds the span of an address. Objects are numbered through, span by span.
 */
#ifndef LIVE_HEAP_HEAP_H
#define LIVE_HEAP_HEAP_H

#include "base/base.h"
#include "base/memory.h"
#include "base/registers.h"
#include "read/elf/elf.h"
#include "read/gofile/gofile.h"
#include "read/heap/heap.h"

/* The mark goes from any span to any other. What it needs of a span is in one cache line. */
struct heap_span {
	uint64_t base;
	uint64_t elem;	      /* bytes of one object, with its slack */
	uint32_t magic;	      /* index = offset * magic >> 32 */
	uint32_t first;	      /* the number of its first object */
	uint16_t elems, free; /* free: objects below this index were allocated at some time */
	uint8_t visits;	      /* of the mark, as far as they are counted */
	bool queued;	      /* the mark will visit it */
	bool noscan;	      /* its objects have no pointers */
	bool large; /* it is one object of no size class; others may be alone in their span, too */
	uint32_t pages;
	uint64_t alloc_bits; /* their address */
	uint64_t type;	     /* of a large object: the address of its type, or 0 */
	uint64_t specials;
};

/* An object that looks like the header of a map: of its size, and with pointers in its places. */
struct heap_candidate {
	uint64_t addr;
	bool by_stack; /* only words of stacks lead to it, which may be left over from calls that have ended */
	/* sync.Pools lead to it, and nothing else but perhaps words of stacks */
	bool by_pool;
	uint64_t words[6];
};

/* What leads to an object: a word of another object, or a root. */
enum heap_source_kind {
	HEAP_SOURCE_NONE, /* it is not known */
	HEAP_SOURCE_OBJECT,
	HEAP_SOURCE_GLOBAL,
	HEAP_SOURCE_STACK,
	HEAP_SOURCE_FINALIZER, /* an object that has one keeps its function and what the object points to */
	HEAP_SOURCE_CLEANUP,
	HEAP_SOURCE_QUEUE, /* the queue of finalizers and cleanups that are to be run */
};

struct heap_source {
	enum heap_source_kind kind;
	/* Object, finalizer, cleanup: the begin of the object. Global, stack, queue: the word. */
	uint64_t addr;
};

/* The stack of a goroutine. */
struct heap_stack {
	uint64_t low, high;
	uint64_t g;
	uint64_t sp, pc; /* where it goes on; 0: it runs at this moment */
};

/* Is told of a word at `slot` that is a pointer, or on a stack may be one. */
typedef void heap_on_pointer(void *ctx, const struct heap_source *source, uint64_t slot,
			     uint64_t word);

/* Facts about what was read. */
struct heap_facts {
	uint64_t spans, objects, bytes; /* in use: their number, and the bytes of their pages */
	uint64_t live;			/* objects that were marked */
	uint64_t visits, read; /* spans that were visited, and bytes that were read for that */
	uint64_t goroutines;
	bool queue_unread; /* the queue of finalizers and cleanups was not found, or makes no sense */
	uint32_t
		cycles; /* of the collector, since the process began, when the spans were read; modulo 2^31 */
};

/* What the mark tells while it reads. */
struct heap_hooks {
	void *ctx;
	/* A value of an interface: the word that names its type (the address of a type or of an itab; it lies among
	 * the types of a module), and the data word. */
	void (*on_interface)(void *ctx, uint64_t type, uint64_t data);
	/* Words of a stack that is in use, in order. `first` is the address of words[0]. The last words of a call come
	 * again at the begin of the next one, so that a header lies in one call. */
	void (*on_stack)(void *ctx, uint64_t first, const uint64_t *words, size_t n);
	/* An object of which the heap notes the type: where its contents begin, and the bytes that they may have. It is one value, or
	 * an array of them. */
	void (*on_object)(void *ctx, uint64_t addr, uint64_t type, uint64_t size);
	/* An object whose first word may be an address in the code of the program or a plugin. */
	void (*on_function)(void *ctx, uint64_t addr, uint64_t func);
};

enum { HEAP_STACK_OVERLAP = 5 }; /* words */

struct heap_options {
	struct memory memory; /* of the process */
	/* The Go modules of the process: the program comes first. Borrowed. */
	const struct gotype_module *modules;
	size_t modules_n;
	/* The size of a map's header and the words of it that are pointers, as bits. */
	uint32_t header_size;
	uint8_t header_mask;
	/* The registers of all threads, if the process stands still. Without them, the stacks of goroutines that run are
	 * searched whole, and pointers that only registers have are not found. Borrowed. */
	const struct registers *registers;
	size_t registers_n;
	/* Mark level by level, and keep what led to each object by the fewest steps. This takes 4 bytes for each object
	 * with pointers. Nothing is kept if there are more than HEAP_PARENTS_MAX of them. */
	bool keep_parents;
};

enum { HEAP_PARENTS_MAX = 1 << 24 };

/* Finds the module whose types an address is among, or NULL. It is for gotypes.find; ctx is the struct heap_options. */
const struct gotype_module *heap_module_of(void *ctx, uint64_t addr);

struct heap;

/* Reads the spans of a process. Errors (ERROR_TARGET): the release is not known; what is read makes no sense (the
 * text says what); no memory. */
struct error *heap_open(const struct heap_options *options, struct heap **ret);
/* Does the same of a process whose heap was opened before (NULL: it was not): its code need not be searched again. */
struct error *heap_open_like(const struct heap *like, const struct heap_options *options,
			     struct heap **ret);
void heap_close(struct heap *heap); /* NULL is legal */
CLEANUP_FUNC(struct heap, heap_close)

/* ---- a copy of the process ----
 *
 * A process need not stand still while it is marked, but only while it is copied:
 *
 *	heap_copy_begin(copy, like);
 *	heap_copy_from(copy, memory of the process that stands);
 *	heap_open_like(like, options with heap_copy_memory(copy), &heap);
 *	heap_copy_fill(copy, heap, wanted, ctx);
 *	if (heap_copy_is_whole(copy))
 *		heap_copy_end(copy, heap);
 *
 * If it is whole, the process may run on, and all that is asked about the heap is answered as it was. Otherwise what is missing is
 * read from the process, which has to stand still for that. */

struct heap_copy;

/* Reserves addresses for a copy of at most `max` bytes, besides its page table. Errors: no memory. */
struct error *heap_copy_new(uint64_t max, struct heap_copy **ret);
void heap_copy_free(struct heap_copy *copy); /* NULL is legal */
CLEANUP_FUNC(struct heap_copy, heap_copy_free)
/* Takes the memory for that many bytes from the kernel, which would take longer than to copy them. */
void heap_copy_prepare(struct heap_copy *copy, uint64_t bytes);
/* Forgets what is in the copy, and copies what never changes, from the memory of a heap that is open: types. From here on, each
 * page is kept that is read through heap_copy_memory(). */
void heap_copy_begin(struct heap_copy *copy, const struct heap *like);
/* Sets what is copied. */
void heap_copy_from(struct heap_copy *copy, struct memory memory);
/* Reads through the copy. Valid as long as the copy. */
struct memory heap_copy_memory(struct heap_copy *copy);
/* Tells whether objects without pointers are needed that take `size` bytes with their slack. */
typedef bool heap_is_wanted(void *ctx, uint64_t size);
/* Returns how many bytes heap_copy_begin() and heap_copy_fill() would copy, of types and of the heap. */
uint64_t heap_copy_size(const struct heap *heap, heap_is_wanted *wanted, void *ctx);
/* Before heap_mark(): reads all that it needs, and the objects of the heap. The heap was opened with the memory of the copy.
 * Errors (ERROR_TARGET): the roots make no sense; no memory. */
struct error *heap_copy_fill(struct heap_copy *copy, struct heap *heap, heap_is_wanted *wanted,
			     void *ctx);
/* Tells whether all that was read is in the copy: it has room for no more than `max` bytes. */
bool heap_copy_is_whole(const struct heap_copy *copy);
/* Ends the copy. Memory that is not in it is read from the process, if it lies outside of the heap: tables of
 * methods and masks of types, which never change. Of the heap, nothing else can be read. */
void heap_copy_end(struct heap_copy *copy, const struct heap *heap);
/* After heap_copy_end(): tells whether anything was read from the process. */
bool heap_copy_was_late(const struct heap_copy *copy);

/* Marks what is alive. Call it once. Errors (ERROR_TARGET): the roots make no sense; no memory. */
struct error *heap_mark(struct heap *heap, const struct heap_hooks *hooks);
/* After heap_mark(): tells whether the `size` bytes at addr lie in one live object, or in the global variables of a
 * module. */
bool heap_is_live(const struct heap *heap, uint64_t addr, uint64_t size);

/* After heap_mark(): tells whether it has kept what led to the objects. */
bool heap_has_parents(const struct heap *heap);
/* Finds what led the mark to the object that addr lies in, by the fewest steps: from global variables if there is such a
 * way, otherwise from stacks. From source to source one comes to a root, and never to the same object again.
 * HEAP_SOURCE_NONE: the object is not alive, has no pointers, or too many roots are known. */
struct heap_source heap_source_of(const struct heap *heap, uint64_t addr);
/* Finds the stack that an address is in, of those that heap_mark() has read. Returns false if there is none. */
bool heap_stack_of(const struct heap *heap, uint64_t addr, struct heap_stack *ret);
/* Calls on_pointer for each pointer in the object that addr lies in, in order. */
void heap_each_pointer(struct heap *heap, uint64_t addr, heap_on_pointer *on_pointer, void *ctx);
/* Calls on_pointer for each pointer in all roots and all live objects, in this order, as they are now. Errors
 * (ERROR_TARGET): as heap_mark(). */
struct error *heap_each_source(struct heap *heap, heap_on_pointer *on_pointer, void *ctx);

/* Returns what heap_open() was given. Borrowed. */
const struct heap_options *heap_options_of(const struct heap *heap);
void heap_facts(const struct heap *heap, struct heap_facts *ret);
/* Returns the address of the number that grows with each cycle of the collector, for heap_cycles_at(). */
uint64_t heap_cycles_addr(const struct heap *heap);
/* Reads how often the collector has run by now, as facts.cycles. Returns false if it cannot be read. An object that was alive when
 * the number was read stays in its place until the number has changed. */
bool heap_cycles_at(const struct memory *memory, uint64_t addr, uint32_t *ret);
/* Returns the live objects that look like headers of maps, by address. Borrowed. */
const struct heap_candidate *heap_candidates(const struct heap *heap, size_t *ret_n);

/* Finds the span of an address. Returns NULL if it is not in the heap. Borrowed. */
const struct heap_span *heap_span_of(const struct heap *heap, uint64_t addr);
/* Finds the object that an address lies in: its begin, and the bytes it takes. Returns false if there is none. */
bool heap_object_of(const struct heap *heap, uint64_t addr, uint64_t *ret_base, uint64_t *ret_size);
/* Reads memory of the process, through the blocks that are kept. */
bool heap_read(const struct heap *heap, uint64_t addr, void *to, size_t size);
/* Forgets the blocks that are kept. What is read next is as it is then. */
void heap_forget(struct heap *heap);
/* Finds the type that the heap notes for an object: in the word before it, or in the span's record. `addr` is
 * where its contents begin. Returns 0 if the heap notes none. */
uint64_t heap_type_of(const struct heap *heap, uint64_t addr);
/* Tells which of the first words of the object that begins at addr are pointers, as bits. *ret_n is how many words are told, 64 at
 * most. Returns false if the heap tells it in another way: there is a type before the object, or it has no
 * pointers. */
bool heap_pointers_of(struct heap *heap, uint64_t addr, uint64_t *ret, uint64_t *ret_n);
/* Finds which of the first 64 words of values of a type are pointers. Returns false if the type makes no sense. */
bool heap_pointers_in(struct heap *heap, uint64_t type, uint64_t *ret);
/* Returns the bytes that an object of this size takes in the heap, with its slack. */
uint64_t heap_slot_size(const struct heap *heap, uint64_t size, bool noscan);

#endif
