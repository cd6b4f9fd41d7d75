/* What a probe itself costs on this machine, without what its program does. */
#ifndef WATCH_ENGINE_CALIBRATE_H
#define WATCH_ENGINE_CALIBRATE_H

#include "watch/engine/uprobe.h"

/* Starts a process of our own that hits probes of its own in a loop, for some 50 ms. *ret: a descriptor
 * that calibrate_read() reads from; the caller closes it. stepped: measure that as well. False: it could
 * not be started. */
bool calibrate_start(const struct uprobe *uprobe, bool stepped, int *ret);
enum calibration { CALIBRATION_RUNS, CALIBRATION_DONE, CALIBRATION_FAILED };
/* Reads the result, without waiting for it. *ret is set when it is done. */
enum calibration calibrate_read(int fd, struct trap_cost *ret);

#endif
