/* The program's other file. */
#include "program.h"

int elsewhere(int x)
{
	TOPHASH_PROBE1(elsewhere, x);
#ifdef __cplusplus
	if (grouped(hidden(0x43)) != 0x44)
		return 0;
#endif
	return x + (int)hidden(1);
}
