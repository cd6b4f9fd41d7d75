/* The note that describes a map to debuggers. */
#ifndef TOPHASH_DESCRIBE_H
#define TOPHASH_DESCRIBE_H

#include "names.h"

/* Refers to the note. Nothing else does: without this call the linker would leave the note in the archive,
 * or drop it. */
void note_keep(void);

#endif
