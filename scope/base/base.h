/* base: the code that every other folder of the scope uses. It knows nothing of ELF, Go or BPF.
 *
 * This is the one door. Each part is described in its own header:
 *   error.h    the one error object: code, text; NULL means success
 *   cleanup.h  scope guards
 *   buf.h      a growing byte buffer with fast appends (output never goes through printf)
 *   reader.h   the bounds-checked cursor through which every foreign byte is read
 *   vec.h      a typed vector
 *   search.h   binary search
 *   file.h     opening files that others name
 *   path.h     the parts of a path
 *   frame.h    a frame of a source-level stack
 *   memory.h   memory that is read by address, whatever it belongs to
 *   descriptors.h  limits on descriptors, and the error when none is left
 *
 * table.h, a map from 64-bit keys to 32-bit values, is not among them. Files that use it include it
 * by name, because the headers of the map that it includes are longer than all of the above.
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a)		 (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

#include "base/cleanup.h"
#include "base/error.h"
#include "base/buf.h"
#include "base/reader.h"
#include "base/vec.h"
#include "base/search.h"
#include "base/file.h"
#include "base/path.h"
#include "base/frame.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/descriptors.h"

#endif
