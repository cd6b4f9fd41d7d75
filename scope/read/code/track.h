/* Finds the value of a register at an instruction, as far as the function's code alone says. A
 * value is a constant address, the value of a register at the entry, or the memory at the end of a
 * chain of pointers that begins at one of these. It is followed through moves, spills and joins.
 *
 * 	main.drain[go.shape.int]:
 * 		mov [rsp+0x40], rax	# dictionary: ENTRY rax
 * 		...
 * 		mov rax, [rsp+0x40]
 * 		mov rax, [rax+0x8]	# ENTRY rax, loads {8}
 * 		call runtime.mapdelete_fast64
 *
 * A stack slot is followed if its address is the stack pointer plus a constant. Stores through
 * other pointers are taken not to reach such slots: the compiler spills the values of interest here
 * (addresses of types and dictionaries) into slots of its own.
 */
#ifndef READ_CODE_TRACK_H
#define READ_CODE_TRACK_H

#include "read/code/decode.h"

enum code_root {
	CODE_UNKNOWN,
	CODE_CONSTANT, /* base: an address in the image */
	CODE_ENTRY,    /* base: a register, with its value when the function was called */
	CODE_RESULT,   /* base: address of a call; the value is its first result */
	CODE_STACK,    /* the stack pointer, in the body of the function */
};

#define CODE_LOADS_MAX 3

struct code_value {
	uint64_t base;
	int32_t offsets[CODE_LOADS_MAX]; /* *(... *(*(base + offsets[0]) + offsets[1]) ...) */
	int32_t add;			 /* added to the loaded value */
	uint32_t root;			 /* enum code_root */
	uint32_t loads;
};

static_assert(sizeof(struct code_value) == 32, "no padding: values are compared by their bytes");

struct code_track;

/* Functions that, against the ABI, keep the registers. Go's write barriers keep all but the scratch
 * registers. */
struct code_keepers {
	const uint64_t *addrs;
	size_t n;
};

/* Follows the values through the function. `code` and `keepers` are borrowed and must outlive the
 * result. In a function that is too large to follow (a hostile file may have one), each value is
 * unknown. Errors: out of memory. */
struct error *code_track_new(const struct machine_ops *machine, const struct code *code,
			     struct code_keepers keepers, struct code_track **ret);
void code_track_free(struct code_track *track); /* NULL is legal */
CLEANUP_FUNC(struct code_track, code_track_free)

/* Returns the value of register `reg` before the instruction `at` of the function. */
struct code_value code_track_value(struct code_track *track, const struct code_insn *at,
				   uint8_t reg);

/* Returns the value of the stack slot at [stack pointer + disp] before the instruction `at`. */
struct code_value code_track_slot(struct code_track *track, const struct code_insn *at,
				  int64_t disp);

#endif
