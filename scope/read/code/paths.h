/* Paths through a function's instructions.
 */
#ifndef READ_CODE_PATHS_H
#define READ_CODE_PATHS_H

#include "read/code/decode.h"

struct code_path {
	VEC(uint32_t) insns; /* indices into code->insns, in the order in which they are executed */
};

/* The straight path: from the entry, each conditional branch falls through (Go's compiler lays
 * out code so that the likely way does), unless it leads around a call of a function that is
 * `cold`; jumps are followed, calls return; up to the first return, trap, jump out of the
 * function, or instruction that was met before. Errors: out of memory. */
struct error *code_straight(const struct code *code, bool (*cold)(void *ctx, uint64_t target),
			    void *ctx, struct code_path *ret);
/* The shortest path, by instructions, from the entry through insns[via] to a return, without a
 * call of a cold function. Where there is none, *ret is empty. Errors: out of memory. */
struct error *code_shortest(const struct code *code, uint32_t via,
			    bool (*cold)(void *ctx, uint64_t target), void *ctx,
			    struct code_path *ret);
void code_path_fini(struct code_path *path);

#endif
