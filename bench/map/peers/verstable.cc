/* Verstable: chains inside the table, two bytes of metadata a bucket. */
#include "../our_hash.h"
#include "../suite.h"

#define NAME   entries
#define KEY_TY bench_key
#define VAL_TY bench_val
#if GIVEN_HASH
#define HASH_FN given_hash
#elif KEY_IS_STR
#define HASH_FN vt_hash_string
#else
#define HASH_FN vt_hash_integer
#endif
#define CMPR_FN same_key
#include "verstable.h"

struct Table : TableDefaults {
	entries map;

	Table()
	{
		entries_init(&map);
	}
	Table(const Table &) = delete;
	~Table()
	{
		entries_cleanup(&map);
	}

	void put(bench_key key, const bench_val &val)
	{
		entries_insert(&map, key, val);
	}
	uint64_t get(bench_key key)
	{
		entries_itr it = entries_get(&map, key);

		return entries_is_end(it) ? 0 : val_word(&it.data->val);
	}
	bool erase(bench_key key)
	{
		return entries_erase(&map, key);
	}
	void reserve(size_t n)
	{
		entries_reserve(&map, n);
	}
	uint64_t sum()
	{
		uint64_t sum = 0;

		for (entries_itr it = entries_first(&map); !entries_is_end(it);
		     it = entries_next(it))
			sum += key_word(it.data->key) + val_word(&it.data->val);
		return sum;
	}
	size_t size()
	{
		return entries_size(&map);
	}
};

BENCH_PEER(Table)
