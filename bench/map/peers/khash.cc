/* klib's khash, as htslib ships it. */
#include <htslib/khash.h>

#include "../our_hash.h"
#include "../suite.h"

#if GIVEN_HASH
#define hash_key(key) ((khint_t)(given_hash(key) >> 32))
#elif KEY_IS_STR
#define hash_key kh_str_hash_func
#elif defined(TYPE_u32)
#define hash_key kh_int_hash_func
#else
#define hash_key kh_int64_hash_func
#endif

KHASH_INIT(entries, bench_key, bench_val, 1, hash_key, same_key)

struct Table : TableDefaults {
	khash_t(entries) *map = kh_init(entries);

	Table() = default;
	Table(const Table &) = delete;
	~Table()
	{
		kh_destroy(entries, map);
	}

	void put(bench_key key, const bench_val &val)
	{
		int added;
		khint_t i = kh_put(entries, map, key, &added);

		kh_val(map, i) = val;
	}
	uint64_t get(bench_key key)
	{
		khint_t i = kh_get(entries, map, key);

		return i == kh_end(map) ? 0 : val_word(&kh_val(map, i));
	}
	bool erase(bench_key key)
	{
		khint_t i = kh_get(entries, map, key);

		if (i == kh_end(map))
			return false;
		kh_del(entries, map, i);
		return true;
	}
	/* khash counts buckets, and fills 77 of 100. */
	void reserve(size_t n)
	{
		kh_resize(entries, map, (khint_t)(n + n / 3));
	}
	uint64_t sum()
	{
		uint64_t sum = 0;

		for (khint_t i = kh_begin(map); i != kh_end(map); i++) {
			if (kh_exist(map, i))
				sum += key_word(kh_key(map, i)) + val_word(&kh_val(map, i));
		}
		return sum;
	}
	size_t size()
	{
		return kh_size(map);
	}
};

BENCH_PEER(Table)
