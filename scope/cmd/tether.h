/* What the two ends of a connection say to each other: `tophash tether` and kubectl-tophash.
 */
#ifndef CMD_TETHER_H
#define CMD_TETHER_H

#include <inttypes.h>

/* Bytes to the standard input of tether (tether.c). */
#define TETHER_GO   'g'
#define TETHER_HERE 'h'
#define TETHER_STOP 's'

/* Lines on its standard error. The answer to TETHER_HERE, and the last line: the exit code and the
 * number of bytes that were written to standard output. */
#define TETHER_ANSWER	"tophash tether: here"
#define TETHER_END	"tophash tether: end, code %d, %" PRIu64 " bytes"
#define TETHER_END_READ "tophash tether: end, code %d, %" SCNu64 " bytes"

#endif
