/* Runs single unit tests. TOPHASH_TEST in the environment is a pattern for the names of tests, with
 * * and ? (make check TEST=...). Linked into each test program. */
#include "test.h"

#include <stdlib.h>

__attribute__((constructor)) static void read_filter(void)
{
	const char *pattern = getenv("TOPHASH_TEST");

	if (pattern && *pattern)
		cmocka_set_test_filter(pattern);
}
