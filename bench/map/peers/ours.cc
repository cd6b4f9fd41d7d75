/* tophash, through the typed interface that its users have. */
#include <tophash/map.h>

#include "../our_hash.h"
#include "../suite.h"

#if KEY_IS_PAIR
static inline uint64_t hash_of(const bench_key *key)
{
	return given_hash(*key);
}

static inline bool same(const bench_key *x, const bench_key *y)
{
	return same_key(*x, *y);
}

#ifdef BENCH_MIXED
TOPHASH_MAP_MIXED(entries, bench_key, bench_val, hash_of, same);
#else
TOPHASH_MAP_WITH(entries, bench_key, bench_val, hash_of, same);
#endif
#else
TOPHASH_MAP(entries, bench_key, bench_val);
#endif

struct Table : TableDefaults {
	static constexpr bool HAS_MANY = true;
	static constexpr bool HAS_KEEP = true;

	struct entries map = {};

	Table() = default;
	Table(const Table &) = delete;
	~Table()
	{
		entries_fini(&map);
	}

	void put(bench_key key, const bench_val &val)
	{
		entries_put(&map, key, val);
	}
	uint64_t get(bench_key key)
	{
		const bench_val *val = entries_find(&map, key);

		return val ? val_word(val) : 0;
	}
	bool erase(bench_key key)
	{
		return entries_delete(&map, key);
	}
	void reserve(size_t n)
	{
		/* Without memory the puts would fail, and the sizes be wrong. */
		(void)entries_reserve(&map, n);
	}
	void keep(size_t)
	{
		entries_keep_room(&map, true);
	}
	uint64_t sum()
	{
		uint64_t sum = 0;

		TOPHASH_EACH(entries, it, &map)
			sum += key_word(it.key) + val_word(it.ref);
		return sum;
	}
	size_t size()
	{
		return entries_len(&map);
	}
	uint64_t sum_many(const bench_key *keys, size_t n)
	{
		bench_val vals[BATCH];
		bool found[BATCH];
		uint64_t sum = 0;

		entries_get_many(&map, keys, n, vals, found);
		for (size_t i = 0; i < n; i++)
			sum += found[i] ? val_word(&vals[i]) : 0;
		return sum;
	}
};

BENCH_PEER(Table)
