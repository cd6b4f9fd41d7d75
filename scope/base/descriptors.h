/* File descriptors run out: how many there may be, and one wording for when there are none left. */
#ifndef BASE_DESCRIPTORS_H
#define BASE_DESCRIPTORS_H

/* Raises the limit of this process as far as it may: to its hard limit. */
void descriptors_raise(void);

/* Errors (ERROR_FAILED): fewer than `need` descriptors are allowed. */
struct error *descriptors_check(unsigned need);

/* Returns whether errnum says that no descriptor is left: EMFILE, ENFILE. */
bool descriptors_out(int errnum);

/* Makes the error (ERROR_FAILED) for it: "what: no descriptor is left ...", with the limit and how
 * to raise it. errnum: EMFILE, the limit of the process; ENFILE, that of the system. */
struct error *descriptors_error(int errnum, const char *what);

#endif
