/* The lockdown mode of the kernel. */
#ifndef BASE_LOCKDOWN_H
#define BASE_LOCKDOWN_H

#include "base/base.h"

enum { LOCKDOWN_SIZE = 32 };

/* Copies the mode: "none", "integrity", "confidentiality"; "" when the kernel does not tell it. */
void lockdown_mode(char ret[LOCKDOWN_SIZE]);
/* Checks that a kernel program may read memory of the kernel, which the mode confidentiality forbids. `what`
 * needs that. Errors (ERROR_PERMISSION). */
struct error *lockdown_check(const char *what);

#endif
