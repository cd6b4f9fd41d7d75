// Every kind of class and every function of tophash/map.hpp, in a program that is compiled with all warnings.
#include <string>
#include <vector>

#include <tophash/map.hpp>

namespace
{

struct point {
	int x, y;
	bool operator==(const point &other) const noexcept
	{
		return x == other.x && y == other.y;
	}
};
struct point_hash {
	std::size_t operator()(const point &p) const noexcept
	{
		return static_cast<std::size_t>(p.x);
	}
};
struct big {
	double values[64];
};

template <class Map, class Val> int use_map(typename Map::key_type key, Val val)
{
	Map m, other(10);
	int ret = 0;

	m[key] = val;
	ret += m.insert_or_assign(key, val) + m.try_emplace(key, val).added +
	       (m.find(key) != nullptr);
	ret += m.contains(key) + m.empty() + static_cast<int>(m.size());
	for (auto &&[k, v] : m) {
		ret += m.contains(k);
		v = val;
	}
	const Map &same = m;
	for (const auto &entry : same)
		ret += same.find(entry.key) == &entry.val;
	m.swap(other);
	m = std::move(other);
	Map moved(std::move(m));
	ret += static_cast<int>(moved.erase_if([](const auto &, auto &) { return false; })) +
	       moved.erase(key);
	moved.reserve(100);
	moved.shrink_to_fit();
	tophash_step(moved.c_map(), 1);
	moved.clear();
	return ret;
}

template <class Set> int use_set(typename Set::key_type key)
{
	Set s;
	int ret = s.insert(key) + s.contains(key);

	for (auto &&k : s)
		ret += s.contains(k);
	ret += static_cast<int>(s.erase_if([](const auto &) { return true; })) + s.erase(key);
	return ret;
}

} // namespace

int use_all(int n);
int use_all(int n)
{
	const point at = {n, n};
	const std::string text = std::to_string(n);

	n += use_map<tophash_map<int, int>>(n, n);
	n += use_map<tophash_map<float, double>>(1.5f, 1.5);
	n += use_map<tophash_map<double, std::string>>(1.5, text);
	n += use_map<tophash_map<const char *, point>>("a", at);
	n += use_map<tophash_map<const void *, big>>(&at, big{});
	n += use_map<tophash_map<std::string, std::vector<int>>>(text, std::vector<int>(3));
	n += use_map<tophash_map<std::string_view, bool>>(text, true);
	n += use_map<tophash_map<point, int, point_hash>>(at, n);
	n += use_map<tophash_map<point, int, tophash_bytes>>(at, n);
	n += use_map<tophash_map<unsigned, std::shared_ptr<int>, std::hash<unsigned>>>(1u, nullptr);
	n += use_set<tophash_set<long>>(n);
	n += use_set<tophash_set<std::string>>(text);
	n += use_set<tophash_set<point, point_hash>>(at);
	return n;
}
