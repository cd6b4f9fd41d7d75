/* How much memory is left.
 */
#ifndef BASE_SPARE_H
#define BASE_SPARE_H

#include "base/base.h"

/* Returns how many bytes of memory can be taken before others lose theirs: of the machine, and of all control groups that this
 * process is in (/proc/meminfo: MemAvailable; memory.max, or memory.limit_in_bytes of version 1). Returns 0 if the
 * machine does not tell. */
uint64_t spare_memory(void);

#endif
