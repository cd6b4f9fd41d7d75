/* khashl, khash's successor: linear probing, deletes without tombstones. */
#include "khashl.h"

#include "../our_hash.h"
#include "../suite.h"

#if GIVEN_HASH
#define hash_key(key) ((khint_t)(given_hash(key) >> 32))
#elif KEY_IS_STR
#define hash_key kh_hash_str
#elif defined(TYPE_u32)
#define hash_key kh_hash_uint32
#else
#define hash_key kh_hash_uint64
#endif

KHASHL_MAP_INIT(KH_LOCAL, entries, entries, bench_key, bench_val, hash_key, same_key)

struct Table : TableDefaults {
	entries *map = entries_init();

	Table() = default;
	Table(const Table &) = delete;
	~Table()
	{
		entries_destroy(map);
	}

	void put(bench_key key, const bench_val &val)
	{
		int added;
		khint_t i = entries_put(map, key, &added);

		kh_val(map, i) = val;
	}
	uint64_t get(bench_key key)
	{
		khint_t i = entries_get(map, key);

		return i == kh_end(map) ? 0 : val_word(&kh_val(map, i));
	}
	bool erase(bench_key key)
	{
		khint_t i = entries_get(map, key);

		if (i == kh_end(map))
			return false;
		entries_del(map, i);
		return true;
	}
	/* khashl counts buckets, and fills three of four. */
	void reserve(size_t n)
	{
		entries_resize(map, (khint_t)(n + n / 3 + 1));
	}
	uint64_t sum()
	{
		uint64_t sum = 0;
		khint_t i;

		kh_foreach(map, i) sum += key_word(kh_key(map, i)) + val_word(&kh_val(map, i));
		return sum;
	}
	size_t size()
	{
		return kh_size(map);
	}
};

BENCH_PEER(Table)
