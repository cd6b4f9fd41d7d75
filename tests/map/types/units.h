/* One map with static functions in each unit, and one with a declaration and a definition. */
#ifndef TYPES_UNITS_H
#define TYPES_UNITS_H

#include <tophash/map.h>

struct padded_key {
	char c;
	int number;
};

#ifdef __cplusplus
extern "C" {
#endif

TOPHASH_MAP(ages, const char *, int);
TOPHASH_SET(seen, uint64_t);
TOPHASH_MAP_DECLARE(shared, int, bool);
TOPHASH_MAP_DECLARE(longs, long, long);
TOPHASH_MAP_DECLARE(named, const char *, double);
TOPHASH_MAP_DECLARE(padded, struct padded_key, void *);
TOPHASH_SET_DECLARE(numbers, bool);
TOPHASH_MAP_DECLARE(mixed, struct padded_key, int);
TOPHASH_SET_DECLARE(mixed_set, struct padded_key);

int other_age(const struct ages *m, const char *k);
int other_uses(struct shared *s, struct named *n, struct padded *p, struct numbers *b,
	       struct longs *l);

#ifdef __cplusplus
}
#endif

#endif
