/* gomap: the maps of a Go process, told by what their memory looks like.
 *
 *   gomap.c     all live maps: candidates of the mark, checked and measured
 *   types.c     the map types of the process, by the type of their buckets or groups
 *   classic.c   a map of Go up to 1.23: buckets, overflow buckets, growth
 *   swiss.c     a map of Go since 1.24: groups, tables, a directory
 *   part.c      arrays of buckets or groups
 *   reach.c     which types lead to maps
 *   typing.c    the types of maps, by the typed values that lead to them
 *   slots.c     what lies at a place in a map, or in an interface
 *   seeds.c     the typed values that the search begins with
 *
 * To add a layout:
 *   1. write <layout>.c with a `const struct gomap_ops`, and declare it in gomap_priv.h;
 *   2. add it to the table in gomap.c; its place is the layout's enum go_maps;
 *   3. let its numbers be checked in tests/system/test_maps.py.
 */
#ifndef LIVE_GOMAP_GOMAP_H
#define LIVE_GOMAP_GOMAP_H

#include "base/base.h"
#include "live/heap/heap.h"
#include "read/gofile/gofile.h"

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
	bool on_stack; /* its header is in the stack of a goroutine, perhaps in a part that is not used any more */
	bool by_stack;	   /* as heap_candidate */
	bool changing;	   /* it was never seen at rest: its header and its parts do not agree */
	bool weak;	   /* it is a map only if something typed leads to it */
	bool never_filled; /* it has no buckets or groups yet */
	bool typed_late;   /* it was measured before its type was known */
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
	struct map_types *types; /* for gomap_slot_of() */
	enum go_maps layout;
	uint64_t empty;		/* objects that may be maps that were never filled: nothing tells */
	uint64_t types_dropped; /* types that the arrays of their maps do not fit */
	uint64_t refused;	/* objects with the shape of a header and other contents */
};

/* Marks the heap (heap_mark()), and finds all live maps. The caller frees *ret with gomap_list_fini(), also after an
 * error. Errors: as heap_mark(). */
struct error *gomap_find(struct heap *heap, enum go_maps maps, struct gomap_list *ret);
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

/* The size of a header, and the mask of its pointers (heap_options). Both layouts have 48 bytes. */
enum { GOMAP_HEADER_SIZE = 48 };
uint8_t gomap_header_mask(enum go_maps maps);

#endif
