/* stb_ds: a dense array of entries with a separate index. Its hash cannot be replaced. */
#define STB_DS_IMPLEMENTATION
#include <stb/stb_ds.h>

#include "../suite.h"

struct item {
	bench_key key;
	bench_val value;
};

/* hm... functions take integers, and sh... functions strings. They keep a string's pointer and do
 * not copy the string. */
#if KEY_IS_INT
#define ds_put(map, key, val) hmput(map, key, val)
#define ds_find(map, key)     hmgeti(map, key)
#define ds_del(map, key)      hmdel(map, key)
#define ds_free(map)	      hmfree(map)
#else
#define ds_put(map, key, val) shput(map, key, val)
#define ds_find(map, key)     shgeti(map, key)
#define ds_del(map, key)      shdel(map, key)
#define ds_free(map)	      shfree(map)
#endif

struct Table : TableDefaults {
	static constexpr bool HAS_RESERVE = false;

	struct item *map = nullptr;

	Table() = default;
	Table(const Table &) = delete;
	~Table()
	{
		ds_free(map);
	}

	void put(bench_key key, const bench_val &val)
	{
		ds_put(map, key, val);
	}
	uint64_t get(bench_key key)
	{
		ptrdiff_t i = ds_find(map, key);

		return i < 0 ? 0 : val_word(&map[i].value);
	}
	bool erase(bench_key key)
	{
		return ds_del(map, key) != 0;
	}
	uint64_t sum()
	{
		uint64_t sum = 0;

		for (ptrdiff_t i = 0, n = hmlen(map); i < n; i++)
			sum += key_word(map[i].key) + val_word(&map[i].value);
		return sum;
	}
	size_t size()
	{
		return (size_t)hmlen(map);
	}
};

BENCH_PEER(Table)
