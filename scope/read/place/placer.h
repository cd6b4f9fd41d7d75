/* The search for spots, as the files of this room share it. */
#ifndef READ_PLACE_PLACER_H
#define READ_PLACE_PLACER_H

#include "read/place/place.h"
#include "read/code/code.h"

#define FUNCS_MAX 64

struct placer {
	const struct image *image;
	const struct gopcln *tab;
	const struct machine_ops *machine;
	const struct placement_options *options;
	struct placements *found;
	uint8_t layout;	      /* of the program's maps, as one bit: GO_IN_CLASSIC or GO_IN_SWISS */
	bool met[GO_ENTRIES]; /* entries that decrement the count, of which every copy got a spot */
	bool trie;	      /* its sync.Maps are hash tries; set by sync_place() */
	bool deletes;	      /* the program has a function that deletes */
	/* Every function that is asked for. They are found in one pass over the program's names,
	 * because a pass takes milliseconds in a big program. */
	const char *names[FUNCS_MAX];
	struct gopcln_func funcs[FUNCS_MAX];
	size_t nfuncs;
};

/* ---- funcs.c ---- */

/* Asks for the entries of the runtime. Must be called first. */
void placer_add_go_entries(struct placer *placer);
/* Asks for a function. Must be called before placer_find_funcs(). `name` must live as long as the
 * placer. */
void placer_add_name(struct placer *placer, const char *name);
/* Asks for the functions that tell how the module was built. */
void placer_add_build_names(struct placer *placer);
/* Finds every function that was asked for. */
void placer_find_funcs(struct placer *placer);
/* Returns the layout of the program's maps. Must be called after placer_find_funcs(). */
enum go_maps placer_maps(const struct placer *placer);
/* Returns how the module was built. Must be called after placer_find_funcs(). */
enum go_build placer_build(const struct placer *placer);
/* Returns the function of that name. Its entry is 0 when the program has none. */
struct gopcln_func placer_func(const struct placer *placer, const char *name);
bool placer_has_func(const struct placer *placer, const char *name);
/* Decodes a function of the program. The caller frees *ret with code_fini(). It is empty when the
 * program has no such function. Errors (ERROR_TARGET): its code lies outside the file. */
struct error *placer_decode(const struct placer *placer, const char *name,
			    struct gopcln_func *ret_func, struct code *ret);
/* Does the same for a function that was found already. */
struct error *placer_decode_func(const struct placer *placer, struct gopcln_func *func,
				 struct code *ret);
/* Appends a copy of `spot` for the address addr in `func`, with a copy of `why`. */
struct error *placer_add_spot(const struct placer *placer, const struct gopcln_func *func,
			      uint64_t addr, const struct spot *spot, const char *why);
/* Makes the error for a build of the runtime in which the removals of `func` cannot be seen. */
struct error *placer_no_spot(const struct placer *placer, const char *func, const char *why);

/* ---- removal.c ---- */

struct error *removal_place(struct placer *placer);

/* ---- sync.c ---- */

void sync_add_names(struct placer *placer);
/* Places the spots of sync.Map, unless it is to be left alone. */
struct error *sync_place(struct placer *placer);
/* Places SPOT_ENTRY and SPOT_EXIT in its methods. */
struct error *sync_place_misses(const struct placer *placer);
/* Tell whether an instruction calls the function that stores a pointer, or that compares and swaps it,
 * atomically. */
bool sync_calls_store(const struct placer *placer, const struct code_insn *insn);
bool sync_calls_swap(const struct placer *placer, const struct code_insn *insn);
/* Returns the branch that decides by the result of the call at insns[at], which is still in its
 * register, or NULL. */
const struct code_insn *sync_branch_after(const struct placer *placer, const struct code *code,
					  size_t at);

/* ---- sync_inlined.c ---- */

/* Places the spots in copies of its methods that a build with a profile has inlined. */
struct error *sync_place_inlined(struct placer *placer);

/* ---- entry.c ---- */

void entry_add_names(struct placer *placer);
/* Places SPOT_EXIT at each return of a function. */
struct error *entry_place_exits(const struct placer *placer, const struct gopcln_func *func,
				const struct code *code, uint8_t number);
struct error *entry_place_clears(const struct placer *placer);
struct error *entry_place_misses(const struct placer *placer);
struct error *entry_place_start(const struct placer *placer);
struct error *entry_place_begin(const struct placer *placer);

/* Chooses the first instruction of a function that each call passes exactly once, with the first `arguments` argument
 * registers unchanged. One that the kernel emulates is preferred. *ret_why: the reason, static. Returns NULL when there is
 * none. */
const struct code_insn *entry_any_insn(const struct machine_ops *machine, const struct code *code,
				       unsigned arguments, const char **ret_why);

/* ---- step.c ---- */

void step_add_names(struct placer *placer);
struct error *step_place(const struct placer *placer);

/* ---- gc.c ---- */

void gc_add_names(struct placer *placer);
/* Finds runtime.gcphase. found->gcphase stays 0 when that fails. */
struct error *gc_find_phase(const struct placer *placer);
/* Places SPOT_GC at every change of the phase, or nowhere. */
struct error *gc_place(const struct placer *placer);

#endif
