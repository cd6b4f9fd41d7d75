/* base: the code that every other folder of the scope uses. It knows nothing of ELF, Go or BPF.
 *
 * Each header here is a door of its own. base.h has what nearly every file uses: errors (error.h),
 * scope guards (cleanup.h), typed vectors (vec.h). Files that use more include it by name:
 *   buf.h      a growing byte buffer with fast appends (output never goes through printf)
 *   reader.h   the bounds-checked cursor through which every foreign byte is read
 *   frame.h    a frame of a source-level stack
 *   memory.h   memory that is read by address, whatever it belongs to
 *   registers.h  the registers of a thread
 *   clock.h    clocks, and deadlines in processor time
 *   search.h   binary search
 *   table.h    a map from 64-bit keys to 32-bit values; brings the headers of the map with it
 *   confine.h  giving up rights for good
 *   file.h     opening files that others name
 *   path.h     the parts of a path
 *   loop.h     the poll loop
 *   descriptors.h  limits on descriptors, and the error when none is left
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_SIZE(a)		 (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

struct buf;
struct frame;
struct memory;
struct reader;
struct registers;

#include "base/cleanup.h"
#include "base/error.h"
#include "base/vec.h"

#endif
