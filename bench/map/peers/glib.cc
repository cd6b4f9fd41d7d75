/* GLib's GHashTable. Keys and values are pointers. As usual, integers are stored in the pointers
 * themselves. A wide value is a separate block of memory, which the table frees.
 */
#include <glib.h>

#include "../our_hash.h"
#include "../suite.h"

#if OUR_HASH
static guint hash_key(gconstpointer key)
{
	return (guint)(given_hash((bench_key)(uintptr_t)key) >> 32);
}
#elif KEY_IS_INT
#define hash_key g_direct_hash
#else
#define hash_key g_str_hash
#endif

/* NULL: compares the pointers without a call. */
static const GEqualFunc equal_keys = KEY_IS_INT ? nullptr : g_str_equal;

struct Table : TableDefaults {
	static constexpr bool HAS_RESERVE = false;

	GHashTable *map =
		g_hash_table_new_full(hash_key, equal_keys, nullptr, VAL_IS_INT ? nullptr : g_free);

	Table() = default;
	Table(const Table &) = delete;
	~Table()
	{
		g_hash_table_destroy(map);
	}

	static gpointer pointer_of(bench_key key)
	{
		return (gpointer)(uintptr_t)key;
	}
	static uint64_t word_of(gpointer val)
	{
#if VAL_IS_INT
		return (uint64_t)val;
#else
		return val_word((const bench_val *)val);
#endif
	}
	void put(bench_key key, const bench_val &val)
	{
#if VAL_IS_INT
		g_hash_table_insert(map, pointer_of(key), (gpointer)(uintptr_t)val);
#else
		bench_val *copy = g_new(bench_val, 1);

		*copy = val;
		g_hash_table_insert(map, pointer_of(key), copy);
#endif
	}
	/* No value is 0 here. Therefore the plain look-up tells whether the key exists. */
	uint64_t get(bench_key key)
	{
		gpointer val = g_hash_table_lookup(map, pointer_of(key));

		return val ? word_of(val) : 0;
	}
	bool erase(bench_key key)
	{
		return g_hash_table_remove(map, pointer_of(key));
	}
	uint64_t sum()
	{
		uint64_t sum = 0;
		gpointer key, val;
		GHashTableIter it;

		g_hash_table_iter_init(&it, map);
		while (g_hash_table_iter_next(&it, &key, &val))
			sum += (uint64_t)key + word_of(val);
		return sum;
	}
	size_t size()
	{
		return g_hash_table_size(map);
	}
};

BENCH_PEER(Table)
