/* Tests of the map when the kernel refuses: mappings that cannot be made, moved or given back. The
 * map calls the kernel through this file. */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tophash/map.h>

#include "test_map.h"

TOPHASH_MAP(numbers, uint64_t, uint64_t);

static struct {
	unsigned fail_at; /* this call of mremap fails, and the next one too; 0: none */
	unsigned calls;
	size_t most; /* the most pages in memory that one call has given back */
	bool taken;  /* when mremap fails, another thread gets the memory that it has unmapped */
	char *other; /* that memory */
} kernel;

#define OTHER "another thread's"

/* Fails as the kernel does without memory: by then, the target has been unmapped. */
static void *refuse(void *target, size_t size)
{
	if (target && kernel.taken) {
		assert_int_equal(syscall(SYS_munmap, target, size), 0);
		kernel.other = mmap(target, 4096, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		assert_ptr_equal(kernel.other, target);
		strcpy(kernel.other, OTHER);
	}
	errno = ENOMEM;
	return MAP_FAILED;
}

static void count_pages(void *p, size_t size)
{
	static unsigned char vec[1 << 16];
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = (size + page - 1) / page, ret = 0;

	assert_true(n <= sizeof(vec));
	if (syscall(SYS_mincore, p, size, vec) == 0)
		for (size_t i = 0; i < n; i++)
			ret += vec[i] & 1;
	kernel.most = ret > kernel.most ? ret : kernel.most;
}

int munmap(void *p, size_t size)
{
	count_pages(p, size);
	return (int)syscall(SYS_munmap, p, size);
}

int madvise(void *p, size_t size, int advice)
{
	if (advice == MADV_DONTNEED)
		count_pages(p, size);
	return (int)syscall(SYS_madvise, p, size, advice);
}

void *mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
	void *target;
	va_list args;

	va_start(args, flags);
	target = flags & MREMAP_FIXED ? va_arg(args, void *) : NULL;
	va_end(args);
	if (++kernel.calls == kernel.fail_at || kernel.calls == kernel.fail_at + 1)
		return refuse(target, size);
	return (void *)syscall(SYS_mremap, old, old_size, size, flags, target);
}

/* A map grows from a block to mappings of some MiB, and one of its calls fails. Nothing is lost,
 * whichever arrays had been moved by then, and loops continue. */
TEST(growth_that_fails_half_way)
{
	const uint64_t n = 200000;
	unsigned failures = 0;

	for (unsigned fail_at = 1; kernel.calls + 1 >= fail_at; fail_at++) {
		struct numbers m = {0};
		struct numbers_iter it = numbers_each(&m);
		struct tophash_stats stats;
		uint64_t came = 0;

		memset(&kernel, 0, sizeof(kernel));
		kernel.fail_at = fail_at;
		for (uint64_t key = 0; key < n; key++) {
			assert_int_equal(numbers_put(&m, key, key), 1);
			/* Old entries come before the new ones overtake the loop. */
			came += key % 64 == 0 && numbers_next(&it);
		}
		assert_true(came > 0);
		for (uint64_t key = 0; key < n; key++)
			assert_int_equal(numbers_get(&m, key), key);
		assert_int_equal(numbers_check(&m, 3), 0);
		numbers_stats(&m, &stats);
		failures += stats.put_off > 0;
		numbers_fini(&m);
	}
	assert_true(failures >= 6);
}

/* Memory that the kernel has unmapped before it failed may belong to another thread at once. */
TEST(nothing_of_others_is_unmapped)
{
	const uint64_t n = 1000000;
	unsigned taken = 0;

	for (unsigned fail_at = 1; kernel.calls + 1 >= fail_at; fail_at++) {
		struct numbers m = {0};

		memset(&kernel, 0, sizeof(kernel));
		kernel.fail_at = fail_at;
		kernel.taken = true;
		for (uint64_t key = 0; key < n; key++)
			assert_int_equal(numbers_put(&m, key, key), 1);
		if (kernel.other) {
			assert_string_equal(kernel.other, OTHER);
			taken++;
		}
		numbers_fini(&m);
		if (kernel.other)
			assert_int_equal(syscall(SYS_munmap, kernel.other, 4096), 0);
	}
	assert_true(taken > 3);
}

/* No delete gives back more than a few pages at a time, neither while all is deleted nor in a map
 * that was emptied at once and is then used a little. */
TEST(memory_goes_in_small_pieces)
{
	const size_t most = 4 * 65536 / (size_t)sysconf(_SC_PAGESIZE);
	const uint64_t n = 1000000;
	struct numbers m = {0};
	struct tophash_stats stats;

	for (uint64_t key = 0; key < n; key++)
		numbers_put(&m, key, key);
	memset(&kernel, 0, sizeof(kernel));
	for (uint64_t key = 0; key < n; key++)
		numbers_delete(&m, key);
	assert_true(kernel.most > 0 && kernel.most <= most);
	for (uint64_t key = 0; key < n; key++)
		numbers_put(&m, key, key);
	numbers_clear(&m);
	memset(&kernel, 0, sizeof(kernel));
	for (uint64_t key = 0; key < n; key++) {
		assert_int_equal(numbers_put(&m, key, key), 1);
		assert_true(numbers_delete(&m, key));
	}
	assert_true(kernel.most > 0 && kernel.most <= most);
	numbers_stats(&m, &stats);
	assert_true(stats.bytes_held < 4096);
	numbers_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(growth_that_fails_half_way),
		cmocka_unit_test(nothing_of_others_is_unmapped),
		cmocka_unit_test(memory_goes_in_small_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
