/* machine: what the kernel's settings and this process's rights allow. It reads /proc and /sys, and
 * tries nothing that changes anything.
 */
#ifndef LIVE_MACHINE_MACHINE_H
#define LIVE_MACHINE_MACHINE_H

#include "base/base.h"

#include <sys/types.h>

enum { MACHINE_TEXT = 128 };

/* Copies the first line of a file, cut to MACHINE_TEXT - 1 bytes. Copies "" when it cannot be
 * read. */
void machine_line(const char *path, char ret[MACHINE_TEXT]);
/* Reads a number from a file of /proc/sys. Returns -1 when there is none, as if the kernel has no
 * such setting. */
int machine_number(const char *path);
/* Reads a number from /proc/PID/status, such as "Seccomp". Returns -1 when there is none. */
int machine_status(pid_t pid, const char *name);
/* Returns whether /proc hides processes of other users from this one. */
bool machine_proc_hides(void);
/* Copies the names of the capabilities (bits of CAP_...) of `wanted` that this process lacks,
 * separated by blanks. */
void machine_missing(uint64_t wanted, char ret[MACHINE_TEXT]);

#endif
