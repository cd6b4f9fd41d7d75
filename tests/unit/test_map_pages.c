/* Compares the bytes that a large map says it holds with those that the kernel says the process
 * holds. */
#include "test_map.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define N	  400000 /* 12 MiB and more */
#define HUGE_PAGE ((size_t)2 << 20)
#define POPULATE  23 /* MADV_POPULATE_WRITE, which older C libraries do not name */

/* Returns the bytes that the kernel counts for this process under a name, or 0 if it does not count
 * them (before Linux 4.14). */
static size_t counted(const char *name)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	size_t kib = 0, length = strlen(name);
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, length) == 0)
			kib = strtoul(line + length, NULL, 10);
	if (file)
		fclose(file);
	return kib * 1024;
}

/* Returns the bytes of the process's own memory. */
static size_t taken(void)
{
	malloc_trim(0);
	return counted("Anonymous:");
}

static size_t held(const struct tophash *map)
{
	struct tophash_stats stats;

	tophash_stats(map, &stats);
	return stats.bytes_held;
}

/* Returns half of the bytes of links to chains (8 bytes a bucket). A page of links that was read
 * but never written is the kernel's zero page, and is not counted. Just after a growth few buckets
 * have chains. A quarter to a third of the pages were then unwritten by /proc/self/smaps, depending
 * on the seed. */
static size_t links_unwritten(const struct tophash *map)
{
	struct tophash_stats stats;

	tophash_stats(map, &stats);
	return stats.buckets * 8 / 2;
}

/* Tells whether the map moves. Without hooks, the fast path has tags except during a move. */
static bool is_moving(const struct tophash *map)
{
	return map->core && !map->tags;
}

/* The rounding of malloc, and the pages at the ends of each array (of each half of it while it
 * shrinks). */
#define SLACK (((size_t)96 << 10) + SANITIZER)

/* Memory of a sanitizer: shadows of touched memory, and freed blocks. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZER ((size_t)4 << 20)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZER ((size_t)4 << 20)
#endif
#endif
#ifndef SANITIZER
#define SANITIZER ((size_t)0)
#endif

static void assert_held(const struct tophash *map, size_t before, size_t slack)
{
	size_t says = held(map), is = taken() - before;

	if (is > says + slack || says > is + links_unwritten(map) + slack)
		fail_msg("len %zu: the map says %zu bytes, the kernel %zu", map->len, says, is);
}

/* Compares in the middle of each move, too. The buckets are moved by hand. */
static void through_a_move(struct tophash *map, size_t before, size_t slack)
{
	while (is_moving(map)) {
		assert_held(map, before, slack);
		tophash_step(map, 3000);
	}
	assert_held(map, before, slack);
}

static void grow_and_shrink(bool huge, size_t slack)
{
	struct tophash map = {0};
	size_t before = taken(), most;
	uint64_t key;

	assert_int_equal(tophash_debug("evacuate=manual"), 0);
	tophash_huge_pages(&map, huge);
	for (key = 0; key < N; key++) {
		assert_int_equal(test_put(&map, &test_u64, &key, key), 1);
		if (is_moving(&map))
			through_a_move(&map, before, slack);
	}
	assert_held(&map, before, slack);
	most = held(&map);
	if (!huge)
		assert_int_equal(counted("AnonHugePages:"), 0);
	while (key-- > 0) {
		assert_true(tophash_delete_key(&map, &test_u64, &key));
		if (is_moving(&map))
			through_a_move(&map, before, slack);
	}
	assert_true(held(&map) < most / 1000);
	assert_int_equal(tophash_check(&map, 3), 0);
	tophash_fini(&map);
	assert_int_equal(tophash_debug(NULL), 0);
	assert_true(taken() < before + slack);
}

TEST(small_pages)
{
	if (!taken())
		skip();
	grow_and_shrink(false, SLACK);
}

/* The system decides whether there are huge pages. Without them, all is as above. With them, memory
 * is taken and given back in huge pages: of the slots, and of the tag words if they have 2 MiB. */
TEST(huge_pages)
{
	if (!taken())
		skip();
	grow_and_shrink(true, SLACK + 2 * HUGE_PAGE);
}

/* The choice may be made, and changed, at any time. */
TEST(chosen_late)
{
	struct tophash map = {0};
	uint64_t key;

	tophash_huge_pages(NULL, true);
	for (key = 0; key < N; key++) {
		if (key % (N / 8) == 0)
			tophash_huge_pages(&map, key / (N / 8) % 2);
		assert_int_equal(test_put(&map, &test_u64, &key, key), 1);
	}
	tophash_huge_pages(&map, true);
	for (key = 0; key < N; key++)
		assert_int_equal(test_put(&map, &test_u64, &key, key + 1), 0);
	assert_int_equal(tophash_check(&map, 3), 0);
	tophash_fini(&map);
	assert_true(map.huge_pages);
}

/* Returns the bytes of address space. */
static size_t mapped(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* A large map that is freed leaves nothing, whether it moves or not, and whether it has grown or
 * was made large. */
TEST(nothing_is_left)
{
	struct tophash map;
	uint64_t key;
	size_t before;

	for (unsigned round = 0; round < 8; round++) {
		before = mapped();
		assert_int_equal(tophash_init(&map, &test_u64, round % 2 ? N : 0), 0);
		tophash_huge_pages(&map, round % 4 > 1);
		for (key = 0; key < N; key++)
			test_put(&map, &test_u64, &key, key);
		for (; round >= 4 && !is_moving(&map); key--)
			assert_true(tophash_delete_key(&map, &test_u64, &(uint64_t){key - 1}));
		assert_true(mapped() > before + (1 << 20));
		tophash_fini(&map);
		malloc_trim(0);
		assert_true(mapped() < before + (1 << 20));
	}
}

/* Reserved room is touched page by page before the first element, but never more than a quarter of
 * the machine's memory. */
TEST(reserved_room_is_touched)
{
	struct sysinfo info;
	struct tophash map;
	size_t before = taken(), says, is;
	void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(page != MAP_FAILED);
	if (madvise(page, 1, POPULATE) != 0)
		skip(); /* the kernel is older than 5.14 */
	munmap(page, 1);
	assert_int_equal(tophash_init(&map, &test_u64, N), 0);
	says = held(&map);
	is = taken() - before;
	assert_true(is <= says + SLACK && says <= is + 2 * links_unwritten(&map) + SLACK);
	tophash_fini(&map);

	assert_int_equal(sysinfo(&info), 0);
	before = taken();
	if (tophash_init(&map, &test_u64, info.totalram / 48 * info.mem_unit) != 0)
		return; /* not enough address space here */
	assert_true(taken() - before < (1 << 20) + SANITIZER);
	tophash_fini(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_pages),
		cmocka_unit_test(huge_pages),
		cmocka_unit_test(chosen_late),
		cmocka_unit_test(nothing_is_left),
		cmocka_unit_test(reserved_room_is_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
