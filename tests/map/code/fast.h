/* The functions of fast.c, which step.c calls. */
#ifndef CODE_FAST_H
#define CODE_FAST_H

#include <tophash/map.h>

TOPHASH_MAP(u64, uint64_t, uint64_t);
TOPHASH_MAP(u32, uint32_t, uint64_t);
TOPHASH_MAP(ptr, const void *, uint64_t);
TOPHASH_MAP(f64, double, uint64_t);
TOPHASH_MAP(cstr, const char *, uint64_t);

/* A key with a hash and an equality of the user. */
struct pair {
	uint64_t a, b;
};

static inline uint64_t pair_hash(const struct pair *key)
{
	return key->a * 31 + key->b;
}

static inline bool pair_equal(const struct pair *x, const struct pair *y)
{
	return x->a == y->a && x->b == y->b;
}

TOPHASH_MAP_WITH(own, struct pair, uint64_t, pair_hash, pair_equal);
TOPHASH_MAP_MIXED(mixed, struct pair, uint64_t, pair_hash, pair_equal);

#define CODE_PROTOTYPES(name, K)                               \
	uint64_t name##_get_code(const struct name *m, K k);   \
	uint64_t *name##_find_code(const struct name *m, K k); \
	int name##_put_code(struct name *m, K k, uint64_t v);  \
	bool name##_delete_code(struct name *m, K k)

CODE_PROTOTYPES(u64, uint64_t);
CODE_PROTOTYPES(u32, uint32_t);
CODE_PROTOTYPES(ptr, const void *);
CODE_PROTOTYPES(f64, double);
CODE_PROTOTYPES(cstr, const char *);
CODE_PROTOTYPES(own, struct pair);
CODE_PROTOTYPES(mixed, struct pair);

#endif
