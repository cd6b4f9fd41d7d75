/* Instructions as text.
 */
#ifndef READ_CODE_PRINT_H
#define READ_CODE_PRINT_H

#include "read/code/machine.h"

struct code_printer;

/* Makes a printer. Errors: out of memory; the decoder's library cannot be set up. */
struct error *code_printer_new(const struct machine_ops *machine, struct code_printer **ret);
void code_printer_free(struct code_printer *printer); /* NULL is legal */
CLEANUP_FUNC(struct code_printer, code_printer_free)

/* Appends the instruction in the `size` bytes at addr, such as "mov rax, [rsp+0x40]". Appends
 * "(bad)" when the bytes are no instruction. */
void code_print(struct code_printer *printer, const void *bytes, size_t size, uint64_t addr,
		struct buf *to);

#endif
