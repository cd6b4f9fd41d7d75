/* Declarations that the files of this room share. */
#ifndef LIVE_HOLDERS_HOLDERS_PRIV_H
#define LIVE_HOLDERS_HOLDERS_PRIV_H

#include "base/table.h"
#include "live/holders/holders.h"
#include "read/heap/heap.h"

enum { WORD = 8 };

enum place_kind {
	PLACE_NONE,   /* nothing is known */
	PLACE_VALUES, /* `count` values of the type, from origin on */
	PLACE_MAP, /* the header of a map; of the type, if it is not 0. The next ones are of the same type: */
	PLACE_PARTS,	 /* buckets or groups, from origin on */
	PLACE_DIRECTORY, /* Swiss: pointers to tables */
	PLACE_TABLE,
	PLACE_EXTRA,	/* classic: mapextra */
	PLACE_OVERFLOW, /* classic: a slice of overflow buckets, or its array */
	PLACE_CHANNEL,	/* hchan; the type is that of the channel */
	PLACE_BUFFER,	/* its elements, from origin on */
	PLACE_CLOSURE,	/* a function and what it has captured */
	PLACE_POOL,	/* the contents of a sync.Pool */
};

/* What is known of the memory that a pointer leads to. */
struct place {
	enum place_kind kind;
	bool slice; /* the values are those of a slice, or of its array */
	uint64_t type, origin, count;
};

/* A word that leads to an object. */
struct edge {
	uint64_t object; /* that has the word */
	uint64_t slot;	 /* its address */
	uint64_t word;
};

enum { STEP_HOPS = 3 };

/* The result of a step: the hops, the one next to the target first, and the place of the target. */
struct step {
	struct holder_hop hops[STEP_HOPS];
	size_t n;
	struct place to;
	bool to_interface; /* it is the value of an interface */
};

enum node_passes { PASSES_UNKNOWN, PASSES_NO, PASSES_YES };

/* An object on a way. */
struct node {
	uint64_t addr;
	uint32_t parent; /* its index + 1; 0: a root */
	bool done;	 /* hop and place are set */
	bool cut;	 /* its way does not lead to a root, because a limit was reached */
	uint8_t passes;	 /* enum node_passes: whether the way leads through the object of paths.c */
	struct heap_source source;
	uint64_t slot, word; /* that leads to it; 0: it was not found again */
	uint64_t goid;
	struct place place;
	const struct holder_hop *hop; /* the first one */
};

struct type_names {
	const char *name, *package; /* NULL: it has none */
};

struct holders {
	struct heap *heap;
	const struct gomap_list *maps;
	const struct heap_options *options;
	struct gotypes types;
	struct table nodes_at; /* address of the object -> index */
	VEC(struct node) nodes;
	VEC(uint32_t) unfinished; /* while ways are added: nodes whose ways go on, as index + 1 */
	struct table strings_at;
	VEC(char *) strings;
	struct table types_at; /* type -> index of its name */
	VEC(struct type_names) type_names;
	struct table hops_at;
	VEC(struct holder_hop *) hops;
	struct table words_at; /* type word of an interface -> index in words */
	VEC(uint64_t) words;
	struct global_uses **uses; /* by module; NULL: not made yet */
	struct elfsym **symbols;   /* by module; NULL: it has none */
	bool named;		   /* both are made */
	uint32_t most;		   /* objects on ways: holders_limit() */
	bool full;		   /* no further object on a way can be kept */
	bool failed;		   /* no memory */
};

/* holders.c */
/* Returns the node of an object, or NULL. */
struct node *holders_node(const struct holders *holders, uint64_t object);

/* Returns the way of an object that is no node: there was no room for it, or nothing holds it. */
struct holder holders_unknown(const struct holders *holders);

/* names.c */
/* Returns the first of a step's hops, the last of which leads to `next`. */
const struct holder_hop *holders_hops(struct holders *holders, const struct step *step,
				      const struct holder_hop *next);
/* Keep a string, each once. Return NULL if memory is out (holders->failed). */
const char *holders_string(struct holders *holders, const char *text);
/* Returns the name of a type, or NULL if it has none. */
const char *holders_type_name(struct holders *holders, uint64_t type);
/* Returns the path of the package of a type's first named part, or NULL if no part is named. */
const char *holders_type_package(struct holders *holders, uint64_t type);
/* Returns a hop that leads to `next`, each once. A hop like `next` itself is `next`, marked as repeated. Returns NULL if
 * memory is out. */
const struct holder_hop *holders_hop(struct holders *holders, struct holder_hop hop,
				     const struct holder_hop *next);
void holders_names_fini(struct holders *holders);

/* place.c */
/* What a word in a value of a type is. */
struct leaf {
	uint64_t type;	 /* of the innermost value that has the word; 0: not known */
	uint64_t offset; /* in it */
	uint64_t
		target; /* if this is a pointer that says less than is known: the type that it leads to */
	bool pool; /* it is the array of a sync.Pool */
};
/* Finds what is at an offset in a value of a type. Appends the path of fields to it ("inner.list[3]"). */
struct leaf holders_leaf(struct holders *holders, uint64_t type, uint64_t offset, struct buf *path);
/* Returns the place of what a value's word leads to. *ret_interface tells whether the value is an interface. */
struct place holders_follow(struct holders *holders, const struct leaf *leaf,
			    const struct edge *edge, bool *ret_interface);
/* Returns what is known of an object by itself. `slot` is a word in it. */
struct place holders_identify(struct holders *holders, uint64_t object, uint64_t slot);
/* Returns the value that a word of a global variable is in, if its type is known. */
struct place holders_global(struct holders *holders, uint64_t slot);
/* Returns the place of an interface's value if the word before a slot names its type. */
struct place holders_interface(struct holders *holders, const struct edge *edge);

/* step.c */
/* Makes the step over an edge, whose object is at a place. */
void holders_step(struct holders *holders, const struct place *from, const struct edge *edge,
		  struct step *ret);

/* roots.c */
/* Makes the step from a root. */
void holders_step_root(struct holders *holders, const struct heap_source *source,
		       const struct edge *edge, struct step *ret, uint64_t *ret_goid);
/* Returns the function at a run-time address of code, or NULL. `entry` tells that it must begin there. */
const char *holders_function(struct holders *holders, uint64_t pc, bool entry);
/* Returns the index of the module whose global variables an address is among, also of those without pointers; the number of modules
 * if there is none. */
size_t holders_data_module(const struct holders *holders, uint64_t addr);
void holders_roots_fini(struct holders *holders);

#endif
