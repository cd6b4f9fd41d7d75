/* A loop, for the static analyser of gcc, which takes minutes for quiet.c. */
#include <tophash/map.h>

TOPHASH_MAP(ints, int, int);

int sum(const struct ints *m);
int sum(const struct ints *m)
{
	int ret = 0;

	TOPHASH_EACH(ints, it, m)
		ret += it.val;
	return ret;
}
