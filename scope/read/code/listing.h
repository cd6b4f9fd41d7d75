/* Instructions as text: x86-64 in Intel's syntax by Zydis, arm64 by Capstone; and paths through a
 * function.
 */
#ifndef READ_CODE_LISTING_H
#define READ_CODE_LISTING_H

#include "read/code/decode.h"

struct code_printer;

/* Errors: out of memory; the decoder's library cannot be set up. */
struct error *code_printer_new(enum code_machine machine, struct code_printer **ret);
void code_printer_free(struct code_printer *printer); /* NULL is legal */
CLEANUP_FUNC(struct code_printer, code_printer_free)

/* Appends the instruction in `size` bytes that stand at addr: "mov rax, [rsp+0x40]"; "(bad)"
 * when it is none. */
void code_print(struct code_printer *printer, const void *bytes, size_t size, uint64_t addr,
		struct buf *to);

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
