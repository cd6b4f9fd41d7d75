/* One unit test alone: TOPHASH_TEST in the environment holds the name of the tests that a program
 * runs, with * and ? (make check TEST=...). Linked into each test program. */
#include "test.h"

#include <stdlib.h>

__attribute__((constructor)) static void read_filter(void)
{
	const char *pattern = getenv("TOPHASH_TEST");

	if (pattern && *pattern)
		cmocka_set_test_filter(pattern);
}
