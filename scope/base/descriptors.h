/* The limit on file descriptors, and the error for when none is left. */
#ifndef BASE_DESCRIPTORS_H
#define BASE_DESCRIPTORS_H

#include "base/base.h"

/* Raises the limit of this process to its hard limit. */
void descriptors_raise(void);

/* Checks that at least `need` descriptors are allowed. Errors (ERROR_FAILED): fewer are. */
struct error *descriptors_check(unsigned need);

/* Returns whether few descriptors are left, after `fd` was opened: the limit should be kept for what cannot
 * do without. Raises the hard limit first, if that is allowed. */
bool descriptors_are_few(int fd);

/* Returns whether errnum says that no descriptor is left (EMFILE or ENFILE). */
bool descriptors_out(int errnum);

/* Makes the error (ERROR_FAILED) "what: no descriptor is left ...", with the limit and how to raise
 * it. errnum is EMFILE for the limit of the process, ENFILE for that of the system. */
struct error *descriptors_error(int errnum, const char *what);

#endif
