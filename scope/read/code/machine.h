/* The differences between the machines that programs are built for. No other file of the scope
 * compares machines; code that depends on the machine goes through these operations.
 *
 * To add a machine:
 *   1. scope/read/code/<machine>.c: write `const struct machine_ops machine_<machine>`, and name the
 *      file in scope/read/code/meson.build and tests/fuzz/meson.build.
 *   2. scope/read/code/machine.h: declare it below.
 *   3. scope/read/code/machine.c: add it to the table.
 *   4. scope/read/elf/machine.c: add its row, which says what files for it look like.
 *   `sites` and `addr` can read its programs then. For `trace` the kernel programs need its
 *   registers as well: scope/watch/engine/bpf/.
 */
#ifndef READ_CODE_MACHINE_H
#define READ_CODE_MACHINE_H

#include "base/base.h"

struct code_insn;
struct code_scan; /* scan_priv.h */

#define CODE_NO_REG    255
#define CODE_REGISTERS 32

/* Registers are numbered as the machine numbers them (see decode.h). */
struct machine_ops {
	const char *name;     /* as uname prints it: "x86_64" */
	uint16_t elf_machine; /* EM_... of elf.h */

	/* Go's internal ABI */
	uint8_t arguments[16]; /* the registers of integer arguments, in order */
	uint8_t argument_count;
	uint8_t context;      /* the register that holds the closure when a closure is called */
	uint8_t stack, frame; /* the stack pointer and the frame pointer */
	uint32_t
		barrier_writes; /* bit n: a write barrier may change register n; it keeps the others */

	/* instructions */
	uint8_t quantum;     /* bytes to skip after bytes that are no instruction */
	uint8_t call_size;   /* bytes of a direct call */
	bool address_in_two; /* an address takes two: CODE_ADDRESS, then CODE_OFFSET */
	/* Decodes one instruction from at most `size` bytes into *ret, whose addr is set already.
	 * Returns false when the bytes are no instruction. */
	bool (*decode)(const uint8_t *bytes, size_t size, struct code_insn *ret);

	/* Search the text for candidates (calls.h) without decoding it. Both return false when
	 * memory is out. */
	bool (*find_calls)(const struct code_scan *scan);
	bool (*find_takes)(const struct code_scan *scan);
	/* Searches for uses of addresses from targets[0] to targets[1] (code_uses_find()). NULL: nobody
	 * needs it for this machine yet. */
	bool (*find_uses)(const struct code_scan *scan);
	/* Searches for uses of global variables (code_globals_find()). NULL: nothing is found. */
	bool (*find_globals)(const struct code_scan *scan);

	/* Returns whether the bytes are a trampoline (calls.h). NULL when linkers make none for
	 * this machine. A trampoline begins trampoline_before bytes before the candidate in it. */
	bool (*is_trampoline)(const void *bytes, size_t size);
	uint8_t trampoline_before;

	/* Write instructions as text. printer_open returns NULL when the decoder's library cannot
	 * be set up; print returns false when the bytes are no instruction. */
	void *(*printer_open)(void);
	void (*printer_close)(void *printer); /* NULL is legal */
	bool (*print)(void *printer, const void *bytes, size_t size, uint64_t addr, struct buf *to);
};

extern const struct machine_ops machine_x86_64, machine_arm64;

/* Returns the machine of an ELF header's e_machine. The ELF reader (read/elf) accepts no file of a
 * machine that is not in the table. */
const struct machine_ops *machine_get(uint16_t elf_machine);

/* Returns the register that carries integer argument `index` of Go's internal ABI, or CODE_NO_REG. */
uint8_t machine_argument(const struct machine_ops *machine, unsigned index);

#endif
