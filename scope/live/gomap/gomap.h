/* gomap: the maps of a Go process, told by what their memory looks like.
 *
 *   gomap.c     all live maps: candidates of the mark, checked and measured
 *   types.c     the map types of the process, by the type of their buckets or groups
 *   classic.c   a map of Go up to 1.23: buckets, overflow buckets, growth
 *   swiss.c     a map of Go since 1.24: groups, tables, a directory
 *   part.c      arrays of buckets or groups
 *   arrays.c    which objects without pointers may be such arrays
 *   candidates.c  the types that fit a map whose type is not known
 *   reach.c     which types lead to maps
 *   typing.c    the types of maps, by the typed values that lead to them
 *   described.c  what debug information tells about types
 *   slots.c     what lies at a place in a map, or in an interface
 *   seeds.c     the typed values that the search begins with
 *   walk.c      the buckets or groups of one map, one after the other
 *   hash.c      Go's hash functions; hasher.c: the one of a map type, with the program's own keys
 *   view.c      one map in full: its header, read again until it is at rest; its parts; where entries are
 *
 * To add a layout:
 *   1. write <layout>.c with a `const struct gomap_ops`, and declare it in gomap_priv.h;
 *   2. add it to the table in gomap.c; its place is the layout's enum go_maps;
 *   3. let its numbers be checked in tests/system/test_maps.py.
 */
#ifndef LIVE_GOMAP_GOMAP_H
#define LIVE_GOMAP_GOMAP_H

#include "base/base.h"
#include "base/buf_type.h"
#include "live/heap/heap.h"
#include "read/gofile/gofile.h"
#include "read/layout/layout.h"

enum { GOMAP_CANDIDATES = 3 };

/* A live map. */
struct gomap {
	uint64_t addr;	   /* of its header */
	uint64_t type;	   /* run-time address of its type; 0: not known */
	uint64_t len;	   /* elements */
	uint64_t capacity; /* slots for elements */
	uint64_t
		bytes; /* that it holds: header, buckets or groups, old and overflow ones, tables, directory */
	uint64_t waste; /* of these, bytes that a new map with the same elements would not hold */
	uint64_t overflow;	 /* classic: overflow buckets */
	uint64_t tombstones;	 /* Swiss: deleted slots that cannot be used yet */
	uint64_t tables;	 /* Swiss */
	bool growing;		 /* classic: elements move from the old buckets to the new ones */
	uint64_t old, evacuated; /* old buckets, and those of them that are empty by now */
	bool moved_unknown; /* it grows, and `evacuated` is not known, because the size of its buckets is not */
	bool on_stack; /* its header is in the stack of a goroutine, perhaps in a part that is not used any more */
	bool by_stack, by_pool; /* as heap_candidate */
	bool changing;	   /* it was never seen at rest: its header and its parts do not agree */
	bool weak;	   /* it is a map only if something typed leads to it */
	bool never_filled; /* it has no buckets or groups yet */
	bool typed_late;   /* it was measured before its type was known */
	/* If its type is not known: the types of the program that fit it. None are given if there are more. */
	uint8_t candidates_n;
	uint64_t candidates[GOMAP_CANDIDATES];
	uint64_t words[6]; /* its header */
};

struct map_types;

/* `count` values of a type, one after the other. */
struct gomap_value {
	uint64_t addr, type, count;
};

struct gomap_list {
	VEC(struct gomap) list; /* by address */
	VEC(struct gomap_value)
	values; /* typed memory that was met, by address; if the heap keeps parents */
	const struct map_types *types; /* for gomap_slot_of(); those of the plan */
	enum go_maps layout;
	uint64_t empty;		/* objects that may be maps that were never filled: nothing tells */
	uint64_t types_dropped; /* types that the arrays of their maps do not fit */
	uint64_t refused;	/* objects with the shape of a header and other contents */
	/* What was given up because a program can make its maps look endless: */
	bool maps_left;	 /* too many buckets and groups: maps are missing, or measured in part */
	bool types_left; /* too many values: types are missing */
	bool candidates_left; /* too many different arrays: some maps have no candidates */
	uint64_t
		unsettled; /* objects that may be maps, kept changing, and were not read ten times because of their number */
};

/* What the files of the program tell: its map types, and what its code says about types. */
struct gomap_plan;

/* A global variable. */
struct gomap_variable {
	uint64_t addr, type; /* run-time */
};

/* What debug information tells about the variables of a module. Types without a descriptor in the program have one that was made
 * (gotype_make()): they are at an address that was asked for, and their fields GOTYPE_MADE_FIELDS after that. Nothing of it is
 * believed: it is read with the checks for a process. */
struct gomap_described {
	VEC(struct gomap_variable) variables;
	struct buf types, fields;
};

/* Describes the variables of a module. Made types are to be at `made`. *ret is empty, and becomes the plan's. Nothing is known: it stays
 * empty. */
typedef void gomap_describe(void *ctx, size_t module, uint64_t made, struct gomap_described *ret);

enum {
	GOMAP_STEPS_MAX = 1 << 28,
	GOMAP_CANDIDATES_STEPS =
		1 << 22, /* types that are compared with arrays, for the candidates of all maps */
};

/* Reads the files for gomap_find(). The plan can be used for other heaps of the same process. Errors: no memory. */
struct error *gomap_plan_new(struct heap *heap, enum go_maps maps, struct gomap_plan **ret);
/* Sets how many buckets and groups of all maps, and how many values, are looked at. The default of both is GOMAP_STEPS_MAX.
 * GOMAP_CANDIDATES_STEPS is lowered to it. */
void gomap_plan_limit(struct gomap_plan *plan, uint64_t steps);
/* For heap_copy_fill(); ctx is the plan. Objects without pointers of other sizes need not be in the copy. */
bool gomap_may_be_array(void *ctx, uint64_t size);
/* Sets who describes variables. Each module is asked about at most once: by the first gomap_find() that finds a map which is not empty
 * and whose type nothing else tells. NULL: nobody is asked any more; what was told before stays. */
void gomap_plan_describe(struct gomap_plan *plan, gomap_describe *describe, void *ctx);
void gomap_plan_free(struct gomap_plan *plan); /* NULL is legal */
CLEANUP_FUNC(struct gomap_plan, gomap_plan_free)

/* Marks the heap (heap_mark()), and finds all live maps. The list borrows from the plan. The caller frees *ret with
 * gomap_list_fini(), also after an error. Errors: as heap_mark(). */
struct error *gomap_find(struct heap *heap, const struct gomap_plan *plan, struct gomap_list *ret);
void gomap_list_fini(struct gomap_list *list);
CLEANUP_VALUE(struct gomap_list, gomap_list_fini)

/* Finds the map whose header begins at an address. Returns NULL if there is none. Borrowed. */
const struct gomap *gomap_at(const struct gomap_list *maps, uint64_t addr);

/* A place in an array of buckets or groups. */
struct gomap_slot {
	enum { GOMAP_SLOT_KEY, GOMAP_SLOT_ELEM, GOMAP_SLOT_LINK /* to an overflow bucket */ } kind;
	uint64_t
		type; /* of the key or element; 0: it does not lie here, but where a pointer leads */
	uint64_t target; /* that type */
	uint64_t offset; /* in the key or element */
};

/* Tells what is at an offset in an array of buckets or groups of a map of a type. Returns false if the type is not known,
 * or the offset is that of neither. */
bool gomap_slot_of(const struct gomap_list *maps, uint64_t map_type, uint64_t offset,
		   struct gomap_slot *ret);
/* Finds the type that the type word of an interface means. Returns 0 if it is none. */
uint64_t gomap_interface_type(const struct gotypes *types, uint64_t word);

/* ---- one map in full ---- */

/* What a walk shows: arrays, each before its parts; parts in the map's own order, overflow buckets after theirs. */
struct gomap_visitor {
	void *ctx;
	void (*on_array)(void *ctx, const struct map_array *array); /* may be NULL */
	bool (*on_part)(void *ctx, const struct map_part *part); /* returns false to end the walk */
};

struct gomap_view;

/* Looks at the map whose header is at an address. It is one of the list that gomap_find() made, or another one; then its
 * type is not known. `list` is borrowed. Errors (ERROR_TARGET): there is no map's header; no memory. */
struct error *gomap_view_open(struct heap *heap, const struct gomap_list *list, uint64_t addr,
			      struct gomap_view **ret);
void gomap_view_close(struct gomap_view *view); /* NULL is legal */
CLEANUP_FUNC(struct gomap_view, gomap_view_close)

/* Reads the header again, and measures the map. Errors (ERROR_TARGET): it is no map any more. */
struct error *gomap_view_refresh(struct gomap_view *view);
/* Returns the map as it was at the last gomap_view_refresh(). Borrowed. */
const struct gomap *gomap_view_map(const struct gomap_view *view);
/* Tells whether the map was in the list. */
bool gomap_view_is_listed(const struct gomap_view *view);
/* Tells whether the header is still as it was, and nobody was writing to the map. */
bool gomap_view_is_at_rest(const struct gomap_view *view);
/* Visits the parts of the map. Bounded, whatever the memory says. Parts and chains that cannot be read have a
 * `fault`. */
void gomap_view_walk(const struct gomap_view *view, const struct gomap_visitor *visitor);

/* Finds the types of keys and elements. Returns false if the map's type is not known. */
bool gomap_view_types(const struct gomap_view *view, uint64_t *ret_key, uint64_t *ret_elem);
/* Reads a part as a whole. Until the next call gomap_view_memory() shows it as it was. Returns false if it cannot be
 * read. */
bool gomap_view_hold(struct gomap_view *view, const struct map_part *part);
/* What the program has done with a part since it was read. */
enum gomap_held {
	GOMAP_HELD_SAME, /* nothing; what its slots point to was read while they pointed to it */
	GOMAP_HELD_CHANGED, /* it has changed, or a write has begun that may have changed half of a slot */
	GOMAP_HELD_GONE, /* the map has other buckets or groups, and its memory may be that of something else */
};

enum gomap_held gomap_view_held(const struct gomap_view *view);
/* Tells what a slot of the part that is held says. */
enum map_slot gomap_view_slot(const struct gomap_view *view, unsigned slot);
/* Returns the byte of a slot of the part that is held, as in map_part.bytes; 0 if none is held. */
uint8_t gomap_view_byte(const struct gomap_view *view, unsigned slot);
/* Finds the key and the element of a slot of the part that is held. Returns false if the type is not known, or a pointer
 * to one of them cannot be read. */
bool gomap_view_entry(const struct gomap_view *view, unsigned slot, uint64_t *ret_key,
		      uint64_t *ret_elem);
/* Computes the hash of a key as the program does. `addr` is that of a key in the part that is held. *bytes_left is lowered by the
 * bytes that are hashed. Returns false if the hash function is none that is known (those of numbers, strings and types that are
 * compared byte by byte are), the key cannot be read, or it has more than *bytes_left bytes. */
bool gomap_view_hash(const struct gomap_view *view, uint64_t addr, uint64_t *bytes_left,
		     uint64_t *ret);
/* Computes the hash of a key that is given: of a string, or of a number that takes n bytes. Returns false if keys are neither,
 * or not as large. */
bool gomap_view_hash_of(const struct gomap_view *view, const void *bytes, size_t n, bool string,
			uint64_t *ret);
/* Returns the byte that a slot has for a hash. */
uint8_t gomap_view_tag(const struct gomap_view *view, uint64_t hash);
/* Tells how many buckets or groups a lookup with a hash visits, up to this one, of which it is the last. Returns false if no
 * lookup comes to it. */
bool gomap_view_probes(const struct gomap_view *view, const struct map_part *part, uint64_t hash,
		       uint64_t *ret);
/* Returns the memory of the process, with the part that is held. Valid as long as the view. */
struct memory gomap_view_memory(const struct gomap_view *view);

/* The size of a header, and the mask of its pointers (heap_options). Both layouts have 48 bytes. */
enum { GOMAP_HEADER_SIZE = 48 };
uint8_t gomap_header_mask(enum go_maps maps);

#endif
