/* Declarations that typing.c and seeds.c share. */
#ifndef LIVE_GOMAP_TYPING_PRIV_H
#define LIVE_GOMAP_TYPING_PRIV_H

#include "live/gomap/gomap_priv.h"
#include "read/heap/heap.h"

enum item_kind {
	ITEM_VALUES,  /* `count` values of the type, one after the other */
	ITEM_MAP,     /* the header of a map of the type */
	ITEM_CHANNEL, /* a channel of the type (hchan) */
};

/* Memory that was found, and is to be searched. */
struct item {
	uint64_t addr, type, count;
	enum item_kind kind;
};

/* An object that begins with the address of a closure's function. */
struct found_closure {
	uint64_t addr, func;
};

struct closure_type {
	uint64_t type; /* run-time */
	bool shape;    /* as in struct typed_closure */
};

struct typing {
	const struct heap *heap;
	const struct gomap_reader *reader;
	const struct gomap_ops *ops;
	const struct heap_options *options;
	struct reach reach;
	struct table
		words; /* the type word of an interface -> index of its type in interfaces, + 1 */
	VEC(uint64_t) interfaces;
	struct table types_at; /* type -> index in types */
	VEC(struct gotype) types;
	struct table seen; /* hash of address and type */
	VEC(struct item) queue;
	size_t done;			/* of the queue */
	uint64_t steps, steps_max;	/* values that were looked at, and that may be */
	bool full;			/* something found no room in the queue */
	VEC(struct gomap_value) others; /* of interfaces, which lead to no map */
	struct gomap_list *maps;
	struct code_types **code; /* what the code of each module says */
	struct described *described;
	VEC(struct found_closure) found;
	struct table closures_at; /* run-time address of a function -> index in closures */
	VEC(struct closure_type) closures;
	VEC(struct item) later; /* closures of generic code */
	bool failed;
};

/* typing.c */
/* Reads a type, and keeps it. Returns NULL if it makes no sense. The result is valid until the next call. */
const struct gotype *typing_type(struct typing *typing, uint64_t addr);
/* Adds memory to search, unless its type leads to no map, or it is in the queue already. */
void typing_push(struct typing *typing, enum item_kind kind, uint64_t addr, uint64_t type,
		 uint64_t count);

/* Returns the map of the list whose header is at an address, or NULL. */
struct gomap *typing_map_at(const struct typing *typing, uint64_t addr);

/* seeds.c */
/* Reads what the code says about the closures that were found, and about global variables that lead to objects. Adds the
 * closures. Errors: out of memory. */
struct error *typing_read_code(struct typing *typing);
/* Adds the global variables whose types the code tells. With `shapes`, adds those whose types come from generic code, and the
 * closures of generic code. */
void typing_add_globals(struct typing *typing, bool shapes);
/* Adds the global variables that debug information describes, if a map that has elements has no type yet. */
void typing_add_described(struct typing *typing);

#endif
