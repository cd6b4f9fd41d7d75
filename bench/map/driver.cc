/* PEER TASK N SEED [REPEATS]: measures one table in a separate process, and prints results as lines
 * "name value".
 *
 * Each measurement has its own process. Therefore the heap is new, addresses are random, and no
 * table affects another. bench/map/run starts the processes and takes turns among the tables.
 */
#include "harness.h"

#include <algorithm>
#include <fstream>

#include <malloc.h>

static uint64_t next_random(uint64_t &state)
{
	return mix64(state += UINT64_C(0x9e3779b97f4a7c15));
}

/* A permutation of 0 .. n - 1 (Fisher and Yates). bench/map/go makes the same one. */
static std::vector<uint32_t> permutation(size_t n, uint64_t seed)
{
	std::vector<uint32_t> ret(n);

	for (size_t i = 0; i < n; i++) {
		size_t j = next_random(seed) % (i + 1);

		ret[i] = ret[j];
		ret[j] = (uint32_t)i;
	}
	return ret;
}

#if !KEY_IS_STR
static void add_key(struct keys &to, uint64_t number)
{
#if KEY_IS_PAIR
	to.key.push_back({mix64(number), mix64(~number)});
#else
	if constexpr (sizeof(bench_key) == 4)
		to.key.push_back(mix32((uint32_t)number));
	else
		to.key.push_back((bench_key)mix64(number));
#endif
}

static void finish_keys(struct keys &)
{
}
#else
/* Adds a key. Eleven characters hold the 64 bits, and different numbers therefore give different
 * strings. Four more characters fill it up. */
static void add_key(struct keys &to, uint64_t number)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint64_t bits = mix64(number), more = mix64(~number);

	for (int i = 0; i < 11; i++, bits >>= 6)
		to.room.push_back(digits[bits & 63]);
	for (int i = 0; i < 4; i++, more >>= 6)
		to.room.push_back(digits[more & 63]);
	to.room.push_back(0);
}

/* Writes the pointers, when the room no longer moves. */
static void finish_keys(struct keys &keys)
{
	for (size_t i = 0; i < keys.room.size(); i += STR_SIZE)
		keys.key.push_back(&keys.room[i]);
}
#endif

static struct keys make_keys(uint64_t first, size_t n, const std::vector<uint32_t> *order)
{
	struct keys ret;

	ret.key.reserve(n);
	if (KEY_IS_STR)
		ret.room.reserve(n * STR_SIZE);
	for (size_t i = 0; i < n; i++)
		add_key(ret, first + (order ? (*order)[i] : i));
	finish_keys(ret);
	return ret;
}

/* Makes the numbers of in, 2n of fresh, and out. Those of different seeds are far apart. For 32-bit
 * keys they are taken modulo 2^32. */
struct streams make_streams(size_t n, uint64_t seed, stream_set set)
{
	struct streams s = {};
	uint64_t first = seed * UINT64_C(0x9e3779b97f4a7c15);
	std::vector<uint32_t> order = permutation(n, seed);
	size_t queries = std::min(n, QUERIES_MAX);

	s.in = make_keys(first, n, nullptr);
	s.erase = make_keys(first, n, &order);
	for (size_t i = 0; i < n; i++)
		s.in_sum += i + 1 + key_word(s.in[i]);
	if (set == STREAMS_BASIC)
		return s;
	s.hit = make_keys(first, queries, &order);
	for (size_t i = 0; i < queries; i++)
		s.hit_sum += order[i] + 1;
	s.fresh = make_keys(first + n, 2 * n, nullptr);
	for (size_t i = n; i < 2 * n; i++)
		s.churned_sum += i + 1 + key_word(s.fresh[i]);
	s.out = make_keys(first + 3 * n, queries, nullptr);
	/* Each key is erased once, including the first n of fresh. */
	std::vector<uint32_t> again = permutation(n, ~seed);
	for (size_t i = 0; i < n; i++)
		order.push_back((uint32_t)n + again[i]);
	s.victim = make_keys(first, 2 * n, &order);
	return s;
}

void report::print() const
{
	for (const auto &entry : values) {
		std::vector<double> sorted = entry.second;
		size_t middle = sorted.size() / 2;

		std::sort(sorted.begin(), sorted.end());
		printf("%s %.6g\n", entry.first.c_str(),
		       sorted.size() % 2 ? sorted[middle]
					 : (sorted[middle - 1] + sorted[middle]) / 2);
	}
}

void check(const char *what, uint64_t got, uint64_t want)
{
	if (got == want)
		return;
	fprintf(stderr, "wrong answer: %s: %llu, not %llu\n", what, (unsigned long long)got,
		(unsigned long long)want);
	exit(1);
}

/* The kernel's own counters (as ps shows them) are not used, because they lag behind by dozens of
 * pages. */
double memory_held()
{
	std::ifstream rollup("/proc/self/smaps_rollup");
	std::string word;
	double kb;

	malloc_trim(0);
	while (rollup >> word) {
		if (word == "Anonymous:" && rollup >> kb)
			return kb * 1024;
	}
	fprintf(stderr,
		"/proc/self/smaps_rollup: no line \"Anonymous:\" (Linux 4.14 and later have it)\n");
	exit(1);
}

static double measure_clock()
{
	double least = 1e9;

	for (int i = 0; i < 1000; i++) {
		double began = now_ns();

		least = std::min(least, now_ns() - began);
	}
	return least;
}

double clock_cost()
{
	static const double cost = measure_clock();

	return cost;
}

double tick_ns()
{
	double began = clock_ns(CLOCK_MONOTONIC), ended;
	uint64_t first = ticks();

	do {
		ended = clock_ns(CLOCK_MONOTONIC);
	} while (ended - began < 50e6);
	return (ended - began) / (double)(ticks() - first);
}

uint64_t histogram::quantile(double q) const
{
	uint64_t rank = (uint64_t)((double)total * q), seen = 0;

	for (unsigned i = 0; i < 64 * STEPS; i++) {
		seen += count[i];
		if (seen > rank)
			return floor_of(i);
	}
	return max;
}

void histogram::print_to(report &to, const std::string &name) const
{
	static const std::pair<const char *, double> wanted[] = {
		{"p50", 0.5},	  {"p90", 0.9},	      {"p99", 0.99},
		{"p99.9", 0.999}, {"p99.99", 0.9999}, {"p99.999", 0.99999}};
	static const double ns = tick_ns();

	for (const auto &[label, q] : wanted)
		to.add(name + "." + label, (double)quantile(q) * ns);
	to.add(name + ".max", (double)max * ns);
}

int main(int argc, char **argv)
{
	struct task task;
	report report;

	if (argc < 4) {
		fprintf(stderr, "usage: %s speed|memory|small|latency N SEED [REPEATS]\n", argv[0]);
		return 2;
	}
	/* glibc raises the threshold when a large block is freed. Then earlier frees would decide
	 * whether an array costs page faults. With a fixed threshold all tables have this cost. */
	mallopt(M_MMAP_THRESHOLD, 131072);
	task.name = argv[1];
	task.n = strtoull(argv[2], nullptr, 10);
	task.seed = strtoull(argv[3], nullptr, 10);
	task.repeats = argc > 4 ? (unsigned)strtoul(argv[4], nullptr, 10) : 1;
	run_task(task, report);
	report.print();
	return 0;
}
