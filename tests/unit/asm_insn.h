/* Instructions by their text. A test says assembled(ASM("mov (%rcx),%rdx")) and includes the header
 * that asm/header.py makes of its source: instructions[], with the bytes of all that it names.
 */
#ifndef UNIT_ASM_INSN_H
#define UNIT_ASM_INSN_H

#include "test.h"

#include <stdlib.h>
#include <string.h>

#define ASM(text) (text)

struct instruction {
	const char *text;
	uint8_t size;
	uint8_t bytes[15];
};

#define assembled(text) \
	find_instruction(instructions, sizeof(instructions) / sizeof(*instructions), (text))

static inline const struct instruction *find_instruction(const struct instruction *all, size_t n,
							 const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].text, text) == 0)
			return &all[i];
	fail_msg("\"%s\" does not stand in ASM()", text);
	abort(); /* for the compiler: fail_msg() does not return */
}

#endif
