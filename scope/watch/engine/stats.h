/* Switches the kernel's run-time statistics of BPF programs on and off, in a process of its own. Only
 * CAP_SYS_ADMIN may do that. The process has this capability and can make no other system call of
 * interest. The process that traces can therefore give the capability up.
 */
#ifndef WATCH_ENGINE_STATS_H
#define WATCH_ENGINE_STATS_H

#include "base/base.h"

#include <sys/types.h>

struct stats {
	pid_t pid;  /* 0: there is none */
	int socket; /* only with a pid */
};

/* Starts the process. It ends with its parent. Without CAP_SYS_ADMIN none is started. */
void stats_start(struct stats *stats);
/* Switches the statistics on or off. They are off when the process ends. Returns false when the
 * kernel refuses. */
bool stats_set(struct stats *stats, bool on);
/* Ends the process, without waiting for it. */
void stats_stop(struct stats *stats);
/* Waits until the process has ended. */
void stats_wait(struct stats *stats);

#endif
