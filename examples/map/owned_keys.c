/* A map that owns its keys. The program copies a key when it puts it. The map frees each key once: when it is deleted,
 * cleared or put again, or at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tophash/map.h>

TOPHASH_MAP(ages, char *, int);

static size_t copied, freed;

/* Frees a key. The hook gets the address at which the map stores the key. */
static void drop_key(void *key, void *ctx)
{
	char *text;

	(void)ctx;
	memcpy(&text, key, sizeof(text));
	free(text);
	freed++;
}

static int put_copy(struct ages *ages, const char *name, int age)
{
	char *copy = strdup(name);
	int ret;

	if (!copy)
		return -1;
	copied++;
	/* If the map has an equal key already, it keeps that key, and the hook frees the copy. The
	 * program still owns the copy only if put fails. */
	ret = ages_put(ages, copy, age);
	if (ret < 0) {
		free(copy);
		freed++;
	}
	return ret;
}

int main(void)
{
	struct tophash_hooks hooks = {0};
	struct ages ages = {0};
	char name[32];
	int err;

	hooks.size = sizeof(hooks);
	hooks.drop_key = drop_key;
	err = ages_set_hooks(&ages, &hooks); /* must come before the first element */
	for (int i = 0; err >= 0 && i < 1000; i++) {
		snprintf(name, sizeof(name), "name %d", i % 600);
		err = put_copy(&ages, name, i);
	}
	if (err < 0) {
		fprintf(stderr, "owned_keys: out of memory\n");
		ages_fini(&ages);
		return 1;
	}
	printf("%zu copied, %zu freed: 400 were there already; %zu in the map\n", copied, freed,
	       ages_len(&ages));

	/* A look-up does not take the key. The caller keeps it. */
	snprintf(name, sizeof(name), "name %d", 7);
	ages_delete(&ages, name);
	TOPHASH_EACH(ages, it, &ages)
		if (it.val % 2)
			ages_delete(&ages, it.key);
	printf("%zu copied, %zu freed, %zu in the map\n", copied, freed, ages_len(&ages));

	ages_clear(&ages);
	put_copy(&ages, "one more", 1);
	ages_fini(&ages);
	printf("%zu copied, %zu freed\n", copied, freed);
	return copied == freed ? 0 : 1;
}
