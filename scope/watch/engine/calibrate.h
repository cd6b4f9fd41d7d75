/* What a probe itself costs on this machine, without what its program does. */
#ifndef WATCH_ENGINE_CALIBRATE_H
#define WATCH_ENGINE_CALIBRATE_H

#include "watch/engine/uprobe.h"

/* Starts a child that hits probes of its own in a loop, for some 50 ms. stepped: measure that as well.
 * *ret_pid is to be given to calibrate_end(). *ret_fd: a descriptor that calibrate_read() reads from; the
 * caller closes it. Returns false if the child could not be started. */
bool calibrate_start(const struct uprobe *uprobe, bool stepped, pid_t *ret_pid, int *ret_fd);
/* Ends the child. It waits until the child's probes are off, if they are not yet. */
void calibrate_end(pid_t pid);

enum calibration { CALIBRATION_RUNS, CALIBRATION_DONE, CALIBRATION_FAILED };
/* Reads the result, without waiting for it. *ret is set when it is done. */
enum calibration calibrate_read(int fd, struct trap_cost *ret);

#endif
