/* The measurements, with an adapter for each table. An adapter is one file in peers/, which defines
 * its table and the calls:
 *
 *   struct Table {
 *           void put(bench_key key, const bench_val &val);   insert, or replace the value
 *           uint64_t get(bench_key key);                     val_word() of its value, 0 when absent
 *           bool erase(bench_key key);                       whether it was there
 *           void reserve(size_t n);                          HAS_RESERVE says whether it does
 * anything uint64_t sum();                                  val_word() + key_word() of all entries
 *           size_t size();
 *   };
 *   BENCH_PEER(Table)
 *
 * and, where it is offered: HAS_MANY and sum_many(keys, n), up to BATCH look-ups in one call;
 * HAS_KEEP and keep(n), which keeps the room that the table has although entries leave.
 *
 * Each loop is a function of its own that is not inlined: the compiler treats it alike whatever
 * stands around it.
 */
#ifndef BENCH_MAP_SUITE_H
#define BENCH_MAP_SUITE_H

#include "harness.h"
#include "small.h"

constexpr size_t BATCH = 256;

struct TableDefaults {
	static constexpr bool HAS_RESERVE = true;
	static constexpr bool HAS_MANY = false;
	static constexpr bool HAS_KEEP = false;
};

/* The loops. They first copy arrays and lengths from the streams. Otherwise these would be read
 * again each time, because a table's writes through bytes could change anything. */
template <class Table> struct loops {
	static NOINLINE void put(Table &table, const struct keys &keys)
	{
		const bench_key *key = keys.key.data();

		for (size_t i = 0, n = keys.size(); i < n; i++)
			table.put(key[i], make_val(i));
	}
	/* Returns the sum of the values that were found. */
	static NOINLINE uint64_t get(Table &table, const struct keys &keys)
	{
		uint64_t sum = 0;

		for (bench_key key : keys.key)
			sum += table.get(key);
		return sum;
	}
	/* Makes each key depend on the last value. It measures the latency of look-ups, which
	 * cannot overlap. `zero` is 0, which the compiler cannot know. */
	static NOINLINE uint64_t get_dependent(Table &table, const struct keys &keys, uint64_t zero)
	{
		uint64_t sum = 0, last = 0;

		for (bench_key key : keys.key) {
			last = table.get(key_after(key, last & zero));
			sum += last;
		}
		return sum;
	}
	static NOINLINE uint64_t get_many(Table &table, const struct keys &keys)
	{
		const bench_key *key = keys.key.data();
		size_t n = keys.size();
		uint64_t sum = 0;

		for (size_t i = 0; i < n; i += BATCH)
			sum += table.sum_many(key + i, n - i < BATCH ? n - i : BATCH);
		return sum;
	}
	static NOINLINE uint64_t iterate(Table &table)
	{
		return table.sum();
	}
	/* Returns how many keys the table had. */
	static NOINLINE size_t erase(Table &table, const struct keys &keys, size_t from, size_t to)
	{
		const bench_key *key = keys.key.data();
		size_t erased = 0;

		for (size_t i = from; i < to; i++)
			erased += table.erase(key[i]);
		return erased;
	}
	static NOINLINE size_t churn(Table &table, const struct keys &victims,
				     const struct keys &fresh)
	{
		const bench_key *victim = victims.key.data(), *key = fresh.key.data();
		size_t erased = 0;

		for (size_t i = 0, n = fresh.size(); i < n; i++) {
			erased += table.erase(victim[i]);
			table.put(key[i], make_val(i));
		}
		return erased;
	}
};

/* Runs fn and adds its time, by operation. Returns what fn returns. */
template <class Fn> static auto timed(report &ret, const char *name, size_t operations, Fn fn)
{
	double cost = clock_cost(), began = now_ns();
	auto value = fn();

	ret.add(name, (now_ns() - began - cost) / (double)operations);
	return value;
}

template <class Table> static void measure_reads(Table &table, const struct streams &s, report &ret)
{
	using loop = loops<Table>;
	volatile uint64_t zero = 0;

	check("hit", timed(ret, "hit", s.hit.size(), [&] { return loop::get(table, s.hit); }),
	      s.hit_sum);
	check("miss", timed(ret, "miss", s.out.size(), [&] { return loop::get(table, s.out); }), 0);
	check("dependent hit",
	      timed(ret, "hit_dependent", s.hit.size(),
		    [&] { return loop::get_dependent(table, s.hit, zero); }),
	      s.hit_sum);
	if constexpr (Table::HAS_MANY)
		check("batched hit",
		      timed(ret, "hit_many", s.hit.size(),
			    [&] { return loop::get_many(table, s.hit); }),
		      s.hit_sum);
	check("iterate", timed(ret, "iterate", s.in.size(), [&] { return loop::iterate(table); }),
	      s.in_sum);
}

/* Measures a table that grows from empty: first the puts, then reads, then changes at constant
 * size. */
template <class Table> static void measure_grown(const struct streams &s, report &ret)
{
	using loop = loops<Table>;
	Table table;
	size_t n = s.in.size();

	timed(ret, "insert", n, [&] { return loop::put(table, s.in), 0; });
	check("size", table.size(), n);
	measure_reads(table, s, ret);
	check("erase miss",
	      timed(ret, "erase_miss", s.out.size(),
		    [&] { return loop::erase(table, s.out, 0, s.out.size()); }),
	      0);
	timed(ret, "put_again", n, [&] { return loop::put(table, s.erase), 0; });
	check("size after putting again", table.size(), n);
	check("sum after putting again", table.sum(), s.in_sum);
	check("churn",
	      timed(ret, "churn", 2 * n, [&] { return loop::churn(table, s.victim, s.fresh); }),
	      2 * n);
	check("size after churn", table.size(), n);
	check("iterate after churn",
	      timed(ret, "churn_iterate", n, [&] { return loop::iterate(table); }), s.churned_sum);
	check("miss after churn",
	      timed(ret, "churn_miss", s.out.size(), [&] { return loop::get(table, s.out); }), 0);
}

/* Measures puts into reserved room, then erases all keys in another order. */
template <class Table> static void measure_erase(const struct streams &s, report &ret, bool keep)
{
	using loop = loops<Table>;
	Table table;
	size_t n = s.in.size(), half = n / 2;
	double cost = clock_cost(), asked = now_ns(), began, middle;

	if constexpr (Table::HAS_RESERVE)
		table.reserve(n);
	began = now_ns();
	loop::put(table, s.in);
	middle = now_ns();
	if (Table::HAS_RESERVE && !keep) {
		ret.add("insert_reserved", (middle - began - cost) / (double)n);
		ret.add("reserve_insert", (middle - asked - 2 * cost) / (double)n);
	}
	if constexpr (Table::HAS_KEEP) {
		if (keep)
			table.keep(n);
	}
	began = now_ns();
	check("erase hit", loop::erase(table, s.erase, 0, half), half);
	middle = now_ns();
	check("size, half erased", table.size(), n - half);
	check("erase all", loop::erase(table, s.erase, half, n), n - half);
	if (!keep)
		ret.add("erase_hit", (middle - began - cost) / (double)half);
	ret.add(keep ? "erase_all_keep" : "erase_all", (now_ns() - began - 2 * cost) / (double)n);
	check("size, all erased", table.size(), 0);
}

template <class Table> static void measure_speed(const struct task &task, report &ret)
{
	for (unsigned i = 0; i < task.repeats; i++) {
		const struct streams s = make_streams(task.n, task.seed * 1000 + i, STREAMS_ALL);

		measure_grown<Table>(s, ret);
		measure_erase<Table>(s, ret, false);
		if (Table::HAS_KEEP)
			measure_erase<Table>(s, ret, true);
	}
}

/* Measures the bytes per entry with n entries, and after nine of ten were erased. Small maps are
 * made many times, because memory comes in pages. */
template <class Table> static void measure_memory(const struct task &task, report &ret)
{
	const struct streams s = make_streams(task.n, task.seed * 1000, STREAMS_BASIC);
	size_t n = task.n, most = n - n / 10, copies = n < 200000 ? 200000 / n + 1 : 1;
	std::vector<std::unique_ptr<Table>> tables(copies);
	double before = memory_held();

	for (auto &table : tables) {
		table.reset(new Table);
		loops<Table>::put(*table, s.in);
	}
	ret.add("bytes", (memory_held() - before) / (double)(copies * n));
	for (auto &table : tables)
		check("erase", loops<Table>::erase(*table, s.erase, 0, most), most);
	ret.add("bytes_erased", (memory_held() - before) / (double)(copies * (n - most)));
}

/* Times each operation separately, from empty to n entries and back. The same loop without an
 * operation shows what the machine adds. */
template <class Table> struct single {
	template <class Fn> static NOINLINE void run(size_t n, histogram &ret, Fn fn)
	{
		for (size_t i = 0; i < n; i++) {
			uint64_t began = ticks();

			fn(i);
			ret.add(ticks() - began);
		}
	}
};

template <class Table> static void measure_latency(const struct task &task, report &ret)
{
	const struct streams s = make_streams(task.n, task.seed * 1000, STREAMS_BASIC);
	histogram empty, grow, shrink;
	size_t erased = 0;
	Table table;

	single<Table>::run(task.n, empty, [&](size_t i) {
		asm volatile("" ::"r"(&s.in.key[i]) : "memory");
	});
	single<Table>::run(task.n, grow, [&](size_t i) { table.put(s.in[i], make_val(i)); });
	check("size", table.size(), task.n);
	check("sum", table.sum(), s.in_sum);
	single<Table>::run(task.n, shrink, [&](size_t i) { erased += table.erase(s.erase[i]); });
	check("erase all", erased, task.n);
	empty.print_to(ret, "empty");
	grow.print_to(ret, "grow");
	shrink.print_to(ret, "shrink");
}

template <class Table> static void run_on(const struct task &task, report &ret)
{
	if (task.name == "speed")
		measure_speed<Table>(task, ret);
	else if (task.name == "memory")
		measure_memory<Table>(task, ret);
	else if (task.name == "small")
		measure_small<Table>(task, ret);
	else
		measure_latency<Table>(task, ret);
}

#define BENCH_PEER(Table)                                   \
	void run_task(const struct task &task, report &ret) \
	{                                                   \
		run_on<Table>(task, ret);                   \
	}

#endif
