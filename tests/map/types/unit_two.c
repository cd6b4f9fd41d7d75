/* The unit with the definitions. */
#include "units.h"

static inline uint64_t padded_hash(const struct padded_key *key)
{
	return (uint64_t)key->number;
}

static inline bool padded_equal(const struct padded_key *key, const struct padded_key *other)
{
	return key->number == other->number;
}

TOPHASH_MAP_DEFINE(shared, int, bool);
TOPHASH_MAP_DEFINE(longs, long, long);
TOPHASH_MAP_DEFINE(named, const char *, double);
TOPHASH_MAP_DEFINE_WITH(padded, struct padded_key, void *, padded_hash, padded_equal);
TOPHASH_SET_DEFINE(numbers, bool);
TOPHASH_MAP_DEFINE_MIXED(mixed, struct padded_key, int, padded_hash, padded_equal);
TOPHASH_SET_DEFINE_MIXED(mixed_set, struct padded_key, padded_hash, padded_equal);

int other_age(const struct ages *m, const char *k)
{
	return ages_get(m, k) + 1;
}

/* Returns 0, or the number of the check that fails. */
int other_uses(struct shared *s, struct named *n, struct padded *p, struct numbers *b,
	       struct longs *l)
{
	struct padded_key key = {'?', 4};

	if (!shared_get(s, 70000) || shared_put(s, -2, false) != 1)
		return 1;
	if (named_get(n, "pi") < 3.2 || named_put(n, "e", 2.75) != 1)
		return 2;
	if (padded_get(p, key) == NULL || !padded_delete(p, key))
		return 3;
	if (!numbers_has(b, 5) || numbers_has(b, false))
		return 4;
	if (longs_get(l, -5) != 1L << 40 || longs_put(l, -5, 3) != 0 || longs_delete(l, 5))
		return 5;
	return 0;
}
