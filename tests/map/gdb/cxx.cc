// Maps of C++: in a namespace, and seen through a reference.
#include "truth.h"

namespace app
{
TOPHASH_MAP(ages, const char *, int);
TOPHASH_SET(ids, long);
} // namespace app

static app::ages ages;
static app::ids ids;

__attribute__((noinline)) static void seen(const app::ages &by_reference)
{
	truth_done();
	fprintf(truth, "%zu\n", by_reference.map.len);
}

int main(int argc, char **argv)
{
	truth = argc > 1 ? fopen(argv[1], "w") : stdout;
	if (!truth)
		return 1;
	app::ages_put(&ages, "ada", 36);
	app::ages_put(&ages, "alan", 41);
	app::ids_add(&ids, 1L << 40);
	seen(ages);
	return 0;
}
