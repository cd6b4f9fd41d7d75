/* The other struct ages. */
#include <tophash/map.h>

#include "same_name.h"

TOPHASH_MAP(ages, const char *, int);

static struct ages there;

void fill_there(void)
{
	ages_put(&there, "ada", 36);
}
