/* Paths through a function's instructions.
 */
#ifndef READ_CODE_PATHS_H
#define READ_CODE_PATHS_H

#include "read/code/decode.h"

struct code_path {
	VEC(uint32_t) insns; /* indices into code->insns, in the order in which they are executed */
};

/* Finds the straight path from the entry. A conditional branch falls through, since Go's compiler
 * lays out code in the likely order. A branch that leads around a call of a `cold` function is
 * taken. Jumps are followed, and calls are taken to return. The path ends at the first return, trap
 * or jump out of the function, or at an instruction that was met before. Errors: out of memory. */
struct error *code_straight(const struct code *code, bool (*cold)(void *ctx, uint64_t target),
			    void *ctx, struct code_path *ret);
/* Finds the path with the fewest instructions from the entry through insns[via] to a return,
 * without a call of a cold function. *ret is empty when there is none. Errors: out of memory. */
struct error *code_shortest(const struct code *code, uint32_t via,
			    bool (*cold)(void *ctx, uint64_t target), void *ctx,
			    struct code_path *ret);
void code_path_fini(struct code_path *path);
CLEANUP_VALUE(struct code_path, code_path_fini)

#endif
