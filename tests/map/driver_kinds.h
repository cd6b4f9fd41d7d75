/* The kinds of key and value that driver.c runs, each with the same functions. A key is a number
 * below `keys`. A value has 64 bits, of which a narrow type keeps only some.
 */
#ifndef DRIVER_KINDS_H
#define DRIVER_KINDS_H

#include <tophash/map.h>

#ifndef KEYS
#define KEYS 20000
#endif
#define BATCH	   100
#define KEY_MAX	   16		    /* bytes of the largest key */
#define NUMBER_NAN (UINT32_MAX - 1) /* the number of an entry whose key is a NaN; it is even */

/* Called for each entry. Returns false to end the loop. */
typedef bool visit_fn(void *ctx, uint32_t number, uint64_t val);

/* Functions without types that call the typed ones. `get` tells whether the key exists. `val_of`
 * returns the bits that a value keeps. */
struct kind {
	const char *name;
	uint32_t keys;
	const struct tophash_type *type;
	int (*put)(struct tophash *map, uint32_t number, uint64_t val);
	int (*put_nan)(struct tophash *map, uint64_t val); /* NULL: the kind has no NaN */
	bool (*slot)(struct tophash *map, uint32_t number, uint64_t val, uint64_t *ret_old);
	bool (*get)(const struct tophash *map, uint32_t number, uint64_t *ret);
	bool (*remove)(struct tophash *map, uint32_t number);
	int (*put_many)(struct tophash *map, const uint32_t *numbers, const uint64_t *vals,
			size_t n, size_t *ret_done);
	size_t (*get_many)(const struct tophash *map, const uint32_t *numbers, size_t n,
			   uint64_t *ret, bool *ret_found);
	size_t (*remove_many)(struct tophash *map, const uint32_t *numbers, size_t n);
	size_t (*remove_odd)(struct tophash *map); /* deletes the odd numbers, with delete_if */
	void (*each)(struct tophash *map, visit_fn *fn, void *ctx);
	uint64_t (*val_of)(uint64_t val);
};

extern const struct kind kinds[];
extern const size_t kinds_len;

/* The bytes of the keys that the last put, slot or put_many was given, in order. Equal keys may have different bytes: strings
 * lie at two addresses. */
extern uint8_t kinds_given[BATCH][KEY_MAX];

/* Makes the strings and other data that keys point to. */
void kinds_init(void);

#endif
