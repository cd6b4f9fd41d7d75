/* The unit with main(). */
#include "units.h"

int main(void)
{
	struct ages m;
	struct seen s;
	struct shared shared;
	struct longs longs;
	struct named named;
	struct padded padded;
	struct numbers numbers;
	struct mixed mixed;
	struct mixed_set mixed_set;
	struct padded_key key = {'k', 4};
	int ok;

	ages_init(&m, 0);
	seen_init(&s, 0);
	shared_init(&shared, 0);
	longs_init(&longs, 0);
	named_init(&named, 0);
	padded_init(&padded, 0);
	numbers_init(&numbers, 0);
	mixed_init(&mixed, 0);
	mixed_set_init(&mixed_set, 0);
	ages_put(&m, "ada", 36);
	seen_add(&s, 1);
	ok = other_age(&m, "ada") == 37 && seen_has(&s, 1) &&
	     shared_put(&shared, 70000, true) == 1 && longs_put(&longs, -5, 1L << 40) == 1 &&
	     named_put(&named, "pi", 3.25) == 1 && padded_put(&padded, key, &m) == 1 &&
	     numbers_add(&numbers, true) == 1;
	ok = ok && other_uses(&shared, &named, &padded, &numbers, &longs) == 0;
	ok = ok && shared_len(&shared) == 2 && !shared_get(&shared, -2) &&
	     named_get(&named, "e") > 2.5;
	ok = ok && mixed_put(&mixed, key, 7) == 1 && mixed_get(&mixed, key) == 7 &&
	     mixed_set_add(&mixed_set, key) == 1 && mixed_set_delete(&mixed_set, key);
	ages_fini(&m);
	seen_fini(&s);
	shared_fini(&shared);
	longs_fini(&longs);
	named_fini(&named);
	padded_fini(&padded);
	numbers_fini(&numbers);
	mixed_fini(&mixed);
	mixed_set_fini(&mixed_set);
	return !ok;
}
