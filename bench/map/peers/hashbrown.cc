/* hashbrown, as the HashMap of Rust's standard library, called through the C functions of
 * hashbrown.rs. Each operation costs a call of one or two nanoseconds, which Rust code would not
 * have.
 */
#include "../suite.h"

extern "C" {
void *hashbrown_new();
void hashbrown_free(void *map);
void hashbrown_reserve(void *map, size_t n);
void hashbrown_put(void *map, bench_key key, const bench_val *val);
const bench_val *hashbrown_get(const void *map, bench_key key);
bool hashbrown_erase(void *map, bench_key key);
uint64_t hashbrown_sum(const void *map);
size_t hashbrown_size(const void *map);
}

struct Table : TableDefaults {
	void *map = hashbrown_new();

	Table() = default;
	Table(const Table &) = delete;
	~Table()
	{
		hashbrown_free(map);
	}

	void put(bench_key key, const bench_val &val)
	{
		hashbrown_put(map, key, &val);
	}
	uint64_t get(bench_key key)
	{
		const bench_val *val = hashbrown_get(map, key);

		return val ? val_word(val) : 0;
	}
	bool erase(bench_key key)
	{
		return hashbrown_erase(map, key);
	}
	void reserve(size_t n)
	{
		hashbrown_reserve(map, n);
	}
	uint64_t sum()
	{
		return hashbrown_sum(map);
	}
	size_t size()
	{
		return hashbrown_size(map);
	}
};

BENCH_PEER(Table)
