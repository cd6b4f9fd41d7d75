/* The registers of a thread that does not run: one that is stopped, or one of a core file.
 */
#ifndef BASE_REGISTERS_H
#define BASE_REGISTERS_H

#include "base/base.h"

enum { REGISTERS_GENERAL = 15 };

struct registers {
	uint64_t sp;
	uint64_t general[REGISTERS_GENERAL]; /* all others that may hold a pointer, in no order */
};

#endif
