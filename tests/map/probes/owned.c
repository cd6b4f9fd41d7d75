/* A map that owns its keys. The data that the probes show must still exist. A key is overwritten
 * when it is dropped. */
#include <stdlib.h>
#include <string.h>

#include <tophash/map.h>

TOPHASH_MAP(owned, char *, int);

static void drop(void *key, void *ctx)
{
	char *p = *(char **)key;

	(void)ctx;
	memset(p, '?', strlen(p));
}

int main(void)
{
	static const struct tophash_hooks hooks = {.size = sizeof(hooks), .drop_key = drop};
	char first[] = "ada", second[] = "ada", third[] = "alan", given[] = "alan";
	struct owned m = {0};

	if (owned_set_hooks(&m, &hooks) != 0 || owned_put(&m, first, 1) != 1 ||
	    owned_put(&m, second, 2) != 0 || owned_put(&m, third, 3) != 1)
		return 1;
	owned_delete(&m, given);
	TOPHASH_EACH(owned, it, &m)
		owned_delete(&m, it.key); /* the key is in the map's memory */
	owned_fini(&m);
	return strcmp(first, "???") != 0;
}
