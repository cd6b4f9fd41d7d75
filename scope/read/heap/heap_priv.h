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

#endif
