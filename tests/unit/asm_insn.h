/* Instructions given as text. A test says assembled(ASM("mov (%rcx),%rdx")). It includes the header
 * that asm/header.py makes from the test's source. The header has instructions[], with the bytes of
 * each instruction that the test names.
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
