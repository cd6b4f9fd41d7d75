/* Measures the cost of a probe on this machine, without the cost of its program. */
#ifndef WATCH_ENGINE_CALIBRATE_H
#define WATCH_ENGINE_CALIBRATE_H

#include "watch/engine/uprobe.h"

/* Starts a child that hits its own probes in a loop, for about 150 ms. `stepped` asks to measure
 * single-stepped probes as well. The caller gives *ret_pid to calibrate_wait(). calibrate_read()
 * reads from *ret_fd, which the caller closes. Returns false if the child could not be started. */
bool calibrate_start(const struct uprobe *uprobe, bool stepped, pid_t *ret_pid, int *ret_fd);
/* Makes the child end, without waiting for it. *pid becomes 0 if it has ended. */
void calibrate_stop(pid_t *pid);
/* Waits until the child has ended and its probes are off. *pid becomes 0. */
void calibrate_wait(pid_t *pid);

enum calibration { CALIBRATION_RUNS, CALIBRATION_DONE, CALIBRATION_FAILED };
/* Reads the result without waiting. *ret is set when the result is CALIBRATION_DONE. */
enum calibration calibrate_read(int fd, struct trap_cost *ret);

/* Attaches the program that does nothing to an instruction of this process, which it does not
 * execute. Returns false with errno set if that fails. */
bool calibrate_try(const struct uprobe *uprobe);

/* Finds an instruction of this program that never runs, as an offset in its file. Returns false if there is
 * none. */
bool calibrate_idle_code(uint64_t *ret_offset);

#endif
