/* One search for a key that the map owns: entry() takes a borrowed key, and the caller copies it only if it is new. */
#include <stdlib.h>
#include <string.h>

#include <tophash/map.h>

TOPHASH_MAP(ages, char *, int);
TOPHASH_SET(names, char *);

static size_t dropped;

static void drop_key(void *key, void *ctx)
{
	char *p;

	(void)ctx;
	memcpy(&p, key, sizeof(p));
	free(p);
	dropped++;
}

static char *copy_of(const char *text)
{
	char *ret = (char *)malloc(strlen(text) + 1);

	if (!ret)
		abort();
	return strcpy(ret, text);
}

int main(void)
{
	static struct tophash_hooks hooks;
	static struct ages m, plain;
	static struct names s;
	char text[] = "k00";
	bool added = true;

	hooks.size = sizeof(hooks);
	hooks.drop_key = drop_key;
	ages_set_hooks(&m, &hooks);
	names_set_hooks(&s, &hooks);
	for (int i = 0; i < 300; i++) {
		struct ages_place place;

		text[1] = (char)('a' + i % 100 / 10);
		text[2] = (char)('a' + i % 10);
		place = ages_entry(&m, text, &added);
		if (!place.key || !place.val || added != (i < 100) || (added && *place.val != 0))
			return 1;
		if (added)
			*place.key = copy_of(text);
		++*place.val;
		if (*names_entry(&s, text, &added).key == text)
			*names_entry(&s, text, &added).key = copy_of(text);
	}
	if (dropped != 0 || ages_len(&m) != 100 || ages_get(&m, "kaa") != 3 ||
	    names_len(&s) != 100 || ages_check(&m, 3) || names_check(&s, 3))
		return 2;
	/* An entry that cannot get its copy is taken back; nothing is dropped. */
	strcpy(text, "new");
	(void)ages_entry(&m, text, &added);
	if (!added || !ages_release(&m, text) || ages_release(&m, text) || dropped != 0 ||
	    ages_len(&m) != 100)
		return 3;
	/* What is given to slot() and put() is the map's: it is dropped where the key is there. */
	if (ages_put(&m, copy_of("kaa"), 1) != 0 || !ages_slot(&m, copy_of("kab")) || dropped != 2)
		return 4;
	for (int i = 0; i < 300; i++) {
		struct ages_place place = ages_entry(&plain, text, &added);

		if (!place.val || added != (i == 0))
			return 5;
	}
	ages_fini(&m);
	names_fini(&s);
	ages_fini(&plain);
	return dropped == 202 ? 0 : 6;
}
