/* holders: what keeps an object of a Go process alive: the way from the object to a root.
 *
 * The mark notes for each object what led to it first (heap_source_of()). From root to object, the types of the values
 * on the way are followed, so that fields, keys, elements and captured variables have names. Where the types are lost
 * (unsafe.Pointer), the way goes on without names until an object is met whose type is known.
 *
 *   hop.h      a step of the way, for reports
 *   holders.c  the objects on the ways of many objects, each looked at once
 *   step.c     one step: from a typed place to what a word in it leads to
 *   place.c    the type of what is at an address
 *   roots.c    names of global variables, functions of stack frames
 *   names.c    strings and hops, each kept once
 *   paths.c    all that leads to one object
 */
#ifndef LIVE_HOLDERS_HOLDERS_H
#define LIVE_HOLDERS_HOLDERS_H

#include "base/base.h"
#include "live/gomap/gomap.h"
#include "live/heap/heap.h"
#include "live/holders/hop.h"

struct holders;

enum { HOLDERS_MAX = 1 << 21 }; /* objects on the ways, which are kept: 250 MB */

/* Makes holders for a heap that has been marked with keep_parents, and its maps. Both are borrowed.
 * Errors: no memory. */
struct error *holders_new(struct heap *heap, const struct gomap_list *maps, struct holders **ret);
/* Sets how many objects on ways are kept, at most HOLDERS_MAX, which is the default. */
void holders_limit(struct holders *holders, uint32_t most);
void holders_free(struct holders *holders); /* NULL is legal */
CLEANUP_FUNC(struct holders, holders_free)

/* Finds the ways of n objects, by addresses in them. Many at once are faster. Errors: no memory. */
struct error *holders_find(struct holders *holders, const uint64_t addrs[], size_t n);

/* What holds an object. Strings and hops belong to the holders. */
struct holder {
	const struct holder_hop *hop; /* NULL: it is not known */
	uint64_t goid;		      /* of the goroutine, if the root is a stack; otherwise 0 */
	uint64_t object,
		slot; /* the object that leads on (0: a root), and the address of the word */
	bool cut; /* its way is not known up to a root: more than HOLDERS_MAX objects are on ways */
};

/* After holders_find() with it: returns the first hop of an object's way. Objects that are held in the same way have the
 * same hop. */
struct holder holders_of(const struct holders *holders, uint64_t addr);

/* A way to one object, by one of the pointers to it. */
struct holder_path {
	const struct holder_hop *hop;
	uint64_t goid;
	uint64_t object, slot; /* as in struct holder */
	uint64_t type;	       /* that the object has by this way; or 0 */
	uint64_t alike;	       /* further pointers whose way has the same hops */
	unsigned cost;
};

struct holder_paths {
	uint64_t object,
		size; /* the object, and the bytes that it takes; 0: the address is in no live object */
	uint64_t type;	       /* 0: it is not known */
	const char *type_name; /* NULL: it is not known */
	uint64_t pointers;     /* to it, all of them */
	uint64_t
		left_out; /* of these: their ways are not in the list, because there are too many */
	uint64_t cut;	  /* of these: their ways are not known up to a root, as holder.cut tells */
	VEC(struct holder_path)
	list; /* the best first: short ones with names; each with other hops */
};

/* Finds all ways to the object that addr lies in, by all pointers to it. For each holder it is the one that the mark
 * keeps, unless that leads through the object itself. The caller frees *ret, also after an error. Errors: no memory; the
 * roots make no sense. */
struct error *holders_paths(struct holders *holders, uint64_t addr, struct holder_paths *ret);
void holder_paths_fini(struct holder_paths *paths);
CLEANUP_VALUE(struct holder_paths, holder_paths_fini)
/* Tells what an address in no live object is. If it is in a global variable or a stack, sets *ret to this root and
 * returns NULL. Otherwise returns why nothing holds it. */
const char *holders_place_name(struct holders *holders, uint64_t addr, struct holder *ret);
/* Appends the fields at an address in an object of a type: "inner.tags". */
void holders_field(struct holders *holders, uint64_t type, uint64_t offset, struct buf *to);

#endif
