/* Two files that each have their own struct ages; see same_name.h. */
#include "same_name.h"
#include "truth.h"

TOPHASH_MAP(ages, int16_t, int64_t);

static struct ages here;

int main(int argc, char **argv)
{
	truth = argc > 1 ? fopen(argv[1], "w") : stdout;
	if (!truth)
		return 1;
	ages_put(&here, -5, 6);
	fill_there();
	truth_done();
	return 0;
}
