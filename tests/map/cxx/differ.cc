// tophash_map and tophash_set against std::unordered_map: random operations, with allocations and constructors that fail.
//
//	differ SEED ROUNDS
//
// Prints a line for each kind of map. Ends with exit code 1 at the first difference.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tophash/map.hpp>

#include "count.h"

using count::counted;
using count::draw;

#define NEED(condition)                                                                      \
	do {                                                                                 \
		if (!(condition)) {                                                          \
			std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			std::exit(1);                                                        \
		}                                                                            \
	} while (0)

struct point {
	int x, y;
	bool operator==(const point &other) const
	{
		return x == other.x && y == other.y;
	}
};
struct big {
	int value[100];
};
struct alignas(64) wide {
	int value;
};
// All keys share 8 hashes: chains.
struct poor_hash {
	std::size_t operator()(const point &key) const
	{
		return static_cast<std::size_t>(key.x & 7);
	}
	std::size_t operator()(const std::vector<int> &key) const
	{
		return key.empty() ? 0 : static_cast<std::size_t>(key.back());
	}
	std::size_t operator()(const counted &key) const
	{
		return static_cast<std::size_t>(key.value);
	}
};
// Strings whose last character counts.
struct tail_hash {
	std::size_t operator()(std::string_view key) const
	{
		return key.empty() ? 0 : static_cast<unsigned char>(key.back());
	}
};

// The n-th key or value of a type, and its number.
template <class T> T make(int n)
{
	if constexpr (std::is_same<T, std::string>::value)
		return n % 3 == 0 ? "a string that is longer than others " + std::to_string(n)
				  : std::to_string(n);
	else if constexpr (std::is_same<T, point>::value)
		return {n, -n};
	else if constexpr (std::is_same<T, std::vector<int>>::value)
		return std::vector<int>(1 + static_cast<std::size_t>(n % 5), n);
	else if constexpr (std::is_same<T, std::unique_ptr<int>>::value)
		return std::make_unique<int>(n);
	else if constexpr (std::is_same<T, std::shared_ptr<int>>::value)
		return std::make_shared<int>(n);
	else if constexpr (std::is_same<T, big>::value || std::is_same<T, wide>::value)
		return T{n};
	else if constexpr (std::is_same<T, std::pair<int, int>>::value)
		return {n, n};
	else
		return static_cast<T>(n);
}
int number(const std::string &s)
{
	std::size_t at = s.rfind(' ');

	return s.empty() ? 0 : std::atoi(s.c_str() + (at == s.npos ? 0 : at));
}
int number(std::string_view s)
{
	return number(std::string(s));
}
int number(const point &p)
{
	return p.x;
}
int number(const std::vector<int> &v)
{
	return v.empty() ? 0 : v[0];
}
int number(const std::unique_ptr<int> &p)
{
	return p ? *p : 0;
}
int number(const std::shared_ptr<int> &p)
{
	return p ? *p : 0;
}
int number(const big &b)
{
	return b.value[0];
}
int number(const wide &w)
{
	NEED(reinterpret_cast<std::uintptr_t>(&w) % 64 == 0);
	return w.value;
}
int number(const std::pair<int, int> &p)
{
	return p.second;
}
int number(const counted &c)
{
	c.check();
	return c.value;
}
int number(double x)
{
	return static_cast<int>(x);
}

// The truth: what is in the map, by number.
typedef std::unordered_map<int, int> truth;

// A loop shows what is there, once each.
template <class Map> void need_same(const Map &map, const truth &want)
{
	truth seen;

	NEED(map.size() == want.size() && map.empty() == want.empty());
	for (auto &&[key, val] : map)
		NEED(seen.emplace(number(key), number(val)).second);
	NEED(seen == want);
	NEED(tophash_check(map.c_map(), 3) == 0);
}

// Puts, and one allocation or constructor may fail in the meantime. The map is unchanged then.
template <class Map> void put(Map &map, truth &want, int n, int value)
{
	typedef typename Map::key_type K;
	typedef typename Map::mapped_type V;
	bool was_there = want.count(n) != 0, failed = true;
	K key = make<K>(n);
	V val = make<V>(value);
	unsigned how = draw() % 3, fail_at = draw() % 16 ? 0 : 1 + draw() % 6;

	count::fail_at = fail_at;
	try {
		if (how == 0) {
			bool added = map.insert_or_assign(std::move(key), std::move(val));

			count::fail_at = 0;
			NEED(added == !was_there);
			want[n] = value;
		} else if (how == 1) {
			auto [ref, added] = map.try_emplace(std::move(key), std::move(val));

			count::fail_at = 0;
			NEED(added == !was_there && number(ref) == (added ? value : want[n]));
			want.emplace(n, value);
		} else {
			V &ref = map[std::move(key)];

			count::fail_at = 0;
			NEED(number(ref) == (was_there ? want[n] : 0));
			ref = std::move(val);
			want[n] = value;
		}
		failed = false;
	} catch (const std::bad_alloc &) {
	} catch (int) {
	}
	NEED(!failed || fail_at);
	count::fail_at = 0;
	if (failed)
		need_same(map, want);
}

// A loop that erases and puts. Nothing comes twice that was not erased in between; what was there all the time comes.
template <class Map> void change_in_loop(Map &map, truth &want, int keys)
{
	typedef typename Map::key_type K;
	truth before = want, seen, erased;

	for (auto &&[key, val] : map) {
		int n = number(key), other = static_cast<int>(draw() % static_cast<unsigned>(keys));

		NEED(seen.emplace(n, number(val)).second && want.count(n));
		if (draw() % 2) {
			NEED(map.erase(key));
			want.erase(n);
			seen.erase(n);
			erased[n] = 1;
		}
		if (draw() % 4 == 0)
			put(map, want, static_cast<int>(draw() % 64) + keys, 3);
		if (draw() % 8 == 0 && map.erase(make<K>(other))) {
			NEED(want.erase(other));
			seen.erase(other);
			erased[other] = 1;
		}
	}
	for (auto [n, value] : before)
		NEED(seen.count(n) || erased.count(n));
}

template <class Map> void act(Map &map, truth &want, int keys)
{
	typedef typename Map::key_type K;
	int n = static_cast<int>(draw() % static_cast<unsigned>(keys));
	std::uint64_t what = draw() % 1024;

	if (what < 500) {
		put(map, want, n, static_cast<int>(draw() % 1000));
	} else if (what < 800) {
		NEED(map.erase(make<K>(n)) == (want.erase(n) != 0));
	} else if (what < 1000) {
		const Map &same = map;
		auto *val = same.find(make<K>(n));

		NEED((val != nullptr) == (want.count(n) != 0) && (!val || number(*val) == want[n]));
		NEED(map.contains(make<K>(n)) == (val != nullptr));
	} else if (what < 1010) {
		std::size_t left = want.size();

		left -= map.erase_if([](const auto &key, auto &val) {
			return (number(key) + number(val)) % 3 == 0;
		});
		for (auto it = want.begin(); it != want.end();)
			it = (it->first + it->second) % 3 == 0 ? want.erase(it) : std::next(it);
		NEED(left == want.size());
	} else if (what < 1015) {
		Map other = std::move(map);

		NEED(map.empty() && !map.find(make<K>(n)));
		map[make<K>(n)];
		map = std::move(other);
		NEED(other.size() == 0);
	} else if (what < 1018) {
		change_in_loop(map, want, keys);
	} else if (what < 1021) {
		map.reserve(want.size() + 100);
		map.shrink_to_fit();
	} else if (what < 1022) {
		map.clear();
		want.clear();
	} else {
		Map other;

		map.swap(other);
		NEED(map.empty());
		map.swap(other);
	}
}

template <class Map> void run(const char *name, int rounds)
{
	for (int keys : {3, 40, 3000}) {
		truth want;
		{
			Map map;
			bool hooked = draw() % 2;

			if (hooked)
				NEED(tophash_set_hooks(map.c_map(), &count_hooks) == 0);
			for (int i = 0; i < rounds; i++) {
				act(map, want, keys);
				if (draw() % 512 == 0)
					need_same(map, want);
			}
			need_same(map, want);
		}
		NEED(count::living == 0 && count::pieces == 0);
	}
	std::printf("ok %s\n", name);
}

template <class Set> void run_set(const char *name, int rounds)
{
	{
		Set set(20);
		truth want;

		for (int i = 0; i < rounds; i++) {
			typedef typename Set::key_type K;
			int n = static_cast<int>(draw() % 500);

			K key = make<K>(n);
			bool was_there = want.count(n) != 0;

			if (draw() % 2) {
				count::fail_at = draw() % 32 ? 0 : 1 + draw() % 3;
				try {
					bool added = set.insert(std::move(key));

					count::fail_at = 0;
					NEED(added == !was_there);
					want[n] = 0;
				} catch (const std::bad_alloc &) {
				} catch (int) {
				}
				count::fail_at = 0;
			} else {
				NEED(set.erase(key) == (want.erase(n) != 0));
			}
			NEED(set.contains(make<K>(n)) == (want.count(n) != 0));
			NEED(set.size() == want.size());
		}
		truth seen;
		for (auto &&key : set)
			NEED(seen.emplace(number(key), 0).second);
		NEED(seen == want && tophash_check(set.c_map(), 3) == 0);
		NEED(set.erase_if([](const auto &key) { return number(key) >= 0; }) == want.size());
		NEED(set.empty());
	}
	NEED(count::living == 0);
	std::printf("ok %s\n", name);
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? std::atoi(argv[2]) : 20000;

	count::seed(argc > 1 ? static_cast<std::uint64_t>(std::atoll(argv[1])) : 1);
	run<tophash_map<int, int>>("int, int", rounds);
	run<tophash_map<double, std::unique_ptr<int>>>("double, unique_ptr", rounds);
	run<tophash_map<std::string, int>>("string, int", rounds);
	run<tophash_map<std::string, std::string>>("string, string", rounds);
	run<tophash_map<std::string, counted, tail_hash>>("string by a hash, counted", rounds);
	run<tophash_map<long, std::shared_ptr<int>, std::hash<long>>>("long by a hash, shared_ptr",
								      rounds);
	run<tophash_map<point, std::vector<int>, poor_hash>>("point by a poor hash, vector",
							     rounds);
	run<tophash_map<point, big, tophash_bytes>>("point by bytes, big", rounds);
	run<tophash_map<std::vector<int>, wide, poor_hash>>("vector, wide", rounds);
	run<tophash_map<counted, counted, poor_hash>>("counted, counted", rounds);
	run<tophash_map<std::pair<int, int>, std::pair<int, int>, tophash_bytes>>("pair, pair",
										  rounds);
	run_set<tophash_set<unsigned>>("set of unsigned", rounds);
	run_set<tophash_set<std::string>>("set of string", rounds);
	run_set<tophash_set<counted, poor_hash>>("set of counted", rounds);
	return 0;
}
