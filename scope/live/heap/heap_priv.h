/* Declarations that the files of this room share. */
#ifndef LIVE_HEAP_HEAP_PRIV_H
#define LIVE_HEAP_HEAP_PRIV_H

#include "base/table.h"
#include "live/heap/heap.h"

enum {
	PAGE_BITS = 13, /* pages of 8 KiB */
	PAGE = 1 << PAGE_BITS,
	ARENA_BITS = 26, /* 64 MiB */
	ARENA_PAGES = 1 << (ARENA_BITS - PAGE_BITS),
	WORD = 8,
	SMALL_MAX = 512, /* larger objects have their type before them (1.22) */
	CACHE_BLOCK = 1 << 14,
	CACHE_BLOCKS = 256,
	NEAR_ARENAS = 64,
	SOON = 32, /* pointers */
	HELD_SPANS = 1 << 13,
};

/* Blocks of the memory of the process, by address. */
struct heap_cache {
	struct memory memory;
	struct {
		uint64_t addr; /* of the block; 1: none */
		uint32_t have; /* bytes from its begin that could be read */
		uint8_t *bytes;
	} blocks[CACHE_BLOCKS];
};

/* Spans of an arena, by page; 0: none, otherwise the index + 1. */
struct heap_arena {
	uint32_t spans[ARENA_PAGES];
	uint64_t record; /* the address of its heapArena (to 1.21); 0: not read yet */
};

enum {
	PIECE_MAX = 1 << 20, /* bytes of the heap that are read at once */
};

/* An arena that was found. */
struct heap_near {
	uint64_t number;
	const struct heap_arena *arena; /* NULL: none */
};

/* A pointer that was found and not followed yet. What it needs is on its way from memory. */
struct heap_soon {
	struct heap_span *span; /* NULL: none */
	uint64_t word;		/* the pointer, or the number of its object */
	uint32_t source_code;	/* as heap.source_code */
};

/* The contents of a span. */
struct heap_held {
	uint64_t base; /* 0: none */
	uint64_t size; /* bytes at words, or 0 */
	uint64_t *words;
};

/* The bits of a piece of the heap, to Go 1.21 (bitmap.c). */
struct heap_bitmap {
	bool nibbles;
	uint8_t bits[PIECE_MAX / 32];
	uint8_t no_more[PIECE_MAX / 4096];
};

/* Which words of a type are pointers. */
struct heap_mask {
	uint64_t addr;	/* of the type */
	uint64_t size;	/* of a value */
	uint64_t words; /* bits in the mask; words after them are no pointers */
	uint8_t *bits;
};

/* Addresses [from, to). */
struct heap_range {
	uint64_t from, to;
};

/* An array of a sync.Pool or of a list of pools, and the word of the pool or list that leads to it. */
struct heap_aside {
	uint64_t slot, array;
	bool list;
	bool due; /* it is searched now */
};

struct heap {
	struct heap_options options;
	struct heap_hooks hooks;
	struct heap_range types, text; /* of all modules, at run time, with what is between them */
	VEC(struct heap_range) globals_at; /* data and bss of all modules */
	struct heap_fields fields;
	struct heap_globals globals; /* run-time addresses */
	struct heap_cache *cache;
	VEC(struct heap_span) spans;
	VEC(struct heap_range) stacks_at;   /* spans of stacks, also of those that nobody uses */
	struct table arenas_at;		    /* arena number -> index */
	VEC(struct heap_arena *) arenas;    /* owned */
	struct heap_near near[NEAR_ARENAS]; /* arenas that were found last */
	struct table masks_at;
	VEC(struct heap_mask) masks;
	uint64_t mask_words;	    /* of all masks */
	uint64_t *marked, *scanned; /* bits, by object */
	uint32_t *queue;	    /* spans to visit, a ring */
	size_t queue_head, queue_len;
	struct heap_soon soon[SOON]; /* a ring */
	unsigned soon_at;
	uint32_t searched;	/* the number of the object that is searched by heap->mark_soon */
	struct heap_held *held; /* HELD_SPANS of them, or NULL */
	uint64_t held_bytes;
	uint64_t *buffer;	    /* of PIECE_MAX bytes: the contents of a span */
	struct heap_bitmap *bitmap; /* of the same piece */
	VEC(struct heap_candidate) candidates;
	const uint64_t *words;	   /* what is searched: in the buffer, or held */
	uint64_t words_addr;	   /* its address */
	uint32_t in_buffer;	   /* with on_pointer: the number of the span in the buffer, + 1 */
	uint32_t scannable;	   /* objects in spans with pointers: their numbers come first */
	uint32_t *parents;	   /* by object: a code of parents.c; NULL: they are not kept */
	VEC(uint32_t) scan_spans;  /* the spans with pointers, by address */
	uint64_t *fresh;	   /* bits, by object: found in this level of the mark */
	struct heap_source source; /* what is searched now */
	uint32_t source_code;	   /* its code; 0: it has none yet */
	VEC(struct heap_source) roots; /* that led to an object first */
	VEC(struct heap_stack) stacks; /* by address, after the mark */
	heap_on_pointer *on_pointer;   /* is told of pointers, in place of the mark */
	void *on_pointer_ctx;
	struct heap_facts facts;
	struct error *failed;
	bool inline_marks;	      /* Green Tea: marks at the end of spans of small objects */
	bool mark_soon;		      /* what is found now is marked soon */
	bool by_stack;		      /* what is found now, only stacks lead to */
	bool by_pool;		      /* what is found now, no global variables lead to but pools */
	VEC(struct heap_aside) aside; /* arrays of pools that are searched later */
};

/* cache.c */
struct error *heap_cache_new(struct memory memory, struct heap_cache **ret);
void heap_cache_free(struct heap_cache *cache);
void heap_cache_forget(struct heap_cache *cache);
bool heap_cache_read(struct heap_cache *cache, uint64_t addr, void *to, size_t size);

/* copy.c */
/* Forgets what is in the copy. From here on, each page is kept that is read. */
void heap_copy_forget(struct heap_copy *copy);
/* Copies the pages of a range that can be read and are not in the copy. */
void heap_copy_range(struct heap_copy *copy, uint64_t addr, uint64_t size);

/* list.c */
/* A list of pointers that the runtime makes longer at any time, and may move. Its beginning stays the same. */
struct heap_list {
	const struct heap *heap;
	uint64_t addr;	/* of the slice */
	uint64_t max;	/* a longer one makes no sense */
	uint64_t words; /* where it is */
	uint64_t len;
};
/* Reads where the list is, and its length. Returns false if it makes no sense, or is empty. */
bool heap_list_begin(struct heap_list *list);
/* Reads n pointers. Returns false if they cannot be read. */
bool heap_list_read(struct heap_list *list, uint64_t from, uint64_t *to, size_t n);

/* spans.c */
struct error *heap_read_spans(struct heap *heap);

/* masks.c */
/* Finds the mask of a type. Returns NULL if the type makes no sense, or memory is out (heap->failed). */
const struct heap_mask *heap_mask_of(struct heap *heap, uint64_t type);
void heap_masks_fini(struct heap *heap);

/* bitmap.c */
/* Reads the bits of at most PIECE_MAX bytes from a page on. */
bool heap_bitmap_read(struct heap *heap, uint64_t addr, uint64_t size, struct heap_bitmap *to);
/* Tells in *ret whether a word of the piece is a pointer. Returns false if its object has no pointer from here on. */
bool heap_bitmap_pointer(const struct heap_bitmap *bitmap, uint64_t word, bool *ret);
/* Tells whether the object of a word has no pointer after it. */
bool heap_bitmap_ends(const struct heap_bitmap *bitmap, uint64_t word);

/* roots.c */
/* Marks what global variables, finalizers and cleanups lead to. */
struct error *heap_mark_roots(struct heap *heap);
/* Marks what words of stacks may lead to. */
struct error *heap_mark_stacks(struct heap *heap);

/* queues.c */
/* Marks what finalizers and cleanups keep that wait to be run. */
void heap_mark_queues(struct heap *heap);

/* Returns the bits of the first words of an object, as far as they fit. `first` is the index of the first one in
 * heap->bitmap. */
uint64_t heap_bitmap_first(const struct heap *heap, uint64_t first, uint64_t n);

/* held.c */
/* Returns the contents of a span that was visited often. They are read at the first call, and kept until heap_held_free().
 * Returns NULL if it was not visited often, or cannot be held. */
const uint64_t *heap_held(struct heap *heap, struct heap_span *span);
void heap_held_free(struct heap *heap);

/* scan.c */
/* Reads a span of at most PIECE_MAX bytes, and its bits. heap->words are its contents then. */
bool heap_read_span(struct heap *heap, struct heap_span *span);
/* Searches one object of the span that was read. */
void heap_scan_words(struct heap *heap, const struct heap_span *span, uint32_t index);
/* Searches an object that is larger than the buffer, piece by piece. */
void heap_scan_large(struct heap *heap, const struct heap_span *span);
/* Marks what an object points to, but not the object itself. */
void heap_scan_object(struct heap *heap, uint32_t span, uint32_t index);
/* Searches all marked objects again, for heap->on_pointer. */
void heap_scan_marked(struct heap *heap);

/* mark.c */
/* Tells whether an object is in use, or was when the span was swept last. It counts as in use if that cannot be read. */
bool heap_is_allocated(const struct heap *heap, const struct heap_span *span, uint32_t index);
/* Tells the hook of the value of an interface, if the word before a pointer names a type. */
static inline void heap_tell_interface(struct heap *heap, uint64_t type, uint64_t data)
{
	if (!heap->on_pointer && type - heap->types.from < heap->types.to - heap->types.from &&
	    data && heap->hooks.on_interface &&
	    (heap->options.modules_n == 1 || heap_module_of(&heap->options, type)))
		heap->hooks.on_interface(heap->hooks.ctx, type, data);
}
/* Marks the object that a word points into. `sure` tells that the word is a pointer for certain; otherwise a free
 * object is not marked. */
void heap_mark_word(struct heap *heap, uint64_t word, bool sure);
/* Marks as heap_mark_word() does, or passes the word at `slot` to heap->on_pointer. */
static inline void heap_follow(struct heap *heap, uint64_t slot, uint64_t word, bool sure)
{
	if (heap->on_pointer)
		heap->on_pointer(heap->on_pointer_ctx, &heap->source, slot, word);
	else
		heap_mark_word(heap, word, sure);
}
/* Marks the object that a pointer leads to. It may do so later, before the visit of heap->visited ends. */
void heap_mark_soon(struct heap *heap, uint64_t word);

/* Puts a span into the queue, unless it is there. */
void heap_enqueue(struct heap *heap, struct heap_span *span);

/* pools.c */
/* Sets aside what sync.Pools keep, before the mark. Errors: no memory. */
struct error *heap_set_pools_aside(struct heap *heap);
/* Enters the arrays of pools into the queue that are known to be in use, or `all` of them. Returns whether there were any. */
bool heap_mark_pools(struct heap *heap, bool all);
/* Enters the lists of pools into the queue. */
void heap_mark_pool_lists(struct heap *heap);

/* parents.c */
struct error *heap_parents_new(struct heap *heap);
void heap_parents_free(struct heap *heap);
/* Sets what is searched from here on. */
static inline void heap_search(struct heap *heap, enum heap_source_kind kind, uint64_t addr)
{
	heap->source = (struct heap_source){kind, addr};
	heap->source_code = 0;
}
/* Notes what led to an object. */
void heap_note_parent(struct heap *heap, uint32_t object);
/* Sorts the stacks. */
void heap_sort_stacks(struct heap *heap);

/* Returns the bytes of all pages of a span. */
static inline uint64_t heap_span_size(const struct heap_span *span)
{
	return (uint64_t)span->pages << PAGE_BITS;
}

/* Returns the index of the object that an address in a span is in; it may be too large, in the slack at the end. */
static inline uint32_t heap_index_in(const struct heap_span *span, uint64_t addr)
{
	return span->magic ? (uint32_t)((addr - span->base) * span->magic >> 32) : 0;
}

static inline bool bit_get(const uint64_t *bits, uint64_t i)
{
	return bits[i >> 6] >> (i & 63) & 1;
}

static inline void bit_clear(uint64_t *bits, uint64_t i)
{
	bits[i >> 6] &= ~(1ull << (i & 63));
}

static inline void bit_set(uint64_t *bits, uint64_t i)
{
	bits[i >> 6] |= 1ull << (i & 63);
}

#endif
