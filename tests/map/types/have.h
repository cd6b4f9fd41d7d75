/* The types of the keys and values. */
#ifndef TYPES_HAVE_H
#define TYPES_HAVE_H

#include <tophash/map.h>

enum colour { RED, GREEN, BLUE };
struct point {
	int x, y;
}; /* without padding */
struct words {
	long w[7];
};
struct padded {
	char c;
	int number;
};

static inline uint64_t padded_hash(const struct padded *key)
{
	return (uint64_t)key->number;
}

static inline bool padded_equal(const struct padded *key, const struct padded *other)
{
	return key->number == other->number;
}

#ifdef __SIZEOF_INT128__
__extension__ typedef __int128 i128;
#endif

#endif
