/* tidwall's hash map: robin hood hashing. The size of items is given at run time, and hash and
 * equality by pointer. */
#include "hashmap.h"

#include "../our_hash.h"
#include "../suite.h"

struct item {
	bench_key key;
	bench_val val;
};

static uint64_t hash_item(const void *item, uint64_t seed0, uint64_t seed1)
{
	const bench_key *key = &((const struct item *)item)->key;

#if GIVEN_HASH
	(void)seed0, (void)seed1;
	return given_hash(*key);
#elif KEY_IS_STR
	return hashmap_sip(*key, strlen(*key), seed0, seed1);
#else
	return hashmap_sip(key, sizeof(*key), seed0, seed1);
#endif
}

static int compare_items(const void *a, const void *b, void *)
{
	return !same_key(((const struct item *)a)->key, ((const struct item *)b)->key);
}

struct Table : TableDefaults {
	static constexpr bool HAS_RESERVE = false; /* only when the table is made */

	struct hashmap *map = hashmap_new(sizeof(struct item), 0, OUR_SEED, OUR_MULT, hash_item,
					  compare_items, nullptr, nullptr);

	Table() = default;
	Table(const Table &) = delete;
	~Table()
	{
		hashmap_free(map);
	}

	void put(bench_key key, const bench_val &val)
	{
		struct item item = {key, val};

		hashmap_set(map, &item);
	}
	uint64_t get(bench_key key)
	{
		struct item item = {key, {}};
		const struct item *found = (const struct item *)hashmap_get(map, &item);

		return found ? val_word(&found->val) : 0;
	}
	bool erase(bench_key key)
	{
		struct item item = {key, {}};

		return hashmap_delete(map, &item) != nullptr;
	}
	uint64_t sum()
	{
		uint64_t sum = 0;
		size_t i = 0;
		void *item;

		while (hashmap_iter(map, &i, &item))
			sum += key_word(((struct item *)item)->key) +
			       val_word(&((struct item *)item)->val);
		return sum;
	}
	size_t size()
	{
		return hashmap_count(map);
	}
};

BENCH_PEER(Table)
