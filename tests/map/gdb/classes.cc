// The classes of map.hpp: keys and values in the slots, and behind pointers.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <tophash/map.hpp>

#include "truth.h"

struct point {
	int x, y;
};
struct named {
	named(int n) : n(n)
	{
	}
	~named()
	{
	}
	int n;
};
// As large as a pointer, and behind one: it cannot be copied as bytes.
struct counted {
	counted(int64_t n) : n(n)
	{
	}
	~counted()
	{
	}
	int64_t n;
};
struct by_number {
	uint64_t operator()(const point &key) const
	{
		return (uint64_t)key.x;
	}
	uint64_t operator()(const named &key) const
	{
		return (uint64_t)key.n;
	}
	uint64_t operator()(std::string_view key) const
	{
		return key.size();
	}
	bool operator()(const point &key, const point &other) const
	{
		return key.x == other.x && key.y == other.y;
	}
	bool operator()(const named &key, const named &other) const
	{
		return key.n == other.n;
	}
};

static tophash_map<int, double> plain;
static tophash_map<std::string, counted> boxed_val;
static tophash_map<named, int, by_number, by_number> boxed_key;
static tophash_map<std::string, int, by_number> own_hash;
static tophash_map<std::string_view, int *> borrowed;
static tophash_set<point, by_number, by_number> points;
static tophash_set<std::string> words;
static tophash_map<long, std::string> empty;

__attribute__((noinline)) static void seen(const tophash_map<int, double> &by_reference)
{
	truth_done();
	fprintf(truth, "%zu\n", by_reference.size());
}

int main(int argc, char **argv)
{
	truth = argc > 1 ? fopen(argv[1], "w") : stdout;
	if (!truth)
		return 1;
	plain[7] = 2.5;
	boxed_val.try_emplace("seven", 7);
	boxed_key.try_emplace(named(8), 9);
	own_hash["x"] = 1;
	borrowed["none"] = nullptr;
	points.insert(point{1, -2});
	words.insert("word");
	seen(plain);
	return (int)(boxed_val.size() + boxed_key.size() + own_hash.size() + borrowed.size() +
		     points.size() + words.size() + empty.size()) == 0;
}
