/* Small maps: many maps with a few entries each, as in real programs. The branch predictor would
 * learn one map of four entries in a loop. Therefore MAPS of them take turns.
 *
 *   hit, miss   a look-up of a random key in the next map     iterate  a loop over one map
 *   made        a map made, n entries put, finished           toggle   one entry put and erased beside
 *   malloc      bytes that malloc took for one map, and the            n - 1 others: with n = 1 the map
 *               map itself                                             becomes empty
 *   many        bytes of memory a map, of a million with MANY_OF entries
 */
#ifndef BENCH_MAP_SMALL_H
#define BENCH_MAP_SMALL_H

#include <algorithm>

#include <malloc.h>

#include "harness.h"

template <class Table> class small_maps
{
      public:
	small_maps(size_t n, uint64_t seed) : n(n)
	{
		for (size_t i = 0; i < MAPS; i++)
			sets.push_back(make_streams(n, seed * 1000 + i, STREAMS_ALL));
		rounds = std::max<size_t>(1, OPERATIONS / (MAPS * n));
	}
	void measure(report &ret)
	{
		fill();
		reads(ret);
		toggle(ret);
		tables.clear();
		made(ret);
		malloced(ret);
		if (n == MANY_OF)
			many(ret);
	}

      private:
	static constexpr size_t MAPS = 64, OPERATIONS = 100000, COUNTED = 4096, MANY = 1000000,
				MANY_OF = 3;

	void fill()
	{
		for (const struct streams &s : sets) {
			tables.emplace_back(new Table);
			for (size_t i = 0; i < n; i++)
				tables.back()->put(s.in[i], make_val(i));
		}
	}
	static NOINLINE uint64_t get(Table &table, const bench_key *key, size_t n)
	{
		uint64_t sum = 0;

		for (size_t i = 0; i < n; i++)
			sum += table.get(key[i]);
		return sum;
	}
	static NOINLINE uint64_t sum_of(Table &table)
	{
		return table.sum();
	}
	static NOINLINE bool put_and_erase(Table &table, bench_key key)
	{
		table.put(key, make_val(0));
		return table.erase(key);
	}
	static NOINLINE size_t make(const struct keys &keys)
	{
		Table table;

		for (size_t i = 0; i < keys.size(); i++)
			table.put(keys[i], make_val(i));
		return table.size();
	}
	template <class Fn>
	void timed(report &ret, const char *name, size_t operations, uint64_t want, Fn fn)
	{
		double began = now_ns();
		uint64_t got = 0;

		for (size_t round = 0; round < rounds; round++) {
			for (size_t i = 0; i < MAPS; i++)
				got += fn(i);
		}
		ret.add(name,
			(now_ns() - began - clock_cost()) / (double)(rounds * MAPS * operations));
		check(name, got, want * rounds);
	}
	uint64_t total(uint64_t (*of)(const struct streams &))
	{
		uint64_t ret = 0;

		for (const struct streams &s : sets)
			ret += of(s);
		return ret;
	}
	void reads(report &ret)
	{
		timed(ret, "hit", n, total([](const struct streams &s) { return s.hit_sum; }),
		      [&](size_t i) { return get(*tables[i], sets[i].hit.key.data(), n); });
		timed(ret, "miss", n, 0,
		      [&](size_t i) { return get(*tables[i], sets[i].out.key.data(), n); });
		timed(ret, "iterate", 1, total([](const struct streams &s) { return s.in_sum; }),
		      [&](size_t i) { return sum_of(*tables[i]); });
	}
	void toggle(report &ret)
	{
		for (size_t i = 0; i < MAPS; i++)
			check("erase one", tables[i]->erase(sets[i].in[n - 1]), 1);
		timed(ret, "toggle", 1, MAPS,
		      [&](size_t i) { return put_and_erase(*tables[i], sets[i].in[n - 1]); });
		for (auto &table : tables)
			check("size, one erased", table->size(), n - 1);
	}
	void made(report &ret)
	{
		timed(ret, "made", 1, MAPS * n, [&](size_t i) { return make(sets[i].in); });
	}
	/* Measures maps in an array, like members of objects that a program has many of. */
	void many(report &ret)
	{
		std::unique_ptr<Table[]> tables;
		double before = memory_held();

		tables.reset(new Table[MANY]);
		for (size_t i = 0; i < MANY; i++) {
			for (size_t k = 0; k < n; k++)
				tables[i].put(sets[0].in[k], make_val(k));
		}
		ret.add("many", (memory_held() - before) / (double)MANY);
	}
	static size_t malloc_used()
	{
		struct mallinfo2 used = mallinfo2();

		return used.uordblks + used.hblkhd;
	}
	/* Measures the memory of the map itself and of all its blocks, with malloc's headers. The
	 * cache of freed blocks that a thread has counts as used; with many maps its part is
	 * small. */
	void malloced(report &ret)
	{
		std::unique_ptr<Table[]> tables;
		size_t before = malloc_used();

		tables.reset(new Table[COUNTED]);
		for (size_t i = 0; i < COUNTED; i++) {
			for (size_t k = 0; k < n; k++)
				tables[i].put(sets[0].in[k], make_val(k));
		}
		ret.add("malloc", (double)(malloc_used() - before) / (double)COUNTED);
	}

	size_t n, rounds;
	std::vector<struct streams> sets;
	std::vector<std::unique_ptr<Table>> tables;
};

template <class Table> static void measure_small(const struct task &task, report &ret)
{
	for (unsigned i = 0; i < task.repeats; i++)
		small_maps<Table>(task.n, task.seed * 1000 + i).measure(ret);
}

#endif
