/* Declarations that the files of this room share. */
#ifndef READ_HEAP_HEAP_PRIV_H
#define READ_HEAP_HEAP_PRIV_H

#include "read/code/code.h"
#include "read/heap/heap.h"

/* A search for all calls of some functions. */
struct call_search {
	const struct image *image;
	const struct gopcln *tab;
	bool (*is_target)(const char *name); /* a function whose calls are wanted */
	bool (*is_caller)(const char *name); /* a function whose code is read; NULL: any */
	/* Called before the calls of a function, with its code, which is empty if the file does not have it. NULL: nothing is to be
	 * done. */
	struct error *(*begin)(void *ctx, const struct code *code);
	struct error *(*call)(void *ctx, const struct code *code, const struct code_insn *call);
	void *ctx;
};

/* Calls search->call for each call, in the order of addresses. *ret_targets is how many functions are targets.
 * Errors: out of memory, and those of begin() and call(), which end the search. */
struct error *heap_each_call(const struct call_search *search, size_t *ret_targets);

/* Decodes a function. One whose bytes are not in the file has no instructions. Errors: out of memory. */
struct error *heap_code_of(const struct image *image, const struct gopcln_func *func,
			   struct code *ret);

/* globals.c */
/* Finds the variable that is the receiver of nearly all calls of some methods, by functions of the runtime. Writes 0 if there is no
 * such one. Errors: out of memory. */
struct error *heap_receiver_find(const struct image *image, const struct gopcln *tab,
				 bool (*is_one)(const char *name), uint64_t *ret);

/* queues.c */
/* Finds ret->finalizers and ret->cleanups, which are 0 otherwise. Errors: out of memory. */
struct error *heap_queues_find(const struct image *image, const struct gopcln *tab,
			       struct heap_globals *ret);

/* ---- types from code ---- */

enum role {
	ROLE_MAP_USE, /* (type, map, ...): mapaccess, mapassign, mapdelete, ... */
	ROLE_NEW,     /* newobject(type) *value */
	ROLE_MALLOC, /* mallocgcSmallScanNoHeaderSC1(size, type, ...) *value, and so on: runtime.newobject since 1.27 */
	ROLE_SLICE, /* makeslice(type, ...) pointer */
	ROLE_GROW, /* growslice(pointer, length, capacity, n, type) pointer, ... (to 1.19: the type is first) */
	ROLE_MAP,	/* makemap(type, ...) map */
	ROLE_SMALL_MAP, /* runtime.makemap_small map */
	ROLE_KEEPER,	/* a write barrier, which keeps registers */
	ROLE_METHOD,	/* a method of a pointer */
	ROLE_CLOSURE,	/* a function literal, or a method value */
};

struct role_of {
	uint64_t entry;
	const char *name; /* borrowed from the image */
	uint8_t role;
};

struct roles {
	VEC(struct role_of) list; /* by entry */
};

/* roles.c */
/* Finds all functions that have a role. Errors: out of memory. */
struct error *roles_find(const struct gopcln *tab, struct roles *ret);
void roles_fini(struct roles *roles);
CLEANUP_VALUE(struct roles, roles_fini)
/* Returns the function that begins at an address, or NULL if it has no role. */
const struct role_of *role_at(const struct roles *roles, uint64_t entry);

/* Addresses [from, to). */
struct variables {
	uint64_t from, to;
};

/* mentions.c */
/* A function mentions a variable, or the function of a closure. */
struct mention {
	uint64_t target; /* link-time address */
	uint32_t func;	 /* row of the function table */
	uint32_t method; /* that is called, in the roles (MENTION_POINTER, MENTION_VALUE) */
	uint8_t kind;	 /* enum mention_kind, of a variable */
};

struct mentions {
	VEC(struct mention) variables, closures; /* by target */
};

/* Finds the bounds of what a program can write to. Its global variables are among it. */
struct variables variables_of(const struct image *image);
/* Finds all mentions that may tell types. The caller frees *ret, also after an error. Errors: out of memory. */
struct error *mentions_find(const struct image *image, const struct gopcln *tab,
			    const struct roles *roles, struct mentions *ret);
void mentions_fini(struct mentions *mentions);

/* walk.c */
/* What functions say. */
struct code_found {
	VEC(struct typed_global) globals;
	VEC(struct typed_closure) closures;
};

struct code_walk;
struct named_types;
/* Gets ready to walk through functions. All is borrowed. Errors: out of memory. */
struct error *code_walk_new(const struct image *image, const struct gopcln *tab,
			    const struct roles *roles, const struct named_types *named,
			    struct code_walk **ret);
void code_walk_free(struct code_walk *walk);
CLEANUP_FUNC(struct code_walk, code_walk_free)
/* Appends what a function says. Errors: out of memory. */
struct error *code_walk_function(struct code_walk *walk, const struct gopcln_func *func,
				 struct code_found *found);

/* named.c */
struct named_types;
/* Collects the struct types with a name. image and tab are borrowed. Errors: out of memory. */
struct error *named_types_new(const struct image *image, const struct gopcln *tab,
			      struct named_types **ret);
void named_types_free(struct named_types *named);
CLEANUP_FUNC(struct named_types, named_types_free)
/* Returns the struct type whose pointer the method with this name takes ("path/pkg.(*T).M"), or 0 if it is not known. */
uint64_t named_type_of_method(const struct named_types *named, const char *name);

/* agree.c */
/* Sorts the variables and closures. Keeps what does not contradict itself, each once. */
void code_found_agree(const struct gotypes *types, struct code_found *found);

#endif
