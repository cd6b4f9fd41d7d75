#include "read/code/machine.h"

static const struct machine_ops *const machines[] = {&machine_x86_64, &machine_arm64};

const struct machine_ops *machine_get(uint16_t elf_machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (machines[i]->elf_machine == elf_machine)
			return machines[i];
	return machines[0];
}

uint8_t machine_argument(const struct machine_ops *machine, unsigned index)
{
	return index < machine->argument_count ? machine->arguments[index] : CODE_NO_REG;
}
