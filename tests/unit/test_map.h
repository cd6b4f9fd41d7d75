/* Shared by the tests of the map. Their keys are made from numbers below KEYS. */
#ifndef TEST_MAP_H
#define TEST_MAP_H

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tophash/fast.h"

#define KEYS 6000

/* A kind of key, and how a number of the test becomes a key. */
struct kind {
	const char *name;
	struct tophash_type type;
	void (*make)(uint32_t number, void *ret);
};

static inline uint64_t test_random(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static inline void test_make_u64(uint32_t number, void *ret)
{
	uint64_t key = (uint64_t)number << 40;

	memcpy(ret, &key, sizeof(key));
}

static const struct tophash_type test_u64 = {
	.kind = TOPHASH_KIND_INT, .key_size = 8, .val_size = 8, .val_offset = 8, .slot_size = 16};

static inline int test_put(struct tophash *map, const struct tophash_type *type, const void *key,
			   uint64_t val)
{
	int ret = 0;
	uint8_t *slot = tophash_put_slot(map, type, key, &ret);

	assert_int_equal(slot == NULL, ret < 0);
	if (slot)
		memcpy(slot + type->val_offset, &val, sizeof(val));
	return ret;
}

static inline bool test_get(const struct tophash *map, const struct tophash_type *type,
			    const void *key, uint64_t *ret)
{
	const uint8_t *slot = tophash_find_slot(map, type, key);

	if (slot)
		memcpy(ret, slot + type->val_offset, sizeof(*ret));
	return slot != NULL;
}

#endif
