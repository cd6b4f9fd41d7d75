/* The machine and the system that an ELF file was built for. Also makes the one sentence that tells
 * a user that tophash does not read or trace such a program.
 */
#ifndef READ_ELF_MACHINE_H
#define READ_ELF_MACHINE_H

/* A machine whose programs are read. The list "To add a machine" is in
 * scope/read/code/machine.h. */
struct elf_machine {
	uint16_t number;  /* e_machine */
	const char *name; /* as uname prints it: "x86_64" */
	/* the types of relocations, R_...: RELATIVE, the word that is an address of a symbol, and
	 * those of the global offset table for data and for functions */
	uint32_t relative, absolute, glob_dat, jump_slot;
	uint8_t pc_quantum; /* minLC of gopclntab: the smallest size of an instruction in bytes */
	bool traced;	    /* `trace` can place probes in its programs */
};

/* Returns the machine with this e_machine, or NULL when its programs are not read. */
const struct elf_machine *elf_machine_find(uint16_t number);

/* Makes the error (ERROR_TARGET) for a program that is not read or not traced. `program` is the
 * name of the file. `what` says what it is, such as "a riscv64 program". */
struct error *elf_refuse(const char *program, const char *what);
/* Makes the error as elf_refuse() does, for a machine that elf_machine_find() does not know. */
struct error *elf_refuse_machine(const char *program, uint16_t number);
/* Returns NULL when `trace` can place probes in a program of this machine and this system
 * (e_ident[EI_OSABI]). Otherwise returns the error. */
struct error *elf_check_traced(const char *program, const struct elf_machine *machine,
			       uint8_t os_abi);

#endif
