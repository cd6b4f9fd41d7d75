/* The search as the files of this room share it. From the bottom up: search.c (functions, calls,
 * bounds) and type.c (types); deferred.c, generic.c and closure.c (the last two use each other);
 * find.c (uses all of them).
 */
#ifndef READ_SITE_SITE_PRIV_H
#define READ_SITE_SITE_PRIV_H

#include "read/code/code.h"
#include "base/clock.h"
#include "read/site/site.h"
#include "base/table.h"

/* A site whose type is a value that the function's caller passes. */
struct site_open {
	uint32_t site;
	uint64_t func; /* entry of that function */
	struct code_value value;
};

#define SITE_KEEPERS	 16
#define SITE_KEEPERS_MAX 256 /* with their trampolines, of which there is one in 128 MB for each */

struct site_search {
	const struct image *image;
	const struct gopcln *tab;
	struct gotypes types;
	const struct machine_ops *machine;
	uint64_t text, text_end; /* bounds of Go's code, in whatever segments */
	struct sites *found;
	uint64_t keepers[SITE_KEEPERS_MAX]; /* entries of the write barriers that the program has */
	size_t keepers_n;
	struct table type_index; /* address -> index into found->types */
	VEC(struct site_open) open;
	/* Trampolines: maps an address to an index into `behind`, which holds the targets. */
	struct table trampolines;
	VEC(uint64_t) behind;
	struct deadline deadline;
	size_t name_bytes; /* bytes in the names of the sites' functions, files and types */
};

/* Prepares the search through a program. Finds its text and its entries, and sets the entries in
 * `found`. image, tab and found are borrowed. *ret is to be given to site_search_close(), also
 * after an error. Errors (ERROR_TARGET): as for site_find(). */
struct error *site_search_open(const struct image *image, const struct gopcln *tab,
			       struct sites *found, struct site_search *ret);
void site_search_close(struct site_search *search);
CLEANUP_VALUE(struct site_search, site_search_close)

/* Compares two uint64_t, for qsort(). */
int site_compare_addr(const void *a, const void *b);

/* Returns an error when the search has taken too long. A damaged or hostile file can have many
 * sites whose tables take long to read. Every loop that may run long must call it. */
struct error *site_patience(const struct site_search *search);
/* Counts the bytes of names that a site shows. Returns an error when there are too many. */
struct error *site_count_names(struct site_search *search, size_t bytes);

typedef struct error *site_scan(const struct machine_ops *machine, const void *text, size_t size,
				uint64_t addr, const uint64_t targets[], size_t n,
				struct code_calls *ret);

/* Runs code_calls_find() or code_takes_find() over all of the text (search.c). */
struct error *site_search_text(const struct site_search *search, site_scan *scan,
			       const uint64_t targets[], size_t n, struct code_calls *ret);

/* Finds every call of the targets, also through trampolines (search.c). `targets` holds n addresses
 * in ascending order. */
struct error *site_search_calls(struct site_search *search, const uint64_t targets[], size_t n,
				struct code_calls *ret);
/* Returns the final target of a call. Follows the trampoline if target is one. */
uint64_t site_call_target(const struct site_search *search, uint64_t target);

/* A decoded function, and the values of its registers (search.c). */
struct site_func {
	struct gopcln_func func;
	struct code code;
	struct code_track *track; /* NULL until it is needed */
};

/* Larger functions are not decoded. The largest real ones have a few hundred KiB. */
#define SITE_FUNC_MAX (4u << 20)

/* Opens the function that holds addr. When there is none, or it is corrupt, *ret_found is false and
 * *ret is empty. */
struct error *site_func_open(const struct site_search *search, uint64_t addr, struct site_func *ret,
			     bool *ret_found);
struct error *site_func_value(const struct site_search *search, struct site_func *func,
			      const struct code_insn *at, uint8_t reg, struct code_value *ret);
void site_func_close(struct site_func *func);
CLEANUP_VALUE(struct site_func, site_func_close)

/* Calls on_call for each candidate that is an instruction, function by function (search.c). `func`
 * holds the instruction. Errors: the first one of on_call, which ends the walk. */
struct error *site_each_call(const struct site_search *search, const struct code_calls *calls,
			     struct error *(*on_call)(void *ctx, struct site_func *func,
						      const struct code_insn *insn),
			     void *ctx);

void site_type_free(struct site_type *type); /* NULL is legal */
CLEANUP_FUNC(struct site_type, site_type_free)

/* Finds the map type at a link-time address (type.c). *ret is NULL when there is none. */
struct error *site_type_get(struct site_search *search, uint64_t addr,
			    const struct site_type **ret);
/* Returns the type that stands for sync.Map, which has no map type. */
struct error *site_type_sync(struct site_search *search, const struct site_type **ret);
/* Follows the loads of a value that begins at a constant. Returns false when they lead outside the
 * file. */
bool site_value_address(const struct site_search *search, const struct code_value *value,
			uint64_t *ret);
/* Returns the value in the caller that `inner` of the callee stands for. `inner` begins at a
 * register, and `outer` is the value of that register at the call. */
struct code_value site_value_join(const struct code_value *outer, const struct code_value *inner);

/* Marks the sites that are deferred (deferred.c). */
struct error *site_find_deferred(struct site_search *search);

typedef VEC(struct site_open) site_questions;
static inline void site_questions_fini(site_questions *questions)
{
	vec_fini(questions);
}
CLEANUP_VALUE(site_questions, site_questions_fini)

/* Returns the functions that the questions are about, each of them once. The questions must be
 * sorted by function. The caller frees the array. Returns NULL when memory is out. */
uint64_t *site_asked_funcs(const site_questions *asked, size_t *ret_n);

/* Takes the value that the function at `func` passes for a question. The value is a type, or it
 * leads to a further question, which is appended to `next` (generic.c). */
struct error *site_answer(struct site_search *search, const struct site_open *question,
			  uint64_t func, const struct code_value *value, site_questions *next);
/* Answers questions about closures by the values that are stored into them where they are made
 * (closure.c). The questions must be sorted by function. */
struct error *site_answer_closures(struct site_search *search, const site_questions *asked,
				   site_questions *next);

/* Finds the instances of the open sites (generic.c). */
struct error *site_find_instances(struct site_search *search);

#endif
