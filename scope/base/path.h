/* The parts of a path. No file is accessed.
 */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include "base/base.h"

/* Returns the part of a path after the last slash, or the whole path if that part is empty. */
const char *path_base(const char *path);
/* Returns whether two paths end in the same name. `other` has `len` bytes. The folders do not
 * matter, because a file may have been copied, and -trimpath changes the paths of sources. */
bool path_same_base(const char *path, const char *other, size_t len);

#endif
