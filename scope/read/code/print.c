#include "read/code/print.h"
#include "base/buf.h"

#include <stdlib.h>

struct code_printer {
	const struct machine_ops *machine;
	void *of_machine; /* made by machine->printer_open */
};

struct error *code_printer_new(const struct machine_ops *machine, struct code_printer **ret)
{
	cleanup(code_printer_free) struct code_printer *printer = calloc(1, sizeof(*printer));

	if (!printer)
		return error_nomem();
	printer->machine = machine;
	printer->of_machine = machine->printer_open();
	if (!printer->of_machine)
		return error_new(ERROR_FAILED, "cannot set up the disassembler");
	*ret = take_ptr(printer);
	return NULL;
}

void code_printer_free(struct code_printer *printer)
{
	if (printer)
		printer->machine->printer_close(printer->of_machine);
	free(printer);
}

void code_print(struct code_printer *printer, const void *bytes, size_t size, uint64_t addr,
		struct buf *to)
{
	if (!printer->machine->print(printer->of_machine, bytes, size, addr, to))
		buf_str(to, "(bad)");
}
