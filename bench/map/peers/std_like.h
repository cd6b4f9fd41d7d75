/* Tables with the interface of std::unordered_map, and the hashes that they get. */
#ifndef BENCH_MAP_STD_LIKE_H
#define BENCH_MAP_STD_LIKE_H

#include <string_view>

#include "../our_hash.h"
#include "../suite.h"

struct SameKey {
	bool operator()(const bench_key &a, const bench_key &b) const
	{
		return same_key(a, b);
	}
};

struct GivenHash {
	/* Tells boost and ankerl not to mix once more. */
	using is_avalanching = void;

	size_t operator()(const bench_key &key) const
	{
		return given_hash(key);
	}
};

/* A library's own hash of strings, for keys that are char *. */
template <class View, class Hash> struct HashOfView {
	size_t operator()(const char *key) const
	{
		return Hash{}(View(key));
	}
};

/* What KEY is hashed by: OWN for integers, OWN_STR (of VIEW) for strings, or what all are given. */
#if GIVEN_HASH
#define PEER_HASH(own, view, own_str) GivenHash
#elif KEY_IS_INT
#define PEER_HASH(own, view, own_str) own
#else
#define PEER_HASH(own, view, own_str) HashOfView<view, own_str>
#endif

template <class Map> struct StdLike : TableDefaults {
	Map map;

	void put(bench_key key, const bench_val &val)
	{
		map.insert_or_assign(key, val);
	}
	uint64_t get(bench_key key)
	{
		auto it = map.find(key);

		return it == map.end() ? 0 : val_word(&it->second);
	}
	bool erase(bench_key key)
	{
		return map.erase(key) != 0;
	}
	void reserve(size_t n)
	{
		map.reserve(n);
	}
	uint64_t sum()
	{
		uint64_t sum = 0;

		for (const auto &entry : map)
			sum += key_word(entry.first) + val_word(&entry.second);
		return sum;
	}
	size_t size()
	{
		return map.size();
	}
};

/* For tables whose insert_or_assign() takes no const value. */
template <class Map> struct StdLikeIndexed : StdLike<Map> {
	void put(bench_key key, const bench_val &val)
	{
		this->map[key] = val;
	}
};

#endif
