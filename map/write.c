/* The check after a slow write. */
#include "write.h"

#include <stdio.h>

void write_check(const struct tophash *map)
{
	int broken = tophash_check(map, debug.check);

	if (broken == 0)
		return;
	fprintf(stderr, "tophash: map=%p is broken: invariant %d\n", (const void *)map, broken);
	tophash_report_fault(TOPHASH_FAULT_BROKEN, map);
}
