#include "read/layout/layout.h"

uint32_t go_goid_offset(unsigned minor)
{
	/* Measured on programs of each release. Go 1.23 added syscallbp to g, and 1.25 removed a
	 * word from g.sched (gobuf.ret). */
	if (minor == 23 || minor == 24)
		return 160;
	return 152;
}
