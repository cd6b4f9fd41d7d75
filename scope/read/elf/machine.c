#include "read/elf/image_priv.h"

#include <elf.h>

#include <stdio.h>

static const struct elf_machine machines[] = {
	{EM_X86_64, "x86_64", R_X86_64_RELATIVE, R_X86_64_64, R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT,
	 1, true},
	{EM_AARCH64, "arm64", R_AARCH64_RELATIVE, R_AARCH64_ABS64, R_AARCH64_GLOB_DAT,
	 R_AARCH64_JUMP_SLOT, 4, false},
};

/* Other machines that Go builds for, and a few more. */
static const struct {
	uint16_t number;
	const char *name;
} others[] = {
	{EM_386, "386"},    {EM_ARM, "arm"},	       {EM_MIPS, "mips"},
	{EM_PPC, "ppc"},    {EM_PPC64, "ppc64"},       {EM_RISCV, "riscv64"},
	{EM_S390, "s390x"}, {EM_LOONGARCH, "loong64"}, {EM_SPARCV9, "sparc64"},
};

/* Systems that cmd/link/internal/ld/elf.go writes. Linux programs have 0 or 3. */
static const struct {
	uint8_t abi;
	const char *name;
} systems[] = {
	{ELFOSABI_NETBSD, "NetBSD"},
	{ELFOSABI_SOLARIS, "Solaris"},
	{ELFOSABI_FREEBSD, "FreeBSD"},
	{ELFOSABI_OPENBSD, "OpenBSD"},
};

const struct elf_machine *elf_machine_find(uint16_t number)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (machines[i].number == number)
			return &machines[i];
	return NULL;
}

struct error *elf_refuse(const char *program, const char *what)
{
	return error_new(
		ERROR_TARGET,
		"%s: %s; tophash reads programs for x86-64 and arm64, and traces those for "
		"x86-64 Linux",
		program, what);
}

struct error *elf_refuse_machine(const char *program, uint16_t number)
{
	char what[64];

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (others[i].number != number)
			continue;
		snprintf(what, sizeof(what), "a program for %s", others[i].name);
		return elf_refuse(program, what);
	}
	snprintf(what, sizeof(what), "a program for ELF machine %u", number);
	return elf_refuse(program, what);
}

struct error *elf_check_traced(const char *program, const struct elf_machine *machine,
			       uint8_t os_abi)
{
	char what[64];

	if (!machine->traced) {
		snprintf(what, sizeof(what), "a program for %s", machine->name);
		return elf_refuse(program, what);
	}
	for (size_t i = 0; i < ARRAY_SIZE(systems); i++) {
		if (systems[i].abi != os_abi)
			continue;
		snprintf(what, sizeof(what), "a program for %s", systems[i].name);
		return elf_refuse(program, what);
	}
	return NULL;
}
