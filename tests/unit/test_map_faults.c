/* Minimal cases of the bugs that random runs have found, and of bugs that they cannot find. */
#include <math.h>

#include <tophash/map.h>

#include "test_map.h"

struct heap {
	size_t held;
	size_t until; /* this many allocations succeed, one fails, then all succeed */
	bool failed;
	size_t keys, vals; /* dropped */
};

static void *heap_alloc(size_t size, void *ctx)
{
	struct heap *heap = ctx;

	if (heap->until-- == 0) {
		heap->failed = true;
		return NULL;
	}
	heap->held += size;
	return malloc(size);
}

static void heap_free(void *p, size_t size, void *ctx)
{
	((struct heap *)ctx)->held -= size;
	free(p);
}

static void drop_key(void *key, void *ctx)
{
	((struct heap *)ctx)->keys++;
}

static void drop_val(void *val, void *ctx)
{
	((struct heap *)ctx)->vals++;
}

static uint64_t few_hashes(const uint32_t *key)
{
	return *key % 2;
}

static bool same(const uint32_t *key, const uint32_t *other)
{
	return *key == *other;
}

TOPHASH_MAP_WITH(chained, uint32_t, uint32_t, few_hashes, same);
TOPHASH_MAP(ages, const char *, int);
TOPHASH_MAP(halves, double, int);

/* A caller may end every map that it wanted to create, without knowing which were created. */
TEST(what_could_not_be_made_is_empty)
{
	struct heap heap = {.until = SIZE_MAX};
	struct tophash_hooks hooks = {
		.size = sizeof(hooks), .ctx = &heap, .alloc = heap_alloc, .free = heap_free};
	struct chained m = {0}, copy;
	struct ages owner = {0}, none;
	static const struct tophash_hooks drops = {.size = sizeof(drops), .drop_key = drop_key};

	memset(&none, 0x55, sizeof(none));
	assert_int_equal(ages_init(&none, SIZE_MAX), -EOVERFLOW);
	assert_int_equal(ages_len(&none), 0);
	ages_fini(&none);
	assert_int_equal(chained_set_hooks(&m, &hooks), 0);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(chained_put(&m, i, i), 1);
	memset(&copy, 0x55, sizeof(copy));
	heap.until = 2;
	assert_int_equal(chained_clone(&m, &copy), -ENOMEM);
	assert_int_equal(chained_len(&copy), 0);
	chained_fini(&copy);
	chained_fini(&m);
	assert_int_equal(heap.held, 0);
	assert_int_equal(ages_set_hooks(&owner, &drops), 0);
	memset(&none, 0x55, sizeof(none));
	assert_int_equal(ages_clone(&owner, &none), -EINVAL);
	ages_fini(&none);
}

/* The value that slot returns belongs to the map. The drop hook must not have got it. */
TEST(slot_does_not_drop)
{
	struct heap heap = {0};
	struct tophash_hooks hooks = {
		.size = sizeof(hooks), .ctx = &heap, .drop_key = drop_key, .drop_val = drop_val};
	char copies[4][4] = {"ada", "ada", "ada",
			     "ada"}; /* the key that the map holds would stay */
	struct ages m = {0};
	int *slot;

	assert_int_equal(ages_set_hooks(&m, &hooks), 0);
	for (int i = 0; i < 3; i++) {
		slot = ages_slot(&m, copies[i]);
		assert_non_null(slot);
		if (slot)
			*slot += 1;
	}
	assert_int_equal(ages_get(&m, "ada"), 3);
	assert_int_equal(heap.vals, 0);
	assert_int_equal(heap.keys, 2); /* the given ones, which were not needed */
	assert_int_equal(ages_put(&m, copies[3], 1), 0);
	assert_int_equal(heap.vals, 1);
	ages_fini(&m);
	assert_int_equal(heap.vals, 2);
	assert_int_equal(heap.keys, 4);
}

/* An object whose name is its key in a map. */
struct owner {
	char name[8];
	unsigned *dropped; /* keys */
};
TOPHASH_MAP(owners, const char *, struct owner *);

/* Reads the key that is dropped, and the object around it, which must still be there. */
static void drop_name(void *key, void *ctx)
{
	const char *name;

	memcpy(&name, key, sizeof(name));
	assert_int_equal(name[0], 'n');
	assert_ptr_equal(((const struct owner *)(const void *)name)->dropped, ctx);
	++*(unsigned *)ctx;
}

static void drop_owner(void *val, void *ctx)
{
	struct owner *owner;

	memcpy(&owner, val, sizeof(owner));
	assert_ptr_equal(owner->dropped, ctx);
	memset(owner, 0, sizeof(*owner));
	free(owner);
}

static bool is_n9(const char *name, struct owner **owner, void *ctx)
{
	(void)ctx;
	assert_ptr_equal((*owner)->name, name);
	return strcmp(name, "n9") == 0;
}

/* The key is dropped before the value that it may be a part of, by every way out of the map. */
TEST(key_may_lie_in_its_value)
{
	unsigned dropped = 0;
	struct tophash_hooks hooks = {.size = sizeof(hooks),
				      .ctx = &dropped,
				      .drop_key = drop_name,
				      .drop_val = drop_owner};
	struct owners m = {0};

	assert_int_equal(owners_set_hooks(&m, &hooks), 0);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 300; i++) {
			struct owner *owner = malloc(sizeof(*owner));

			assert_non_null(owner);
			owner->dropped = &dropped;
			snprintf(owner->name, sizeof(owner->name), "n%u", i);
			assert_int_equal(owners_put(&m, owner->name, owner), 1);
		}
		for (unsigned i = 100; i < 280; i++) {
			char name[8];

			snprintf(name, sizeof(name), "n%u", i);
			assert_true(owners_delete(&m, name));
		}
		assert_int_equal(owners_delete_if(&m, is_n9, NULL), 1);
		assert_int_equal(dropped, 300 * round + 181);
		if (round == 0)
			owners_clear(&m);
		else
			owners_fini(&m);
		assert_int_equal(dropped, 300 * (round + 1));
	}
}

/* Puts n keys from `first` on. A put that fails is repeated once. */
static void put_all(struct chained *m, struct heap *heap, uint32_t first, uint32_t n)
{
	for (uint32_t key = first; key < first + n; key++) {
		int ret = chained_put(m, key, key);

		if (ret < 0) {
			assert_int_equal(ret, -ENOMEM);
			assert_true(heap->failed);
			assert_null(chained_find(m, key));
			assert_int_equal(chained_check(m, 3), 0);
			ret = chained_put(m, key, key);
		}
		assert_int_equal(ret, 1);
		assert_int_equal(chained_check(m, 2), 0);
	}
	assert_int_equal(chained_check(m, 3), 0);
}

static void delete_all(struct chained *m, uint32_t first, uint32_t n)
{
	for (uint32_t key = first; key < first + n; key++) {
		assert_true(chained_delete(m, key));
		assert_int_equal(chained_check(m, 2), 0);
	}
	assert_int_equal(chained_check(m, 3), 0);
}

/* Long chains come and go. Therefore the pool of overflow buckets has gaps. In each run another
 * allocation fails. */
TEST(each_allocation_fails_once)
{
	size_t until = 0;
	bool failed = true;

	for (; failed; until++) {
		struct heap heap = {.until = until};
		struct tophash_hooks hooks = {.size = sizeof(hooks),
					      .ctx = &heap,
					      .alloc = heap_alloc,
					      .free = heap_free};
		struct chained m = {0};

		assert_int_equal(chained_set_hooks(&m, &hooks), 0);
		put_all(&m, &heap, 0, 120);
		delete_all(&m, 0, 60);
		put_all(&m, &heap, 200, 120);
		delete_all(&m, 60, 60);
		put_all(&m, &heap, 400, 120);
		chained_shrink(&m);
		assert_int_equal(chained_check(&m, 3), 0);
		for (uint32_t key = 200; key < 520; key++)
			assert_int_equal(chained_get(&m, key), key < 320 || key >= 400 ? key : 0);
		chained_fini(&m);
		assert_int_equal(heap.held, 0);
		failed = heap.failed;
	}
	assert_true(until > 10);
}

static double the_zero(struct halves *m)
{
	TOPHASH_EACH(halves, it, m)
		if (it.key == 0)
			return it.key;
	fail();
	return 1;
}

/* Of the two zeros, the one that was put last is kept, by the fast path and (while moving) by the
 * slow path. */
TEST(last_zero_is_kept)
{
	struct halves m = {0};

	assert_int_equal(tophash_debug("evacuate=manual"), 0);
	for (int n = 1; n < 100; n++) {
		assert_int_equal(halves_put(&m, 0.0, n), n == 1);
		assert_false(signbit(the_zero(&m)));
		assert_int_equal(halves_put(&m, -0.0, n), 0);
		assert_true(signbit(the_zero(&m)));
		assert_int_equal(halves_put(&m, n / 2.0, n), 1);
		halves_step(&m, n % 3 == 0);
	}
	assert_int_equal(halves_check(&m, 3), 0);
	halves_fini(&m);
	assert_int_equal(tophash_debug(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_could_not_be_made_is_empty),
		cmocka_unit_test(slot_does_not_drop),
		cmocka_unit_test(key_may_lie_in_its_value),
		cmocka_unit_test(each_allocation_fails_once),
		cmocka_unit_test(last_zero_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
