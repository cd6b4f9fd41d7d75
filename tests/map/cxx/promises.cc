// What tophash/map.hpp promises, one function a promise.
#include <atomic>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <tophash/map.hpp>

#include "count.h"

#define NEED(condition)                                                                      \
	do {                                                                                 \
		if (!(condition)) {                                                          \
			std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			std::exit(1);                                                        \
		}                                                                            \
	} while (0)

// A value may be of the class that has the map.
struct folder {
	tophash_map<std::string, folder> folders;
	int files = 0;
};

static void tree()
{
	folder root;

	root.folders["usr"].folders["lib"].files = 3;
	NEED(root.folders.find("usr")->folders.find("lib")->files == 3);
	NEED(!root.folders.find("lib"));
}

// A string is looked up by what a string_view takes, and nothing is allocated for it.
static void strings()
{
	tophash_map<std::string, int> m;
	const std::string text = "a string that is too long for a string object";
	char buffer[] = "ada";

	m[text] = 1;
	m["ada"] = 2;
	m[""] = 3;
	m[std::string_view("a\0b", 3)] = 4;
	count::fail_at = 1; // the next allocation fails
	NEED(m.contains(text) && m[text] == 1 && *m.find(buffer) == 2 && *m.find("") == 3);
	NEED(*m.find(std::string("a\0b", 3)) == 4 && !m.find("a") && m.size() == 4);
	NEED(count::fail_at == 1);
	count::fail_at = 0;
	for (auto [key, val] : m)
		NEED(val == 1 ? key == text : true);
	NEED(m.erase(text) && !m.erase(text) && m.size() == 3);
}

// C strings are compared by contents, and borrowed.
static void c_strings()
{
	tophash_map<const char *, int> m;
	tophash_map<char *, int> writable;
	char one[] = "x", other[] = "x";
	const char *constant = other;

	m[one] = 1;
	writable[one] = 1;
	NEED(m.find(other) && *m.find("x") == 1 && writable.find(constant));
	for (auto [key, val] : m)
		NEED(key == one && val == 1);
}

static void numbers()
{
	tophash_map<double, int> m;
	tophash_map<bool, int> b;
	double nan = std::numeric_limits<double>::quiet_NaN();
	int shown = 0;

	m[0.0] = 1;
	NEED(*m.find(-0.0) == 1);
	m[nan] = 2;
	m[nan] = 3;
	NEED(m.size() == 3 && !m.find(nan) && !m.erase(nan));
	for (auto [key, val] : m)
		shown += std::isnan(key) ? val : 0;
	NEED(shown == 5);
	m.clear();
	NEED(m.empty());
	b[true] = 1;
	NEED(b.find(2) && !b.find(0));
}

// Values behind a pointer stay where they are.
static void addresses()
{
	tophash_map<int, std::string> m;
	std::string *first = &m[0];

	*first = "here";
	for (int i = 1; i < 10000; i++)
		m[i];
	NEED(m.find(0) == first && *first == "here");
	tophash_map<int, std::string> other = std::move(m);
	NEED(other.find(0) == first && m.empty() && !m.find(0));
	m[7] = "again";
	NEED(m.size() == 1);
	m = std::move(other);
	NEED(m.size() == 10000 && other.empty() && m.find(0) == first);
	m.swap(other);
	NEED(m.empty() && other.find(0) == first);
}

// The new value may be an element of the map that grows.
template <class V> static void aliases(V (*make)(int))
{
	tophash_map<int, V> m;

	m.insert_or_assign(0, make(7));
	for (int i = 0; i < 5000; i++) {
		NEED(m.insert_or_assign(i + 1, *m.find(i)));
		NEED(m.try_emplace(-i - 1, *m.find(-i)).added);
		NEED(!m.insert_or_assign(i, *m.find(i)));
	}
	NEED(*m.find(5000) == make(7) && *m.find(-5000) == make(7));
}

struct pair_of {
	int first, second;
};
struct constant {
	const int value;
};

static void values_of_all_kinds()
{
	tophash_map<int, std::atomic<int>> atoms;
	tophash_map<int, pair_of> pairs;
	tophash_map<int, constant> constants;
	tophash_map<std::unique_ptr<int>, std::unique_ptr<int>> owners;

	atoms[1]++;
	NEED(++atoms[1] == 2);
	NEED(pairs.try_emplace(1, 2, 3).added && pairs.find(1)->second == 3 && pairs[2].first == 0);
	NEED(!pairs.try_emplace(1, 4, 5).added && pairs.find(1)->first == 2);
	NEED(pairs.insert_or_assign(3, {4, 5}) && pairs[3].second == 5);
	NEED(constants.insert_or_assign(1, constant{2}) &&
	     !constants.insert_or_assign(1, constant{3}));
	NEED(constants.find(1)->value == 3);
	auto key = std::make_unique<int>(1);
	auto *same = key.get();
	NEED(owners.insert_or_assign(std::move(key), std::make_unique<int>(2)) && !key);
	for (auto [k, v] : owners)
		NEED(k.get() == same && *v == 2);
}

// An exception leaves the map as it was.
static void exceptions()
{
	tophash_map<std::string, count::counted> m;
	bool thrown = false;

	m["a"];
	count::fail_at = 3; // the key's copy, the place of the value, its constructor
	try {
		m.try_emplace("a key that is allocated", 1);
	} catch (int) {
		thrown = true;
	} catch (const std::bad_alloc &) {
		thrown = true;
	}
	NEED(thrown && m.size() == 1 && count::living == 1);
	count::fail_at = 0;
	try {
		m.reserve(std::numeric_limits<std::size_t>::max());
		NEED(false);
	} catch (const std::length_error &) {
	}
	try {
		tophash_map<int, int> huge(std::size_t(1) << 40);
		NEED(false);
	} catch (const std::length_error &) {
	} catch (const std::bad_alloc &) {
	}
	NEED(m.size() == 1 && m.contains("a"));
}

struct ignoring_case {
	std::size_t operator()(std::string_view s) const
	{
		std::size_t ret = 0;

		for (char c : s)
			ret = ret * 31 + static_cast<std::size_t>(std::tolower(c));
		return ret;
	}
	bool operator()(std::string_view s, std::string_view t) const
	{
		return s.size() == t.size() && operator()(s) == operator()(t);
	}
};
struct point {
	int x, y;
	bool operator==(const point &other) const
	{
		return x == other.x && y == other.y;
	}
};
template <> struct std::hash<point> {
	std::size_t operator()(const point &p) const
	{
		return static_cast<std::size_t>(p.x) << 32 ^ static_cast<std::size_t>(p.y);
	}
};

// A hash that says that it is mixed, in the three ways of boost, and one that says that it is not.
struct mixing {
	std::size_t operator()(const point &p) const
	{
		std::uint64_t x =
			static_cast<std::uint64_t>(p.x) << 32 ^ static_cast<std::uint32_t>(p.y);

		x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
		x = (x ^ x >> 27) * 0x94d049bb133111ebu;
		return static_cast<std::size_t>(x ^ x >> 31);
	}
};
struct mixing_void : mixing {
	typedef void is_avalanching;
};
struct mixing_true : mixing {
	typedef std::true_type is_avalanching;
};
struct mixing_false : mixing {
	typedef std::false_type is_avalanching;
};

template <class Hash> static std::uint32_t kind_of()
{
	tophash_map<point, int, Hash> m;

	for (int i = 0; i < 1000; i++)
		m[{i, -i}] = i;
	for (int i = 0; i < 1000; i++)
		NEED(*m.find({i, -i}) == i && !m.find({i, i + 1}));
	NEED(m.erase({3, -3}) && !m.contains({3, -3}) && m.size() == 999);
	NEED(tophash_check(m.c_map(), 3) == 0);
	return m.c_map()->type->kind;
}

static void mixed_hashes()
{
	NEED(kind_of<mixing>() == TOPHASH_KIND_CUSTOM);
	NEED(kind_of<mixing_void>() == TOPHASH_KIND_MIXED);
	NEED(kind_of<mixing_true>() == TOPHASH_KIND_MIXED);
	NEED(kind_of<mixing_false>() == TOPHASH_KIND_CUSTOM);
}

static void hashes()
{
	tophash_map<std::string, int, ignoring_case, ignoring_case> names;
	tophash_map<point, int> points;
	tophash_set<point, tophash_bytes> set;
	tophash_map<std::pair<int, int>, int, tophash_bytes> pairs;

	names["Ada"] = 1;
	NEED(*names.find("aDA") == 1 && names.size() == 1);
	points[{1, 2}] = 3;
	NEED(*points.find({1, 2}) == 3 && !points.find({2, 1}));
	NEED(set.insert({1, 2}) && !set.insert({1, 2}) && set.contains({1, 2}) &&
	     set.erase({1, 2}));
	pairs[{1, 2}] = 3;
	NEED(pairs.contains({1, 2}));
}

// What the class does not have, the library does.
static void library()
{
	tophash_map<int, int> m(1000);
	struct tophash_stats stats;

	tophash_keep_room(m.c_map(), true);
	for (int i = 0; i < 1000; i++)
		m[i] = i;
	tophash_stats(m.c_map(), &stats);
	NEED(stats.len == 1000 && stats.grows == 0);
	NEED(m.erase_if([](int key, int) { return key % 2 != 0; }) == 500 && m.size() == 500);
	m.shrink_to_fit();
	NEED(tophash_check(m.c_map(), 3) == 0);
}

// A loop over a constant map shows constant values.
static void constant_loop()
{
	tophash_map<int, int> m;
	const tophash_map<int, int> &same = m;

	m[1] = 2;
	for (auto [key, val] : same) {
		static_assert(std::is_same<decltype(val), const int &>::value, "const");
		NEED(key == 1 && val == 2);
	}
	for (auto [key, val] : m)
		val = key + 4;
	for (auto &&entry : m)
		NEED(entry.key == 1 && entry.val == 5);
	static_assert(std::is_same<decltype(same.find(1)), const int *>::value, "const");
	static_assert(!std::is_copy_constructible<tophash_map<int, int>>::value &&
			      !std::is_copy_assignable<tophash_map<int, int>>::value,
		      "not copied");
	static_assert(std::is_nothrow_move_constructible<tophash_set<int>>::value, "moved");
}

int main()
{
	tree();
	strings();
	c_strings();
	numbers();
	addresses();
	aliases<int>([](int n) { return n; });
	aliases<std::string>([](int n) { return std::string(100, static_cast<char>('a' + n)); });
	aliases<std::shared_ptr<int>>([](int n) {
		static std::shared_ptr<int> only = std::make_shared<int>(n);
		return only;
	});
	values_of_all_kinds();
	exceptions();
	hashes();
	mixed_hashes();
	library();
	constant_loop();
	NEED(count::living == 0);
	return 0;
}
